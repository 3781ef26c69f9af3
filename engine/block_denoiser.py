"""Block-causal models behind the `Denoiser` seam (LLaDA2.x, SDAR and the like): an exact cache of finished blocks.

The text is one row of tokens: prompt, committed middle, canvas. Blocks are counted from its start. A finished block's
keys and values depend on the tokens up to its end and on nothing else, so they are encoded once, when the first forward
after needs them, and cached. What stands after the last finished block is *open*: the prompt's own last tokens, if they
share a block with the canvas, and the canvas. Open rows see everything finished and each other.

Where what is said of a token stands in the row before it (Fast-dLLM v2), a block's first token is said in the last row
of the block before. That row is finished, and computed again: it sees the same as before, its own key among it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from engine.canvas import ControlIds
from engine.context_cache import KV, ContextCache, Hold, common, roomy
from engine.denoiser import Among, Context, Denoiser, Draft, Prediction, Scoring, Stream
from engine.forward import HIDDEN, Forward, Output, Rows, best_of, by_canvas, padded

ROOM = 4
"""Blocks of middle that a working set has room for when it is laid out."""
QUICK = 0.02
"""After a forward of fewer seconds, one with twice as many rows may follow. A cancellation waits for its end."""
Tokens = tuple[int, ...]


class BlockDenoiser(Denoiser["BlockLease"]):
    """`Denoiser` over a backend. block: tokens per block. cache_bytes: what encoded prompts may occupy beside the
    working set, including those in use. shifted: a token is predicted in the row before its own."""

    lookahead = 0

    def __init__(
        self, forward: Forward, control: ControlIds, block: int, cache_bytes: int = 1 << 30, *, shifted: bool = False
    ) -> None:
        self.control, self.block, self.shifted = control, block, shifted
        self._forward = forward
        self._cache = ContextCache(forward.new_kv, cache_bytes, block)
        self._working = WorkingSet(forward, block)

    def open(self, context: Context) -> BlockLease:
        """Raises ValueError for a context that is not one stream from position 0."""
        if len(context.streams) != 1 or context.streams[0].start or context.middle != len(context.streams[0].ids):
            raise ValueError("a block-causal model reads one text, from its start up to the middle")
        ids = context.streams[0].ids
        whole = len(ids) // self.block * self.block
        (hold,) = self._cache.open(Context((Stream("finished blocks", ids[:whole], 0),), whole))
        return BlockLease(hold, ids[whole:], self)

    def release(self, lease: BlockLease) -> None:
        """Give up a lease; what was encoded of its prompt stays cached, its middle does not."""
        self._working.forget(lease)
        self._cache.close([lease.hold])

    def prefill(self, lease: BlockLease, limit: int) -> None:
        if lease.pending:
            self._run(self._start(lease, limit))

    def predict(self, lease: BlockLease, drafts: Sequence[Draft]) -> list[Prediction]:
        one = self._start(lease, lease.pending)
        for draft in drafts:
            canvas = draft.canvas
            one.add_open(draft.committed, canvas.ids.tolist(), np.flatnonzero(~canvas.frozen).tolist())
        return by_canvas(self._run(one), [draft.canvas for draft in drafts])

    def next_token(self, lease: BlockLease, middles: Sequence[Tokens], among: Sequence[Among] = ()) -> list[Prediction]:
        """The first slot of what is left of the block, all masks."""
        one = self._start(lease, lease.pending)
        asked = list(zip_longest(middles, among))
        for middle, ids in asked:
            one.add_open(middle, self._masks(lease, middle), [0], ids)
        output = self._run(one)
        return [best_of(output, row, ids) for row, (_, ids) in enumerate(asked)]

    def score(self, lease: BlockLease, middles: Sequence[Tokens], limit: int) -> Scoring:
        """Each token is asked for with those before it written and the rest of its block masked. That is the
        probability with which decoding would write the text from left to right.

        Each token takes a block of rows, so a forward asks about few, and about more only after a quick one. What
        middles have in common at their beginning is computed once.
        """
        begun = list(dict.fromkeys(middle[:n] for middle in middles for n in range(1, len(middle) + 1)))
        scores: dict[Tokens, float] = {}
        most = least = max(1, limit // self.block)
        while len(scores) < len(begun):
            began, asked = time.monotonic(), begun[len(scores) : len(scores) + most]
            one = self._start(lease, lease.pending)
            for path in asked:
                one.add_open(path[:-1], self._masks(lease, path[:-1]), [0], np.array(path[-1:], np.int64))
            scores |= zip(asked, self._run(one).target_logprobs[:, 0].tolist(), strict=True)
            most = min(2 * most, limit) if time.monotonic() - began < QUICK else least
            yield
        return [np.array([scores[middle[:n]] for n in range(1, len(middle) + 1)], np.float32) for middle in middles]

    def _masks(self, lease: BlockLease, middle: Tokens) -> list[int]:
        """Masks up to the end of the block that the next token stands in."""
        return [self.control.mask] * (self.block - (len(lease.tail) + len(middle)) % self.block)

    def _start(self, lease: BlockLease, limit: int) -> OneForward:
        self._working.show(lease)
        one = OneForward(self._working, lease, self.block, self.shifted)
        one.add_prompt(limit)
        return one

    def _run(self, one: OneForward) -> Output:
        """Run the forward and keep what it finished: prompt in the cache and the working set, middle in the latter."""
        output = self._forward(one.build(), self._working.kv)
        if one.prompt_rows:
            kv = output.kv[..., : one.prompt_rows, :]
            self._working.extend(kv, one.lease.hold)
            self._cache.append(one.lease.hold, kv)
        for key, rows in one.finished.items():
            self._working.keep(key, output.kv[..., rows.start : rows.stop, :])
        return output


@dataclass(eq=False)
class BlockLease:
    """One job's hold: the prompt's whole blocks, and its tokens after them."""

    hold: Hold
    tail: Tokens
    denoiser: BlockDenoiser

    @property
    def pending(self) -> int:
        return len(self.hold.ids) - self.hold.length

    def close(self) -> None:
        self.denoiser.release(self)


class WorkingSet:
    """The keys and values that the next forward sees, in one preallocated array: the prompt's blocks from slot 0, then
    finished blocks of the middle, each known by all tokens from the prompt's tail to its end."""

    def __init__(self, forward: Forward, block: int) -> None:
        self._forward, self._block = forward, block
        self.kv: KV = forward.new_kv(0)
        self.prompt = np.empty(0, np.int64)
        self.middle: dict[Tokens, int] = {}
        self._free = 0
        self._lease: BlockLease | None = None

    def show(self, lease: BlockLease) -> None:
        """Lay out the cached part of this job's prompt. What it has in common with the last job's stays where it is."""
        if self._lease is lease:
            return
        self._lease, self.middle = lease, {}
        hold = lease.hold
        keep = common(self.prompt, hold.ids[: hold.length]) // self._block * self._block
        self.prompt, self._free = hold.ids[:keep], len(hold.ids)
        self._reserve(self._free + ROOM * self._block, keep)
        if hold.entry is not None and keep < hold.length:
            self.extend(hold.entry.kv[..., keep : hold.length, :], hold)

    def extend(self, kv: KV, hold: Hold) -> None:
        """Write the keys and values of the prompt's next blocks."""
        n = len(self.prompt)
        self.kv[..., n : n + kv.shape[-2], :] = kv
        self.prompt = hold.ids[: n + kv.shape[-2]]

    def keep(self, key: Tokens, kv: KV) -> None:
        """Keep a finished block of the middle."""
        if self._free + self._block > self.kv.shape[-2]:
            self._reserve(self._free + ROOM * self._block, self._free)
        self.kv[..., self._free : self._free + self._block, :] = kv
        self.middle[key] = self._free
        self._free += self._block

    def forget(self, lease: BlockLease) -> None:
        if self._lease is lease:
            self._lease, self.middle = None, {}

    def _reserve(self, slots: int, used: int) -> None:
        """Room for so many slots, of which the first `used` are kept."""
        have = self.kv.shape[-2]
        if slots <= have <= 2 * roomy(slots):
            return
        fresh = self._forward.new_kv(roomy(slots))
        fresh[..., :used, :] = self.kv[..., :used, :]
        self.kv = fresh


class OneForward:
    """The rows of one forward, group by group: the rows of a group see the same slots and rows, each other among
    them."""

    def __init__(self, working: WorkingSet, lease: BlockLease, block: int, shifted: bool) -> None:
        self.lease = lease
        self.prompt_rows = 0
        self.finished: dict[Tokens, range] = {}
        self._working, self._block, self._shifted = working, block, shifted
        self._ids: list[int] = []
        self._positions: list[int] = []
        self._blocks: list[int] = []
        self._groups: list[tuple[range, NDArray[np.int64], list[range]]] = []
        self._heads: list[int] = []
        self._targets: list[Among] = []

    def add_prompt(self, limit: int) -> None:
        """The prompt's next blocks: as many whole ones as the limit allows, one at least."""
        hold = self.lease.hold
        end = min(len(hold.ids), hold.length + max(self._block, limit // self._block * self._block))
        for at in range(hold.length, end, self._block):
            self._add(hold.ids[at : at + self._block].tolist(), at, self._prompt_slots, self._prompt_ranges)
            self.prompt_rows += self._block

    def add_open(self, committed: Tokens, canvas: Sequence[int], asked: Sequence[int], targets: Among = None) -> None:
        """The blocks that `committed` finishes, if they are not known yet, and the open rows with the canvas.

        asked: slots of the canvas that a prediction is wanted for, and the log-probabilities of `targets` with it.
        """
        before = (*self.lease.tail, *committed)
        finished = len(before) // self._block * self._block
        slots, ranges = [self._prompt_slots], list(self._prompt_ranges)
        for end in range(self._block, finished + 1, self._block):
            key = before[:end]
            if (slot := self._working.middle.get(key)) is not None:
                slots.append(np.arange(slot, slot + self._block))
                continue
            if key not in self.finished:
                tokens, at = key[-self._block :], len(self.lease.hold.ids) + end - self._block
                self.finished[key] = self._add(tokens, at, np.concatenate(slots), ranges)
            ranges = [*ranges, self.finished[key]]
        start, seen = len(self.lease.hold.ids) + finished, np.concatenate(slots)
        rows = self._add((*before[finished:], *canvas), start, seen, ranges)
        heads = [rows.stop - len(canvas) + slot - self._shifted for slot in asked]
        if heads and heads[0] < rows.start:
            last = (*self.lease.hold.ids[-1:].tolist(), *before[:finished])[-1:]
            heads[0] = self._add(last, start - 1, seen, ranges, again=True).start if last else rows.start
        self._heads += heads
        self._targets += [targets] * len(asked)

    def build(self) -> Rows:
        """The arrays of the forward."""
        capacity = self._working.kv.shape[-2]
        bias = np.full((len(self._ids), capacity + len(self._ids)), HIDDEN, dtype=np.float32)
        for rows, slots, ranges in self._groups:
            own = bias[rows.start : rows.stop]
            own[:, slots] = 0
            for seen in ranges:
                own[:, capacity + seen.start : capacity + seen.stop] = 0
        return Rows(
            ids=np.asarray(self._ids, np.int64),
            positions=np.asarray(self._positions, np.int64),
            canvas=np.zeros(len(self._ids), np.bool_),
            bias=bias,
            head_rows=np.asarray(self._heads, np.int64),
            targets=padded(self._targets),
            blocks=np.asarray(self._blocks, np.int64),
        )

    @property
    def _prompt_slots(self) -> NDArray[np.int64]:
        return np.arange(self.lease.hold.length)

    @property
    def _prompt_ranges(self) -> list[range]:
        return [range(self.prompt_rows)] if self.prompt_rows else []

    def _add(
        self, tokens: Sequence[int], at: int, slots: NDArray[np.int64], ranges: list[range], *, again: bool = False
    ) -> range:
        """A group of rows from position `at` on. Where it is longer than a block, experts are chosen block by block.
        again: these rows are among those that they see."""
        rows = range(len(self._ids), len(self._ids) + len(tokens))
        first = self._blocks[-1] + 1 if self._blocks else 0
        self._ids += tokens
        self._positions += range(at, at + len(tokens))
        self._blocks += [first + offset // self._block for offset in range(len(tokens))]
        self._groups.append((rows, slots, ranges if again else [*ranges, rows]))
        return rows
