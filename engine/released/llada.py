"""LLaDA 1.0 and 1.5, and LLaDA-MoE: every token sees every other."""

from __future__ import annotations

from dataclasses import replace

from engine.canvas import ControlIds
from engine.released.config import FILLING, Experts, ReleasedConfig
from engine.released.given import LAYERS_MOST, Given, decoder
from engine.released.llada2 import ROLES


def llada(given: Given) -> ReleasedConfig:
    """LLaDA 1.0 and 1.5 8B (`LLaDAModelLM`): a Llama-shaped decoder without any mask, its keys named as OLMo's."""
    given.must_be(
        block_type="llama", layer_norm_type="rms", activation_type="silu", rope=True, alibi=False,
        include_bias=False, include_qkv_bias=False, bias_for_layer_norm=False, attention_layer_norm=False,
        input_emb_norm=False, weight_tying=False, scale_logits=False, block_group_size=1, multi_query_attention=None,
    )  # fmt: skip
    heads, hidden = given.number("n_heads"), given.number("d_model")
    rows = given.number("embedding_size", 0) or given.number("vocab_size")
    return ReleasedConfig(
        name="",
        architecture="llada",
        layers=given.number("n_layers", most=LAYERS_MOST),
        hidden=hidden,
        heads=heads,
        kv_heads=given.number("n_kv_heads", 0) or heads,
        head_dim=hidden // heads,
        mlp=given.number("mlp_hidden_size", 0) or hidden * given.number("mlp_ratio"),
        vocab=rows,
        rope_theta=given.real("rope_theta", 10000.0, least=1),
        norm_eps=given.real("rms_norm_eps", 1e-5),
        context=given.number("max_sequence_length"),
        control=ControlIds.only(mask=given.number("mask_token_id", 126336), eom=given.number("eos_token_id", 126081)),
        prompt="in-place",
        canvas_trained=True,
        modes=FILLING,
        chat=(
            "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n",
            "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        rotary=hidden // heads,
        dtype=given.dtype,
        raw=given.raw,
    )


def llada_moe(given: Given) -> ReleasedConfig:
    """LLaDA-MoE 7B-A1B (`LLaDAMoEModelLM`): OLMoE-shaped, without any mask."""
    given.must_be(
        attention_bias=False, clip_qkv=None, tie_word_embeddings=False,
        moe_router_score_function="softmax", routed_scaling_factor=1, norm_topk_prob=False,
        moe_router_enable_expert_bias=False, shared_expert_intermediate_size=0,
    )  # fmt: skip
    base = decoder(given, mask=156895, end=156892, mlp=given.number("dense_intermediate_size", 0), eps=1e-5)
    sparse = given.raw.get("moe_layer_freq") or [1] * base.layers
    if not isinstance(sparse, list) or len(sparse) != base.layers:
        raise ValueError(f"moe_layer_freq is {sparse!r}, not a list of num_hidden_layers ({base.layers}) entries")
    experts = Experts(
        layers=frozenset(index for index, one in enumerate(sparse) if one),
        count=given.number("num_experts"),
        per_token=given.number("num_experts_per_tok"),
        hidden=given.number("expert_intermediate_size"),
    )
    return replace(
        base,
        prompt="in-place",
        modes=FILLING,
        chat=ROLES,
        rotary=int(base.head_dim * (given.real("partial_rotary_factor", 1.0) or 1.0)),
        qk_norm=bool(given.raw.get("qk_layernorm")),
        experts=experts,
    )
