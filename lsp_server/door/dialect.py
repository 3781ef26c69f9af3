"""A dialect is a pure reader and pure writers around one `Struct`. Nothing here knows HTTP except for the framing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from lsp_server.door.call import Answer, Call, Json, Refused


def encoded(value: object) -> bytes:
    """JSON in UTF-8 without spaces: llama.vim looks for `"content":"` in the bytes before it reads them.

    Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def sse(events: Iterable[Any]) -> Iterator[bytes]:
    """Server-sent events, as llama.cpp's own endpoints send them."""
    for event in events:
        yield b"data: " + encoded(event) + b"\n\n"


def sse_done(events: Iterable[Any]) -> Iterator[bytes]:
    """Server-sent events that end as OpenAI's do."""
    yield from sse(events)
    yield b"data: [DONE]\n\n"


def ndjson(events: Iterable[Any]) -> Iterator[bytes]:
    """A JSON value a line, in ASCII: some readers end a line at U+2028, too."""
    for event in events:
        yield json.dumps(event, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """How the values of a stream become bytes, and what their media type is."""

    media: str
    frames: Callable[[Iterable[Any]], Iterator[bytes]]


SSE, SSE_DONE = Framing("text/event-stream", sse), Framing("text/event-stream", sse_done)
NDJSON = Framing("application/x-ndjson", ndjson)


@dataclass(frozen=True, slots=True)
class Dialect:
    """body: the fields that are read. read, write, events: body to call, answer to JSON value, answer to the values of
    a stream. error: what a refusal looks like; a text is sent as text. sign: the field that tells this dialect from
    another on the same path.
    """

    name: str
    body: type[Struct]
    read: Callable[[Any], Call]
    write: Callable[[Answer, Any], Any]
    error: Callable[[Refused], Json | str]
    events: Callable[[Answer, Any], Iterator[Any]] | None = None
    framing: Framing = SSE_DONE
    sign: str = ""
