"""How the exported graph holds its weights: `Float32`, the reference, or `RowInt8`, what ships.

RowInt8 keeps every matrix product in 8-bit integers with one scale a row of activations and one a row of weights, the
fastest exact kernel on processors of every kind. What makes one scale a row enough is rotation: the residual stream,
the values and the MLP's hidden row are multiplied by Hadamard matrices, whose inverses go into the weights, so the
outlier channels that spoil a plain row scale are spread evenly (QuaRot, Ashkboos et al. 2024). In full precision the
rotated model computes the same function. A normalized row has length sqrt(hidden) whatever it holds, so its scale is
a constant; other rows are normalized for the product and scaled back behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from engine.checkpoint import ModelConfig

Array = NDArray[Any]
Weights = Mapping[str, NDArray[np.float32]]
MICROSOFT = "com.microsoft"


@dataclass
class Graph:
    """Nodes and weights in the order of their making."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)

    def op(self, kind: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; its first output's name comes back, made up when none is given."""
        outputs = outputs or (f"{kind}_{len(self.nodes)}",)
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes))
        return next(name for name in outputs if name)

    def weight(self, name: str, array: Array) -> str:
        self.weights.setdefault(name, array)
        return name

    def ints(self, *values: int) -> str:
        return self.weight("ints_" + "_".join(map(str, values)), np.array(values, np.int64))


class Scheme(Protocol):
    """The parts of the graph that depend on how weights are held."""

    name: str

    def prepare(self, config: ModelConfig, weights: Weights) -> Weights:
        """Equivalent weights of the same names, in the basis that the scheme works in."""

    def embedding(self, g: Graph, ids: str, weights: Weights) -> str:
        """ids (T,) -> (T, hidden)."""

    def linear(self, g: Graph, x: str, name: str, weight: NDArray[np.float32], *, normed: bool) -> str:
        """(T, K) -> (T, N) for a weight (N, K). normed: the rows of x come out of a normalization."""

    def hidden(self, g: Graph, config: ModelConfig, x: str) -> str:
        """The MLP's hidden rows in the basis of its down projection."""

    def head(self, g: Graph, x: str, weights: Weights) -> str:
        """Normalized rows -> logits over the vocabulary, from the embedding's own storage."""


class Float32:
    """Weights as they are: what the proofs run on."""

    name = "none"

    def prepare(self, config: ModelConfig, weights: Weights) -> Weights:
        return weights

    def embedding(self, g: Graph, ids: str, weights: Weights) -> str:
        return g.op("Gather", [g.weight("embed", weights["embed"]), ids])

    def linear(self, g: Graph, x: str, name: str, weight: NDArray[np.float32], *, normed: bool) -> str:
        return g.op("MatMul", [x, g.weight(name, np.ascontiguousarray(weight.T))])

    def hidden(self, g: Graph, config: ModelConfig, x: str) -> str:
        return x

    def head(self, g: Graph, x: str, weights: Weights) -> str:
        return g.op("FusedMatMul", [x, "embed"], domain=MICROSOFT, transB=1)


class RowInt8:
    """8-bit integers, one scale a row, in rotated bases."""

    name = "int8-rows-rotated"
    clip = 4.25
    """Root mean squares that 127 stands for: a rotated row is close to normally distributed, and rarer values cost less
    than coarser steps would."""
    clip_free = 6.0
    """The same for rows that join several heads, which differ in strength."""

    def prepare(self, config: ModelConfig, weights: Weights) -> Weights:
        return rotated(config, weights, *(turn.astype(np.float32) for turn in self.turns(config)))

    @staticmethod
    def turns(config: ModelConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The bases of the residual stream (hidden, hidden) and of values and hidden rows (d, d): see `rotated`."""
        signs = np.random.default_rng(0).choice([-1.0, 1.0], config.hidden)
        return signs[:, None] * hadamard(config.hidden), hadamard(config.head_dim)

    def embedding(self, g: Graph, ids: str, weights: Weights) -> str:
        self._store(g, "embed", weights["embed"])
        columns = g.op("Transpose", [g.op("Gather", ["embed", ids], axis=1)], perm=[1, 0])
        scales = g.op("Unsqueeze", [g.op("Gather", ["embed.scale", ids]), g.ints(1)])
        return g.op("Mul", [g.op("Cast", [columns], to=onnx.TensorProto.FLOAT), scales])

    def linear(self, g: Graph, x: str, name: str, weight: NDArray[np.float32], *, normed: bool) -> str:
        self._store(g, name, weight)
        return self._product(g, x, name, self.clip) if normed else self._free(g, x, name, weight.shape[1])

    def hidden(self, g: Graph, config: ModelConfig, x: str) -> str:
        turn = hadamard(config.head_dim).astype(np.float32)
        pieces = g.op("Reshape", [x, g.ints(-1, len(turn))])
        shape = g.op("Shape", [x])
        return g.op("Reshape", [g.op("MatMul", [pieces, g.weight("hadamard", turn)]), shape])

    def head(self, g: Graph, x: str, weights: Weights) -> str:
        x = g.op("MatMul", [x, g.weight("head_gain", weights["head_gain"])])
        return self._free(g, x, "embed", weights["embed"].shape[1])

    def _free(self, g: Graph, x: str, name: str, width: int) -> str:
        ones = g.weight(f"ones_{width}", np.ones(width, np.float32))
        unit, inverse = f"{name}.unit", f"{name}.inverse"
        g.op("SimplifiedLayerNormalization", [x, ones], unit, inverse, epsilon=1e-12, axis=-1, stash_type=1)
        return g.op("Div", [self._product(g, unit, name, self.clip_free), inverse])

    @staticmethod
    def _product(g: Graph, x: str, name: str, clip: float) -> str:
        scale = g.weight(f"clip_{clip}", np.array(clip / 127, np.float32))
        zero = g.weight("zero", np.array(128, np.uint8))
        q = g.op("QuantizeLinear", [x, scale, zero])
        return g.op("MatMulIntegerToFloat", [q, name, scale, name + ".scale", zero], domain=MICROSOFT)

    @staticmethod
    def _store(g: Graph, name: str, weight: NDArray[np.float32]) -> None:
        data, scales = quantize_rows(weight)
        g.weight(name, np.ascontiguousarray(data.T))
        g.weight(name + ".scale", scales)


def quantize_rows(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(N, K) -> 8-bit weights (N, K) and scales (N,).

    Processors without 8-bit dot products add products of neighbours in 16 bits: 255 * (a + b) must stay below 32768,
    so no two neighbours of one sign may sum to more than 128; the scale sees to that.
    """
    pairs = weight.reshape(len(weight), -1, 2)
    alike = pairs[..., 0] * pairs[..., 1] > 0
    sums = np.where(alike, np.abs(pairs).sum(-1), 0).max(1)
    scales = np.maximum(np.maximum(sums, np.abs(weight).max(1)) / 127, 1e-12).astype(np.float32)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales


def hadamard(size: int) -> NDArray[np.float64]:
    """An orthogonal matrix whose entries are all +-1 / sqrt(size), for size = 12^a 2^b (Sylvester and Paley)."""
    squares = {k * k % 11 for k in range(1, 11)}
    twelve = np.ones((12, 12))
    twelve[1:, 0] = -1
    twelve[1:, 1:] = [[1 if i == j or (i - j) % 11 in squares else -1 for j in range(11)] for i in range(11)]
    matrix, left = np.ones((1, 1)), size
    for factor, block in ((12, twelve), (2, np.array([[1.0, 1.0], [1.0, -1.0]]))):
        while left % factor == 0:
            matrix, left = np.kron(matrix, block), left // factor
    if left != 1:
        raise ValueError(f"no Hadamard matrix of size {size} is built here: take 12^a 2^b")
    unit: NDArray[np.float64] = matrix / np.sqrt(size)
    return unit


def rotated(config: ModelConfig, weights: Weights, turn: NDArray[np.float32], head: NDArray[np.float32]) -> Weights:
    """The same function with its residual stream in another orthogonal basis.

    turn (hidden, hidden): the residual stream x becomes x @ turn. head (d, d): the same for values within each head,
    and for the MLP's hidden row in pieces of d, there at run time. Gains of normalizations move into the products
    behind them; that of the last one, which the tied embedding cannot take, becomes `head_gain` (hidden, hidden).
    """
    c = config
    kept = (c.heads + c.kv_heads) * c.head_dim
    out: dict[str, NDArray[Any]] = {
        "embed": weights["embed"] @ turn,
        "canvas": weights["canvas"] @ turn,
        "norm": np.ones(c.hidden),
        "head_gain": (turn.T * weights["norm"]) @ turn,
    }
    for i in range(c.layers):
        p = f"layers.{i}."
        qkv = (weights[p + "qkv"] * weights[p + "attn_norm"]) @ turn
        values = qkv[kept:].reshape(c.kv_heads, c.head_dim, c.hidden)
        qkv[kept:] = np.einsum("hdk,de->hek", values, head).reshape(-1, c.hidden)
        out[p + "qkv"] = qkv
        out[p + "out"] = turn.T @ turn_pieces(weights[p + "out"], head)
        out[p + "gate_up"] = (weights[p + "gate_up"] * weights[p + "mlp_norm"]) @ turn
        out[p + "down"] = turn.T @ turn_pieces(weights[p + "down"], head)
        out[p + "attn_norm"] = out[p + "mlp_norm"] = np.ones(c.hidden)
    return {name: array.astype(np.float32) for name, array in out.items()}


def turn_pieces(weight: Any, turn: Any) -> Any:
    """Each run of len(turn) columns in the turned basis; numpy arrays or torch tensors."""
    product = (weight.reshape(len(weight), -1, len(turn)) @ turn).reshape(weight.shape)
    return product
