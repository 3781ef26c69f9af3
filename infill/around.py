"""The hole that a text is trimmed for, and what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infill.brackets import Balance, balance
from infill.document import Snapshot
from infill.indentation import level_near
from infill.languages import language
from infill.lines import opens_block, width
from infill.site import WORDS, Kind, Site

_NEAR = 40
"""Lines above and below the cursor that a text is compared with."""


@dataclass(frozen=True, slots=True)
class Around:
    """The hole and what stands around it, line endings LF.

    The hole is [start, end) of the snapshot, on one line, of which `chosen` is written already; the text follows it.
    prefix_line: the line up to the text. rest: the line after the hole. above, suffix: the lines before and after this
    one, the nearest only. indent: white space the line begins with. level: by how much a block is indented here, empty
    where nobody knows. edge: columns of the line on which its statement begins, the least that may follow. lines: the
    most lines of a text. remarks: whether comments are wanted. finished: False for a text that was cut short.
    within_line: whether its last line is but the beginning of one. final: whether both sides are final, so that nobody
    types there.
    """

    snapshot: Snapshot
    start: int
    end: int
    chosen: str
    kind: Kind
    prefix_line: str
    rest: str
    above: tuple[str, ...]
    suffix: tuple[str, ...]
    indent: str
    level: str
    edge: int
    lines: int
    language: str
    remarks: bool
    finished: bool = True
    within_line: bool = False
    final: bool = False

    @classmethod
    def at(
        cls, snapshot: Snapshot, start: int, end: int, chosen: str, here: Site, lines: int, usual: str = ""
    ) -> Around:
        """The surroundings of a hole at a site. usual: by how much a block is indented where the document has none."""
        line = snapshot.line_of(start)
        first, last = snapshot.line_range(line)
        prefix_line = snapshot.text[first:start] + chosen
        above, suffix = _nearest(snapshot, line)
        return cls(
            snapshot, start, end, chosen, here.kind,
            prefix_line=prefix_line,
            rest=snapshot.text[end:last],
            above=above,
            suffix=suffix,
            indent=here.indent,
            level=level_near(snapshot, line, prefix_line, language(here.language)) or usual,
            edge=_depth(above, prefix_line, here.language),
            lines=lines,
            language=here.language,
            remarks=here.remarks,
        )  # fmt: skip

    @property
    def in_code(self) -> bool:
        """Whether code is to be written, not words."""
        return self.kind not in WORDS

    @property
    def line_above(self) -> str:
        """The nearest line above that is not blank, empty where there is none."""
        return next((line for line in reversed(self.above) if line.strip()), "")

    @property
    def line_below(self) -> str:
        """The next line that is not blank, empty where there is none."""
        return next((line for line in self.suffix if line.strip()), "")

    def brackets(self, text: str = "") -> Balance:
        """What is open at the end of a text, of the lines above too; unless these end within a quote, for then it is
        not known where quotes begin."""
        line = self.prefix_line + text
        code = "\n".join((*self.above, line))
        whole = balance(code, self.language)
        quoted = whole.quote is not None and whole.quote[0] < len(code) - len(line)
        return balance(line, self.language) if quoted else whole

    def between(self) -> Around:
        """The same for a hole whose two sides are final: a text may leave its block, but nothing indented for good."""
        above = self.line_above
        deep = self.indent or width(above) or opens_block(language(self.language), above)
        return replace(self, edge=1 if deep else 0, final=True)


def _nearest(snapshot: Snapshot, line: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines before and after one; of a notebook's cell those of the others, too, behind a blank line."""
    start, end = snapshot.line_range(line)
    top = snapshot.line_range(max(line - _NEAR, 0))[0]
    bottom = snapshot.line_range(min(line + _NEAR, snapshot.line_count - 1))[1]
    above, below = snapshot.lf(top, start).split("\n")[:-1], snapshot.lf(end, bottom).split("\n")[1:]
    if snapshot.above:
        above = [*snapshot.above.split("\n"), "", *above]
    if snapshot.below:
        below = [*below, "", *snapshot.below.split("\n")]
    return tuple(above[-_NEAR:]), tuple(below[:_NEAR])


def _depth(above: Sequence[str], line: str, language: str) -> int:
    """Columns of the line on which the statement of a line begins: where the brackets are that it closes."""
    missing = len(balance(line, language).strays)
    for upper in reversed(above if missing else ()):
        found = balance(upper, language)
        missing = max(missing - len(found.open), 0) + len(found.strays)
        if not missing:
            return width(upper)
    return width(line)
