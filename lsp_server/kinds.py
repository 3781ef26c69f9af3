"""Kinds of values that a client or the command line may send: what each may be, in words and as JSON schema, and how it
is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be: in words, as JSON schema, and as a function that raises ValueError or returns it read.

    secret: a wrong value may hold a password and is not shown.
    """

    words: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]
    secret: bool = False


def flag() -> Kind:
    return Kind("true or false", {"type": "boolean"}, lambda sent: _of_type(sent, bool))


def number(low: float, high: float) -> Kind:
    def read(sent: Any) -> float:
        if isinstance(sent, bool) or not isinstance(sent, int | float) or not low <= sent <= high:
            raise ValueError
        return float(sent)

    return Kind(f"a number from {low:g} to {high:g}", {"type": "number", "minimum": low, "maximum": high}, read)


def whole(low: int, high: int) -> Kind:
    """A whole number, also one that is sent as a float."""

    def read(sent: Any) -> int:
        if inside.read(sent) != int(sent):
            raise ValueError
        return int(sent)

    inside, schema = number(low, high), {"type": "integer", "minimum": low, "maximum": high}
    return Kind(f"a whole number from {low} to {high}", schema, read)


def choice(*allowed: str) -> Kind:
    def read(sent: Any) -> str:
        if sent not in allowed:
            raise ValueError
        return str(sent)

    return Kind("one of " + ", ".join(f"`{word}`" for word in allowed), {"type": "string", "enum": [*allowed]}, read)


def text() -> Kind:
    return Kind("a string", {"type": "string"}, lambda sent: _of_type(sent, str))


def url() -> Kind:
    """An http or https address that names no user and no query, or an empty text."""

    def read(sent: Any) -> str:
        text = str(_of_type(sent, str)).strip()
        parts = urlsplit(text)
        if text and not (
            parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and not (parts.username or parts.password or parts.query or parts.fragment)
            and text.isascii()
            and not re.search(r"[\s\x00-\x1f\x7f]", text)
        ):
            raise ValueError
        (parts.hostname or "").encode("idna")
        return text

    words = "an http or https address without user name, password and query"
    return Kind(words, {"type": "string"}, read, secret=True)


def list_of(item: Kind, words: str) -> Kind:
    def read(sent: Any) -> tuple[Any, ...]:
        return tuple(item.read(one) for one in _of_type(sent, list))

    return Kind(words, {"type": "array", "items": dict(item.schema)}, read)


def flag_or_map() -> Kind:
    def read(sent: Any) -> bool | Mapping[str, bool]:
        if isinstance(sent, dict) and all(isinstance(on, bool) for on in sent.values()):
            return dict(sent)
        return bool(_of_type(sent, bool))

    schema = {"type": ["boolean", "object"], "additionalProperties": {"type": "boolean"}}
    return Kind("true, false, or an object of language id (or `*`) to true or false", schema, read)


def _of_type(sent: Any, wanted: type) -> Any:
    if not isinstance(sent, wanted):
        raise ValueError
    return sent
