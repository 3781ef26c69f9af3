"""DiffusionGemma, most of whose `config.json` transformers reads."""

from __future__ import annotations

from engine.canvas import ControlIds
from engine.released.config import ReleasedConfig
from engine.released.given import LAYERS_MOST, Given


def gemma(given: Given) -> ReleasedConfig:
    """DiffusionGemma (`DiffusionGemmaForBlockDiffusion`): what the engine has to know of it.

    It has no mask token; its padding, which is never text either, marks the slots that are open.
    """
    text = Given(given.raw["text_config"])
    ends = text.raw.get("eos_token_id", 1)
    return ReleasedConfig(
        name="",
        architecture="diffusion_gemma",
        layers=text.number("num_hidden_layers", most=LAYERS_MOST),
        hidden=text.number("hidden_size"),
        heads=text.number("num_attention_heads"),
        kv_heads=text.number("num_key_value_heads"),
        head_dim=text.number("head_dim"),
        mlp=text.number("intermediate_size"),
        vocab=text.number("vocab_size"),
        rope_theta=0.0,
        norm_eps=text.real("rms_norm_eps", 1e-6),
        context=text.number("max_position_embeddings"),
        control=ControlIds.only(
            mask=text.number("pad_token_id", 0), eom=int(ends[0] if isinstance(ends, list) else ends)
        ),
        prompt="chat",
        canvas_trained=True,
        modes={mode: {"fill_threshold": -1.0} for mode in ("speedy", "quality")},  # its sampler has decided
        chat=("<bos><|turn>user\n", "<turn|>\n<|turn>model\n"),
        rotary=text.number("head_dim"),
        dtype=given.dtype,
        raw=given.raw,
    )
