"""The compact model over training sequences: dense masks on a processor, flex attention's block masks on a GPU.

Both masks come from `batches.visible`; nothing else differs, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from engine.forward import HIDDEN
from engine.models.compact import CompactModel, Layer, rms_norm, rotary
from training import batches

_BACKWARD = dict.fromkeys(("bwd_BLOCK_M1", "bwd_BLOCK_N1", "bwd_BLOCK_M2", "bwd_BLOCK_N2"), 64)
BLOCKS = {
    "fwd_BLOCK_M": 128, "fwd_BLOCK_N": 64, "fwd_num_stages": 3, "fwd_num_warps": 4,
    **_BACKWARD, "bwd_num_stages": 2, "bwd_num_warps": 4,
}  # fmt: skip
"""Of flex attention's kernels: its own choice asks for more shared memory than an H100 has. The backward blocks have to
be named by themselves: without, an update took 0.36 s on an H200 instead of 0.22."""


def dense_mask(batch: Mapping[str, Tensor]) -> Tensor:
    """Additive mask (N, T, T) of a batch; made on its device."""
    seen = batches.dense(batch["group"].long(), batch["order"], batch["limits"])
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, float(HIDDEN))


def block_mask(batch: Mapping[str, Tensor], make: Any = create_block_mask, dense: Any = batches.dense) -> BlockMask:
    """The same visibility as blocks that flex attention skips or computes. make, dense: compiled or not. The rule is
    evaluated once, to a byte per pair of rows; otherwise every layer's kernels would repeat its five look-ups."""
    seen = dense(batch["group"], batch["order"], batch["limits"])
    n, t = batch["ids"].shape
    return make(lambda n, head, q, k: seen[n, q, k], B=n, H=None, Q_LEN=t, KV_LEN=t, device=str(batch["ids"].device))


def embedded(model: CompactModel, batch: Mapping[str, Tensor]) -> Tensor:
    """Input embeddings (N, T, hidden)."""
    return functional.embedding(batch["ids"], model.embed) + batch["canvas"].unsqueeze(-1) * model.canvas


def flex_layer(layer: Layer, x: Tensor, rotation: tuple[Tensor, Tensor], mask: BlockMask) -> Tensor:
    """`Layer.forward` with flex attention in place of the dense product. On a GPU this is what gets compiled: thirty
    layers are one compilation."""
    q, k, v = layer.heads(x, rotation)
    return layer.finish(x, flex_attention(q, k, v, block_mask=mask, enable_gqa=True, kernel_options=BLOCKS))


def through(
    layers: Sequence[nn.Module],
    x: Tensor,
    rotation: tuple[Tensor, Tensor],
    mask: Tensor | BlockMask,
    flex: Any = flex_layer,
) -> Tensor:
    """The hidden states after some layers. flex: `flex_layer`, or compiled."""
    for layer in layers:
        assert isinstance(layer, Layer)
        dense = isinstance(mask, Tensor)
        x = layer(x, rotation, mask.unsqueeze(1), None)[0] if dense else flex(layer, x, rotation, mask)
    return x


def hidden(
    model: CompactModel, batch: Mapping[str, Tensor], mask: Tensor | BlockMask, flex: Any = flex_layer
) -> Tensor:
    """Last hidden states (N, T, hidden), normalized: what `CompactModel.hidden` computes, for whole sequences."""
    c = model.config
    rotation = rotary(batch["positions"], c.head_dim, c.rope_theta)
    return rms_norm(through(list(model.layers), embedded(model, batch), rotation, mask, flex), model.norm, c.norm_eps)
