"""What every dialect is read into and written from: one request, one answer, one error."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from infill.complete import ALTERNATIVES
from infill.filler import FillReport, Snippet
from infill.languages import language_of_path

SIDE_MOST = 32_768
"""Characters of each side that are looked at. The model reads the nearest kilobytes; the rest tells in what syntax the
hole stands."""
_LINE_MOST = SIDE_MOST // 4
"""Characters that a side is cut by for the sake of a whole line."""
ANSWER_MOST = 512
"""Tokens of an answer, however many a client asks for."""
TOKENS_USUAL = 64
"""Tokens of an answer when the client names no number."""
SNIPPETS_MOST = 64
NAME_MOST = 1024
"""Characters of a path or a user's name: they are remembered."""
N_MOST = ALTERNATIVES

_LANGUAGE_COMMENT = re.compile(r"\W{0,5}language: (\w+)")
"""The first line of what minuet sends, in the language's own comment."""


@dataclass(frozen=True, slots=True)
class Call:
    """A hole and what may go into it, as the client wrote it.

    path, language: empty when the client does not say. stop: the answer ends before the first of these texts. n: how
    many distinct answers are wanted. deadline: seconds, or None. typing: somebody types meanwhile, so the text has as
    many lines as the place asks for. user: who asks, where several share a connection. cut: characters that were taken
    off the far end of (prefix, suffix).
    """

    prefix: str
    suffix: str = ""
    path: str = ""
    language: str = ""
    snippets: tuple[Snippet, ...] = ()
    max_tokens: int = TOKENS_USUAL
    n: int = 1
    stop: tuple[str, ...] = ()
    stream: bool = False
    deadline: float | None = None
    typing: bool = False
    user: str = ""
    cut: tuple[int, int] = (0, 0)

    def bounded(self) -> Call:
        """The same within all limits: at most SIDE_MOST characters a side, cut at the start or end of a line where one
        is near, and no more tokens, snippets and characters of names than allowed."""
        prefix, suffix = self.prefix[-SIDE_MOST:], self.suffix[:SIDE_MOST]
        if len(prefix) < len(self.prefix):
            prefix = prefix[prefix.find("\n", 0, _LINE_MOST) + 1 :]
        if len(suffix) < len(self.suffix):
            suffix = suffix[: suffix.rfind("\n", SIDE_MOST - _LINE_MOST) + 1 or None]
        return replace(
            self,
            prefix=prefix,
            suffix=suffix,
            cut=(len(self.prefix) - len(prefix), len(self.suffix) - len(suffix)),
            path=self.path[-NAME_MOST:],
            snippets=tuple(replace(one, path=one.path[-NAME_MOST:]) for one in self.snippets[-SNIPPETS_MOST:]),
            max_tokens=min(self.max_tokens, ANSWER_MOST),
            user=self.user[:NAME_MOST],
        )

    @property
    def language_id(self) -> str:
        """What the client says, else what the file's name suggests, else the comment that some clients begin with, else
        none in particular: code rather than prose."""
        if named := self.language or language_of_path(self.path):
            return named
        said = _LANGUAGE_COMMENT.match(self.prefix)
        return said.group(1) if said else ""


@dataclass(frozen=True, slots=True)
class Text:
    """One text for the hole. finished: False when a limit cut it short. stopped: the stop text it ended before."""

    text: str
    finished: bool = True
    stopped: str = ""

    def until(self, stops: tuple[str, ...]) -> Text:
        """Cut before the first of these texts, however its lines end here."""
        spelled = [(stop.replace("\n", ending), stop) for stop in stops if stop for ending in ("\n", "\r\n", "\r")]
        found = [(at, stop) for spelling, stop in spelled if (at := self.text.find(spelling)) >= 0]
        if not found:
            return self
        at, stop = min(found)
        return Text(self.text[:at], True, stop)

    @property
    def pieces(self) -> list[str]:
        """The text for a stream, a line each, at least one. A draft may still change, so nothing leaves before the
        text is final: a stream cannot take back."""
        return self.text.splitlines(keepends=True) or [""]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: at least one text, best first. prompt_ms: of report.ms, the time until the prompt was read.
    denied: why the model was not asked, if it was not."""

    call: Call
    texts: tuple[Text, ...]
    report: FillReport
    model: str
    id: str
    created: int
    prompt_ms: float = 0.0
    denied: str | None = None

    @property
    def reason(self) -> str:
        """Why the first text ended, in OpenAI's words."""
        return finish(self.texts[0])

    @property
    def usage(self) -> dict[str, int]:
        """OpenAI's count of tokens."""
        read, written = self.report.prompt_tokens, self.report.tokens
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def finish(text: Text) -> str:
    """OpenAI's `finish_reason`."""
    return "stop" if text.finished else "length"


class Refused(Exception):
    """A request that gets no answer. field: the part of the body that is missing or wrong, if any. retry_after: seconds
    after which asking again is worth it."""

    def __init__(self, status: int, message: str, field: str = "", *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.field, self.retry_after = status, message, field, retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}

    @property
    def kind(self) -> str:
        """The error's type, in the words that llama.cpp and OpenAI share."""
        kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 503: "unavailable_error"}
        return kinds.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")


def texts_of(value: str | list[str] | None) -> tuple[str, ...]:
    """One text, several or none, as `stop` may be written."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def tokens_of(value: int | None) -> int:
    """How many tokens, where none and negative numbers mean that the client does not care."""
    return TOKENS_USUAL if value is None or value < 0 else value


Json = dict[str, Any]
