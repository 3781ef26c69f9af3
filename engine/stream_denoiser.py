"""The compact model behind the `Denoiser` seam: blind causal streams, a causal middle, bidirectional canvases.

Everything that one forward computes is a row of one matrix: pending context tokens, middle tokens and the slots of
every canvas travel together and differ only in position and in what the additive bias lets them see
(ARCHITECTURE.md, *The shape of the computation*). The backend (`forward.py`) knows nothing of streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from engine.canvas import Canvas, ControlIds
from engine.context_cache import KV, ContextCache, Hold, common, roomy
from engine.denoiser import Among, Context, Denoiser, Draft, Prediction, Scoring
from engine.forward import HIDDEN, Forward, Output, Rows, best_of, by_canvas, padded
from engine.prediction_cache import PredictionCache, Said

REGION = 32
"""The size of every region but the last is a multiple of so many slots."""
MIDDLE_ROOM = 64
"""Slots kept free for middle tokens when a working set is laid out."""
REMEMBERED = 8
"""Contexts whose predictions are kept: who goes back a few words finds them again."""


class StreamDenoiser(Denoiser["StreamLease"]):
    """`Denoiser` over a backend. cache_bytes: what encoded streams may occupy beside the working set, including those
    in use. remembered: contexts whose predictions are kept."""

    lookahead = 4

    def __init__(
        self, forward: Forward, control: ControlIds, cache_bytes: int = 128 << 20, remembered: int = REMEMBERED
    ) -> None:
        self.control = control
        self._forward = forward
        self._cache = ContextCache(forward.new_kv, cache_bytes)
        self._predictions = PredictionCache(remembered)
        self._working = WorkingSet(forward)

    def open(self, context: Context) -> StreamLease:
        return StreamLease(context, self._cache.open(context), self, self._predictions.open(context))

    def release(self, lease: StreamLease) -> None:
        """Give up a lease; what was encoded of its context stays cached, its middle does not."""
        self._working.forget(lease)
        self._cache.close(lease.holds)

    def prefill(self, lease: StreamLease, limit: int) -> None:
        if lease.pending:
            self._run(self._start(lease, limit))

    def predict(self, lease: StreamLease, drafts: Sequence[Draft]) -> list[Prediction]:
        one = self._start(lease, lease.pending)
        for draft in drafts:
            one.add_canvas(self._middle(lease, draft.committed), draft.canvas)
        return by_canvas(self._run(one), [draft.canvas for draft in drafts])

    def next_token(
        self, lease: StreamLease, middles: Sequence[tuple[int, ...]], among: Sequence[Among] = ()
    ) -> list[Prediction]:
        one, said = self._start(lease, lease.pending), list[Prediction]()
        asked = list(zip_longest(middles, among))
        for middle, ids in asked:
            rows = one.add_middle(self._middle(lease, middle), known=len(middle))
            one.ask(rows[-1], ids)
        output = self._run(one)
        for row, (middle, ids) in enumerate(asked):
            lease.said[middle] = Said.of(output, row, ids)
            said.append(best_of(output, row, ids))
        return said

    def recall(self, lease: StreamLease, middle: tuple[int, ...], among: Among = None) -> Prediction | None:
        return lease.said[middle].among(among) if middle in lease.said else None

    def score(self, lease: StreamLease, middles: Sequence[tuple[int, ...]], limit: int) -> Scoring:
        """What middles begin with in common is computed once."""
        wholes = [self._middle(lease, middle) for middle in middles]
        begun = list(dict.fromkeys(whole[:n] for whole in wholes for n in range(2, len(whole) + 1)))
        scores: dict[tuple[int, ...], float] = {}
        for first in range(0, len(begun), limit):
            asked, one = begun[first : first + limit], self._start(lease, lease.pending)
            for path in reversed(asked):  # the rows of a middle stand for all that it begins with
                row = one.middle_rows.get(path[:-1])
                row = one.add_middle(path[:-1], known=len(path) - 2)[-1] if row is None else row
                one.ask(row, np.array(path[-1:], np.int64))
            scores |= zip(reversed(asked), self._run(one).target_logprobs[:, 0].tolist(), strict=True)
            yield
        return [np.array([scores[whole[:n]] for n in range(2, len(whole) + 1)], np.float32) for whole in wholes]

    def _start(self, lease: StreamLease, limit: int) -> OneForward:
        self._working.show(lease)
        one = OneForward(self._working, lease)
        one.add_context(limit)
        return one

    def _run(self, one: OneForward) -> Output:
        """Run the forward and keep what it encoded: context in the cache and the working set, middles in the latter."""
        output = self._forward(*one.build())
        for index, rows in one.stream_rows.items():
            if rows:
                kv = output.kv[..., rows.start : rows.stop, :]
                self._working.extend(index, kv, one.lease.holds[index])
                self._cache.append(one.lease.holds[index], kv)
        for middle, row in one.middle_rows.items():
            self._working.keep_middle(middle, output.kv[..., row : row + 1, :])
        return output

    def _middle(self, lease: StreamLease, ids: tuple[int, ...]) -> tuple[int, ...]:
        opening = lease.context.opening
        return (self.control.middle if opening is None else opening, *ids)


@dataclass(eq=False)
class StreamLease:
    """One job's hold: its context, the streams' cached parts, and what was said in this context already. aside: while
    another job has the working set, the keys and values of the last token of each of its middles."""

    context: Context
    holds: list[Hold]
    denoiser: StreamDenoiser
    said: dict[tuple[int, ...], Said]
    aside: dict[tuple[int, ...], KV] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        return sum(len(hold.ids) - hold.length for hold in self.holds)

    def close(self) -> None:
        self.denoiser.release(self)


@dataclass(eq=False)
class Region:
    """Where a stream stands in the working set: the tokens encoded, from slot `at` on; room for `size`."""

    key: object
    ids: NDArray[np.int64]
    at: int
    size: int

    @property
    def slots(self) -> NDArray[np.int64]:
        return np.arange(self.at, self.at + len(self.ids))


class WorkingSet:
    """The keys and values that the next forward sees, in one preallocated array, and whose they are.

    Attention does not care for the order of slots (positions are in the keys), so every stream has a region of its
    own with some room, and the middle's tokens take the free slots behind. Typing copies nothing: new tokens are
    written behind the old ones; a stream that changed is copied from where it differs.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.kv: KV = forward.new_kv(0)
        self.regions: list[Region] = []
        self.middles: dict[tuple[int, ...], int] = {}
        self._free = 0
        self._lease: StreamLease | None = None

    def show(self, lease: StreamLease) -> None:
        """Lay out the cached part of every stream of this job and its middle; nothing to do while the same job goes
        on."""
        if self._lease is lease:
            return
        if self._lease is not None:
            self._lease.aside = {middle: self.copied(np.array([slot])) for middle, slot in self.middles.items()}
        self._lease, self.middles = lease, {}
        self.regions = self._placed(lease.holds)
        self._free = sum(region.size for region in self.regions)
        self._reserve(self._free + MIDDLE_ROOM)
        for index, hold in enumerate(lease.holds):
            known = len(self.regions[index].ids)
            if hold.entry is not None and known < hold.length:
                self.extend(index, hold.entry.kv[..., known : hold.length, :], hold)
        for middle, kv in lease.aside.items():
            self.keep_middle(middle, kv)

    def _placed(self, holds: Sequence[Hold]) -> list[Region]:
        """One region per stream. As long as the old regions fit, they stay where they are, with the tokens that still
        hold."""
        regions: list[Region] = []
        at, moved = 0, False
        for index, hold in enumerate(holds):
            last = index == len(holds) - 1
            need = roomy(len(hold.ids)) if last else -(-len(hold.ids) // REGION) * REGION
            old = self.regions[index] if index < len(self.regions) else None
            moved = moved or old is None or old.at != at
            same = old is not None and not moved and old.key == hold.key
            ids = hold.ids[: common(old.ids, hold.ids[: hold.length])] if same and old else hold.ids[:0]
            regions.append(Region(hold.key, ids, at, need))
            at += need
        return regions

    def extend(self, index: int, kv: KV, hold: Hold) -> None:
        """Write the keys and values of a region's next tokens."""
        region = self.regions[index]
        n = len(region.ids)
        self.kv[..., region.at + n : region.at + n + kv.shape[-2], :] = kv
        region.ids = hold.ids[: n + kv.shape[-2]]

    def keep_middle(self, middle: tuple[int, ...], kv: KV) -> None:
        """Keep the keys and values of this middle's last token; middles share what they have in common."""
        if middle in self.middles:
            return
        if self._free == self.kv.shape[-2]:
            self._reserve(self._free + MIDDLE_ROOM)
        self.kv[..., self._free : self._free + 1, :] = kv
        self.middles[middle] = self._free
        self._free += 1

    def copied(self, slots: NDArray[np.int64]) -> KV:
        """The keys and values of these slots, in ascending order, alone."""
        alone, at = self._forward.new_kv(len(slots)), 0
        for run in np.split(slots, np.flatnonzero(np.diff(slots) > 1) + 1):
            if n := len(run):
                alone[..., at : at + n, :] = self.kv[..., run[0] : run[0] + n, :]
                at += n
        return alone

    def forget(self, lease: StreamLease) -> None:
        if self._lease is lease:
            self._lease, self.middles = None, {}

    def _reserve(self, slots: int) -> None:
        """Make room for so many slots. Growing, and leaving an array that is much too large, copies what is in use
        once."""
        have = self.kv.shape[-2]
        if slots <= have <= roomy(slots) + 2 * MIDDLE_ROOM:
            return
        fresh = self._forward.new_kv(roomy(slots))
        keep = min(have, self._free)
        fresh[..., :keep, :] = self.kv[..., :keep, :]
        self.kv = fresh


class OneForward:
    """The rows of one forward and what each sees: `_slots` of the working set and `_rows` of this forward."""

    def __init__(self, working: WorkingSet, lease: StreamLease) -> None:
        self.lease = lease
        self._working = working
        self._ids: list[int] = []
        self._positions: list[int] = []
        self._is_canvas: list[bool] = []
        self._slots: list[NDArray[np.int64]] = []
        self._rows: list[list[int]] = []
        self._heads: list[int] = []
        self._targets: list[Among] = []
        self._context_slots = np.concatenate([np.empty(0, np.int64), *(region.slots for region in working.regions)])
        self._context_rows: list[int] = []
        self.stream_rows: dict[int, range] = {}
        self.middle_rows: dict[tuple[int, ...], int] = {}

    def add_context(self, limit: int) -> None:
        """At most `limit` pending context tokens, in the order of the streams."""
        for index, (stream, hold) in enumerate(zip(self.lease.context.streams, self.lease.holds, strict=True)):
            ids = hold.ids[hold.length : hold.length + limit]
            limit -= len(ids)
            seen = [self._working.regions[i].slots for i in (*stream.sees, index)]
            rows = [row for i in stream.sees for row in self.stream_rows[i]]
            start = stream.start + hold.length
            self.stream_rows[index] = self._causal(ids.tolist(), start, np.concatenate(seen), rows)
            self._context_rows += self.stream_rows[index]

    def add_middle(self, middle: tuple[int, ...], *, known: int | None = None) -> list[int]:
        """Rows for the tokens of a middle that are not encoded yet, and for all behind its first `known`, because only
        a row gets a prediction; returns the rows that stand for them."""
        encoded = self._known(middle)
        known = encoded if known is None else min(encoded, known)
        slots = np.concatenate((self._context_slots, self._middle_slots(middle[:known])))
        rows: list[int] = []
        for n in range(known + 1, len(middle) + 1):
            if middle[:n] not in self.middle_rows:
                position = self.lease.context.middle + n - 1
                added = self._causal(middle[n - 1 : n], position, slots, [*self._context_rows, *rows])
                self.middle_rows[middle[:n]] = added.start
            rows.append(self.middle_rows[middle[:n]])
        return rows

    def add_canvas(self, middle: tuple[int, ...], canvas: Canvas) -> None:
        """Slots that see the context, their middle and each other; predictions are asked for those not frozen."""
        rows = self.add_middle(middle)
        slots = np.concatenate((self._context_slots, self._middle_slots(middle[: len(middle) - len(rows)])))
        first, start = len(self._ids), self.lease.context.middle + len(middle)
        seen = [*self._context_rows, *rows, *range(first, first + len(canvas))]
        for i, token in enumerate(canvas.ids.tolist()):
            self._add(token, start + i, True, slots, seen)
            if not canvas.frozen[i]:
                self.ask(first + i)

    def _causal(self, ids: Sequence[int], start: int, slots: NDArray[np.int64], rows: Sequence[int]) -> range:
        """Tokens that see `slots`, `rows`, themselves and each other leftwards."""
        first = len(self._ids)
        for i, token in enumerate(ids):
            self._add(token, start + i, False, slots, [*rows, *range(first, first + i + 1)])
        return range(first, len(self._ids))

    def ask(self, row: int, targets: Among = None) -> None:
        """A prediction is wanted for this row, and the log-probabilities of `targets`."""
        self._heads.append(row)
        self._targets.append(targets)

    def build(self) -> tuple[Rows, KV]:
        """The arrays of the forward, and the keys and values that it reads. Those are the whole working set or, if only
        context is encoded, a copy of the few slots that it sees: attention costs what it is shown, hidden or not."""
        kv = self._working.kv
        capacity = kv.shape[-2]
        bias = np.full((len(self._ids), capacity + len(self._ids)), HIDDEN, dtype=np.float32)
        for row, (slots, others) in enumerate(zip(self._slots, self._rows, strict=True)):
            bias[row, slots] = 0
            bias[row, capacity + np.asarray(others)] = 0
        if not self._heads:
            seen = np.flatnonzero((bias[:, :capacity] == 0).any(axis=0))
            kv, bias = self._working.copied(seen), np.concatenate((bias[:, seen], bias[:, capacity:]), axis=1)
        rows = Rows(
            ids=np.asarray(self._ids, np.int64),
            positions=np.asarray(self._positions, np.int64),
            canvas=np.asarray(self._is_canvas, np.bool_),
            bias=bias,
            head_rows=np.asarray(self._heads, np.int64),
            targets=padded(self._targets),
        )
        return rows, kv

    def _known(self, middle: tuple[int, ...]) -> int:
        """How many leading tokens of this middle are encoded in the working set."""
        return next((n for n in range(len(middle), 0, -1) if middle[:n] in self._working.middles), 0)

    def _middle_slots(self, middle: tuple[int, ...]) -> NDArray[np.int64]:
        return np.asarray([self._working.middles[middle[:n]] for n in range(1, len(middle) + 1)], np.int64)

    def _add(self, token: int, position: int, canvas: bool, slots: NDArray[np.int64], rows: list[int]) -> None:
        self._ids.append(token)
        self._positions.append(position)
        self._is_canvas.append(canvas)
        self._slots.append(slots)
        self._rows.append(rows)
