"""Mistral's and Inception's FIM endpoint. Its readers disagree on where the text stands, so each choice has both:
`message`/`delta`, as Mistral answers, and `text`, as minuet and Continue's Inception provider read it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from lsp_server.door import marks
from lsp_server.door.body import Several, Stop, Stream, Tokens
from lsp_server.door.call import Answer, Call, Json, Refused, finish, texts_of, tokens_of
from lsp_server.door.dialect import Dialect


class MistralFim(Struct):
    prompt: str
    suffix: str | None = None
    max_tokens: Tokens | None = None
    n: Several | None = None
    stop: Stop | None = None
    stream: Stream | None = None


def read(body: MistralFim) -> Call:
    told = marks.told(body.prompt, body.suffix)
    return Call(
        told.prefix,
        told.suffix,
        told.path,
        snippets=told.snippets,
        max_tokens=tokens_of(body.max_tokens),
        n=body.n or 1,
        stop=texts_of(body.stop),
        stream=bool(body.stream),
    )


def write(answer: Answer, body: MistralFim) -> Json:
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text.text, "tool_calls": None},
            "text": text.text,
            "finish_reason": finish(text),
        }
        for index, text in enumerate(answer.texts)
    ]
    return {**_envelope(answer, "chat.completion"), "choices": choices, "usage": answer.usage}


def events(answer: Answer, body: MistralFim) -> Iterator[Json]:
    for index, text in enumerate(answer.texts):
        *pieces, last = text.pieces
        for piece in pieces:
            yield {**_envelope(answer, "chat.completion.chunk"), "choices": [_delta(index, piece, None)]}
        final = {**_envelope(answer, "chat.completion.chunk"), "choices": [_delta(index, last, finish(text))]}
        yield final | ({"usage": answer.usage} if index == len(answer.texts) - 1 else {})


def error(refused: Refused) -> Json:
    return {
        "object": "error", "message": refused.message, "type": refused.kind, "param": refused.field or None,
        "code": None,
    }  # fmt: skip


def _envelope(answer: Answer, kind: str) -> Json:
    return {"id": answer.id, "object": kind, "created": answer.created, "model": answer.model}


def _delta(index: int, text: str, reason: str | None) -> Json:
    return {"index": index, "delta": {"role": "assistant", "content": text}, "text": text, "finish_reason": reason}


DIALECT = Dialect("mistral", MistralFim, read, write, error, events)
