"""The compact model as an ONNX graph, built node by node so that we choose every fusion.

Inputs: ids, positions (T,), canvas (T,) float 0 or 1, bias (T, S + T), head_rows (H,), targets (H, J), and for each
layer past_k_i, past_v_i (kv_heads, S, d). Outputs: top_ids, top_probs (H, K), target_logprobs (H, J) and kv, the rows'
keys and values (2 * layers, kv_heads, T, d), layer by layer, keys first.

Attention never copies the cache: scores over cached and over new keys are two products, joined only as scores; the
three query heads of a key head are rows of one product, so no key is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engine.checkpoint import ModelConfig
from engine.forward import TOP_K

Array = NDArray[Any]
Weights = Mapping[str, NDArray[np.float32]]
MICROSOFT = "com.microsoft"
BLOCK = 32
"""Neighbouring weights of one output, and the activations they meet, that share a scale."""


@dataclass(frozen=True)
class Tensor:
    """A weight of the graph; `like` names another whose bytes it shares under its own shape."""

    array: Array
    like: str | None = None


@dataclass
class Graph:
    """Nodes and weights in the order of their making."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def op(self, kind: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; its first output's name comes back, made up when none is given."""
        outputs = outputs or (f"{kind}_{len(self.nodes)}",)
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes))
        return next(name for name in outputs if name)

    def weight(self, name: str, array: Array, like: str | None = None) -> str:
        self.weights.setdefault(name, Tensor(array, like))
        return name

    def ints(self, *values: int) -> str:
        return self.weight("ints_" + "_".join(map(str, values)), np.array(values, np.int64))


class Float32:
    """Weights as they are: the reference that the proofs run on."""

    name = "none"

    def linear(self, g: Graph, x: str, name: str, weight: NDArray[np.float32]) -> str:
        return g.op("MatMul", [x, g.weight(name, np.ascontiguousarray(weight.T))])

    def embedding(self, g: Graph, ids: str, name: str, weight: NDArray[np.float32]) -> str:
        return g.op("Gather", [g.weight(name, weight), ids])

    def head(self, g: Graph, x: str, name: str, weight: NDArray[np.float32]) -> str:
        """Shares the embedding's storage: the product is taken against its rows."""
        return g.op("FusedMatMul", [x, g.weight(name, weight)], domain=MICROSOFT, transB=1)


class Blocks:
    """Weights in blocks of 32 with a scale each, activations rounded to 8 bits in the same blocks.

    bits 4: w = scale * (q - zero) + rest, zero a whole number and `rest` what it misses of the block's lowest value;
    the latter meets the sums of the activations' blocks in a product of its own. Weights that lie on 16 equidistant
    levels a block, as the base's do, are represented exactly. bits 8: w = scale * (q - 128).
    The embedding and the head always have 8 bits and share their bytes.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.name = f"int{bits}-block{BLOCK}"

    def linear(self, g: Graph, x: str, name: str, weight: NDArray[np.float32]) -> str:
        if self.bits == 8:
            return self._linear8(g, x, name, weight)
        packed, scales, zeros, rest = quantize4(weight)
        inputs = [x, g.weight(name, packed), g.weight(name + ".scale", scales), g.weight(name + ".zero", zeros)]
        y = self._product(g, inputs, weight.shape, 4)
        blocks = weight.shape[1] // BLOCK
        ones = g.weight(f"ones_{blocks}", np.kron(np.eye(blocks), np.ones((BLOCK, 1))).astype(np.float32))
        return g.op("Gemm", [g.op("MatMul", [x, ones]), g.weight(name + ".rest", np.ascontiguousarray(rest.T)), y])

    def embedding(self, g: Graph, ids: str, name: str, weight: NDArray[np.float32]) -> str:
        self._bytes8(g, name, weight)
        data = g.weight(name + ".rows", g.weights[name].array.reshape(weight.shape), like=name)
        return g.op(
            "GatherBlockQuantized",
            [data, ids, name + ".scale"],
            domain=MICROSOFT, bits=8, block_size=BLOCK, gather_axis=0, quantize_axis=1,
        )  # fmt: skip

    def head(self, g: Graph, x: str, name: str, weight: NDArray[np.float32]) -> str:
        return self._linear8(g, x, name, weight)

    def _linear8(self, g: Graph, x: str, name: str, weight: NDArray[np.float32]) -> str:
        self._bytes8(g, name, weight)
        return self._product(g, [x, name, name + ".scale"], weight.shape, 8)

    def _bytes8(self, g: Graph, name: str, weight: NDArray[np.float32]) -> None:
        if name not in g.weights:
            data, scales = quantize8(weight)
            g.weight(name, data)
            g.weight(name + ".scale", scales)

    @staticmethod
    def _product(g: Graph, inputs: Sequence[str], shape: tuple[int, ...], bits: int) -> str:
        # accuracy_level 4: the activations become 8-bit integers, block by block.
        return g.op(
            "MatMulNBits",
            inputs,
            domain=MICROSOFT,
            N=shape[0],
            K=shape[1],
            bits=bits,
            block_size=BLOCK,
            accuracy_level=4,
        )


Scheme = Float32 | Blocks


def quantize8(weight: NDArray[np.float32]) -> tuple[Array, Array]:
    """(N, K) -> bytes (N, blocks, BLOCK) around 128 and scales (N, blocks)."""
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    scales = np.abs(blocks).max(-1, keepdims=True) / 127
    q = np.rint(blocks / np.where(scales == 0, 1, scales)) + 128
    return q.astype(np.uint8), scales[..., 0].astype(np.float32)


def quantize4(weight: NDArray[np.float32]) -> tuple[Array, Array, Array, Array]:
    """(N, K) -> nibbles (N, blocks, BLOCK / 2), low one first, scales (N, blocks), zeros as nibbles, rest (N, blocks)."""
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    low, high = blocks.min(-1, keepdims=True), blocks.max(-1, keepdims=True)
    scales = np.where(high == low, 1, (high - low) / 15)
    q = np.rint((blocks - low) / scales).astype(np.uint8)
    zeros = np.clip(np.rint(-low / scales), 0, 15)
    rest = low + scales * zeros
    return _nibbles(q), scales[..., 0], _nibbles(zeros[..., 0].astype(np.uint8)), rest[..., 0]


def _nibbles(values: Array) -> Array:
    if values.shape[-1] % 2:
        values = np.concatenate((values, np.zeros_like(values[..., :1])), axis=-1)
    return values[..., 0::2] | values[..., 1::2] << 4


def build(config: ModelConfig, weights: Weights, scheme: Scheme) -> Graph:
    """The whole forward."""
    g = Graph()
    x = scheme.embedding(g, "ids", "embed", weights["embed"])
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
        delta = _mlp(g, scheme, normed, i, names)
    g.op("Concat", kv, "kv", axis=0)
    _, normed = _norm(g, config, x, delta, "norm", weights["norm"])
    _head(g, scheme, normed, weights["embed"])
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
    qkv = scheme.linear(g, x, f"{i}.qkv", weights["qkv"])
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
    return scheme.linear(g, merged, f"{i}.out", weights["out"]), [k, v]


def _mlp(g: Graph, scheme: Scheme, x: str, i: int, weights: Weights) -> str:
    both = scheme.linear(g, x, f"{i}.gate_up", weights["gate_up"])
    gate, up = f"{i}.gate", f"{i}.up"
    g.op("Split", [both], gate, up, axis=-1, num_outputs=2)
    silu = g.op("QuickGelu", [gate], domain=MICROSOFT, alpha=1.0)
    return scheme.linear(g, g.op("Mul", [silu, up]), f"{i}.down", weights["down"])


def _head(g: Graph, scheme: Scheme, x: str, embed: NDArray[np.float32]) -> None:
    """Probabilities over the whole vocabulary, of which only the best and the asked ones leave the graph."""
    logits = scheme.head(g, g.op("Gather", [x, "head_rows"]), "embed", embed)
    logprobs = g.op("LogSoftmax", [logits], axis=-1)
    g.op("TopK", [logprobs, g.ints(TOP_K)], "top_logprobs", "top_ids", axis=-1)
    g.op("Exp", ["top_logprobs"], "top_probs")
    g.op("GatherElements", [logprobs, "targets"], "target_logprobs", axis=1)


def to_proto(g: Graph, config: ModelConfig, initializers: Sequence[onnx.TensorProto]) -> onnx.ModelProto:
    """The graph with its inputs and outputs declared."""
    f, i64 = TensorProto.FLOAT, TensorProto.INT64
    cache = [config.kv_heads, "S", config.head_dim]
    inputs = [
        ("ids", i64, ["T"]),
        ("positions", i64, ["T"]),
        ("canvas", f, ["T"]),
        ("bias", f, ["T", "S+T"]),
        ("head_rows", i64, ["H"]),
        ("targets", i64, ["H", "J"]),
        *((f"past_{kind}_{i}", f, cache) for i in range(config.layers) for kind in "kv"),
    ]
    outputs = [
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
