"""One denoising step, pure numpy: (canvas, prediction, mode) -> (canvas, changes).

Fill (Mask-to-Token) and edit (Token-to-Token) after LLaDA2.1 (report, eq. 1-3), INSERT and DELETE after LLaDA2.2.
It knows neither the model nor how often it has been called: `decode.py` counts the steps.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import indel
from engine.canvas import Canvas, ControlIds
from engine.denoiser import Prediction
from engine.mode import Mode


@dataclass(frozen=True, slots=True)
class Rules:
    """What no step may do. ends: ids that end the middle; barred: ids that are never an answer (MASK among them)."""

    control: ControlIds
    ends: frozenset[int]
    barred: frozenset[int]


@dataclass(frozen=True, slots=True)
class Change:
    """One slot's change; kind is one of filled, edited, inserted, deleted. slot: before any slot moved."""

    slot: int
    kind: str
    token: int
    prob: float


def refine(
    canvas: Canvas, prediction: Prediction, mode: Mode, rules: Rules, *, last: bool = False, repeat: bool = False
) -> tuple[Canvas, list[Change]]:
    """One step.

    last: the final forward: fill what is open with tokens of text, edit nothing. repeat: this step's outcome has been
    seen before: the slots that would change are frozen at their more probable value, so that the cycle ends.
    """
    control = rules.control
    token, prob = answers(prediction, rules.barred | ({control.insert, control.delete} if last else set()))
    live = ~canvas.frozen
    live[indel.settled_end(canvas, rules.ends, control) :] = False
    masks = live & (canvas.ids == control.mask)
    fill = masks & (last | (prob > mode.fill_threshold))
    force_progress(canvas, prediction, masks, fill, token, prob, rules)
    edit = np.zeros_like(fill)
    if mode.edit_threshold is not None and not last:
        edit = live & ~masks & (token != canvas.ids) & (prob > mode.edit_threshold)
    if not mode.indel:
        moves = np.isin(token, (control.insert, control.delete))
        fill &= ~moves
        edit &= ~moves
    return apply(canvas, fill | edit, token, prob, rules, repeat=repeat)


def answers(prediction: Prediction, barred: Collection[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The most probable token that may be answered and its probability, per slot: int64 (B,), float32 (B,)."""
    allowed = ~np.isin(prediction.ids, list(barred))
    best = allowed.argmax(axis=1)
    slots = np.arange(len(best))
    return prediction.ids[slots, best].copy(), np.where(allowed[slots, best], prediction.probs[slots, best], 0.0)


def force_progress(
    canvas: Canvas,
    prediction: Prediction,
    masks: NDArray[np.bool_],
    fill: NDArray[np.bool_],
    token: NDArray[np.int64],
    prob: NDArray[np.float32],
    rules: Rules,
) -> None:
    """At least one original mask is resolved every step: INSERT does not resolve one, DELETE does. In place."""
    original = masks & ~canvas.new
    if not original.any() or (fill & original & (token != rules.control.insert)).any():
        return
    resolving, sure = answers(prediction, rules.barred | {rules.control.insert})
    slot = int(np.where(original, sure, -1.0).argmax())
    token[slot], prob[slot], fill[slot] = resolving[slot], sure[slot], True


def apply(
    canvas: Canvas,
    chosen: NDArray[np.bool_],
    token: NDArray[np.int64],
    prob: NDArray[np.float32],
    rules: Rules,
    *,
    repeat: bool,
) -> tuple[Canvas, list[Change]]:
    """Write the chosen answers on a copy. Slots are taken from the right, so that moves shift only finished ones."""
    control, out, changes = rules.control, canvas.copy(), []
    held = np.flatnonzero(canvas.frozen)
    first_movable = int(held[-1]) + 1 if len(held) else 0
    for slot in map(int, np.flatnonzero(chosen)[::-1]):
        answer, p, was = int(token[slot]), float(prob[slot]), int(canvas.ids[slot])
        if answer in (control.insert, control.delete):
            if slot < first_movable:
                continue
            if answer == control.delete:
                indel.delete(out, slot, control)
                changes.append(Change(slot, "deleted", was, p))
            elif not repeat and indel.insert(out, slot, control):
                changes.append(Change(slot, "inserted", control.mask, p))
        else:
            if not (repeat and was != control.mask and canvas.probs[slot] > p):
                out.ids[slot], out.new[slot], out.probs[slot] = answer, False, p
            kind = "filled" if was == control.mask else "edited"
            changes.append(Change(slot, kind, answer, p))
        if repeat and out.ids[slot] != control.mask:
            out.frozen[slot] = True
    indel.settle(out, rules.ends, control)
    return out, changes[::-1]
