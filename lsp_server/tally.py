"""What became of what was proposed, told from the documents: no client says when its user takes a part of a text, and
not all do when the whole is taken.

A piece that comes in one change and is longer than what keys write between two messages was taken. What is known here
are counts (`stats.py`) and, while it stands there, the proposal itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lsp_server.documents import Documents
from lsp_server.stats import time_class

if TYPE_CHECKING:
    from infill.complete import Suggestion
    from infill.document import Change, Snapshot
    from infill.edits import Edit

READABLE = 0.25
"""Seconds that a proposal must stand there to have been shown: in less, nobody reads it."""
JUDGED_AFTER = 30.0
"""Seconds after which it is asked whether what was taken still stands there."""
_BY_HAND = 3
"""Keys that a client may send together while somebody types; Neovim waits for 150 ms."""
_BREAK = re.compile(r"\r?\n[ \t]*")

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds."""


@dataclass(slots=True)
class _Proposal:
    """Texts proposed for one place of `base`, of which one may be taken. ids: by which the client knows them.

    since: monotonic seconds. reached: how much of a text stands there, in characters; before: the same before the last
    change. takes: pieces taken; whole: to the end. called: the client has said so, and the text is not there yet.
    """

    base: Snapshot
    texts: Sequence[Suggestion]
    ids: set[str]
    since: float
    reached: int = 0
    before: int = 0
    takes: int = 0
    whole: bool = False
    called: bool = False

    def stands(self, after: Snapshot) -> tuple[str, int] | None:
        """The text whose beginning stands there and how much of it; None where something else does."""
        found = (self._stands(one, after) for one in self.texts)
        return max((one for one in found if one is not None), key=lambda one: one[1], default=None)

    def _stands(self, one: Suggestion, after: Snapshot) -> tuple[str, int] | None:
        from infill.document import common
        from infill.memo import AUTO_CLOSED

        text, tail = self.base.text, len(self.base.text) - one.end
        end = len(after.text) - tail
        if end < one.start or after.text[: one.start] != text[: one.start] or after.text[end:] != text[one.end :]:
            return None
        written = after.lf(one.start, end)
        reached = common(written, one.text)
        # What the editor closed behind the cursor is replaced in the end.
        return (one.text, reached) if AUTO_CLOSED.issuperset(written[reached:]) else None

    def left(self, after: Snapshot) -> str:
        """What of the text is not there yet; nothing where something else is."""
        text, reached = self.stands(after) or ("", 0)
        return text[reached:]


@dataclass
class Tally:
    """The counts of one connection since they were last asked for. Belongs to the event loop.

    counts: (language id, what: see `stats.Figures`) -> how many.
    """

    documents: Documents
    later: Later
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _standing: dict[str, _Proposal] = field(default_factory=dict)
    _awaited: dict[str, str] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def answered(self, snapshot: Snapshot, ms: float) -> None:
        """A request for proposals was answered, by whatever."""
        self._asked.add(snapshot.uri)
        self.counts[snapshot.language, time_class(ms)] += 1

    def offered(self, snapshot: Snapshot, texts: Mapping[str, Suggestion], now: float) -> None:
        """This stands at the cursor now, or nothing. texts: by id. now: monotonic seconds."""
        new = _Proposal(snapshot, list(texts.values()), set(texts), now)
        old, left = self._standing.get(snapshot.uri), new.left(snapshot)
        if old is not None and left and old.left(snapshot).startswith(left):
            old.ids |= new.ids
            return
        self._end(snapshot.uri, now)
        if left:
            new.reached = new.before = (new.stands(snapshot) or ("", 0))[1]
            self._standing[snapshot.uri] = new

    def awaits(self, snapshot: Snapshot, changes: Sequence[Edit]) -> None:
        """A next edit is proposed: made when the document says so, which is more than one message with some clients."""
        from infill.edits import apply

        self._awaited[snapshot.uri] = apply(snapshot.text, changes)

    def changed(self, snapshot: Snapshot, changes: Sequence[Change], now: float) -> None:
        """A document has become this snapshot by these changes."""
        if self._awaited.get(snapshot.uri) == snapshot.text:
            del self._awaited[snapshot.uri]
            self.counts[snapshot.language, "next_edits"] += 1
        proposal = self._standing.get(snapshot.uri)
        stands = proposal.stands(snapshot) if proposal is not None else None
        if proposal is None or stands is None:
            self._end(snapshot.uri, now)
            self._press(snapshot, changes)
            return
        text, reached = stands
        proposal.before, proposal.reached = proposal.reached, reached
        keys = _keys(text[proposal.before : reached])
        if keys > _BY_HAND or (keys and proposal.called):
            self._take(proposal, snapshot, text)
        else:
            self._press(snapshot, changes)

    def accepted(self, offer: str) -> None:
        """The client says that this was taken to its end; it may stand there already, or come with the next change."""
        for uri, proposal in self._standing.items():
            snapshot = self.documents.get(uri)
            stands = proposal.stands(snapshot) if snapshot is not None and offer in proposal.ids else None
            if snapshot is None or stands is None:
                continue
            text, reached = stands
            keys = _keys(text[proposal.before : reached])
            if reached < len(text):
                proposal.called = True
            elif 0 < keys <= _BY_HAND:
                self.counts[snapshot.language, "pressed"] -= keys
                self._take(proposal, snapshot, text)

    def fixed(self, snapshot: Snapshot) -> None:
        """A quick fix or a rewrite was asked for and found."""
        self.counts[snapshot.language, "fixes"] += 1

    def closed(self, snapshot: Snapshot, now: float) -> None:
        """A document is closed."""
        self._end(snapshot.uri, now)
        self._awaited.pop(snapshot.uri, None)
        self._asked.discard(snapshot.uri)

    def finish(self, now: float) -> None:
        """The connection is over."""
        for uri in list(self._standing):
            self._end(uri, now)

    def drained(self) -> Counter[tuple[str, str]]:
        """The counts so far, which begin anew."""
        counts, self.counts = self.counts, Counter()
        return counts

    def _press(self, snapshot: Snapshot, changes: Sequence[Change]) -> None:
        """Keys wrote this, in a document where proposals are wanted; several carets are written at by one."""
        keys = max((_keys(change.text) for change in changes), default=0)
        if keys <= _BY_HAND and snapshot.uri in self._asked:
            self.counts[snapshot.language, "pressed"] += keys

    def _take(self, proposal: _Proposal, snapshot: Snapshot, text: str) -> None:
        piece = text[proposal.before : proposal.reached]
        proposal.takes += 1
        proposal.whole |= proposal.reached == len(text)
        proposal.called = False
        self.counts[snapshot.language, "pressed"] += 1
        self.counts[snapshot.language, "saved"] += _keys(piece) - 1
        start = proposal.texts[0].start + len(text[: proposal.before].replace("\n", snapshot.newline))
        end = start + len(piece.replace("\n", snapshot.newline))
        taken = snapshot.text[start:end]
        self.later(JUDGED_AFTER, lambda: self._judge(snapshot, start, end, taken))

    def _judge(self, snapshot: Snapshot, start: int, end: int, taken: str) -> None:
        """Whether what was taken stands there unchanged, whatever was written right before and behind it."""
        now = self.documents.get(snapshot.uri)
        if now is None or len(taken) < 2:
            return
        inner = self.documents.carried(snapshot.uri, snapshot.version, start + 1, end - 1)
        self.counts[snapshot.language, "judged"] += 1
        self.counts[snapshot.language, "stayed"] += inner is not None and now.text[inner[0] - 1 : inner[1] + 1] == taken

    def _end(self, uri: str, now: float) -> None:
        """A proposal stands there no more."""
        proposal = self._standing.pop(uri, None)
        if proposal is None:
            return
        language = proposal.base.language
        if proposal.takes:
            self.counts[language, "taken" if proposal.whole else "partly"] += 1
        if proposal.takes or now - proposal.since >= READABLE:
            self.counts[language, "shown"] += 1


def _keys(text: str) -> int:
    """Keys that write a text: with a line end comes the indentation."""
    return len(_BREAK.sub("\n", text))
