"""One denoising step with predictions made by hand: every rule of `refine` and `indel`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import QUALITY, SPEEDY, Canvas, Change, Mode
from engine.refine import refine
from tests.fakes import CONTROL, DELETE, EOM, INSERT, MASK, NEWLINE, RULES, predict

A, B, C, D, X, Y = range(20, 26)


def canvas(*ids: int, frozen: tuple[int, ...] = (), new: tuple[int, ...] = ()) -> Canvas:
    made = Canvas.of(ids, frozen)
    made.new[list(new)] = True
    return made


def kinds(changes: list[Change]) -> list[tuple[int, str]]:
    return [(change.slot, change.kind) for change in changes]


def test_every_mask_above_the_threshold_is_filled_in_one_step() -> None:
    said = predict({A: 0.9}, {B: 0.4}, {C: 0.6}, {D: 0.51})
    after, changes = refine(Canvas.masks(4, MASK), said, SPEEDY, RULES)
    assert after.ids.tolist() == [A, MASK, C, D]
    assert after.probs[[0, 2, 3]] == pytest.approx([0.9, 0.6, 0.51])
    assert changes == [Change(slot, "filled", token, said.probs[slot, 0]) for slot, token in ((0, A), (2, C), (3, D))]


def test_a_probability_equal_to_the_threshold_does_not_qualify() -> None:
    after, _ = refine(Canvas.masks(2, MASK), predict({A: 0.5}, {B: 0.75}), SPEEDY, RULES)
    assert after.ids.tolist() == [MASK, B]


def test_without_a_qualifier_the_most_probable_original_mask_is_filled() -> None:
    after, changes = refine(Canvas.masks(3, MASK), predict({A: 0.2}, {B: 0.3}, {C: 0.1}), QUALITY, RULES)
    assert after.ids.tolist() == [MASK, B, MASK]
    assert kinds(changes) == [(1, "filled")]


def test_an_original_mask_goes_before_a_more_probable_new_one() -> None:
    before = canvas(MASK, MASK, new=(1,))
    after, _ = refine(before, predict({A: 0.2}, {B: 0.3}), SPEEDY, RULES)
    assert after.ids.tolist() == [A, MASK]
    after, _ = refine(after, predict({A: 0.2}, {B: 0.3}), SPEEDY, RULES)
    assert after.ids.tolist() == [A, B]


def test_a_new_mask_that_is_filled_resolves_no_original_one() -> None:
    after, _ = refine(canvas(MASK, MASK, new=(1,)), predict({A: 0.2}, {B: 0.9}), SPEEDY, RULES)
    assert after.ids.tolist() == [A, B]


def test_a_filled_slot_beside_no_mask_keeps_the_input_untouched() -> None:
    before = canvas(MASK, A)
    refine(before, predict({B: 0.9}, {C: 0.9}), SPEEDY, RULES)
    assert before == canvas(MASK, A)


@pytest.mark.parametrize(
    ("threshold", "prob", "edited"),
    [(0.0, 0.01, True), (0.5, 0.49, False), (0.5, 0.5, False), (0.5, 0.51, True), (None, 0.99, False)],
)
def test_editing(threshold: float | None, prob: float, edited: bool) -> None:
    """0 edits whenever the best token differs, None never does (the LLaDA2.1 report's meaning)."""
    mode = replace(SPEEDY, edit_threshold=threshold)
    after, changes = refine(canvas(A, B), predict({A: 0.9}, {X: prob}), mode, RULES)
    assert after.ids.tolist() == [A, X if edited else B]
    assert kinds(changes) == ([(1, "edited")] if edited else [])


def test_a_draft_that_the_model_confirms_does_not_change() -> None:
    after, changes = refine(canvas(A, B), predict({A: 0.3}, {B: 0.1}), SPEEDY, RULES)
    assert after == canvas(A, B)
    assert not changes


def test_mask_and_prompt_tokens_are_never_an_answer_the_next_best_counts() -> None:
    said = predict({MASK: 0.7, A: 0.2}, {CONTROL.prefix: 0.6, CONTROL.middle: 0.3, B: 0.05})
    after, _ = refine(canvas(MASK, X), said, SPEEDY, RULES)
    assert after.ids.tolist() == [A, B]


def test_a_model_that_says_nothing_but_mask_ends_the_middle() -> None:
    after, _ = refine(Canvas.masks(2, MASK), predict({MASK: 1.0}, {MASK: 1.0}), SPEEDY, RULES)
    assert after.ids.tolist() == [EOM, EOM]
    after, changes = refine(canvas(A, B), predict({MASK: 1.0}, {MASK: 1.0}), SPEEDY, RULES)
    assert after == canvas(A, B)
    assert not changes


class TestInsert:
    def test_a_new_mask_comes_before_the_slot(self) -> None:
        after, changes = refine(
            canvas(A, B, EOM, EOM), predict({A: 1}, {INSERT: 0.9}, {EOM: 1}, {EOM: 1}), SPEEDY, RULES
        )
        assert after == canvas(A, MASK, B, EOM, new=(1,))
        assert kinds(changes) == [(1, "inserted")]

    def test_before_the_end(self) -> None:
        after, _ = refine(canvas(A, EOM, EOM), predict({A: 1}, {INSERT: 0.9}, {EOM: 1}), SPEEDY, RULES)
        assert after == canvas(A, MASK, EOM, new=(1,))

    def test_refused_when_text_would_be_pushed_off(self) -> None:
        after, changes = refine(canvas(A, B), predict({INSERT: 1}, {B: 1}), SPEEDY, RULES)
        assert after == canvas(A, B)
        assert not changes

    def test_refused_when_a_frozen_slot_would_be_pushed_off(self) -> None:
        after, _ = refine(canvas(A, B, EOM, frozen=(2,)), predict({INSERT: 1}, {B: 1}, {EOM: 1}), SPEEDY, RULES)
        assert after == canvas(A, B, EOM, frozen=(2,))

    def test_as_many_as_there_is_room_for(self) -> None:
        said = predict({INSERT: 0.9}, {INSERT: 0.9}, {INSERT: 0.9}, {EOM: 1}, {EOM: 1})
        after, changes = refine(canvas(A, B, C, EOM, EOM), said, SPEEDY, RULES)
        assert after == canvas(A, MASK, B, MASK, C, new=(1, 3))
        assert kinds(changes) == [(1, "inserted"), (2, "inserted")]

    def test_at_a_mask_it_resolves_none(self) -> None:
        said = predict({INSERT: 0.8, A: 0.1}, {INSERT: 0.9, B: 0.2}, {MASK: 1})
        after, changes = refine(Canvas.masks(3, MASK), said, SPEEDY, RULES)
        assert after == canvas(MASK, MASK, B, new=(0,))
        assert kinds(changes) == [(0, "inserted"), (1, "filled")]

    def test_takes_the_threshold_of_the_slot(self) -> None:
        mode = replace(SPEEDY, edit_threshold=0.5)
        after, _ = refine(canvas(A, EOM), predict({INSERT: 0.5}, {EOM: 1}), mode, RULES)
        assert after == canvas(A, EOM)
        after, _ = refine(canvas(MASK, EOM), predict({INSERT: 0.5, A: 0.1}, {EOM: 1}), SPEEDY, RULES)
        assert after == canvas(A, EOM)


class TestDelete:
    def test_pads_with_a_new_mask_when_the_canvas_has_no_end(self) -> None:
        after, changes = refine(canvas(A, B, C), predict({A: 1}, {DELETE: 0.9}, {C: 1}), SPEEDY, RULES)
        assert after == canvas(A, C, MASK, new=(2,))
        assert changes == [Change(1, "deleted", B, pytest.approx(0.9))]

    def test_pads_with_eom_when_the_canvas_holds_one(self) -> None:
        after, _ = refine(canvas(A, B, EOM), predict({DELETE: 0.9}, {B: 1}, {EOM: 1}), SPEEDY, RULES)
        assert after == canvas(B, EOM, EOM)

    def test_of_the_end_itself_leaves_none(self) -> None:
        after, _ = refine(canvas(A, B, EOM), predict({A: 1}, {B: 1}, {DELETE: 0.9}), SPEEDY, RULES)
        assert after == canvas(A, B, MASK, new=(2,))

    def test_of_a_mask_resolves_it(self) -> None:
        said = predict({A: 0.4}, {DELETE: 0.45}, {C: 0.3})
        after, changes = refine(Canvas.masks(3, MASK), said, SPEEDY, RULES)
        assert after == canvas(MASK, MASK, MASK, new=(2,))
        assert kinds(changes) == [(1, "deleted")]

    def test_several_and_an_insert_in_one_step(self) -> None:
        said = predict({DELETE: 0.9}, {B: 1}, {DELETE: 0.9}, {INSERT: 0.9}, {EOM: 1}, {EOM: 1})
        after, changes = refine(canvas(A, B, C, D, EOM, EOM), said, SPEEDY, RULES)
        assert after == canvas(B, MASK, D, EOM, EOM, EOM, new=(1,))
        assert kinds(changes) == [(0, "deleted"), (2, "deleted"), (3, "inserted")]


class TestFrozen:
    def test_slots_never_change(self) -> None:
        before = canvas(A, MASK, B, frozen=(0, 2))
        after, _ = refine(before, predict({X: 1}, {C: 1}, {DELETE: 1}), SPEEDY, RULES)
        assert after == canvas(A, C, B, frozen=(0, 2))

    def test_moves_act_only_right_of_the_last_one_and_left_of_it_the_next_best_counts(self) -> None:
        before = canvas(A, MASK, B, C, EOM, EOM, frozen=(2,))
        said = predict({DELETE: 0.9}, {DELETE: 0.8, X: 0.1}, {B: 1}, {INSERT: 0.9}, {EOM: 1}, {EOM: 1})
        after, _ = refine(before, said, replace(SPEEDY, edit_threshold=0.5), RULES)
        assert after == canvas(A, X, B, MASK, C, EOM, frozen=(2,), new=(3,))

    def test_a_slot_behind_a_settled_end_keeps_its_token(self) -> None:
        after, _ = refine(canvas(MASK, A, B, frozen=(2,)), predict({EOM: 1}, {A: 1}, {B: 1}), SPEEDY, RULES)
        assert after == canvas(EOM, EOM, B, frozen=(2,))


class TestEnd:
    def test_with_no_mask_left_of_it_is_settled(self) -> None:
        said = predict({A: 1}, {EOM: 0.9}, {C: 0.9}, {D: 0.9})
        after, _ = refine(canvas(A, MASK, C, MASK), said, SPEEDY, RULES)
        assert after == canvas(A, EOM, EOM, EOM)

    def test_with_a_mask_left_of_it_is_not(self) -> None:
        after, _ = refine(Canvas.masks(3, MASK), predict({A: 0.3}, {EOM: 0.9}, {C: 0.9}), SPEEDY, RULES)
        assert after == canvas(MASK, EOM, C)

    def test_behind_it_nobody_looks(self) -> None:
        after, changes = refine(canvas(A, EOM, EOM), predict({A: 1}, {EOM: 1}, {X: 1}), SPEEDY, RULES)
        assert after == canvas(A, EOM, EOM)
        assert not changes

    def test_itself_may_become_text_again(self) -> None:
        after, _ = refine(canvas(A, EOM, EOM), predict({A: 1}, {B: 0.9}, {EOM: 1}), SPEEDY, RULES)
        assert after == canvas(A, B, EOM)

    def test_may_be_the_line_end(self) -> None:
        rules = replace(RULES, ends=frozenset({EOM, NEWLINE}))
        after, _ = refine(Canvas.masks(4, MASK), predict({A: 1}, {NEWLINE: 1}, {B: 1}, {C: 0.1}), SPEEDY, rules)
        assert after == canvas(A, NEWLINE, EOM, EOM)


class TestWithoutIndel:
    MODE = Mode("fills", edit_threshold=0.0, indel=False)

    def test_the_next_best_counts(self) -> None:
        said = predict({INSERT: 0.9, A: 0.05}, {DELETE: 0.9, B: 0.05})
        after, _ = refine(canvas(X, MASK), said, self.MODE, RULES)
        assert after.ids.tolist() == [A, B]


class TestPartByPart:
    """Blocks of 8, in which the first token, then those up to the fourth, then the rest are filled."""

    MODE = Mode("fills", edit_threshold=None, indel=False, block=8, parts=(1, 4, 8))

    def filled(self, *ids: int, last: bool = False) -> list[int]:
        said = predict(*({A: 0.9} for _ in ids))
        _, changes = refine(canvas(*ids), said, self.MODE, RULES, last=last)
        return [change.slot for change in changes]

    def test_only_masks_of_the_first_part_with_any_are_filled(self) -> None:
        assert self.filled(*[MASK] * 8) == [0]
        assert self.filled(X, MASK, Y, *[MASK] * 5) == [1, 3]
        assert self.filled(X, A, Y, B, MASK, X, MASK, MASK) == [4, 6, 7]

    def test_a_canvas_may_begin_within_a_block_and_hold_more_than_one(self) -> None:
        assert self.filled(*[MASK] * 6) == [0, 1]
        assert self.filled(X, *[MASK] * 8) == [1]
        assert self.filled(MASK, *[MASK] * 8) == [0]

    def test_the_last_forward_fills_all(self) -> None:
        assert self.filled(*[MASK] * 8, last=True) == list(range(8))

    def test_without_a_sure_answer_the_surest_of_the_part_is_taken(self) -> None:
        said = predict({A: 0.1}, {B: 0.2}, {C: 0.9}, {D: 0.9}, {D: 0.9}, {D: 0.9})
        _, changes = refine(Canvas.masks(6, MASK), said, self.MODE, RULES)
        assert kinds(changes) == [(1, "filled")]

    def test_masks_of_later_parts_are_no_drafts(self) -> None:
        mode = replace(self.MODE, edit_threshold=0.0)
        _, changes = refine(canvas(X, *[MASK] * 7), predict(*({X: 0.9} for _ in range(8))), mode, RULES)
        assert kinds(changes) == [(1, "filled"), (2, "filled"), (3, "filled")]


class TestLastForward:
    def test_fills_whatever_is_open_with_text_and_edits_nothing(self) -> None:
        before = canvas(A, MASK, MASK, MASK, new=(1, 2, 3))
        said = predict({X: 0.9}, {INSERT: 0.9, B: 0.01}, {DELETE: 0.9, MASK: 0.05, C: 0.01}, {EOM: 0.2, D: 0.1})
        after, changes = refine(before, said, SPEEDY, RULES, last=True)
        assert after == canvas(A, B, C, EOM)
        assert kinds(changes) == [(1, "filled"), (2, "filled"), (3, "filled")]


class TestRepeat:
    def test_freezes_the_changing_slots_at_their_more_probable_value(self) -> None:
        before = canvas(A, B, C)
        before.probs[:] = 0.3, 0.8, 1.0
        after, changes = refine(before, predict({X: 0.6}, {Y: 0.6}, {C: 1}), SPEEDY, RULES, repeat=True)
        assert after == canvas(X, B, C, frozen=(0, 1))
        assert kinds(changes) == [(0, "edited")]

    def test_moves_nothing_and_still_fills_a_mask(self) -> None:
        before = canvas(A, MASK, EOM, EOM, new=(1,))
        said = predict({DELETE: 0.9}, {DELETE: 0.6, B: 0.2}, {INSERT: 0.9}, {EOM: 1})
        after, changes = refine(before, said, SPEEDY, RULES, repeat=True)
        assert after == canvas(A, B, EOM, EOM, frozen=(0, 1, 2))
        assert kinds(changes) == [(1, "filled")]


def test_a_new_mask_is_another_state_than_an_original_one() -> None:
    assert canvas(MASK, MASK).state() != canvas(MASK, MASK, new=(1,)).state()
    assert canvas(A, B).state() == canvas(A, B, frozen=(0,)).state() != canvas(B, A).state()


def test_prediction_arrays_are_only_read() -> None:
    said = predict({INSERT: 0.9, A: 0.1}, {B: 0.9})
    ids, probs = said.ids.copy(), said.probs.copy()
    refine(Canvas.masks(2, MASK), said, SPEEDY, RULES)
    assert np.array_equal(said.ids, ids)
    assert np.array_equal(said.probs, probs)
