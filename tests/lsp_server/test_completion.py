"""The item that a menu shows of a suggestion."""

from __future__ import annotations

import pytest

from lsp_server.features.completion import _WORD, _token


@pytest.mark.parametrize(
    ("line", "word"), [("x = foo", "foo"), ("foo", "foo"), ("foo.", ""), ("", ""), ("a é_1", "é_1")]
)
def test_an_item_begins_with_the_word_left_of_the_cursor(line: str, word: str) -> None:
    found = _WORD.search(line)
    assert found is not None
    assert found.group() == word


def test_the_word_is_found_without_looking_back_from_each_letter() -> None:
    """Of so long a line that would take hours."""
    found = _WORD.search("a" * 1_000_000 + "-")
    assert found is not None
    assert found.group() == ""


@pytest.mark.parametrize(
    ("before", "text", "token"),
    [
        ("pri", "print(x)", "pri"),
        ('df["na', 'name"]', '"na'),
        ('print(f"na', 'name")', 'f"na'),
        ('print(f"{na', 'name}")', "na"),
        ("np.array([", "[1, 2]])", "["),
        ("np.array([", "1, 2])", ""),
        ("x = ", " 1", ""),
        ("", "import os", ""),
    ],
)
def test_a_token_is_a_word_a_string_or_a_bracket_that_another_follows(before: str, text: str, token: str) -> None:
    assert _token("python", before, text) == token
