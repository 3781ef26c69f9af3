"""OpenAI's legacy completions with `suffix`: also DeepSeek's /beta, vLLM's clients, Zed, minuet, llm-ls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from msgspec import Struct

from lsp_server.door import marks
from lsp_server.door.body import Fim
from lsp_server.door.call import Answer, Call, Json, Refused, finish
from lsp_server.door.dialect import Dialect


class StreamOptions(Struct):
    include_usage: bool | None = None


class OpenAICompletion(Fim, kw_only=True):
    prompt: str | list[str]
    stream_options: StreamOptions | None = None
    echo: bool | None = None
    user: str | None = None


def one_prompt(prompt: str | list[str]) -> str:
    """The text before the hole. Raises Refused for several at once."""
    if isinstance(prompt, str):
        return prompt
    if len(prompt) != 1:
        raise Refused(400, "`prompt`: one text at a time", "prompt")
    return prompt[0]


def read(body: OpenAICompletion) -> Call:
    return replace(marks.told(one_prompt(body.prompt), body.suffix), **body.limits, user=body.user or "")


def write(answer: Answer, body: OpenAICompletion) -> Json:
    before = answer.call.prefix if body.echo else ""
    choices = [_choice(index, before + text.text, finish(text)) for index, text in enumerate(answer.texts)]
    return {**_envelope(answer), "choices": choices, "usage": answer.usage}


def events(answer: Answer, body: OpenAICompletion) -> Iterator[Json]:
    for index, text in enumerate(answer.texts):
        if body.echo:
            yield {**_envelope(answer), "choices": [_choice(index, answer.call.prefix, None)]}
        *pieces, last = text.pieces
        for piece in pieces:
            yield {**_envelope(answer), "choices": [_choice(index, piece, None)]}
        yield {**_envelope(answer), "choices": [_choice(index, last, finish(text))]}
    if body.stream_options and body.stream_options.include_usage:
        yield {**_envelope(answer), "choices": [], "usage": answer.usage}


def error(refused: Refused) -> Json:
    field = refused.field or None
    return {"error": {"message": refused.message, "type": refused.kind, "param": field, "code": None}}


def _envelope(answer: Answer) -> Json:
    return {"id": f"cmpl-{answer.id}", "object": "text_completion", "created": answer.created, "model": answer.model}


def _choice(index: int, text: str, reason: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


DIALECT = Dialect("openai", OpenAICompletion, read, write, error, events)
