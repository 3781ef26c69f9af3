"""One editor connection: its completer, settings, open documents, and what is running for it.

Notifications change the session; requests work on a `Snapshot` taken in their first step, before any await, and
whatever goes back to the editor is computed from that snapshot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.uris import to_fs_path

from lsp_server import settings
from lsp_server.access import Access
from lsp_server.ahead import Ahead
from lsp_server.capabilities import Capabilities
from lsp_server.documents import Documents
from lsp_server.errors import UserError
from lsp_server.model import Load, Model
from lsp_server.offers import Offers
from lsp_server.positions import Encoding
from lsp_server.rhythm import Rhythm
from lsp_server.stats import Counts, Record
from lsp_server.status import Status
from lsp_server.tally import Tally
from lsp_server.work import Work

if TYPE_CHECKING:
    from infill.complete import Completer, Completion, Preferences, Suggestion
    from infill.document import Snapshot
    from infill.edits import Edit
    from infill.filler import FillReport, Step
    from lsp_server.server import RedraftServer

log = logging.getLogger(__name__)

_OTHERS_MOST = 32
_KEPT_EVERY = 60.0
"""Seconds between two writes of what was counted."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks with, all of one moment: taken in its first step, before any await.

    others: the other open documents that may be read, most recently edited first. since: monotonic seconds.
    """

    completer: Completer
    snapshot: Snapshot
    others: tuple[Snapshot, ...]
    preferences: Preferences
    since: float

    @property
    def place(self) -> str:
        """Which version of which document, for the log."""
        return f"{self.snapshot.short_path} v{self.snapshot.version}"


class Session:
    """The state of one connection. Everything runs on the event loop but `load`."""

    def __init__(self, client: RedraftServer, load: Load, pinned: Mapping[str, Any], record: Record | None) -> None:
        self.client = client
        self.capabilities = Capabilities()
        self.encoding: Encoding = "utf-16"
        self.documents = Documents()
        self.settings, _ = settings.read({}, pinned=pinned)
        self.status = Status(client.protocol.notify)
        self.rhythm = Rhythm()
        self.work = Work(self.failed)
        self.tally = Tally(self.documents, _later)
        self.ahead = Ahead(self.documents)
        self.model = Model(load, self._loaded)
        self.access = Access(self._folders)
        self.offers = Offers()
        self.last_told: tuple[Snapshot, int, Completion, Sequence[Step]] | None = None
        self.pushed = False  # whether the client has sent us settings of its own accord
        self._pinned, self._record = pinned, record
        self._at_start: dict[str, Any] = {}
        self._told: list[str] = []
        self._refused = ""

    # ---- life

    def start(self, capabilities: Capabilities, encoding: Encoding, options: Any) -> None:
        """What `initialize` told us; the model starts loading once its answer is on the way."""
        self.capabilities, self.encoding = capabilities, encoding
        self._at_start = settings.section(options) or {}
        self.configure({}, tell=False)
        asyncio.get_running_loop().call_soon(self._load)
        self.work.in_background(self._keep_counts())

    def _load(self) -> None:
        """Begin to load the model, unless redraft is off: then it would take memory for nothing."""
        if not self.settings.off:
            self.model.begin(self.settings)

    def _loaded(self, failure: str) -> None:
        if failure:
            self.show(f"redraft{' cannot start' if self.model.failure else ''}: {failure}", types.MessageType.Error)
        self.say_state()

    def say_state(self) -> None:
        """Send the state that follows from the settings and the model."""
        if self.settings.off:
            self.status.say("off")
        elif self.model.failure:
            self.status.say("error", self.model.failure)
        elif self.model.completer is not None:
            self.status.recover()
        elif not self.model.ended.is_set():
            self.status.say("loading")

    def close(self) -> None:
        """The connection is over."""
        self.ahead.rest(self.model.completer)
        self.tally.finish(time.monotonic())
        self._keep(self.tally.drained())
        self.work.close()
        self.model.close()

    async def _keep_counts(self) -> None:
        """Write the counts down every minute, because an editor may end its servers without a word."""
        while True:
            await asyncio.sleep(_KEPT_EVERY)
            counts = self.tally.drained()
            if counts and not await asyncio.to_thread(self._keep, counts):
                self.tally.counts.update(counts)  # and once more in a minute

    def _keep(self, counts: Counts) -> bool:
        """Add to the user's counts, if they want any; False when the file cannot be written."""
        if self._record is None or not counts or not self.settings.stats:
            return True
        try:
            self._record.add(counts, date.today())
        except UserError as error:
            if str(error) != self._refused:  # not once a minute for days
                log.warning("%s", error)
            self._refused = str(error)
            return False
        return True

    # ---- settings

    def configure(self, values: Mapping[str, Any], *, tell: bool = True) -> None:
        """Put the client's present configuration over what it said at the start; say what of it cannot be used."""
        window = settings.only_window(values)
        folders = [path for uri in self._folders() if (path := to_fs_path(uri))]
        before = self.settings
        self.settings, complaints = settings.read(self._at_start | window, folders, self._pinned)
        complaints += [
            f"`redraft.{name}` counts only on the command line or in initializationOptions, because a folder could "
            "have set it; restart the server with it."
            for name in sorted(values.keys() - window.keys())
            if values[name] != self._at_start.get(name, settings.default(name)) and name not in self._pinned
        ]
        if tell:
            if new := [each for each in complaints if each not in self._told]:
                self.show(" ".join(new), types.MessageType.Warning)
            self._told = complaints
            self.access.reconsider()
            self.work.recheck()
            if self.settings != before:  # clients answer what they are asked at the start, too
                self.ahead.rest(self.model.completer)
            self._load()
            self.say_state()

    # ---- requests

    def why_not(self, language: str) -> str:
        """Why there is no completer for a language, in a word; nothing when there is one."""
        if not self.settings.enabled(language):
            return "off"
        if self.model.completer is None:
            return "no model" if self.model.ended.is_set() else "loading"
        return ""

    def question(self, uri: str, *, invoked: bool = True) -> Question | None:
        """What a request about this document may ask now. invoked: the user asked for it by hand.

        None when it is not open, when redraft is off or still loading, when the file is one to be left alone, and when
        `trigger` is manual and the user has not asked.
        """
        if self.settings.trigger == "manual" and not invoked:
            return None
        snapshot, completer = self.documents.get(uri), self.model.completer
        if snapshot is None or completer is None or not self.settings.enabled(snapshot.language):
            return None
        if self.access.denied(snapshot.uri, self.settings.exclude):
            return None
        known = self.documents.others(uri)
        others = (other for other in known if not self.access.denied(other.uri, self.settings.exclude))
        preferences = replace(self.settings.preferences, root=self.access.root_of(snapshot.uri), looked_at=True)
        return Question(completer, snapshot, tuple(islice(others, _OTHERS_MOST)), preferences, time.monotonic())

    def _folders(self) -> list[str]:
        """URIs of the opened folders as of now."""
        workspace = self.client.workspace
        return [folder.uri for folder in workspace.folders.values()] or [uri for uri in (workspace.root_uri,) if uri]

    def failed(self, error: Exception) -> None:
        """A request failed: to the log, and to the status."""
        log.error("a request failed", exc_info=error)
        self.status.say("error", f"{type(error).__name__}: {error}")

    def patience(self, snapshot: Snapshot, cursor: int) -> float:
        """Seconds to wait before the model is asked; none when the user types what was offered, which asks no model."""
        if self.offers.typed_through(snapshot, cursor):
            return 0.0
        return self.rhythm.pause(time.monotonic(), self.settings.debounce_ms, self.status.typical_ms)

    async def complete(
        self,
        what: str,
        asked: Question,
        cursor: int,
        *,
        invoked: bool = False,
        selected: tuple[int, str] | None = None,
        over_closers: bool = False,
        level: str = "",
    ) -> Completion:
        """Ask the completer, count the answer, and keep its steps in case the user wants to see them."""
        self.ahead.asked()
        steps: list[Step] = []
        completion = await asked.completer.complete(
            asked.snapshot,
            cursor,
            others=asked.others,
            preferences=asked.preferences,
            invoked=invoked,
            selected=selected,
            over_closers=over_closers,
            level=level,
            on_step=steps.append,
        )
        report = completion.report
        self.count(f"{what} {asked.place}", asked.since, report, completion.reason)
        self.tally.answered(asked.snapshot, (time.monotonic() - asked.since) * 1000)
        if report.asked:
            self.status.took(report.ms)
        if steps or report.by:
            self.rhythm.outran(typist=False)
        if steps:
            self.last_told = (asked.snapshot, cursor, completion, steps)
        return completion

    def count(self, what: str, since: float, report: FillReport | None, reason: str) -> None:
        """A request is answered: tell the status, and the log if the user wants to know. Never any of the user's text.

        since: monotonic seconds at which it was asked. report: what it cost, None where that is not counted.
        """
        if report and report.asked:
            self.status.answered(report.by)
        if self.settings.trace:
            ms = (time.monotonic() - since) * 1000
            line = f"{what}: {reason or 'answered'}, {ms:.0f} ms{_cost(report) if report else ''}"
            self.client.window_log_message(types.LogMessageParams(type=types.MessageType.Log, message=line))

    def changed(self, uri: str, changes: Sequence[Edit]) -> None:
        """The document has changed."""
        now = time.monotonic()
        self.rhythm.key(now)
        for one in (uri, *chain(*self.documents.notebooks.around(uri))):
            self.outdate(one)
        if (snapshot := self.documents.get(uri)) is not None:
            self.tally.changed(snapshot, changes, now)

    def outdate(self, uri: str) -> None:
        """What was asked about a document's old text is no longer wanted."""
        if self.work.outdate(uri) - {"fix"}:
            self.rhythm.outran(typist=True)

    def forget(self, uri: str) -> None:
        """The document is closed."""
        if (snapshot := self.documents.get(uri)) is not None:
            self.tally.closed(snapshot, time.monotonic())
            self.offers.forget(snapshot.uri)
            self.access.forget(snapshot.uri)
        self.documents.close(uri)
        self.outdate(uri)

    def lose(self, uri: str) -> None:
        """A change to a document or notebook could not be read. Forget the document, because a wrong copy is worse than
        none, and tell the user how to get it back."""
        documents = (uri, *self.documents.notebooks.cells(uri))
        lost = [snapshot for one in documents if (snapshot := self.documents.get(one)) is not None]
        if not lost:
            return
        for snapshot in lost:
            self.forget(snapshot.uri)
        self.documents.notebooks.close(uri)
        self.show(
            f"redraft lost track of {lost[0].short_path} after a change that it could not read; "
            "close the file and open it again for suggestions there.",
            types.MessageType.Warning,
        )

    # ---- what was offered

    def offer(self, asked: Question, cursor: int, suggestions: Sequence[Suggestion]) -> list[str]:
        """Note what the editor may show now; the ids come back in `redraft.didAccept`."""
        offered = self.offers.make(asked.snapshot.uri, suggestions)
        self.tally.offered(asked.snapshot, offered, time.monotonic())
        self.ahead.answered(asked, cursor, suggestions)
        return list(offered)

    def accepted(self, offer: str) -> None:
        """The user took an offer."""
        self.tally.accepted(offer)
        self.offers.take(offer)

    # ---- talking back

    def show(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show the user one sentence. It may quote the opened folder, and VS Code would turn `[text](command:name)`
        into a link that runs the command."""
        message = message.replace("](", "] (")
        self.client.window_show_message(types.ShowMessageParams(type=kind, message=message))


def _later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


def _cost(report: FillReport) -> str:
    if not report.asked:
        return " (no model call)"
    by = f"{report.by}; " if report.by else ""
    read = f"{report.mode}: {report.forwards} forwards, {report.context_tokens} tokens read, "
    return f" ({by}{read if report.forwards else ''}{report.ms:.0f} ms)"
