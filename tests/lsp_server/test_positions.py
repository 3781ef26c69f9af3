"""Positions against an independent reading of LSP 3.18: split at LSP's three line endings, count encoded units."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position, Range

from infill.document import Snapshot
from lsp_server import positions
from lsp_server.positions import Encoding

PIECES = [
    "\r\n",
    "\r",
    "\n",
    "\f",
    "\u2028",
    "\u0085",
    "\v",
    "😀",
    "e\u0301",
    "ß",
    "語",
    "a",
    "xy",
    " ",
    "\t",
    "\ud83d",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def snapshot(text: str) -> Snapshot:
    return Snapshot.open("untitled:positions", 1, "plaintext", text)


def units(text: str, encoding: Encoding) -> int:
    codec, width = CODECS[encoding]
    return sum(len(character.encode(codec, "surrogatepass")) // width for character in text)


def lines(text: str) -> list[tuple[int, str]]:
    """(offset, text without its ending) of each line."""
    starts = [0, *(end.end() for end in re.finditer(r"\r\n|\r|\n", text))]
    return [(start, re.split(r"\r|\n", text[start:], maxsplit=1)[0]) for start in starts]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXTS)
def test_every_offset_has_the_position_the_standard_gives_it_and_comes_back(encoding: Encoding, text: str) -> None:
    document = snapshot(text)
    for number, (start, line) in enumerate(lines(text)):
        for column in range(len(line) + 1):
            position = positions.to_position(document, start + column, encoding)
            assert (position.line, position.character) == (number, units(line[:column], encoding))
            assert positions.to_offset(document, position, encoding) == start + column


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXTS, line=st.integers(0, 30), character=st.integers(0, 200))
def test_positions_outside_the_text_are_clamped_and_never_split_a_character(
    encoding: Encoding, text: str, line: int, character: int
) -> None:
    offset = positions.to_offset(snapshot(text), Position(line, character), encoding)
    rows = lines(text)
    if line >= len(rows):
        assert offset == len(text)
        return
    start, content = rows[line]
    fitting = [column for column in range(len(content) + 1) if units(content[:column], encoding) <= character]
    assert offset == start + fitting[-1]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_offset_between_cr_and_lf_is_the_end_of_the_line(encoding: Encoding) -> None:
    assert positions.to_position(snapshot("ab\r\ncd"), 3, encoding) == Position(0, 2)


@pytest.mark.parametrize(("offset", "expected"), [(-5, Position(0, 0)), (99, Position(1, 2))])
def test_an_offset_outside_the_text_is_clamped(offset: int, expected: Position) -> None:
    assert positions.to_position(snapshot("ab\r\ncd"), offset, "utf-16") == expected


def test_inside_a_surrogate_pair_means_before_it() -> None:
    assert positions.to_offset(snapshot("a😀b"), Position(0, 2), "utf-16") == 1
    assert positions.to_offset(snapshot("a😀b"), Position(0, 3), "utf-16") == 2


def test_a_range_sent_backwards_is_read_forwards() -> None:
    assert positions.to_span(snapshot("abcdef"), Range(Position(0, 4), Position(0, 1)), "utf-16") == (1, 4)


def test_ranges_come_back() -> None:
    document = snapshot("a😀\r\nb")
    assert positions.to_range(document, 1, 5, "utf-16") == Range(Position(0, 1), Position(1, 1))
    assert positions.to_range(document, 1, 2, "utf-8") == Range(Position(0, 1), Position(0, 5))
