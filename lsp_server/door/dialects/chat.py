"""OpenAI's chat, for one use: marimo's inline completion, whose last message carries a hole in some model's tokens.

Nothing else is answered here. The asker stands at a cursor, and gets what an editor would show.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from msgspec import Struct

from lsp_server.door import marks
from lsp_server.door.body import Several, Stop, Stream, Tokens, bounds
from lsp_server.door.call import Answer, Call, Json, Refused
from lsp_server.door.dialect import Dialect
from lsp_server.door.dialects import mistral, openai

_DEFUSED = "<\u200d|"
"""How pydantic-ai, through which marimo asks, breaks up the beginnings of tokens, so that texts which hold one do no
harm."""
_LANGUAGE = re.compile(r"You are an? (\w+) code completion assistant")
"""How marimo's instructions begin."""
_NOTHING = "<|file_separator|>"
"""What marimo leaves out of every answer. To an empty one pydantic-ai asks again, and then marimo reports an error."""


class Part(Struct):
    text: str = ""


class Message(Struct):
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        parts = self.content or ""
        return parts if isinstance(parts, str) else "".join(part.text for part in parts)


class Chat(Struct, kw_only=True):
    messages: list[Message]
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    n: Several | None = None
    stop: Stop | None = None
    stream: Stream | None = None
    user: str | None = None


def read(body: Chat) -> Call:
    """The hole. Raises Refused where the last message has none."""
    *before, last = [message.text.replace(_DEFUSED, "<|") for message in body.messages] or [""]
    hole = marks.hole(last)
    if hole is None:
        told = "redraft fills holes and does not chat: the last message must hold one, in <|fim_prefix|> and the like"
        raise Refused(404, told, "messages")
    named = _LANGUAGE.search("\n".join(before))
    tokens = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    limits = bounds(tokens, body.n, body.stop, body.stream)
    language = named.group(1).lower() if named else ""
    return replace(hole, **limits, language=language, typing=True, user=body.user or "")


def write(answer: Answer, body: Any) -> Json:
    """As Mistral's endpoint answers, but for marimo no text is empty."""
    if answer.call.language:
        texts = (text if text.text else replace(text, text=_NOTHING) for text in answer.texts)
        answer = replace(answer, texts=tuple(texts))
    return mistral.write(answer, body)


DIALECT = Dialect("openai chat", Chat, read, write, openai.error, mistral.events)
