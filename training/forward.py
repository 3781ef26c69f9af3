"""The model over whole training sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask

from engine.checkpoint import Checkpoint
from engine.models.compact import CompactModel, rms_norm, rotary
from training import attention
from training.batches import Laid, dense, stack
from training.drafts import open_rows
from training.loss import SLICE, row_slice
from training.recipe import Recipe


class Forward:
    """The model over whole sequences on one device: which attention, which precision, what is compiled."""

    def __init__(self, model: CompactModel, recipe: Recipe, device: str, kind: str | None = None) -> None:
        self.model, self.recipe, self.device = model, recipe, torch.device(device)
        gpu = self.device.type == "cuda"
        self._flex = (kind or ("flex" if gpu else "dense")) == "flex"
        self._layer: Any = torch.compile(attention.flex_layer, dynamic=False) if gpu else attention.flex_layer
        self.slice: Any = torch.compile(row_slice, dynamic=False) if gpu else None
        self._make = torch.compile(create_block_mask) if gpu else create_block_mask
        self._dense = torch.compile(dense, dynamic=False) if gpu else dense
        self._known: dict[bytes, Tensor] = {}
        rows = sorted(model.config.control.never_text)
        self.answers = torch.tensor(rows, device=self.device) if recipe.frozen and recipe.answers else None

    def batch(self, laid: Sequence[Laid]) -> dict[str, Tensor]:
        """Arrays of these sequences on the device."""
        arrays = stack([one.arrays for one in laid])
        return {name: torch.from_numpy(array).to(self.device, non_blocking=True) for name, array in arrays.items()}

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """Row numbers, on a GPU in whole slices of the head: one shape is compiled."""
        return np.pad(rows, (0, -len(rows) % SLICE)) if self.device.type == "cuda" else rows

    def __call__(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Last hidden states (N, T, hidden)."""
        mask = attention.block_mask(batch, self._make, self._dense) if self._flex else attention.dense_mask(batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            if self.recipe.frozen:
                return self._upper(batch, mask)
            return attention.hidden(self.model, batch, mask, self._layer)

    def _upper(self, batch: Mapping[str, Tensor], mask: Any) -> Tensor:
        """The trained layers over what the frozen ones below make of the batch; that is kept where batches recur."""
        model, frozen = self.model, self.recipe.frozen
        rotation = rotary(batch["positions"], model.config.head_dim, model.config.rope_theta)
        key = b"".join(batch[name].numpy().tobytes() for name in ("ids", "positions")) if self.recipe.recurring else b""
        x = self._known.get(key)
        if x is None:
            with torch.no_grad():
                x = attention.through(
                    list(model.layers)[:frozen], attention.embedded(model, batch), rotation, mask, self._layer
                )
        if key:
            self._known[key] = x
        x = attention.through(list(model.layers)[frozen:], x, rotation, mask, self._layer)
        return rms_norm(x, model.norm, model.config.norm_eps)

    @torch.no_grad()
    def best(self, laid: Sequence[Laid]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The most probable token and its probability in each row of each sequence's fully masked canvases."""
        answers = []
        for hidden, one in zip(self(self.batch(laid)), laid, strict=True):
            rows = torch.from_numpy(open_rows(one)).to(self.device)
            p, token = self.model.logits(hidden[rows].to(self.model.embed.dtype)).softmax(-1).max(-1)
            answers.append((token.cpu().numpy(), p.float().cpu().numpy()))
        return answers


def load_model(checkpoint: Checkpoint, device: str) -> CompactModel:
    """The module with a folder's full-precision weights; float32 whatever the device, autocast does the rest."""
    model = CompactModel(checkpoint.config)
    model.load_state_dict(load_file(checkpoint.path("model.safetensors")), assign=True)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    model.to(device)
    return model
