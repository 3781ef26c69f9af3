"""Tiny checkpoints in the released layouts: folders as the makers of each family publish them, a few hundred kB, random
numbers from a seed. The head is sharpened, so that probabilities reach from near 0 to near 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.tokenizer import byte_of_letter

EOS, MASK, DELETE, INSERT = 256, 257, 258, 259
NAMES = {
    EOS: "<|endoftext|>", MASK: "<|mask|>", DELETE: "<|delete|>", INSERT: "<|insert|>", 260: "<role>", 261: "</role>",
    262: "<|role_end|>", 263: "<|startoftext|>", 264: "<|start_header_id|>", 265: "<|end_header_id|>",
    266: "<|eot_id|>", 267: "<|beginoftext|>", 268: "<|im_start|>", 269: "<|im_end|>",
}  # fmt: skip
SEED_NAMES = {
    EOS: "<[end\u2581of\u2581sentence]>", MASK: "<[MASK_TOKEN]>", 263: "<[begin\u2581of\u2581sentence]>",
}  # fmt: skip
ROWS = 272
"""Tokens of the weights: more than the tokenizer has, as in the releases."""

IDS = {"mask_token_id": MASK, "eos_token_id": EOS, "pad_token_id": EOS, "vocab_size": ROWS, "torch_dtype": "float32"}
LLADA2: dict[str, Any] = {
    **IDS,
    "architectures": ["LLaDA2MoeModelLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_llada2_moe.LLaDA2MoeModelLM"},
    "model_type": "llada2_moe",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_experts": 16,
    "num_experts_per_tok": 4,
    "num_shared_experts": 1,
    "moe_intermediate_size": 32,
    "n_group": 4,
    "topk_group": 2,
    "routed_scaling_factor": 2.5,
    "first_k_dense_replace": 1,
    "partial_rotary_factor": 0.5,
    "rope_theta": 600000.0,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096,
    "hidden_act": "silu",
    "use_qk_norm": True,
    "use_bias": False,
    "use_qkv_bias": False,
    "tie_word_embeddings": False,
}
LLADA22 = LLADA2 | {
    "expert_capacity": 6, "block_size": 32, "delete_token_id": DELETE, "insert_token_id": INSERT,
}  # fmt: skip
LLADA: dict[str, Any] = {
    **IDS,
    "architectures": ["LLaDAModelLM"],
    "model_type": "llada",
    "d_model": 64,
    "n_layers": 3,
    "n_heads": 4,
    "n_kv_heads": 4,
    "mlp_hidden_size": 96,
    "mlp_ratio": 4,
    "embedding_size": ROWS,
    "rope_theta": 500000.0,
    "rms_norm_eps": 1e-5,
    "max_sequence_length": 4096,
    "block_type": "llama",
    "layer_norm_type": "rms",
    "activation_type": "silu",
    "rope": True,
    "weight_tying": False,
}
LLADA_MOE: dict[str, Any] = {
    **IDS,
    "architectures": ["LLaDAMoEModelLM"],
    "model_type": "llada",
    "hidden_size": 64,
    "dense_intermediate_size": 96,
    "expert_intermediate_size": 32,
    "shared_expert_intermediate_size": None,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "num_experts": 8,
    "num_experts_per_tok": 3,
    "moe_layer_freq": [0, 1, 1],
    "moe_router_score_function": "softmax",
    "moe_router_enable_expert_bias": False,
    "qk_layernorm": True,
    "rope_theta": 50000.0,
    "partial_rotary_factor": 1,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 4096,
    "attention_bias": False,
}
DREAM: dict[str, Any] = {
    **IDS,
    "architectures": ["DreamModel"],
    "model_type": "Dream",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rope_theta": 1000000.0,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096,
    "hidden_act": "silu",
    "use_mrope": False,
    "use_sliding_window": False,
    "tie_word_embeddings": False,
}
DREAMON = DREAM | {"expand_token_id": INSERT}
QWEN2 = {key: value for key, value in DREAM.items() if key != "use_mrope"} | {"tie_word_embeddings": True}
QWEN3 = QWEN2 | {"head_dim": 32, "attention_bias": False}
A2D_QWEN2 = QWEN2 | {"architectures": ["A2DQwen2LMHeadModel"], "model_type": "a2d-qwen2", "block_size": 0}
A2D_QWEN3 = QWEN3 | {"architectures": ["A2DQwen3LMHeadModel"], "model_type": "a2d-qwen3", "block_size": 0}
BD3LM = A2D_QWEN3 | {"block_size": 32}
OPEN_DCODER = QWEN2 | {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
SDAR = QWEN3 | {
    "architectures": ["SDARForCausalLM"], "model_type": "sdar", "block_size": 4, "tie_word_embeddings": False,
}  # fmt: skip
CODA = {key: value for key, value in QWEN3.items() if key != "tie_word_embeddings"} | {
    "architectures": ["CoDALanguageModel"], "model_type": "CoDA",
}  # fmt: skip
FAST_DLLM = QWEN2 | {
    "architectures": ["Fast_dLLM_QwenForCausalLM"], "model_type": "Fast_dLLM_Qwen", "bd_size": 32,
}  # fmt: skip
STABLE_DIFFCODER = QWEN3 | {
    "architectures": ["StableDiffcoderForCausalLM"], "model_type": "llama", "head_dim": 16, "mlp_bias": False,
    "tie_word_embeddings": False,
}  # fmt: skip
SDAR_MOE = SDAR | {
    "architectures": ["SDARMoeForCausalLM"], "model_type": "sdar_moe", "num_experts": 8, "num_experts_per_tok": 3,
    "moe_intermediate_size": 32, "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [],
}  # fmt: skip
FAMILIES = {
    "llada2": LLADA2, "llada2.2": LLADA22, "llada": LLADA, "llada-moe": LLADA_MOE, "dream": DREAM, "dreamon": DREAMON,
    "a2d-qwen2": A2D_QWEN2, "a2d-qwen3": A2D_QWEN3, "bd3lm": BD3LM, "open-dcoder": OPEN_DCODER, "coda": CODA,
    "sdar": SDAR, "sdar-moe": SDAR_MOE, "stable-diffcoder": STABLE_DIFFCODER, "fast-dllm": FAST_DLLM,
}  # fmt: skip


def make(
    folder: Path, config: dict[str, Any], seed: int = 0, *, sharp: float = 4.0, shards: int = 1, dtype: str = "float32"
) -> Path:
    """Write a checkpoint: config.json, tokenizer.json, weights in so many shards with their index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | {"torch_dtype": dtype}, indent=2))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(config["architectures"][0])))
    weights = {name: tensor.to(getattr(torch, dtype)) for name, tensor in tensors(config, seed, sharp)}
    write(folder, weights, shards)
    return folder


def write(folder: Path, weights: dict[str, Tensor], shards: int = 1) -> None:
    """The weights as the hub's tools split them."""
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    index: dict[str, str] = {}
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = dict(list(weights.items())[number::shards])
        save_file(part, folder / name, metadata={"format": "pt"})
        index |= dict.fromkeys(part, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def tensors(config: dict[str, Any], seed: int, sharp: float) -> Iterator[tuple[str, Tensor]]:
    """Random weights, large enough that every visible token shows. End, mask and the ids that nobody has never win:
    the tests of decoding compare texts that go on."""
    dice = np.random.default_rng(seed)
    for name, shape in shapes(config):
        if len(shape) == 1:
            values = dice.normal(0.0, 0.1, shape) + (0.0 if name.endswith("bias") else 1.0)
        else:
            values = dice.normal(size=shape) * 1.5 * shape[-1] ** -0.5
        if name == "model.embed_tokens.weight" and config.get("tie_word_embeddings"):
            values *= sharp
            values[EOS:] *= 0.02
        elif name in ("lm_head.weight", "model.transformer.ff_out.weight"):
            values *= sharp
            values[EOS:] = 0
            if "expert_capacity" in config:
                values[[DELETE, INSERT]] = dice.normal(size=(2, shape[1])) * 3.0 * sharp * shape[-1] ** -0.5
            if "expand_token_id" in config:
                values[EOS] = dice.normal(size=shape[1]) * 3.0 * sharp * shape[-1] ** -0.5
        yield name, torch.from_numpy(values.astype(np.float32))


def shapes(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor of a release by its published name."""
    (name,) = config["architectures"]
    kinds = {
        "LLaDAModelLM": _llada, "LLaDAMoEModelLM": _llada_moe, "LLaDA2MoeModelLM": _llada2,
    }  # fmt: skip
    yield from kinds.get(name, _qwen)(config)


def _gated(name: str, units: int, hidden: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.gate_proj.weight", (units, hidden)
    yield f"{name}.up_proj.weight", (units, hidden)
    yield f"{name}.down_proj.weight", (hidden, units)


def _llada2(c: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, heads, keys, size = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
    yield "model.word_embeddings.weight", (ROWS, hidden)
    for index in range(c["num_hidden_layers"]):
        at = f"model.layers.{index}."
        yield at + "input_layernorm.weight", (hidden,)
        yield at + "attention.query_key_value.weight", ((heads + 2 * keys) * size, hidden)
        yield at + "attention.query_layernorm.weight", (size,)
        yield at + "attention.key_layernorm.weight", (size,)
        yield at + "attention.dense.weight", (hidden, heads * size)
        yield at + "post_attention_layernorm.weight", (hidden,)
        if index < c["first_k_dense_replace"]:
            yield from _gated(at + "mlp", c["intermediate_size"], hidden)
            continue
        yield at + "mlp.gate.weight", (c["num_experts"], hidden)
        yield at + "mlp.gate.expert_bias", (c["num_experts"],)
        for expert in range(c["num_experts"]):
            yield from _gated(f"{at}mlp.experts.{expert}", c["moe_intermediate_size"], hidden)
        yield from _gated(at + "mlp.shared_experts", c["moe_intermediate_size"] * c["num_shared_experts"], hidden)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (ROWS, hidden)


def _llada(c: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden = c["d_model"]
    yield "model.transformer.wte.weight", (ROWS, hidden)
    for index in range(c["n_layers"]):
        at = f"model.transformer.blocks.{index}."
        for name in ("attn_norm", "ff_norm"):
            yield f"{at}{name}.weight", (hidden,)
        for name in ("q_proj", "k_proj", "v_proj", "attn_out"):
            yield f"{at}{name}.weight", (hidden, hidden)
        for name in ("ff_proj", "up_proj"):
            yield f"{at}{name}.weight", (c["mlp_hidden_size"], hidden)
        yield at + "ff_out.weight", (hidden, c["mlp_hidden_size"])
    yield "model.transformer.ln_f.weight", (hidden,)
    yield "model.transformer.ff_out.weight", (ROWS, hidden)


def _llada_moe(c: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, size = c["hidden_size"], c["hidden_size"] // c["num_attention_heads"]
    yield "model.embed_tokens.weight", (ROWS, hidden)
    for index in range(c["num_hidden_layers"]):
        at = f"model.layers.{index}."
        yield at + "input_layernorm.weight", (hidden,)
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{at}self_attn.{name}.weight", (hidden, hidden)
        for name in ("q_norm", "k_norm"):
            yield f"{at}self_attn.{name}.weight", (size,)
        yield at + "post_attention_layernorm.weight", (hidden,)
        if not c["moe_layer_freq"][index]:
            yield from _gated(at + "mlp", c["dense_intermediate_size"], hidden)
            continue
        yield at + "mlp.gate.weight", (c["num_experts"], hidden)
        for expert in range(c["num_experts"]):
            yield from _gated(f"{at}mlp.experts.{expert}", c["expert_intermediate_size"], hidden)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (ROWS, hidden)


def _qwen(c: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """As transformers writes Llama, Qwen2 (biased), Qwen3 (heads of a size of their own, normalized) and Qwen3-MoE."""
    hidden, size = c["hidden_size"], c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    biased, normalized = "head_dim" not in c, "head_dim" in c and c["model_type"] != "llama"
    queries, keys = size * c["num_attention_heads"], size * c["num_key_value_heads"]
    yield "model.embed_tokens.weight", (ROWS, hidden)
    for index in range(c["num_hidden_layers"]):
        at = f"model.layers.{index}."
        yield at + "input_layernorm.weight", (hidden,)
        for name, rows in {"q_proj": queries, "k_proj": keys, "v_proj": keys}.items():
            yield f"{at}self_attn.{name}.weight", (rows, hidden)
            if biased:
                yield f"{at}self_attn.{name}.bias", (rows,)
        if normalized:
            for name in ("q_norm", "k_norm"):
                yield f"{at}self_attn.{name}.weight", (size,)
        yield at + "self_attn.o_proj.weight", (hidden, queries)
        yield at + "post_attention_layernorm.weight", (hidden,)
        if "num_experts" not in c:
            yield from _gated(at + "mlp", c["intermediate_size"], hidden)
            continue
        yield at + "mlp.gate.weight", (c["num_experts"], hidden)
        for expert in range(c["num_experts"]):
            yield from _gated(f"{at}mlp.experts.{expert}", c["moe_intermediate_size"], hidden)
    yield "model.norm.weight", (hidden,)
    if not c.get("tie_word_embeddings"):
        yield "lm_head.weight", (ROWS, hidden)


def tokenizer(of: str = "") -> dict[str, Any]:
    """A byte-level tokenizer without merges: each byte is a token; the control tokens are added ones, named as those of
    this class's release. SDAR's does not call its mask special."""
    names = NAMES | (SEED_NAMES if of == "StableDiffcoderForCausalLM" else {})
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": byte_of_letter(),
        "merges": [],
    }  # fmt: skip
    added = [
        {"id": index, "content": name, "special": index != MASK or not of.startswith("SDAR"), "single_word": False,
         "lstrip": False, "rstrip": False, "normalized": False}
        for index, name in names.items()
    ]  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model,
    }  # fmt: skip


def make_gemma(folder: Path, canvas: int, drop: str = "") -> Path:
    """A DiffusionGemma as transformers itself writes it, without the tensor `drop`."""
    from safetensors.torch import load_file
    from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion
    from transformers.utils import logging

    logging.disable_progress_bar()
    text = {
        "vocab_size": ROWS, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 16,
        "num_global_key_value_heads": 2, "num_experts": 8, "top_k_experts": 2, "moe_intermediate_size": 32,
        "sliding_window": 16, "max_position_embeddings": 4096, "pad_token_id": MASK, "eos_token_id": EOS,
        "bos_token_id": 263, "layer_types": ["sliding_attention", "full_attention"],
    }  # fmt: skip
    vision = {
        "model_type": "gemma4_vision", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
    }  # fmt: skip
    config = DiffusionGemmaConfig(
        text_config=text, vision_config=vision, canvas_length=canvas, image_token_id=271, boi_token_id=270,
        eoi_token_id=269,
    )  # fmt: skip
    torch.manual_seed(0)
    DiffusionGemmaForBlockDiffusion(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    if drop:
        weights = load_file(folder / "model.safetensors")
        del weights[drop]
        write(folder, weights)
    return folder
