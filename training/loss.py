"""The objective: cross-entropy of every asked row. Clean text, middles and canvases each count as a weighted mean.

Slots that fill and slots that edit share one mean, so the weight of a slot beside another one does not depend on how
many of each kind there are. The head's logits are 49,160 wide, so they exist only for one slice of rows at a time: the
forward pass computes the gradients as it goes, and backward only scales them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Term

SLICE = 4096
"""Rows whose logits exist at the same time."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each term counts. clean, middle: clean text and middles, as a whole. fill, edit: a slot to fill, and one to
    edit or to leave (`Mix.keep`).

    sharpen: how strongly the entropy of canvas slots that are right already is pressed down (confidence-aware training,
    LLaDA2.0 report section 5). That makes decoding bolder and probabilities less honest.
    """

    clean: float = 0.5
    middle: float = 0.5
    fill: float = 1.0
    edit: float = 1.0
    sharpen: float = 0.0

    @property
    def shares(self) -> tuple[float, ...]:
        """By term."""
        return self.clean, self.middle, self.fill, self.edit


@dataclass(frozen=True, slots=True)
class Sums:
    """Per term: the weighted mean cross-entropy (nats), the share of asked rows whose best token is right, and how
    many rows were asked; (4,) each."""

    loss: Tensor
    right: Tensor
    asked: Tensor


def objective(
    hidden: Tensor,
    embed: Tensor,
    labels: Tensor,
    weights: Tensor,
    terms: Tensor,
    shares: Weights,
    slice_of: Any = None,
    learning: Tensor | None = None,
) -> tuple[Tensor, Sums]:
    """The loss of rows `hidden` (H, d) with their labels, weights and terms (H,), and what it is made of.

    learning: the rows of `embed` that get a gradient, or None for all of them.
    """
    totals = torch.zeros(len(Term), device=weights.device).index_add_(0, terms, weights).clamp_min(1e-9)
    among = torch.cat([totals[: Term.FILL], totals[Term.FILL :].sum().expand(2)])
    share = torch.tensor(shares.shares, device=weights.device)
    scaled = weights / among[terms] * share[terms]
    sharpened = torch.where(terms >= Term.FILL, shares.sharpen * scaled, 0.0)
    sharpened = sharpened if shares.sharpen else None
    loss, each, right = Head.apply(hidden, embed, labels, scaled, sharpened, slice_of or row_slice, learning)
    with torch.no_grad():
        asked = torch.zeros_like(totals).index_add_(0, terms, (weights > 0).float())
        means = torch.zeros_like(totals).index_add_(0, terms, each * weights) / totals
        hits = torch.zeros_like(totals).index_add_(0, terms, right * (weights > 0)) / asked.clamp_min(1)
    return loss, Sums(means, hits, asked)


class Head(torch.autograd.Function):
    """sum(weight * cross-entropy) of a tied head, slice by slice; with per-row cross-entropies and hits beside it."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        embed: Tensor,
        labels: Tensor,
        weights: Tensor,
        sharpened: Tensor | None,
        slice_of: Callable[..., tuple[Tensor, ...]],
        learning: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, table = hidden.detach(), embed.detach()
        if rows.is_cuda:
            rows, table = rows.bfloat16(), table.bfloat16()
        need_rows, need_table = ctx.needs_input_grad[:2]
        grad_rows = torch.zeros_like(rows) if need_rows else None
        grad_table = torch.zeros(embed.shape, dtype=torch.float32, device=embed.device) if need_table else None
        losses, hits, total = [], [], hidden.new_zeros((), dtype=torch.float32)
        for at in range(0, len(rows), SLICE):
            part = slice(at, at + SLICE)
            sharper = None if sharpened is None else sharpened[part]
            loss, right, pull = slice_of(rows[part], table, labels[part], weights[part], sharper)
            losses.append(loss)
            hits.append(right)
            total = total + (loss * weights[part]).sum()
            if grad_rows is not None:
                grad_rows[part] = pull @ table
            if grad_table is not None and learning is None:
                grad_table += pull.T @ rows[part]
            elif grad_table is not None:
                grad_table[learning] += pull[:, learning].T @ rows[part]
        ctx.save_for_backward(grad_rows, grad_table)
        ctx.kinds = hidden.dtype, embed.dtype
        out = torch.cat(losses), torch.cat(hits)
        ctx.mark_non_differentiable(*out)
        return total, *out

    @staticmethod
    def backward(ctx: Any, scale: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        rows, table = ctx.saved_tensors
        first = None if rows is None else (rows * scale).to(ctx.kinds[0])
        second = None if table is None else (table * scale).to(ctx.kinds[1])
        return first, second, None, None, None, None, None


def row_slice(
    rows: Tensor, table: Tensor, labels: Tensor, weights: Tensor, sharpened: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropies, hits, and the gradient of the weighted sum with respect to the logits, of some rows."""
    logits = functional.linear(rows, table).float()
    label = labels[:, None]
    norm = logits.logsumexp(-1, keepdim=True)
    loss = (norm - logits.gather(1, label))[:, 0]
    right = (logits.argmax(-1) == labels).float()
    log_p = logits.sub_(norm)
    if sharpened is None:
        pull = log_p.exp_().mul_(weights[:, None])
    else:
        p = log_p.exp()
        entropy = -(p * log_p).sum(-1, keepdim=True)
        pull = p * weights[:, None] - p * (log_p + entropy) * (sharpened * right)[:, None]
    pull.scatter_add_(1, label, -weights[:, None])
    return loss, right, pull.to(rows.dtype)
