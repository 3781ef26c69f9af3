"""What `redraft fill` and `redraft/fill` share: their deadline, and what they report of a filled hole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infill.filler import Filled, FillResult


def deadline(mode: str) -> float | None:
    """Seconds that a text may take where nobody is typing. Only `auto` has a limit, because it plans with the time that
    is left."""
    from infill.complete import DEFAULTS

    return DEFAULTS.deadline if mode == "auto" else None


def outcome(result: FillResult) -> tuple[Filled | None, str, bool]:
    """The best text or None, then why there is none (in a few words), and whether the model finished by itself."""
    if result.texts:
        return result.texts[0], "", result.texts[0].finished
    if result.cut:
        return None, "a limit such as max_tokens cut the text short before it could stand", False
    return None, "the model has nothing to say", True
