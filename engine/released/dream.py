"""Dream and what was made of it: every token sees every other."""

from __future__ import annotations

from dataclasses import replace

from engine.canvas import ControlIds
from engine.released.config import CHATML, FILLING, ReleasedConfig, filling
from engine.released.given import Given, decoder

RESIZING = filling(lengths=(64,), indel=True)
"""For weights that make a hole longer and shorter (DreamOn): of all lengths to begin with, the longest is published to
be right most often."""
TAUGHT = 2048
"""Positions, by Dream's README; its `config.json` keeps the number of the Qwen2.5 that it was made from."""


def dream(given: Given) -> ReleasedConfig:
    """Dream 7B, Dream-Coder, DiffuCoder and DreamOn (`DreamModel`): Qwen2.5-shaped, without any mask. Each row says the
    token after it, as in the weights that they were made from.

    DreamOn is the one with `expand_token_id`, which makes a mask two: INSERT. Its DELETE is the end of a text.
    """
    given.must_be(tie_word_embeddings=False, use_mrope=False, block_size=None)
    base = decoder(given, mask=151666, end=151643, theta=10000.0)
    mask, end, resizes = base.control.mask, base.control.eom, given.raw.get("expand_token_id") is not None
    return replace(
        base,
        control=ControlIds.only(mask, end, given.number("expand_token_id"), end) if resizes else base.control,
        prompt="in-place",
        modes=RESIZING if resizes else FILLING,
        chat=CHATML,
        around=("<|beginoftext|>", "<|endoftext|>"),
        taught=TAUGHT,
        qkv_bias=True,
        shifted=True,
    )
