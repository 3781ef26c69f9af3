"""What became of proposals, read off the documents: no client says when its user takes a part of a text, and not all
say when the whole is taken.

A piece counts as taken if it comes in one change and is longer than what keys write between two messages. Kept are
counts (`stats.py`) and, while it stands there, the proposal itself.
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
    from infill.document import Snapshot
    from infill.edits import Edit

READABLE = 0.25
"""Seconds that a proposal must stand there to have been shown: in less, nobody reads it."""
JUDGED_AFTER = 30.0
"""Seconds after which it is asked whether what was taken still stands there."""
_BY_HAND = 3
"""Keys that an editor may join to one change."""
_ONE_KEY = re.compile(r"\r?\n[ \t]*|^[ \t]+")
"""What one key writes: a line end with the indentation that comes with it, or an indentation."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds."""


@dataclass(slots=True)
class _Proposal:
    """Texts proposed for the code points [start, end) of a document as it is now, of which one may be taken.

    ids: what the client calls them. since: monotonic seconds. text: the proposed text whose beginning stands there.
    reached: how many of its characters do. farthest: the most that ever did, so that undo and redo count once. last:
    the last piece that was typed, and its keys. takes: how many pieces were taken. whole: one of them to the end.
    announced: the client has said so, and the text is not there yet.
    """

    texts: Sequence[str]
    ids: set[str]
    since: float
    start: int
    end: int
    text: str = ""
    reached: int = 0
    farthest: int = 0
    last: tuple[str, int] = ("", 0)
    takes: int = 0
    whole: bool = False
    announced: bool = False

    @property
    def left(self) -> str:
        """What is not there yet."""
        return self.text[self.reached :]

    def moves(self, changes: Sequence[Edit]) -> bool:
        """Follow changes elsewhere and within; False where one reaches over a border."""
        for change in changes:
            grown = len(change.text) - (change.end - change.start)
            if change.end <= self.start and change.start < self.start:
                self.start, self.end = self.start + grown, self.end + grown
            elif self.start <= change.start and change.end <= self.end:
                self.end += grown
            elif change.start < self.end:
                return False
        return True

    def stands(self, now: Snapshot) -> bool:
        """Look how much of a text stands there; False where it is something else."""
        from infill.edits import common
        from infill.memo import AUTO_CLOSED

        written = now.lf(self.start, self.end)
        found = ((common(written, text), text) for text in self.texts)
        # What the editor closed behind the cursor is replaced in the end.
        fit = [one for one in found if AUTO_CLOSED.issuperset(written[one[0] :])]
        if fit:
            self.reached, self.text = max(fit)
        return bool(fit)


@dataclass
class Tally:
    """The counts of one connection since they were last asked for. Belongs to the event loop.

    counts: (language id, what: see `stats.Figures`) -> how many. _asked: the open documents in which proposals are
    wanted; one that is closed and opened again is another object.
    """

    documents: Documents
    later: Later
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _standing: dict[str, _Proposal] = field(default_factory=dict)
    _awaited: dict[str, tuple[Sequence[Edit], str]] = field(default_factory=dict)
    _asked: dict[str, object] = field(default_factory=dict)

    def answered(self, snapshot: Snapshot, ms: float) -> None:
        """A request for proposals was answered, by whatever."""
        self._asked.setdefault(snapshot.uri, object())
        self.counts[snapshot.language, time_class(ms)] += 1

    def offered(self, snapshot: Snapshot, texts: Mapping[str, Suggestion], now: float) -> None:
        """This stands at the cursor now, or nothing. texts: by id. now: monotonic seconds."""
        old, proposed = self._standing.get(snapshot.uri), list(texts.values())
        if not proposed:
            self._end(snapshot, now)
            return
        start, end = proposed[0].start, max(one.end for one in proposed)
        new = _Proposal([one.text for one in proposed], set(texts), now, start, end)
        stands = new.stands(snapshot)
        new.farthest = new.reached
        if old is not None and new.left and old.left.startswith(new.left):  # what is left of it
            new.since, new.takes = old.since, old.takes
        else:
            self._end(snapshot, now)
        if stands:
            self._standing[snapshot.uri] = new

    def awaits(self, snapshot: Snapshot, changes: Sequence[Edit]) -> None:
        """A next edit is proposed. It is made when the document says so; some clients need more than one message for
        it."""
        from infill.edits import apply

        self._awaited[snapshot.uri] = changes, apply(snapshot.text, changes)

    def changed(self, snapshot: Snapshot, changes: Sequence[Edit], now: float) -> None:
        """A document has become this snapshot by these changes."""
        self._compare(snapshot, changes)
        proposal = self._standing.get(snapshot.uri)
        before = proposal.reached if proposal is not None else 0
        if proposal is None or not (proposal.moves(changes) and proposal.stands(snapshot)):
            self._end(snapshot, now)
            self._press(snapshot, changes)
            return
        piece = proposal.text[max(before, proposal.farthest) : proposal.reached]
        proposal.farthest = max(proposal.farthest, proposal.reached)
        at_once = max((_keys(change.text) for change in changes), default=0) > _BY_HAND
        announced, proposal.announced = proposal.announced and not proposal.left, False
        if piece.strip() and (announced or (at_once and _keys(piece) > _BY_HAND)):
            self._take(proposal, snapshot, piece)
        else:
            proposal.last = piece, self._press(snapshot, changes)

    def accepted(self, offer: str) -> None:
        """The client says that this was taken to its end; it may stand there already, or come with the next change."""
        for uri, proposal in self._standing.items():
            if offer in proposal.ids and (snapshot := self.documents.get(uri)) is not None:
                proposal.announced = bool(proposal.left)
                piece, keys = proposal.last
                if piece and not proposal.left:
                    self.counts[snapshot.language, "pressed"] -= keys
                    self._take(proposal, snapshot, piece)

    def fixed(self, snapshot: Snapshot) -> None:
        """A quick fix or a rewrite was asked for and found."""
        self.counts[snapshot.language, "fixes"] += 1

    def closed(self, snapshot: Snapshot, now: float) -> None:
        """A document is closed."""
        self._end(snapshot, now)
        self._awaited.pop(snapshot.uri, None)
        self._asked.pop(snapshot.uri, None)

    def finish(self, now: float) -> None:
        """The connection is over."""
        for uri in list(self._standing):
            if (snapshot := self.documents.get(uri)) is not None:
                self._end(snapshot, now)

    def drained(self) -> Counter[tuple[str, str]]:
        """The counts so far, which begin anew."""
        counts, self.counts = self.counts, Counter()
        return counts

    def _compare(self, snapshot: Snapshot, changes: Sequence[Edit]) -> None:
        """Whether a next edit was made, or something else, after which it is no longer waited for."""
        wanted, becomes = self._awaited.get(snapshot.uri, ((), ""))
        if wanted and snapshot.text == becomes:
            self.counts[snapshot.language, "next_edits"] += 1
        on_the_way = all(change.text and any(change.text in one.text for one in wanted) for change in changes)
        if snapshot.text == becomes or not on_the_way:
            self._awaited.pop(snapshot.uri, None)

    def _press(self, snapshot: Snapshot, changes: Sequence[Edit]) -> int:
        """Count the keys that wrote this, in a document where proposals are wanted. Changes that follow one another are
        keys one after another; at several carets one key writes."""
        most = run = at = 0
        for change in changes:
            keys = _keys(change.text)
            run = (keys if keys <= _BY_HAND else 0) + (run if change.start == at else 0)
            at, most = change.start + len(change.text), max(most, run)
        pressed = most if snapshot.uri in self._asked else 0
        self.counts[snapshot.language, "pressed"] += pressed
        return pressed

    def _take(self, proposal: _Proposal, snapshot: Snapshot, piece: str) -> None:
        proposal.takes += 1
        proposal.whole = not proposal.left
        proposal.last = "", 0
        self.counts[snapshot.language, "pressed"] += 1
        self.counts[snapshot.language, "saved"] += _keys(piece) - 1
        before = proposal.text[: proposal.reached - len(piece)]
        start, end = (proposal.start + len(text.replace("\n", snapshot.newline)) for text in (before, before + piece))
        uri, version, opened = snapshot.uri, snapshot.version, self._asked.get(snapshot.uri)
        taken = snapshot.text[start:end]

        def judge() -> None:
            if self._asked.get(uri) is opened and len(taken) > 1:
                self._judge(uri, version, start, end, taken)

        self.later(JUDGED_AFTER, judge)

    def _judge(self, uri: str, version: int, start: int, end: int, taken: str) -> None:
        """Whether what was taken stands there unchanged, whatever was written right before and behind it."""
        now = self.documents.get(uri)
        if now is None:
            return
        inner = self.documents.carried(uri, version, start + 1, end - 1)
        self.counts[now.language, "judged"] += 1
        self.counts[now.language, "stayed"] += inner is not None and now.text[inner[0] - 1 : inner[1] + 1] == taken

    def _end(self, snapshot: Snapshot, now: float) -> None:
        """A proposal stands in a document no more."""
        proposal = self._standing.pop(snapshot.uri, None)
        if proposal is None:
            return
        if proposal.takes:
            self.counts[snapshot.language, "taken" if proposal.whole else "partly"] += 1
        if proposal.takes or now - proposal.since >= READABLE:
            self.counts[snapshot.language, "shown"] += 1


def _keys(text: str) -> int:
    """Keys that write a text."""
    return len(_ONE_KEY.sub("\n", text))
