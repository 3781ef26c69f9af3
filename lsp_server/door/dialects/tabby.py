"""Tabby's completions, on OpenAI's path but with `segments`, as tabby-agent and its editor plugins send them."""

from __future__ import annotations

from msgspec import Struct

from infill.filler import Snippet
from lsp_server.door.call import Answer, Call, Json, Refused
from lsp_server.door.dialect import Dialect


class Declaration(Struct):
    filepath: str
    body: str
    score: float | None = None


class Segments(Struct):
    prefix: str
    suffix: str | None = None
    filepath: str | None = None
    declarations: list[Declaration] | None = None
    relevant_snippets_from_changed_files: list[Declaration] | None = None
    relevant_snippets_from_recently_opened_files: list[Declaration] | None = None


class TabbyCompletion(Struct):
    segments: Segments
    language: str | None = None
    user: str | None = None


def read(body: TabbyCompletion) -> Call:
    segments = body.segments
    others = (
        segments.declarations,
        segments.relevant_snippets_from_changed_files,
        segments.relevant_snippets_from_recently_opened_files,
    )
    return Call(
        segments.prefix,
        segments.suffix or "",
        segments.filepath or "",
        body.language or "",
        tuple(Snippet(each.filepath, each.body, each.score or 0.0) for group in others for each in group or ()),
        typing=True,
        user=body.user or "",
    )


def write(answer: Answer, body: TabbyCompletion) -> Json:
    choices = [{"index": index, "text": text.text} for index, text in enumerate(answer.texts)]
    return {"id": f"cmpl-{answer.id}", "choices": choices, "mode": "standard"}


def error(refused: Refused) -> str:
    """Tabby's server answers with a sentence."""
    return refused.message


DIALECT = Dialect("tabby", TabbyCompletion, read, write, error, sign="segments")
