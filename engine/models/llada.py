"""LLaDA 1.0 and 1.5, 8B (Nie et al. 2025; `LLaDAModelLM`): a Llama-shaped decoder in which every token sees every
other."""

from __future__ import annotations

from engine.models.layers import Decoder, Source, separate


class Llada(Decoder):
    """Dense."""

    def sources(self) -> dict[str, list[Source]]:
        c = self.config
        found: dict[str, list[Source]] = {
            "embed": [("model.transformer.wte.weight", c.vocab)],
            "norm": [("model.transformer.ln_f.weight", c.hidden)],
            "head.weight": [("model.transformer.ff_out.weight", c.vocab)],
        }
        for index in range(c.layers):
            ours, theirs = f"layers.{index}.", f"model.transformer.blocks.{index}."
            found |= {
                ours + "attn_norm": [(theirs + "attn_norm.weight", c.hidden)],
                ours + "mlp_norm": [(theirs + "ff_norm.weight", c.hidden)],
                ours + "qkv.weight": separate(theirs, c),
                ours + "out.weight": [(theirs + "attn_out.weight", c.hidden)],
                ours + "mlp.gate_up.weight": [(theirs + "ff_proj.weight", c.mlp), (theirs + "up_proj.weight", c.mlp)],
                ours + "mlp.down.weight": [(theirs + "ff_out.weight", c.hidden)],
            }
        return found
