"""The compact model as an ONNX graph, built node by node so that we choose every fusion.

Inputs: ids, positions (T,), canvas (T,) float 0 or 1, bias (T, S + T), head_rows (H,), targets (H, J), and for each
layer past_k_i, past_v_i (kv_heads, S, d). Outputs: top_ids, top_probs (H, K), target_logprobs (H, J) and kv, the rows'
keys and values (2 * layers, kv_heads, T, d), layer by layer, keys first.

Attention never copies the cache: scores over cached and over new keys are two products, joined only as scores; the
three query heads of a key head are rows of one product, so no key is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engine.checkpoint import ModelConfig
from engine.forward import TOP_K
from training.schemes import MICROSOFT, Graph, Scheme, Weights


def build(config: ModelConfig, weights: Weights, scheme: Scheme) -> Graph:
    """The whole forward."""
    g = Graph()
    weights = scheme.prepare(config, weights)
    x = scheme.embedding(g, "ids", weights)
    flags = g.op("Unsqueeze", ["canvas", g.ints(1)])
    x = g.op("Add", [x, g.op("Mul", [flags, g.weight("canvas_vector", weights["canvas"])])])
    shared = _shared(g, config)
    kv: list[str] = []
    delta: str | None = None
    for i in range(config.layers):
        names = {key.split(".")[-1]: weight for key, weight in weights.items() if key.startswith(f"layers.{i}.")}
        x, normed = _norm(g, config, x, delta, f"{i}.attn_norm", names["attn_norm"])
        attended, new = _attention(g, config, scheme, normed, i, names, shared)
        kv += new
        x, normed = _norm(g, config, x, attended, f"{i}.mlp_norm", names["mlp_norm"])
        delta = _mlp(g, config, scheme, normed, i, names)
    g.op("Concat", kv, "kv", axis=0)
    _, normed = _norm(g, config, x, delta, "norm", weights["norm"])
    _head(g, scheme, normed, weights)
    return g


@dataclass(frozen=True)
class Shared:
    """What every layer uses: the bias once per query head of a key head, positions, rotation tables."""

    bias: str
    positions: str
    cos: str
    sin: str
    widths: str


def _shared(g: Graph, c: ModelConfig) -> Shared:
    angles = np.arange(c.context)[:, None] / c.rope_theta ** (np.arange(0, c.head_dim, 2) / c.head_dim)
    total = g.op("Shape", ["bias"], start=1, end=2)
    rows = g.op("Shape", ["ids"])
    return Shared(
        bias=g.op("Concat", ["bias"] * (c.heads // c.kv_heads), axis=0),
        positions=g.op("Unsqueeze", ["positions", g.ints(0)]),
        cos=g.weight("cos", np.cos(angles).astype(np.float32)),
        sin=g.weight("sin", np.sin(angles).astype(np.float32)),
        widths=g.op("Concat", [g.op("Sub", [total, rows]), rows], axis=0),
    )


def _norm(g: Graph, c: ModelConfig, x: str, delta: str | None, name: str, gain: NDArray[np.float32]) -> tuple[str, str]:
    """x + delta, and that normalized."""
    weight = g.weight(name, gain)
    if delta is None:
        normed = g.op("SimplifiedLayerNormalization", [x, weight], epsilon=c.norm_eps, axis=-1, stash_type=1)
        return x, normed
    normed, total = name + "_out", name + "_sum"
    g.op(
        "SkipSimplifiedLayerNormalization", [x, delta, weight], normed, "", "", total,
        domain=MICROSOFT, epsilon=c.norm_eps,
    )  # fmt: skip
    return total, normed


def _attention(
    g: Graph, c: ModelConfig, scheme: Scheme, x: str, i: int, weights: Weights, shared: Shared
) -> tuple[str, list[str]]:
    """The attention's contribution (T, hidden), and this layer's new keys and values, each (1, kv_heads, T, d)."""
    group, d = c.heads // c.kv_heads, c.head_dim
    qkv = scheme.linear(g, x, f"{i}.qkv", weights["qkv"], normed=True)
    heads = g.op("Reshape", [qkv, g.ints(1, -1, c.heads + 2 * c.kv_heads, d)])
    heads = g.op("Transpose", [heads], perm=[0, 2, 1, 3])
    qk, v = f"{i}.qk", f"{i}.v"
    g.op("Split", [heads, g.ints(c.heads + c.kv_heads, c.kv_heads)], qk, v, axis=1)
    rotated = g.op("RotaryEmbedding", [qk, shared.positions, shared.cos, shared.sin], domain=MICROSOFT)
    q, k = f"{i}.q", f"{i}.k"
    g.op("Split", [rotated, g.ints(c.heads, c.kv_heads)], q, k, axis=1)
    q = g.op("Reshape", [q, g.ints(c.kv_heads, -1, d)])
    scores = [
        g.op("FusedMatMul", [q, keys], domain=MICROSOFT, transB=1, alpha=d**-0.5)
        for keys in (f"past_k_{i}", g.op("Squeeze", [k, g.ints(0)]))
    ]
    probs = g.op("Softmax", [g.op("Add", [g.op("Concat", scores, axis=-1), shared.bias])], axis=-1)
    old, new = f"{i}.old", f"{i}.new"
    g.op("Split", [probs, shared.widths], old, new, axis=-1)
    values = [g.op("MatMul", [old, f"past_v_{i}"]), g.op("MatMul", [new, g.op("Squeeze", [v, g.ints(0)])])]
    merged = g.op("Reshape", [g.op("Add", values), g.ints(c.kv_heads * group, -1, d)])
    merged = g.op("Reshape", [g.op("Transpose", [merged], perm=[1, 0, 2]), g.ints(-1, c.heads * d)])
    return scheme.linear(g, merged, f"{i}.out", weights["out"], normed=False), [k, v]


def _mlp(g: Graph, c: ModelConfig, scheme: Scheme, x: str, i: int, weights: Weights) -> str:
    both = scheme.linear(g, x, f"{i}.gate_up", weights["gate_up"], normed=True)
    gate, up = f"{i}.gate", f"{i}.up"
    g.op("Split", [both], gate, up, axis=-1, num_outputs=2)
    silu = g.op("QuickGelu", [gate], domain=MICROSOFT, alpha=1.0)
    product = scheme.hidden(g, c, g.op("Mul", [silu, up]))
    return scheme.linear(g, product, f"{i}.down", weights["down"], normed=False)


def _head(g: Graph, scheme: Scheme, x: str, weights: Weights) -> None:
    """Probabilities over the whole vocabulary, of which only the best and the asked ones leave the graph."""
    logits = scheme.head(g, g.op("Gather", [x, "head_rows"]), weights)
    logprobs = g.op("LogSoftmax", [logits], axis=-1)
    g.op("TopK", [logprobs, g.ints(TOP_K)], "top_logprobs", "top_ids", axis=-1)
    g.op("Exp", ["top_logprobs"], "top_probs")
    g.op("GatherElements", [logprobs, "targets"], "target_logprobs", axis=1)


def to_proto(g: Graph, config: ModelConfig, initializers: Sequence[onnx.TensorProto]) -> onnx.ModelProto:
    """The graph with its inputs and outputs declared."""
    f, i64 = TensorProto.FLOAT, TensorProto.INT64
    cache: Sequence[str | int] = [config.kv_heads, "S", config.head_dim]
    inputs: list[tuple[str, int, Sequence[str | int]]] = [
        ("ids", i64, ["T"]),
        ("positions", i64, ["T"]),
        ("canvas", f, ["T"]),
        ("bias", f, ["T", "S+T"]),
        ("head_rows", i64, ["H"]),
        ("targets", i64, ["H", "J"]),
        *((f"past_{kind}_{i}", f, cache) for i in range(config.layers) for kind in "kv"),
    ]
    outputs: list[tuple[str, int, Sequence[str | int]]] = [
        ("top_ids", i64, ["H", TOP_K]),
        ("top_probs", f, ["H", TOP_K]),
        ("target_logprobs", f, ["H", "J"]),
        ("kv", f, [2 * config.layers, config.kv_heads, "T", config.head_dim]),
    ]
    graph = helper.make_graph(
        g.nodes,
        config.name,
        [helper.make_tensor_value_info(*item) for item in inputs],
        [helper.make_tensor_value_info(*item) for item in outputs],
        list(initializers),
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="redraft")
