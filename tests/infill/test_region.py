"""Repair's geometry: pieces of a long range, and what a text does to the syntax around it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from infill.document import Snapshot
from infill.region import (
    LONGEST_REGION,
    MOST_LINES,
    Region,
    Told,
    apart,
    borrowed,
    damage,
    misstates,
    parts,
    remarks,
    reported,
    reworded,
    supplied,
    unpaired,
)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_damage_at_the_end_counts_in_every_line_ending(ending: str) -> None:
    good = ending.join([*(f"x{n} = {n}" for n in range(MOST_LINES - 1)), "y = f(1)", "z = 2", ""])
    snapshot = Snapshot.open("file:///a.py", 1, "python", good)
    region = Region.around(snapshot, 0, good.index("f(1)"))
    assert damage(snapshot, region, region.text) == 0
    assert damage(snapshot, region, region.text.replace("f(1)", "f(1))")) > 0


@pytest.mark.parametrize(
    ("text", "line", "instead", "more"),
    [
        ("function f() { retrun 1 }\n", "function f() { retrun 1 }", "function f() {", 1),
        ("function f() { retrun 1 }\n", "function f() { retrun 1 }", "function f() { return 1 }", 0),
        ("function f() {\n  g()\n}\n", "}", "", 1),
        ("function f()\n  g()\n}\n", "function f()", "function f() {", -1),
        ("function f() {\n  g())\n}\n", "  g())", "  g()", -1),
        ("function f() {\n  g('it, 1)\n}\n", "  g('it, 1)", "  g('it', 1)", -3),
        ("x = [\n  1,\n  2\ny = 1\n", "  2", "  2]", -1),
        ("// :)\nf(1)\n// 1) one\n", "f(1)", "f((1))", 0),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_brackets_that_lack_their_other_one(text: str, line: str, instead: str, more: int, newline: str) -> None:
    """Wherever that one may stand."""
    text = text.replace("\n", newline)
    snapshot, at = Snapshot.open("file:///a.js", 1, "javascript", text), text.index(line)
    region = Region.around(snapshot, at, at + len(line))
    alone = unpaired(snapshot, region)
    assert alone(instead) - alone(region.text) == more


@pytest.mark.parametrize(
    ("text", "line", "instead", "more"),
    [
        ("for x in y:\nprint(x)\n", "print(x)", "    print(x)", -1),
        ("if x: retrun 1\n", "if x: retrun 1", "if x:", 0),
        ("if x: retrun 1\n", "if x: retrun 1", "if x: return 1", -1),
        ("def f():\n    return 1\n", "    return 1", "    # return 1", 1),
        ("if (a and\n        b):\n    c\n", "        b):", "        d):", 0),
        ('"""\nfor example:\nthis\n"""\nx = 1\n', "x = 1", "x = 2", 0),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_head_without_a_body_is_damage(text: str, line: str, instead: str, more: int, newline: str) -> None:
    """The grammar takes it for a block of nothing."""
    text = text.replace("\n", newline)
    snapshot = Snapshot.open("file:///a.py", 1, "python", text)
    region = Region.around(snapshot, 0, text.index(line) + len(line))
    changed = region.text.replace(line, instead)
    assert damage(snapshot, region, changed) - damage(snapshot, region, region.text) == more


def test_damage_within_a_long_class_is_that_of_the_whole_text() -> None:
    text = "class A {\n" + "    void f() {\n        g(1);\n    }\n\n" * 2_000 + "}\n"
    snapshot = Snapshot.open("file:///A.java", 1, "java", text)
    calls = (at for at in range(1_000, len(text), 2_000) for at in [text.find("g(1)", at)] if at > 0)
    for region in (Region.around(snapshot, at, at) for at in calls):
        assert [damage(snapshot, region, one) for one in (region.text, "        g(2);", "        g(1;")] == [0, 0, 1]


@pytest.mark.parametrize("lines", [1, MOST_LINES, MOST_LINES + 1, 3 * MOST_LINES])
@pytest.mark.parametrize("letters", [8, 130, 2 * LONGEST_REGION])
def test_parts_cover_a_range_and_each_is_looked_at_whole(lines: int, letters: int) -> None:
    text = f"{'letters'.ljust(letters, '.')}\r\n" * lines
    snapshot = Snapshot.open("file:///a.py", 1, "python", text)
    found = parts(snapshot, 4, len(text) - 4)
    assert (found[0][0], found[-1][1]) == (4, len(text) - 4)
    for start, end in found:
        region = Region.around(snapshot, start, end)
        assert region.end >= end >= start
        assert len(region.text) <= max(LONGEST_REGION, letters)
    assert {text[one[1] : other[0]] for one, other in pairwise(found)} <= {"\r\n"}
    assert parts(snapshot, 3, 3) == [(3, 3)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("language", "text", "noticed_at", "begins_behind"),
    [
        ("typescript", 'x = {\n  port: 80\n\n  name: "shop",\n};\n', "name", "80"),
        ("rust", "fn f() -> u8 {\n    let a = 1\n    let b = 2;\n    a\n}\n", "let b", "1"),
        ("python", "def f(path):\n    x = g(path\n    for y in x:\n        pass\n", "    for", "g(path"),
        ("python", 'x = {\n    "host": "shop"\n    "port": 80,\n}\n', ": 80", '"shop"'),
        ("python", "if a:\n  x = 1\n    y = 2\n", "    ", "x = 1"),
        ("python", "x = f(1) +* 2\n", "* 2", "+"),
        ("python", "x = 1\ny = nmae\n", "y = nmae", "x = 1\n"),
        ("javascript", "function f() {\n  return 1;\n", "", "1;"),
        ("python", "x = 1\n\n\n", "", "x = 1"),
        ("python", "\n\n", "", "\n\n"),
    ],
)
def test_what_is_missing_is_noticed_later(
    language: str, text: str, noticed_at: str, begins_behind: str, newline: str
) -> None:
    text, begins_behind = text.replace("\n", newline), begins_behind.replace("\n", newline)
    snapshot, at = Snapshot.open("file:///a", 1, language, text), text.rindex(noticed_at)
    start, end = reported(snapshot, at, at + len(noticed_at))
    assert (start, end) == (text.rindex(begins_behind) + len(begins_behind), at + len(noticed_at))
    assert reported(snapshot, start, end) == (start, end)


C = "int f(int n) {\n    if (n) {\n        n--;\n    return n;\n}\n\nint g(void) {\n    return 1;\n}\n"
JAVASCRIPT = "class Cart {\n  add(item) {\n    if (item) {\n      this.items.push(item);\n  }\n\n  total() {\n  }\n}\n"


GO = "func f(n int) {\n\tswitch n {\n\tcase 1:\n\t\tg()\n\tcase 2 3:\n\t\tg()\n\t}\n}\n"
LABELS = "void f(void) {\n    g();\nagain:\n    g();\nout 1:\n    g();\n}\n"
CPP = "class A {\npublic:\n  int a();\nprivate int b;\n  int c;\n};\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("language", "text", "noticed_at"),
    [
        ("go", GO, "3:"),
        ("go", GO.replace(":\n\t\t", ": "), "3:"),
        ("c", LABELS, "1:"),
        ("cpp", CPP, "int b"),
        ("cpp", CPP + CPP[:-3], "int b"),
    ],
)
def test_labels_stand_out_of_a_block_that_is_closed(language: str, text: str, noticed_at: str, newline: str) -> None:
    text = text.replace("\n", newline)
    at = text.index(noticed_at)
    span = (at, at + len(noticed_at))
    assert reported(Snapshot.open("file:///a", 1, language, text), *span) == span


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("language", "text", "noticed_at", "begins_behind"),
    [
        ("c", C, "", "n--;"),
        ("c", C + "// The end (of it.\n", "", "n--;"),
        ("javascript", JAVASCRIPT, "{\n  }\n}", "push(item);"),
        ("javascript", JAVASCRIPT, "", "push(item);"),
        ("python", "x = f(g(1)\ny = 2\nz = 3\n", "", "g(1)"),
        ("go", GO.replace("2 3:", "2:").replace("\n\t}", "\n\treturn"), "", "g()"),
        ("cpp", CPP.replace("private int b;", "private:\n  int b;")[:-3] + "int f() {\n}\n", "", "int c;"),
        ("c", C.replace("n--;", "n--; }"), "", "}"),
        ("c", C.replace("n--;", "n--; } // (for once"), "return 1", None),
        ("c", "int f(int n) {\n    switch (n) {\n    case 1:\n        return 2\n    }\n}\n", "}\n}", "return 2"),
        ("python", "# As in f(x.\nx = 1\ny = nmae\n", "y = nmae", None),
        ("python", "# As in f(x.\nx = 1\ny = name\n", "", "name"),
    ],
)
def test_a_block_is_closed_before_the_first_line_that_is_too_little_deep(
    language: str, text: str, noticed_at: str, begins_behind: str | None, newline: str
) -> None:
    text, noticed_at = text.replace("\n", newline), noticed_at.replace("\n", newline)
    snapshot, at = Snapshot.open("file:///a", 1, language, text), text.rindex(noticed_at)
    start, end = reported(snapshot, at, at + len(noticed_at))
    assert start == (at if begins_behind is None else text.rindex(begins_behind) + len(begins_behind))
    assert reported(snapshot, start, end) == (start, end)


def test_ranges_that_share_a_line_are_one() -> None:
    snapshot = Snapshot.open("file:///a", 1, "plaintext", "first\nsecond\nthird\nfourth\n")
    assert apart(snapshot, [(20, 22), (1, 3), (4, 7), (8, 9), (15, 15)]) == [(1, 9), (15, 15), (20, 22)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("language", "stands", "instead", "words"),
    [
        ("python", 'x = get("size")', 'x = get("sizes")', True),
        ("python", "x = 1  # the size", "x = 1  # a size", True),
        ("python", 'x = get("size")', 'x = got("size")', False),
        ("python", 'x = get("size")', 'x = got("sizes")', False),
        ("python", 'x = f"{size}"', 'x = f"{sizes}"', False),
        ("python", 'def f():\n    """What it does."""', 'def f():\n    """What it did."""', True),
        ("python", 'def f():\n  """What it does."""', 'def f():\n    """What it does."""', False),
        ("python", '"""What it does."""', '"""What it did."""', False),
        ("python", '"""What it does."""', '"""What it"""', True),
        ("markdown", "Call Bob.", "#", True),
        ("plaintext", "Call Bbo.", "Call Bob.", False),
        ("javascript", "const x = `a ${size}`", "const x = `b ${size}`", True),
        ("javascript", "const x = `a ${size}`", "const x = `a ${sizes}`", False),
        ("go", 'x := get("size") // of it', 'x := get("size") // of that', True),
        ("python", 'print("total: " + nmae + " items")', 'print("total " + name + " item")', False),
        ("python", 'f("a c")', 'f("a", "c")', False),
    ],
)
def test_what_strings_and_comments_say_is_not_code(
    language: str, stands: str, instead: str, words: bool, newline: str
) -> None:
    """Unless they are what is looked at, and none of them goes."""
    text = newline.join([*stands.split("\n"), "y = 2", ""])
    snapshot = Snapshot.open("file:///a", 1, language, text)
    start = 3 if stands.startswith('"') else 0
    region = Region.around(snapshot, start, len(newline.join(stands.split("\n"))))
    assert region.text == stands
    assert reworded(snapshot, region, instead) is words


@pytest.mark.parametrize(
    ("text", "looked_at"),
    [
        ('x = get("sizee")\n', '"sizee"'),
        ('x = get("sizee")\n', "sizee"),
        ("x = get(f'{x} sizee')\n", "f'{x} sizee'"),
        ("x = 1  # the sizee\n", "# the sizee"),
    ],
)
def test_what_a_diagnostic_says_of_words_is_about_them(text: str, looked_at: str) -> None:
    snapshot, at = Snapshot.open("file:///a.py", 1, "python", text), text.index(looked_at)
    region = Region.around(snapshot, at, at + len(looked_at))
    assert not reworded(snapshot, region, region.text.replace("sizee", "size"))


@pytest.mark.parametrize(
    ("start", "end", "focus"),
    [
        (4, 4, "count"),  # of some tools one knows only where a word begins
        (4, 5, "count"),
        (4, 7, "cou"),
        (9, 9, ""),
        (2, 3, "="),
    ],
)
def test_what_is_told_of_a_place_is_about_its_word(start: int, end: int, focus: str) -> None:
    region = Region.around(Snapshot.open("file:///a.py", 1, "python", "x = count\n"), start, end)
    assert region.text[slice(*region.focus)] == focus


@pytest.mark.parametrize(
    ("stands", "focus", "instead", "put"),
    [
        ("f = a and b = c", "=", "f = a and b == c", "="),  # before or behind the one that stands there
        ("x = count", "count", "x = self.count", "self."),
        ("x = count", "count", "x = counts", ""),
        ("x = count", "x", "    x = count", ""),
        ("x = count", "count", "y = self.count", ""),
    ],
)
def test_what_is_put_where_an_error_begins(stands: str, focus: str, instead: str, put: str) -> None:
    snapshot, at = Snapshot.open("file:///a", 1, "plaintext", stands), stands.rindex(focus)
    region = Region.around(snapshot, at, at + len(focus), Told(wrong=True))
    assert supplied(region, instead) == put
    assert not supplied(Region.around(snapshot, at, at + len(focus), Told()), instead)


@pytest.mark.parametrize(
    ("language", "text", "at", "is_import"),
    [
        ("python", "from .a import (\n    first,\n    second,\n)\n", "second", True),
        ("python", "x = first\n", "first", False),
        ("typescript", 'import { a } from "./first"\n', "first", True),
        ("typescript", 'export { a } from "./first"\n', "first", True),
        ("javascript", 'const a = require("./first")\n', "first", True),
        ("javascript", 'const a = get("./first")\n', "first", False),
        ("typescript", 'const a = await import("./first")\n', "first", True),
        ("rust", "use crate::first::Second;\n", "Second", True),
        ("go", 'package main\n\nimport (\n\t"first"\n)\n', "first", True),
        ("go", "package main\n\nfunc f(a first.Second) {}\n", "first", False),
        ("c", '#include "first.h"\n', "first", True),
        ("java", "import first.Second;\n", "Second", True),
        ("java", "class A { int first; }\n", "first", False),
    ],
)
def test_what_is_named_in_an_import_is_elsewhere(language: str, text: str, at: str, is_import: bool) -> None:
    snapshot, start = Snapshot.open("file:///a", 1, language, text), text.index(at)
    assert borrowed(snapshot, Region.around(snapshot, start, start + len(at))) is is_import


@pytest.mark.parametrize(
    ("language", "stands", "instead", "lost"),
    [
        ("java", "int limit = 37", "int limit = 37;", False),
        ("java", "int limit = 37", "int limit = 3;", True),
        ("python", "f(a, 1 1)", "f(a, 1)", True),
        ("python", 'x = {"host": "db-7.internal"', 'x = {"host": "jdbc"}', True),
        ("python", 'host = "host"', 'host = "",', True),
        ("python", 'x = f("a, "b")', 'x = f("a", "b")', False),
        ("python", 'retrun f("a")', 'return f("a")', False),
        ("python", 'f("size"', 'f("the size")', True),
        ("python", 'f("size 😀"', 'f("size")', True),
        ("python", 'f(g(size")', 'f(g("size"))', False),
        ("rust", "fn f<'a>(x: &'a srt, y: &'a str)", "fn f<'a>(x: &'a str, y: &'a str)", False),
    ],
)
def test_numbers_and_what_strings_say_are_lost(language: str, stands: str, instead: str, lost: bool) -> None:
    snapshot = Snapshot.open("file:///a", 1, language, stands)
    region = Region.around(snapshot, 0, len(stands))
    assert misstates(snapshot, region, instead) is lost


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_comment_that_is_meant_is_found_whatever_ends_the_lines(ending: str) -> None:
    text = ending.join(["a = 1  # one", "b = 2  # two", "c = 3  # three", ""])
    snapshot, start = Snapshot.open("file:///a.py", 1, "python", text), text.index("# three")
    region = Region.around(snapshot, 0, start + 7)
    meant = replace(region, focus=(len(snapshot.lf(0, start)), len(snapshot.lf(0, start + 7))))
    assert sorted(remarks(snapshot, meant)) == ["# one", "# two"]
    assert reworded(snapshot, meant, meant.text.replace("three", "threes")) is False
