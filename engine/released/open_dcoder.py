"""Open-dCoder: Qwen2.5-Coder of half a billion parameters, made a diffusion model of code by Open-dLLM."""

from __future__ import annotations

from dataclasses import replace

from engine.released.config import CHATML, FILLING, ReleasedConfig
from engine.released.given import Given, decoder

MASK = 151665
"""`<M>`, which Open-dLLM's training adds to Qwen's tokens; only the tokenizer of the release knows it."""
TAUGHT = 4096
"""Positions, by Open-dLLM's `configs/pretrain/qwen2_5_coder_500M.yaml`."""


def open_dcoder(given: Given) -> ReleasedConfig:
    """A Qwen2 without its causal mask; each row says the token after it, as in the weights that it was made from.

    It is released under the name and with the `config.json` of a plain Qwen2, which writes from left to right; so only
    a `mask_token_id` that somebody writes into it makes one of it. Nothing stands around a text, as where its makers
    measure infilling; their sampler knows no threshold, so ours are those of all models that fill.
    """
    if given.raw.get("mask_token_id") is None:
        raise ValueError(
            "without a mask_token_id it is one that writes from left to right; if it is Open-dCoder, whose release "
            f'leaves that out, add "mask_token_id": {MASK} to it'
        )
    given.must_be(attention_bias=True, use_mrope=False)
    return replace(
        decoder(given, mask=MASK, end=151643),
        prompt="in-place",
        modes=FILLING,
        chat=CHATML,
        taught=TAUGHT,
        qkv_bias=True,
        shifted=True,
    )
