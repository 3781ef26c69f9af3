"""Guesses: what they are, and that they change no answer, only how many forwards it takes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Context, Generation, Modes, ScriptedDenoiser, Step, Stream, Task
from engine import decode as decoding
from engine.lookup import continuation
from engine.run import Clock
from engine.stream_denoiser import StreamDenoiser
from tests.fakes import CONTROL, EOM, NEWLINE, VOCABULARY, drive, predict, steered, tiny_forward

A, B, C, D, E = range(20, 25)


class TestContinuation:
    def text(self, ids: str, most: int = 8) -> str:
        return "".join(map(chr, continuation(np.array([ord(one) for one in ids], np.int64), most)))

    def test_follows_the_longest_match_and_is_as_long(self) -> None:
        assert self.text("abcdefg xbcq abc") == "def"

    def test_follows_the_latest_of_equal_matches(self) -> None:
        assert self.text("ab1.ab2-ab") == "2-"

    def test_is_bounded(self) -> None:
        assert self.text("abcdefghijkl abcdef", 4) == "ghij"
        assert self.text("abcabc", 0) == ""

    def test_goes_round_in_a_loop(self) -> None:
        assert self.text("-abcabcab") == "cabca"
        assert self.text("xxxx") == "xxx"

    @pytest.mark.parametrize("ids", ["", "a", "abc", "abca"])
    def test_is_empty_where_no_two_tokens_repeat(self, ids: str) -> None:
        assert self.text(ids) == ""

    @given(st.text("abc", max_size=30), st.integers(0, 8))
    def test_against_looking_everywhere(self, ids: str, most: int) -> None:
        def matched(end: int) -> int:
            same = [n for n in range(1, min(end, most) + 1) if ids[end - n : end] == ids[len(ids) - n :]]
            return max(same, default=0)

        longest, end = max(((matched(end), end) for end in range(len(ids))), default=(0, 0))
        assert self.text(ids, most) == ((ids[end:] * longest)[:longest] if longest >= 2 else "")


def run(denoiser: ScriptedDenoiser | StreamDenoiser, task: Task) -> tuple[list[Step], Generation]:
    return drive(decoding.decode(denoiser, task, Modes(), VOCABULARY, Clock(), time.monotonic()))


def reading(*ids: int) -> Context:
    return Context((Stream("prefix", ids, 768),), 768 + len(ids))


words = st.sampled_from([A, B, C, NEWLINE])


class TestLeftToRight:
    task = Task(reading(A, B, C, D, E, A, B, C), (), mode="causal", max_tokens=12)

    def test_what_was_guessed_right_saves_forwards(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[D, E, A, B, C, D, E]])
        _, plain = run(denoiser, self.task)
        denoiser.lookahead = 8
        steps, guessing = run(denoiser, self.task)
        assert guessing.candidates == plain.candidates
        assert [len(step.committed) for step in steps] == [4, 7]
        assert (plain.cost.forwards, guessing.cost.forwards) == (8, 2)
        assert {type(token) for call in denoiser.calls for token in call.committed} == {int}

    @given(st.lists(words, max_size=24), st.lists(words, max_size=20), st.integers(1, 24), st.integers(0, 3))
    def test_the_answer_is_the_one_without_guesses(
        self, read: list[int], middle: list[int], max_tokens: int, max_lines: int
    ) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [middle])
        task = Task(reading(8, *read), (), mode="causal", max_tokens=max_tokens, max_lines=max_lines)
        _, plain = run(denoiser, task)
        denoiser.lookahead = 8
        _, guessing = run(denoiser, task)
        assert guessing.candidates == plain.candidates
        assert guessing.cost.forwards <= plain.cost.forwards

    def test_the_token_that_opens_the_middle_was_read_too(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[C, D]])
        denoiser.lookahead = 8
        opened = replace(reading(A, B, C, D, E, A), opening=B)
        run(denoiser, replace(self.task, context=opened))
        assert [call.committed for call in denoiser.calls] == [(), (C,), (C, D)]

    def test_nothing_is_guessed_beyond_what_was_asked_for(self) -> None:
        denoiser = ScriptedDenoiser.saying(CONTROL, [[A, B, NEWLINE, C]])
        denoiser.lookahead = 8
        run(denoiser, replace(self.task, context=reading(A, B, NEWLINE, C, A, B, NEWLINE, C), max_lines=1))
        assert [call.committed for call in denoiser.calls] == [(), (A,), (A, B)]
        denoiser.calls.clear()
        run(denoiser, replace(self.task, context=reading(A, B, C, D, A, B, C, D), max_tokens=2))
        assert [call.committed for call in denoiser.calls] == [(), (A,)]

    def test_a_first_token_that_heals_is_not_guessed(self) -> None:
        denoiser = ScriptedDenoiser(CONTROL, lambda *_: predict({D: 0.6, C: 0.3, EOM: 0.1}))
        denoiser.lookahead = 8
        heal = lambda ids: None if ids else np.array([B, C])  # noqa: E731
        run(denoiser, replace(self.task, steering=steered(heal=heal), max_tokens=3))
        assert [call.committed for call in denoiser.calls[:1]] == [()]
        assert denoiser.calls[1].committed[0] == C

    def test_a_model_says_the_same_in_fewer_forwards(self) -> None:
        """Random weights soon go round in circles, where every guess is right."""
        forward = tiny_forward()
        for seed in range(6):
            ids = np.random.default_rng(seed).integers(18, 60, 40)
            task = Task(reading(8, *map(int, ids)), (), mode="causal", max_tokens=40)
            guessing = StreamDenoiser(forward, CONTROL)
            plain = StreamDenoiser(forward, CONTROL)
            plain.lookahead = 0
            (_, one), (_, other) = run(plain, task), run(guessing, task)
            assert one.candidates[0].ids == other.candidates[0].ids
            assert one.candidates[0].probs == pytest.approx(other.candidates[0].probs, rel=1e-4)
            assert other.cost.forwards <= one.cost.forwards
