"""Slips: the right text is among the near ones, and nothing is proposed where nothing can have slipped."""

from __future__ import annotations

import pytest

from infill.document import Snapshot
from infill.region import Region, Told
from infill.slips import named, near, renames

CODE = """\
class Shelf:
    def first(self, sequence):
        if sequence:
            return sequence[0]
        self.sequences = sequence
        return None

    def last(self):
        return self.sequences
"""


def texts(code: str, wrong: str, language: str = "python", *, error: bool = False) -> list[str]:
    at = code.rindex(wrong)
    snapshot = Snapshot.open("file:///shelf", 0, language, code)
    return list(near(snapshot, Region.around(snapshot, at, at + len(wrong), Told(error))))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("        if sequence:", "            if sequence:"),
        ("            return sequence[0]", "        return sequence[0]"),
        ("            return sequence[0]", "                return sequence[0]"),
        ("        return None", "    return None"),
        ("        return self.sequences", "    return self.sequences"),
        ("        if sequence:", "        if seqeunce:"),
        ("            return sequence[0]", "            return sequenc[0]"),
        ("            return sequence[0]", "            return sequence[0]]"),
        ("        if sequence:", "        if sequence::"),
        ("        return self.sequences", "        return sequences"),
        ("        return self.sequences", "        self.sequences"),
        ("        if sequence:", "        if self.sequence:"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_right_text_is_near(right: str, wrong: str, newline: str) -> None:
    assert right in texts(CODE.replace(right, wrong, 1).replace("\n", newline), wrong)


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("python", "def f(a):", "def f(a)"),
        ("python", "if f(a):", "if f(a:"),
        ("python", "x = f(g(a))", "x = f(g(a)"),
        ("python", "x = [1, 2]", "x = [1, 2"),
        ("javascript", "if (f(a)) {", "if (f(a) {"),
        ("javascript", "x = f(g(a));", "x = f(g(a);"),
        ("javascript", "x = {a: 1};", "x = {a: 1;"),
        ("c", "int size = 12;", "int size = 12"),
    ],
)
def test_a_mark_that_is_missing(language: str, right: str, wrong: str) -> None:
    assert right in texts(f"{wrong}\n\n", wrong, language)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_mark_that_is_missing_within_a_line(newline: str) -> None:
    """Before the error of the syntax tree, and before what the diagnostic covers."""
    code = f"y = 1{newline}x = clamp(total 0.0, high){newline}"
    assert "x = clamp(total, 0.0, high)" in texts(code, "x = clamp(total 0.0, high)")
    snapshot, at = Snapshot.open("file:///shelf", 0, "python", code), code.index("high")
    assert "x = clamp(total 0.0,: high)" in near(snapshot, Region.around(snapshot, at, at + 4))


def test_a_mark_that_is_missed_at_the_next_word() -> None:
    code = "fn main() {\n    let mut cart = Cart::default()\n    cart.add(4);\n}\n"
    assert "    let mut cart = Cart::default();" in texts(code, "    let mut cart = Cart::default()", "rust")


@pytest.mark.parametrize(
    ("language", "code", "above", "line"),
    [
        ("python", 'x = {\n    "port": 80,\n\nfor y in x:\n    print(y)\n', '    "port": 80,', "}"),
        ("python", "x = f(\n    1,\n    2,\n", "    2,", ")"),
        ("javascript", "on(1, () => {\n  go();\n\nstop();\n", "  go();", "});"),
        ("c", "int main(void) {\n    return 0;\n", "    return 0;", "}"),
        ("go", "func f() {\n\tif x {\n\t\tgo()\n}\n", "\t\tgo()", "\t}"),
    ],
)
def test_a_line_that_is_missing_closes_a_bracket(language: str, code: str, above: str, line: str) -> None:
    assert f"{above}\n{line}" in texts(code, above, language)


def test_a_line_that_closes_a_bracket_follows_its_body() -> None:
    code = "function f() {\n  go();\n\nstop();\nhalt();\n"
    assert not any("}" in text.split("\n")[1:] for text in texts(code, "stop();", "javascript"))


def test_no_mark_is_missing_where_syntax_is_right() -> None:
    assert not any(text.startswith("x = f(a)") for text in texts("x = f(a)\n", "x = f(a)"))


@pytest.mark.parametrize(
    ("language", "code", "right"),
    [
        ("c", "shop->count = 1;\nuse(count);", "use(shop->count);"),
        ("rust", "const A: u8 = Shop::count;\nconst B: u8 = count;", "const B: u8 = Shop::count;"),
        ("go", "a := shop.main.count\nuse(count)", "use(shop.main.count)"),
        ("java", "x = new count();\nuse(count());", "use(new count());"),
    ],
)
def test_what_stands_before_a_name_elsewhere(language: str, code: str, right: str) -> None:
    assert right in texts(code, "count", language, error=True)
    assert right not in texts(code, "count", language)


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("Cannot find name 'itms'. Did you mean 'items'?", ["itms", "items"]),
        ('Name "itms" is not defined; did you mean "items"?', ["itms", "items"]),
        ("expected `;`, found `cart`", [";", "cart"]),
        ("Can't find ‘itms’, nor “it's”", ["itms", "it's"]),
        ("undefined: itms", []),
        ("no ‘itms’ in ‘Shop<‘A’", ["itms", "A"]),
        ("did you mean '\u202eitems', `it\rms` or 'items'?", ["items"]),
        (f"'{'A | ' * 20}B' is no 'A'", ["A"]),
    ],
)
def test_what_a_message_names(message: str, names: list[str]) -> None:
    assert named(message) == names


@pytest.mark.parametrize(
    ("line", "marks", "names", "right"),
    [
        ("x = a.itms(1)", "itms", ("itms", "item_list"), "x = a.item_list(1)"),
        ("x = a.itms(1)", "a.itms(1)", ("itms", "item_list"), "x = a.item_list(1)"),
        ("x = a.b", ".", ("->",), "x = a->b"),
        ("x = 1", "", (";",), "x = 1;"),
        ("x = itms", "itms", ("no 'items' in",), "x = items"),  # a word of it, spelt like this one
    ],
)
def test_what_a_message_names_is_tried(line: str, marks: str, names: tuple[str, ...], right: str) -> None:
    snapshot = Snapshot.open("file:///shelf", 0, "plaintext", line + "\n")
    start = line.index(marks) if marks else len(line)
    assert right in near(snapshot, Region.around(snapshot, start, start + len(marks), Told(named=names)))
    assert right not in near(snapshot, Region.around(snapshot, start, start + len(marks)))


def test_what_a_message_quotes_from_the_code_is_no_suggestion() -> None:
    snapshot = Snapshot.open("file:///shelf", 0, "plaintext", '#include "event2/config"\n')
    region = Region.around(snapshot, 9, 24, Told(named=("event2/config", "event")))
    assert '#include "event/config"' in near(snapshot, region)
    quoted = Region.around(snapshot, 9, 24, Told(named=("event2/config",)))
    assert not any("event/" in text or "config2" in text for text in near(snapshot, quoted))


@pytest.mark.parametrize(
    ("text", "given_up"),
    [
        ("x = clamp(total)", True),
        ("x = fmt(totals)", False),
        ("x = fmt(self.total)", False),
        ("x = (total)", True),
        ("x = fmt(total, 1)", False),
    ],
)
def test_a_name_that_a_diagnostic_tells_of_is_given_up(text: str, given_up: bool) -> None:
    snapshot = Snapshot.open("file:///shelf", 0, "python", "x = fmt(total)\n")
    assert renames(Region.around(snapshot, 4, 7, Told()), text) is given_up
    assert not renames(Region.around(snapshot, 4, 7), text)
    broken = Snapshot.open("file:///shelf", 0, "python", "x = fmt(total) ? ?\n")
    assert not renames(Region.around(broken, 4, 7, Told()), f"{text} ? ?")


def test_a_member_has_its_owner() -> None:
    code = "a = shop.count\nb = other.count\n"
    assert not [text for text in texts(code, "count", error=True) if "other.shop" in text]


def test_tabs_are_kept() -> None:
    code = "func f() {\n\tif x {\n\treturn\n\t}\n}\n"
    assert "\t\treturn" in texts(code, "\treturn")


def test_a_name_that_stands_elsewhere_is_no_slip() -> None:
    assert not any("sequences" in text for text in texts(CODE, "if sequence:"))


def test_lines_move_one_at_a_time_and_blank_ones_never() -> None:
    region = CODE[CODE.index("    def first") : CODE.rindex("\n")]
    near_ones = texts(CODE, region)
    moved = [
        [i for i, (a, b) in enumerate(zip(region.split("\n"), text.split("\n"), strict=True)) if a != b]
        for text in near_ones
    ]
    assert {line for lines in moved for line in lines} == {0, 1, 2, 3, 4, 6, 7}
    assert all(len(lines) <= 1 for lines in moved)


@pytest.mark.parametrize(
    ("language", "wrong", "right"),
    [
        ("python", "retrun x", "return x"),
        ("typescript", "cosnt x: number = 1;", "const x: number = 1;"),
        ("javascript", "fucntion f(a) {", "function f(a) {"),
        ("c", "int main() { retrun 0; }", "int main() { return 0; }"),
    ],
)
def test_words_of_the_language_are_known_without_standing_anywhere(language: str, wrong: str, right: str) -> None:
    assert right in texts(wrong, wrong, language)


def test_a_word_of_the_language_is_no_slip_of_a_name() -> None:
    assert not any("returned" in text for text in texts("returned = 1\nuse(returned)\nreturn x\n", "return x"))


def test_a_file_of_this_line_alone() -> None:
    assert texts("retrun x", "retrun x", "plaintext") == []


def test_blanks_are_looked_through_once() -> None:
    """Once from each of them would take hours."""
    assert texts(CODE + "x =" + " " * 400_000 + "1\n", "1")
