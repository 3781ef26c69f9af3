"""The cache of encoded streams, with arrays whose content is the token, so that a wrong slice shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import Context, Stream
from engine.context_cache import GRAIN, SURPLUS, ContextCache, Hold, common, roomy

BYTES = 2 * 2 * 8
"""Of one slot of the arrays below."""


def allocate(slots: int) -> NDArray[np.float64]:
    return np.zeros((1, 2, 1, slots, 2))


def encode(ids: Sequence[int], before: Sequence[int] = ()) -> NDArray[np.float64]:
    """Stands for keys and values: like a causal stream's they depend on the token and on all tokens before it."""
    kv = allocate(len(ids))
    for slot in range(len(ids)):
        kv[..., slot, :] = hash((*before, *ids[: slot + 1])) % 100003
    return kv


def context(*streams: Stream | Sequence[int]) -> Context:
    made = [s if isinstance(s, Stream) else Stream("s", tuple(s), 100 * i) for i, s in enumerate(streams)]
    return Context(tuple(made), 1000)


def fill(cache: ContextCache, holds: list[Hold], chunk: int = 10_000) -> None:
    """Encode what is pending, as a denoiser does."""
    for hold in holds:
        while hold.length < len(hold.ids):
            done, todo = hold.ids[: hold.length].tolist(), hold.ids[hold.length : hold.length + chunk].tolist()
            cache.append(hold, encode(todo, done))


def stored(cache: ContextCache, *streams: Stream | Sequence[int]) -> list[Hold]:
    holds = cache.open(context(*streams))
    fill(cache, holds)
    return holds


def content(hold: Hold) -> NDArray[np.float64]:
    assert hold.entry is not None
    kept: NDArray[np.float64] = hold.entry.kv[..., : hold.length, :]
    return kept


def right(hold: Hold) -> bool:
    return np.array_equal(content(hold), encode(hold.ids.tolist()))


def known(cache: ContextCache, *streams: Stream | Sequence[int]) -> list[int]:
    """How many tokens of each stream are encoded already."""
    holds = cache.open(context(*streams))
    lengths = [hold.length for hold in holds]
    cache.close(holds)
    return lengths


def make(max_bytes: int = 1 << 30) -> ContextCache:
    return ContextCache(allocate, max_bytes)


def test_arrays_grow_in_grains() -> None:
    assert [roomy(n) for n in (0, 1, GRAIN, GRAIN + 1)] == [0, GRAIN, GRAIN, 2 * GRAIN]


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_common_is_the_longest_common_prefix(a: list[int], b: list[int]) -> None:
    n = common(np.array(a, np.int64), np.array(b, np.int64))
    assert a[:n] == b[:n]
    assert n == len(a) or n == len(b) or a[n] != b[n]


class TestReuse:
    def test_is_the_longest_common_prefix_of_each_stream_by_itself(self) -> None:
        cache = make()
        cache.close(stored(cache, [1, 2, 3], [4, 5, 6, 7]))
        assert known(cache, [1, 2, 9], [4, 5, 6, 7, 8]) == [2, 4]
        assert known(cache, [9], [4, 5]) == [0, 2]

    def test_takes_the_longest_among_several(self) -> None:
        cache = make()
        a, b = cache.open(context([1, 2, 3, 4])), cache.open(context([1, 2, 8]))
        fill(cache, a)
        fill(cache, b)
        assert known(cache, [1, 2, 3, 9]) == [3]
        assert known(cache, [1, 2, 8, 9]) == [3]

    def test_any_cursor_is_a_slice_and_leaves_the_rest_encoded(self) -> None:
        cache = make()
        text = list(range(200))
        cache.close(stored(cache, text))
        for cursor in (150, 3, 200, 77):
            holds = cache.open(context(text[:cursor]))
            assert holds[0].length == cursor
            assert right(holds[0])
            cache.close(holds)
        assert known(cache, text) == [200]

    def test_asks_for_the_same_start(self) -> None:
        cache = make()
        cache.close(stored(cache, Stream("prefix", (1, 2, 3), 768)))
        assert known(cache, Stream("prefix", (1, 2, 3), 769)) == [0]

    def test_does_not_care_for_the_number_of_other_streams(self) -> None:
        cache = make()
        cache.close(stored(cache, Stream("prefix", (1, 2, 3), 768)))
        assert known(cache, Stream("snippet", (5, 6), 0), Stream("prefix", (1, 2, 3), 768)) == [0, 3]

    def test_a_stream_that_sees_another_holds_only_beside_the_same_one(self) -> None:
        cache = make()
        rest = Stream("rest", (7, 8), 704, sees=(0,))
        cache.close(stored(cache, Stream("below", (1, 2), 512), rest))
        assert known(cache, Stream("below", (1, 2), 512), rest) == [2, 2]
        assert known(cache, Stream("below", (1, 2, 3), 512), rest) == [2, 0]
        assert known(cache, Stream("rest", (7, 8), 704)) == [0]

    def test_opening_changes_nothing(self) -> None:
        cache = make()
        holds = stored(cache, [1, 2, 3, 4])
        before = content(holds[0]).copy()
        other = cache.open(context([1, 9]))
        assert other[0].length == 1
        assert np.array_equal(content(holds[0]), before)
        assert cache.nbytes == GRAIN * BYTES

    def test_an_empty_stream_is_complete(self) -> None:
        cache = make()
        assert known(cache, []) == [0]
        assert cache.nbytes == 0


class TestDivergence:
    def test_typing_on_writes_into_the_same_array(self) -> None:
        cache = make()
        cache.close(stored(cache, [1, 2, 3]))
        holds = stored(cache, [1, 2, 3, 4])
        assert right(holds[0])
        assert cache.nbytes == GRAIN * BYTES

    def test_a_small_tail_is_thrown_away(self) -> None:
        cache = make()
        cache.close(stored(cache, [1, 2, *range(10, 10 + SURPLUS)]))
        holds = stored(cache, [1, 2, 3])
        assert right(holds[0])
        assert cache.nbytes == GRAIN * BYTES
        cache.close(holds)
        assert known(cache, [1, 2, *range(10, 20)]) == [2]

    def test_a_long_tail_is_kept_and_the_common_part_copied(self) -> None:
        cache = make()
        long = [1, 2, *range(10, 11 + SURPLUS)]
        cache.close(stored(cache, long))
        holds = stored(cache, [1, 2, 3])
        assert right(holds[0])
        assert cache.nbytes == 2 * GRAIN * BYTES
        assert known(cache, long) == [len(long)]

    def test_undo_of_a_few_tokens_loses_only_them(self) -> None:
        cache = make()
        cache.close(stored(cache, [1, 2, 3, 4, 5]))
        cache.close(stored(cache, [1, 2, 3]))
        assert known(cache, [1, 2, 3, 4, 5]) == [5]

    def test_growing_past_the_array_keeps_what_was_there(self) -> None:
        cache = make()
        ids = list(range(GRAIN - 1))
        cache.close(stored(cache, ids))
        holds = stored(cache, [*ids, *range(500, 510)])
        assert right(holds[0])
        assert cache.nbytes == 2 * GRAIN * BYTES


class TestTwoJobs:
    def test_on_one_stream_share_it_until_they_diverge(self) -> None:
        cache = make()
        cache.close(stored(cache, [1, 2, 3]))
        a, b = cache.open(context([1, 2, 3, 4])), cache.open(context([1, 2, 3, 5]))
        assert a[0].entry is b[0].entry
        fill(cache, a)
        fill(cache, b)
        assert right(a[0])
        assert right(b[0])
        assert a[0].entry is not b[0].entry

    def test_one_that_needs_less_does_not_cut_what_the_other_holds(self) -> None:
        cache = make()
        a = stored(cache, [1, 2, 3, 4, 5])
        b = stored(cache, [1, 2, 9])
        assert right(a[0])
        assert right(b[0])

    def test_that_hold_as_much_need_no_copy(self) -> None:
        cache = make()
        cache.close(stored(cache, [1, 2, 3]))
        one, other = cache.open(context([1, 2, 3, 4])), cache.open(context([1, 2, 3, 5]))
        fill(cache, one)
        assert one[0].entry is other[0].entry
        fill(cache, other)
        assert right(one[0]) and right(other[0])
        assert cache.nbytes == 2 * GRAIN * BYTES

    def test_interleaved_chunk_by_chunk(self) -> None:
        cache = make()
        first, second = list(range(100)), [*range(50), *range(200, 260)]
        a, b = cache.open(context(first)), cache.open(context(second))
        for _ in range(20):
            for hold in (a[0], b[0]):
                done = hold.length
                chunk = hold.ids[done : done + 8].tolist()
                if chunk:
                    cache.append(hold, encode(chunk, hold.ids[:done].tolist()))
        assert right(a[0])
        assert right(b[0])

    def test_one_that_ends_early_leaves_what_it_encoded(self) -> None:
        cache = make()
        holds = cache.open(context([1, 2, 3, 4]))
        cache.append(holds[0], encode([1, 2]))
        cache.close(holds)
        assert known(cache, [1, 2, 3, 4]) == [2]


class TestEviction:
    def test_keeps_the_bytes_within_the_limit_newest_first(self) -> None:
        cache = make(2 * GRAIN * BYTES)
        for first in (1, 2, 3):
            cache.close(stored(cache, [first, 7]))
        assert cache.nbytes == 2 * GRAIN * BYTES
        assert [known(cache, [first, 7]) for first in (1, 2, 3)] == [[0], [2], [2]]

    def test_being_used_makes_new(self) -> None:
        cache = make(2 * GRAIN * BYTES)
        for first in (1, 2, 1, 3):
            cache.close(stored(cache, [first, 7]))
        assert [known(cache, [first, 7]) for first in (1, 2, 3)] == [[2], [0], [2]]

    def test_being_written_makes_new(self) -> None:
        cache = make(2 * GRAIN * BYTES)
        written = cache.open(context([1, 7]))
        cache.append(written[0], encode([1]))
        cache.close(stored(cache, [2, 7]))
        fill(cache, written)
        cache.close(written)
        cache.close(stored(cache, [3, 7]))
        assert [known(cache, [first, 7]) for first in (1, 2, 3)] == [[2], [0], [2]]

    def test_of_two_alike_the_one_that_was_used_last_is_held(self) -> None:
        cache = make()
        long, short = [1, 2, *range(10, 60)], [1, 2, 3]
        for stream in (long, short, long):
            cache.close(stored(cache, stream))
            holds = cache.open(context([1, 2, 4]))
            assert holds[0].entry is not None
            assert holds[0].entry.ids.tolist() == stream
            cache.close(holds)

    def test_never_takes_a_stream_under_way(self) -> None:
        cache = make(0)
        held = stored(cache, [1, 2, 3])
        cache.close(stored(cache, [4, 5]))
        assert cache.nbytes == GRAIN * BYTES
        assert right(held[0])
        cache.close(held)
        assert cache.nbytes == 0

    def test_of_the_shared_part_leaves_the_copy(self) -> None:
        cache = make(GRAIN * BYTES)
        cache.close(stored(cache, [1, 2, *range(10, 60)]))
        cache.close(stored(cache, [1, 2, 3]))
        assert known(cache, [1, 2, 3]) == [3]
        assert known(cache, [1, 2, *range(10, 60)]) == [2]

    def test_closing_twice_is_once(self) -> None:
        cache = make()
        holds = stored(cache, [1])
        cache.close(holds)
        cache.close(holds)
        assert known(cache, [1]) == [1]


@given(
    st.integers(0, 4).map(lambda grains: grains * GRAIN * BYTES),
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["open", "step", "step", "close"]),
            st.tuples(st.integers(0, 90), st.lists(st.integers(0, 1), max_size=4), st.integers(0, 60)),
        ),
        max_size=60,
    ),
)
def test_whatever_jobs_come_and_go_what_a_hold_shows_is_its_own(
    max_bytes: int, events: list[tuple[int, str, tuple[int, list[int], int]]]
) -> None:
    """Jobs 0 to 3 over streams that share prefixes of many lengths, in any order."""
    cache, jobs = make(max_bytes), dict[int, list[Hold]]()
    for job, what, (shared, own, more) in events:
        if what == "close" or (what == "open" and job in jobs):
            cache.close(jobs.pop(job, []))
            if not jobs:
                assert cache.nbytes <= max_bytes
        if what == "open":
            jobs[job] = cache.open(context([*range(10, 10 + shared), *own, *range(200, 200 + more)]))
        for hold in jobs.get(job, ()) if what == "step" else ():
            done, chunk = hold.ids[: hold.length].tolist(), hold.ids[hold.length : hold.length + 7].tolist()
            if chunk:
                cache.append(hold, encode(chunk, done))
        for hold in (hold for holds in jobs.values() for hold in holds if hold.length):
            assert np.array_equal(content(hold), encode(hold.ids[: hold.length].tolist()))
