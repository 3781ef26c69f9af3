"""Dream 7B (Ye et al. 2025; `DreamModel`), and what was made of it: a Qwen2.5-shaped decoder in which every token sees
every other."""

from __future__ import annotations

from engine.models.layers import Decoder, Source, gated, llama_names


class Dream(Decoder):
    """Dense; queries, keys and values have a bias."""

    def sources(self) -> dict[str, list[Source]]:
        c, found = self.config, llama_names(self.config)
        for index in range(c.layers):
            found |= gated(f"layers.{index}.mlp.", f"model.layers.{index}.mlp.", c.mlp, c.hidden)
        return found
