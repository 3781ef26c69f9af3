"""Fast-dLLM v2: Qwen2.5 made block-causal by NVIDIA."""

from __future__ import annotations

from dataclasses import replace

from engine.released.config import CHATML, ReleasedConfig, filling
from engine.released.given import Given, decoder

BLOCK, SUB_BLOCK = 32, 8
"""Tokens, by its modeling code."""
SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
"""What its training's chat template begins with where nobody says anything else."""


def fast_dllm(given: Given) -> ReleasedConfig:
    """Fast-dLLM v2 1.5B and 7B (`Fast_dLLM_QwenForCausalLM`): block-causal, and each row says the token after it, as in
    the weights that it was made from.

    So the last row of a finished block says the next block's first token, which the makers write before any other; then
    one sub-block after another is filled. 0.9 is their model card's threshold; their code's own is a token a step.
    """
    given.must_be(attention_bias=True)
    block = given.number("bd_size", BLOCK, least=1)
    parts = (1, *range(SUB_BLOCK, block, SUB_BLOCK), block)
    user, assistant = CHATML
    return replace(
        decoder(given, mask=151665, end=151645, theta=10000.0),
        prompt="chat",
        block=block,
        modes=filling(0.9, 1, block=block, parts=parts),
        chat=(SYSTEM + user, assistant),
        qkv_bias=True,
        shifted=True,
    )
