"""Stable-DiffCoder: Seed-Coder, a Llama taught code, made block-causal."""

from __future__ import annotations

from dataclasses import replace

from engine.released.config import ReleasedConfig, filling
from engine.released.given import Given, decoder

BLOCK = 4
"""Tokens of its blocks, by its report and its README."""
BEGIN, END = "<[begin\u2581of\u2581sentence]>", "<[end\u2581of\u2581sentence]>"
SYSTEM = "You complete and repair code."
"""Seed-Coder's chat template always begins with a system message; its own says at length what it may answer."""


def stable_diffcoder(given: Given) -> ReleasedConfig:
    """Stable-DiffCoder 8B (`StableDiffcoderForCausalLM`, at first `SeedDiffcoderForCausalLM`): block-causal, and a row
    says its own token.

    Its `config.json` is that of a plain Llama but for the class, and says neither block nor mask. The makers' code
    fills above 0.95, their README a token a step. The chat form is Seed-Coder's, with whose conversations it was taught
    to answer.
    """
    given.must_be(attention_bias=False, mlp_bias=False)
    block = given.number("block_size", BLOCK, least=1)
    return replace(
        decoder(given, mask=5, end=2),
        prompt="chat",
        block=block,
        modes=filling(0.95, 1, block=block),
        chat=(f"{BEGIN}system\n{SYSTEM}\n\n{END}{BEGIN}user\n", f"{END}{BEGIN}assistant\n"),
    )
