"""Snapshots against a naive model: text, lines, line endings, bytes, trees, history."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import tree_sitter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infill.document import Edited, Snapshot, path_of
from infill.edits import Edit
from infill.languages import grammar, language
from infill.syntax import MARGIN, WHOLE, WINDOW, Bytes, Syntax
from tests.conftest import ROOT

CODE = ("a", "x = 1", "(", ")", ":", "def f(x):\n    return x\n", '"', "'''", "#", " ", "\t")
STRANGE = ("\n", "\r\n", "\r", "\x0c", "\u2028", "\x85", "é", "e\u0301", "😀", "👩\u200d👧", "\ud83d", "\ufeff", "\0")
PIECES = st.sampled_from(CODE + STRANGE)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), TEXTS), min_size=1, max_size=8)


def line_starts(text: str) -> list[int]:
    return [0, *(end.end() for end in re.finditer("\r\n|\r|\n", text))]


def lf(text: str) -> str:
    return re.sub("\r\n|\r", "\n", text)


def fresh_tree(text: str, language_id: str) -> str:
    loaded = grammar(language(language_id))
    assert loaded is not None
    return str(tree_sitter.Parser(loaded).parse(re.sub("[\ud800-\udfff]", "\ufffd", text).encode()).root_node)


def places(text: str, edits: list[tuple[float, float, str]]) -> list[Edit]:
    """Edits at random places of the text as it is when each is made."""
    changes = []
    for a, b, new in edits:
        start, end = sorted((round(a * len(text)), round(b * len(text))))
        end = min(end, start + 20)
        changes.append(Edit(start, end, new))
        text = text[:start] + new + text[end:]
    return changes


def follow(text: str, edits: list[tuple[float, float, str]], parse: bool) -> None:
    snapshot = Snapshot.open("file:///a.py", 0, "python", text)
    for version, change in enumerate(places(text, edits), start=1):
        before = snapshot
        if parse or version % 3 == 0:
            before.syntax(change.start)
        text = text[: change.start] + change.text + text[change.end :]
        snapshot = before.edit([change], version)
        assert snapshot.text == text
        assert snapshot.version == version
        assert snapshot.line_starts.tolist() == line_starts(text)
        if parse:
            syntax = snapshot.syntax(len(text))
            assert syntax is not None
            assert str(syntax.tree.root_node) == fresh_tree(text, "python")
            old = before.syntax(0)
            assert old is not None
            assert str(old.tree.root_node) == fresh_tree(before.text, "python")


class TestEditing:
    @given(TEXTS, EDITS)
    @example("a\r", [(1.0, 1.0, "\n")])
    @example("\r\n", [(0.5, 0.5, "x")])
    @example("a\r\nb", [(0.25, 0.5, "")])
    @example("", [(0.0, 0.0, "\r"), (1.0, 1.0, "\n"), (0.5, 0.5, "\r")])
    def test_text_and_lines_are_the_clients(self, text: str, edits: list[tuple[float, float, str]]) -> None:
        follow(text, edits, parse=False)

    @given(TEXTS, EDITS)
    @settings(max_examples=60)
    def test_tree_is_that_of_a_fresh_parse(self, text: str, edits: list[tuple[float, float, str]]) -> None:
        follow(text, edits, parse=True)

    @pytest.mark.slow
    @given(TEXTS, EDITS)
    @settings(max_examples=1000)
    def test_tree_is_that_of_a_fresh_parse_at_length(self, text: str, edits: list[tuple[float, float, str]]) -> None:
        follow(text, edits, parse=True)

    @given(TEXTS, EDITS)
    def test_changes_of_one_notification_build_on_each_other(
        self, text: str, edits: list[tuple[float, float, str]]
    ) -> None:
        changes = places(text, edits)
        one_by_one = Snapshot.open("file:///a.py", 0, "python", text)
        for change in changes:
            one_by_one = one_by_one.edit([change], 1)
        at_once = Snapshot.open("file:///a.py", 0, "python", text).edit(changes, 1)
        assert at_once.text == one_by_one.text
        assert at_once.history == one_by_one.history

    def test_a_change_outside_the_text_is_refused_and_nothing_is_lost(self) -> None:
        snapshot = Snapshot.open("file:///a.py", 1, "python", "abc")
        for change in (Edit(2, 1, ""), Edit(-1, 0, ""), Edit(0, 4, "")):
            with pytest.raises(ValueError, match="send the whole text again"):
                snapshot.edit([change], 2)
        assert (snapshot.text, snapshot.version) == ("abc", 1)

    def test_a_snapshot_keeps_no_ancestors(self) -> None:
        import gc
        import weakref

        snapshot = Snapshot.open("file:///a.py", 0, "python", "x = 1\n")
        ancestors = []
        for version in range(1, 6):
            snapshot.syntax(0)
            ancestors.append(weakref.ref(snapshot))
            snapshot = snapshot.edit([Edit(0, 0, "y")], version)
        gc.collect()
        assert [ancestor() for ancestor in ancestors] == [None] * 5


class TestHistory:
    def test_typing_is_one_edit_and_so_is_deleting(self) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", "ab")
        for at, char in enumerate("xyz", start=1):
            snapshot = snapshot.edit([Edit(at, at, char)], at)
        assert snapshot.history == (Edited(1, "", "xyz"),)
        for at in (4, 3, 2):
            snapshot = snapshot.edit([Edit(at - 1, at, "")], 9)
        assert snapshot.text == "ab"
        assert snapshot.history == (Edited(1, "", "xyz"), Edited(1, "xyz", ""))
        snapshot = snapshot.edit([Edit(1, 2, "")], 10)
        assert snapshot.history[-1] == Edited(1, "xyzb", "")

    @given(TEXTS, EDITS)
    def test_history_leads_back_to_the_first_text(self, text: str, edits: list[tuple[float, float, str]]) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", text).edit(places(text, edits), 1)
        back = snapshot.text
        for edit in reversed(snapshot.history):
            assert back[edit.start : edit.start + len(edit.inserted)] == edit.inserted
            back = back[: edit.start] + edit.removed + back[edit.start + len(edit.inserted) :]
        assert back == text

    def test_it_is_short(self) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", "a" * 200)
        for version in range(100):
            snapshot = snapshot.edit([Edit(2 * version, 2 * version + 1, "b")], version)
        assert len(snapshot.history) == 64

    def test_it_holds_no_long_texts(self) -> None:
        """As of a file that is read again from the disk, over and over."""
        snapshot = Snapshot.open("file:///a.py", 0, "python", "a" * 100_000)
        snapshot = snapshot.edit([Edit(0, 100_000, "b" * 100_000)], 1)
        assert snapshot.history == (Edited(0, "a" * 100_000, "b" * 100_000),)
        snapshot = snapshot.edit([Edit(0, 100_000, "c" * 100_001)], 2)
        assert snapshot.history == ()
        snapshot = snapshot.edit([Edit(5, 5, "y")], 3)
        assert snapshot.history == (Edited(5, "", "y"),)
        assert snapshot.edit([Edit(6, 6, "x" * 200_000)], 4).history == ()

    def test_nor_many_that_are_long_together(self) -> None:
        """As of a file that is formatted, over and over."""
        snapshot = Snapshot.open("file:///a.py", 0, "python", "a" * 30_000)
        for version in range(1, 65):
            snapshot = snapshot.edit([Edit(0, 30_000, "ab"[version % 2] * 30_000)], version)
        assert [edit.inserted[0] for edit in snapshot.history] == ["a", "b", "a"]

    def test_a_whole_text_that_changed_in_one_place_is_a_small_edit(self) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", "one two three")
        snapshot = snapshot.edit([Edit(0, 13, "one 2 three")], 1)
        assert snapshot.history == (Edited(4, "two", "2"),)


class TestLines:
    @given(TEXTS)
    def test_every_offset_stands_on_its_line(self, text: str) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", text)
        starts = line_starts(text)
        assert snapshot.line_count == len(starts)
        for offset in range(len(text) + 1):
            line = snapshot.line_of(offset)
            assert starts[line] <= offset
            assert line + 1 == len(starts) or offset < starts[line + 1]
        for line in range(snapshot.line_count):
            start, end = snapshot.line_range(line)
            assert start == starts[line]
            assert not re.search("[\r\n]", text[start:end])
            assert re.match("\r\n|\r|\n|$", text[end:])

    def test_form_feed_and_unicode_separators_end_no_line(self) -> None:
        assert Snapshot.open("a", 0, "python", "a\x0cb\u2028c\x85d\x0b").line_count == 1

    def test_a_line_that_is_not_there(self) -> None:
        snapshot = Snapshot.open("a", 0, "python", "")
        assert snapshot.line_range(0) == (0, 0)
        for line in (-1, 1):
            with pytest.raises(IndexError, match="has no line"):
                snapshot.line_range(line)

    @given(TEXTS)
    def test_both_sides_of_an_offset_join_to_the_text_with_lf(self, text: str) -> None:
        snapshot = Snapshot.open("a", 0, "python", text)
        for offset in range(len(text) + 1):
            assert snapshot.lf(0, offset) + snapshot.lf(offset, len(text)) == lf(text)

    @pytest.mark.parametrize(
        ("text", "ending"),
        [
            ("", "\n"),
            ("a", "\n"),
            ("a\r\nb\r\nc\n", "\r\n"),
            ("a\nb\n\r\n", "\n"),
            ("a\rb\rc\n", "\r"),
            ("\r\n", "\r\n"),
        ],
    )
    def test_the_dominant_line_ending(self, text: str, ending: str) -> None:
        assert Snapshot.open("a", 0, "python", text).newline == ending


class TestSyntax:
    @given(TEXTS)
    def test_bytes_and_back(self, text: str) -> None:
        table = Bytes(text)
        for offset in range(len(text) + 1):
            before = len(text[:offset].encode("utf-8", "surrogatepass"))
            assert table.before(offset) == before
            assert table.offset(before) == offset
            if offset < len(text):
                width = len(text[offset].encode("utf-8", "surrogatepass"))
                assert {table.offset(before + inner) for inner in range(width)} == {offset}

    def test_nodes_have_code_point_ranges(self) -> None:
        snapshot = Snapshot.open("a", 0, "python", "'😀é' + name\n")
        syntax = snapshot.syntax(0)
        assert syntax is not None
        node = syntax.node_at(8)
        assert (node.type, syntax.text_of(node), syntax.range_of(node)) == ("identifier", "name", (7, 11))

    @pytest.mark.parametrize("text", ["x = (1,\n", "def f(:\n  pass\n", "class\n", "x = )\n"])
    def test_errors_are_counted_where_they_touch(self, text: str) -> None:
        sound = "y = 1\n" * 5
        snapshot = Snapshot.open("a", 0, "python", sound + text)
        assert snapshot.errors(len(sound), len(snapshot.text)) > 0
        assert Snapshot.open("a", 0, "python", sound).errors(0, len(sound)) == 0
        assert Snapshot.open("a", 0, "plaintext", text).errors(0, len(text)) == 0

    def test_errors_of_a_long_file_are_found_wherever_they_are(self) -> None:
        sound = "def f(a):\n    return [a]\n\n\n" * (3 * WHOLE // 27)
        for place in (0, len(sound) // 54 * 27, len(sound)):
            text = sound[:place] + "x = = 1\n" + sound[place:]
            snapshot = Snapshot.open("a", 0, "python", text)
            assert snapshot.errors(0, len(text)) > 0
            assert snapshot.errors(place, place + 7) > 0
        assert Snapshot.open("a", 0, "python", sound).errors(0, len(sound)) == 0

    def test_what_is_sound_has_no_errors_wherever_a_window_would_begin(self) -> None:
        text = "class A {\n" + "    void f() {\n        g(1);\n    }\n\n" * (2 * WHOLE // 38) + "}\n"
        snapshot = Snapshot.open("a", 0, "java", text)
        lines = (snapshot.line_range(line) for line in range(0, snapshot.line_count, 50))
        assert [line for line in lines if snapshot.errors(*line)] == []

    def test_plain_text_and_oversized_texts_have_no_tree(self) -> None:
        assert Snapshot.open("a", 0, "plaintext", "x = 1").syntax(0) is None
        assert Snapshot.open("a", 0, "python", "x" * 20_001).syntax(0) is None
        assert Snapshot.open("a", 0, "python", "x = 1\n" * 700_000).syntax(0) is None

    def test_a_long_file_is_read_through_a_window(self) -> None:
        function = "def f(a):\n    if a:\n        return g(a, 'é')\n    return [a]\n\n\n"
        text = function * (3 * WHOLE // len(function))
        snapshot = Snapshot.open("a", 0, "python", text)
        middle = text.index("return", len(text) // 2)
        syntax = snapshot.syntax(middle)
        assert syntax is not None
        assert len(syntax.text) <= WINDOW + MARGIN
        assert syntax.start <= middle - MARGIN
        assert syntax.errors(0, len(text)) == 0
        assert syntax.text_of(syntax.node_at(middle)) == "return"
        for version, char in enumerate("x = g(", start=1):
            snapshot = snapshot.edit([Edit(middle, middle, char)], version)
            middle += 1
            kept = snapshot.syntax(middle)
            assert kept is not None
            assert kept.start == syntax.start
            assert str(kept.tree.root_node) == fresh_tree(kept.text, "python")
        far = snapshot.syntax(10)
        assert far is not None
        assert far.start == 0

    def test_an_edit_above_the_window_moves_it(self) -> None:
        text = "value = compute(1)\n" * 10_000
        snapshot = Snapshot.open("a", 0, "python", text)
        middle = len(text) // 2
        first = snapshot.syntax(middle)
        moved = snapshot.edit([Edit(0, 0, "# é\n" * 10)], 1).syntax(middle + 40)
        assert isinstance(first, Syntax)
        assert isinstance(moved, Syntax)
        assert moved.tree is first.tree
        assert moved.start == first.start + 40


class TestNames:
    @pytest.mark.parametrize(
        ("uri", "path"),
        [
            ("file:///home/me/a%20b/%C3%A9.py", "/home/me/a b/é.py"),
            ("file:///c%3A/Users/me/a.py", "c:/Users/me/a.py"),
            ("file:///C:/a.py", "C:/a.py"),
            ("file://server/share/a.py", "//server/share/a.py"),
            ("file://localhost/a.py", "/a.py"),
            ("untitled:Untitled-1", "Untitled-1"),
            ("untitled:/home/me/new.py", "/home/me/new.py"),
            ("vscode-notebook-cell:/home/me/a.ipynb#W0s", "/home/me/a.ipynb"),
            ("vscode-vfs://github/me/repo/src/a.ts?x=1", "/me/repo/src/a.ts"),
            ("/home/me/a.py", "/home/me/a.py"),
            ("src\\lib\\a.py", "src/lib/a.py"),
            ("C:\\src\\a.py", "C:/src/a.py"),
            ("", ""),
        ],
    )
    def test_a_path_from_any_uri(self, uri: str, path: str) -> None:
        assert path_of(uri) == path

    def test_short_names(self) -> None:
        snapshot = Snapshot.open("file:///home/me/shop/cart.py", 0, "python", "")
        assert (snapshot.short_path, snapshot.name) == ("shop/cart.py", "cart.py")
        assert Snapshot.open("untitled:Untitled-1", 0, "python", "").short_path == "Untitled-1"


def test_what_is_derived_is_made_once_a_snapshot() -> None:
    made = []

    def count(snapshot: Snapshot) -> int:
        made.append(snapshot.version)
        return len(snapshot.text)

    snapshot = Snapshot.open("a", 0, "python", "abc")
    assert [snapshot.derived(count), snapshot.derived(count)] == [3, 3]
    assert snapshot.edit([Edit(0, 0, "x")], 1).derived(count) == 4
    assert made == [0, 1]


def test_line_starts_cannot_be_written_to() -> None:
    snapshot = Snapshot.open("a", 0, "python", "a\nb")
    assert isinstance(snapshot.line_starts, np.ndarray)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.line_starts[0] = 1


HALVES = (
    '@0<!_<0+=\ud83d*/\u2028\x00[_\U0001f600"""<"""`>```r\ud83d\n\xe9<[\U0001f600:\nf(,"\n\'<|\n{][,\U0001f600) \ud83d'
    "//\n\ud83d`*r;?\x0c```//@[\u2028a<}//b\n\n \n}de)_*/\\\n ,"
)
"""Halves of surrogate pairs in TypeScript, as a fuzzer found them: as bytes that are no UTF-8, they kept the grammar's
scanner busy for ever."""


def test_half_a_surrogate_pair_keeps_no_parser_busy() -> None:
    program = f"from infill.document import Snapshot\nSnapshot.open('untitled:', 1, 'typescript', {HALVES!a}).syntax(0)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
