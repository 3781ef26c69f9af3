"""Training sequences: rows of streams, middles and noisy canvases, and one description of what each row sees.

Every row belongs to a group (a stream, a tail, a middle, a canvas) and has an order in it. A row sees its own group up
to itself, and of every group g the rows whose order is below `limits[own group, g]`. The dense mask (CPU) and flex
attention's `mask_mod` (GPU) are this one rule (`visible`), so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import ControlIds, Stream
from engine.drafting import OVERLAP
from infill.edits import common
from infill.local import CANVAS_MOST, OPEN_AFTER_DRAFT
from training import noise
from training.samples import Chunk, Hole

ALL = 1 << 20
"""A limit no order reaches."""
UNWARMED = 8
"""The first tokens of a stream count nothing, because nobody could predict them."""


class Term(IntEnum):
    """Which part of the objective a row's label counts in."""

    CLEAN = 0
    MIDDLE = 1
    FILL = 2
    EDIT = 3


@dataclass(frozen=True, slots=True)
class Mix:
    """What canvases look like. sizes: slots, drawn evenly; none: no canvas at all, only middles left to right.

    pairs: canvases of a hole, two views of each. full, band: see `noise.mask_pair`. edits: pairs of views of which one
    is an edit. identity: edits with nothing to do. mistakes: per token of a draft. keep: weight of a slot that is right
    already, where one that must change has 1. inside: middles longer than the canvas whose canvas starts inside them.
    sides: whether the streams beside the prefix teach the language, too.
    """

    sizes: tuple[int, ...] = (8, 16, 32)
    pairs: int = 1
    full: float = 0.6
    band: tuple[float, float] = (0.3, 0.8)
    edits: float = 0.0
    identity: float = 0.25
    mistakes: float = 0.12
    keep: float = 0.2
    inside: float = 0.5
    sides: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """One canvas of a hole: it starts behind the first `committed` tokens of the middle."""

    committed: int
    view: noise.View


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a fully masked canvas stands, for drafts of the model's own: rows [first, first + size) and its target."""

    first: int
    size: int
    middle: tuple[int, ...]


# ---- canvases


def plans(hole: Hole, mix: Mix, control: ControlIds, vocabulary: int, rng: np.random.Generator) -> list[Plan]:
    """The noisy canvases of a hole."""
    if mix.sizes and hole.draft is not None:
        return _repair(hole, mix, control, rng)
    pairs = mix.pairs if mix.sizes else 0
    return [plan for _ in range(pairs) for plan in _pair(hole, mix, control, vocabulary, rng)]


def _pair(hole: Hole, mix: Mix, control: ControlIds, vocabulary: int, rng: np.random.Generator) -> list[Plan]:
    """Two views of one canvas."""
    size = int(rng.choice(mix.sizes))
    at, held = _start(len(hole.middle), size, mix.inside, rng)
    rest = hole.middle[at:]
    target = noise.target_slots(rest, size, control.eom)
    one, two = noise.mask_pair(size, rng, full=mix.full, band=mix.band)
    one[:held], two[:held] = False, False
    views = [noise.fill_view(target, mask, control, keep=mix.keep) for mask in (one, two) if mask.any()]
    if rng.random() < mix.edits:
        known = hole.context.streams[-1].ids[-64:] if rng.random() < 0.5 else rng.integers(17, vocabulary, 64).tolist()
        draft = _draft(target, min(len(rest), size), known, mix, control, rng)
        views[1:] = [noise.edit_view(draft, rest, control, keep=mix.keep)]
    return [Plan(at, view) for view in views]


def _start(length: int, size: int, inside: float, rng: np.random.Generator) -> tuple[int, int]:
    """How many tokens stand before the canvas, and how many of its first slots hold what the canvas before it wrote."""
    if length <= size or rng.random() >= inside:
        return 0, 0
    at, overlap = int(rng.integers(1, length + 1)), min(OVERLAP, size // 2)
    return (at - overlap, overlap) if at >= overlap and rng.random() < 2 / 3 else (at, 0)


def _draft(
    target: noise.Ids, length: int, known: Sequence[int], mix: Mix, control: ControlIds, rng: np.random.Generator
) -> noise.Ids:
    """A draft with nothing, something wrong, or something wrong and something open."""
    kind = rng.random()
    if kind < mix.identity:
        return target.copy()
    draft = noise.corrupt(target, length, rng, vocabulary=known, share=mix.mistakes, eom=control.eom)
    if kind > 0.75:
        draft[rng.random(len(draft)) < rng.uniform(0.1, 0.6)] = control.mask
    return draft


def _repair(hole: Hole, mix: Mix, control: ControlIds, rng: np.random.Generator) -> list[Plan]:
    """The two starts of a repair: the draft itself, and the draft with its suspects masked. Now and then the right text
    stands in the draft's place, which must be left alone."""
    draft = list(hole.middle if rng.random() < mix.identity else hole.draft or ())
    size = min(CANVAS_MOST, len(draft) + OPEN_AFTER_DRAFT)
    plain = noise.target_slots(draft, size, control.eom)
    masked = plain.copy()
    masked[[i for i in hole.suspects if i < len(draft)] or [0]] = control.mask
    return [Plan(0, noise.edit_view(row, hole.middle, control, keep=mix.keep)) for row in (plain, masked)]


# ---- rows


@dataclass(frozen=True, slots=True)
class Laid:
    """One training sequence.

    arrays: (size,) each, and `limits` (groups, groups). open: its fully masked canvases.
    """

    arrays: dict[str, NDArray[Any]]
    open: tuple[Placed, ...]


@dataclass
class Layout:
    """A training sequence under construction: at most `size` rows in at most `groups` groups. sides: see `Mix`."""

    size: int
    groups: int
    control: ControlIds
    sides: bool = True
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    canvas: list[bool] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)
    sees: list[dict[int, int]] = field(default_factory=list)
    open: list[Placed] = field(default_factory=list)

    def add_chunk(self, chunk: Chunk, planned: Sequence[Sequence[Plan]]) -> int:
        """Lay out a chunk's trunk and as many of its holes as fit; returns the rows used."""
        before = len(self.ids)
        if before + len(chunk.trunk.ids) > self.size or len(self.sees) + 2 > self.groups:
            return 0
        trunk, known = self._stream(chunk.trunk, {}), dict[object, int]()
        for hole, canvases in zip(chunk.holes, planned, strict=True):
            if self._fits(chunk.trunk, hole, canvases, known):
                self._add_hole(chunk.trunk, trunk, hole, canvases, known)
        return len(self.ids) - before

    def _fits(self, trunk: Stream, hole: Hole, canvases: Sequence[Plan], known: dict[object, int]) -> bool:
        streams = hole.context.streams
        fresh = [stream for stream in streams[:-1] if _key(stream, streams) not in known]
        tail = len(streams[-1].ids) - common(streams[-1].ids, trunk.ids)
        rows = sum(len(stream.ids) for stream in fresh) + tail + 1 + len(hole.middle)
        rows += sum(len(plan.view.ids) for plan in canvases)
        groups = len(fresh) + 2 + len(canvases)
        return len(self.ids) + rows <= self.size and len(self.sees) + groups < self.groups

    def _add_hole(
        self, trunk_stream: Stream, trunk: int, hole: Hole, canvases: Sequence[Plan], known: dict[object, int]
    ) -> None:
        """trunk: the group of that stream. known: the groups of the streams that are there already."""
        *sides, prefix = hole.context.streams
        groups: list[int] = []
        for stream in sides:
            key = _key(stream, sides)
            if key not in known:
                known[key] = self._stream(stream, {groups[j]: ALL for j in stream.sees})
            groups.append(known[key])
        shared = common(prefix.ids, trunk_stream.ids)
        sees = {**dict.fromkeys(groups, ALL), trunk: shared}
        if tail := prefix.ids[shared:]:
            sees[self._group(tail, prefix.start + shared, {trunk: shared})] = ALL
        opening = self.control.middle if hole.context.opening is None else hole.context.opening
        middle = self._group((opening, *hole.middle), hole.context.middle, sees)
        first = len(self.ids) - len(hole.middle) - 1
        self._label(first, (*hole.middle, self.control.eom), [1.0] * (len(hole.middle) + 1), Term.MIDDLE)
        for plan in canvases:
            self._canvas(hole, plan, {**sees, middle: 1 + plan.committed})

    def _canvas(self, hole: Hole, plan: Plan, sees: dict[int, int]) -> None:
        view, first = plan.view, len(self.ids)
        own = len(self.sees)
        self._group(view.ids.tolist(), hole.context.middle + 1 + plan.committed, {**sees, own: ALL}, canvas=True)
        self._label(first, view.labels.tolist(), view.weights.tolist(), Term.EDIT)
        for i in np.flatnonzero(view.filling):
            self.terms[first + int(i)] = Term.FILL
        if (view.ids == self.control.mask).all():
            self.open.append(Placed(first, len(view.ids), hole.middle[plan.committed :]))

    def _stream(self, stream: Stream, sees: dict[int, int]) -> int:
        """A clean stream: each token but the first few answers the next one."""
        first, group = len(self.ids), self._group(stream.ids, stream.start, sees)
        labels = stream.ids[1 + UNWARMED :] if self.sides or stream.name == "prefix" else ()
        self._label(first + UNWARMED, labels, [1.0] * len(labels), Term.CLEAN)
        return group

    def _group(self, ids: Sequence[int], start: int, sees: dict[int, int], canvas: bool = False) -> int:
        n = len(ids)
        self.ids += ids
        self.positions += range(start, start + n)
        self.canvas += [canvas] * n
        self.group += [len(self.sees)] * n
        self.order += range(n)
        self.labels += [0] * n
        self.weights += [0.0] * n
        self.terms += [Term.CLEAN] * n
        self.sees.append(sees)
        return len(self.sees) - 1

    def _label(self, first: int, labels: Sequence[int], weights: Sequence[float], term: Term) -> None:
        stop = first + len(labels)
        self.labels[first:stop], self.weights[first:stop] = labels, weights
        self.terms[first:stop] = [term] * len(labels)

    def finish(self, *, padded: bool = True) -> Laid:
        """The sequence; padding is a group of its own that nobody sees and that is not asked. padded: False where
        shapes may differ."""
        limits = np.zeros((self.groups, self.groups), np.int32)
        for own, sees in enumerate(self.sees):
            for group, limit in sees.items():
                limits[own, group] = limit
        pad = self.size - len(self.ids) if padded else 0

        def row(values: Sequence[Any], kind: Any, fill: int = 0) -> NDArray[Any]:
            return np.array([*values, *[fill] * pad], kind)

        arrays = {
            "ids": row(self.ids, np.int64),
            "positions": row(self.positions, np.int64),
            "canvas": row(self.canvas, np.bool_),
            "group": row(self.group, np.int32, self.groups - 1),
            "order": np.array([*self.order, *range(pad)], np.int32),
            "labels": row(self.labels, np.int64),
            "weights": row(self.weights, np.float32),
            "terms": row(self.terms, np.int64),
            "limits": limits,
        }
        return Laid(arrays, tuple(self.open))


def _key(stream: Stream, streams: Sequence[Stream]) -> object:
    """Streams that hold the same and see the same are encoded once."""
    return stream.ids, stream.start, tuple(streams[i].ids for i in stream.sees)


def visible(group: Any, order: Any, limits: Any) -> Callable[[Any, Any, Any, Any], Any]:
    """The rule as flex attention's mask_mod: (sequence, head, query row, key row) -> whether the key is seen.

    group, order: (N, T). limits: (N, G, G). Index arrays may broadcast, so the dense mask is the rule on all indices.
    """

    def rule(n: Any, head: Any, q: Any, k: Any) -> Any:
        own, other = group[n, q], group[n, k]
        return ((own == other) & (order[n, k] <= order[n, q])) | (order[n, k] < limits[n, own, other])

    return rule


def dense(group: Any, order: Any, limits: Any) -> Any:
    """The mask (N, T, T), True where seen; numpy arrays or torch tensors."""
    n, t = group.shape
    rule = visible(group, order, limits)
    if isinstance(group, np.ndarray):
        return rule(np.arange(n)[:, None, None], 0, np.arange(t)[None, :, None], np.arange(t)[None, None, :])
    import torch

    rows = torch.arange(t, device=group.device)
    return rule(torch.arange(n, device=group.device)[:, None, None], 0, rows[None, :, None], rows[None, None, :])


def stack(sequences: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Sequences of one shape as one batch."""
    return {name: np.stack([sequence[name] for sequence in sequences]) for name in sequences[0]}
