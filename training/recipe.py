"""What a training run does: one frozen value, and the recipes that have a name.

Times and stages are shares of the whole run (0 to 1), so that a recipe fits any budget: a run of so many steps, or of
so many seconds on a machine whose speed nobody knows yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from training.batches import Mix
from training.loss import Weights
from training.samples import Sampling


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the curriculum, up to the share `until` of the run.

    sampling: what holes are drawn. mix: what their canvases look like. weights: of the terms of the objective.
    own_drafts: share of steps in which the model's own drafts replace fully masked canvases. rounded: whether the
    weights are used as the export will round them (`training.rounding`).
    """

    until: float
    sampling: Sampling = field(default_factory=Sampling)
    mix: Mix = field(default_factory=Mix)
    weights: Weights = field(default_factory=Weights)
    own_drafts: float = 0.0
    rounded: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run. Its length comes from `steps`, or from `seconds` when that is given.

    rows, groups: the shape of one training sequence (rows of 576 numbers; streams, middles and canvases in it).
    seed: of all that is drawn. sequences: of one update; micro: of one forward and backward.
    peak: highest learning rate; warmup: share of the run until it is reached; decay: last share, in which it falls as a
    cosine to `floor` times the peak. clip: of the gradient's norm.
    frozen: layers, from below, that are left as they are (with the embedding), to fit a small machine.
    answers: whether, beside frozen layers, the embedding's rows of control tokens learn, as answers alone. All its
    other rows, and what frozen layers make of them, stay the same to the byte.
    kept: further layers that are left as they are, so that a release changes fewer files.
    recurring: the run sees the same few sequences again and again, so what frozen layers make of them is kept.
    average: last share of the run whose weights are averaged, at `averaged` moments.
    """

    name: str
    stages: tuple[Stage, ...]
    steps: int = 2000
    seconds: float | None = None
    seed: int = 0
    rows: int = 4096
    groups: int = 256
    sequences: int = 32
    micro: int = 16
    peak: float = 3e-4
    warmup: float = 0.03
    decay: float = 0.6
    floor: float = 0.03
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    clip: float = 1.0
    frozen: int = 0
    answers: bool = False
    kept: tuple[int, ...] = ()
    recurring: bool = False
    average: float = 0.08
    averaged: int = 8

    def stage(self, progress: float) -> Stage:
        """The stage at that share of the run."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])

    def rate(self, progress: float) -> float:
        """The learning rate there: linear up, flat, cosine down."""
        if progress < self.warmup:
            return self.peak * progress / self.warmup
        done = max(0.0, (min(progress, 1.0) - (1 - self.decay)) / self.decay)
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done)))


_HOLES = Sampling(lines=0.45)
"""Every second place is a line or its rest, which is what is asked for most."""
_UNENDED = replace(_HOLES, unended=0.3)
_OPEN = Mix(sizes=(4,), pairs=2, full=0.3, band=(0.15, 0.85))
"""Easing in: small canvases, every mask ratio."""
_MIX = Mix(pairs=2)
_LEARNING = Weights(middle=1.0)
_EDITING = Weights(middle=1.0, edit=4.0)
"""An edit is one slot in ten or so."""
_LATE = replace(_EDITING, clean=0.3)

RELEASE = Recipe(
    "release",
    (
        Stage(0.04, _UNENDED, _OPEN, _LEARNING),
        Stage(0.10, _UNENDED, replace(_OPEN, sizes=(4, 8)), _LEARNING),
        Stage(0.18, _UNENDED, replace(_OPEN, sizes=(8, 16), full=0.5), _LEARNING),
        Stage(0.50, _HOLES, _MIX, _LEARNING),
        Stage(0.75, replace(_HOLES, buggy=0.2), replace(_MIX, edits=0.3), _EDITING, own_drafts=0.1),
        Stage(0.95, replace(_HOLES, buggy=0.3), replace(_MIX, edits=0.4), _LATE, own_drafts=0.2),
        Stage(
            1.00,
            replace(_HOLES, buggy=0.3),
            replace(_MIX, edits=0.4),
            replace(_LATE, sharpen=0.2),
            own_drafts=0.2,
            rounded=True,
        ),
    ),
    sequences=16,
    peak=6e-4,
)
"""From the base weights to the first model that ships."""

FURTHER = replace(
    RELEASE,
    name="further",
    peak=2e-4,
    stages=(
        Stage(0.55, replace(_HOLES, buggy=0.15), replace(_MIX, edits=0.3), _EDITING, own_drafts=0.1),
        *RELEASE.stages[-2:],
    ),
)
"""On from weights whose canvas is trained already."""

INFILLING = Recipe(
    "infilling",
    (
        Stage(
            1.0,
            Sampling(
                sites=6, cuts=2, chunk=800, below=(200, 200), lines=0.85, heals=True, unconnected=0.15, snippets=0.0
            ),
            Mix(sizes=(), sides=False),
            Weights(clean=0.4, middle=1.0),
        ),
    ),
    rows=768,
    groups=64,
    sequences=1,
    micro=1,
    peak=1.5e-4,
    warmup=0.08,
    decay=0.7,
    floor=0.05,
    frozen=18,
    answers=True,
    average=0.25,
)
"""What two processor cores can teach in an hour: middles left to right with both sides seen, and where they end. The
canvas stays untrained."""

MIDDLES = replace(
    RELEASE,
    name="middles",
    stages=(
        Stage(
            1.0,
            Sampling(
                sites=14,
                cuts=5,
                below=(100, 640),
                lines=0.55,
                heals=True,
                by_character=0.4,
                unconnected=0.25,
                unended=0.05,
            ),
            Mix(sizes=()),
            Weights(clean=1.0, middle=1.0),
        ),
    ),
    peak=3e-4,
    warmup=0.04,
    decay=0.85,
    floor=0.02,
    average=0.1,
    kept=tuple(range(8, 14)),
)
"""On from weights that are asked left to right, healed: what is served, and nothing else. A quarter of the rows are
middles; clean text counts as much as they do, because it chooses among several texts. (That is the prefix's alone, two
fifths of it: `training.heldout` tells what the rest brings.)"""

TRIAL = replace(RELEASE, name="trial", steps=8, rows=2048, groups=160, sequences=2, micro=1)
"""The release recipe's every stage in a few small steps: tries the whole way before a costly machine is asked for."""

GATE = Recipe(
    "gate",
    (Stage(1.0, weights=Weights(clean=0.0, middle=0.5)),),
    steps=240,
    sequences=1,
    micro=1,
    peak=1e-3,
    warmup=0.05,
    decay=0.7,
    floor=0.05,
    weight_decay=0.0,
    frozen=28,
    recurring=True,
    average=0.0,
)
"""The first gate: a few holes by heart, which proves mask, positions and labels end to end (`training.gate`)."""

RECIPES = {recipe.name: recipe for recipe in (RELEASE, FURTHER, INFILLING, MIDDLES, TRIAL, GATE)}
