"""Dream 7B (Ye et al. 2025; `DreamModel`), and what was made of it: a Qwen2.5-shaped decoder in which every token sees
every other."""

from __future__ import annotations

from engine.models.layers import Decoder, Source, gated


class Dream(Decoder):
    """Dense; queries, keys and values have a bias."""

    def sources(self) -> dict[str, list[Source]]:
        c = self.config
        parts = {"q_proj": c.heads * c.head_dim, "k_proj": c.kv_heads * c.head_dim, "v_proj": c.kv_heads * c.head_dim}
        found: dict[str, list[Source]] = {
            "embed": [("model.embed_tokens.weight", c.vocab)],
            "norm": [("model.norm.weight", c.hidden)],
            "head.weight": [("lm_head.weight", c.vocab)],
        }
        for index in range(c.layers):
            ours, theirs = f"layers.{index}.", f"model.layers.{index}."
            found |= {
                ours + "attn_norm": [(theirs + "input_layernorm.weight", c.hidden)],
                ours + "mlp_norm": [(theirs + "post_attention_layernorm.weight", c.hidden)],
                ours + "qkv.weight": [(f"{theirs}self_attn.{part}.weight", rows) for part, rows in parts.items()],
                ours + "qkv_bias": [(f"{theirs}self_attn.{part}.bias", rows) for part, rows in parts.items()],
                ours + "out.weight": [(theirs + "self_attn.o_proj.weight", c.hidden)],
            }
            found |= gated(ours + "mlp.", theirs + "mlp.", c.mlp, c.hidden)
        return found
