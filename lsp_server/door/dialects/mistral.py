"""Mistral's and Inception's FIM endpoint. Its readers disagree on where the text stands, so each choice has both:
`message`/`delta`, as Mistral answers, and `text`, as minuet and Continue's Inception provider read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lsp_server.door import marks
from lsp_server.door.body import Fim
from lsp_server.door.call import Answer, Call, Json, Refused, finish
from lsp_server.door.dialect import Dialect


class MistralFim(Fim, kw_only=True):
    prompt: str


def read(body: MistralFim) -> Call:
    return replace(marks.told(body.prompt, body.suffix), **body.limits)


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
