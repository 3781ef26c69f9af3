"""LLaDA2.0, 2.1 and 2.2: block-causal, with a mixture of experts."""

from __future__ import annotations

from dataclasses import replace

from engine.canvas import ABSENT, ControlIds
from engine.released.config import Experts, ReleasedConfig
from engine.released.given import Given, decoder

ROLES = (
    "<role>SYSTEM</role>detailed thinking off<|role_end|><role>HUMAN</role>",
    "<|role_end|><role>ASSISTANT</role>",
)
"""The chat form of LLaDA2.x and LLaDA-MoE, as SGLang's documentation and the makers' dInfer write it."""


def llada2(given: Given) -> ReleasedConfig:
    """LLaDA2.0, 2.1 and 2.2 (`LLaDA2MoeModelLM`): block-causal, a Ling-2.0 decoder with another mask.

    LLaDA2.2 is the one with `expert_capacity`, and the only one that knows INSERT and DELETE. LLaDA2.0 was not trained
    to edit, and only its name tells it from 2.1.
    """
    edits = given.named("llada2.0", "llada2.1", "llada2.2") != "llada2.0"
    given.must_be(
        use_bias=False, use_qkv_bias=False, use_qk_norm=True,
        score_function="sigmoid", tie_word_embeddings=False, norm_head=False, norm_topk_prob=True,
    )  # fmt: skip
    base = decoder(given, mask=156895, end=156892)
    block, capacity = given.number("block_size", 32, least=1), given.number("expert_capacity", 0)
    experts = Experts(
        layers=frozenset(range(given.number("first_k_dense_replace", 0), base.layers)),
        count=given.number("num_experts"),
        per_token=given.number("num_experts_per_tok"),
        hidden=given.number("moe_intermediate_size"),
        shared=given.number("num_shared_experts", 0) * given.number("moe_intermediate_size"),
        groups=given.number("n_group", 1),
        top_groups=given.number("topk_group", 1),
        scale=given.real("routed_scaling_factor", 1.0),
        capacity=capacity,
        biased=True,
        normalized=True,
    )
    control = ControlIds.only(
        base.control.mask,
        base.control.eom,
        insert=given.number("insert_token_id", 156931) if capacity else ABSENT,
        delete=given.number("delete_token_id", 156930) if capacity else ABSENT,
    )
    return replace(
        base,
        architecture="llada2",
        control=control,
        prompt="chat",
        block=block,
        editing_trained=edits,
        modes={mode: {"block": block} | ({} if edits else {"fill_threshold": 0.95}) for mode in ("speedy", "quality")},
        chat=ROLES,
        rotary=int(base.head_dim * given.real("partial_rotary_factor", 1.0)),
        qk_norm=True,
        experts=experts,
    )
