"""How deep one level of indentation is at a cursor, and the step of trimming that writes a text so.

What the file does counts, and first of all what it does near the cursor; where it has no block yet, what files like it
do, and then what the editor says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from infill.languages import Language, language
from infill.lines import indent, opens_block, width

if TYPE_CHECKING:
    from infill.around import Around
    from infill.document import Snapshot

_LEVEL = re.compile(r"\t| {2,8}")
"""One blank is that of a label, or of the lines of a comment."""
_ITEM = re.compile(r"(?:- +)+(?=\S)")
"""The mark of an item of a list: what belongs to the item stands as deep as what follows the mark."""
_TABS = frozenset(("make", "makefile", "makefile-gmake"))
"""Languages in which a tab says more than a depth."""
_LINES, _BLOCKS = 400, 20
"""Lines in which blocks are looked for, and how many of them say what is usual."""


def level_of(snapshot: Snapshot) -> str:
    """By how much most blocks of a document are indented; empty where it has none."""
    return _usual(_steps(_lines(snapshot, range(snapshot.line_count)), language(snapshot.language)))


def level_near(snapshot: Snapshot, line: int, begun: str, row: Language) -> str:
    """The same of the nearest blocks above a cursor, or else below it.

    begun: what stands left of it on its line. If that is blank it counts all the same: the editor, or somebody, has put
    the cursor there.
    """
    upwards = chain([f"{begun}."], _lines(snapshot, range(line - 1, -1, -1)), reversed(snapshot.above.split("\n")))
    downwards = chain(_lines(snapshot, range(line + 1, snapshot.line_count)), snapshot.below.split("\n"))
    return _usual(_steps(upwards, row, up=True)) or _usual(_steps(downwards, row))


def _usual(steps: Iterator[str]) -> str:
    """The commonest, of equals the first; empty without any."""
    found = Counter(islice(steps, _BLOCKS)).most_common(1)
    return found[0][0] if found else ""


def in_levels(text: str, around: Around) -> str | None:
    """A block is as deep as blocks are here, however deep the model wrote it; what is only aligned stays beside what it
    is aligned with."""
    if not (around.level and around.in_code) or around.language in _TABS:
        return text
    begun, whole, row = around.prefix_line, around.prefix_line + text, language(around.language)
    indents = text[:1].isspace() and not begun.strip()
    head, body = (around.line_above, whole) if indents else (whole.partition("\n")[0], whole.partition("\n")[2])
    own = next(_steps([head, *body.split("\n")], row), "")
    within = indents and width(begun) > width(head)  # of what else is begun there nobody knows how much
    if own in ("", around.level) or within:
        return text
    _, *lines, below = _releveled([head, *whole.split("\n"), around.line_below], own, around.level)
    written, goes_on = "\n".join(lines), below != around.line_below  # a block that stands there has its depth
    return written[len(begun) :] if written.startswith(begun) and not goes_on else text


def _releveled(lines: Sequence[str], own: str, new: str) -> Iterator[str]:
    """Lines in which a level is `new` instead of `own`; the first one stays where it is."""
    depths = [(indent(lines[0]), indent(lines[0]))]  # as they are written, as they are to be
    for line in lines:
        if not line.strip():
            yield line
            continue
        depth = indent(line)
        while depths and not depth.startswith(depths[-1][0]):
            depths.pop()
        was, now = depths[-1] if depths else (depth, depth)
        if more := depth[len(was) :]:
            now += new if more == own else more
            depths.append((depth, now))
        if more := _said_at(line)[len(depth) :]:
            depths.append((depth + more, now + more))
        yield now + line[len(depth) :]


def _steps(lines: Iterable[str], row: Language, *, up: bool = False) -> Iterator[str]:
    """How much deeper than its head each block begins. up: the lines come in backward order."""
    for pair in pairwise(one for one in lines if one.strip()):
        line, head = pair if up else pair[::-1]
        before, depth = _said_at(head), indent(line)
        step = depth.removeprefix(before) if depth.startswith(before) else ""
        if _LEVEL.fullmatch(step) and opens_block(row, head):
            yield step


def _said_at(line: str) -> str:
    """The white space of a line, blanks for the marks of items among it."""
    depth = indent(line)
    mark = _ITEM.match(line, len(depth))
    return depth + " " * len(mark.group()) if mark else depth


def _lines(snapshot: Snapshot, numbers: range) -> Iterator[str]:
    """The texts of the first of these lines."""
    return (snapshot.text[slice(*snapshot.line_range(number))] for number in numbers[:_LINES])
