"""Smallest edits: they lead from the old text to the new one, and a person would make them so."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infill.edits import Edit, apply, changed, edits, singly

WORDS = st.sampled_from(
    ["alpha", "beta", "x", "1", "(", ")", " ", "    ", "\n", "\r\n", "\r", "}", "e\u0301", "😀", "\x0c", "\u2028"]
)
TEXTS = st.lists(WORDS, max_size=30).map("".join)


def check(old: str, new: str) -> None:
    found = edits(old, new)
    assert apply(old, found) == new
    end = -1
    for edit in found:
        assert end < edit.start <= edit.end <= len(old) or (end == edit.start == 0)
        assert old[edit.start : edit.end] != edit.text
        for at in (edit.start, edit.end):
            assert old[at - 1 : at + 1] != "\r\n" or at == 0
        end = edit.end


@given(TEXTS, TEXTS)
@example("", "a\nb")
@example("a\nb", "")
@example("a\r\nb", "a\nb")
def test_edits_of_unlike_texts(old: str, new: str) -> None:
    check(old, new)


@given(TEXTS, st.floats(0, 1), st.floats(0, 1), TEXTS)
def test_edits_of_one_change(text: str, a: float, b: float, new: str) -> None:
    start, end = sorted((round(a * len(text)), round(b * len(text))))
    check(text, text[:start] + new + text[end:])


@given(TEXTS)
def test_nothing_changed(text: str) -> None:
    assert edits(text, text) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("total = count + 1\n", "total = counts + 1\n", [Edit(8, 13, "counts")]),
        ("a\nb\nc\n", "a\nc\n", [Edit(2, 4, "")]),
        ("a\nc\n", "a\nb\nc\n", [Edit(2, 2, "b\n")]),
        ("return x", "return x\nprint(y)", [Edit(8, 8, "\nprint(y)")]),
        ("if x:\n  f(x)\nelse:\n  g()\n", "if y:\n  f(x)\nelse:\n  h()\n", [Edit(3, 4, "y"), Edit(21, 22, "h")]),
        ("x = 1\r\ny = 2\r\n", "x = 1\r\ny = 3\r\n", [Edit(11, 12, "3")]),
        ("abc def", "xyz uvw", [Edit(0, 7, "xyz uvw")]),
        ("x = a", "x = a + a", [Edit(5, 5, " + a")]),
        ("x = a + a", "x = a", [Edit(5, 9, "")]),
        ("cafe\u0301", "cafe", [Edit(0, 5, "cafe")]),
    ],
)
def test_what_a_person_would_change(old: str, new: str, expected: list[Edit]) -> None:
    assert edits(old, new) == expected
    check(old, new)


def test_a_rewritten_line_is_one_edit_not_confetti() -> None:
    old, new = "result = first.method(alpha, beta)\n", "outcome = second.function(gamma, beta)\n"
    assert len(edits(old, new)) == 1


def test_blank_lines_and_brackets_do_not_hold_rewritten_code_apart() -> None:
    old = "a = 1\n\nb = 2\n}\nc = 3\n"
    new = "x = 7\ny = 8\n\nz = 9\n}\nw = 10\n"
    assert len(edits(old, new)) == 1
    check(old, new)
    above, below = "first = 1\nimport os\n", "import sys\nlast = 1\n"
    assert len(edits(above + old + below, above.replace("1", "2") + new + below)) == 2
    check(above + old + below, above.replace("1", "2") + new + below)


@pytest.mark.parametrize(
    ("old", "new", "words", "letters"),
    [
        ("total = count", "total = count", 0, 0),
        ("for item in items", "for items in items", 1, 1),
        ("    return x", "        return x", 1, 1),
        ("f(a b)", "f(a, b)", 1, 1),
        ("x = 1", "x = 2", 1, 2),
        ("f(a)", "self.f(a)", 2, 5),
        ("", "abc", 1, 3),
        ("    f(\n        a,\n", "    f(\n        a,\n    )\n", 2, 2),  # however deep it stands
        ("  g();", "  g();\n});", 4, 4),
    ],
)
def test_how_much_changed(old: str, new: str, words: int, letters: int) -> None:
    assert changed(old, new) == changed(new, old) == (words, letters)


@pytest.mark.parametrize(
    ("old", "new", "alone"),
    [
        ("for items in thing:", "for item in things:", ["for item in thing:", "for items in things:"]),
        ("min(low, high", "min(low, least)", ["min(low, least", "min(low, high)"]),
        ("total()", "self.total()", ["self.total()"]),
    ],
)
def test_each_change_by_itself(old: str, new: str, alone: list[str]) -> None:
    assert list(singly(old, new)) == alone


@given(TEXTS, TEXTS)
def test_changes_by_themselves_are_no_larger_than_all_together(old: str, new: str) -> None:
    alone = list(singly(old, new))
    assert (alone == []) == (old == new)
    assert all(text != old for text in alone)
    assert len(alone) != 1 or alone == [new]
