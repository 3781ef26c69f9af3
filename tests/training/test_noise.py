"""Labels do what they promise: applied through the engine's own rules they turn any draft into its target."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import SPEEDY, Canvas, Context, ControlIds, Draft, Prediction, ScriptedDenoiser
from engine.drafting import Sketch
from engine.refine import Rules
from engine.scripted import sure_of
from training import noise

CONTROL = ControlIds(mask=3, eom=4, insert=5, delete=6, suffix=7, prefix=8, file=9, middle=10)
M, E, I, D = CONTROL.mask, CONTROL.eom, CONTROL.insert, CONTROL.delete  # noqa: E741
A, B, C, X, Y = 20, 21, 22, 30, 31

texts = st.lists(st.sampled_from([A, B, C]), max_size=7)


@pytest.mark.parametrize(
    ("draft", "middle", "labels"),
    [
        ([A, B, E, E], [A, B], [A, B, E, E]),  # nothing to do
        ([A, X, E, E], [A, B], [A, B, E, E]),  # substitute
        ([A, X, B, E], [A, B], [A, D, B, E]),  # surplus
        ([A, C, E, E], [A, B, C], [A, I, E, E]),  # missing: the following anchor answers
        ([A, E, E, E], [A, B], [A, I, E, E]),  # EOM is an anchor
        ([A, C, E, E, E], [A, X, Y, B, C], [A, I, E, E, E]),  # several missing: one a turn
        ([A, M, C, E], [A, B, C], [A, B, C, E]),  # a mask is filled in place
        ([A, M, C, E], [A, C], [A, D, C, E]),  # a surplus mask goes
        ([M, M, M, M], [A, B], [A, B, E, E]),
        ([M, A, M, M], [A, A, B], [A, A, B, E]),  # of two alignments the one without INSERT and DELETE
        ([X, Y, B, E], [A, B], [A, D, B, E]),
        ([A, B, C, X], [A, B, C, X, Y, B], [A, B, C, X]),  # the canvas ends before the middle does
        ([A, C, X, Y], [A, B, C, X, Y], [A, B, C, X]),  # no room for INSERT: slot by slot
        ([A, C, X, M], [A, B, C, X, Y], [A, I, X, Y]),  # the mask makes room
        ([E, E], [], [E, E]),
        ([X, E], [], [D, E]),
        ([A, E, B, E], [A, B], [A, D, B, E]),  # an EOM that came too early
        ([A, B, E, M, E], [A, B], [A, B, E, E, E]),  # a mask behind the end is an end
        ([A, X, M, E], [A], [A, D, E, E]),  # behind surplus text, too
        ([M, A, M, E], [A, A], [A, A, E, E]),  # so of two alignments the one that leaves it there
        ([A, M, E, M, E], [A, B, C, A], [A, B, C, A, E]),  # unless the middle needs it
        ([A, E, M, E], [A, B, C, A], [A, B, C, I]),  # and more
    ],
)
def test_hand_made_drafts_get_these_labels(draft: list[int], middle: list[int], labels: list[int]) -> None:
    assert noise.edit_labels(np.array(draft), middle, CONTROL).tolist() == labels


@settings(max_examples=400, deadline=None)
@given(texts, st.lists(st.booleans(), min_size=1, max_size=12))
def test_both_kinds_of_views_label_the_same_canvas_alike(middle: list[int], masks: list[bool]) -> None:
    target = noise.target_slots(middle, len(masks), E)
    filled = noise.fill_view(target, np.array(masks), CONTROL, keep=0.2)
    assert noise.edit_labels(filled.ids, middle, CONTROL).tolist() == filled.labels.tolist()
    edited = noise.edit_view(filled.ids, middle, CONTROL, keep=0.2)
    assert edited.weights.tolist() == filled.weights.tolist() and (edited.filling == filled.filling).all()


@settings(max_examples=150, deadline=None)
@given(texts, texts, st.integers(0, 3))
def test_no_alignment_has_more_common_tokens_or_fewer_moves(draft: list[int], middle: list[int], ends: int) -> None:
    canvas = np.array([*draft, *[E] * ends] or [E])
    pairs = noise.common_tokens(canvas, middle, CONTROL)
    ended = len(list(itertools.takewhile(lambda token: token == E, canvas[::-1])))
    goal = [*middle[: 2 * len(canvas)], *[E] * (ended or len(canvas))]  # the last run of EOM is the middle's end
    assert all(canvas[i] == goal[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(pairs))
    assert _worth(pairs, canvas) == max(_worth(other, canvas) for other in _alignments(canvas.tolist(), goal))


def _worth(pairs: Sequence[tuple[int, int]], canvas: np.ndarray) -> tuple[int, int]:
    """(matches, -moves): what is unpaired between two matches moves, what follows the last one is free."""
    before = [(-1, -1), *pairs]
    moves = sum(abs((c - a) - (d - b)) for (a, b), (c, d) in itertools.pairwise(before))
    return len(pairs), -moves


def _alignments(draft: list[int], goal: list[int]) -> list[list[tuple[int, int]]]:
    """Every common subsequence, by brute force."""
    found = []
    for size in range(len(draft) + 1):
        for slots in itertools.combinations(range(len(draft)), size):
            found += [list(zip(slots, where, strict=True)) for where in _places([draft[i] for i in slots], goal)]
    return found


def _places(tokens: list[int], goal: list[int], start: int = 0) -> list[list[int]]:
    if not tokens:
        return [[]]
    return [
        [j, *rest] for j in range(start, len(goal)) if goal[j] == tokens[0] for rest in _places(tokens[1:], goal, j + 1)
    ]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from([A, B, C, X, M, E]), min_size=1, max_size=12),
    st.lists(st.sampled_from([A, B, C]), max_size=9),
    st.integers(0, 5),
)
def test_a_model_that_answers_the_labels_turns_every_draft_into_its_middle(
    draft: list[int], middle: list[int], ends: int
) -> None:
    start = Canvas.of([*draft, *[E] * ends])

    def answer(context: object, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        return sure_of(noise.edit_labels(canvas.ids, middle[len(committed) :], CONTROL).tolist(), CONTROL, 0.95)

    denoiser = ScriptedDenoiser(CONTROL, answer)
    sketch = Sketch((), start, SPEEDY, Rules(CONTROL, frozenset({E}), CONTROL.never_text - {E, I, D}))
    turns = 0
    while not sketch.done:
        (prediction,) = denoiser.predict(denoiser.open(Context((), 0)), [Draft((), sketch.canvas)])
        sketch.step(prediction)
        turns += 1
    assert sketch.canvas.ids.tolist() == noise.target_slots(middle, len(start), E).tolist()
    assert turns <= len(middle) + 3


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 32), st.integers(0, 2**32 - 1))
def test_mask_pairs_are_full_or_complementary(size: int, seed: int) -> None:
    one, two = noise.mask_pair(size, np.random.default_rng(seed))
    assert one.any() and two.any()
    assert one.all() or (one ^ two).all()


def test_a_quarter_of_the_views_is_masked_throughout_and_the_rest_in_the_band() -> None:
    rng = np.random.default_rng(0)
    views = [view for _ in range(4000) for view in noise.mask_pair(32, rng)]
    ratios = np.array([view.mean() for view in views])
    assert 0.25 <= (ratios == 1).mean() <= 0.35
    assert ratios.min() >= 0.18 and ratios[ratios < 1].max() <= 0.82


def test_fill_views_ask_masked_slots_and_weigh_only_the_first_end_in_full() -> None:
    target = noise.target_slots([A, B], 6, E)
    view = noise.fill_view(target, np.array([1, 0, 1, 1, 0, 0], bool), CONTROL, keep=0.5)
    assert view.ids.tolist() == [M, B, M, M, E, E]
    assert view.labels.tolist() == target.tolist()
    assert view.weights == pytest.approx([1, 0.5, 1, 0.1, 0.05, 0.05])
    assert view.filling.tolist() == [True, False, True, True, False, False]


def test_edit_views_weigh_changes_in_full_and_what_is_right_less() -> None:
    view = noise.edit_view(np.array([A, C, M, E, E]), [A, B, C, X], CONTROL, keep=0.25)
    assert view.labels.tolist() == [A, I, X, E, E]
    assert view.weights == pytest.approx([0.25, 1, 1, 0.25, 0.025])
    assert view.filling.tolist() == [False, False, True, False, False]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_corrupting_a_middle_leaves_a_mistake_and_the_canvas_its_size(length: int, seed: int) -> None:
    middle = list(range(100, 100 + length))
    target = noise.target_slots(middle, 24, E)
    draft = noise.corrupt(target, length, np.random.default_rng(seed), vocabulary=[7000], share=0.1, eom=E)
    assert len(draft) == 24 and draft[-1] == E
    assert (draft.tolist() == target.tolist()) == (length == 0)
