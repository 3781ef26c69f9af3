"""Which renamings a document's last edits hold, and what of all that follows comes first."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infill.complete import Completer, Preferences
from infill.context import in_cell
from infill.document import Snapshot
from infill.edits import Edit, apply, joined
from infill.next_edit import ONCE, TOGETHER, TWICE, Renamed, again, first, following, renamings

TEXT = "def f(count, rows):\n    for row in rows:\n        count += row\n    return count\n"
AT = TEXT.index("count")


def opened(text: str = TEXT, language: str = "python") -> Snapshot:
    return Snapshot.open("file:///a.py", 1, language, text)


def edited(snapshot: Snapshot, *changes: tuple[int, int, str]) -> Snapshot:
    for change in changes:
        snapshot = snapshot.edit([Edit(*change)], snapshot.version + 1)
    return snapshot


def typed(snapshot: Snapshot, at: int, text: str) -> Snapshot:
    return edited(snapshot, *((at + number, at + number, letter) for number, letter in enumerate(text)))


def erased(snapshot: Snapshot, start: int, end: int) -> Snapshot:
    """Backspace by backspace."""
    return edited(snapshot, *((at - 1, at, "") for at in range(end, start, -1)))


WAYS = {
    "selected and typed over": lambda s: typed(edited(s, (AT, AT + 5, "t")), AT + 1, "otal"),
    "erased, then typed": lambda s: typed(erased(s, AT, AT + 5), AT, "total"),
    "deleted at once, then typed": lambda s: typed(edited(s, (AT, AT + 5, "")), AT, "total"),
    "pasted": lambda s: edited(s, (AT, AT + 5, "total")),
    "with a slip": lambda s: typed(erased(typed(erased(s, AT, AT + 5), AT, "totl"), AT + 3, AT + 4), AT + 3, "al"),
    "letters within it": lambda s: edited(s, (AT, AT + 2, "t"), (AT + 1, AT + 4, "otal")),
    "typed on": lambda s: erased(typed(erased(s, AT, AT + 5), AT, "total: int"), AT + 5, AT + 10),
    "whole text sent": lambda s: edited(s, (0, len(TEXT), TEXT.replace("count", "total", 1))),
}


class TestRenamings:
    @pytest.mark.parametrize("way", WAYS)
    def test_however_a_name_is_typed(self, way: str) -> None:
        after = WAYS[way](opened())
        assert after.text == TEXT.replace("count", "total", 1)
        assert next(renamings(after)) == Renamed(AT, "count", "total")
        found = following(after)
        assert found is not None
        assert apply(after.text, found.changes) == TEXT.replace("count", "total")

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ([(AT, AT, "x")], [("count", "xcount")]),
            ([(AT + 5, AT + 5, "er")], [("count", "counter")]),
            ([(AT, AT + 5, "")], []),
            ([(AT, AT + 5, "1")], []),
            ([(AT, AT + 5, "a, b")], [("count", "a")]),
            ([(AT, AT + 5, "(a, b)")], []),
            ([(AT, AT + 6, "total,")], [("count", "total")]),
            ([(AT, AT + 6, "total;")], [("count", "total")]),
            ([(AT, AT + 5, ""), (AT, AT, "total: int = 3")], [("count", "total")]),
            ([(AT, AT + 11, "total: int")], [("count", "total")]),
            ([(AT, AT + 5, "total"), (AT, AT, "*, ")], [("count", "total")]),
            ([(AT, AT + 5, ""), (AT, AT, "count")], []),
            ([(AT, AT + 5, "total"), (AT, AT + 5, "count")], []),
            ([(len(TEXT), len(TEXT), "new")], []),
            ([(AT, TEXT.index("        "), "total):\n    for row in total:\n")], []),
            ([(AT, AT + 11, "total):\n    rows = total")], []),
        ],
    )
    def test_what_is_one(self, changes: list[tuple[int, int, str]], said: list[tuple[str, str]]) -> None:
        after = edited(opened(), *changes)
        assert [(one.old, one.new) for one in renamings(after)] == said

    def test_a_word_that_is_corrected_while_it_is_typed_is_none(self) -> None:
        end = len(TEXT)
        begun = typed(opened(), end, "print(count")
        assert list(renamings(typed(erased(begun, end + 6, end + 11), end + 6, "rows"))) == []
        done = typed(begun, end + 11, ", rows)")
        (one,) = renamings(typed(erased(done, end + 6, end + 11), end + 6, "total"))
        assert one == Renamed(end + 6, "count", "total")

    def test_other_edits_may_come_after_it_and_move_it(self) -> None:
        after = edited(opened(), (AT, AT + 5, "total"), (0, 0, "import os\n\n"), (len(TEXT) + 11, len(TEXT) + 11, "#"))
        assert list(renamings(after)) == [Renamed(AT + 11, "count", "total")]
        found = following(after)
        assert found is not None
        assert apply(after.text, found.changes) == "import os\n\n" + TEXT.replace("count", "total") + "#"

    def test_many_edits_later_it_is_no_news(self) -> None:
        after = edited(opened(), (AT, AT + 5, "total"))
        for number in range(8):
            end = len(after.text)
            after = edited(after, (end, end, "#"), (number, number, ""), (end, end + 1, "\n"))
        assert list(renamings(after)) == []

    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["", "a", "ab", " ", "a b"]))))
    def test_of_any_edits_the_new_names_stand_where_they_are_said_to(self, edits: list[tuple[int, int, str]]) -> None:
        snapshot = opened("one two(three, four)\nfive six\n", "plaintext")
        for start, end, text in edits:
            low, high = sorted(min(at, len(snapshot.text)) for at in (start, end))
            snapshot = edited(snapshot, (low, high, text))
        newest = next(renamings(snapshot), None)
        if newest is not None:
            assert snapshot.text[newest.at : newest.at + len(newest.new)] == newest.new


class TestFollowing:
    def test_half_a_keyword_is_no_name(self) -> None:
        text = "function f(ins, rows) {\n  return ins + rows;\n}\n"
        at = text.index("ins")
        assert following(edited(opened(text, "javascript"), (at, at + 3, "in"))) is None

    @pytest.mark.parametrize(
        ("language", "text", "follows"),
        [
            ("python", "from rows import count\nprint(count)\n", False),
            ("python", "from rows import (\n    count,\n    load,\n)\nprint(count)\n", False),
            ("python", "from rows import load as count\nprint(count)\n", True),
            ("python", "import count\nprint(count.all())\n", True),
            ("typescript", "import { count, load } from './rows';\nload(count);\n", False),
            ("typescript", "import { load as count } from './rows';\nload(count);\n", True),
            ("javascript", "import count from './rows';\nload(count);\n", True),
            ("rust", "use rows::count;\nfn f() { count(); }\n", False),
            ("rust", "use rows::{count, load};\nfn f() { count(); }\n", False),
            ("rust", "use rows::load as count;\nfn f() { count(); }\n", True),
        ],
    )
    def test_another_name_of_an_import_is_another_thing(self, language: str, text: str, follows: bool) -> None:
        at = text.index("count")
        assert (following(edited(opened(text, language), (at, at + 5, "total"))) is not None) is follows

    def test_done_by_hand_it_is_over(self) -> None:
        after = opened()
        while (at := after.text.find("count")) >= 0:
            assert (following(after) is None) == (after.text == TEXT)
            after = edited(after, (at, at + 5, "total"))
        assert following(after) is None

    def test_what_is_put_back_stays(self) -> None:
        after = edited(opened(), (AT, AT + 5, "total"))
        found = following(after)
        assert found is not None
        taken = after.edit([Edit(one.start, one.end, one.text) for one in reversed(found.changes)], 10)
        assert following(taken) is None
        undone = taken.edit([Edit(one.start, one.end, "count") for one in reversed(found.changes)], 11)
        assert undone.text == after.text
        assert following(undone) is None
        one = found.changes[0]
        by_hand = typed(erased(taken, one.start, one.end), one.start, "count")
        assert by_hand.text != taken.text
        assert following(by_hand) is None

    def test_a_slip_of_the_hand_at_a_use_changes_nothing(self) -> None:
        renamed = edited(opened(), (AT, AT + 5, "total"))
        end = renamed.text.index("count") + 5
        slipped = edited(renamed, (end, end, "x"), (end, end + 1, ""))
        assert slipped.text == renamed.text
        found = following(slipped)
        assert found is not None
        assert apply(slipped.text, found.changes) == TEXT.replace("count", "total")

    @pytest.mark.parametrize(
        ("text", "above", "below", "known"),
        [
            ("count = 1\nprint(count)\n", "rows = []", "print(rows)", True),
            ("count = 1\nprint(count)\n", "", "print(count)", False),
            ("count = 1\nprint(count)\n", "total = 5", "", False),
            (TEXT, "count = 1", "print(total)", True),
        ],
        ids=["of this cell", "seen below", "taken above", "within a function"],
    )
    def test_what_another_cell_says_is_not_all_known(self, text: str, above: str, below: str, known: bool) -> None:
        cell = in_cell(opened(text), *([opened(other)] for other in (above, below)))
        at = text.index("count")
        assert (following(edited(cell, (at, at + 5, "total"))) is not None) is known

    def test_what_is_renamed_back_is_renamed_back_everywhere(self) -> None:
        renamed = edited(opened(), (AT, AT + 5, "total"))
        found = following(renamed)
        assert found is not None
        there = renamed.edit([Edit(one.start, one.end, one.text) for one in reversed(found.changes)], 10)
        back = edited(there, (AT, AT + 5, "count"))
        found = following(back)
        assert found is not None
        assert apply(back.text, found.changes) == TEXT

    @pytest.mark.parametrize("word_by_word", [True, False])
    def test_taken_in_parts_the_rest_follows(self, word_by_word: bool) -> None:
        text = "def f(count):\n" + "    use(count, count)\n    pass\n" * 20
        after = edited(opened(text), (AT, AT + 5, "total"))
        rounds = 0
        while (found := following(after)) is not None:
            taken = first(after, AT, found.changes)
            one = joined(after.text, taken)
            assert after.text[one.start : one.end].count("\n") < TOGETHER
            if word_by_word:
                changes = [Edit(part.start, part.end, part.text) for part in reversed(taken)]
                after = after.edit(changes, after.version + 1)
            else:
                after = edited(after, (one.start, one.end, one.text))
            rounds += 1
        assert rounds == 4
        assert after.text == text.replace("count", "total")

    def test_what_stands_behind_the_cursor_comes_first(self) -> None:
        text = "def f():\n    return count()\n\n\ndef count():\n    pass\n\n\ncount()\n"
        at = text.index("count():")
        after = edited(opened(text), (at, at + 5, "total"))
        found = following(after)
        assert found is not None
        for cursor, comes in ((at, text.rindex("count")), (0, text.index("count")), (len(text), text.index("count"))):
            assert first(after, cursor, found.changes)[0].start == comes

    def test_line_ends_stay_as_they_are(self) -> None:
        text = TEXT.replace("\n", "\r\n")
        after = edited(opened(text), (AT, AT + 5, "total"))
        found = following(after)
        assert found is not None
        one = joined(after.text, found.changes)
        assert apply(after.text, [one]) == text.replace("count", "total")

    @pytest.mark.parametrize("language", ["plaintext", "yaml"])
    def test_nothing_is_known_of_other_languages(self, language: str) -> None:
        assert following(edited(opened(language=language), (AT, AT + 5, "total"))) is None


def changed(text: str, old: str, new: str, *which: int, language: str = "python") -> Snapshot:
    """The places of a word that somebody has typed over, one after the other, by their numbers in the first text."""
    snapshot = opened(text, language)
    for done, number in enumerate(which):
        at = [match.start() for match in re.finditer(rf"\b{old}\b", snapshot.text)][number - done]
        snapshot = typed(edited(snapshot, (at, at + len(old), "")), at, new)
    return snapshot


TYPES = """def first(names: List[str]) -> str: ...


def second(names: List[int]) -> int: ...


def third(names: List[float]) -> float: ...
"""
SIZES = """def test_size(box):
    assert box.width == 1
    assert box.width == 2


def area(box):
    \"\"\"The width times the height.\"\"\"
    return box.width * box.height
"""


class TestAgain:
    def test_the_third_place_may_follow(self) -> None:
        found = again(changed(TYPES, "List", "Sequence", 0, 1))
        assert found is not None
        assert (found.renamed.old, found.renamed.new) == ("List", "Sequence")
        where = TYPES.rindex("List") + 2 * len("ence")
        assert found.change == Edit(where, where + 4, "Sequence")
        assert found.margin == TWICE
        assert found.carried_on("List ListView List") == "Sequence ListView Sequence"

    @pytest.mark.parametrize(
        ("text", "which"),
        [
            ("f(item)\ng(item)\nh(items, Item)\n", (0, 1)),
            ("f(item)\ng(item)\nh(x.item, item())\n", (0, 1)),
            ("h(item)\nf(item)\ng(item)\n", (1, 2)),
            ("f(item)\ng(item)\n" + "\n" * 50 + "h(item)\n", (0, 1)),
            ("# of item\nf(item)\n", (0,)),
            ("f(item)\n# of item\n", (0,)),
            ("def f(item):\n    g(item)\n\n\ndef h(item):\n    g(item)\n", (0, 1)),
        ],
        ids=[
            "another word",
            "another use",
            "above",
            "far away",
            "from a remark",
            "in a remark",
            "a renaming that is done",
        ],
    )
    def test_where_it_does_not(self, text: str, which: tuple[int, ...]) -> None:
        assert again(changed(text, "item", "part", *which)) is None

    def test_an_element_has_two_tags_which_change_together(self) -> None:
        text = "const x = <p><div /><div>{a}</div></p>;\nconst y = <div>{b}</div>;\n"
        opened_anew = changed(text, "div", "span", 1, language="javascript")
        found = following(opened_anew)
        assert found is not None
        assert apply(opened_anew.text, found.changes) == text.replace("<div>{a}</div>", "<span>{a}</span>")
        assert again(opened_anew.edit(found.changes, 9)) is None
        assert again(changed(text, "div", "span", 0, language="javascript")) is None

    def test_after_one_change_it_must_be_surer(self) -> None:
        found = again(changed("f(item)\ng(item)\nh(item)\n", "item", "part", 0))
        assert found is not None
        assert (found.change, found.margin) == (Edit(10, 14, "part"), ONCE)

    def test_in_languages_without_a_grammar_too(self) -> None:
        found = again(changed("a: one\nb: one\nc: one\n", "one", "two", 0, 1, language="yaml"))
        assert found is not None
        assert found.change == Edit(17, 20, "two")

    @pytest.mark.slow
    async def test_the_model_judges(self, completer: Completer) -> None:
        likely = changed(TYPES, "List", "Sequence", 0, 1)
        (edit,) = await completer.next_edit(likely, 0)
        assert apply(likely.text, [edit]) == TYPES.replace("List", "Sequence")
        unlikely = changed(SIZES, "width", "height", 0, 1)
        assert again(unlikely) is not None
        assert await completer.next_edit(unlikely, 0) == ()

    @pytest.mark.slow
    async def test_without_time_or_leave_there_is_none(self, completer: Completer) -> None:
        likely = changed(TYPES, "List", "Sequence", 0, 1)
        assert await completer.next_edit(likely, 0, preferences=Preferences(deadline=0.0)) == ()
        assert await completer.next_edit(likely, 0, preferences=Preferences(exclude=("*.py",))) == ()
        assert await completer.next_edit(likely, 0, guess=False) == ()
