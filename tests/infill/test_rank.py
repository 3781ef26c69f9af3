"""Snippets under a budget, candidates in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infill.filler import Snippet
from infill.rank import candidates, rank

SNIPPETS = st.lists(
    st.builds(
        Snippet,
        st.sampled_from(["a.py", "b.py"]),
        st.lists(st.sampled_from(["alpha beta", "gamma()", "delta = 1", ""]), max_size=6).map("\n".join),
        st.sampled_from([0.0, 0.5, 1.0]),
    ),
    max_size=6,
)


def words(text: str) -> int:
    return len(text.split())


@given(SNIPPETS, st.integers(0, 20))
def test_never_over_the_budget_and_only_whole_lines(snippets: list[Snippet], budget: int) -> None:
    kept = rank(snippets, "alpha gamma", budget, words)
    assert sum(words(snippet.text) for snippet in kept) <= budget
    for snippet in kept:
        assert any(
            other.path == snippet.path and (other.text.strip("\n") + "\n").startswith(snippet.text + "\n")
            for other in snippets
        )
    assert kept == rank(snippets[::-1], "alpha gamma", budget, words)


def test_own_score_and_shared_names_decide() -> None:
    alike = Snippet("a.py", "def compute(total, price): ...")
    other = Snippet("b.py", "def unrelated(thing): ...")
    imported = Snippet("c.py", "class Anything: ...", 1.0)
    assert rank([other, alike, imported], "compute total price", 100, words) == (imported, alike, other)


def test_what_a_better_one_holds_is_said_once() -> None:
    whole = Snippet("a.py", "def f(): ...\ndef g(): ...", 1.0)
    part = Snippet("a.py", "def g(): ...", 0.5)
    elsewhere = Snippet("b.py", "def g(): ...", 0.5)
    assert rank([part, whole, elsewhere], "", 100, words) == (whole, elsewhere)


def test_a_snippet_is_cut_at_a_line_and_not_to_a_stump() -> None:
    long = Snippet("a.py", "\n".join(f"line number {n}" for n in range(9)))
    (cut,) = rank([long], "", 10, words)
    assert cut.text == "line number 0\nline number 1\nline number 2"
    assert rank([long], "", 4, words) == ()


def test_candidates_best_first_each_once() -> None:
    assert candidates([("a", -3.0), ("b", -1.0), ("a ", -2.0), ("c", None), ("d", None)]) == ["b", "a ", "c", "d"]
    assert candidates([("a", -1.0), ("b", -2.0), ("a ", -3.0)]) == ["a", "b"]
    assert candidates([]) == []
