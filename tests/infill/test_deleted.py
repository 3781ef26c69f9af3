"""What was deleted is not put back."""

from __future__ import annotations

import pytest

from infill import deleted
from infill.deleted import puts_back
from infill.document import Snapshot
from infill.edits import Edit


def backspaced(text: str, start: int, end: int) -> Snapshot:
    snapshot = Snapshot.open("file:///a.py", 0, "python", text)
    for at in range(end, start, -1):
        snapshot = snapshot.edit([Edit(at - 1, at, "")], at)
    return snapshot


class TestPutsBack:
    def test_what_was_deleted_key_by_key(self) -> None:
        snapshot = backspaced("x = foo(bar)\n", 4, 12)
        assert snapshot.text == "x = \n"
        assert puts_back(snapshot, 4, 4, "foo(bar)")
        assert puts_back(snapshot, 4, 4, "foo( bar )")
        assert puts_back(snapshot, 4, 4, "foo(bar) + 1")
        assert puts_back(snapshot, 4, 4, "foo")
        assert puts_back(snapshot, 4, 4, "bar")
        assert not puts_back(snapshot, 4, 4, "compute(1)")
        assert not puts_back(snapshot, 4, 4, "foo(baz)")

    def test_typing_the_beginning_again(self) -> None:
        snapshot = backspaced("x = foo(bar)\n", 4, 12).edit([Edit(4, 4, "f")], 20)
        assert puts_back(snapshot, 5, 5, "oo(bar)")
        assert not puts_back(snapshot, 5, 5, "ix(1)")
        other = backspaced("x = foo(bar)\n", 4, 12).edit([Edit(4, 4, "b")], 20)
        assert not puts_back(other, 5, 5, "oo(bar)")

    def test_another_word_that_begins_and_ends_like_it(self) -> None:
        text = "if mispelled_files:\n"
        snapshot = Snapshot.open("file:///a.py", 0, "python", text).edit([Edit(3, 18, "")], 1)
        for typed in range(len("misspell")):
            assert not puts_back(snapshot, 3 + typed, 3 + typed, "misspelled_files"[typed:])
            snapshot = snapshot.edit([Edit(3 + typed, 3 + typed, "misspelled_files"[typed])], 2 + typed)

    def test_all_of_it_typed_again(self) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", "def add(\n")
        snapshot = snapshot.edit([Edit(0, 8, "")], 1).edit([Edit(0, 0, "def add(")], 2)
        assert not puts_back(snapshot, 8, 8, "a, b):"), "there is nothing left to put back"

    def test_what_was_deleted_elsewhere_is_no_matter(self) -> None:
        snapshot = backspaced("x = foo(bar)\ny = \n", 4, 12)
        assert not puts_back(snapshot, 9, 9, "foo(bar)")

    def test_the_place_moves_with_edits_before_it(self) -> None:
        snapshot = backspaced("x = foo(bar)\n", 4, 12).edit([Edit(0, 0, "long_")], 20)
        assert puts_back(snapshot, 9, 9, "foo(bar)")

    def test_a_shown_text_that_was_accepted_and_undone(self) -> None:
        snapshot = Snapshot.open("file:///a.py", 0, "python", "x = \n")
        snapshot = snapshot.edit([Edit(4, 4, "compute(values)")], 1)
        snapshot = snapshot.edit([Edit(4, 19, "")], 2)
        assert puts_back(snapshot, 4, 4, "compute(values)")

    def test_one_character_is_put_back_only_as_itself(self) -> None:
        snapshot = backspaced("f(a)\n", 3, 4)
        assert puts_back(snapshot, 3, 3, ")")
        assert not puts_back(snapshot, 3, 3, ") + g(b)")

    @pytest.mark.parametrize(
        ("line", "start", "end", "text", "back"),
        [
            ("parts = arrays\n", 11, 14, "ay", True),
            ("parts = arrays\n", 12, 14, "y", True),
            ("self.connection.rack\n", 13, 15, "onPool", True),
            ("value >>= 7\n", 3, 5, "ue =", True),
            ("self.connection.rack\n", 13, 15, "vity", False),
            ("f(arrays)\n", 2, 8, "array_of(x)", False),
            ("x = -count\n", 4, 5, "-1", False),
        ],
    )
    def test_a_word_cut_short_does_not_go_on_with_the_letter_it_lost(
        self, line: str, start: int, end: int, text: str, back: bool
    ) -> None:
        assert puts_back(backspaced(line, start, end), start, start, text) is back

    def test_the_letter_typed_again_it_may_go_on(self) -> None:
        snapshot = backspaced("self.connection.rack\n", 13, 15).edit([Edit(13, 13, "o")], 20)
        assert not puts_back(snapshot, 14, 14, "rPool")

    def test_long_ago_is_forgiven(self) -> None:
        snapshot = backspaced("x = foo(bar)\n" + "y\n" * 20, 4, 12)
        for n in range(9):
            at = len(snapshot.text) - 2 * n
            snapshot = snapshot.edit([Edit(at, at, "z")], 30 + n)
        assert not puts_back(snapshot, 4, 4, "foo(bar)")

    def test_half_a_file_below_an_edit_is_not_read_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        written, read = deleted._written, list[int]()

        def counted(text: str) -> str:
            read.append(len(text))
            return written(text)

        monkeypatch.setattr(deleted, "_written", counted)
        snapshot = Snapshot.open("file:///a.py", 0, "python", "name = other\n" * 5_000)
        for line in range(5):
            snapshot = snapshot.edit([Edit(13 * line, 13 * line + 4, "word")], line)
        for rewritten in (Edit(130, 60_000, "other = name\n" * 4_000), Edit(50_000, 50_000, "va")):
            snapshot = snapshot.edit([rewritten], 20)
        assert not puts_back(snapshot, 50_002, 50_002, "lue")
        assert sum(read) < 2_000

    def test_nothing_was_deleted(self) -> None:
        assert not puts_back(Snapshot.open("a", 0, "python", "x = \n"), 4, 4, "foo(bar)")
