"""Bytes of a request -> the fields that a dialect reads. A field's type, bounds and meaning stand in one place, the
dialect's `Struct`; what clients send besides is ignored."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, ValidationError, convert

from lsp_server import jsontext
from lsp_server.door.call import N_MOST, Refused, texts_of, tokens_of

B = TypeVar("B", bound=Struct)

Several = Annotated[int, Meta(ge=1, le=N_MOST, description="How many distinct texts are wanted.")]
_MOST = "The most tokens of a text; 0 reads the prompt and writes nothing"
Tokens = Annotated[int, Meta(ge=0, description=f"{_MOST}.")]
TokensOrAny = Annotated[int, Meta(ge=-2, description=f"{_MOST}, a negative number leaves it to the server.")]
Milliseconds = Annotated[float, Meta(le=600_000, description="The time to write for somebody who types; 0: no limit.")]
Stop = Annotated[str | list[str], Meta(description="The text ends before the first of these.")]
Stream = Annotated[bool, Meta(description="Answer in events, a line of text each.")]


def bounds(tokens: int | None, n: int | None, stop: str | list[str] | None, stream: bool | None) -> dict[str, Any]:
    """What a body asks of every answer, as arguments of `Call`."""
    return {"max_tokens": tokens_of(tokens), "n": n or 1, "stop": texts_of(stop), "stream": bool(stream)}


class Fim(Struct, kw_only=True):
    """What OpenAI's completions and Mistral's endpoint have in common."""

    suffix: str | None = None
    max_tokens: Tokens | None = None
    n: Several | None = None
    stop: Stop | None = None
    stream: Stream | None = None

    @property
    def limits(self) -> dict[str, Any]:
        return bounds(self.max_tokens, self.n, self.stop, self.stream)


_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Refused for anything else."""
    try:
        value = jsontext.read(raw)
    except ValueError as error:
        raise Refused(400, f"the body cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    return value


def read(value: dict[str, Any], kind: type[B]) -> B:
    """The fields of `kind`. Raises Refused naming the first that is missing or wrong."""
    try:
        return convert(value, kind)
    except ValidationError as error:
        at = _AT.search(str(error))
        problem, field = _AT.sub("", str(error)), at["path"] if at else ""
        if missing := _MISSING.match(problem):
            problem, field = "it is missing", ".".join(filter(None, (field, missing["name"])))
        raise Refused(400, f"`{field}`: {problem[:1].lower()}{problem[1:]}", field) from None
