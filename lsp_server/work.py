"""What runs for a connection: requests, which a newer one or new settings may cancel, and background work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

log = logging.getLogger(__name__)

T = TypeVar("T")
Kind = Literal["inline", "menu", "fix", "next"]
"""What is asked: a newer request of one kind for one file takes the older one's place; a fix, that of the same code."""


class Work:
    """failed: called with the error of each request that fails."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._newest: dict[tuple[str, Kind, object], asyncio.Task[Any]] = {}
        self._allowed: dict[asyncio.Task[Any], Callable[[], bool]] = {}
        self._background: set[asyncio.Task[Any]] = set()

    async def newest(
        self,
        uri: str,
        kind: Kind,
        work: Coroutine[Any, Any, T],
        otherwise: T,
        allowed: Callable[[], bool],
        part: object = None,
    ) -> T:
        """Run `work`, and cancel what runs for the same file, kind and part of the file. Returns `otherwise` when a
        newer request cancels this one, when new settings no longer allow it, and when it fails."""
        task, key = asyncio.ensure_future(work), (unquote(uri), kind, part)
        if (older := self._newest.get(key)) is not None:
            older.cancel()
        self._newest[key] = task
        try:
            return await self.while_allowed(allowed, task, otherwise)
        except Exception as error:
            self._failed(error)
            return otherwise
        finally:
            if self._newest.get(key) is task:
                del self._newest[key]

    async def while_allowed(self, allowed: Callable[[], bool], work: Awaitable[T], otherwise: T) -> T:
        """Run `work`. Returns `otherwise` when it is cancelled, as it is when new settings no longer allow it."""
        task = asyncio.ensure_future(work)
        self._allowed[task] = allowed
        try:
            return await task
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if asker is not None and asker.cancelling():
                raise
            return otherwise
        finally:
            del self._allowed[task]

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run until the end, or until the connection closes; nobody waits for it."""

        def done(task: asyncio.Task[Any]) -> None:
            self._background.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.info("the client refused: %s", error)

        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(done)

    def outdate(self, uri: str) -> set[Kind]:
        """Cancel what was asked about a file's old text. Returns the kinds of what that was."""
        return {kind for (name, kind, _), task in self._newest.items() if name == unquote(uri) and task.cancel()}

    def recheck(self) -> None:
        """Cancel what new settings no longer allow."""
        for task in [task for task, allowed in self._allowed.items() if not allowed()]:
            task.cancel()

    def close(self) -> None:
        """The connection is over."""
        for task in (*self._allowed, *self._background):
            task.cancel()
