"""Who goes next: one request at a time, the client that waits longest for an answer first."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lsp_server.door.call import Refused

REMEMBERED = 4096
"""Clients whose last turn is known."""
LATEST = 0.2
"""Weight of the latest turn in the running mean of how long a turn takes."""
LONGEST = 60
"""Seconds that anybody is sent away for."""


@dataclass(eq=False)
class _Place:
    client: Hashable
    number: int
    called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Line:
    """A fair queue of `most` waiting requests.

    The next is the one whose client's last turn lies longest ago; for a client that had none, the time it was first
    seen counts, so that a newcomer goes behind all who wait already and one that was sent away keeps its place. When
    the line is full, whoever would go last is sent away: the newcomer, or the one it overtakes.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._waiting: list[_Place] = []
        self._since: dict[Hashable, float] = {}
        self._numbers = itertools.count()
        self._taken = False
        self._seconds: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, client: Hashable) -> AsyncIterator[None]:
        """Wait for this client's turn and hold it. Raises Refused (503) when the line is too long."""
        await self._wait(client)
        began = self._clock()
        try:
            yield
        finally:
            now = self._clock()
            before = now - began if self._seconds is None else self._seconds
            self._seconds = before + LATEST * (now - began - before)
            self._since.pop(client, None)
            self._since[client] = now  # anew, so that the order of the keys is the order of the turns
            self._call_next()

    async def _wait(self, client: Hashable) -> None:
        self._remember(client)
        if not self._taken:
            self._taken = True
            return
        place = _Place(client, next(self._numbers))
        self._waiting = [*self._still_there(), place]
        if len(self._waiting) > self._most:
            last = max(self._waiting, key=self._order)
            self._waiting.remove(last)
            last.called.set_exception(self._full())
        try:
            await place.called
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif place.called.done() and not place.called.cancelled() and place.called.exception() is None:
                self._call_next()  # called and gone at once: the turn is the next one's
            raise

    def _call_next(self) -> None:
        self._waiting = self._still_there()
        self._taken = bool(self._waiting)
        if self._waiting:
            place = min(self._waiting, key=self._order)
            self._waiting.remove(place)
            place.called.set_result(None)

    def _still_there(self) -> list[_Place]:
        """Who waits; one that was cancelled a moment ago takes itself out only when its task runs again."""
        return [place for place in self._waiting if not place.called.done()]

    def _order(self, place: _Place) -> tuple[float, int]:
        return self._since[place.client], place.number

    def _remember(self, client: Hashable) -> None:
        self._since.setdefault(client, self._clock())
        if len(self._since) > REMEMBERED:
            waiting = {place.client for place in self._waiting} | {client}
            del self._since[next(known for known in self._since if known not in waiting)]

    def _full(self) -> Refused:
        """Come back when half of those who wait are through: later, and whoever is served now would be served again."""
        seconds = int((self._seconds or 0) * (len(self._waiting) + 1) / 2)
        told = f"{self._most} requests are waiting already; try again"
        return Refused(503, told, retry_after=max(1, min(LONGEST, seconds)))
