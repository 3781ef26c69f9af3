"""Noise and its labels: which slots are masked, what a draft gets wrong, and what each slot should answer.

Pure functions. Randomness comes in as a numpy Generator, so a sample is a function of its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import ControlIds

Ids = NDArray[np.int64]

LATER_EOM = 0.1
"""Weight of an EOM behind the first one: they repeat what the first one said."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One noisy canvas.

    ids: int64 (B,), what stands in the slots. labels: int64 (B,), what each slot should answer. weights: float32 (B,),
    0 for slots that are not asked. filling: bool (B,), slots that count as Mask-to-Token; the others are editing.
    """

    ids: Ids
    labels: Ids
    weights: NDArray[np.float32]
    filling: NDArray[np.bool_]


def target_slots(middle: Sequence[int], size: int, eom: int) -> Ids:
    """What a canvas should hold in the end: the middle from the canvas's first slot on, then EOM; int64 (size,)."""
    return np.array([*middle[:size], *[eom] * max(0, size - len(middle))], np.int64)


def mask_pair(
    size: int, rng: np.random.Generator, *, full: float = 0.6, band: tuple[float, float] = (0.3, 0.8)
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The masks of two views of one canvas, bool (size,) each.

    With probability `full` one view is masked throughout, because decoding starts there, and the other by a ratio from
    `band`; else the two are complementary, so that every slot is asked once. A view masks one slot at least.
    """
    some = np.zeros(size, np.bool_)
    some[rng.permutation(size)[: min(size, max(1, round(size * rng.uniform(*band))))]] = True
    if rng.random() < full or some.all():
        return np.ones(size, np.bool_), some
    return some, ~some


def fill_view(
    target: Ids, masked: NDArray[np.bool_], control: ControlIds, *, keep: float, later: float = LATER_EOM
) -> View:
    """A canvas of which some slots are masked; slots that stand should answer themselves, with weight `keep`."""
    ids = np.where(masked, control.mask, target)
    weights = _eom_weights(target, control.eom, later) * np.where(masked, 1.0, keep).astype(np.float32)
    return View(ids, target.copy(), weights, masked.copy())


def edit_view(draft: Ids, middle: Sequence[int], control: ControlIds, *, keep: float, later: float = LATER_EOM) -> View:
    """A canvas that holds a draft of the middle; slots that are right weigh `keep`, every change weighs 1."""
    labels = edit_labels(draft, middle, control)
    same = labels == draft
    weights = _eom_weights(labels, control.eom, later) * np.where(same, keep, 1.0).astype(np.float32)
    return View(draft.copy(), labels, weights, draft == control.mask)


def _eom_weights(labels: Ids, eom: int, later: float) -> NDArray[np.float32]:
    weights = np.ones(len(labels), np.float32)
    weights[np.flatnonzero(labels == eom)[1:]] = later
    return weights


# ---- labels


def edit_labels(draft: Ids, middle: Sequence[int], control: ControlIds) -> Ids:
    """What each slot of a draft should answer so that the canvas becomes the middle; int64 (B,).

    By longest common subsequence: a common token keeps itself; of what stands between two common tokens, draft and
    target are paired in order (SUBSTITUTE), surplus draft answers DELETE, and where target is missing the next common
    token, EOM too, answers INSERT: one new mask a turn, relabelled on the next. A canvas without room for an INSERT
    (it ends with a token of text) is labelled slot by slot instead.
    """
    size = len(draft)
    target = [*middle[: 2 * size], *[control.eom] * size]
    labels = np.empty(size, np.int64)
    at, goal = 0, 0
    for slot, where in [*common_tokens(draft, middle, control), (size, None)]:
        surplus = slot - at
        missing = surplus if where is None else where - goal
        paired = min(surplus, missing)
        labels[at : at + paired] = target[goal : goal + paired]
        labels[at + paired : slot] = control.delete
        if where is not None:
            labels[slot] = control.insert if missing > surplus else target[where]
            at, goal = slot + 1, where + 1
    no_room = draft[-1] not in (control.mask, control.eom)
    return target_slots(middle, size, control.eom) if no_room and (labels == control.insert).any() else labels


def common_tokens(draft: Ids, middle: Sequence[int], control: ControlIds) -> list[tuple[int, int]]:
    """A longest common subsequence of a draft and a middle with its endless run of EOM, as (slot, index) pairs; of
    several the one that needs the fewest INSERT and DELETE.

    A mask equals nothing, but between the draft's last token of text and its last run of EOM it is an end as well,
    where the middle needs no more. What the middle holds behind the draft's last slot is not missing: a canvas may end
    before the middle does. (At most twice the canvas's length of the middle is looked at.)
    """
    size, goal = len(draft), list(middle[: 2 * len(draft)])
    most = _behind_last(draft != control.eom)
    ended = most < size
    least = _behind_last((draft != control.eom) & (draft != control.mask)) if ended else size
    body = draft[:most].tolist()
    if not ended:
        goal += [control.eom] * size
    head = _same(body, goal, control.mask)
    tail = _same(body[head:][::-1], goal[head:][::-1], control.mask) if ended else 0
    inner, used = _align(
        body[head : most - tail], goal[head : len(goal) - tail], control.mask, least - head - tail, free_end=not ended
    )
    stop = head + used + tail
    last = [(stop - i, len(goal) - i) for i in range(tail, 0, -1)]
    ends = [(slot, len(goal) + i) for i, slot in enumerate(range(stop, size))] if ended else []
    return [(i, i) for i in range(head)] + [(head + i, head + j) for i, j in inner] + last + ends


def _behind_last(wanted: NDArray[np.bool_]) -> int:
    """The slot behind the last wanted one; 0 for none."""
    found = np.flatnonzero(wanted)
    return int(found[-1]) + 1 if len(found) else 0


def _same(a: Sequence[int], b: Sequence[int], mask: int) -> int:
    """Length of the common prefix, masks equal to nothing."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y or x == mask), min(len(a), len(b)))


def _align(
    draft: list[int], target: list[int], mask: int, least: int, *, free_end: bool
) -> tuple[list[tuple[int, int]], int]:
    """Dynamic programming over (slots, target tokens): most matches first, then fewest unpaired on either side; and how
    many slots it took, `least` or more: the others it may leave. free_end: so it may what follows of the target."""
    match = len(draft) + len(target) + 1
    table = [[-j for j in range(len(target) + 1)]]
    for i, token in enumerate(draft):
        above, row = table[-1], [-(i + 1)]
        for j, goal in enumerate(target):
            pair = above[j] + (match if token == goal != mask else 0)
            row.append(max(pair, above[j + 1] - 1, row[j] - 1))
        table.append(row)
    ends = range(len(target) + 1) if free_end else [len(target)]
    used, j = max(
        ((i, j) for i in range(max(least, 0), len(draft) + 1) for j in ends), key=lambda at: table[at[0]][at[1]]
    )
    i, pairs = used, []
    while i and j:
        same = draft[i - 1] == target[j - 1] != mask
        if table[i][j] == table[i - 1][j - 1] + (match if same else 0):
            i, j = i - 1, j - 1
            if same:
                pairs.append((i, j))
        elif table[i][j] == table[i - 1][j] - 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1], used


# ---- what a draft gets wrong


def corrupt(
    target: Ids, length: int, rng: np.random.Generator, *, vocabulary: Sequence[int], share: float, eom: int
) -> Ids:
    """A draft of the target with mistakes in its first `length` slots (the middle): wrong, lost and extra tokens.

    vocabulary: ids that wrong and extra tokens are drawn from. share: mistakes per token of text; one at least, except
    in an empty middle. Losing comes twice as often as adding: INSERT is the answer that is hardest to learn.
    """
    text = target[:length].tolist()
    tokens = list(text)
    mistakes = max(1, rng.binomial(length, share)) if length else 0
    while mistakes > 0 or tokens == text != []:
        _err(tokens, rng, vocabulary, room=len(target) - 1)
        mistakes -= 1
    return target_slots(tokens, len(target), eom)


def _err(tokens: list[int], rng: np.random.Generator, vocabulary: Sequence[int], room: int) -> None:
    """One mistake, in place."""
    at, kind = int(rng.integers(len(tokens) + 1)), rng.random()
    if kind < 0.4 and at < len(tokens):
        tokens[at] = int(rng.choice(vocabulary))
    elif kind < 0.8 and at < len(tokens):
        del tokens[at]
    elif len(tokens) < room:
        tokens.insert(at, int(rng.choice(vocabulary)))
