"""What the user has just deleted is not put back."""

from __future__ import annotations

import re

from infill.document import Edited, Snapshot, moved

_JUST_NOW = 8
"""Edits after which what the user deleted is no longer news."""
_PARTLY = 3
"""Characters of what was deleted that are enough to put it back."""
_LETTER = re.compile(r"\w")
_BEGINNING = 100
"""Characters that tell most texts apart."""


def puts_back(snapshot: Snapshot, start: int, end: int, text: str) -> bool:
    """Whether `text` in place of [start, end) would restore what the user has just deleted there, white space aside.

    What was typed since counts with the text: after deleting `foo(bar)` and typing `f`, `oo(bar)` puts it back. Three
    characters of what was deleted are enough when the text holds nothing else; of a word whose end was deleted one
    letter is enough, whatever follows: people delete up to where it becomes another one.
    """
    later: list[Edited] = []
    for edit in reversed(snapshot.history[-_JUST_NOW:]):
        if edit.removed:
            at = moved(edit.start, reversed(later))
            if at <= start and _restores(edit.removed, snapshot.text[at:start], text):
                return True
            if at == start and _goes_on_alike(snapshot.text[start - 1 : start], edit.removed[0], text[:1]):
                return True
        later.append(edit)
    return False


def _restores(removed: str, typed: str, text: str) -> bool:
    begun, head = _written(removed[:_BEGINNING]), _written(typed[:_BEGINNING])
    if not (begun.startswith(head) or head.startswith(begun)):
        return False  # either may be half a file: what was deleted, and what stands between there and the cursor
    gone, typed, new = map(_written, (removed, typed, text))
    if not new or not gone.startswith(typed) or gone == typed:
        return False  # something else was typed, or all of it was again
    whole = typed + new
    if whole == gone or (len(gone) >= _PARTLY and whole.startswith(gone)):
        return True
    return len(new) >= _PARTLY and new in gone[len(typed) :]


def _goes_on_alike(left: str, gone: str, new: str) -> bool:
    """Whether the letter that a word lost right of the cursor comes back; each one character or none."""
    return gone == new and bool(_LETTER.match(left) and _LETTER.match(gone))


def _written(text: str) -> str:
    return "".join(text.split())
