"""How much of a text is shown: by hand-made probabilities."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infill.around import Around
from infill.beginning import probable
from infill.document import Snapshot
from infill.filler import Filled
from infill.site import Kind, look


def written(*tokens: str, p: float = 0.9, finished: bool = True) -> Filled:
    """A text of these tokens, each of which has this probability."""
    ends = [len("".join(tokens[: n + 1])) for n in range(len(tokens))]
    beginnings = tuple((end, p ** (n + 1)) for n, end in enumerate(ends))
    return Filled("".join(tokens), -1.0, 0.1, finished, beginnings=beginnings)


def place(before: str = "", language: str = "python", kind: Kind = "code", rest: str = "") -> Around:
    """A cursor of this kind between the two parts of its line."""
    snapshot, at = Snapshot.open("untitled:a", 0, language, before + rest), len(before)
    return replace(Around.at(snapshot, at, at, "", look(snapshot, at, invoked=True), 8), kind=kind)


def shown(
    one: Filled, least: float, before: str = "", language: str = "python", kind: Kind = "code", rest: str = ""
) -> str | None:
    found = probable(one, least, place(before, language, kind, rest))
    return None if found is None else found.text


def test_is_what_reaches_the_probability() -> None:
    one = written("total", " +=", " row", ".", "price")
    assert shown(one, 0.0) == "total += row.price"
    assert shown(one, 0.6) == "total += row"
    assert shown(one, 0.7) == "total += row"
    assert shown(one, 0.9) == "total"
    assert shown(one, 0.95) is None


def test_what_is_sure_is_taken_first_where_more_is_a_guess() -> None:
    """Whether the second half is right with it: both wait for a key, and the first half is right more often."""
    sure = Filled("rows.append(value)", -1.0, 0.1, True, beginnings=((11, 0.98), (18, 0.65)))
    assert shown(sure, 0.6) == "rows.append"
    as_sure = replace(sure, beginnings=((11, 0.98), (18, 0.95)))
    assert shown(as_sure, 0.6) == "rows.append(value)", "and one key takes all"
    short = Filled("in rows:", -1.0, 0.1, True, beginnings=((2, 0.98), (7, 0.7), (8, 0.66)))
    assert shown(short, 0.6, "for row ") == "in rows:", "what is two keys long is hardly worth one"


def test_to_look_twice_costs_something() -> None:
    """Half a key: a first part that is right a little more often is not worth a second look."""
    one = Filled("values.append", -1.0, 0.1, True, beginnings=((6, 0.9), (13, 0.7)))
    assert shown(one, 0.6) == "values.append"
    assert shown(replace(one, beginnings=((6, 0.9), (13, 0.65))), 0.6) == "values"


def test_a_line_is_taken_first_where_the_next_one_is_a_guess() -> None:
    """Indentation costs no key."""
    body = Filled("total = 0\n        return x", -1.0, 0.1, True, beginnings=((9, 0.9), (26, 0.6)))
    assert shown(body, 0.6) == "total = 0"
    surer = replace(body, beginnings=((9, 0.9), (26, 0.85)))
    assert shown(surer, 0.6) == "total = 0\n        return x"


def test_its_confidence_is_its_probability() -> None:
    found = probable(written("total", " +=", " row"), 0.8, place())
    assert found is not None
    assert (found.confidence, found.finished, found.within_line) == (pytest.approx(0.81), True, True)
    within_token = probable(written("jobs", "_.", "push"), 0.8, place())
    assert within_token is not None
    assert (within_token.text, within_token.confidence) == ("jobs_", pytest.approx(0.81))


@pytest.mark.parametrize(
    ("tokens", "before", "said"),
    [
        (("assert", "Equal", "(", "a", ")"), "self.", "assertEqual"),
        (("assert", "Equ", "al", "s", "()"), "self.", None),
        (("rows", "[", "key", "]", " = 1"), "", "rows"),
        (("rows", "[key", "]", " = 1", " + 2"), "", "rows[key]"),
        (("value", ")", ".strip", "()", "[0]"), "print(", "value).strip"),
        (("name = ", "'", "x", "y'", " + z"), "", "name ="),
        (("hello", " w", "or", "ld", "', x)"), "print('", "hello"),
        (("if ", "x", ":", "\n", "    y"), "", "if x:"),
        (("in", " x", "s", "y", ":"), "for y ", None),
        (("f(", "\n", "    a", ",", "\n"), "", "f("),
        (("a_b", "_c", " d", " e", " f"), "", "a_b_c d"),
        (("await", " pool", ".", "query", "("), "", "await pool"),
        (("let", " v: Vec", "<", "_", ">"), "", "let v: Vec"),
        (("let", " v = Vec", "::", "new", "()"), "", "let v = Vec"),
        (("elif", " a =", "=", "=", " b"), "", "elif a"),
        (("A", "bout", "</", "label", ">"), "<label>", "About"),
        (("About", "</", "label", ">", "x"), "<label>", "About"),
        (("<", "/div", ">", "<", "p"), "", "</div>"),
        (("/", "di", "v", ">", "x"), "x <", None),
        (("self.", "jobs", "_.", "push"), "", "self.jobs_"),
        (("__", "exit", "__(", "self"), "def ", "__exit__"),
        (("self", ",", " value: ", "int", ")"), "def set(", "self, value:"),
        (("Zoe\u0308", " na", "i", "\u0308", "ve"), "'", "Zoe\u0308"),
        (("\u0928", "\u092e", "\u0938", "\u094d", "\u0924\u0947"), "'", None),
    ],
)
def test_ends_where_a_line_does_or_a_word_with_nothing_left_open(
    tokens: tuple[str, ...], before: str, said: str | None
) -> None:
    """Three tokens are probable enough."""
    found = shown(written(*tokens), 0.7, before)
    assert (found and found.rstrip()) == (said and said.rstrip())


@pytest.mark.parametrize("language", ["rust", "cpp"])
def test_knows_what_a_quote_is(language: str) -> None:
    tokens = ("fn f<", "'a", ">", "(x", ")") if language == "rust" else ("n = ", "1'", "000", ";", " y")
    assert shown(written(*tokens), 0.7, "", language) == {"rust": "fn f<'a>", "cpp": "n = 1'000"}[language]


@pytest.mark.parametrize(
    ("tokens", "before", "kind", "said"),
    [
        (("the", " user", "'s", " choice", " is"), "It is ", "prose", "the user's"),
        (("the", " user", "'s", " choice", " is"), "It isn't ", "prose", "the user's"),
        (("the", " file (", "if", " any", ")"), "It is ", "docstring", "the file"),
        (("Hello", " ${", "user", ".name", "}"), "say(`", "string", "Hello"),
        (("Hello", " ${", "name}", " and", " bye"), "say(`", "string", "Hello ${name}"),
        (("[name", "]", ":", " ", "{x"), 'f"{row', "code", "[name]:"),
        (("all', ", "f(", "x", ")"), "say('", "string", "all', f"),
    ],
)
def test_among_words_an_apostrophe_is_no_quote_and_brackets_are_closed(
    tokens: tuple[str, ...], before: str, kind: Kind, said: str
) -> None:
    found = shown(written(*tokens), 0.7, before, "python", kind)
    assert found is not None
    assert found.rstrip() == said


def test_what_ends_a_line_may_be_short_but_saves_a_key() -> None:
    assert shown(written("()"), 0.6) == "()"
    assert shown(written(")"), 0.6) is None
    assert shown(written(")"), 0.0) == ")", "when everything is wanted"
    line = probable(written("):", "\n", "x"), 0.75, place())
    assert line is not None
    assert (line.text, line.within_line) == ("):", False)


@pytest.mark.parametrize(
    ("tokens", "before", "rest", "said"),
    [
        (("(req, res)", " =>", " {", "\n"), "app.get(path, ", ");", "(req, res) =>"),
        (("(w Writer, r", " *Request)", " {"), "mux.HandleFunc(path, func", ")", "(w Writer, r *Request)"),
        (("users", ".map((user) =>", " {"), "wrap(", ")", "users.map"),
        ((" =>", " {", "\n"), "app.get(path, (req, res)", ");", " =>"),
        (("(req, res)", " =>", " {", "\n"), "app.get(path, ", "", "(req, res) => {"),
        (("useState(", "[])"), "wrap(", ")", "useState([])"),
        (("user: User", "):", " Promise {", "\n"), "function f(", ")", "user: User): Promise {"),
        (("user)", " =>", " {", "\n"), "wrap(users.map((", ")))", "user) =>"),
        (("adds'", ",", " () =>", " {", "\n"), "it('", "')", "adds', () =>"),
    ],
)
def test_ends_before_a_body_that_the_brackets_of_the_rest_would_close(
    tokens: tuple[str, ...], before: str, rest: str, said: str
) -> None:
    """`=> {}` before a bracket that the editor closed would be an empty body, with the cursor behind it."""
    found = shown(written(*tokens, p=0.97), 0.6, before, "typescript", "code", rest)
    assert (found and found.rstrip()) == said


def test_of_a_text_that_was_cut_short_nobody_knows_whether_it_ends_a_word() -> None:
    assert shown(written("total", " +=", " row", finished=False), 0.6) == "total +="
    assert shown(written("total", finished=False), 0.6) is None


def test_where_everything_is_wanted_the_longest_comes_at_once() -> None:
    cut_short = written("total", " +=", " row", " +", " x", p=0.5, finished=False)
    assert shown(cut_short, 0.0) == "total += row + "
    assert shown(cut_short, 0.1) == "total"


def test_a_text_of_unknown_beginnings_is_shown_whole_or_not_at_all() -> None:
    assert shown(Filled("a b c", None, 0.5, True), 0.6) is None
    assert shown(Filled("a b c", None, 0.7, True), 0.6) == "a b c"
    assert shown(Filled("a b c", None, None, True), 0.6) == "a b c"


def test_a_long_line_is_looked_at_near_the_text_alone() -> None:
    assert shown(written("b", ")", " + c", " d", " e"), 0.7, "(" * 1_000_000) == "b) + c"
