"""CoDA: Qwen3 of 1.7 billion parameters, made a diffusion model of code by Salesforce."""

from __future__ import annotations

from dataclasses import replace

from engine.released.config import CHATML, FILLING, ReleasedConfig
from engine.released.given import Given, decoder

TAUGHT = 8192
"""Positions, by its report."""


def coda(given: Given) -> ReleasedConfig:
    """CoDA 1.7B (`CoDALanguageModel`): a Qwen3 in which every token sees every other, for its causal mask is made and
    never used. Each row says the token after it, as in the weights that it was made from.

    Qwen3's head is its embeddings, CoDA's one of its own; no key says so. Nothing stands around a text, as where it was
    trained; its sampler knows no threshold, so ours are those of all models that fill.
    """
    given.must_be(attention_bias=False)
    return replace(
        decoder(given, mask=151669, end=151645),
        prompt="in-place",
        modes=FILLING,
        chat=CHATML,
        taught=TAUGHT,
        qk_norm=True,
        shifted=True,
        tied=False,
    )
