"""One denoising step, pure numpy: (canvas, prediction, mode) -> (canvas, changes).

Fill (Mask-to-Token) and edit (Token-to-Token) after LLaDA2.1 (report, eq. 1-3), INSERT and DELETE after LLaDA2.2.
It knows neither the model nor how often it has been called: `drafting.py` counts the steps.
"""

from __future__ import annotations

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

    At least one original mask is resolved every step (INSERT does not resolve one, DELETE does), and one new mask when
    no original is left. last: the final forward: fill what is open with tokens of text, edit nothing. repeat: this
    step's outcome has been seen before: the slots that would change are frozen at their more probable value, so that
    the cycle ends.
    """
    control = rules.control
    live = ~canvas.frozen
    live[indel.settled_end(canvas, rules.ends, control) :] = False
    masks = live & (canvas.ids == control.mask)
    turn = masks if last else first_part(masks, mode)
    movable = indel.movable(canvas) & (mode.indel and not last) & ~(masks & repeat)
    token, prob = answers(prediction, rules, inserting=movable, deleting=movable)
    fill = turn & (last | (prob > mode.fill_threshold))
    waiting = turn & ~canvas.new if (turn & ~canvas.new).any() else turn
    if waiting.any() and not (fill & waiting & (token != control.insert)).any():
        resolving, sure = answers(prediction, rules, inserting=np.zeros_like(movable), deleting=movable)
        slot = int(np.where(waiting, sure, -1.0).argmax())
        token[slot], prob[slot], fill[slot] = resolving[slot], sure[slot], True
    edit = np.zeros_like(fill)
    if mode.edit_threshold is not None and not last:
        edit = live & ~masks & (token != canvas.ids) & (prob > mode.edit_threshold)
    return apply(canvas, fill | edit, token, prob, rules, repeat=repeat)


def first_part(masks: NDArray[np.bool_], mode: Mode) -> NDArray[np.bool_]:
    """Which of these slots, bool (B,), are in the first part of a block that has any of them (`Mode.parts`).

    Parts are counted backwards from the canvas's end, which is also a block's end, unless a draft or an exact length
    was asked for.
    """
    if not mode.parts or not masks.any():
        return masks
    at = np.arange(-len(masks), 0)
    part = at // mode.block * len(mode.parts) + np.searchsorted(mode.parts, at % mode.block, side="right")
    turn: NDArray[np.bool_] = masks & (part == part[masks.argmax()])
    return turn


def answers(
    prediction: Prediction, rules: Rules, *, inserting: NDArray[np.bool_], deleting: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The most probable token that each slot may answer and its probability: int64 (B,), float32 (B,).

    inserting, deleting: bool (B,), slots that may answer INSERT, DELETE. A slot with no possible answer says EOM with
    probability 0.
    """
    ids, control = prediction.ids, rules.control
    allowed = ~np.isin(ids, list(rules.barred))
    allowed &= (ids != control.insert) | inserting[:, None]
    allowed &= (ids != control.delete) | deleting[:, None]
    slots, best, some = np.arange(len(ids)), allowed.argmax(axis=1), allowed.any(axis=1)
    return np.where(some, ids[slots, best], control.eom), np.where(some, prediction.probs[slots, best], 0.0)


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
    for slot in map(int, np.flatnonzero(chosen)[::-1]):
        answer, p, was = int(token[slot]), float(prob[slot]), int(canvas.ids[slot])
        moves, open_ = answer in (control.insert, control.delete), was == control.mask
        out.frozen[slot] |= repeat
        if repeat and not open_ and (moves or canvas.probs[slot] > p):
            continue
        if answer == control.delete:
            indel.delete(out, slot, control)
            changes.append(Change(slot, "deleted", was, p))
        elif answer != control.insert:
            out.ids[slot], out.new[slot], out.probs[slot] = answer, False, p
            changes.append(Change(slot, "filled" if open_ else "edited", answer, p))
        elif indel.insert(out, slot, control):
            changes.append(Change(slot, "inserted", control.mask, p))
    indel.settle(out, rules.ends, control)
    return out, changes[::-1]
