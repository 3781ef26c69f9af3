"""What may be asked next, prepared at the lowest priority before anybody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsp_server.documents import Documents

if TYPE_CHECKING:
    from infill.complete import Completer, Suggestion
    from lsp_server.session import Question


class Ahead:
    """The context of where the cursor rests, and what follows a proposal that is being read.

    READING: seconds without another question after which an answer counts as being read.
    """

    READING = 0.2

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._warmed = ("", 0, 0)
        self._reading: asyncio.TimerHandle | None = None

    def warm(self, asked: Question, cursor: int) -> None:
        """The cursor rests here: encode what surrounds it, once per place, after the answer under way has been sent."""
        place = (asked.snapshot.uri, asked.snapshot.version, cursor)
        if place == self._warmed:
            return
        self._warmed = place

        def warm() -> None:
            if self._warmed == place:
                asked.completer.warm(asked.snapshot, cursor, others=asked.others, preferences=asked.preferences)

        asyncio.get_running_loop().call_soon(warm)

    def answered(self, asked: Question, cursor: int, shown: Sequence[Suggestion]) -> None:
        """The editor may show these now, or nothing."""
        self.asked()
        loop = asyncio.get_running_loop()
        self._reading = loop.call_later(self.READING, self._prepare, asked, cursor, shown)

    def asked(self) -> None:
        """What was answered last is read no more."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def rest(self, completer: Completer | None) -> None:
        """End all of it, which new settings may forbid. If they do not, the next cursor stop begins it anew."""
        self._warmed = ("", 0, 0)
        self.asked()
        if completer is not None:
            completer.rest()

    def _prepare(self, asked: Question, cursor: int, shown: Sequence[Suggestion]) -> None:
        """Nobody has asked again for a moment. If something is shown, it is being read: look for what follows it. Else
        the cursor rests."""
        self._reading = None  # it holds dozens of documents
        if self._documents.get(asked.snapshot.uri) is None:
            return
        if shown:
            asked.completer.foresee(asked.snapshot, shown[0], others=asked.others, preferences=asked.preferences)
        else:
            self.warm(asked, cursor)
