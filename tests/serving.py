"""A real HTTP server on loopback that answers as it is told, byte for byte, and remembers what it was asked.

A behaviour is a function of one `Call`: it writes what it likes and returns; `FAULTS` are those of bad servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).parent / "infill" / "answers"
"""One answer a server, with every field that its public documentation names."""


@dataclass
class Call:
    """One request. gone: set when the client has closed its side before the answer was over."""

    path: str
    headers: dict[str, str]
    body: Any
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def head(self, status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Said", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        """A whole answer, whose length is told truly unless `Content_Length` says otherwise."""
        self.head(status, **{"Content_Type": kind, "Content_Length": str(len(body)), **headers})
        self.send(body)

    async def until_gone(self) -> None:
        """Until the client closes."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()
        self.gone.set()


Behaviour = Callable[[Call], Awaitable[None] | None]


@dataclass
class Server:
    """Where it listens, how it behaves from now on, and the calls so far; connections counts those accepted."""

    url: str
    behave: Behaviour
    calls: list[Call] = field(default_factory=list)
    connections: int = 0

    async def called(self, times: int = 1) -> Call:
        """The call of this number, when it has come."""
        async with asyncio.timeout(20):
            while len(self.calls) < times:
                await asyncio.sleep(0.01)
        return self.calls[times - 1]


@asynccontextmanager
async def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server on a free port of loopback, until the end of the block."""
    open_now: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        server.connections += 1
        try:
            while (call := await _read(reader, writer)) is not None:
                server.calls.append(call)
                done = server.behave(call)
                if done is not None:
                    await done
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            open_now.discard(task)
            writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server = Server(f"http{'s' * bool(tls)}://127.0.0.1:{port}", behave)
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call | None:
    try:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Call(first.split(" ")[1], headers, json.loads(body or b"null"), reader, writer)


# ---- good servers


def recorded(name: str) -> Behaviour:
    """The answer of this name."""
    return lambda call: call.answer((ANSWERS / f"{name}.json").read_bytes())


def says(*texts: str, **fields: Any) -> Behaviour:
    """A completion with these texts."""
    choices = [{"index": n, "text": text, "finish_reason": "stop", **fields} for n, text in enumerate(texts)]
    return lambda call: call.answer(json.dumps({"choices": choices}).encode())


# ---- bad ones

GOOD = (ANSWERS / "completions.json").read_bytes()


async def _hangs(call: Call) -> None:
    await call.until_gone()


async def _hangs_after_the_head(call: Call) -> None:
    call.head(Content_Type="application/json", Content_Length=str(len(GOOD)))
    await call.until_gone()


async def _drips(call: Call) -> None:
    call.head(Content_Type="application/json", Content_Length=str(len(GOOD)))
    gone = asyncio.ensure_future(call.until_gone())
    for byte in GOOD:
        call.send(bytes([byte]))
        await asyncio.wait([gone], timeout=0.05)
        if gone.done():
            return
    await gone


async def _floods(call: Call) -> None:
    call.head(Content_Type="application/json", Transfer_Encoding="chunked")
    chunk = b"[" * 65536
    while not call.writer.is_closing():
        call.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await call.writer.drain()


def _closes_in_the_middle(call: Call) -> None:
    call.head(Content_Type="application/json", Transfer_Encoding="chunked")
    call.send(b"%x\r\n%s\r\n" % (40, GOOD[:40]))
    call.writer.close()


def _claims_more(call: Call) -> None:
    call.answer(GOOD, Content_Length=str(len(GOOD) + 100))
    call.writer.close()


def _claims_less(call: Call) -> None:
    call.answer(GOOD, Content_Length=str(len(GOOD) - 30))
    call.writer.close()


def _speaks_no_http(call: Call) -> None:
    call.send(b"220 mail.example ESMTP\r\n")
    call.writer.close()


def _repeats_the_request(call: Call) -> None:
    call.send("\r\n".join(f"{name}: {value}" for name, value in call.headers.items()).encode() + b"\r\n\r\n")
    call.writer.close()


def _tells_everything(call: Call) -> None:
    call.answer(json.dumps(call.headers).encode(), 500, Content_Type=call.headers.get("authorization", "none"))


def _calls_it_by_the_key(call: Call) -> None:
    call.answer(GOOD, kind=call.headers.get("authorization", "none"))


def _status(status: int, **headers: str) -> Behaviour:
    return lambda call: call.answer(b'{"error": {"message": "no"}}', status, **headers)


def _body(body: bytes, kind: str = "application/json", **headers: str) -> Behaviour:
    return lambda call: call.answer(body, kind=kind, **headers)


FAULTS: dict[str, tuple[Behaviour, str]] = {
    "hangs": (_hangs, "gave no answer within"),
    "hangs after the head": (_hangs_after_the_head, "gave no answer within"),
    "drips": (_drips, "gave no answer within"),
    "floods": (_floods, "more than 1 MiB"),
    "closes in the middle": (_closes_in_the_middle, "broke off its answer"),
    "closes at once": (lambda call: call.writer.close(), "closed the connection"),
    "resets": (lambda call: call.writer.transport.abort(), "closed the connection"),
    "speaks no HTTP": (_speaks_no_http, "closed the connection"),
    "repeats the request": (_repeats_the_request, "closed the connection"),
    "repeats the request as an error": (_tells_everything, "failed (500)"),
    "repeats the key as a type": (_calls_it_by_the_key, "something instead of application/json"),
    "claims more bytes than it sends": (_claims_more, "broke off its answer"),
    "claims fewer bytes than it sends": (_claims_less, "not JSON"),
    "HTML": (_body(b"<html>Sign in</html>", "text/html; charset=utf-8"), "text/html instead of application/json"),
    "HTML called JSON": (_body(b"<html>Sign in</html>"), "not JSON"),
    "JSON called text": (_body(GOOD, "text/plain"), "text/plain instead of application/json"),
    "half a JSON line": (_body(GOOD[: len(GOOD) // 2]), "not JSON"),
    "nested without end": (_body(b"[" * 200_000), "not JSON"),
    "nothing": (_body(b""), "not JSON"),
    "bytes that are not UTF-8": (_body(GOOD.replace(b"a + b", b"a \xff b")), "not UTF-8"),
    "half a character": (_body(GOOD.replace(b"a + b", rb"\ud83d")), "half a character"),
    "compressed": (_body(GOOD, Content_Encoding="gzip"), "compressed"),
    "a list": (_body(b"[]"), "without a choice"),
    "an error with status 200": (_body(b'{"error": {"message": "no"}}'), "without a choice"),
    "no choices": (_body(b'{"choices": []}'), "without a choice"),
    "a choice that is none": (_body(b'{"choices": ["a + b"]}'), "no object"),
    "a choice without text": (_body(b'{"choices": [{"index": 0}]}'), "without text"),
    "400": (_status(400), "did not understand the request; check redraft.remote.kind"),
    "401": (_status(401), "set REDRAFT_REMOTE_KEY"),
    "404": (_status(404), "check redraft.remote.url"),
    "429": (_status(429), "too much to do (429)"),
    "500": (_status(500), "failed (500)"),
    "503": (_status(503), "not ready (503)"),
}
"""What goes wrong, and what the log says of it."""
