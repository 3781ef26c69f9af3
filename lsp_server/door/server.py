"""The socket's side: uvicorn around the application. The door is open, and answers 503, while the model loads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from infill.complete import Completer
from lsp_server.door.app import Door, application
from lsp_server.door.guard import BODY_SECONDS
from lsp_server.door.line import LONGEST
from lsp_server.errors import UserError, refusal

CONNECTIONS_MOST = 512
READER_SECONDS = 10.0
"""How long a client may leave bytes that are sent to it unread."""
SHUTDOWN_SECONDS = 2
IDLE_SECONDS = LONGEST + 15
"""How long an idle connection is kept: a client that is told to come back later is recognized by its connection."""


class Patient(H11Protocol):
    """HTTP/1.1 with limits for slow clients.

    A reader that lets the connection fill up gets READER_SECONDS each time to make room: an answer that nobody reads
    must not stay in memory. A client gets BODY_SECONDS for its first request, and for the rest of each request that it
    begins: one that asks nothing must not keep a place.
    """

    _stuck: asyncio.TimerHandle | None = None
    _silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._silent = self.loop.call_later(BODY_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._spoken()
        elif self._silent is None:  # a part of a request, for which uvicorn waits for ever
            self._silent = self.loop.call_later(BODY_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be read. uvicorn alone would go on with the handler that has begun to read it,
        and would also answer when an answer is under way or sent already, for which h11 raises an exception."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing to log: Java's clients offer HTTP/2 with every request, and going on in HTTP/1.1 is a proper
        answer."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(READER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._relax()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._spoken()
        super().connection_lost(exc)

    def _relax(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _spoken(self) -> None:
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None


class Server(uvicorn.Server):
    """uvicorn's server waits for answers when it is told to stop; this one cancels them."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._leave()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises UserError."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        reason = refusal(error) if isinstance(error, OSError) else "that is no host's name"
        raise UserError(f"cannot listen on {host}:{port} ({reason}); choose another --host or --port.") from None


def run(door: Door, listener: socket.socket, load: Callable[[], Completer], ready: Callable[[], None]) -> None:
    """Serve until a signal ends it. `load` runs on a thread while 503 is answered, then `ready` is called.

    Raises what `load` raises.
    """
    problem: list[Exception] = []

    async def bring_up() -> None:
        try:
            door.completer = await asyncio.wrap_future(_left_alone(load))
            ready()
        except Exception as error:
            problem.append(error)
            server.should_exit = True

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(bring_up())
        yield
        loading.cancel()
        if door.completer is not None:
            door.completer.close()

    config: dict[str, Any] = {
        "http": Patient,
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "on",
        "log_config": None,
        "log_level": logging.WARNING,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "limit_concurrency": CONNECTIONS_MOST,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "timeout_keep_alive": IDLE_SECONDS,
    }
    server = Server(uvicorn.Config(application(door, lifespan), **config), door.leave)
    server.run(sockets=[listener])
    if problem:
        raise problem[0]


def _left_alone(load: Callable[[], Completer]) -> Future[Completer]:
    """A future of what `load` returns or raises. Its thread is a daemon, so that nobody who leaves meanwhile has to
    wait for it."""
    loaded: Future[Completer] = Future()
    loaded.set_running_or_notify_cancel()

    def run() -> None:
        try:
            loaded.set_result(load())
        except BaseException as error:  # a panic in Rust is no Exception, and nobody would be told of it
            loaded.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    threading.Thread(target=run, name="load-model", daemon=True).start()
    return loaded
