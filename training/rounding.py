"""Fake quantization: the last stretch of a run answers with the weights that the export will hold (`schemes.RowInt8`).

Forward and backward see rounded weights, the optimizer moves the exact ones: the straight-through estimator (Bengio et
al. 2013). Rounding happens in the rotated bases of the export and is turned back, so the model itself stays as it is.
Activations are not rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from engine.models.compact import CompactModel, Layer
from training.schemes import RowInt8, turn_pieces


class Rounding:
    """The export's rounding of one model's weights."""

    def __init__(self, model: CompactModel) -> None:
        self._model = model
        turns = (torch.from_numpy(turn).to(model.embed) for turn in RowInt8.turns(model.config))
        self._turn, self._head = turns

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Inside, the model's weights are the rounded ones; gradients stay, weights come back exactly."""
        exact = {name: parameter.detach().clone() for name, parameter in self._model.named_parameters()}
        try:
            self._round()
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self._model.named_parameters():
                    parameter.copy_(exact[name])

    @torch.no_grad()
    def _round(self) -> None:
        model, turn, head = self._model, self._turn, self._head
        model.embed.copy_(rounded(model.embed @ turn) @ turn.T)
        for layer in model.layers:
            assert isinstance(layer, Layer)
            c = layer.config
            kept = (c.heads + c.kv_heads) * c.head_dim
            qkv = (layer.qkv * layer.attn_norm) @ turn
            qkv[kept:] = _values(qkv[kept:], head.T)
            qkv = rounded(qkv)
            qkv[kept:] = _values(qkv[kept:], head)
            layer.qkv.copy_(qkv @ turn.T / _divisor(layer.attn_norm))
            gate_up = rounded((layer.gate_up * layer.mlp_norm) @ turn) @ turn.T
            layer.gate_up.copy_(gate_up / _divisor(layer.mlp_norm))
            for weight in (layer.out, layer.down):
                weight.copy_(turn @ turn_pieces(rounded(turn.T @ turn_pieces(weight, head)), head.T))


def _values(weight: Tensor, turn: Tensor) -> Tensor:
    """Rows of value heads (kv_heads * d, K), each head's from the left in another basis."""
    return (turn @ weight.unflatten(0, (-1, len(turn)))).flatten(0, 1)


def _divisor(gain: Tensor) -> Tensor:
    """What takes a gain out of a weight again; a channel of gain 0 is never read."""
    return gain.where(gain != 0, 1.0)


def rounded(weight: Tensor) -> Tensor:
    """(N, K) as `schemes.quantize_rows` would hold it, in full precision again."""
    pairs = weight.unflatten(1, (-1, 2))
    sums = torch.where(pairs.prod(-1) > 0, pairs.abs().sum(-1), 0.0).amax(1)
    scales = (torch.maximum(sums, weight.abs().amax(1)) / 127).clamp_min(1e-12)[:, None]
    return (weight / scales).round() * scales
