"""Which tokens of a context are already encoded, and their keys and values.

A context is a list of streams. Because a stream is causal and blind to the others (but for those it names), its keys
and values depend on its own tokens alone: the longest common prefix with what was encoded before is exact, any cursor
is a slice, and a changed neighbour costs nothing. Where attention is causal from block to block, the longest common
prefix of whole blocks is. Nothing here runs a model; arrays are only sliced.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.denoiser import Context

KV = Any
"""Keys and values of some slots, (layers, 2, kv heads, slots, head size): a numpy array or a torch tensor."""

GRAIN = 64
"""Slots by which arrays grow."""
SURPLUS = 32
"""A stream that diverges from an encoded one overwrites up to so many of its tokens; if there are more, the common part
is copied (a fork)."""


def roomy(slots: int) -> int:
    """The slots to allocate for so many tokens."""
    return -(-slots // GRAIN) * GRAIN


def common(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """Length of the longest common prefix."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n


@dataclass(eq=False)
class Encoded:
    """One stream's encoded tokens: `ids` (n,) and the first n slots of `kv`."""

    key: Hashable
    ids: NDArray[np.int64]
    kv: KV
    used: int = 0
    holders: list[Hold] = field(default_factory=list)


@dataclass(eq=False)
class Hold:
    """A job's hold on the first `length` tokens of an encoded stream, on the way to all of `ids`."""

    key: Hashable
    ids: NDArray[np.int64]
    entry: Encoded | None = None
    length: int = 0


class ContextCache:
    """Encoded streams. When they exceed `max_bytes`, those unused for longest are evicted; streams in use count, and
    are never evicted.

    allocate: slots -> a zeroed KV array. block: tokens whose keys depend on each other; streams are then held and
    encoded in whole blocks.
    """

    def __init__(self, allocate: Callable[[int], KV], max_bytes: int, block: int = 1) -> None:
        self._allocate, self._max_bytes, self._block = allocate, max_bytes, block
        self._entries: list[Encoded] = []
        self._time = itertools.count()

    @property
    def nbytes(self) -> int:
        return sum(int(entry.kv.nbytes) for entry in self._entries)

    def open(self, context: Context) -> list[Hold]:
        """For each stream the longest common prefix with anything encoded. Changes nothing that is encoded."""
        holds: list[Hold] = []
        for stream in context.streams:
            seen = tuple((holds[i].key, holds[i].ids.tobytes()) for i in stream.sees)
            hold = Hold((stream.start, seen), np.asarray(stream.ids, dtype=np.int64))
            alike = (entry for entry in self._entries if entry.key == hold.key)
            found = [(self._shared(entry.ids, hold.ids), entry) for entry in alike]
            hold.length, entry = max(found, key=lambda pair: (pair[0], pair[1].used), default=(0, None))
            if entry is not None and hold.length:
                self._attach(hold, entry)
            holds.append(hold)
        return holds

    def _shared(self, encoded: NDArray[np.int64], wanted: NDArray[np.int64]) -> int:
        return common(encoded, wanted) // self._block * self._block

    def append(self, hold: Hold, kv: KV) -> None:
        """Keep the keys and values of the next tokens of `hold.ids` (as many as `kv` has slots)."""
        end = hold.length + kv.shape[-2]
        entry = self._writable(hold, end)
        entry.kv[..., hold.length : end, :] = kv
        entry.ids = hold.ids[:end]
        hold.length = end

    def close(self, holds: list[Hold]) -> None:
        """Let go; then evict what has not been used for longest until the bytes fit."""
        for hold in holds:
            if hold.entry is not None:
                hold.entry.holders.remove(hold)
                hold.entry = None
        free = sorted((entry for entry in self._entries if not entry.holders), key=lambda entry: entry.used)
        surplus = self.nbytes - self._max_bytes
        for entry in free:
            if surplus <= 0:
                break
            surplus -= int(entry.kv.nbytes)
            self._entries.remove(entry)

    def _writable(self, hold: Hold, end: int) -> Encoded:
        """The hold's entry, truncated to what the hold shares with it and with room up to `end`; a fork when the
        tokens beyond belong to another job or are many."""
        entry = hold.entry
        others = entry is not None and any(o.length > hold.length for o in entry.holders if o is not hold)
        if entry is None or others or len(entry.ids) - hold.length > SURPLUS:
            fork = Encoded(hold.key, hold.ids[: hold.length], self._allocate(roomy(max(end, len(hold.ids)))))
            if entry is not None:
                fork.kv[..., : hold.length, :] = entry.kv[..., : hold.length, :]
                entry.holders.remove(hold)
            self._entries.append(fork)
            self._attach(hold, fork)
            return fork
        if entry.kv.shape[-2] < end:
            larger = self._allocate(roomy(end))
            larger[..., : hold.length, :] = entry.kv[..., : hold.length, :]
            entry.kv = larger
        entry.used = next(self._time)
        return entry

    def _attach(self, hold: Hold, entry: Encoded) -> None:
        hold.entry, entry.used = entry, next(self._time)
        entry.holders.append(hold)
