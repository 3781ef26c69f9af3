"""Typing through a proposal is answered from memory; anything else is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infill.document import Snapshot
from infill.edits import Edit
from infill.memo import Memo

QUOTES = '"""'


def proposed(before: str, after: str, text: str, uri: str = "file:///a.py") -> tuple[Memo, Snapshot]:
    memo = Memo()
    snapshot = Snapshot.open(uri, 1, "python", before + after)
    memo.remember(snapshot, len(before), len(before), text)
    return memo, snapshot


def left(memo: Memo, snapshot: Snapshot, cursor: int) -> str | None:
    """What is left to insert."""
    found = memo.recall(snapshot, cursor)
    assert found is None or found[0] == cursor
    return found and found[1]


def test_the_same_place_answers_the_whole() -> None:
    memo, snapshot = proposed("x = ", "\ny = 1\n", "compute(1)")
    assert left(memo, snapshot, 4) == "compute(1)"


@given(st.text("ab(\n é😀", min_size=1, max_size=20), st.integers(0, 20), st.booleans())
def test_typing_a_beginning_leaves_the_rest(text: str, typed: int, crlf: bool) -> None:
    ending = "\r\n" if crlf else "\n"
    before, after = f"a{ending}x = ", f";{ending}end"
    memo, snapshot = proposed(before, after, text)
    typed = min(typed, len(text))
    new = snapshot.edit([Edit(len(before), len(before), text[:typed].replace("\n", ending))], 2)
    cursor = len(new.text) - len(after)
    assert left(memo, new, cursor) == (text[typed:] or None)


@pytest.mark.parametrize(
    ("typed", "closed", "rest"),
    [
        ("foo(", ")", "a, b"),
        ("foo(a", ")", ", b"),
        ("foo", ")", "(a, b"),
        ("foo(a, b)", "", None),
        ("foo(", "]", None),
        ("foo(", "x", None),
    ],
)
def test_a_bracket_the_editor_closed(typed: str, closed: str, rest: str | None) -> None:
    memo, snapshot = proposed("x = ", "\n", "foo(a, b)")
    new = snapshot.edit([Edit(4, 4, typed + closed)], 2)
    assert left(memo, new, 4 + len(typed)) == rest


def test_a_bracket_the_editor_closed_before_the_end_of_the_statement() -> None:
    memo, snapshot = proposed("", "\n", "foo(a);")
    assert left(memo, snapshot.edit([Edit(0, 0, "foo()")], 2), 4) == "a"


@pytest.mark.parametrize(
    ("text", "typed", "closed", "rest"),
    [
        ("f(g(a), b)", "f(g(", "))", "a"),
        ("f(g(a), b)", "f(g(a)", ")", ", b"),
        ("print('a', b)", "print('", "')", "a"),
        ("print('a')", "print('", "')", "a"),
        ("say(it)", "say(", "]", None),
        ('print("say \\"hi\\"", x)', 'print("', '")', 'say \\"hi\\"'),
        ('"abc"\nfoo(1)', '"abc"', '"', None),
        (f'{QUOTES}Say "hi" now.{QUOTES}', QUOTES, QUOTES, 'Say "hi" now.'),
        (f'{QUOTES}Say "hi" now.{QUOTES}\nrun()', QUOTES, QUOTES, 'Say "hi" now.'),
        ("<p>hi</p>", "<p>", "</p>", "hi"),
        ("<p>hi</p>;", "<p>", "</p>", "hi"),
        ("<p><b>hi</b></p>;", "<p><b>", "</b></p>", "hi"),
        ("<p>hi</p>", "<p>", "</b>", None),
        ("`a ${b}`;", "`a ${", "}`", "b"),
        ("`a ${b ? {} : 'it'} c`;", "`a ${", "}`", "b ? {} : 'it'"),
        ('f"{a} b"', 'f"{', '}"', "a"),
        ('f"{a} b"', 'f"{', "}'", None),
        ('print("(it\'s)")', 'print("(', ')")', "it's"),
        ("f(() => {\n    x();\n});", "f(() => {\n    ", "\n})", "x();"),
        ("  f(() => {\n    x();\n  });", "  f(() => {\n    ", "\n  })", "x();"),
        ("f(() => {\n    x();\n});", "f(() => {\n    ", "\n}", "x();"),
        ("a = { b: 1 };", "a = { ", " }", "b: 1"),
        ("f( a );", "f(", ")", " a "),
        ("a)", "", " ", None),
    ],
)
def test_several_that_the_editor_closed(text: str, typed: str, closed: str, rest: str | None) -> None:
    memo, snapshot = proposed("", "\n", text)
    assert left(memo, snapshot.edit([Edit(0, 0, typed + closed)], 2), len(typed)) == rest


@pytest.mark.parametrize(
    ("text", "typed", "closed", "rest"),
    [
        ("add(a, b):", "add(", ")", "a, b):"),
        ("add(a, b):", "add(a", ")", ", b):"),
        ("f(g(a)) {", "f(g(", "))", "a)) {"),
        ("f(a) {\n  g", "f(", ")", "a) {\n  g"),
        ('row["name"] = 1', 'row["na', '"]', 'me"] = 1'),
        ('"name": 1', '"na', '"', 'me": 1'),
    ],
)
def test_it_goes_on_behind_what_the_editor_closed(text: str, typed: str, closed: str, rest: str) -> None:
    memo, snapshot = proposed("", "\n", text)
    new = snapshot.edit([Edit(0, 0, typed + closed)], 2)
    assert memo.recall(new, len(typed), closed) == (len(typed + closed), rest)


@pytest.mark.parametrize(
    ("text", "typed", "closed", "stands", "rest"),
    [
        ("add(a, b):", "add(", ")", "", "a, b"),
        ("add(a, b)", "add(", ")", ")", "a, b"),
        ("f(a).g()", "f(", ")", ")", "a).g("),
        ("f(a).g();", "f(", ")", ")", "a"),
        ("add(a, b):", "add(", "]", "]", None),
    ],
)
def test_it_does_not(text: str, typed: str, closed: str, stands: str, rest: str | None) -> None:
    memo, snapshot = proposed("", "\n", text)
    found = memo.recall(snapshot.edit([Edit(0, 0, typed + closed)], 2), len(typed), stands)
    assert found == (rest and (len(typed), rest))


def test_it_goes_on_behind_the_first_of_those() -> None:
    """One that the editor has just closed, in front of one that it closed before the proposal."""
    memo, snapshot = proposed("x={", "}\n", "() =>")
    assert memo.recall(snapshot.edit([Edit(3, 3, "()")], 2), 4, ")}") == (5, ") =>")


def test_what_was_not_sure_enough_comes_back_only_once_it_is_typed() -> None:
    snapshot, memo = Snapshot.open("file:///a.py", 1, "python", "x = \n"), Memo()
    memo.remember(snapshot, 4, 4, "bar", 0.1)
    assert memo.recall(snapshot, 4, least=0.05) == (4, "bar")
    assert memo.recall(snapshot, 4, least=0.25) is None
    assert memo.recall(snapshot, 4, least=None) is None
    for least in (0.25, None):
        assert memo.recall(snapshot.edit([Edit(4, 4, "b")], 2), 5, least=least) == (5, "ar")


def test_a_proposal_that_went_on_behind_a_bracket() -> None:
    memo, snapshot = Memo(), Snapshot.open("file:///a.py", 1, "python", "def add()\n")
    memo.remember(snapshot, 8, 9, "a, b):")
    assert memo.recall(snapshot, 8, ")") == (9, "a, b):")
    typed = snapshot.edit([Edit(8, 8, "a, b")], 2)
    assert memo.recall(typed, 12, ")") == (13, "):")
    assert memo.recall(typed, 13) == (13, ":")
    assert memo.recall(snapshot.edit([Edit(8, 9, "a")], 2), 9) == (9, ", b):")


def test_a_bracket_closed_and_typed_over() -> None:
    memo, snapshot = proposed("", "\n", "foo(a).bar()")
    opened = snapshot.edit([Edit(0, 0, "foo(a)")], 2)
    assert left(memo, opened, 5) == ").bar("
    assert left(memo, opened, 6) == ".bar()"


def test_a_block_the_editor_closed() -> None:
    memo, snapshot = proposed("if (x) ", "\nend", "{\n  run();\n}")
    new = snapshot.edit([Edit(7, 7, "{\n  \n}")], 2)
    assert left(memo, new, 11) == "run();"


@pytest.mark.parametrize(
    ("change", "cursor"),
    [
        (Edit(4, 4, "d"), 5),
        (Edit(0, 0, "c"), 1),
        (Edit(0, 1, "z"), 4),
        (Edit(5, 6, "z"), 4),
        (Edit(3, 4, ""), 3),
    ],
    ids=["a wrong key", "elsewhere", "another edit before", "another edit after", "the place is gone"],
)
def test_anything_else_forgets(change: Edit, cursor: int) -> None:
    memo, snapshot = proposed("x = ", "\ny = 1\n", "compute(1)")
    assert left(memo, snapshot.edit([change], 2), cursor) is None


def test_another_place_or_file_knows_nothing() -> None:
    memo, snapshot = proposed("x = ", "\ny = 1\n", "compute(1)")
    assert left(memo, snapshot, 3) is None
    assert left(memo, snapshot, 5) is None
    assert left(memo, Snapshot.open("file:///b.py", 1, "python", snapshot.text), 4) is None


def test_the_latest_proposal_wins_and_the_last_few_stay() -> None:
    memo, snapshot = proposed("x = ", "\n", "first")
    memo.remember(snapshot, 4, 4, "second")
    assert left(memo, snapshot, 4) == "second"
    assert left(memo, snapshot.edit([Edit(4, 4, "fi")], 2), 6) == "rst"
    for n in range(8):
        memo.remember(snapshot, 4, 4, f"later {n}")
    assert left(memo, snapshot.edit([Edit(4, 4, "fi")], 2), 6) is None


def test_many_documents_do_not_pile_up() -> None:
    memo = Memo(documents=2)
    shots = [Snapshot.open(f"file:///{n}.py", 1, "python", "x = ") for n in range(3)]
    for shot in shots:
        memo.remember(shot, 4, 4, "1")
    assert [left(memo, shot, 4) for shot in shots] == [None, "1", "1"]
