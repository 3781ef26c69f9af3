"""The model's own drafts as training canvases: what it would write now, labelled with what should stand there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import ControlIds
from training import noise
from training.batches import Laid, Mix, Term


def open_rows(laid: Laid) -> np.ndarray:
    """Rows of the sequence's fully masked canvases, one canvas after the other: int64 (H,)."""
    return np.concatenate([np.arange(p.first, p.first + p.size) for p in laid.open] or [np.empty(0, np.int64)])


def redrafted(
    laid: Laid, best: tuple[np.ndarray, np.ndarray], mix: Mix, control: ControlIds, rng: np.random.Generator
) -> Laid:
    """The sequence with half of its fully masked canvases replaced by drafts.

    best: the model's most probable token and its probability in each of `open_rows`. A slot is written when its
    probability passes a threshold drawn for the canvas; the others stay open, as they do while decoding.
    """
    arrays, at = {name: array.copy() for name, array in laid.arrays.items()}, 0
    left = []
    for place in laid.open:
        rows = slice(place.first, place.first + place.size)
        token, p = (row[at : at + place.size] for row in best)
        at += place.size
        if rng.random() < 0.5:
            left.append(place)
            continue
        draft = _drafted(token, p, rng.uniform(0.0, 0.7), control)
        view = noise.edit_view(draft, place.middle, control, keep=mix.keep)
        arrays["ids"][rows], arrays["labels"][rows] = view.ids, view.labels
        arrays["weights"][rows] = view.weights
        arrays["terms"][rows] = np.where(view.filling, Term.FILL, Term.EDIT)
    return replace(laid, arrays=arrays, open=tuple(left))


def _drafted(token: np.ndarray, p: np.ndarray, threshold: float, control: ControlIds) -> noise.Ids:
    """The canvas after one step. No slot holds a token that is no text, and a settled end ends it."""
    never = list(control.never_text - {control.eom})
    draft = np.where((p > threshold) & ~np.isin(token, never), token, control.mask).astype(np.int64)
    masks, ends = np.flatnonzero(draft == control.mask), np.flatnonzero(draft == control.eom)
    if len(ends) and (not len(masks) or ends[0] < masks[0]):
        draft[ends[0] :] = control.eom
    return draft
