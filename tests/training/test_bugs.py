"""Bugs are of the kind they say, lie inside the region asked for, and always change the text."""

from __future__ import annotations

import ast
import inspect
import textwrap

import numpy as np
import pytest

from training import bugs

CODE = textwrap.dedent("""\
    class Cart:
        def total(self, items, tax_rate):
            # a comment == nothing
            amount = 0
            for item in items[1:]:
                if item.price >= 10 and item.sold:
                    amount += self.price_of(item, tax_rate) - 1
            await self.save(amount, "a, b")
            return round(amount, 2)
    """)


def _all(kind: str) -> set[str]:
    """Every wrong text of that kind, as the line that changed."""
    tokens = bugs.lexemes(CODE, "#")
    found = set()
    for a, b, new in bugs.KINDS[kind](CODE, tokens, 0, len(CODE)):
        wrong = CODE[:a] + new + CODE[b:]
        found |= set(wrong.splitlines()) - set(CODE.splitlines())
    return {line.strip() for line in found}


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("wrong variable", "return round(item, 2)"),
        ("wrong variable", "def total(self, tax_rate, tax_rate):"),
        ("swapped arguments", "amount += self.price_of(tax_rate, item) - 1"),
        ("swapped arguments", 'await self.save("a, b", amount)'),
        ("off by one", "for item in items[2:]:"),
        ("off by one", "amount += self.price_of(item, tax_rate)"),
        ("wrong operator", "if item.price > 10 and item.sold:"),
        ("wrong operator", "if item.price >= 10 or item.sold:"),
        ("punctuation", "for item in items[1:]"),
        ("punctuation", "return round(amount, 2))"),
        ("punctuation", "def total(self, items tax_rate):"),
        ("missing word", "amount += price_of(item, tax_rate) - 1"),
        ("missing word", "def total(items, tax_rate):"),
        ("missing word", 'self.save(amount, "a, b")'),
        ("missing word", "round(amount, 2)"),
        ("extra word", "return round(self.amount, 2)"),
        ("misspelt name", "if item.pirce >= 10 and item.sold:"),
        ("misspelt name", "return rond(amount, 2)"),
        ("half rename", "amount += self.price_of(item, rate) - 1"),
        ("half rename", "for items in items[1:]:"),
    ],
)
def test_each_kind_makes_the_mistake_of_its_name(kind: str, line: str) -> None:
    assert line in _all(kind)


def test_comments_and_strings_are_left_alone() -> None:
    everything = set().union(*(_all(kind) for kind in bugs.KINDS))
    assert not any("a comment" in line and line != "# a comment == nothing" for line in everything)
    assert not any('"' in line and '"a, b"' not in line for line in everything)


def test_indentation_moves_a_line_by_one_level() -> None:
    (line,) = [i for i in CODE.splitlines() if i.strip().startswith("return")]
    at = CODE.index(line)
    spots = list(bugs.KINDS["indentation"](CODE, [], at, at + len(line)))
    assert sorted(new for _, _, new in spots) == ["    ", "            "]


@pytest.mark.parametrize("seed", range(40))
def test_a_drawn_bug_changes_the_region_and_nothing_else(seed: int) -> None:
    text = inspect.getsource(inspect)
    rng = np.random.default_rng(seed)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Return)]
    node = functions[int(rng.integers(len(functions)))]
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1]))
    end = sum(map(len, lines[: node.end_lineno])) - 1
    bug = bugs.draw(text, start, end, "python", rng)
    assert bug is not None
    assert start <= bug.start <= bug.end <= end
    assert bug.applied(text) != text
    assert bug.applied(text)[: bug.start] == text[: bug.start]
    assert bug.applied(text).endswith(text[bug.end :])


def test_most_drawn_bugs_are_of_different_kinds() -> None:
    rng = np.random.default_rng(0)
    kinds = [bug.kind for _ in range(300) if (bug := bugs.draw(CODE, 0, len(CODE), "python", rng))]
    assert len(kinds) == 300 and set(kinds) == set(bugs.KINDS)


@pytest.mark.parametrize("language", ["javascript", "go", "rust", "c", "java", "plaintext"])
def test_other_languages_have_bugs_too(language: str) -> None:
    code = "int f(int a, int b) {\n    // keep\n    if (a <= b && a != 1) { return g(a, b).value; }\n}\n"
    rng = np.random.default_rng(1)
    found = [bug for _ in range(50) if (bug := bugs.draw(code, 0, len(code), language, rng))]
    assert len({bug.kind for bug in found}) >= 6


def test_a_text_without_code_has_no_bug() -> None:
    assert bugs.draw("# only words\n", 0, 13, "python", np.random.default_rng(0)) is None
