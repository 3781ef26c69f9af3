"""What changed between two releases becomes small edits of code."""

from __future__ import annotations

import numpy as np
import pytest

from engine.tokenizer import Tokenizer
from tests.fakes import CONTROL
from training.bugs import Bug
from training.changes import edits
from training.samples import Document, Sampler, Sampling

BODY = """\
import os


def size(path, links):
    total = 0
{}    return total


def other():
    pass
"""


def changed(old: str, new: str, language: str = "python") -> list[tuple[str, str]]:
    """(old, new) of each edit, and the edits lead from the newer text back to the older one."""
    older, newer = BODY.format(old), BODY.format(new)
    found = list(edits(older, newer, language))
    assert all(newer[start:end] != text for start, end, text in found)
    return [(text, newer[start:end]) for start, end, text in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    total = stat(path)\n", "    total = stat(path, links)\n", [("", ", links")]),
        ("    if total > 0:\n", "    if total >= 0:\n", [("", "=")]),
        ("    totals = f(path)\n", "    total = f(path)\n", [("totals", "total")]),
        ("    x = first(path)\n", "    x = first(path)\n    check(x)\n", [("", "check(x)\n    ")]),
        ("    x = 1\n    check(x)\n", "    x = 1\n", [("check(x)\n    ", "")]),
        ("    x = f(path,\n          1)\n", "    x = f(path,\n          2)\n", [("1", "2")]),
        ("    x = 1  # one\n", "    x = 1  # the first\n", []),
        ("    x = 'a'\n", "    x = 'b'\n", []),
        ("    x=1\n", "    x = 1\n", []),
        ("    total = os.stat(path)\n", "    raise NotImplementedError(links)\n", []),
        ("", "".join(f"    a{i} = {i}\n" for i in range(9)), []),
        ("    x = 1\n", "    x = 1\n", []),
    ],
)
def test_small_edits_of_code_are_found_and_nothing_else(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert changed(old, new) == expected


def test_several_edits_of_a_file_are_in_order_and_together_lead_back() -> None:
    older = "\n".join(f"value_{i} = load({i})" for i in range(40)) + "\n"
    newer = older.replace("load(3)", "load(30)").replace("value_20 = load", "value_20 = read")
    found = list(edits(older, newer, "python"))
    assert [text for _, _, text in found] == ["3", "load"]
    for start, end, text in reversed(found):
        newer = newer[:start] + text + newer[end:]
    assert newer == older


def test_the_sampler_shows_the_old_text_as_draft_and_asks_for_the_new_one(tokens: Tokenizer) -> None:
    older = "import os\n\n" + "".join(f"def f{i}(path):\n    return os.stat(path).st_size + {i}\n\n" for i in range(9))
    newer = older.replace("+ 4", "- 4").replace("def f7(path)", "def f7(path, links)")
    found = tuple(Bug("released change", *edit) for edit in edits(older, newer, "python"))
    assert len(found) == 2
    sampler = Sampler(tokens, CONTROL, Sampling(buggy=1, released=1))
    chunk = sampler.chunk(Document("size.py", "python", newer, edits=found), np.random.default_rng(1))
    assert {hole.kind for hole in chunk.holes} == {"released change"}
    seen = set()
    for hole in chunk.holes:
        assert hole.draft is not None and hole.suspects
        assert hole.prefix + hole.text + hole.suffix == newer
        wrong = hole.prefix + tokens.decode(hole.draft) + hole.suffix
        seen.add((wrong == newer.replace("- 4", "+ 4"), wrong == newer.replace("f7(path, links)", "f7(path)")))
    assert seen <= {(True, False), (False, True)} and len(seen) == 2
