"""How the shell and the protocol fill holes for other tools: how long, and what they say of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infill.filler import Filled, FillResult


def deadline(mode: str) -> float | None:
    """Seconds that a text may take where nobody is typing: only `auto`, which plans with them, has a limit."""
    from infill.complete import DEFAULTS

    return DEFAULTS.deadline if mode == "auto" else None


def outcome(result: FillResult) -> tuple[Filled | None, str, bool]:
    """The best text, else why there is none, in a few words; and whether the model came to an end by itself."""
    if result.texts:
        return result.texts[0], "", result.texts[0].finished
    if result.cut:
        return None, "a limit such as max_tokens cut the text short before it could stand", False
    return None, "the model has nothing to say", True
