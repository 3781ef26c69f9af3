"""Brackets and quotes of half a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infill import brackets
from infill.brackets import balance, closes_again, quoted


@pytest.mark.parametrize(
    ("text", "strays", "closing", "quote"),
    [
        ("", (), "", None),
        ("f(a, [b])", (), "", None),
        ("f(a, [b", (), "])", None),
        ("a) + b]", (1, 6), "", None),
        ("a(b]c)", (3,), "", None),
        ("')' + x)", (7,), "", None),
        ("f('a(", (), ")", "'"),
        ('f("it\'s")', (), "", None),
        ('f("a\\")")', (), "", None),
        ('"""a "b" c"""', (), "", None),
        ('"""a\n(', (), "", '"'),
        ("'a\n(", (), ")", None),
        ("`a\n(${b}`)", (9,), "", None),
        ("f(/* it's ( */ a, [", (), "])", None),
        ("f(a /* (", (), "))", None),
    ],
)
def test_balance(text: str, strays: tuple[int, ...], closing: str, quote: str | None) -> None:
    found = balance(text)
    assert found.strays == strays
    assert found.closing == closing
    assert (found.quote[1] if found.quote else None) == quote


def test_lifetimes_of_rust() -> None:
    assert balance("fn f<'a>(x: &'a str, y: (", "rust").closing == "))"
    assert balance("match c { ')' => '\\'', ", "rust").closing == "}"


def test_apostrophes_within_numbers_of_cpp() -> None:
    assert balance("f(10'000, (0xFF'FF, (1'0", "cpp").closing == ")))"
    assert balance("f(c == u8'a', '1', (", "cpp").closing == "))"
    assert balance("f(1'a", "python").quote == (3, "'")


def test_apostrophes_of_words_and_signs_in_languages_without_a_grammar() -> None:
    assert balance("foldl' (+) (", "haskell").closing == ")"
    assert balance("don't (", "yaml").closing == ")"
    assert balance("['(', '[', f(", "ruby").closing == ")]"
    assert balance("f(N'it is (', E'(', (", "sql").closing == "))"
    assert balance("(mapcar #'f `(a ,b) '(", "commonlisp").closing == "))"


def test_quotes_behind_an_operand_in_languages_that_have_such_an_operator() -> None:
    assert balance("y = inv(A)' * [b.' c{1}' (", "matlab").closing == ")]"
    assert balance("(A * B)' * f(", "julia").closing == ")"
    assert balance("Put(List(1)'First, (", "ada").closing == "))"
    assert balance("if clk(0)'event and (", "vhdl").closing == ")"
    assert balance("disp('(', [", "matlab").closing == "])"


def test_regular_expressions_of_scripts() -> None:
    for language in ("javascript", "typescriptreact"):
        assert balance("s.replace(/[\"')/]/g, '\"', (", language).closing == "))"
        assert balance("/\\/'/.test(", language).closing == ")"
        assert balance("f(a / b, '/', (c", language).closing == "))"
        assert balance("xs.filter(x => /'/.test(x", language).closing == "))"
        assert balance("{ return /[\"']/.test(x", language).closing == ")}"
        assert balance("<Foo a={x} /> {cond && <Bar b={y} />}", language).strays == ()


def test_a_few_characters_tell_whether_a_slash_begins_a_regular_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of drawing has thousands of them."""
    seen: list[str] = []

    class Pattern:
        def search(self, text: str) -> object:
            seen.append(text)
            return pattern.search(text)

    pattern = brackets._BEFORE_REGEX
    monkeypatch.setattr(brackets, "_BEFORE_REGEX", Pattern())
    assert balance("x = (" + "<i></i>" * 50 + "return" + " " * 50 + "/)/", "javascript").closing == ")"
    assert len(seen) == 51
    assert max(map(len, seen)) < 10


def test_a_regular_expression_has_a_longest_length() -> None:
    """Looked for up to the end of a long line from each slash, they would take seconds."""
    for length, closing in ((300, ")"), (500, "")):
        assert balance(f"x = /'{length * 'a'}/.test(", "javascript").closing == closing


@pytest.mark.parametrize(
    ("text", "at"), [("it) and", 2), ("it (that) one) and", 13), ("it) or (that", None), ("(that)", None)]
)
def test_words_close_a_bracket_that_was_opened_before_them(text: str, at: int | None) -> None:
    assert closes_again(text, ")") == at


def test_what_stands_in_quotes() -> None:
    assert list(quoted("f('a b', \"it's\", 'c")) == ["a b", "it's", "c"]


@given(st.text("()[]{}", max_size=30))
def test_what_closes_closes(text: str) -> None:
    found = balance(text)
    closed = balance(text + found.closing)
    assert closed.open == ()
    assert closed.strays == found.strays
