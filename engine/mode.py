"""How a canvas is decoded: one loop, and a value that says how bold it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Mode:
    """Decoding thresholds (LLaDA2.1 report, eq. 1-3).

    fill_threshold: a mask becomes its most probable token when that token's probability is above this.
    edit_threshold: a draft token changes when another token is best with a probability above this; 0 edits whenever the
        best token differs, None never edits.
    max_post_steps: denoising steps allowed after the last original mask is gone.
    indel: whether INSERT and DELETE are listened to.
    sure: no verifying step when every slot was filled in one step with at least this probability.
    causal: left to right, on the middle stream; the canvas is not used.
    block: open canvases end where a block of this many tokens does, counted from the start of the text; 0: anywhere.
    parts: where the parts of a block end, in tokens from its start, the last with it; masks are filled part by part,
        from the left (Fast-dLLM v2's sub-blocks). Empty: wherever they are.
    revisit_blocks: finished blocks that the next canvas takes back as drafts (multi-block editing: described in
        LLaDA2.1's report, published nowhere as code; ours lets the blocks on one canvas see each other).
    lengths: for models that fill a hole in place and know no end. An open canvas gets the size, of these, at which its
    first forward is surest, and the middle ends with it. Empty: the size asked for, then a next canvas.
    """

    name: str
    fill_threshold: float = 0.5
    edit_threshold: float | None = 0.0
    max_post_steps: int = 16
    indel: bool = True
    sure: float = 0.9
    causal: bool = False
    block: int = 0
    parts: tuple[int, ...] = ()
    revisit_blocks: int = 0
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be meant: people write these values by hand, in a `config.json`."""
        for name, (least, most) in _THRESHOLDS.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and least <= value <= most) and not (name == "edit_threshold" and value is None):
                raise ValueError(f"{name} is {value!r} and must be a number from {least} to {most}")
        for name in ("max_post_steps", "block", "revisit_blocks"):
            if type(value := getattr(self, name)) is not int or value < 0:
                raise ValueError(f"{name} is {value!r} and must be a whole number, 0 or more")
        for name in ("indel", "causal"):
            if type(value := getattr(self, name)) is not bool:
                raise ValueError(f"{name} is {value!r} and must be true or false")


_THRESHOLDS = {"fill_threshold": (-1, 1), "edit_threshold": (0, 1), "sure": (0, 2)}
"""What a threshold may be: -1 fills everything, and nothing is sure of 2."""

SPEEDY = Mode("speedy", fill_threshold=0.5, edit_threshold=0.0)
QUALITY = Mode("quality", fill_threshold=0.7, edit_threshold=0.5)
CAUSAL = Mode("causal", edit_threshold=None, indel=False, causal=True)


@dataclass(frozen=True, slots=True)
class Modes:
    """The modes of one checkpoint: LLaDA2.1's published settings unless its `config.json` says otherwise."""

    speedy: Mode = SPEEDY
    quality: Mode = QUALITY
    causal: Mode = CAUSAL

    @classmethod
    def of(cls, *, canvas_trained: bool, editing_trained: bool, overrides: Mapping[str, Mapping[str, Any]]) -> Modes:
        """What these weights can do: an untrained canvas decodes left to right, untrained editing never edits unless an
        override says so."""
        if not canvas_trained:
            return cls(CAUSAL, CAUSAL, CAUSAL)
        speedy, quality = SPEEDY, QUALITY
        if not editing_trained:
            speedy, quality = (replace(mode, edit_threshold=None, indel=False) for mode in (speedy, quality))
        speedy, quality = (replace(mode, **overrides.get(mode.name, {})) for mode in (speedy, quality))
        return cls(speedy, quality, CAUSAL)

    def named(self, name: str) -> Mode:
        """The mode of that name. Raises ValueError for a name that is none of speedy, quality, causal."""
        if name not in ("speedy", "quality", "causal"):
            raise ValueError(f"no mode is called {name!r}: use speedy, quality, auto or causal")
        mode: Mode = getattr(self, name)
        return mode

    def within(self, steps: float) -> Mode:
        """What `auto` uses when this many denoising steps fit before the deadline."""
        return self.quality if steps >= 6 else self.speedy
