"""Prompt format 1 with the shipped tokenizer: what the streams hold, where they stand, and what a keystroke changes."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import Context, Stream
from engine.checkpoint import EMBEDDED
from engine.tokenizer import RESERVED, Tokenizer
from infill import prompt
from infill.filler import Snippet
from infill.prompt import BELOW_AT, BELOW_MOST, PREFIX_AT, PREFIX_MOST, REST_AT, REST_MOST, SNIPPETS_MOST, Prompt
from tests.fakes import CONTROL

TOKENS = Tokenizer.load(EMBEDDED / "tokenizer.json")
NAMES = TOKENS.pieces(range(RESERVED))
SOURCES = [path.read_text() for path in (Path(prompt.__file__), Path(__file__), EMBEDDED.parents[1] / "decode.py")]

words = st.sampled_from(
    ["def", "self", "return", "x", "ß", "éa", "中文", "🙂", "1", "42", "0x1F", "_", "__init__", "'s", "'", '"', "re"]
)
signs = st.sampled_from(list("()[]{}<>:;,.=+-*/%!?@#&|^~`\\$"))
spaces = st.sampled_from(
    [" ", "  ", "    ", "\t", "\n", "\n\n", "\n    ", "\n\t\t", " \n", "\r", "\f", "\v", "\xa0", "\u3000"]
)
odd = st.sampled_from([*NAMES, "\x00", "\x1c", "\x1f", "\x85", "\u2028", "\u200b", "\ufeff", "\u180e", "a\u0301"])
code = st.lists(st.one_of(words, words, signs, spaces, spaces, odd), max_size=60).map("".join)


def build(
    prefix: str, suffix: str = "", path: str = "pkg/mod.py", *snippets: Snippet, heal: bool = False, remark: str = ""
) -> Prompt:
    return prompt.build(TOKENS, CONTROL, prefix, suffix, path, snippets, remark=remark, heal=heal)


class TestPlainForms:
    """What the large models read."""

    SNIPPET = Snippet("lib/other.py", "def helper(): ...")

    def plain(self, name: str, prefix: str, suffix: str = "\nend()\n", *snippets: Snippet) -> Prompt:
        form = prompt.Form(name, (1,), (2,))
        return prompt.build(TOKENS, CONTROL, prefix, suffix, "pkg/mod.py", snippets, form=form)

    def test_in_place_is_prefix_hole_suffix(self) -> None:
        left, right = self.plain("in-place", "x = f(", ")\n", self.SNIPPET).context.streams
        assert TOKENS.decode(left.ids) == "lib/other.py:\ndef helper(): ...\n\npkg/mod.py:\nx = f("
        assert TOKENS.decode(right.ids) == ")\n"
        assert right.start == len(left.ids)

    def test_in_place_stands_between_what_a_model_has_around_all_text(self) -> None:
        form = prompt.Form("in-place", begin=(7,), end=(8, 9))
        for suffix in (")\n", ""):
            built = prompt.build(TOKENS, CONTROL, "x = f(", suffix, "pkg/mod.py", form=form)
            left, right = built.context.streams
            assert left.ids[0] == 7 and TOKENS.decode(left.ids[1:]) == "pkg/mod.py:\nx = f("
            assert right.ids[-2:] == (8, 9) and TOKENS.decode(right.ids[:-2]) == suffix
            assert built.context.middle == right.start == len(left.ids)

    def test_of_a_model_that_was_taught_short_texts_less_is_read(self) -> None:
        source, snippets = long_source(), [Snippet("lib/other.py", long_source())]
        whole, half, eighth = (
            prompt.build(TOKENS, CONTROL, source, source, "a.py", snippets, form=prompt.Form("in-place", share=share))
            for share in (1.0, 0.5, 0.125)
        )
        most = prompt.PLAIN_PREFIX_MOST + prompt.PLAIN_SNIPPETS_MOST
        for share, built in ((0.5, half), (0.125, eighth)):
            (left, right), (less, least) = whole.context.streams, built.context.streams
            assert len(least.ids) == len(right.ids) * share and less.ids[-50:] == left.ids[-50:]
            assert most * share / 2 < len(less.ids) < most * share + 20 < len(left.ids)
        assert half.nearby == whole.nearby  # which is short enough
        for one, tokens in zip(eighth.nearby.streams, (prompt.NEARBY, prompt.PLAIN_NEARBY_SUFFIX), strict=True):
            assert len(one.ids) < tokens
        assert eighth.nearby.streams[1].ids == eighth.context.streams[1].ids

    def test_suffix_first_ends_with_the_prefix(self) -> None:
        built = self.plain("suffix-first", "x = f(", ")\n", self.SNIPPET)
        (only,) = built.context.streams
        assert TOKENS.decode(only.ids).endswith("The end of pkg/mod.py:\n)\n\n\npkg/mod.py:\nx = f(")
        assert built.context.middle == len(only.ids) and built.context.opening is None
        assert len(built.nearby.streams[0].ids) < len(only.ids)

    def test_chat_asks_and_begins_the_answer_with_the_prefix(self) -> None:
        (only,) = self.plain("chat", "x = f(", ")\n").context.streams
        assert only.ids[0] == 1
        asked, answered = only.ids[1 : only.ids.index(2)], only.ids[only.ids.index(2) + 1 :]
        assert TOKENS.decode(asked).startswith("Continue pkg/mod.py") and TOKENS.decode(asked).endswith(")\n")
        assert TOKENS.decode(answered) == "x = f("

    def test_without_a_suffix_none_is_spoken_of(self) -> None:
        for name in ("suffix-first", "chat"):
            assert "end" not in TOKENS.decode(self.plain(name, "x", "").context.streams[0].ids)

    @pytest.mark.parametrize("name", ["in-place", "suffix-first", "chat"])
    def test_a_typed_letter_changes_the_end_alone_and_everything_is_bounded(self, name: str) -> None:
        source = long_source()
        before, after = (self.plain(name, source + typed, source).context.streams for typed in ("x = 1", "x = 12"))
        (old, *_), (new, *_) = before, after
        assert old.ids[:-4] == new.ids[: len(old.ids) - 4]
        most = prompt.PLAIN_PREFIX_MOST + prompt.PLAIN_SUFFIX_MOST + prompt.PLAIN_SNIPPETS_MOST + 100
        assert sum(len(stream.ids) for stream in before) <= most

    def test_a_form_of_no_name(self) -> None:
        with pytest.raises(ValueError, match="no prompt form is called 'fim'"):
            self.plain("fim", "x")


class Pieces:
    """A tokenizer of which each piece that it splits text into is one token."""

    joins_line_ends = True

    def __init__(self) -> None:
        self._splits = tokenizers.pre_tokenizers.Split(tokenizers.Regex(JOINING), "isolated")
        self._known: dict[str, int] = {}

    def encode(self, text: str) -> list[int]:
        return [self._known.setdefault(one, len(self._known)) for one, _ in self._splits.pre_tokenize_str(text)]

    def decode(self, ids: object) -> str:
        raise NotImplementedError


@given(code)
@settings(max_examples=200)
def test_lines_are_the_text_where_line_ends_join_the_punctuation_before_them(text: str) -> None:
    pieces = Pieces()
    assert prompt.ByLine(pieces, joins_line_ends=True).encode(text) == pieces.encode(text)  # type: ignore[arg-type]


JOINING = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen's, Llama 3's and Ling's tokenizers split."""


def stream(built: Prompt | Context, name: str) -> Stream | None:
    context = built.context if isinstance(built, Prompt) else built
    return next((one for one in context.streams if one.name == name), None)


def ids(built: Prompt | Context, name: str) -> tuple[int, ...]:
    found = stream(built, name)
    return found.ids if found is not None else ()


def text(built: Prompt | Context, name: str) -> str:
    return TOKENS.decode(ids(built, name))


@cache
def long_source() -> str:
    return "".join(SOURCES) * 3


class TestSafeBoundary:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("", ""),
            ("", "word"),
            ("a", " b"),
            ("a b", " c"),
            ("a", "\n    b"),
            ("a b", "  "),
            ("f(x):", "\n"),
            ("", "   x"),
            ("x = 1", "\n\n\ny.z"),
        ],
    )
    def test_is_the_last_place_before_a_run_of_whitespace(self, before: str, after: str) -> None:
        assert prompt.safe_boundary(before + after) == len(before)

    @settings(max_examples=400)
    @given(code, code)
    @example("x", " \n y")
    @example("a'", "\n's")
    @example("\u180e", " a")
    @example("!\u2028", " !")
    def test_there_the_parts_and_the_whole_agree(self, head: str, tail: str) -> None:
        whole = head + tail
        at = prompt.safe_boundary(whole)
        assert TOKENS.encode(whole[:at]) + TOKENS.encode(whole[at:]) == TOKENS.encode(whole)

    def test_of_real_code_agrees_everywhere(self) -> None:
        for source in SOURCES:
            for end in range(1, len(source), 97):
                cut = source[max(0, end - 400) : end]
                at = prompt.safe_boundary(cut)
                assert TOKENS.encode(cut[:at]) + TOKENS.encode(cut[at:]) == TOKENS.encode(cut)

    def test_looks_back_only_so_far(self) -> None:
        assert 0 < prompt.safe_boundary("word " + "x" * 10_000_000) == 10_000_005 // 256 * 256 - 256
        assert prompt.safe_boundary("word" + " " * 100_000) >= 100_004 - 512


class TestByLine:
    @settings(max_examples=300)
    @given(code)
    @example("a \n b\n\n c\n")
    def test_agrees_with_the_whole(self, whole: str) -> None:
        lines = prompt.ByLine(TOKENS)
        assert lines.encode(whole) == TOKENS.encode(whole)
        assert lines.encode(whole) == TOKENS.encode(whole)

    def test_of_real_code_agrees(self) -> None:
        lines = prompt.ByLine(TOKENS, lines=50)
        for source in SOURCES:
            assert lines.encode(source) == TOKENS.encode(source)

    def test_tokenizes_only_the_line_that_changed(self) -> None:
        asked: list[str] = []

        class Watched(Tokenizer):
            def encode(self, text: str) -> list[int]:
                asked.append(text)
                return super().encode(text)

        lines, source = prompt.ByLine(Watched.load(EMBEDDED / "tokenizer.json")), SOURCES[0]
        before = prompt.build(lines, CONTROL, source[:5000], source[5000:], "p.py")
        asked.clear()
        after = prompt.build(lines, CONTROL, source[:5000] + " = ", source[5000:], "p.py")
        assert sum(map(len, asked)) < 100
        assert after.context != before.context


class TestPrefix:
    def test_is_marker_path_and_text(self) -> None:
        built = build("import os\n\nos.pa")
        assert ids(built, "prefix")[0] == CONTROL.prefix
        assert text(built, "prefix") == "pkg/mod.py\nimport os\n\nos.pa"
        assert stream(built, "prefix") == built.context.streams[-1]

    def test_an_empty_one_is_only_its_head(self) -> None:
        assert text(build(""), "prefix") == "pkg/mod.py\n"

    @given(code)
    def test_ends_at_the_cursor_whatever_stands_there(self, before: str) -> None:
        assert text(build(before), "prefix").endswith("pkg/mod.py\n" + before)

    @given(st.integers(0, 10**9), st.integers(1, 9))
    def test_a_keystroke_changes_the_tail_alone(self, at: int, typed: int) -> None:
        """But for the rare keystroke at which the window hops."""
        source = long_source()
        cursor = at % (len(source) - typed)
        one, two = (ids(build(source[:end]), "prefix") for end in (cursor, cursor + typed))
        boundary = prompt.safe_boundary(source[:cursor])
        tail = len(TOKENS.encode(source[boundary:cursor]))
        if TOKENS.decode(one[:10]) == TOKENS.decode(two[:10]):
            assert one[: len(one) - tail] == two[: len(one) - tail]

    def test_the_window_moves_only_in_hops(self) -> None:
        """Typing through three files: the start of what is seen stays for hundreds of characters at a time."""
        source, starts, last = long_source()[:12_000], list[int](), ()
        for cursor in range(0, len(source), 50):
            now = ids(build(source[:cursor]), "prefix")
            if now[:40] != last[:40] and cursor > 400:
                starts.append(cursor)
            last = now
        gaps = [b - a for a, b in pairwise(starts)]
        assert 4 < len(starts) < 20
        assert sorted(gaps)[len(gaps) // 2] >= 400

    @pytest.mark.parametrize("dense", ["1,", "0.25 ", "中文 ", "{}[]();:\n", "🙂"])
    def test_text_of_many_tokens_keeps_within_the_budget_and_hops_too(self, dense: str) -> None:
        source, changes, last = dense * 6000, 0, ()
        for cursor in range(8000, 8200, 4):
            now = ids(build(source[:cursor]), "prefix")
            assert 500 <= len(now) <= PREFIX_MOST + PREFIX_MOST // 2
            changes += now[: len(now) // 4] != last[: len(now) // 4]
            last = now
        assert changes <= 5

    @given(st.integers(0, 10**9))
    def test_keeps_within_its_budget_and_near_it(self, at: int) -> None:
        source = long_source()
        cursor = at % len(source)
        length = len(ids(build(source[:cursor]), "prefix"))
        assert length <= PREFIX_MOST + PREFIX_MOST // 2
        assert length >= min(500, len(TOKENS.encode(source[max(0, cursor - 2200) : cursor])) * 0.9)

    def test_starts_at_a_line_start(self) -> None:
        source = long_source()
        for cursor in range(5000, len(source), 3777):
            shown = text(build(source[:cursor]), "prefix").removeprefix("pkg/mod.py\n")
            assert source[cursor - len(shown) - 1] == "\n"
            assert source[:cursor].endswith(shown)

    def test_of_one_endless_line_is_its_end(self) -> None:
        shown = text(build("value = [" + "12, " * 1_000_000), "prefix")
        assert len(shown) > 200
        assert shown.endswith("12, 12, ")
        assert text(build("x" * 3_000_000), "prefix").endswith("x" * 256)

    @pytest.mark.parametrize(
        ("path", "short"),
        [
            ("a/b/c.py", "b/c.py"),
            ("c.py", "c.py"),
            ("C:\\users\\me\\c.py", "me/c.py"),
            ("/c.py", "/c.py"),
            ("", ""),
            ("dir/" + "x" * 500, "x" * 128),
        ],
    )
    def test_its_path_is_short(self, path: str, short: str) -> None:
        assert text(build("x", path=path), "prefix") == f"{short}\nx"


class TestRemark:
    def prefix(self, before: str, remark: str) -> str:
        built = build(before, remark=remark)
        return text(built, "prefix").removeprefix("pkg/mod.py\n")

    @pytest.mark.parametrize(
        ("before", "read"),
        [
            ("import os\n\n    x = os.pa", "import os\n\n    # a\n    # b\n    x = os.pa"),
            ("x = os.pa", "# a\n# b\nx = os.pa"),
            ("\n\nx = os.pa", "# a\n# b\nx = os.pa"),
        ],
    )
    def test_is_read_as_if_it_stood_above_the_line(self, before: str, read: str) -> None:
        assert self.prefix(before, "# a\n# b").lstrip("\n") == read

    @given(st.integers(40, 10**9))
    def test_leaves_what_stands_above_as_it_was(self, at: int) -> None:
        """Wherever on a line the window has moved: nothing above is read anew."""
        source = long_source()
        before = source[: 40 + at % (len(source) - 40)]
        line = len(TOKENS.encode(before[prompt.safe_boundary(before[: before.rfind("\n") + 1]) :]))
        seen, plain = ids(build(before, remark="# def f(a): ..."), "prefix"), ids(build(before), "prefix")
        assert seen[: len(plain) - line] == plain[: len(plain) - line]

    @pytest.mark.parametrize("count", [150, 400, 2_000])
    def test_is_not_read_where_the_line_leaves_it_no_room(self, count: int) -> None:
        """The rest of it would be no comment, and what is left of the line not where it stands."""
        before, remark = "import os\n    x = [" + "12, " * count + "os.pa", "\n".join(["# def path_of(n): ..."] * 12)
        assert build(before, remark=remark) == build(before)


class TestAhead:
    def test_is_what_the_window_shows_next(self) -> None:
        """Typing through three files: where what is seen begins elsewhere, it was told some lines before."""
        source, told, last, known = long_source()[:12_000], tuple[int, ...](), tuple[int, ...](), list[bool]()
        for cursor in range(0, len(source), 20):
            now = ids(build(source[:cursor], heal=True), "prefix")
            if now[:40] != last[:40] and cursor > 400:
                known.append(len(now) - 100 < len(told) and now[: len(told)] == told)
            ahead = prompt.ahead(TOKENS, CONTROL, source[:cursor], "pkg/mod.py")
            told = ahead.streams[0].ids if ahead else told
            last = now
        assert len(known) > 4
        assert sum(known) >= 0.8 * len(known)

    def test_of_a_text_that_is_seen_whole_is_nothing(self) -> None:
        assert prompt.ahead(TOKENS, CONTROL, long_source()[:1000], "pkg/mod.py") is None

    def test_it_is_near(self) -> None:
        source = long_source()[:12_000]
        aheads = [prompt.ahead(TOKENS, CONTROL, source[:cursor], "a.py") for cursor in range(3000, len(source), 50)]
        assert 0.05 < sum(ahead is not None for ahead in aheads) / len(aheads) < 0.5

    def test_plain_forms_have_none(self) -> None:
        source = long_source()[:12_000]
        form = prompt.Form("in-place")
        found = [prompt.ahead(TOKENS, CONTROL, source[:at], "a.py", form=form) for at in range(3000, 12_000, 500)]
        assert found == [None] * len(found)


class TestNearby:
    def test_is_the_end_of_the_same_prefix_without_snippets(self) -> None:
        source, sizes = long_source(), list[int]()
        for cursor in range(16_000, 20_001, 400):
            built = build(source[:cursor], "rest\nbelow\n", "p.py", Snippet("q.py", "text"))
            near, far = (text(one, "prefix").removeprefix("p.py\n") for one in (built.nearby, built))
            assert far.endswith(near)
            tail = source[prompt.safe_boundary(source[:cursor]) : cursor]
            sizes.append(len(ids(built.nearby, "prefix")) - len(TOKENS.encode(tail)))
        assert max(sizes) <= prompt.NEARBY + 16 and median(sizes) >= 180
        assert [one.name for one in built.nearby.streams] == ["below", "rest", "prefix"]
        assert stream(built.nearby, "below") == stream(built, "below")
        assert stream(built.nearby, "rest") != stream(built, "rest"), "it sees `below` at another index"
        assert ids(built.nearby, "rest") == ids(built, "rest")

    def test_of_a_short_file_is_all_of_it(self) -> None:
        built = build("def f(x):\n    ", "\n")
        assert built.nearby == built.context

    def test_its_start_hops_too(self) -> None:
        source, changes, last = long_source()[:10_000], 0, ()
        for cursor in range(8000, 9000, 20):
            now = ids(build(source[:cursor]).nearby, "prefix")
            changes += now[:60] != last[:60]
            last = now
        assert changes <= 9


class TestSuffix:
    @pytest.mark.parametrize(
        ("suffix", "rest", "below"),
        [
            ("", "", ""),
            (")", ")", ""),
            (")\n", ")\n", ""),
            (")\nnext\n", ")\n", "next\n"),
            ("\n    next", "\n", "    next"),
            ("\n\n\n", "\n", "\n\n"),
        ],
    )
    def test_is_the_rest_of_the_line_and_what_is_below(self, suffix: str, rest: str, below: str) -> None:
        built = build("x = f(", suffix)
        assert (text(built, "rest"), text(built, "below")) == (rest, below)
        for name in ("rest", "below"):
            assert ids(built, name)[:1] in ((), (CONTROL.suffix,))

    @given(code)
    def test_shows_all_of_a_short_one(self, suffix: str) -> None:
        built = build("x", suffix)
        shown = text(built, "rest") + text(built, "below")
        assert suffix == shown or len(ids(built, "rest")) == REST_MOST or len(ids(built, "below")) == BELOW_MOST

    def test_keeps_within_its_budgets(self) -> None:
        built = build("x", "a b c " * 500_000 + "\n" + long_source())
        assert (len(ids(built, "rest")), len(ids(built, "below"))) == (REST_MOST, BELOW_MOST)
        assert text(built, "below") in long_source()

    def test_a_closed_bracket_leaves_what_is_below_alone(self) -> None:
        assert ids(build("f(", "\nnext\n"), "below") == ids(build("f(", ")\nnext\n"), "below")


class TestSnippets:
    def test_are_streams_of_their_own_in_order(self) -> None:
        built = build("x", "", "p", Snippet("lib/a.py", "def a(): ..."), Snippet("/deep/down/b.py", "B = 1"))
        first, second = built.context.streams[:2]
        assert (first.name, second.name) == ("snippet", "snippet")
        assert TOKENS.decode(first.ids) == "lib/a.py\ndef a(): ..."
        assert TOKENS.decode(second.ids) == "down/b.py\nB = 1"
        assert first.ids[0] == second.ids[0] == CONTROL.file

    def test_keep_within_their_budget_together(self) -> None:
        many = [Snippet(f"{n}.py", SOURCES[0]) for n in range(5)] + [Snippet("huge.py", "word " * 1_000_000)]
        built = build("x", "", "p", *many)
        lengths = [len(one.ids) for one in built.context.streams if one.name == "snippet"]
        assert sum(lengths) == SNIPPETS_MOST
        small = build("x", "", "p", *(Snippet(f"{n}.py", "def f(): pass\n" * 15) for n in range(4)))
        assert sum(len(one.ids) for one in small.context.streams if one.name == "snippet") <= SNIPPETS_MOST

    def test_no_stream_is_only_a_marker(self) -> None:
        for size in range(500, 520):
            fill = Snippet("a", "".join(["x\n"] * (size // 2)))
            built = build("x", "", "p", fill, Snippet("b", "y"))
            assert all(len(one.ids) > 1 for one in built.context.streams)


class TestPositions:
    def test_are_fixed_but_for_the_middle(self) -> None:
        built = build("def f(x):\n    ", "\ny\n", "p.py", Snippet("a.py", "a"), Snippet("b.py", "b"))
        assert [(one.name, one.start) for one in built.context.streams] == [
            ("snippet", 0),
            ("snippet", 0),
            ("below", BELOW_AT),
            ("rest", REST_AT),
            ("prefix", PREFIX_AT),
        ]
        assert built.context.middle == PREFIX_AT + len(ids(built, "prefix"))

    @given(code, code, st.lists(code, max_size=3))
    def test_never_overlap(self, before: str, after: str, others: list[str]) -> None:
        built = build(before, after, "p.py", *(Snippet("s.py", one) for one in others))
        ends = {"snippet": BELOW_AT, "below": REST_AT, "rest": PREFIX_AT}
        assert all(one.start + len(one.ids) <= ends.get(one.name, 10**9) for one in built.context.streams)

    def test_rest_sees_below_and_nobody_else_sees_anybody(self) -> None:
        built = build("x", "rest\nbelow", "p.py", Snippet("a.py", "a"), Snippet("b.py", "b"))
        assert [one.sees for one in built.context.streams] == [(), (), (), (2,), ()]
        assert [one.sees for one in built.nearby.streams] == [(), (0,), ()]
        assert stream(build("x", "rest"), "rest") == Stream("rest", ids(build("x", "rest"), "rest"), REST_AT)

    def test_fit_the_models_context(self) -> None:
        source = "🙂" * 4000
        built = build(source, source + "\n" + source, source, Snippet(source, source))
        assert built.context.middle < 2048


@given(st.lists(st.one_of(st.sampled_from(NAMES), code), max_size=8).map("".join))
def test_the_name_of_a_control_token_is_only_text(text_of_file: str) -> None:
    built = build(text_of_file, text_of_file, "[PRE]/[MID]", Snippet("[FILE]", text_of_file))
    for one in built.context.streams:
        assert one.ids[0] in (CONTROL.prefix, CONTROL.suffix, CONTROL.file)
        assert all(index >= RESERVED for index in one.ids[1:])


class TestHealing:
    """Weights without a trained canvas write the cursor's word again."""

    def whole(self, built: Prompt) -> str:
        """What the model has seen when it begins to write."""
        opening = built.context.opening
        return TOKENS.decode((*ids(built, "prefix"), *(() if opening is None else (opening,))))

    @given(code)
    @example("retu")
    @example("x = foo(\n    ")
    @example("🙂")
    def test_takes_back_what_the_middle_must_write_again(self, before: str) -> None:
        built = build(before, heal=True)
        assert self.whole(built) + built.healed == "pkg/mod.py\n" + before
        assert bool(built.healed) == bool(before)

    @given(code, code)
    @example("    retu", "rn x")
    @example("    glomm", "er = 1")
    @example("}\n\n", "static int x;")
    @example("}\n\n", "    x = 1")
    def test_the_two_sides_have_the_tokens_that_the_whole_has(self, before: str, written: str) -> None:
        """But where blanks go on, of which the last one alone is written again, and but for words like `it's`."""
        if not before.strip() or (not written[:1].strip() and before[-1] in " \t") or "'" in before + written:
            return
        middle = TOKENS.encode(build(before, heal=True).healed + written)
        assert middle == TOKENS.encode(before + written)[-len(middle) :]

    @given(code, code)
    def test_read_gives_back_the_text_that_was_written(self, before: str, written: str) -> None:
        built = build(before, heal=True)
        answer = TOKENS.encode(built.healed + written)
        assert prompt.read(TOKENS, answer, built.healed) == written

    @pytest.mark.parametrize(
        ("before", "healed"),
        [
            ("Größenänderungsübersicht", "übersicht"),
            ("# 这个函数计算两个数字的总和", "的总和"),
            ("x = 1" + 40 * "\n", "\n\n\n"),
            ("x = 1\n" + 10 * "    \n", 3 * "    \n"),
            ("retu", "retu"),
        ],
    )
    def test_of_a_long_word_its_end_alone(self, before: str, healed: str) -> None:
        built = build(before, heal=True)
        assert built.healed == healed or len(TOKENS.encode(built.healed)) <= prompt.HEALED_MOST + 3
        assert before.endswith(built.healed) and self.whole(built).endswith(before.removesuffix(built.healed))

    @pytest.mark.parametrize("blanks", ["\n    ", "\n        ", "\n\n            ", "\n\t\t", "x  ", "a = "])
    def test_after_blanks_the_word_that_follows_has_the_tokens_it_always_has(self, blanks: str) -> None:
        """Of an indentation the last blank is the next word's; healed whole, it could only grow."""
        before, word = f"def f():{blanks}", "return 1"
        built = build(before, heal=True)
        assert built.healed == before[-1]
        middle = TOKENS.encode(built.healed + word)
        assert built.context.opening is not None
        read = [*ids(built, "prefix"), built.context.opening]
        assert (read + middle)[-6:] == TOKENS.encode("pkg/mod.py\n" + before + word)[-6:]

    def test_a_middle_that_did_not_write_it_again_is_nothing(self) -> None:
        built = build("os.pa", heal=True)
        assert prompt.read(TOKENS, TOKENS.encode("q"), built.healed) == ""
        assert prompt.read(TOKENS, (), built.healed) == ""

    @given(code)
    def test_without_it_the_middle_is_the_text(self, written: str) -> None:
        built = build("x = ")
        assert built.healed == ""
        assert prompt.read(TOKENS, TOKENS.encode(written), built.healed) == written
        assert built.context.opening is None
