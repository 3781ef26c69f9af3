"""Tiny-A2D: Qwen2.5 and Qwen3 of half a billion parameters, made diffusion models by dLLM."""

from __future__ import annotations

from dataclasses import replace

from engine.released.config import CHATML, FILLING, ReleasedConfig, filling
from engine.released.given import Given, decoder

BLOCK = 32
"""Tokens of BD3LM's blocks, by dLLM's sampler and its training commands (`examples/a2d`)."""
TAUGHT, TAUGHT_BY_BLOCK = 1024, 512
"""Positions, by the training commands of MDLM and of BD3LM."""
SYSTEM = "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
"""What Qwen2.5's chat template begins with where nobody says anything else."""
THOUGHT = "<think>\n\n</think>\n\n"
"""What Qwen3's chat template puts before an answer without thoughts; dLLM trained and asks for such alone."""


def tiny_a2d(given: Given) -> ReleasedConfig:
    """`a2d-qwen2` and `a2d-qwen3`: the weights of a Qwen without its causal mask; a row says its own token.

    MDLM sees all of the text, BD3LM the blocks up to its own. Their `config.json` is the same: the folder's name tells
    which it is, or a `block_size` that somebody writes into it, 0 for MDLM. The mask is the one token that dLLM adds to
    Qwen's, an answer ends with `<|im_end|>`. The sampler knows no threshold, so ours are those of all models that fill;
    and it pads a prompt to whole blocks, where ours counts blocks from the start of the text, as the training does.
    """
    qwen3 = given.raw.get("model_type") == "a2d-qwen3"
    given.must_be(attention_bias=not qwen3)
    name = given.named("mdlm", "bd3lm")
    if name is None and given.raw.get("block_size") is None:
        raise ValueError(
            "neither its block_size nor its folder's name (mdlm, bd3lm) says whether it sees all of a text at once "
            f'(MDLM: "block_size": 0) or block by block (BD3LM: "block_size": {BLOCK})'
        )
    block = given.number("block_size", BLOCK if name == "bd3lm" else 0)
    user, assistant = CHATML
    return replace(
        decoder(given, mask=151669 if qwen3 else 151665, end=151645),
        prompt="chat" if block else "in-place",
        block=block,
        modes=filling(block=block) if block else FILLING,
        chat=(user, assistant + THOUGHT) if qwen3 else (SYSTEM + user, assistant),
        taught=TAUGHT_BY_BLOCK if block else TAUGHT,
        qkv_bias=not qwen3,
        qk_norm=qwen3,
    )
