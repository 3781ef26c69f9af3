"""What holds of every text that is shown, whatever the model wrote; the cases say what is shown of which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.humaneval import SETS, read_tasks
from infill import soundness, trim
from infill.around import Around
from infill.beginning import probable
from infill.complete import Completer
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import Filled, FillRequest, FillResult, Score
from infill.languages import language_of_path
from infill.lines import width
from infill.site import look

SOURCES = sorted((Path(__file__).parent / "sources").iterdir())
SIGNS = (
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "`",
    ";",
    ":",
    ",",
    ".",
    " ",
    "=",
    "=>",
    "\n",
    "\n    ",
    "\n  ",
    "\r\n",
)
WORDS = (
    "x",
    "foo",
    "return x",
    "if x:",
    "}\n",
    "\x00",
    "\u202e",
    "é",
    "😀",
    "\t",
    "def f():",
    "for (;;) {",
    "# n",
    "// n",
)
WRITTEN = st.lists(st.sampled_from(SIGNS + WORDS), max_size=12).map("".join)


def hole_between(language: str, before: str, after: str, lines: int, *, invoked: bool = True) -> Around:
    """An empty hole between two texts."""
    snapshot, at = Snapshot.open("a", 1, language, before + after), len(before)
    return Around.at(snapshot, at, at, "", look(snapshot, at, invoked=invoked), lines)


def around(source: Path, place: float, cut: bool, lines: int) -> Around:
    """A hole in a real-looking file: within a line or, with the rest of the line cut off, at its end."""
    text = source.read_text(encoding="utf-8")
    cursor = round(place * len(text))
    whole = Snapshot.open("a", 1, source.stem, text)
    end = whole.line_range(whole.line_of(cursor))[1]
    snapshot = whole.edit([Edit(cursor, end, "")], 2) if cut else whole
    site = look(snapshot, cursor, invoked=True)
    return Around.at(snapshot, cursor, cursor, "", site, site.lines or lines)


@given(st.sampled_from(SOURCES), st.floats(0, 1), st.booleans(), st.integers(1, 4), WRITTEN, st.booleans())
@settings(max_examples=150)
def test_what_is_shown(source: Path, place: float, cut: bool, lines: int, text: str, finished: bool) -> None:
    hole = replace(around(source, place, cut, lines), finished=finished)
    shown = trim.trim(text, hole)
    if shown is None:
        return
    assert shown.strip()
    assert shown == shown.rstrip()
    assert not any(char in shown for char in "\r\x00\u202e")
    assert shown.strip() != hole.rest.strip()
    assert len(shown.strip("\n").split("\n")) <= lines
    below = next((line for line in hole.suffix if line.strip()), None)
    last = (hole.prefix_line + shown).split("\n")[-1] + hole.rest
    assert "\n" not in shown or last.rstrip() != (below or "").rstrip() or not last.strip()


@given(st.sampled_from(SOURCES), st.floats(0, 1), WRITTEN)
@settings(max_examples=100)
def test_a_sound_file_stays_sound(source: Path, place: float, text: str) -> None:
    """A line added to a sound file either leaves it sound or opens something that the next lines may close."""
    whole = Snapshot.open("a", 1, source.stem, source.read_text(encoding="utf-8"))
    start = whole.line_range(round(place * (whole.line_count - 1)))[0]
    snapshot = whole.edit([Edit(start, start, "\n")], 2)
    site = look(snapshot, start)
    if snapshot.errors(0, len(snapshot.text)) or not site.ask:
        return
    hole = Around.at(snapshot, start, start, "", site, 1)
    shown = trim.trim(text, hole)
    if shown is None or hole.kind in ("string", "docstring", "comment"):
        return
    closed_below = len(hole.brackets().closing)
    endings = (shown + ending for ending in ("", *soundness._endings(shown, hole, closed_below)))
    after = [snapshot.edit([Edit(start, start, text)], 3) for text in endings]
    assert any(one.errors(0, len(one.text)) == 0 for one in after)


def test_the_true_line_of_a_sound_file_is_shown_as_it_is() -> None:
    """What really stands in the file is never trimmed: each line's second half, given its first half."""
    kept, asked = 0, 0
    for source in SOURCES:
        whole = Snapshot.open("a", 1, source.stem, source.read_text(encoding="utf-8"))
        for line in range(whole.line_count):
            start, end = whole.line_range(line)
            text = whole.text[start:end]
            cursor = start + len(text) - len(text.lstrip()) + len(text.strip()) // 2
            true = whole.text[cursor:end]
            snapshot = whole.edit([Edit(cursor, end, "")], 2)
            site = look(snapshot, cursor)
            if not site.ask or not true.strip():
                continue
            asked += 1
            shown = trim.trim(true, Around.at(snapshot, cursor, cursor, "", site, 8))
            kept += (shown or "").strip() == true.strip()
    assert asked > 200
    assert kept >= 0.98 * asked


def test_true_words_within_a_line_are_shown_as_they_are() -> None:
    """The rest of the line stands; it may close what the words open, and they may close what the line has opened. Most
    that are not begin a remark."""
    kept, asked = 0, 0
    for source in SOURCES:
        whole = Snapshot.open("a", 1, source.stem, source.read_text(encoding="utf-8"))
        for line in range(whole.line_count):
            start, end = whole.line_range(line)
            words = list(re.finditer(r"\w+|[^\w\s]", whole.text[start:end]))
            for first, last in ((words[n], words[min(n + 3, len(words) - 2)]) for n in range(1, len(words) - 2)):
                cursor, behind = start + first.start(), start + last.end()
                snapshot = whole.edit([Edit(cursor, behind, "")], 2)
                site = look(snapshot, cursor)
                if site.ask and site.kind not in ("string", "docstring", "comment"):
                    asked += 1
                    true = whole.text[cursor:behind]
                    kept += trim.trim(true, Around.at(snapshot, cursor, cursor, "", site, 1)) == true
    assert asked > 1000
    assert kept >= 0.96 * asked, (kept, asked)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_true_line_is_shown_where_nothing_behind_it_is_closed(source: Path) -> None:
    """As where an editor closes no brackets: all that a definition has behind the cursor is not there yet."""
    lines = source.read_text(encoding="utf-8").split("\n")
    kept, asked = 0, 0
    for number, line in enumerate(lines):
        cursor = len(line) - len(line.lstrip()) + len(line.strip()) // 2
        others = range(number + 1, len(lines))
        below = next((n for n in others if lines[n][:1].strip() and any(map(str.isalnum, lines[n]))), len(lines))
        before = "\n".join((*lines[:number], line[:cursor]))
        snapshot = Snapshot.open("a", 1, source.stem, before + "\n\n" + "\n".join(lines[below:]))
        site, true = look(snapshot, len(before)), line[cursor:].rstrip()
        if site.ask and true and site.kind not in ("string", "docstring", "comment") and line[:1].isspace():
            asked += 1
            kept += trim.trim(true, Around.at(snapshot, len(before), len(before), "", site, 1)) == true
    assert asked > 5 and asked - kept <= 1


def test_the_true_body_of_a_block_is_shown_as_it_is() -> None:
    """A block is taken out of a file and put back by the model: not a character of it may be lost."""
    package = Path(trim.__file__).parent
    asked = 0
    for source in (*SOURCES, *(package / name for name in ("rank.py", "memo.py", "brackets.py", "site.py"))):
        whole = Snapshot.open("a", 1, language_of_path(source.name), source.read_text(encoding="utf-8"))
        ranges = [whole.line_range(line) for line in range(whole.line_count)]
        lines = [whole.text[start:end] for start, end in ranges]
        for first in range(1, len(lines)):
            deep = width(lines[first])
            last = first
            for line in range(first, len(lines)):
                if lines[line].strip() and width(lines[line]) < deep:
                    break
                last = line if lines[line].strip() else last
            start, end = ranges[first][1] - len(lines[first].lstrip()), ranges[last][1]
            snapshot = Snapshot.open("a", 1, whole.language, whole.text[:start] + whole.text[end:])
            site = look(snapshot, start)
            if lines[first].strip() and site.kind == "block" and site.ask and last > first:
                asked += 1
                body = whole.text[start:end]
                assert trim.trim(body, Around.at(snapshot, start, start, "", site, 400)) == body.rstrip()
    assert asked > 80


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_surroundings_are_read_with_lf(ending: str) -> None:
    text = ending.join(["one", "two", "  left right", "three", "", "four"])
    cursor = text.index("right")
    snapshot = Snapshot.open("a", 1, "plaintext", text)
    hole = Around.at(snapshot, cursor, cursor, "", look(snapshot, cursor, invoked=True), 1)
    assert (hole.prefix_line, hole.rest, hole.indent) == ("  left ", "right", "  ")
    assert (hole.above, hole.suffix) == (("one", "two"), ("three", "", "four"))


def test_a_chosen_item_counts_as_written() -> None:
    snapshot = Snapshot.open("a", 1, "python", "value.na\nother\n")
    site = look(snapshot, 8, invoked=True)
    hole = Around.at(snapshot, 6, 8, "name", site, 1)
    assert hole.prefix_line == "value.name"
    assert trim.trim(".upper()", hole) == ".upper()"
    assert trim.trim(") +", hole) is None


@pytest.mark.parametrize(
    ("language", "before", "true", "wrong"),
    [
        ("java", "class A {\n    int n;\n\n    int twice() {\n        ", "return 2 * n;", "return 2 * n);"),
        ("python", "def area(\n    ", "width: float,", "width: float),,"),
        ("python", "total = sum(\n    value\n    ", "for value in values", "for value in values])"),
        ("typescript", "import {\n    first,\n    ", "second,", "second),"),
        (
            "typescript",
            "function sum(values: number[]) {\n  for (const value of values) {\n    ",
            "total += value",
            "+= value",
        ),
        ("rust", "fn code(ok: bool) -> i32 {\n    match ok {\n        ", "true => 0,", "true) => 0,"),
        ("go", "func f() {\n\tcall(\n\t\tone,\n\t\t", "two,", "two],"),
        ("typescript", "export const fir", "st: Table['first'] =", "st: Table['first']) ="),
        ("python", "class A:\n    ", "def __init__(", "def __init__ self("),
    ],
)
def test_nobody_has_closed_what_the_lines_above_opened(language: str, before: str, true: str, wrong: str) -> None:
    """Where an editor closes no brackets, everything that is written stands in a document that is not sound."""
    below = {"python": "def other():\n    pass\n", "java": "class B {\n}\n", "rust": "fn other() {}\n"}
    after = "\n\n" + below.get(language, "func other() {\n}\n" if language == "go" else "function other() {\n}\n")
    hole = hole_between(language, before, after, 1, invoked=False)
    assert trim.trim(true, hole) == true
    assert trim.trim(wrong, hole) != wrong


@pytest.mark.parametrize("language", ["java", "cpp"])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("return 2 * n;", "return 2 * n;"),
        ("return 2 *", "return 2 *"),
        ("return 2 * n);", "return 2 * n"),
        ("return 2 n;", None),
    ],
)
def test_in_a_long_document_syntax_errors_are_known_too(language: str, text: str, shown: str | None) -> None:
    """What is parsed of it begins and ends within a class, which is an error of its own."""
    methods = "    int f(int n) {\n        return n;\n    }\n" * 1000
    before, after = f"class A {{\n{methods}    int g(int n) {{\n        ", f"\n    }}\n{methods}}};\n"
    assert trim.trim(text, hole_between(language, before, after, 1, invoked=False)) == shown


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("c", ["total = first +", "call(first,", "return first ||", "while (first &&", "return ("]),
        ("cpp", ["out << first <<", "call(first, of(second,", "return ("]),
        ("java", ["total = first +", "call(first,", "call((one) ->", "first.", "return ("]),
        ("rust", ["total = first +", "if first &&", "call(first, |one|"]),
        ("go", ["total := first +", "if first &&", "call(first,"]),
        ("javascript", ["call(first, (one) =>", "return (", "if (first ||"]),
        ("python", ["total = (first +", "if (first and", "if (first ==", "call(lambda one:", "return {'one':"]),
    ],
)
def test_a_line_may_go_on_below(language: str, texts: list[str]) -> None:
    """The first line of what is written in several; what is wrong in itself does not become right by that."""
    begin = {"python": "def f(first):\n    ", "java": "class A {\n    int f(int first) {\n        "}
    begin |= {"rust": "fn f(first: i32) {\n    ", "go": "func f(first int) {\n\t"}
    begin |= {"c": "int f(int first) {\n    ", "cpp": "int f(int first) {\n    "}
    before = begin.get(language, "function f(first) {\n    ")
    after = "\n" if language == "python" else "\n    }\n}\n" if language == "java" else "\n}\n"
    hole = hole_between(language, before, after, 1, invoked=False)
    assert [trim.trim(text, hole) for text in texts] == texts
    assert trim.trim("if if +", hole) is None


@pytest.mark.parametrize(
    ("language", "before", "text", "after", "shown"),
    [
        ("python", "config = dict(\n    delta=int(", "args.delta)", ")\n)\n", "args.delta"),
        ("python", "config = dict(\n    delta=int(", "args.delta) -", ")\n)\n", "args.delta"),
        ("python", "data = {\n    'a': [b, len(", "self.b)]", ")]\n}\n", "self.b"),
        ("typescript", "const box = make(\n  Math.round(", "rect.bottom)", ")\n);\n", "rect.bottom"),
        ("java", "class A {\n    int n = max(\n        min(", "a)", ")\n    );\n}\n", "a"),
        ("python", "config = dict(\n    delta=int(", "args.delta) -", "\n)\n", "args.delta) -"),
        ("python", "config = dict(\n    delta=", "int(args.delta) -", "\n)\n", "int(args.delta) -"),
        ("python", "class A:\n    def f(self,", " tokens)", "\n        pass\n", " tokens)"),
        ("python", "if url.startswith(", "good) and", "\n    pass\n", "good) and"),
    ],
)
def test_half_a_line_closes_nothing_that_is_closed_behind_it(
    language: str, before: str, text: str, after: str, shown: str
) -> None:
    hole = hole_between(language, before, after, 1, invoked=False)
    assert trim.trim(text, replace(hole, within_line=True)) == shown


@pytest.mark.parametrize(
    ("language", "before", "text", "after", "shown"),
    [
        ("python", "class A:\n    def f(\n        self,\n    ", ") -> bool:", "\n    )\n", None),
        ("python", "class A:\n    def f(\n        ", "self,\n    ) -> bool:", "\n    )\n", "self,"),
        ("typescript", "function f(\n  a: string,\n", "): void {", "\n)\n", None),
        ("typescript", "if (a) {\n  f();\n", "} else {", "\n}\n", "} else {"),
        ("python", "x = f(\n    g(\n        a,\n    ", ") + 1", "\n    )\n)\n", None),
        ("python", "x = f(\n    g(\n        a,\n    ", ") + 1", "\n    )\n", ") + 1"),
        (
            "cpp",
            "namespace a {\nnamespace b {\nint n;\n",
            "} // namespace b",
            "\n} // namespace a\n",
            "} // namespace b",
        ),
        ("python", "class A:\n    def f(\n        self,\n    ", ") -> bool:", "\n        pass\n", ") -> bool:"),
        ("python", "class A:\n" + "    x = 1\n" * 50 + "    def f(\n        self,\n    ", ") -> b:", "\n    )\n", None),
        (
            "java",
            "class A {\n" + "    int a;\n" * 50 + "    {\n        for (;;) {\n            f();",
            "\n        }",
            "\n    }\n}",
            "\n        }",
        ),
        (
            "python",
            "x = [\n" + "    1,\n" * 50 + "    (\n        1,",
            "\n        2,\n    ),",
            "\n]\n",
            "\n        2,\n    ),",
        ),
    ],
)
def test_a_bracket_that_stands_on_the_next_line_is_not_written_before_it(
    language: str, before: str, text: str, after: str, shown: str | None
) -> None:
    assert trim.trim(text, hole_between(language, before, after, 3)) == shown


@pytest.mark.parametrize(
    ("language", "before", "text", "after", "shown"),
    [
        ("kotlin", "fun f(all: List<A>) {\n    val x = all.map { ", "it.name }", "}\n}\n", "it.name"),
        ("kotlin", "fun f(all: List<A>) {\n    val x = all.map { ", "it.name }.first()", "}\n}\n", "it.name"),
        ("csharp", "class A {\n    public int X { ", "get; set; }", "}\n}\n", "get; set;"),
        ("css", "@media print {\n  a { ", "color: red; }", "}\n}\n", "color: red;"),
        ("lua", "it('y', function()\n    print(", "x)", ")\nend)\n", "x"),
        ("lua", "f({\n    a = { ", "b = { 1 }, c = d },", "}\n    e = 2,\n})\n", "b = { 1 }, c = d"),
        ("rust", "fn f() {\n    let a = A { ", "x: 1 };", "}\n}\n", "x: 1"),
        ("kotlin", "fun f() {\n    val x = g(h(", "a)", ")\n", "a)"),
        ("kotlin", "fun f() {\n    val x = g(h(", "a)", ")\n}\n", "a)"),
        ("kotlin", "fun f() {\n    all.forEach { a -> ", "g(a) }", "}\n\nfun g() {\n}\n", "g(a)"),
    ],
)
def test_a_bracket_right_of_the_cursor_is_not_written_in_place_of_one_below(
    language: str, before: str, text: str, after: str, shown: str
) -> None:
    """What is open above may be of the same kind, and nothing below may close it."""
    assert trim.trim(text, hole_between(language, before, after, 3)) == shown


@pytest.mark.parametrize(
    ("text", "half", "shown"),
    [
        ("public void", True, "public void"),
        ("public void", False, None),
        ("void f() {\n        return", True, "void f() {\n        return"),
        ("void void void() {\n        return", True, None),
    ],
)
def test_half_a_line_is_no_syntax_error(text: str, half: bool, shown: str | None) -> None:
    before, after = "class Counter {\n    int count;\n\n    ", "\n}\n"
    hole = hole_between("java", before, after, 2, invoked=False)
    assert trim.trim(text, replace(hole, within_line=half)) == shown


@pytest.mark.parametrize(
    ("language", "before", "text"),
    [
        ("typescriptreact", "function List() {\n  const a = 1;\n\n  ", "return ("),
        ("javascript", "const rows = all.map((row) =>", " ("),
        ("typescriptreact", "const a = (\n  <div>\n    ", "<ul>"),
        ("typescriptreact", "const a = (\n  <div>\n    ", '<ul className="b" onClick={() => f()}>\n      <li>a</li>'),
        ("typescriptreact", "const a = (\n  <div>\n    ", "<input"),
        ("typescriptreact", "const a = (\n  <div>\n    ", "{rows.map((row) => ("),
        ("typescript", "", "import {"),
        ("c", "int f(int a) {\n    ", "int b = a +"),
        ("c", "int f(int a) {\n    ", 'printf("%d",'),
        ("c", "int f(int a) {\n    ", "if (a > 0 &&"),
        ("c", "int f(int a) {\n    ", "do {"),
        ("c", "", "typedef struct {"),
        ("c", "", "#ifndef A_H"),
        ("java", "class A {\n    void f() {\n        ", "try {"),
        ("java", "class A {\n    void f() {\n        ", "add(name,"),
        ("rust", "fn f() {\n    ", "let a ="),
        ("python", "def f(a, b):\n    ", "if (a and"),
        ("python", "def f(a, b):\n    ", "with open(a) as c, \\"),
        ("python", "def f(a, b):\n    ", "return a if a else"),
        ("python", "def f(a, b):\n    ", '"""Add two numbers.'),
        ("python", "", "from a import ("),
    ],
)
def test_a_line_that_goes_on_is_no_syntax_error(language: str, before: str, text: str) -> None:
    hole = hole_between(language, "\n" + before, "\n", 8)
    assert trim.trim(text, hole) == text


@pytest.mark.parametrize(
    ("language", "head", "below", "shown"),
    [
        ("c", "    if (data == NULL", "        return -1;\n", False),
        ("javascript", "    if (!found", "        return;\n", False),
        ("c", "    if (data == NULL", "    return -1;\n", True),
        ("c", "    if (data == NULL", "        return -1;\n    }\n", True),
    ],
)
def test_a_body_that_has_no_braces_gets_no_opening_one(language: str, head: str, below: str, shown: bool) -> None:
    start = "int f(char *data)\n{\n" if language == "c" else "function f(found) {\n"
    before, after = start + head, f")\n{below}}}\n"
    hole = hole_between(language, before, after, 1, invoked=False)
    assert trim.over(") {", hole, ")") == (") {" if shown else None)


@pytest.mark.parametrize(
    ("text", "half", "shown"),
    [("def save", True, None), ("def", True, "def"), ("def load", True, "def load"), ("def save", False, "def save")],
)
def test_half_a_line_is_not_how_the_next_one_begins(text: str, half: bool, shown: str | None) -> None:
    before, after = "class Store:\n    ", "\n\n    def save(self) -> None:\n        pass\n"
    hole = hole_between("python", before, after, 1)
    assert trim.not_the_next_line(text, replace(hole, within_line=half)) == shown


@pytest.mark.parametrize(
    ("language", "above", "text", "below", "shown"),
    [
        ("python", "from falcon.util import misc", "from falcon.util", "from falcon.util.sync import run", True),
        ("java", "import java.util.List;", "import java.util", "import java.util.Map;", True),
        ("rust", "use std::env;", "use std", "use std::fs;", True),
        ("c", "    assert(a == 0);", "    assert(b", "    assert(b == 1);", False),
        ("python", "import json", "from falcon.util", "from falcon.util.sync import run", False),
    ],
)
def test_a_line_among_those_of_a_row_begins_as_they_do(
    language: str, above: str, text: str, below: str, shown: bool
) -> None:
    before, after = f"{above}\n", f"\n{below}\n"
    hole = hole_between(language, before, after, 1)
    assert (trim.not_the_next_line(text, replace(hole, within_line=True)) == text) is shown


def test_the_line_above_may_be_of_the_text_itself() -> None:
    snapshot = Snapshot.open("a", 1, "java", "\nimport java.util.Map;\n")
    hole = replace(Around.at(snapshot, 0, 0, "", look(snapshot, 0, invoked=True), 2), within_line=True)
    for first, shown in (("import java.util.List;", True), ("import org.shop.Cart;", False)):
        text = f"{first}\nimport java.util"
        assert (trim.not_the_next_line(text, hole) == text) is shown


@pytest.mark.parametrize(
    ("language", "before", "text", "below", "shown"),
    [
        ("python", "def f(x):\n    if x:\n    ", "    raise E", "        x.go()", "    raise E"),
        ("python", "def f(x):\n    if x:\n        ", "raise E", "        x.go()", "raise E"),
        ("python", "def f(x):\n    y = 1\n    ", "    raise E", "    x.go()", "raise E"),
        ("java", "class A {\n    ", "    int n;", "    int m;\n}", "int n;"),
        ("go", "func f() {\n", "\tx := 1", "\treturn x\n}", "\tx := 1"),
    ],
)
def test_what_is_missing_of_an_indentation_stays(language: str, before: str, text: str, below: str, shown: str) -> None:
    """Also where the block has a body already."""
    assert trim.after_the_prefix(text, hole_between(language, before, f"\n{below}\n", 1)) == shown


@pytest.mark.parametrize(
    ("language", "above", "begun", "text", "below", "shown"),
    [
        ("python", "    name: str", "    ", "total: float", "    total: float = 0.0", False),
        ("python", "    name: str", "    ", "total: int = 0", "    total: float = 0.0", False),
        ("typescript", "  name: string;", "  ", "email", "  email?: string;", False),
        ("typescript", "  name: string;", "  e", "mails: string[];", "  email: string;", True),
        ("go", "\t\tname: name,", "\t\tpa", "th:", "\t\tpath:  path,", False),
        ("yaml", "  image: nginx", "  ", '"ports"', '  "ports": [80]', False),
        ("yaml", "  - name: a", "  ", "- name", "  - name: b", True),
        ("css", "a:hover {}", "", "button", "button:focus {", True),
        ("go", "\tx := 1", "\t", "err", "\terr := run()", True),
        ("python", "    name: str", "", "total: float", "    total: float = 0.0", True),
        ("yaml", "- run:", "    name: Bui", "ld", "    name: Test", True),
        ("json", "  {", '    "name":', ' "b"', '    "name": "a"', True),
    ],
)
def test_a_key_is_not_the_one_of_the_next_line(
    language: str, above: str, begun: str, text: str, below: str, shown: bool
) -> None:
    before, after = f"{above}\n{begun}", f"\n{below}\n"
    hole = hole_between(language, before, after, 1)
    for half in (True, False):
        assert (trim.not_the_next_line(text, replace(hole, within_line=half)) == text) is shown


@pytest.mark.parametrize(
    ("language", "begun", "text", "below", "shown", "close"),
    [
        ("rust", "    p", "ub fn", "    pub fn push(&mut self) {", "ub fn", True),
        ("typescript", "export a", "sync function", "export async function load() {", "sync function", True),
        ("typescript", "export c", "onst", "export const LIMIT = 3;", "onst", False),
        ("go", "func (", "s *Store)", "func (s *Store) Add(item string) {", "s *Store)", True),
        ("go", "func (", "s *Store", "func (s *Store) Add(item string) {", "s *Store", True),
        ("c", "static s", "truct node", "static struct node *push(int value)", "truct node", False),
        ("java", "    public v", "oid", "    public void deposit(double amount) {", "oid", True),
        ("java", "    public v", "oid deposit", "    public void deposit(double amount) {", None, False),
        ("python", "    d", "ef save(self) ->", "    def save(self) -> None:", None, False),
        ("typescript", "  asy", "nc load(): Promise", "  async load(): Promise<void> {", None, False),
        ("go", "t", "ype Store", "type Store struct {", None, False),
        ("javascript", "c", "onst b =", 'const b = require("b");', None, False),
        ("swift", "    public s", "tatic", '    public static let key = "a"', "tatic", False),
        ("java", "    private f", "inal", "    private final String name;", "inal", False),
        ("java", "    private f", "inal String name", "    private final String name;", None, False),
        ("cpp", "te", "mplate<typename T", "template<typename T>", "mplate<typename T", False),
        ("toml", "[tool", ".setuptools", "[tool.setuptools.dynamic]", ".setuptools", False),
    ],
)
def test_definitions_may_begin_alike_up_to_their_names(
    language: str, begun: str, text: str, below: str, shown: str | None, close: bool
) -> None:
    """Close to the next one, too, if that has a body."""
    for gap, expected in (("\n\n", shown), ("\n", shown if close else None)):
        snapshot = Snapshot.open("a", 1, language, f"{begun}{gap}{below}\n")
        hole = Around.at(snapshot, len(begun), len(begun), "", look(snapshot, len(begun), invoked=True), 1)
        assert trim.not_the_next_line(text, replace(hole, within_line=True)) == expected


@pytest.mark.parametrize(
    ("language", "text", "below", "shown"),
    [
        ("graphql", '"""', '\n  """\n  The owner.', True),
        ("graphql", '"""', '  """\n  owner: User!', False),
        ("elixir", '"""', '\n  """\n  def f', True),
        ("css", "}", "\n  }", False),
    ],
)
def test_marks_that_open_too_are_new_behind_a_blank_line(language: str, text: str, below: str, shown: bool) -> None:
    hole = hole_between(language, "The name.\n  ", f"\n{below}\n", 1)
    assert (trim.up_to_the_suffix(text, hole) == text) is shown


@pytest.mark.parametrize(
    ("begun", "text", "left"),
    [
        ("====", "==========", "=========="),
        ("return a", "return a + b", " + b"),
        ("self.na", "self.name", "me"),
        ("int", " intValue", " intValue"),
        ("double", " doubleValue", " doubleValue"),
        ("double", " double doubleValue", " doubleValue"),
    ],
)
def test_the_beginning_of_a_line_is_not_said_again(begun: str, text: str, left: str) -> None:
    hole = hole_between("restructuredtext", f"Title\n{begun}", "\n", 1)
    assert trim.not_the_prefix_again(text, hole) == left


def test_nothing_is_begun_like_a_definition_right_below() -> None:
    hole = hole_between("rust", "impl A {\n    ", "\n    pub fn push(&mut self) {\n    }\n}\n", 1)
    assert trim.not_the_next_line("pub fn", replace(hole, within_line=True)) is None


@pytest.mark.parametrize(
    ("language", "begun", "text", "below", "shown"),
    [
        ("java", "    @Over", "ride", "\n\n    @Override\n    public String toString() {", "ride"),
        ("java", "    @Over", "ride", "\n    @Override\n    public String toString() {", None),
        ("rust", "    #[te", "st]", "\n\n    #[test]\n    fn adds() {", "st]"),
        ("csharp", "    ", "[Fact]", "\n\n    [Fact]\n    public void Adds()", "[Fact]"),
        ("python", "@", "app.route", '\n\n\n@app.route("/health")\ndef health():', "app.route"),
        ("python", "@", "app.route", '\n@app.route("/health")\ndef health():', None),
        ("ruby", "    ", "@count = 0", "\n\n    @count = 0\n", None),
        ("python", "", "@dataclass", "\n", "@dataclass"),
        ("python", "", "@dataclass\nclass class", "\n", None),
    ],
)
def test_what_announces_a_definition_may_announce_the_next_one_too(
    language: str, begun: str, text: str, below: str, shown: str | None
) -> None:
    hole = hole_between(language, begun, below, 2)
    found = probable(Filled(text, None, None, True), 0.6, hole)
    assert found is not None
    assert trim.trim(text, replace(hole, within_line=found.within_line)) == shown


class TestBetweenFinalSides:
    """A hole whose two sides are final: what fits is not touched, what only repeats its surroundings is cut."""

    @staticmethod
    def fitted(prefix: str, text: str, suffix: str, *, finished: bool = True, language: str = "python") -> str | None:
        snapshot = Snapshot.open("a", 1, language, prefix + suffix)
        at = len(prefix)
        hole = Around.at(snapshot, at, at, "", look(snapshot, at, invoked=True), 64).between()
        return trim.fit(text, replace(hole, finished=finished))

    def test_what_only_repeats_its_surroundings_is_nothing(self) -> None:
        assert self.fitted("def f(a):\n    return a", "    return a", "\n") is None
        assert self.fitted("def f(a):\n    return a", "", "\n") is None

    def test_white_space_at_its_ends_counts(self) -> None:
        assert self.fitted("def f(a):\n  ", "  return [] if a else ", "sorted(a)\n") == "  return [] if a else "

    @pytest.mark.parametrize(
        ("language", "prefix", "text", "suffix"),
        [
            ("markdown", "Hello ", "big ", "world.\n"),
            ("sql", "a = ", "1 ", "AND b\n"),
            ("shellscript", "test ", "-n ", '"$x"\n'),
            ("ruby", "a = ", "min", " n\n"),
        ],
    )
    def test_in_languages_without_a_grammar_too(self, language: str, prefix: str, text: str, suffix: str) -> None:
        assert self.fitted(prefix, text, suffix, language=language) == text
        assert self.fitted("", f"{text}\nit goes on", "\nit goes on\n", language=language) == text

    def test_it_may_leave_the_block_but_not_the_function(self) -> None:
        text = "            n += 1\n        else:\n            n -= 1\n    n *= 2"
        prefix, suffix = "def f(a):\n    for x in a:\n        if x:\n", "\n    return n\n"
        assert self.fitted(prefix, text, suffix) == text
        assert self.fitted(prefix, text + "\n    ret", suffix, finished=False) == text
        assert self.fitted(prefix, text + "\nf(a)\n", suffix, finished=False) == text

    def test_what_the_suffix_says_is_not_said_before_it(self) -> None:
        prefix, suffix = "def f(a):\n    n = 0\n", "\n    for x in a:\n        n += x\n    return n\n"
        assert self.fitted(prefix, "    m = 1\n    for x in a:\n        n += x", suffix) == "    m = 1"
        assert self.fitted(prefix, "    for x in a:", suffix) is None
        twice = "    print(total)\n    print(total)"
        assert self.fitted("def f():\n    total = 0\n", twice, "\n    print(total)\n") is None

    def test_a_line_of_the_suffix_may_stand_further_up(self) -> None:
        text = "    if x < 0:\n        return False\n    if x > 9:"
        assert self.fitted("def f(x):\n", text, "\n        return False\n    return True\n") == text

    def test_a_text_that_breaks_the_code_is_trimmed_like_any_other(self) -> None:
        assert self.fitted("print(", "a, b))", ")\n") == "a, b"
        assert self.fitted("x = 1\n", "y = x\n)", "\nprint(y)\n") == "y = x"


@dataclass
class Knowing:
    """A filler that says what it is told, to its own end."""

    text: str = ""

    async def fill(self, request: FillRequest) -> FillResult:
        return FillResult((Filled(self.text, None, None, True),))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        raise AssertionError("filling scores nothing")

    def warm(self, request: FillRequest, *, answer: bool = False) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("name", SETS)
async def test_the_true_middle_of_an_evaluation_task_is_given_back(name: str) -> None:
    """What `fill` answers is what the model said, wherever that is what stood there: HumanEval infilling."""
    filler = Knowing()
    for task in read_tasks(name):
        filler.text = task.canonical_solution
        answer = await Completer(filler).fill(
            task.prompt, task.suffix, language="python", max_lines=SETS[name], max_tokens=500
        )
        given = answer.texts[0].text if answer.texts else ""
        assert given.strip("\n") == task.canonical_solution.strip("\n"), task.task_id


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts with which the document's syntax errors are counted."""
    texts, count = list[str](), soundness._errors_with

    def spied(text: str, around: Around) -> int:
        texts.append(text)
        return count(text, around)

    monkeypatch.setattr(soundness, "_errors_with", spied)
    return texts


def test_what_stands_is_judged_once_whatever_is_put_into_it(judged: list[str]) -> None:
    hole = hole_between("python", "f(\ng(\nh(\n" * 5 + "x = (", "\n" + "k(\n" * 20, 1)
    soundness.without_errors("a", hole)
    first = len(judged)
    for text in ("b", "c)", "d + 1"):
        soundness.without_errors(text, replace(hole, finished=False))
    assert "" not in judged[first:]


def test_of_many_errors_no_ending_is_tried(judged: list[str]) -> None:
    """As where a file was opened under another language's id, with brackets open."""
    hole = hole_between("python", "def f(a\n" * 100 + "x = ", "\n", 1)
    assert soundness.without_errors("a", hole) == "a"
    assert judged == [""]
