"""Slips: the right text is among the near ones, and nothing is proposed where nothing can have slipped."""

from __future__ import annotations

import pytest

from infill.document import Snapshot
from infill.region import Region
from infill.slips import near

CODE = """\
class Shelf:
    def first(self, sequence):
        if sequence:
            return sequence[0]
        return None

    def last(self):
        return self.sequences
"""


def texts(code: str, wrong: str) -> list[str]:
    at = code.index(wrong)
    snapshot = Snapshot.open("file:///shelf.py", 0, "python", code)
    return list(near(snapshot, Region.around(snapshot, at, at + len(wrong))))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("        if sequence:", "            if sequence:"),
        ("            return sequence[0]", "        return sequence[0]"),
        ("            return sequence[0]", "                return sequence[0]"),
        ("        return None", "    return None"),
        ("        return self.sequences", "    return self.sequences"),
        ("        if sequence:", "        if seqeunce:"),
        ("            return sequence[0]", "            return sequenc[0]"),
        ("            return sequence[0]", "            return sequence[0]]"),
        ("        if sequence:", "        if sequence::"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_right_text_is_near(right: str, wrong: str, newline: str) -> None:
    assert right in texts(CODE.replace(right, wrong, 1).replace("\n", newline), wrong)


def test_tabs_are_kept() -> None:
    code = "func f() {\n\tif x {\n\treturn\n\t}\n}\n"
    assert "\t\treturn" in texts(code, "\treturn")


def test_a_name_that_stands_elsewhere_is_no_slip() -> None:
    assert not any("sequences" in text for text in texts(CODE, "if sequence:"))


def test_many_lines_are_not_moved_one_by_one() -> None:
    assert texts(CODE, CODE[CODE.index("    def") : CODE.index("    def last")]) == []


def test_a_file_of_this_line_alone() -> None:
    assert texts("retrun x", "retrun x") == []
