"""llama.cpp's server: /infill for llama.vim and llama.vscode, /completion for Continue's llama.cpp provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from msgspec import Meta, Struct

from infill.filler import Snippet
from lsp_server.door import marks
from lsp_server.door.body import Milliseconds, Several, Stop, Stream, TokensOrAny, bounds
from lsp_server.door.call import Answer, Call, Json, Refused, Text
from lsp_server.door.dialect import SSE, Dialect

READING = 1.0
"""Seconds for reading the prompt, besides the time that a client grants: llama.cpp counts `t_max_predict_ms` from the
first token on, and never within the first line."""


Chosen = Annotated[list[str], Meta(description="Answer these alone; a slash goes into an object.")]


class Extra(Struct):
    text: str
    filename: str | None = None


class Common(Struct):
    n_predict: TokensOrAny | None = None
    n_cmpl: Several | None = None
    stop: Stop | None = None
    stream: Stream | None = None
    t_max_predict_ms: Milliseconds | None = None
    response_fields: Chosen | None = None

    @property
    def limits(self) -> dict[str, Any]:
        granted = max(0.0, self.t_max_predict_ms or 0.0)
        return {
            **bounds(self.n_predict, self.n_cmpl, self.stop, self.stream),
            "deadline": READING + granted / 1000 if granted else None,
            "typing": bool(granted),
        }


class LlamaInfill(Common, kw_only=True):
    input_prefix: str
    input_suffix: str
    prompt: Annotated[str, Meta(description="What stands between `input_prefix` and the hole.")] | None = None
    input_extra: list[Extra] | None = None


class LlamaCompletion(Common, kw_only=True):
    prompt: str


def read_infill(body: LlamaInfill) -> Call:
    prefix = body.input_prefix + (body.prompt or "")
    snippets = tuple(Snippet(extra.filename or "", extra.text) for extra in body.input_extra or ())
    return Call(prefix, body.input_suffix, snippets=snippets, **body.limits)


def read_completion(body: LlamaCompletion) -> Call:
    return replace(marks.told(body.prompt, None), **body.limits)


def write(answer: Answer, body: Common) -> Json | list[Json]:
    results = [_chosen({**_figures(answer, text), "content": text.text, "index": index}, body.response_fields)
               for index, text in enumerate(answer.texts)]  # fmt: skip
    return results if answer.call.n > 1 else results[0]


def events(answer: Answer, body: Common) -> Iterator[Json]:
    for index, text in enumerate(answer.texts):
        for piece in text.pieces:
            yield {"index": index, "content": piece, "tokens": [], "stop": False}
        yield {**_figures(answer, text), "content": "", "index": index}


def error(refused: Refused) -> Json:
    where = {"param": refused.field} if refused.field else {}
    return {"error": {"code": refused.status, "message": refused.message, "type": refused.kind, **where}}


def _figures(answer: Answer, text: Text) -> Json:
    report = answer.report
    written_ms = max(0.0, report.ms - answer.prompt_ms)
    return {
        "tokens": [],
        "stop": True,
        "stop_type": "word" if text.stopped else "eos" if text.finished else "limit",
        "stopping_word": text.stopped,
        "model": answer.model,
        "generation_settings": {"n_predict": answer.call.max_tokens, "mode": report.mode},
        "prompt": "",
        "truncated": any(answer.call.cut),
        "tokens_cached": max(0, report.prompt_tokens - report.context_tokens),
        "tokens_evaluated": report.prompt_tokens,
        "tokens_predicted": report.tokens,
        "timings": {
            **_speed("prompt", report.context_tokens, answer.prompt_ms),
            **_speed("predicted", report.tokens, written_ms),
        },
    }


def _speed(what: str, tokens: int, ms: float) -> Json:
    ms = round(ms, 3)
    return {
        f"{what}_n": tokens,
        f"{what}_ms": ms,
        f"{what}_per_token_ms": round(ms / tokens, 3) if tokens else 0.0,
        f"{what}_per_second": round(1000 * tokens / ms, 3) if ms else 0.0,
    }


def _chosen(result: Json, fields: list[str] | None) -> Json:
    """What `response_fields` names, each under the name as written: `timings/prompt_n` is one key."""
    if fields is None:
        return result
    chosen: Json = {}
    for field in fields:
        value: Any = result
        for part in field.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            chosen[field] = value
    return chosen


INFILL = Dialect("llama.cpp", LlamaInfill, read_infill, write, error, events, SSE, sign="input_prefix")
COMPLETION = Dialect("llama.cpp", LlamaCompletion, read_completion, write, error, events, SSE)
