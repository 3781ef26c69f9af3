"""INSERT and DELETE on a canvas, and the last scrub; pure (LLaDA2.2 report, Levenshtein editing)."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from engine.canvas import Canvas, ControlIds


def movable(canvas: Canvas) -> NDArray[np.bool_]:
    """The slots right of the last frozen one, where INSERT and DELETE may act: bool (B,)."""
    return ~np.logical_or.accumulate(canvas.frozen[::-1])[::-1]


def delete(canvas: Canvas, slot: int, control: ControlIds) -> None:
    """Drop a slot, in place. The tail is padded with EOM if the canvas holds one, else with a new MASK."""
    for row in (canvas.ids, canvas.frozen, canvas.new, canvas.probs):
        row[slot:-1] = row[slot + 1 :]
    ended = bool((canvas.ids[:-1] == control.eom).any())
    canvas.ids[-1] = control.eom if ended else control.mask
    canvas.frozen[-1], canvas.new[-1], canvas.probs[-1] = False, not ended, 1.0


def insert(canvas: Canvas, slot: int, control: ControlIds) -> bool:
    """Put a new MASK before a slot, in place; False, and nothing done, when a token of text would be pushed off."""
    if canvas.frozen[-1] or canvas.ids[-1] not in (control.mask, control.eom):
        return False
    for row in (canvas.ids, canvas.frozen, canvas.new, canvas.probs):
        row[slot + 1 :] = row[slot:-1].copy()
    canvas.ids[slot], canvas.new[slot], canvas.frozen[slot], canvas.probs[slot] = control.mask, True, False, 1.0
    return True


def settled_end(canvas: Canvas, ends: Collection[int], control: ControlIds) -> int:
    """How many slots count: those up to and with the first ending token that has no MASK left of it; else all."""
    masks = np.flatnonzero(canvas.ids == control.mask)
    first_mask = int(masks[0]) if len(masks) else len(canvas)
    ending = np.flatnonzero(np.isin(canvas.ids[:first_mask], list(ends)))
    return int(ending[0]) + 1 if len(ending) else len(canvas)


def settle(canvas: Canvas, ends: Collection[int], control: ControlIds) -> None:
    """Everything after a settled end becomes EOM, in place; frozen slots do not."""
    after = ~canvas.frozen
    after[: settled_end(canvas, ends, control)] = False
    canvas.ids[after], canvas.new[after], canvas.probs[after] = control.eom, False, 1.0


def scrub(canvas: Canvas, control: ControlIds, reserved: Collection[int]) -> tuple[int, ...]:
    """What may be shown of a canvas: its tokens up to the first slot that is not text."""
    stop = np.flatnonzero(np.isin(canvas.ids, [*reserved, *control.never_text]))
    return tuple(canvas.ids[: int(stop[0]) if len(stop) else None].tolist())
