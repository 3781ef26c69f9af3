"""Bytes to messages and back, over stdio or over one loopback connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from typing import BinaryIO

from lsp_server.protocol import Protocol

log = logging.getLogger(__name__)

_BYTES_MOST = 2**30


def serve(protocol: Protocol, source: BinaryIO | None = None, sink: BinaryIO | None = None) -> None:
    """Serve the client on two streams, by default this process' stdin and stdout, until it is done.

    On the process' own streams, whatever else the process prints goes to stderr meanwhile: a stray line on stdout would
    corrupt the protocol.
    """
    if sink is None:
        sink = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
    protocol.set_writer(_Writer(sink))
    asyncio.run(_pump(protocol, source or os.fdopen(os.dup(0), "rb")))


def serve_tcp(protocol: Protocol, host: str, port: int) -> None:
    """Serve the first client that connects to host:port (port 0: any free one, printed on stderr)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        print("listening on {}:{}".format(*listener.getsockname()[:2]), file=sys.stderr, flush=True)
        connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve(protocol, connection.makefile("rb"), connection.makefile("wb"))
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


async def _pump(protocol: Protocol, source: BinaryIO) -> None:
    """Handle messages in order until the client says `exit`, its end of the pipe closes, or the system says SIGTERM."""
    loop = asyncio.get_running_loop()
    bodies: asyncio.Queue[bytes | None] = asyncio.Queue()

    def hand_over(body: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(bodies.put_nowait, body)

    def read() -> None:
        try:
            while (body := _read_message(source)) is not None:
                hand_over(body)
        except (OSError, ValueError) as error:
            log.info("cannot read from the client: %s", error)
        finally:
            hand_over(None)

    protocol.hang_up = lambda: bodies.put_nowait(None)
    with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows has no signals, other threads get none
        loop.add_signal_handler(signal.SIGTERM, protocol.hang_up)
    # A daemon: a read that blocks forever must not keep a finished server alive.
    threading.Thread(target=read, name="lsp-reader", daemon=True).start()
    while protocol.exit_code is None and (body := await bodies.get()) is not None:
        protocol.receive(body)
        # A handler takes its snapshot in its first step; let it, before the next message changes the document.
        await asyncio.sleep(0)


def _read_message(source: BinaryIO) -> bytes | None:
    """The next message's body, or None at the end. Raises ValueError for a length that no message has, or none."""
    length: int | None = None
    name = b""
    while header := source.readline():
        if header.strip():
            name, _, value = header.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
                if not 0 <= length <= _BYTES_MOST:
                    raise ValueError(f"no message has {length} bytes")
        elif length is not None:
            body = source.read(length)
            return body if len(body) == length else None
        elif name:
            raise ValueError("no message goes without its Content-Length")
    return None


class _Writer:
    """pygls' writer interface; writing to a client that is gone is no error, its closing ends the reader."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def write(self, data: bytes) -> None:
        try:
            self._sink.write(data)
            self._sink.flush()
        except (OSError, ValueError):
            log.info("the client is gone; an answer of %d bytes was dropped", len(data))

    def close(self) -> None:
        self._sink.close()
