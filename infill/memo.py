"""The user types what was proposed: answer from memory, no model."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from infill.brackets import QUOTES, balance, behind, closes_again, closing_quote
from infill.document import Snapshot

_NEAR = 8_000
AUTO_CLOSED = frozenset(")]}>\"'`; \t\n")


@dataclass(frozen=True, slots=True)
class _Proposal:
    """Text proposed from an offset on; of the document around it only lengths and the hashes of what is near are kept.

    What is near is more than the model was shown: an edit beyond it, in place and of equal length, changes nothing.
    """

    start: int
    head: int
    tail_length: int
    tail: int
    text: str
    confidence: float | None


class Memo:
    """The last proposals of each document. Not thread-safe: it belongs to one event loop."""

    def __init__(self, proposals: int = 8, documents: int = 32) -> None:
        self._proposals, self._documents = proposals, documents
        self._of: OrderedDict[str, tuple[_Proposal, ...]] = OrderedDict()

    def remember(self, snapshot: Snapshot, start: int, end: int, text: str, confidence: float | None = None) -> None:
        """`text` (LF) was proposed in place of [start, end)."""
        before, after = _near(snapshot, start, end)
        proposal = _Proposal(start, before, len(snapshot.text) - end, after, text, confidence)
        known = self._of.pop(snapshot.uri, ())
        self._of[snapshot.uri] = (proposal, *known)[: self._proposals]
        while len(self._of) > self._documents:
            self._of.popitem(last=False)

    def recall(
        self, snapshot: Snapshot, cursor: int, closed: str = "", least: float | None = 0.0
    ) -> tuple[int, str] | None:
        """What is left of a proposal when all that changed since is that its beginning was typed, as (end, text): the
        text goes in place of [cursor, end). Else None.

        Closing brackets and quotes that the editor put behind the cursor on its own account count as typed: the answer
        leaves out what already stands there, or goes on behind it where `closed` (see `Site`) begins so. least: a
        proposal of which nothing has been typed yet comes back only with at least this confidence, with
        None not at all.
        """
        for proposal in self._of.get(snapshot.uri, ()):
            confidence = 1.0 if proposal.confidence is None else proposal.confidence
            if cursor == proposal.start and (least is None or confidence < least):
                continue
            left = _left(proposal, snapshot, cursor, closed)
            if left:
                return left
        return None


def _left(proposal: _Proposal, snapshot: Snapshot, cursor: int, closed: str) -> tuple[int, str] | None:
    tail = len(snapshot.text) - proposal.tail_length
    if not proposal.start <= cursor <= tail:
        return None
    typed = snapshot.lf(proposal.start, cursor)
    if not proposal.text.startswith(typed):
        return None
    if _near(snapshot, proposal.start, tail) != (proposal.head, proposal.tail):
        return None
    left, stands = proposal.text[len(typed) :], snapshot.lf(cursor, tail)
    if closed.startswith(stands) and behind(left, stands, snapshot.language):
        return tail, left
    text = _without(left, stands, snapshot.language)
    return (cursor, text) if text else None


def _near(snapshot: Snapshot, end: int, start: int) -> tuple[int, int]:
    """Hashes of what ends and of what starts there, the other cells of a notebook with it."""
    before, after = snapshot.text[max(0, end - _NEAR) : end], snapshot.text[start : start + _NEAR]
    return hash((before, snapshot.above[-_NEAR:])), hash((after, snapshot.below[:_NEAR]))


def _without(left: str, closed: str, language: str) -> str | None:
    """`left` without what the editor closed already, or up to where that stands in it, or None when it does not."""
    if not closed:
        return left
    if left.endswith(closed) or (closed.startswith("</") and closed in left):
        return left[: left.rindex(closed)]
    if not AUTO_CLOSED.issuperset(closed):
        return None
    if closed[0] in QUOTES:
        quote = closed[0] * 3 if closed.startswith(closed[0] * 3) else closed[0]
        quoted = quote + left
        whole = quoted[: (closing_quote(quoted, 0) or 0) + 1]
        return whole[len(quote) : -len(quote)] if whole.endswith(quote) else None
    if set(closed) & set(QUOTES):
        end = closes_again(left, closed[0])
        return None if end is None or set(closed) - set(left[end:]) else left[:end]
    brackets, strays = "".join(closed.split()), balance(left, language).strays
    if not brackets or "".join(left[at] for at in strays[: len(brackets)]) != brackets:
        return None
    inside = left[: strays[0]]
    return inside.rstrip() if closed[0].isspace() else inside  # that white space stands there, too
