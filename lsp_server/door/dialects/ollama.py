"""Ollama's /api/generate: `suffix`, or another model's tokens in a raw prompt; NDJSON unless `stream` is false."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from lsp_server.door import marks
from lsp_server.door.body import Stop, Stream, TokensOrAny
from lsp_server.door.call import Answer, Call, Json, Refused, texts_of, tokens_of
from lsp_server.door.dialect import NDJSON, Dialect


class Options(Struct):
    num_predict: TokensOrAny | None = None
    stop: Stop | None = None


class OllamaGenerate(Struct):
    prompt: Annotated[str, Meta(description="None, and no suffix, loads the model.")] = ""
    suffix: str | None = None
    stream: Stream | None = None
    options: Options | None = None


def read(body: OllamaGenerate) -> Call:
    options = body.options or Options()
    return replace(
        marks.told(body.prompt, body.suffix),
        max_tokens=0 if _only_loads(body) else tokens_of(options.num_predict),
        stop=texts_of(options.stop),
        stream=body.stream is not False,
    )


def write(answer: Answer, body: OllamaGenerate) -> Json:
    return {**_envelope(answer), "response": answer.texts[0].text, **_end(answer, body)}


def events(answer: Answer, body: OllamaGenerate) -> Iterator[Json]:
    for piece in () if _only_loads(body) else answer.texts[0].pieces:
        yield {**_envelope(answer), "response": piece, "done": False}
    yield {**_envelope(answer), "response": "", **_end(answer, body)}


def error(refused: Refused) -> Json:
    return {"error": refused.message}


def _envelope(answer: Answer) -> Json:
    created = datetime.fromtimestamp(answer.created, UTC).isoformat().replace("+00:00", "Z")
    return {"model": answer.model, "created_at": created}


def _only_loads(body: OllamaGenerate) -> bool:
    """Without a prompt Ollama loads the model or, by `keep_alive`, unloads it: ours is always there."""
    return not body.prompt and not body.suffix


def _end(answer: Answer, body: OllamaGenerate) -> Json:
    report, read = answer.report, answer.prompt_ms
    return {
        "done": True,
        "done_reason": "load" if _only_loads(body) else answer.reason,
        "context": [],
        "total_duration": _ns(report.ms),
        "load_duration": 0,
        "prompt_eval_count": report.prompt_tokens,
        "prompt_eval_duration": _ns(read),
        "eval_count": report.tokens,
        "eval_duration": _ns(max(0.0, report.ms - read)),
    }


def _ns(ms: float) -> int:
    return round(ms * 1_000_000)


DIALECT = Dialect("ollama", OllamaGenerate, read, write, error, events, NDJSON)
