"""Blocks of a proposal are as deep as blocks are where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from infill.complete import DEFAULTS, Completer
from infill.document import Snapshot
from infill.filler import Filled, FillRequest, FillResult, Score, Snippet


@dataclass
class Knowing:
    """A filler that says what it is told, to its own end."""

    text: str

    async def fill(self, request: FillRequest) -> FillResult:
        return FillResult((Filled(self.text, None, None, True),))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        raise AssertionError("completing scores nothing")

    def warm(self, request: FillRequest, *, answer: bool = False) -> None: ...

    def rest(self) -> None: ...

    def close(self) -> None: ...


async def shown(
    language: str,
    before: str,
    text: str,
    below: str = "",
    *,
    others: Sequence[Snapshot] = (),
    level: str = "",
    open_files: bool = True,
) -> str | None:
    """What is shown between two texts where the model writes this one."""
    snapshot = Snapshot.open("file:///w/a", 1, language, before + below)
    preferences = replace(DEFAULTS, root="/w", open_files=open_files)
    completion = await Completer(Knowing(text)).complete(
        snapshot, len(before), others=others, preferences=preferences, level=level
    )
    return completion.suggestions[0].text if completion.suggestions else None


@pytest.mark.parametrize(
    ("language", "before", "text", "below", "expected"),
    [
        ("typescript", "if (a) {\n  b();\n}\nfunction f() {", "\n    c();\n}", "", "\n  c();\n}"),
        ("python", "if a:\n\tb()\n\ndef f():", "\n    c()", "", "\n\tc()"),
        ("c", "int a(void) {\n        b();\n}\nint f(void) {", "\n\tc();\n}", "", "\n        c();\n}"),
        ("python", "def f():", "\n    c()", "\n\n\nclass A:\n  b = 1\n", "\n  c()"),
        ("yaml", "a:\n  b: 1\nc:", "\n    d: 2", "", "\n  d: 2"),
        ("python", "if a:\n  b()\n\ndef f():\n", "    c()", "", "  c()"),
        ("python", "class A:\n  def f(self):\n  ", "    c()", "", "  c()"),
    ],
    ids=["above", "tabs", "eight", "below", "yaml", "at the margin", "begun"],
)
async def test_it_is_what_the_file_does(language: str, before: str, text: str, below: str, expected: str) -> None:
    assert await shown(language, before, text, below, level="   ") == expected


async def test_the_nearest_blocks_count() -> None:
    before = "def a():\n    b()\n" * 30 + "def a():\n  b()\n" * 15 + "def f():"
    assert await shown("python", before, "\n    c()") == "\n  c()"


async def test_one_odd_block_is_no_habit() -> None:
    before = "def a():\n    b()\n" * 3 + "def a():\n  b()\n" + "def f():"
    assert await shown("python", before, "\n    c()") == "\n    c()"


async def test_where_the_file_has_no_block_files_like_it_count_then_the_editor() -> None:
    other = Snapshot.open("file:///w/b", 1, "javascript", "if (a) {\n   b();\n}\n")
    foreign = Snapshot.open("file:///elsewhere/b", 1, "typescript", "if (a) {\n     b();\n}\n")
    python = Snapshot.open("file:///w/c", 1, "python", "if a:\n     b()\n")
    made = Snapshot.open("file:///w/d", 1, "typescript", "// @generated\nif (a) {\n     b();\n}\n")
    asked = ("typescript", "function f() {", "\n    c();\n}")
    assert await shown(*asked, others=(made, foreign, python, other), level="\t") == "\n   c();\n}"
    assert await shown(*asked, others=(made, foreign, python), level="\t") == "\n\tc();\n}"
    assert await shown(*asked, others=(other,), level="\t", open_files=False) == "\n\tc();\n}"
    assert await shown(*asked) == "\n    c();\n}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n    if a:\n        b()\n\n    c()", "\n  if a:\n    b()\n\n  c()"),
        ("\n    a = b(1,\n          2)\n    c()", "\n  a = b(1,\n        2)\n  c()"),
        ("\n    a = b(\n        1,\n    )", "\n  a = b(\n    1,\n  )"),
    ],
    ids=["levels", "aligned", "brackets"],
)
async def test_levels_change_and_what_is_aligned_moves_along(text: str, expected: str) -> None:
    assert await shown("python", "def f():", text, level="  ") == expected


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("a:", "\n  - b: 1\n    c:\n      d: 2\n  - b: 3", "\n    - b: 1\n      c:\n          d: 2\n    - b: 3"),
        ("a:", "\n  - - b: 1\n      c: 2", "\n    - - b: 1\n        c: 2"),
        ("a:\n- b:", "\n    c: 1\n  d: 2", "\n      c: 1\n  d: 2"),
    ],
    ids=["below", "lists of lists", "behind"],
)
async def test_what_belongs_to_an_item_stands_beside_its_mark(before: str, text: str, expected: str) -> None:
    assert await shown("yaml", before, text, level="    ") == expected


async def test_what_an_item_has_is_a_level_deeper_than_what_the_item_begins_with() -> None:
    before, text = "a:\n  b:\n    c: 1\nd:\n  - e:", "\n      f: 1"
    assert await shown("yaml", before, text) == text


@pytest.mark.parametrize("language", ["makefile", "make"])
async def test_the_tabs_of_a_makefile_stay(language: str) -> None:
    assert await shown(language, "all:", "\n\tcc a.c", level="    ") == "\n\tcc a.c"


@pytest.mark.parametrize(
    ("before", "text", "below"),
    [
        ("def f():\n", "    a()", "    b()"),
        ("def f():", "\n    a()", "    b()"),
        ("def f():\n", "    with a:", "        b()"),
        ("def f():\n", "  with a:", "    b()"),
    ],
)
@pytest.mark.parametrize("level", ["    ", "  ", "\t"])
async def test_a_block_that_stands_below_goes_on_as_it_is(before: str, text: str, below: str, level: str) -> None:
    """What stands deeper below says how deep the block is, also where a line of the text opens it."""
    assert await shown("python", before, text, f"\n{below}\n", level=level) == text


async def test_a_block_that_stands_below_a_level_deep_goes_on_so() -> None:
    assert await shown("python", "def f():\n", "    a()", "\n  b()\n", level="  ") == "  a()"


async def test_a_block_further_down_in_a_text_is_a_level_deep_too() -> None:
    text, below = "@cached\ndef f():\n    a()", "\n\n\nx = 1\n"
    assert await shown("python", "# what a says\n", text, below, level="  ") == text.replace("    a", "  a")


async def test_what_is_begun_within_a_block_stays() -> None:
    assert await shown("python", "def f():\n  ", "if a:\n      b()", level="\t") == "if a:\n    b()"


@pytest.mark.parametrize("max_lines", [0, None], ids=["a tool", "somebody types"])
@pytest.mark.parametrize(
    ("before", "level"), [("", "\t"), ("if a:\n    b()\n\n", "    ")], ids=["no block yet", "a block of its own"]
)
async def test_what_is_filled_is_as_deep_as_the_file_or_else_the_snippets(
    before: str, level: str, max_lines: int | None
) -> None:
    snippets = (Snippet("w/b.js", "if (a) {\n  b();\n}\n"), Snippet("w/c.py", "if a:\n\tb()\n"))
    told = await Completer(Knowing("\n    if a:\n        b()")).fill(
        before + "def f():", "", language="python", snippets=snippets, max_lines=max_lines
    )
    assert told.texts[0].text == f"\n{level}if a:\n{level}{level}b()"
