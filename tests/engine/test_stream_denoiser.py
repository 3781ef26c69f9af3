"""The cached denoiser says what one uncached forward says, whatever came before it.

The model is a real compact model of two layers with random weights; the reference is one dense forward whose bias is
written down here from the rules in ARCHITECTURE.md, without cache, working set or sharing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import Canvas, Context, Draft, Prediction, Stream
from engine.forward import Forward, Rows
from engine.stream_denoiser import StreamDenoiser, StreamLease
from tests.fakes import CONTROL, EOM, MASK, NEWLINE, SIZE, Counting, scored, tiny_forward

TOLERANCE = 2e-5
"""Of log-probabilities: what the order of sums moves in float32; a token that shows by mistake moves them far more."""
WHOLE = np.arange(SIZE, dtype=np.int64)
WORDS = st.integers(NEWLINE, SIZE - 1)


@pytest.fixture(scope="module")
def forward() -> Forward:
    return tiny_forward()


class Shown:
    """A forward that remembers over how many slots it ran."""

    def __init__(self, forward: Forward) -> None:
        self._forward, self.slots = forward, list[int]()

    def __call__(self, rows: Rows, past: Any) -> Any:
        self.slots.append(past.shape[-2])
        return self._forward(rows, past)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._forward, name)


def reference(
    forward: Forward, context: Context, committed: Sequence[int], canvas: Sequence[int] = ()
) -> NDArray[np.float64]:
    """Log-probabilities (rows, V) of every row of opening + committed + canvas, from one forward over everything."""
    ids, positions, sees = list[int](), list[int](), list[list[int]]()
    rows_of = list[range]()
    for stream in context.streams:
        own = range(len(ids), len(ids) + len(stream.ids))
        others = [row for other in stream.sees for row in rows_of[other]]
        for offset, token in enumerate(stream.ids):
            ids.append(token)
            positions.append(stream.start + offset)
            sees.append([*others, *own[: offset + 1]])
        rows_of.append(own)
    first, opening = len(ids), CONTROL.middle if context.opening is None else context.opening
    for offset, token in enumerate((opening, *committed)):
        ids.append(token)
        positions.append(context.middle + offset)
        sees.append(list(range(len(ids))))
    everything = list(range(len(ids) + len(canvas)))
    start = positions[-1] + 1
    for offset, token in enumerate(canvas):
        ids.append(token)
        positions.append(start + offset)
        sees.append(everything)
    bias = np.full((len(ids), len(ids)), -1e9, np.float32)
    for row, seen in enumerate(sees):
        bias[row, seen] = 0
    asked = np.arange(first, len(ids), dtype=np.int64)
    rows = Rows(
        np.array(ids, np.int64),
        np.array(positions, np.int64),
        np.array([False] * (len(ids) - len(canvas)) + [True] * len(canvas)),
        bias,
        asked,
        np.tile(WHOLE, (len(asked), 1)),
    )
    return np.asarray(forward(rows, forward.new_kv(0)).target_logprobs, np.float64)


def agrees(said: Prediction, expected: NDArray[np.float64]) -> None:
    """Each token said has its probability, and nothing better was left out."""
    probs = np.exp(expected)
    assert said.ids.shape[0] == len(expected)
    assert np.allclose(np.log(said.probs), np.take_along_axis(expected, said.ids, axis=1), atol=TOLERANCE)
    assert np.allclose(said.probs, -np.sort(-probs, axis=1)[:, : said.probs.shape[1]], atol=TOLERANCE)


def canvas_agrees(forward: Forward, context: Context, draft: Draft, said: Prediction) -> None:
    expected = reference(forward, context, draft.committed, draft.canvas.ids.tolist())[len(draft.committed) + 1 :]
    held = draft.canvas.frozen
    agrees(Prediction(said.ids[~held], said.probs[~held]), expected[~held])
    assert said.ids[held, 0].tolist() == draft.canvas.ids[held].tolist()
    assert (said.probs[held, 0] == 1).all()


@dataclass
class Document:
    """Tokens with a cursor, and the streams that a prompt would make of them."""

    text: list[int]
    cursor: int = 0
    snippets: tuple[tuple[int, ...], ...] = ()
    opens: bool = False
    past: list[tuple[list[int], int]] = field(default_factory=list)
    lease: StreamLease | None = None

    def context(self) -> Context:
        after = self.text[self.cursor :]
        end = after.index(NEWLINE) + 1 if NEWLINE in after else len(after)
        streams = [Stream("snippet", (9, *snippet), 0) for snippet in self.snippets]
        below = [Stream("below", (7, *after[end:][:40]), 100)] if after[end:] else []
        sees = (len(streams),) if below else ()
        rest = [Stream("rest", (7, *after[:end][:20]), 160, sees)] if after[:end] else []
        *before, last = (8, *self.text[: self.cursor][-90:])
        prefix = Stream("prefix", tuple(before) if self.opens else (*before, last), 200)
        return Context((*streams, *below, *rest, prefix), 200 + len(prefix.ids), last if self.opens else None)

    def edit(self, kind: str, number: int, words: list[int]) -> None:
        """A keystroke, an undo, a move of the cursor, or another snippet."""
        if kind == "undo":
            if self.past:
                self.text, self.cursor = self.past.pop()
            return
        if kind in ("type", "paste", "backspace", "close bracket"):
            self.past.append((self.text, self.cursor))
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        if kind == "type":
            self.text, self.cursor = [*before, *words[:2], *after], self.cursor + len(words[:2])
        elif kind == "paste":
            self.text, self.cursor = [*before, *words * 9, *after], self.cursor + 9 * len(words)
        elif kind == "close bracket":
            self.text = [*before, *words[:1], *after]
        elif kind == "backspace":
            kept = before[: max(0, len(before) - number % 4)]
            self.text, self.cursor = kept + after, len(kept)
        elif kind == "move":
            self.cursor = number % (len(self.text) + 1)
        elif kind == "snippets":
            pool = [tuple(range(20, 20 + n)) for n in (3, 30, 12)]
            self.snippets = tuple(pool[i] for i in range(3) if number >> i & 1)


EDITS = ["type", "type", "type", "paste", "backspace", "close bracket", "move", "move", "undo", "snippets"]
ASKS = ["chunk", "predict", "predict", "next", "score", "leave"]
drafts = st.builds(
    lambda committed, ids, frozen: Draft(tuple(committed), Canvas.of(ids, [i for i in frozen if i < len(ids)])),
    st.lists(WORDS, max_size=3),
    st.lists(st.one_of(st.just(MASK), st.just(EOM), WORDS), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=2),
)
events = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(EDITS + ASKS),
        st.integers(0, 200),
        st.lists(WORDS, min_size=1, max_size=4),
        st.lists(drafts, min_size=1, max_size=2),
    ),
    min_size=1,
    max_size=12,
)
texts = st.lists(WORDS, max_size=80)
budgets = st.sampled_from([0, 60_000, 1 << 30])
"""Bytes; all streams of a document above take some 100,000."""


def ask(
    forward: Forward, denoiser: StreamDenoiser, document: Document, kind: str, number: int, asked: list[Draft]
) -> None:
    """One call of the decoding loop, compared with the reference."""
    context = document.context()
    if kind == "leave" or (document.lease is not None and document.lease.context != context):
        if document.lease is not None:
            document.lease.close()
        document.lease = None
    if kind == "leave":
        return
    lease = document.lease = document.lease or denoiser.open(context)
    middles = [draft.committed for draft in asked]
    if kind == "chunk":
        pending, limit = lease.pending, 1 + number % 50
        denoiser.prefill(lease, limit)
        assert lease.pending == max(0, pending - limit)
        return
    if kind == "predict":
        for draft, said in zip(asked, denoiser.predict(lease, asked), strict=True):
            canvas_agrees(forward, context, draft, said)
    elif kind == "next":
        for middle, said in zip(middles, denoiser.next_token(lease, middles), strict=True):
            agrees(said, reference(forward, context, middle)[-1:])
    elif any(middles):
        for middle, row in zip(middles, scored(denoiser, lease, middles), strict=True):
            table = reference(forward, context, middle)[:-1]
            assert np.allclose(row, table[np.arange(len(middle)), list(middle)], atol=TOLERANCE)
    assert lease.pending == 0 or not any(middles)


def works_like_new(forward: Forward, budget: int, start: list[int], happened: list[Any]) -> None:
    """One document opens its middles with [MID], the other, as untrained weights need it, with its last token."""
    denoiser = StreamDenoiser(forward, CONTROL, budget)
    documents = [Document(list(start), len(start) // 2), Document(list(start), len(start) // 3, opens=True)]
    for which, kind, number, words, asked in happened:
        if kind in EDITS:
            documents[which].edit(kind, number, words)
        else:
            ask(forward, denoiser, documents[which], kind, number, asked)
    for document in documents:
        ask(forward, denoiser, document, "predict", 0, [Draft((), Canvas.masks(4, MASK))])


class TestCachedIsUncached:
    """After any sequence of keystrokes, undo, cursor moves, cancelled and interleaved jobs of two documents."""

    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(budgets, texts, events)
    def test_after_some(self, forward: Forward, budget: int, start: list[int], happened: list[Any]) -> None:
        works_like_new(forward, budget, start, happened)

    @pytest.mark.slow
    @settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(budgets, texts, events)
    def test_after_many(self, forward: Forward, budget: int, start: list[int], happened: list[Any]) -> None:
        works_like_new(forward, budget, start, happened)


def spoken(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(18 + n % 40 for n in numbers)


HERE = Context(
    (
        Stream("snippet", (9, *spoken(range(20))), 0),
        Stream("below", (7, *spoken(range(5, 40))), 100),
        Stream("rest", (7, *spoken(range(50, 56))), 160, (1,)),
        Stream("prefix", (8, *spoken(range(60, 130))), 200),
    ),
    271,
)
BLANK = Draft((), Canvas.masks(6, MASK))
DRAFTED = Draft((30, 31), Canvas.of([32, MASK, 33, EOM], frozen=[2]))


@pytest.fixture
def denoiser(forward: Forward) -> StreamDenoiser:
    return StreamDenoiser(forward, CONTROL)


def close(a: Prediction, b: Prediction) -> bool:
    return np.allclose(a.probs, b.probs, atol=TOLERANCE) and np.array_equal(a.ids, b.ids)


class TestTheReferenceItself:
    """The tolerance tells a token that shows from one that does not."""

    @pytest.mark.parametrize("index", range(4))
    def test_every_stream_shows(self, forward: Forward, index: int) -> None:
        streams = list(HERE.streams)
        streams[index] = replace(streams[index], ids=(*streams[index].ids[:-1], 17))
        other = reference(forward, replace(HERE, streams=tuple(streams)), (), [MASK] * 4)
        assert np.abs(other - reference(forward, HERE, (), [MASK] * 4)).max(axis=1).min() > 20 * TOLERANCE

    def test_the_end_of_the_canvas_shows_at_its_start(self, forward: Forward) -> None:
        one, two = (reference(forward, HERE, (), [MASK, MASK, last])[1] for last in (20, 21))
        assert np.abs(one - two).max() > 20 * TOLERANCE

    def test_a_draft_is_not_a_clean_token(self, forward: Forward) -> None:
        assert np.abs(reference(forward, HERE, (20,))[1] - reference(forward, HERE, (), [20])[1]).max() > 0.1


class TestOneForward:
    def test_batched_is_alone(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        together = denoiser.predict(denoiser.open(HERE), [BLANK, DRAFTED, Draft((30,), Canvas.masks(3, MASK))])
        for draft, said in zip((BLANK, DRAFTED, Draft((30,), Canvas.masks(3, MASK))), together, strict=True):
            canvas_agrees(forward, HERE, draft, said)
            fresh = StreamDenoiser(forward, CONTROL)
            assert close(said, fresh.predict(fresh.open(HERE), [draft])[0])

    @pytest.mark.parametrize("limit", [1, 7, 64, 1000])
    def test_the_size_of_chunks_does_not_matter(self, forward: Forward, limit: int) -> None:
        denoiser = StreamDenoiser(forward, CONTROL)
        lease = denoiser.open(HERE)
        while lease.pending:
            denoiser.prefill(lease, limit)
        canvas_agrees(forward, HERE, DRAFTED, denoiser.predict(lease, [DRAFTED])[0])

    def test_a_middle_committed_in_pieces_is_one_committed_at_once(
        self, forward: Forward, denoiser: StreamDenoiser
    ) -> None:
        middle = spoken(range(90))
        lease = denoiser.open(HERE)
        for n in (0, 1, 2, 10, 40, 80):
            draft = Draft(middle[:n], Canvas.of([*middle[n : n + 4], MASK, MASK]))
            canvas_agrees(forward, HERE, draft, denoiser.predict(lease, [draft])[0])
        whole = StreamDenoiser(forward, CONTROL)
        draft = Draft(middle, BLANK.canvas)
        pieces, at_once = denoiser.predict(lease, [draft])[0], whole.predict(whole.open(HERE), [draft])[0]
        assert close(pieces, at_once)

    def test_a_middle_may_go_back_and_branch(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        lease = denoiser.open(HERE)
        for middle in [(30, 31, 32), (30, 40), (30, 31, 32, 33), (), (30,), (40,)]:
            draft = Draft(middle, BLANK.canvas)
            canvas_agrees(forward, HERE, draft, denoiser.predict(lease, [draft])[0])
            agrees(denoiser.next_token(lease, [middle])[0], reference(forward, HERE, middle)[-1:])

    def test_frozen_slots_are_shown_and_not_asked_about(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        held = Draft((), Canvas.of([20, 21, 22], frozen=[0, 1, 2]))
        said = denoiser.predict(denoiser.open(HERE), [held, DRAFTED])
        assert said[0].ids[:, 0].tolist() == [20, 21, 22]
        canvas_agrees(forward, HERE, DRAFTED, said[1])

    def test_the_same_question_has_the_same_answer_to_the_bit(self, denoiser: StreamDenoiser) -> None:
        denoiser.predict(denoiser.open(HERE), [BLANK])
        first, second = (denoiser.predict(denoiser.open(HERE), [BLANK])[0] for _ in range(2))
        assert np.array_equal(first.probs, second.probs)


class TestOpening:
    def test_another_token_may_open_the_middle(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        opened = replace(HERE, opening=33)
        lease = denoiser.open(opened)
        agrees(denoiser.next_token(lease, [()])[0], reference(forward, opened, ())[-1:])
        canvas_agrees(forward, opened, DRAFTED, denoiser.predict(lease, [DRAFTED])[0])
        expected = reference(forward, opened, (30, EOM))[[0, 1], [30, EOM]]
        assert scored(denoiser, lease, [(30, EOM)])[0] == pytest.approx(expected, abs=TOLERANCE)
        assert not np.allclose(expected, reference(forward, HERE, (30, EOM))[[0, 1], [30, EOM]], atol=0.01)


class TestScore:
    def test_is_the_sum_of_what_next_token_says(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        middle, lease = (*spoken((3, 1, 4, 1, 5)), EOM), denoiser.open(HERE)
        one_by_one = []
        for n, token in enumerate(middle):
            said = denoiser.next_token(lease, [middle[:n]], [WHOLE])[0]
            one_by_one.append(np.log(said.probs[0, said.ids[0] == token]).item() if token in said.ids else None)
        (row,) = scored(denoiser, lease, [middle])
        for together, alone in zip(row, one_by_one, strict=True):
            assert alone is None or together == pytest.approx(alone, abs=TOLERANCE)
        assert sum(alone is not None for alone in one_by_one) >= 1
        table = reference(forward, HERE, middle)[np.arange(len(middle)), list(middle)]
        assert row.sum() == pytest.approx(table.sum(), abs=len(middle) * TOLERANCE)

    def test_of_several_is_each_ones(self, denoiser: StreamDenoiser) -> None:
        middles = [spoken(range(9)), (), spoken(range(3)), (EOM,)]
        rows = scored(denoiser, denoiser.open(HERE), middles)
        assert [len(row) for row in rows] == [9, 0, 3, 1]
        assert rows[0][:3] == pytest.approx(rows[2], abs=TOLERANCE)

    def test_what_middles_share_is_computed_once(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        trunk, counted = spoken((3, 1, 4, 1)), Counting(forward)
        middles = [(*trunk, EOM), (*trunk[:2], *spoken((5, 9)), EOM), trunk, (*trunk, *spoken((2,)), EOM)]
        one = StreamDenoiser(counted, denoiser.control)
        lease = one.open(HERE)
        one.prefill(lease, 1000)
        together = scored(one, lease, middles)
        assert counted.rows[1:] == [1 + 4 + 2 + 1]  # the opening, the trunk, a branch, one more token
        for middle, row in zip(middles, together, strict=True):
            (alone,) = scored(denoiser, denoiser.open(HERE), [middle])
            assert row == pytest.approx(alone, abs=TOLERANCE)

    def test_no_forward_is_longer_than_allowed_whatever_comes_between(
        self, forward: Forward, denoiser: StreamDenoiser
    ) -> None:
        """Another job takes the working set: what was encoded of the middle comes back with it."""
        counted, trunk = Counting(forward), spoken(range(20))
        one, middles = StreamDenoiser(counted, CONTROL), [(*trunk, *spoken(range(n))) for n in (3, 7)]
        lease, other = one.open(HERE), one.open(HERE)
        one.prefill(lease, 1000)
        steps, rows = one.score(lease, middles, 8), []
        with pytest.raises(StopIteration) as end:
            while True:
                next(steps)
                rows.append(counted.rows[-1])
                one.next_token(other, [()])
        assert rows == [8, 8, 8, 3]
        for found, wanted in zip(end.value.value, scored(denoiser, denoiser.open(HERE), middles), strict=True):
            assert found == pytest.approx(wanted, abs=TOLERANCE)

    def test_of_nothing_is_nothing(self, denoiser: StreamDenoiser) -> None:
        assert [len(row) for row in scored(denoiser, denoiser.open(HERE), [(), ()])] == [0, 0]


class TestAmong:
    def test_restricts_the_answer_and_keeps_the_whole_vocabularys_probabilities(
        self, forward: Forward, denoiser: StreamDenoiser
    ) -> None:
        among = np.array([25, 40, 33, 60])
        (said,) = denoiser.next_token(denoiser.open(HERE), [(30,)], [among])
        expected = reference(forward, HERE, (30,))[-1]
        assert said.ids[0].tolist() == among[np.argsort(-expected[among])].tolist()
        assert np.allclose(np.log(said.probs[0]), expected[said.ids[0]], atol=TOLERANCE)

    def test_each_of_its_own_ids(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        middles, each = [(30,), (), (30, 31), (31,)], [np.array([25, 40, 33]), None, np.array([60]), np.arange(20, 50)]
        said = denoiser.next_token(denoiser.open(HERE), middles, each)
        for middle, among, one in zip(middles, each, said, strict=True):
            table = reference(forward, HERE, middle)[-1]
            among = np.arange(len(table)) if among is None else among
            assert one.ids[0].tolist() == among[np.argsort(-table[among])][: one.ids.shape[1]].tolist()
            assert np.allclose(np.log(one.probs[0]), table[one.ids[0]], atol=TOLERANCE)

    def test_several_at_once(self, forward: Forward, denoiser: StreamDenoiser) -> None:
        said = denoiser.next_token(denoiser.open(HERE), [(), (30,)], [WHOLE, WHOLE])
        for middle, one in zip(((), (30,)), said, strict=True):
            agrees(one, reference(forward, HERE, middle)[-1:])


class TestWhatIsEncoded:
    @pytest.fixture
    def counting(self, forward: Forward) -> Counting:
        return Counting(forward)

    @pytest.fixture
    def counted(self, counting: Counting) -> StreamDenoiser:
        denoiser = StreamDenoiser(counting, CONTROL)
        lease = denoiser.open(HERE)
        denoiser.predict(lease, [BLANK])
        lease.close()
        counting.rows.clear()
        return denoiser

    def rows(self, denoiser: StreamDenoiser, counting: Counting, context: Context) -> int:
        """Rows beside [MID] and the canvas, of a right answer."""
        lease = denoiser.open(context)
        (said,) = denoiser.predict(lease, [BLANK])
        rows = counting.rows[-1] - 1 - len(BLANK.canvas)
        lease.close()
        canvas_agrees(counting.forward, context, BLANK, said)
        return rows

    def changed(self, index: int, ids: tuple[int, ...]) -> Context:
        streams = list(HERE.streams)
        streams[index] = replace(streams[index], ids=ids)
        last = streams[-1]
        return Context(tuple(streams), last.start + len(last.ids))

    def test_nothing_when_nothing_changed(self, counted: StreamDenoiser, counting: Counting) -> None:
        assert self.rows(counted, counting, HERE) == 0

    def test_a_typed_token_alone(self, counted: StreamDenoiser, counting: Counting) -> None:
        assert self.rows(counted, counting, self.changed(3, (*HERE.streams[3].ids, 40))) == 1

    def test_a_changed_token_and_what_follows(self, counted: StreamDenoiser, counting: Counting) -> None:
        ids = HERE.streams[3].ids
        assert self.rows(counted, counting, self.changed(3, (*ids[:-2], 17, ids[-1]))) == 2

    def test_any_cursor_is_a_slice(self, counted: StreamDenoiser, counting: Counting) -> None:
        ids = HERE.streams[3].ids
        assert self.rows(counted, counting, self.changed(3, ids[:10])) == 0
        assert self.rows(counted, counting, self.changed(3, ids)) == 0

    def test_a_closing_bracket_re_encodes_the_rest_of_the_line(
        self, counted: StreamDenoiser, counting: Counting
    ) -> None:
        ids = HERE.streams[2].ids
        assert self.rows(counted, counting, self.changed(2, (*ids[:1], 17, *ids[1:]))) == len(ids)

    def test_what_is_below_re_encodes_what_sees_it(self, counted: StreamDenoiser, counting: Counting) -> None:
        ids = HERE.streams[1].ids
        assert self.rows(counted, counting, self.changed(1, ids[:-1])) == len(HERE.streams[2].ids)

    @pytest.mark.parametrize(("index", "more"), [(0, 5), (0, 40), (1, 40), (3, 100)])
    def test_a_stream_that_outgrows_its_room_moves_the_others(
        self, counted: StreamDenoiser, counting: Counting, index: int, more: int
    ) -> None:
        grown = self.changed(index, (*HERE.streams[index].ids, *spoken(range(more))))
        sees_it = len(HERE.streams[2].ids) if index == 1 else 0
        assert self.rows(counted, counting, grown) == more + sees_it
        assert self.rows(counted, counting, HERE) == 0

    def test_what_is_seen_changes_what_sees_it_in_place(self, counted: StreamDenoiser, counting: Counting) -> None:
        ids = HERE.streams[1].ids
        other = self.changed(1, (*ids[:-1], 17))
        assert self.rows(counted, counting, other) == 1 + len(HERE.streams[2].ids)
        assert self.rows(counted, counting, HERE) == 1
        assert self.rows(counted, counting, other) == 1

    def test_another_snippet_is_encoded_alone(self, counted: StreamDenoiser, counting: Counting) -> None:
        more = Context(
            (
                Stream("snippet", (9, 20, 21, 22), 0),
                *(replace(s, sees=tuple(i + 1 for i in s.sees)) for s in HERE.streams),
            ),
            HERE.middle,
        )
        assert self.rows(counted, counting, more) == 3, "the marker is encoded already: every snippet starts with it"

    def test_a_middle_token_once(self, counting: Counting) -> None:
        denoiser = StreamDenoiser(counting, CONTROL)
        lease = denoiser.open(HERE)
        denoiser.next_token(lease, [()])
        counting.rows.clear()
        for n in range(1, 5):
            denoiser.next_token(lease, [spoken(range(n))])
        assert counting.rows == [1] * 4

    def test_context_alone_is_shown_what_it_sees_alone(self, forward: Forward) -> None:
        """Attention costs what it is shown: the slots of other streams, too."""
        shown = Shown(forward)
        denoiser = StreamDenoiser(shown, CONTROL)
        lease = denoiser.open(HERE)
        while lease.pending:
            denoiser.prefill(lease, 16)
        sizes = [len(stream.ids) for stream in HERE.streams]
        assert max(shown.slots) <= max(sizes) + sum(len(HERE.streams[i].ids) for one in HERE.streams for i in one.sees)
        canvas_agrees(forward, HERE, DRAFTED, denoiser.predict(lease, [DRAFTED])[0])
        assert shown.slots[-1] > sum(sizes), "a canvas is shown all of it"

    def test_what_was_evicted_again_with_the_same_answer(self, forward: Forward, counting: Counting) -> None:
        forgetful = StreamDenoiser(counting, CONTROL, cache_bytes=0)
        for _ in range(2):
            lease = forgetful.open(HERE)
            assert lease.pending == sum(len(stream.ids) for stream in HERE.streams)
            canvas_agrees(forward, HERE, DRAFTED, forgetful.predict(lease, [DRAFTED])[0])
            lease.close()

    def test_a_cancelled_jobs_chunks_stay(self, counted: StreamDenoiser) -> None:
        other = Context((Stream("prefix", spoken(range(1000, 1100)), 200),), 300)
        lease = counted.open(other)
        counted.prefill(lease, 64)
        lease.close()
        assert counted.open(other).pending == 36


def test_memory_does_not_grow_with_the_number_of_jobs(forward: Forward) -> None:
    denoiser = StreamDenoiser(forward, CONTROL, cache_bytes=100_000)
    for number in range(20):
        context = Context((Stream("prefix", spoken(range(number * 7, number * 7 + 60)), 200),), 260)
        lease = denoiser.open(context)
        denoiser.predict(lease, [Draft(spoken(range(30)), BLANK.canvas)])
        lease.close()
        assert denoiser._cache.nbytes <= 100_000
        assert denoiser._working.kv.shape[-2] <= 320


def test_memory_does_not_grow_with_the_number_of_questions(forward: Forward) -> None:
    """A token that is asked about again is computed again, because only a row is answered, and kept once."""
    denoiser = StreamDenoiser(forward, CONTROL)
    lease = denoiser.open(HERE)
    denoiser.next_token(lease, [(), spoken(range(4))])
    laid_out = denoiser._working.kv.shape[-2]
    for _ in range(100):
        denoiser.next_token(lease, [(), spoken(range(4))])
    assert denoiser._working.kv.shape[-2] == laid_out


def test_memory_for_a_long_context_is_given_back(forward: Forward) -> None:
    denoiser = StreamDenoiser(forward, CONTROL)
    for size in (500, 60):
        context = Context((Stream("prefix", spoken(range(size)), 200),), 200 + size)
        lease = denoiser.open(context)
        denoiser.next_token(lease, [()])
        lease.close()
    assert denoiser._working.kv.shape[-2] <= 320
