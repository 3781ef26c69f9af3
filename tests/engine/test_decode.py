"""The decoding loop against scripted models: it ends whatever they answer, and what it returns is text."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import (
    CAUSAL,
    QUALITY,
    SPEEDY,
    Canvas,
    Context,
    Generation,
    Mode,
    Modes,
    Prediction,
    ScriptedDenoiser,
    Step,
    Stream,
    Task,
)
from engine import decode as decoding
from engine.decode import COLD, IDLE_CHUNK
from engine.drafting import Sketch
from engine.run import CHUNK, Clock
from engine.stream_denoiser import StreamDenoiser
from tests.fakes import (
    CONTROL,
    DELETE,
    EOM,
    INSERT,
    MASK,
    NEWLINE,
    RESERVED,
    RULES,
    SIZE,
    VOCABULARY,
    Counting,
    drive,
    predict,
    steered,
    tiny_forward,
    wild,
)

A, B, C, D, E, X, Y = range(20, 27)
HERE = Context((Stream("prefix", (8, 30, 31), 768),), 771)
FILLING = Mode("filling", edit_threshold=None, indel=False)
CHOOSY = Mode("choosy", fill_threshold=0.7, edit_threshold=0.5, max_post_steps=3)
MODES = Modes()

Answer = Callable[[Canvas], Prediction]


def context(tokens: int) -> Context:
    return Context((Stream("prefix", tuple(18 + i % 40 for i in range(tokens)), 768),), 768 + tokens)


def model(answer: Answer) -> ScriptedDenoiser:
    return ScriptedDenoiser(CONTROL, lambda _context, _committed, canvas: answer(canvas))


def run(
    denoiser: ScriptedDenoiser, task: Task, *, modes: Modes = MODES, clock: Clock | None = None
) -> tuple[list[Step], Generation]:
    return drive(decoding.decode(denoiser, task, modes, VOCABULARY, clock or Clock(), time.monotonic()))


def always(token: int) -> Answer:
    return lambda canvas: predict(*[{token: 0.9, A: 0.05, B: 0.03}] * len(canvas))


def oscillating(canvas: Canvas) -> Prediction:
    return predict(*({Y if token == X else X: 0.9} for token in canvas.ids))


def breathing(canvas: Canvas) -> Prediction:
    """INSERT as long as there is no mask, then DELETE."""
    token = DELETE if (canvas.ids == MASK).any() else INSERT
    return predict(*[{token: 0.9, A: 0.05}] * len(canvas))


def mumbling(canvas: Canvas) -> Prediction:
    return predict(*[{A: 0.01, B: 0.005}] * len(canvas))


CONTRARY = [always(INSERT), always(DELETE), always(MASK), always(EOM), always(7), oscillating, breathing, mumbling]

WORDS = [MASK, EOM, INSERT, DELETE, 8, 0, 15, NEWLINE, A, B, C]
canvases = st.builds(
    lambda ids, frozen: Canvas.of(ids, [slot for slot in frozen if slot < len(ids) and ids[slot] != MASK]),
    st.lists(st.sampled_from([MASK, MASK, MASK, EOM, A, B, C]), min_size=1, max_size=12),
    st.lists(st.integers(0, 11), max_size=3),
)
modes = st.builds(
    Mode,
    st.just("any"),
    st.sampled_from([0.0, 0.3, 0.5, 0.7]),
    st.sampled_from([0.0, 0.5, None]),
    st.integers(0, 5),
    st.booleans(),
    st.sampled_from([0.0, 0.9]),
)


def originals(canvas: Canvas) -> int:
    return int((canvas.ids == MASK).sum())


def decoded(canvas: Canvas, mode: Mode, answer: Answer) -> tuple[Sketch, int]:
    """One canvas to its end and its forwards. Fails when a forward resolves no original mask while there are some."""
    sketch, forwards = Sketch((), canvas, mode, RULES), 0
    bound = originals(canvas) + mode.max_post_steps + 1
    while not sketch.done:
        assert forwards < bound, "more forwards than original masks + max_post_steps + 1"
        before = sketch.canvas
        sketch.step(answer(before))
        forwards += 1
        open_before, open_after = ((c.ids == MASK) & ~c.new for c in (before, sketch.canvas))
        assert open_after.sum() < max(1, open_before.sum()), "no original mask was resolved"
        assert before.frozen.sum() <= sketch.canvas.frozen.sum()
    return sketch, forwards


class TestEveryCanvasEnds:
    @pytest.mark.parametrize("mode", [SPEEDY, QUALITY, FILLING, CHOOSY], ids=lambda mode: mode.name)
    @pytest.mark.parametrize("answer", CONTRARY)
    def test_against_contrary_models(self, mode: Mode, answer: Answer) -> None:
        starts = [
            Canvas.masks(8, MASK),
            Canvas.of([A, B, C, A, B, C, A, B]),
            Canvas.of([A, MASK, C, MASK, EOM, EOM, EOM, EOM]),
            Canvas.of([A, MASK, C, MASK, B, MASK, EOM, EOM], [2, 4]),
            Canvas.of([MASK] * 7 + [A], [7]),
            Canvas.of([A, B], [0, 1]),
        ]
        for start in starts:
            sketch, _ = decoded(start, mode, answer)
            assert not (sketch.canvas.ids == MASK).any()

    @given(canvases, modes, st.integers())
    def test_against_random_predictions(self, start: Canvas, mode: Mode, seed: int) -> None:
        sketch, _ = decoded(start, mode, lambda canvas: wild(seed, canvas, WORDS))
        assert not (sketch.canvas.ids == MASK).any()
        assert not set(sketch.canvas.ids.tolist()) & {INSERT, DELETE, 8}

    @given(canvases, modes, st.integers())
    def test_and_keeps_frozen_tokens_in_order(self, start: Canvas, mode: Mode, seed: int) -> None:
        sketch, _ = decoded(start, mode, lambda canvas: wild(seed, canvas, WORDS))
        held = np.flatnonzero(start.frozen)
        assert np.array_equal(sketch.canvas.ids[held], start.ids[held])

    @given(
        st.lists(canvases, min_size=1, max_size=2),
        st.sampled_from(["speedy", "quality", "causal", "auto"]),
        st.integers(1, 3),
        st.integers(1, 40),
        st.integers(0, 2),
        st.integers(),
    )
    def test_the_whole_task_too_and_its_candidates_are_text(
        self, starts: list[Canvas], mode: str, alternatives: int, max_tokens: int, max_lines: int, seed: int
    ) -> None:
        """Every canvas that continues commits half of itself, so max_tokens bounds how often."""
        task = Task(HERE, tuple(starts), (), mode, alternatives, max_tokens, max_lines)
        denoiser = model(lambda canvas: wild(seed, canvas, WORDS))
        _, generation = run(denoiser, task)
        assert 1 <= len(generation.candidates) <= len(starts) + alternatives - 1
        for candidate in generation.candidates:
            assert len(candidate.ids) == len(candidate.probs) <= max_tokens
            assert not set(candidate.ids) & RESERVED
        longest = max(len(start) for start in starts)
        rows = 1 + 2 * max_tokens
        assert generation.cost.forwards <= rows * (longest + SPEEDY.max_post_steps + 1)


class TestEnds:
    def test_a_step_that_changes_nothing_is_the_last(self) -> None:
        sketch, forwards = decoded(Canvas.of([A, B]), SPEEDY, lambda _: predict({A: 0.9}, {B: 0.9}))
        assert forwards == 1
        assert sketch.canvas == Canvas.of([A, B])

    def test_no_verifying_step_when_one_step_was_sure_of_all(self) -> None:
        assert decoded(Canvas.masks(3, MASK), SPEEDY, lambda _: predict({A: 0.95}, {EOM: 0.95}, {B: 0.1}))[1] == 1
        assert decoded(Canvas.masks(3, MASK), SPEEDY, lambda _: predict({A: 0.95}, {EOM: 0.85}, {EOM: 0.95}))[1] == 2
        assert decoded(Canvas.of([A, MASK]), SPEEDY, lambda _: predict({A: 0.95}, {B: 0.95}))[1] == 2

    def test_no_verifying_step_when_it_could_change_nothing(self) -> None:
        assert decoded(Canvas.masks(2, MASK), FILLING, lambda _: predict({A: 0.6}, {B: 0.6}))[1] == 1

    def test_a_short_answer_ends_before_the_canvas_is_full(self) -> None:
        """Six tokens on a canvas of 32 whose tail the model knows nothing about."""
        said = [*({token: 0.95} for token in (A, B, C, D, E)), {EOM: 0.95}, *[{X: 0.01}] * 26]
        sketch, forwards = decoded(Canvas.masks(32, MASK), SPEEDY, lambda _: predict(*said))
        assert forwards == 1
        assert sketch.canvas.ids.tolist() == [A, B, C, D, E] + [EOM] * 27

    def test_the_counter_of_post_steps_is_never_reset(self) -> None:
        """A model that edits and inserts for ever: post-steps run out although new masks keep coming."""
        _, forwards = decoded(Canvas.of([A, B, EOM, EOM, EOM, EOM]), CHOOSY, always(INSERT))
        assert forwards <= CHOOSY.max_post_steps + 1

    def test_an_oscillation_is_frozen_at_the_more_probable_side(self) -> None:
        def answer(canvas: Canvas) -> Prediction:
            return predict({X: 0.6} if canvas.ids[0] == Y else {Y: 0.8})

        sketch, forwards = decoded(Canvas.masks(1, MASK), SPEEDY, answer)
        assert sketch.canvas.ids.tolist() == [Y]
        assert forwards <= 4

    def test_a_deleted_token_that_is_inserted_again_does_not_go_on(self) -> None:
        _, forwards = decoded(Canvas.of([A, B, EOM, EOM]), SPEEDY, breathing)
        assert forwards < SPEEDY.max_post_steps


class TestContinuation:
    def script(self, length: int) -> list[int]:
        return [18 + i % 40 for i in range(length)]

    def test_a_full_canvas_continues_on_the_next_with_eight_tokens_as_drafts(self) -> None:
        said = self.script(30)
        denoiser = ScriptedDenoiser.saying(CONTROL, [said])
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(16, MASK),)))
        assert [c.ids for c in generation.candidates] == [tuple(said)]
        assert generation.candidates[0].ended
        second = denoiser.calls[1]
        assert second.committed == tuple(said[:8])
        assert second.canvas.ids.tolist() == said[8:16] + [MASK] * 8
        assert not second.canvas.frozen.any()

    @pytest.mark.parametrize("size", range(1, 9))
    def test_a_small_canvas_advances_too(self, size: int) -> None:
        said = self.script(21)
        _, generation = run(ScriptedDenoiser.saying(CONTROL, [said]), Task(HERE, (Canvas.masks(size, MASK),)))
        assert generation.candidates[0].ids == tuple(said)

    def test_both_sides_of_the_seam_are_edited_together(self) -> None:
        """On the second canvas the model thinks better of what it took back."""
        first, better = self.script(16), [*self.script(8), *[X] * 8, *[Y] * 4]

        def answer(_context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            said = ((better if committed else first) + [EOM] * 40)[len(committed) :][: len(canvas)]
            return predict(*({token: 0.95} for token in said))

        _, generation = run(ScriptedDenoiser(CONTROL, answer), Task(HERE, (Canvas.masks(16, MASK),)))
        assert generation.candidates[0].ids == tuple(better)

    def test_it_goes_on_from_what_the_task_committed(self) -> None:
        said = self.script(12)
        denoiser = ScriptedDenoiser.saying(CONTROL, [said])
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(8, MASK),), tuple(said[:4])))
        assert generation.candidates[0].ids == tuple(said[4:])
        assert denoiser.calls[0].committed == tuple(said[:4])

    @pytest.mark.parametrize("mode", ["speedy", "causal"])
    def test_max_tokens_cuts_and_marks_unfinished(self, mode: str) -> None:
        said = self.script(100)
        task = Task(HERE, (Canvas.masks(16, MASK),), mode=mode, max_tokens=20)
        _, generation = run(ScriptedDenoiser.saying(CONTROL, [said]), task)
        assert generation.candidates[0].ids == tuple(said[:20])
        assert not generation.candidates[0].ended

    def test_a_request_of_some_lines_does_not_continue_past_them(self) -> None:
        said = [A, NEWLINE, B, NEWLINE, *[C] * 60]
        denoiser = ScriptedDenoiser.saying(CONTROL, [said])
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(16, MASK),), max_lines=2))
        assert generation.candidates[0].ids[:4] == tuple(said[:4])
        assert len(denoiser.calls) == 1

    @pytest.mark.parametrize("mode", ["speedy", "causal"])
    def test_a_one_line_request_ends_at_the_line_end(self, mode: str) -> None:
        said = [A, B, NEWLINE, C, D]
        denoiser = ScriptedDenoiser.saying(CONTROL, [said])
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(8, MASK),), mode=mode, max_lines=1))
        assert generation.candidates[0].ids == (A, B, NEWLINE)
        assert generation.candidates[0].ended
        if mode == "speedy":
            assert len(denoiser.calls) == 1

    @pytest.mark.parametrize("mode", ["speedy", "quality", "causal"])
    @pytest.mark.parametrize("length", [3, 16, 41])
    def test_an_exact_length_is_kept_whatever_would_end_it(self, mode: str, length: int) -> None:
        """Oracle length: ends are no answers, and the canvases have no slot to spare."""
        said = self.script(length)

        def answer(_context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            at = len(committed)
            return predict(*({EOM: 0.6, 0: 0.2, token: 0.15} for token in said[at : at + len(canvas)] or [A]))

        denoiser = ScriptedDenoiser(CONTROL, answer)
        task = Task(HERE, (Canvas.masks(min(16, length), MASK),), mode=mode, max_tokens=length, exact=True)
        _, generation = run(denoiser, task)
        assert generation.candidates[0].ids == tuple(said)
        assert generation.candidates[0].ended
        assert max(len(call.committed) + len(call.canvas) for call in denoiser.calls) <= length

    def test_an_end_of_the_base_vocabulary_ends_too_and_is_not_shown(self) -> None:
        for mode in ("speedy", "causal"):
            _, generation = run(
                model(lambda canvas: predict(*[{0: 0.95}] * len(canvas))),
                Task(HERE, (Canvas.masks(4, MASK),), mode=mode),
            )
            assert generation.candidates[0].ids == ()
            assert generation.candidates[0].ended


class TestLengths:
    """A hole that is filled in place has the length at which the model is surest."""

    MODE = replace(FILLING, lengths=(2, 4, 6, 12))

    @staticmethod
    def fitting(right: int, canvas: Canvas) -> Prediction:
        """Sure of the right length, less so the farther off."""
        sure = 0.95 if len(canvas) == right else 0.5
        return predict(
            *[{token: sure, X: 0.01} for token in [A, B, C, D, E, Y][:right] + [E] * (len(canvas) - right)][
                : len(canvas)
            ]
        )

    @pytest.mark.parametrize("right", [2, 4, 6])
    def test_the_surest_length_is_filled_and_nothing_follows(self, right: int) -> None:
        denoiser = model(lambda canvas: self.fitting(right, canvas))
        task = Task(HERE, (Canvas.masks(8, MASK),), mode="speedy", max_tokens=40)
        steps, generation = run(denoiser, task, modes=Modes(self.MODE, self.MODE))
        (said,) = generation.candidates
        assert said.ids == tuple([A, B, C, D, E, Y][:right])
        assert said.ended
        assert [len(draft.canvas) for draft in denoiser.calls] == [2, 4, 6, 12]  # no forward but the one that looked
        assert generation.cost.forwards == 4 and len(steps) == 4 + 1

    def test_no_length_is_longer_than_what_was_asked_for(self) -> None:
        denoiser = model(lambda canvas: self.fitting(6, canvas))
        task = Task(HERE, (Canvas.masks(8, MASK),), mode="speedy", max_tokens=5)
        _, generation = run(denoiser, task, modes=Modes(self.MODE, self.MODE))
        assert [len(draft.canvas) for draft in denoiser.calls][:2] == [2, 4]
        assert len(generation.candidates[0].ids) <= 5

    def test_where_all_lengths_are_longer_the_shortest_is_cut(self) -> None:
        denoiser = model(lambda canvas: self.fitting(2, canvas))
        task = Task(HERE, (Canvas.masks(8, MASK),), mode="speedy", max_tokens=1)
        _, generation = run(denoiser, task, modes=Modes(self.MODE, self.MODE))
        (said,) = generation.candidates
        assert (said.ids, said.ended) == ((A,), False)
        assert [len(draft.canvas) for draft in denoiser.calls] == [2]

    def test_none_is_looked_for_where_it_is_asked_for_exactly(self) -> None:
        denoiser = model(always(A))
        task = Task(HERE, (Canvas.masks(3, MASK),), mode="speedy", max_tokens=3, exact=True)
        _, generation = run(denoiser, task, modes=Modes(self.MODE, self.MODE))
        assert generation.candidates[0].ids == (A, A, A)
        assert {len(draft.canvas) for draft in denoiser.calls} == {3}

    def test_a_draft_keeps_its_size(self) -> None:
        denoiser = model(always(A))
        task = Task(HERE, (Canvas.of([B, MASK, C]),), mode="speedy")
        _, generation = run(denoiser, task, modes=Modes(self.MODE, self.MODE))
        assert generation.candidates[0].ids == (B, A, C)
        assert all(len(draft.canvas) == 3 for draft in denoiser.calls)


class TestBlocks:
    """An open canvas ends where its block does, counted from the start of the text; a draft stays as it is."""

    def sizes(self, mode: Mode, canvas: Canvas, committed: tuple[int, ...] = ()) -> list[tuple[int, int]]:
        denoiser = model(lambda canvas: predict(*[{A: 0.8, B: 0.1}] * len(canvas)))
        task = Task(context(21), (canvas,), committed, mode="speedy", max_tokens=30)
        run(denoiser, task, modes=Modes(mode, mode))
        return list(dict.fromkeys((task.context.middle + len(d.committed), len(d.canvas)) for d in denoiser.calls))

    def test_canvases_follow_the_blocks(self) -> None:
        mode = replace(FILLING, block=16)
        start = context(21).middle
        first = 16 - start % 16
        assert self.sizes(mode, Canvas.masks(8, MASK))[:2] == [(start, first), (start + first, 16)]
        assert self.sizes(mode, Canvas.masks(8, MASK), (B,) * 3)[0] == (start + 3, 16 - (start + 3) % 16)

    def test_blocks_that_are_taken_back(self) -> None:
        start = context(21).middle
        sizes = self.sizes(replace(FILLING, block=16, revisit_blocks=1), Canvas.masks(8, MASK))
        assert all((at + size) % 16 == 0 for at, size in sizes)
        assert max(size for _, size in sizes) == 32 and sizes[0][0] == start

    def test_a_draft_is_not_cut(self) -> None:
        draft = Canvas.of([B] * 9 + [EOM] * 3)
        assert self.sizes(replace(FILLING, block=16), draft)[0] == (context(21).middle, 12)


class TestAlternatives:
    def answer(self, _context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        """A B EOM, or X Y EOM after X, or C C EOM after C; D is too improbable for a canvas of its own."""
        first = committed[0] if committed else int(canvas.ids[0])
        follow = {X: Y, C: C}.get(first, B)
        said = [{A: 0.55, X: 0.3, C: 0.1, D: 0.04}, {follow: 0.95}, *[{EOM: 0.95}] * 20]
        return predict(*said[len(committed) :][: len(canvas)])

    def test_start_from_the_first_forward_and_share_all_others(self) -> None:
        denoiser = ScriptedDenoiser(CONTROL, self.answer)
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(4, MASK),), alternatives=5))
        assert [c.ids for c in generation.candidates] == [(A, B), (X, Y), (C, C)]
        assert [c.probs[0] for c in generation.candidates] == pytest.approx([0.55, 0.3, 0.1])
        assert generation.cost.forwards == 2
        assert [call.canvas.ids[0] for call in denoiser.calls[:4]] == [MASK, A, X, C]
        assert [bool(call.canvas.frozen[0]) for call in denoiser.calls[:4]] == [False, False, True, True]

    def test_left_to_right_are_the_most_probable_middles(self) -> None:
        """Beam search: A is the best first token, and what begins with X the best middle."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            after = {(): {A: 0.5, X: 0.4, C: 0.05}, (A,): {B: 0.4, C: 0.3, D: 0.2}, (X,): {Y: 0.9, A: 0.05}}
            return predict(after.get(committed, {EOM: 0.9, A: 0.1}))

        _, generation = run(ScriptedDenoiser(CONTROL, answer), Task(HERE, (), mode="causal", alternatives=3))
        assert [c.ids for c in generation.candidates] == [(X, Y), (A, B), (A, C)]
        assert all(c.ended for c in generation.candidates)
        assert generation.cost.forwards == 3
        _, greedy = run(ScriptedDenoiser(CONTROL, answer), Task(HERE, (), mode="causal"))
        assert [c.ids for c in greedy.candidates] == [(A, B)]

    def test_left_to_right_what_is_favoured_is_looked_at_beside_them(self) -> None:
        """D is the seventh first token, and what it begins in favour; probabilities and their order stay."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            first = {A: 0.4, B: 0.2, C: 0.1, X: 0.09, Y: 0.08, 17: 0.07, D: 0.01}
            return predict(first if not committed else {EOM: 0.9, A: 0.05})

        task = Task(HERE, (), mode="causal", alternatives=2, max_tokens=2)
        _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
        assert [c.ids for c in generation.candidates] == [(A,), (B,)]
        favoured = replace(task, steering=steered(favour=lambda ids: 9.0 * (ids[0] == D)))
        _, generation = run(ScriptedDenoiser(CONTROL, answer), favoured)
        assert [c.ids for c in generation.candidates] == [(A,), (B,), (D,), (D, A)]
        assert generation.candidates[2].probs == pytest.approx((0.01,))
        _, generation = run(ScriptedDenoiser(CONTROL, answer), replace(task, steering=steered(favour=lambda ids: 9.0)))
        assert [c.ids for c in generation.candidates] == [(A,), (B,), (C,), (X,), (Y,), (17,)]

    def test_left_to_right_the_most_favoured_are_looked_at(self) -> None:
        """Six of eight first tokens have something in their favour, and four of them a place: the last ones."""
        favour = {22: 0.1, 23: 0.1, 24: 5.0, 25: 5.0, 26: 5.0, 27: 5.0}

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            return predict({EOM: 0.9} if committed else {token: 0.3 / (token - 19) for token in range(20, 28)})

        task = Task(HERE, (), mode="causal", alternatives=2)
        denoiser = ScriptedDenoiser(CONTROL, answer)
        run(denoiser, replace(task, steering=steered(favour=lambda ids: favour.get(ids[0], 0.0) if ids else 0.0)))
        assert {call.committed for call in denoiser.calls[1:7]} == {(token,) for token in (20, 21, 24, 25, 26, 27)}

    def test_left_to_right_one_may_end_where_what_follows_begins(self) -> None:
        """X is how that begins; a middle that says so is an answer, and goes on as well."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            after = {(): {A: 0.6, B: 0.1}, (A,): {X: 0.5, B: 0.4}}
            return predict(after.get(committed, {EOM: 0.9, A: 0.05}))

        task = Task(HERE, (), mode="causal", alternatives=3, steering=steered(meets=lambda ids: ids[-1] == X))
        _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
        assert [(c.ids, c.met) for c in generation.candidates] == [((A, X), True), ((A, X), False), ((A, B), False)]
        assert [math.prod((*c.probs, c.end)) for c in generation.candidates] == pytest.approx([0.3, 0.27, 0.216])
        assert all(c.ended for c in generation.candidates)

    def test_left_to_right_what_is_of_no_use_is_given_up(self) -> None:
        """The others are those that are found anyway; an end counts."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            after = {(): {A: 0.5, X: 0.4, C: 0.05}, (A,): {B: 0.4, C: 0.3, D: 0.2}, (X,): {Y: 0.9, A: 0.05}}
            return predict(after.get(committed, {EOM: 0.5, A: 0.1}))

        def asked(least: float) -> tuple[list[tuple[int, ...]], int]:
            useful = steered(useful=lambda joint: joint >= least)
            task = Task(HERE, (), mode="causal", alternatives=3, steering=useful)
            _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
            return [c.ids for c in generation.candidates], generation.cost.forwards

        assert asked(0.0) == ([(X, Y), (A, B), (A, C)], 3)
        assert asked(0.15) == ([(X, Y)], 3)
        assert asked(0.19) == ([(X, Y)], 3)
        assert asked(0.45) == ([(A, B)], 2)
        assert asked(0.6) == ([(A,)], 1)

    def test_left_to_right_one_that_is_enough_ends_the_search(self) -> None:
        """A and its end are 0.54, at the second forward; an empty middle, found before, is not what is looked for."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            first = {A: 0.6, EOM: 0.2, X: 0.1}
            return predict(first if not committed else {EOM: 0.9} if committed[0] == A else {Y: 0.95})

        def asked(least: float) -> tuple[list[tuple[int, ...]], int]:
            enough = steered(enough=lambda ids, joint: bool(ids) and joint >= least)
            task = Task(HERE, (), mode="causal", alternatives=3, max_tokens=6, steering=enough)
            _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
            return [c.ids for c in generation.candidates], generation.cost.forwards

        assert asked(0.5) == ([(A,), ()], 2)
        assert asked(0.55) == ([(A,), (), (X, *[Y] * 5)], 6)

    def test_left_to_right_what_says_nothing_is_no_answer(self) -> None:
        """An end at once is the best token; the others keep their probabilities."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            return predict({EOM: 0.6, A: 0.3, X: 0.05} if not committed else {EOM: 0.9})

        for alternatives, found in ((1, [(A,)]), (2, [(A,), (X,)])):
            task = Task(HERE, (), mode="causal", alternatives=alternatives)
            _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
            assert generation.candidates[0].ids == ()
            _, generation = run(ScriptedDenoiser(CONTROL, answer), replace(task, steering=steered(says=bool)))
            assert [c.ids for c in generation.candidates] == found
            assert generation.candidates[0].probs == pytest.approx((0.3,))
        nothing = ScriptedDenoiser(CONTROL, lambda *_: predict({EOM: 0.9}))
        _, generation = run(nothing, Task(HERE, (), mode="causal", alternatives=2, steering=steered(says=bool)))
        assert generation.candidates == ()

    def test_at_most_as_many_as_are_wanted(self) -> None:
        for mode in ("speedy", "causal"):
            task = Task(HERE, (Canvas.masks(4, MASK),), mode=mode, alternatives=2)
            _, generation = run(ScriptedDenoiser(CONTROL, self.answer), task)
            assert [c.ids for c in generation.candidates] == [(A, B), (X, Y)]

    def test_left_to_right_what_ends_early_waits_for_the_better(self) -> None:
        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            if not committed:
                return predict({A: 0.55, EOM: 0.3, X: 0.1})
            return predict({B: 0.95} if committed[0] == A and len(committed) < 4 else {EOM: 0.95})

        task = Task(HERE, (), mode="causal", alternatives=3)
        steps, generation = run(ScriptedDenoiser(CONTROL, answer), task)
        assert [c.ids for c in generation.candidates] == [(A, B, B, B), (), (X,)]
        assert [step.committed for step in steps[:4]] == [(A, B, B, B)[:n] for n in (1, 2, 3, 4)]

    def test_two_starts_share_their_forwards(self) -> None:
        """A repair: the draft itself, and the draft with its suspect masked."""
        starts = (Canvas.of([A, X, EOM, EOM]), Canvas.of([A, MASK, EOM, EOM]))
        denoiser = ScriptedDenoiser(CONTROL, lambda *_: predict({A: 0.9}, {B: 0.6, X: 0.3}, {EOM: 0.9}, {EOM: 0.9}))
        _, generation = run(denoiser, Task(HERE, starts, mode="quality"))
        assert [c.ids for c in generation.candidates] == [(A, B), (A, B)]
        assert generation.cost.forwards == 2
        assert len(denoiser.calls) == 4


class TestCausal:
    def test_one_token_a_forward(self) -> None:
        steps, generation = run(ScriptedDenoiser.saying(CONTROL, [[A, B, C]]), Task(HERE, (), mode="causal"))
        assert [(step.kind, step.committed) for step in steps] == [
            ("token", (A,)),
            ("token", (A, B)),
            ("token", (A, B, C)),
            ("token", (A, B, C)),
        ]
        assert generation.cost.forwards == 4
        assert generation.candidates[0].probs == pytest.approx([0.95] * 3)

    @pytest.mark.parametrize("alternatives", [1, 4])
    def test_what_was_typed_is_written_again_in_every_way(self, alternatives: int) -> None:
        """Typed is what C says, and A and B after each other; it is certain, whatever the model made of it."""

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            said = {(): {X: 0.6, A: 0.3, C: 0.06}, (A,): {B: 0.8, X: 0.2}, (A, B): {X: 0.9, EOM: 0.1}}
            return predict(said.get(committed, {EOM: 0.7, Y: 0.3}))

        def heal(ids: tuple[int, ...]) -> NDArray[np.int64] | None:
            return {(): np.array([A, C]), (A,): np.array([B])}.get(ids)

        task = Task(HERE, (), mode="causal", steering=steered(heal=heal), max_tokens=6, alternatives=alternatives)
        _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
        best, *others = generation.candidates
        assert best.ids == (A, B, X)
        assert best.probs == pytest.approx([1.0, 0.24 / 0.30, 0.9])
        assert [one.probs[0] for one in others if one.ids == (C,)] == pytest.approx([0.06 / 0.30] * (alternatives > 1))

    def test_ways_are_looked_at_together_where_that_is_cheap(self) -> None:
        """A and B after each other, A and X, or C; what follows C is asked along with what follows A."""
        said = {(): {A: 0.6, C: 0.3}, (A,): {B: 0.6, X: 0.3}, (C,): {Y: 0.9}, (A, B): {Y: 0.8}, (A, X): {Y: 0.9}}
        ways = {(): np.array([A, C]), (A,): np.array([B, X]), (A, B): np.array([Y]), (A, X): np.array([Y])}

        def script(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            return predict(said.get(committed, {EOM: 1.0}))

        denoiser = ScriptedDenoiser(CONTROL, script, lookahead=4)
        task = Task(HERE, (), mode="causal", steering=steered(heal=ways.get), alternatives=2)
        _, generation = run(denoiser, task)
        plain = ScriptedDenoiser(CONTROL, script)
        _, alone = run(plain, task)
        assert [one.ids for one in generation.candidates] == [one.ids for one in alone.candidates]
        assert generation.candidates[0].probs == pytest.approx(alone.candidates[0].probs)
        together = [{call.committed for call in denoiser.calls[at:end]} for at, end in ((0, 1), (1, 3), (3, 6))]
        assert together == [{()}, {(A,), (C,)}, {(A, B), (A, X), (C,)}]
        assert generation.cost.forwards < alone.cost.forwards
        assert len({call.committed for call in plain.calls}) == len(plain.calls), "nothing travels along unasked"

    @pytest.mark.parametrize("alternatives", [1, 4])
    def test_a_model_writes_the_same_in_fewer_forwards(self, alternatives: int) -> None:
        words = ["".join(letters) for size in (1, 2, 3) for letters in itertools.product("ab", repeat=size)]
        spelled = dict(enumerate(words, start=A))

        def ways(typed: str, middle: tuple[int, ...]) -> NDArray[np.int64] | None:
            rest = typed[sum(len(spelled.get(index, "")) for index in middle) :]
            found = [index for index, word in spelled.items() if rest.startswith(word) or word.startswith(rest)]
            return np.array(found) if rest else None

        forward, costs = tiny_forward(), []
        for typed in ("ba", "aab", "bbba", "abab"):
            task = Task(HERE, (), mode="causal", max_tokens=6, alternatives=alternatives)
            task = replace(task, steering=steered(heal=partial(ways, typed)))
            together, one_by_one = (StreamDenoiser(forward, CONTROL) for _ in range(2))
            one_by_one.lookahead = 0
            (_, found), (_, other) = run(together, task), run(one_by_one, task)
            assert found.candidates[0].ids == other.candidates[0].ids
            assert found.candidates[0].probs == pytest.approx(other.candidates[0].probs, rel=0.1)
            costs.append((found.cost.forwards, other.cost.forwards))
        assert all(one <= other for one, other in costs)
        assert sum(one for one, _ in costs) < sum(other for _, other in costs)

    def test_what_hardly_begins_so_is_not_looked_at(self) -> None:
        calls: list[tuple[int, ...]] = []

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            calls.append(committed)
            return predict({C: 0.5, A: 0.005} if not committed else {EOM: 0.9})

        heal = lambda ids: None if ids and ids[0] == C else np.array([A, C])  # noqa: E731
        run(ScriptedDenoiser(CONTROL, answer), Task(HERE, (), mode="causal", steering=steered(heal=heal)))
        assert calls == [(), (C,)]

    def test_of_very_many_ways_the_first_that_is_complete_will_do(self) -> None:
        """Twelve tokens of two ways each: once it has taken long, the way that is nearest to its end is followed."""
        calls: list[tuple[int, ...]] = []

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            calls.append(committed)
            return predict({A: 0.5, B: 0.5} if len(committed) < 12 else {EOM: 0.9})

        heal = lambda ids: None if len(ids) == 12 else np.array([A, B])  # noqa: E731
        task = Task(HERE, (), mode="causal", steering=steered(heal=heal))
        _, generation = run(ScriptedDenoiser(CONTROL, answer), task)
        assert list(map(len, calls)) == [0, 1, 1, 2, 2, 2, 2, 3, *range(4, 12), 12]
        assert len(generation.candidates[0].ids) == 12

    def test_is_what_weights_without_a_trained_canvas_get(self) -> None:
        untrained = Modes.of(canvas_trained=False, editing_trained=False, overrides={})
        for name in ("speedy", "quality", "causal", "auto"):
            task = Task(HERE, (Canvas.masks(4, MASK),), mode=name)
            _, generation = run(ScriptedDenoiser.saying(CONTROL, [[A]]), task, modes=untrained)
            assert generation.mode == CAUSAL.name
            assert generation.cost.forwards == 2


class TestModes:
    def test_weights_without_trained_editing_only_fill(self) -> None:
        filling = Modes.of(canvas_trained=True, editing_trained=False, overrides={})
        assert (filling.speedy.edit_threshold, filling.speedy.indel) == (None, False)
        assert filling.quality.fill_threshold == QUALITY.fill_threshold

    def test_the_checkpoint_may_override_thresholds(self) -> None:
        own = Modes.of(canvas_trained=True, editing_trained=True, overrides={"speedy": {"fill_threshold": 0.6}})
        assert own.speedy == replace(SPEEDY, fill_threshold=0.6)
        assert own.quality == QUALITY

    def test_an_unknown_mode_is_one_sentence(self) -> None:
        with pytest.raises(ValueError, match="no mode is called 'hasty'"):
            MODES.named("hasty")


class TestAuto:
    def choose(self, step_seconds: float, deadline: float | None, canvas: Canvas | None = None) -> Generation:
        clock = Clock()
        for _ in range(5):
            clock.note(16, step_seconds)
        task = Task(HERE, (canvas or Canvas.masks(16, MASK),), mode="auto", deadline=deadline)
        return run(ScriptedDenoiser.saying(CONTROL, [[A]]), task, clock=clock)[1]

    def test_is_careful_when_six_steps_fit(self) -> None:
        assert self.choose(0.1, 1.0).mode == "quality"
        assert self.choose(0.1, None).mode == "quality"

    def test_is_speedy_when_two_fit(self) -> None:
        generation = self.choose(0.1, 0.45)
        assert generation.mode == "speedy"
        assert "speedy, canvas 16" in generation.note

    def test_takes_a_small_canvas_when_less_fit(self) -> None:
        generation = self.choose(1.0, 1.2)
        assert (generation.mode, generation.candidates[0].ids) == ("speedy", (A,))
        assert "canvas 8" in generation.note
        assert "0.2 steps of 1000 ms" in generation.note

    @pytest.mark.parametrize(
        ("speedy", "size"),
        [(replace(SPEEDY, block=32), 29), (replace(SPEEDY, lengths=(4, 16), indel=False), 4)],
        ids=["block", "lengths"],
    )
    def test_tells_no_size_where_the_model_finds_it(self, speedy: Mode, size: int) -> None:
        """A block is filled to its end, and of a hole that is filled in place the length is looked for."""
        clock, denoiser = Clock(), ScriptedDenoiser.saying(CONTROL, [[A]])
        clock.note(16, 1.0)
        task = Task(HERE, (Canvas.masks(16, MASK),), mode="auto", deadline=1.2)
        _, generation = run(denoiser, task, modes=Modes(speedy), clock=clock)
        assert generation.note == "auto: 0.2 steps of 1000 ms fit, speedy"
        assert len(denoiser.calls[0].canvas) == size

    def test_never_cuts_a_draft(self) -> None:
        assert "canvas 16" in self.choose(1.0, 1.2, Canvas.of([A] * 16)).note
        assert "canvas 12" in self.choose(1.0, 1.2, Canvas.of([MASK] * 4 + [A] * 8)).note

    def test_tries_quality_when_nothing_was_measured_yet(self) -> None:
        task = Task(HERE, (Canvas.masks(8, MASK),), mode="auto", deadline=1.0)
        assert run(ScriptedDenoiser.saying(CONTROL, [[A]]), task)[1].mode == "quality"

    def test_plans_with_the_median_of_the_nearest_size(self) -> None:
        clock = Clock()
        for seconds in (0.1, 9.0, 0.2):
            clock.note(16, seconds)
        clock.note(32, 0.5)
        assert [clock.expected(size) for size in (8, 16, 20, 32, 64)] == [0.2, 0.2, 0.2, 0.5, 0.5]
        assert Clock().expected(8) == 0.0

    def test_the_clock_goes_by_what_forwards_took_lately(self) -> None:
        clock = Clock()
        for seconds in (*[1.0] * 100, *[0.1] * 40):
            clock.note(8, seconds)
        assert clock.expected(8) == 0.1

    def test_the_clock_does_not_count_a_forward_that_encodes_context(self) -> None:
        clock, denoiser = Clock(), ScriptedDenoiser.saying(CONTROL, [[A]])
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(4, MASK),)), modes=Modes(FILLING), clock=clock)
        assert (generation.cost.forwards, clock.recent) == (1, {})


class TestContextFirst:
    def test_is_encoded_in_chunks_and_the_rest_travels_along(self) -> None:
        steps, generation = run(
            ScriptedDenoiser.saying(CONTROL, [[A]]), Task(context(3 * CHUNK), (Canvas.masks(4, MASK),))
        )
        assert [step.kind for step in steps] == ["prefill", "prefill", "denoise"]
        assert generation.cost.context_forwards == 2
        assert generation.cost.context_tokens == 3 * CHUNK

    @pytest.mark.parametrize("tokens", [COLD, COLD + 1])
    def test_a_cold_file_is_answered_from_what_is_near(self, tokens: int) -> None:
        far, near = context(tokens), context(100)
        denoiser = ScriptedDenoiser.saying(CONTROL, [[A]])
        _, generation = run(denoiser, Task(far, (Canvas.masks(4, MASK),), nearby=near))
        assert generation.cold == (tokens > COLD)
        assert denoiser.opened == ([far, near] if generation.cold else [far])
        assert generation.cost.context_tokens == (100 if generation.cold else COLD)

    def test_without_a_nearby_context_all_of_it_is_encoded(self) -> None:
        _, generation = run(ScriptedDenoiser.saying(CONTROL, [[A]]), Task(context(COLD + 1), (Canvas.masks(4, MASK),)))
        assert not generation.cold
        assert generation.cost.context_tokens == COLD + 1

    def test_warming_encodes_all_and_predicts_nothing(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[A]])
        contexts = context(2 * IDLE_CHUNK + 1), context(IDLE_CHUNK)
        steps, _ = drive(decoding.ahead_of_time(denoiser, contexts, []))
        assert len(steps) == 3 + 1
        assert denoiser.opened == list(contexts)
        assert not denoiser.calls


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that stands still until it is told to move."""
    now = [1000.0]
    monkeypatch.setattr(decoding.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("engine.scripted.time.sleep", wait)
    return wait


@pytest.mark.usefixtures("clockwork")
class TestDeadline:
    def one_a_step(self, canvas: Canvas) -> Prediction:
        """Sure of the leftmost mask alone."""
        masks = np.flatnonzero(canvas.ids == MASK)
        first = int(masks[0]) if len(masks) else len(canvas)
        return predict(
            *({int(t): 0.95} if i < first else {A + i: 0.45 if i == first else 0.2} for i, t in enumerate(canvas.ids))
        )

    @pytest.mark.parametrize(("seconds", "tokens"), [(0.5, 1), (1.0, 1), (2.5, 3), (None, 4)])
    def test_returns_the_best_so_far_marked_unfinished(self, seconds: float | None, tokens: int) -> None:
        denoiser = replace(model(self.one_a_step), seconds=1.0)
        task = Task(HERE, (Canvas.masks(4, MASK),), max_tokens=4, deadline=seconds)
        _, generation = run(denoiser, task)
        assert generation.candidates[0].ids == (A, B, C, D)[:tokens]
        assert not generation.candidates[0].ended
        assert generation.cost.seconds <= (np.inf if seconds is None else seconds + 1.0)

    def test_an_end_behind_an_open_slot_finishes_nothing(self) -> None:
        denoiser = replace(model(lambda _: predict({A: 0.9}, {B: 0.3}, {C: 0.2}, {EOM: 0.9})), seconds=1.0)
        _, generation = run(denoiser, Task(HERE, (Canvas.masks(4, MASK),), deadline=0.5))
        assert [(c.ids, c.ended) for c in generation.candidates] == [((A,), False)]

    def test_a_draft_nobody_has_looked_at_is_unfinished(self) -> None:
        denoiser = replace(model(always(A)), seconds=1.0)
        _, generation = run(denoiser, Task(HERE, (Canvas.of([B, EOM]),), deadline=0.0))
        assert [(c.ids, c.ended) for c in generation.candidates] == [((B,), False)]

    def test_a_finished_candidate_beside_an_unfinished_one_stays_finished(self) -> None:
        starts = (Canvas.of([A, EOM]), Canvas.masks(12, MASK))

        def answer(_context: Context, _committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            return predict({A: 0.9}, {EOM: 0.9}) if len(canvas) == 2 else self.one_a_step(canvas)

        denoiser = ScriptedDenoiser(CONTROL, answer, seconds=1.0)
        _, generation = run(denoiser, Task(HERE, starts, deadline=2.5))
        assert [(c.ids, c.ended) for c in generation.candidates] == [((A,), True), ((A, B, C), False)]

    @pytest.mark.parametrize(("seconds", "lengths"), [(0.0, 0), (1.5, 2), (2.5, 3), (None, 4)])
    def test_is_looked_at_before_each_length(self, seconds: float | None, lengths: int) -> None:
        """The surest of those there was time for is filled."""
        denoiser = replace(model(lambda canvas: TestLengths.fitting(4, canvas)), seconds=1.0)
        task, modes = Task(HERE, (Canvas.masks(8, MASK),), deadline=seconds), Modes(TestLengths.MODE, TestLengths.MODE)
        _, generation = run(denoiser, task, modes=modes)
        assert len(denoiser.calls) == generation.cost.forwards == lengths
        (said,) = generation.candidates
        assert (said.ids, said.ended) == (((A, B, C, D), True) if lengths else ((), False))

    def test_left_to_right_too(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[A, B, C, D]], seconds=1.0)
        _, generation = run(denoiser, Task(HERE, (), mode="causal", deadline=1.5))
        assert [(c.ids, c.ended) for c in generation.candidates] == [((A, B), False)]

    def test_is_looked_at_between_prefill_chunks(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[A]], seconds=1.0)
        steps, generation = run(denoiser, Task(context(8 * CHUNK), (Canvas.masks(4, MASK),), deadline=2.5))
        assert [step.kind for step in steps] == ["prefill"] * 3
        assert generation.candidates == ()
        assert not denoiser.calls

    def test_counts_from_submission(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[A]], seconds=1.0)
        task = Task(HERE, (Canvas.masks(4, MASK),), deadline=2.0)
        _, generation = drive(decoding.decode(denoiser, task, MODES, VOCABULARY, Clock(), time.monotonic() - 5))
        assert not denoiser.calls
        assert [(c.ids, c.ended) for c in generation.candidates] == [((), False)]


class TestTrace:
    def test_each_forward_is_a_step_with_its_changes(self) -> None:
        denoiser = model(lambda canvas: predict({A: 0.95}, {B: 0.6 if canvas.ids[1] == MASK else 0.9}, {EOM: 0.95}))
        steps, _ = run(denoiser, Task(HERE, (Canvas.masks(3, MASK),)))
        assert [(step.kind, step.candidate, len(step.changes)) for step in steps] == [
            ("denoise", 0, 3),
            ("denoise", 0, 0),
        ]
        assert steps[0].canvas is not None
        assert steps[0].canvas.ids.tolist() == [A, B, EOM]


@pytest.mark.parametrize("lengths", [[20, 30, 20, 100, 1, 1, 60, 0], [3 * CHUNK + 1]])
def test_scores_are_no_longer_in_the_way_than_a_chunk(lengths: list[int]) -> None:
    """Neither many texts nor a long one; the last of the context travels along."""
    counted = Counting(tiny_forward())
    middles = [tuple(18 + (start + n) % 40 for n in range(length)) for start, length in enumerate(lengths)]
    steps, rows = drive(decoding.score(StreamDenoiser(counted, CONTROL), context(2 * CHUNK), middles))
    assert len(steps) == len(counted.rows) == 1 + -(-sum(lengths) // CHUNK)
    assert max(counted.rows[:1] + counted.rows[2:]) <= CHUNK and counted.rows[1] <= 2 * CHUNK
    assert [len(row) for row in rows] == lengths


@given(st.lists(st.lists(st.integers(18, SIZE - 1), max_size=5), max_size=3))
def test_score_is_the_denoisers(middles: list[list[int]]) -> None:
    denoiser = ScriptedDenoiser.saying(CONTROL, [[A, B]])
    wanted: Sequence[tuple[int, ...]] = [tuple(middle) for middle in middles]
    steps, rows = drive(decoding.score(denoiser, context(CHUNK + 1), wanted))
    assert len(steps) == 1 + len(middles)
    assert [len(row) for row in rows] == [len(middle) for middle in middles]
