"""The prompt format, version 1: text on both sides of a hole <-> token streams. Training imports this module.

 snippet   [FILE] path \\n text                    positions from 0, at most 512 tokens together
 below     [SUF] whole lines after the cursor's    positions from 512, at most 192
 rest      [SUF] rest of the cursor's line         positions from 704, at most 32; sees below
 prefix    [PRE] path \\n text                     positions from 768, at most 768 and the tail
 middle    [MID] ...                               positions after the prefix

All text is LF. The prefix is tokenized in two parts, up to the last safe boundary and from there to the cursor (the
tail), because only there tokenizing the parts and the whole agree; a keystroke then changes the tail alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine import Context, ControlIds, Stream
from infill.filler import Snippet

FORMAT = 1
SNIPPETS_AT, BELOW_AT, REST_AT, PREFIX_AT = 0, 512, 704, 768
SNIPPETS_MOST, BELOW_MOST, REST_MOST, PREFIX_MOST = 512, 192, 32, 768
NEARBY = 256
"""Prefix tokens of the small context that a cold file is first answered from."""
HOP = 1024
"""Characters by which the prefix window moves: large, so that typing rarely re-encodes it."""
LONGEST_RUN = 256
"""Characters without a safe boundary (minified code, base64) that the tail holds before it is cut all the same."""
LONGEST_PATH = 128
CHARS_PER_TOKEN = 8
"""More characters than this a token are never looked at: a bound on what is tokenized, not on what is kept."""


class Tokens(Protocol):
    """What the prompt needs of a tokenizer: text never becomes a control token, and comes back byte for byte."""

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Sequence[int]) -> str: ...

    def starting_with(self, text: str) -> NDArray[np.int64]: ...


class ByLine:
    """A tokenizer that remembers lines: after a keystroke or a jump, only lines not seen lately are tokenized.

    Line ends after a non-space character are safe boundaries, so the lines' tokens are the text's.
    """

    LINE_END = re.compile(r"(?<=\S)(?=\s*\n)")

    def __init__(self, tokens: Tokens, lines: int = 4096) -> None:
        self._line = lru_cache(lines)(lambda line: tuple(tokens.encode(line)))
        self.decode, self.starting_with = tokens.decode, tokens.starting_with

    def encode(self, text: str) -> list[int]:
        return [token for line in self.LINE_END.split(text) for token in self._line(line)]


@dataclass(frozen=True, slots=True)
class Hole:
    """How to read a middle back. healed: the end of the prefix that the middle has to write again."""

    healed: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The streams of one hole. nearby: the same from the nearest tokens only, for a file not yet encoded.

    first: ids the middle must start with one of (token healing), or None.
    """

    context: Context
    nearby: Context
    hole: Hole
    first: NDArray[np.int64] | None = None


def build(
    tokens: Tokens,
    control: ControlIds,
    prefix: str,
    suffix: str,
    path: str,
    snippets: Sequence[Snippet] = (),
    *,
    heal: bool = False,
) -> Prompt:
    """The streams around the hole between `prefix` and `suffix` (LF line endings).

    heal: for weights whose canvas is untrained: the prefix's last token is taken back and the middle writes it again
    (token healing), and the token before it opens the middle. The others were taught to start inside a token.
    """
    context_tail, healed = heal_tail(tokens, prefix) if heal else (_encode_tail(tokens, prefix), "")
    sides = [*snippet_streams(tokens, control, snippets), *suffix_streams(tokens, control, suffix)]
    head = [control.prefix, *tokens.encode(short_path(path) + "\n")]
    body = prefix[: safe_boundary(prefix)]
    room = PREFIX_MOST - len(head)
    far = [*head, *window(tokens, body, room), *context_tail]
    near = [*head, *window(tokens, body, NEARBY, HOP // 3), *context_tail]
    return Prompt(
        _context(sides, far, opens=heal),
        _context([stream for stream in sides if stream.name != "snippet"], near, opens=heal),
        Hole(healed),
        tokens.starting_with(healed) if healed else None,
    )


def read(tokens: Tokens, ids: Sequence[int], hole: Hole) -> str:
    """The text of a middle, without what it had to write again."""
    text = tokens.decode(ids)
    return text[len(hole.healed) :] if text.startswith(hole.healed) else ""


def safe_boundary(text: str) -> int:
    """The last place before a whitespace run that follows a non-space character, 0 when there is none.

    Byte-level BPE splits there first, so tokenizing the two parts equals tokenizing the whole. (A line start is not
    such a place: a line end merges with the indentation after it.) Only the last LONGEST_RUN characters or up to twice
    as many are looked at; without a boundary among them, the place where they start.
    """
    floor = max(0, len(text) // LONGEST_RUN - 1) * LONGEST_RUN
    word = len(text)
    while word > floor and not text[word - 1].isspace():
        word -= 1
    return floor + len(text[floor:word].rstrip())


def window(tokens: Tokens, body: str, room: int, hop: int = HOP) -> list[int]:
    """The tokens of the end of `body`, at most `room`.

    The window's start moves in hops (of `hop` characters, of less in text of many tokens a character) and stands at a
    line start where there is one.
    """
    start = max(0, -(-(len(body) - 3 * hop) // hop) * hop)
    while True:
        line = body.find("\n", start, start + hop) + 1 if start else 0
        ids = tokens.encode(body[line or start :])
        if len(ids) <= room:
            return ids
        while len(body) - start < 3 * hop:
            hop //= 2
        start += hop - start % hop


def suffix_streams(tokens: Tokens, control: ControlIds, suffix: str) -> list[Stream]:
    """`below` and `rest`; a hole at the very end of a text has neither."""
    end = suffix.find("\n") + 1 or len(suffix)
    rest, below = suffix[:end], suffix[end : end + BELOW_MOST * CHARS_PER_TOKEN]
    streams = []
    if below:
        ids = (control.suffix, *tokens.encode(below))[:BELOW_MOST]
        streams.append(Stream("below", ids, BELOW_AT))
    if rest:
        ids = (control.suffix, *tokens.encode(rest[: REST_MOST * CHARS_PER_TOKEN]))[:REST_MOST]
        streams.append(Stream("rest", ids, REST_AT, sees=(0,) if below else ()))
    return streams


def snippet_streams(tokens: Tokens, control: ControlIds, snippets: Sequence[Snippet]) -> list[Stream]:
    """One stream a snippet, each from position 0; the last one that fits in part is cut."""
    streams, room = [], SNIPPETS_MOST
    for snippet in snippets:
        text = f"{short_path(snippet.path)}\n{snippet.text}"[: room * CHARS_PER_TOKEN]
        ids = (control.file, *tokens.encode(text))[:room]
        if len(ids) > 1:
            streams.append(Stream("snippet", ids, SNIPPETS_AT))
        room -= len(ids)
    return streams


def heal_tail(tokens: Tokens, prefix: str) -> tuple[list[int], str]:
    """The tail without its last token, and that token's text."""
    tail = _encode_tail(tokens, prefix)
    if not tail:
        return tail, ""
    healed = tokens.decode(tail[-1:])
    return (tail[:-1], healed) if healed and prefix.endswith(healed) else (tail, "")


def short_path(path: str) -> str:
    """The last two parts, forward slashes; of a very long name, its end."""
    return "/".join(path.replace("\\", "/").rstrip("/").split("/")[-2:])[-LONGEST_PATH:]


def _encode_tail(tokens: Tokens, prefix: str) -> list[int]:
    return tokens.encode(prefix[safe_boundary(prefix) :])[-PREFIX_MOST // 2 :]


def _context(sides: Sequence[Stream], prefix: Sequence[int], *, opens: bool) -> Context:
    """opens: the prefix's last token opens the middle instead of [MID], which such weights have never seen."""
    offset = sum(stream.name == "snippet" for stream in sides)
    shifted = [
        Stream(stream.name, stream.ids, stream.start, tuple(i + offset for i in stream.sees)) for stream in sides
    ]
    ids, opening = (prefix[:-1], prefix[-1]) if opens else (prefix, None)
    return Context((*shifted, Stream("prefix", tuple(ids), PREFIX_AT)), PREFIX_AT + len(ids), opening)
