"""SDAR: Qwen3, dense or with a mixture of experts, made block-causal."""

from __future__ import annotations

from dataclasses import replace

from engine.canvas import ControlIds
from engine.released.config import CHATML, Experts, ReleasedConfig, filling
from engine.released.given import Given, decoder

BLOCKS = {"b8": 8, "b16": 16, "b32": 32, "b64": 64}
"""How the names of releases end whose blocks are not of 4 tokens -> tokens of a block."""
DOCUMENT_ENDS, ANSWER_ENDS = 151643, 151645
"""`<|endoftext|>` and `<|im_end|>` of Qwen's tokenizer."""


def sdar(given: Given) -> ReleasedConfig:
    """SDAR 1.7B to 8B (`SDARForCausalLM`): block-causal, and a row says its own token.

    Thresholds are those of the makers' `generate.py` (0.85) and of what they show for other engines (0.9). A release
    whose `config.json` has no `block_size` is told by its name. The end that `config.json` names is a document's; an
    answer's, in the form that SDAR was taught, is the one that stands first in its `generation_config.json`.
    """
    given.must_be(attention_bias=False)
    base = decoder(given, mask=151669, end=ANSWER_ENDS)
    end = ANSWER_ENDS if base.control.eom == DOCUMENT_ENDS else base.control.eom
    block = given.number("block_size", BLOCKS.get(given.named(*BLOCKS) or "", 4), least=1)
    return replace(
        base,
        control=ControlIds.only(base.control.mask, end),
        prompt="chat",
        block=block,
        modes=filling(0.85, 0.9, block=block),
        chat=CHATML,
        qk_norm=True,
    )


def sdar_moe(given: Given) -> ReleasedConfig:
    """SDAR 30B-A3B (`SDARMoeForCausalLM`): the same of Qwen3-MoE."""
    given.must_be(decoder_sparse_step=1, mlp_only_layers=[])
    base = sdar(given)
    experts = Experts(
        layers=frozenset(range(base.layers)),
        count=given.number("num_experts"),
        per_token=given.number("num_experts_per_tok"),
        hidden=given.number("moe_intermediate_size"),
        normalized=bool(given.raw.get("norm_topk_prob")),
    )
    return replace(base, experts=experts)
