"""Repair's geometry: which lines are looked at, which windows of them are redrafted, and whether syntax got worse."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from infill import site
from infill.brackets import CLOSERS, QUOTES, balance, quoted
from infill.document import Snapshot
from infill.edits import Edit, edits
from infill.languages import language
from infill.lines import width

WINDOW_TOKENS = 24
"""A canvas of 32 slots less the 8 that a repair may grow by."""
MOST_LINES = 12
"""Lines that one repair looks at."""
LONGEST_REGION = 1_500
"""Characters of them: a dozen full lines. A line that is longer is data."""
SUSPECTS = 3
DOUBT = -1.5
"""Tokens with a log-probability under this may be what is wrong."""
_WORD = re.compile(r"\w+|[^\x00-\x7f]")
"""A smiley or a dash of a text is said, too."""
_NAME = re.compile(r"\w+")
_IMPORT = re.compile(r"import|include|use_declaration|package_(?:clause|declaration)")
"""What grammars call it; in those of JavaScript it has a source, as what is exported again has."""
_STRING = re.compile(r"(['\"])[^'\"]*\1")
_SPACE = re.compile(r"\s*")
_LINES = re.compile(r"^.*\S.*", re.MULTILINE)
_REACH = 8_000
"""Code points above and below a region in which its brackets may have their other one."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool that knows the language says of a place. wrong: whether an error begins there. named: what its
    message names (`slips.named`)."""

    wrong: bool = False
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """Whole lines [start, end) of a snapshot, without the last line end; `text` is theirs with LF.

    focus: what the diagnostic or selection covers, code points of `text`; of a place or a single character, the word
    there. told: what a diagnostic says of it. broken: whether syntax is, where it says something.
    """

    start: int
    end: int
    text: str
    focus: tuple[int, int]
    told: Told | None = None
    broken: bool = False

    @property
    def marked(self) -> bool:
        """Whether a diagnostic tells of more than the syntax."""
        return self.told is not None and not self.broken

    @property
    def wrong(self) -> bool:
        """Whether a diagnostic says that an error begins at the focus, though the syntax is right."""
        return self.told is not None and self.told.wrong and not self.broken

    @classmethod
    def around(cls, snapshot: Snapshot, start: int, end: int, told: Told | None = None) -> Region:
        """The lines that [start, end) touches, the first MOST_LINES of them at most."""
        first = snapshot.line_of(start)
        last = min(snapshot.line_of(max(start, end - 1)), first + MOST_LINES - 1)
        begin, stop = snapshot.line_range(first)[0], snapshot.line_range(last)[1]
        if end - start <= 1 and (word := _NAME.match(snapshot.text, start)):  # some tools know only where one begins
            end = max(end, word.end())
        focus = (len(snapshot.lf(begin, start)), len(snapshot.lf(begin, min(end, stop))))
        broken = told is not None and snapshot.errors(begin, stop) > 0
        return cls(begin, stop, snapshot.lf(begin, stop), focus, told, broken)

    def edits(self, snapshot: Snapshot, text: str) -> Iterator[Edit]:
        """What makes the region read `text` (LF). New lines end like the document; those that stay keep their end."""
        for one in edits(self.text, text):
            start, end = self.place(snapshot, one.start), self.place(snapshot, one.end)
            yield Edit(start, end, one.text.replace("\n", snapshot.newline))

    def place(self, snapshot: Snapshot, at: int) -> int:
        """Where offset `at` of the text stands in the snapshot, whose lines may end in CR LF."""
        line = snapshot.line_of(self.start) + self.text.count("\n", 0, at)
        return snapshot.line_range(line)[0] + at - (self.text.rfind("\n", 0, at) + 1)


def reported(snapshot: Snapshot, start: int, end: int) -> tuple[int, int]:
    """Where the slip may be that a diagnostic of [start, end) tells of.

    A mark that is missing at the end of a line is noticed at the first word of the next one, behind that if both are
    strings, which may stand side by side, or at the end of the text; a line's depth is wrong for the one above. Where
    syntax is broken at such a place, where nothing stands, and where a range is of white space, it begins at the end of
    the nearest written line above. A line that closes a block is missed only where no other can close it, at the end of
    the text or at a line that is too little deep: it is missing before the first line that is.
    """
    if (outside := _outside(snapshot, start)) is not None:
        return len(snapshot.text[:outside].rstrip()), outside
    begin, stop = snapshot.line_range(snapshot.line_of(start))[0], snapshot.line_range(snapshot.line_of(end))[1]
    above, first = len(snapshot.text[:begin].rstrip()), snapshot.text[begin:start].strip()
    if not above or (first and not _STRING.fullmatch(first)):
        return start, end
    blank = not snapshot.text[start:stop].strip() or (not first and snapshot.text[start:end].isspace())
    return (above, end) if blank or snapshot.errors(above, end) else (start, end)


def _outside(snapshot: Snapshot, start: int) -> int | None:
    """Where the first line begins that is too little deep for a bracket above it (`_shallow`): if syntax is broken at
    `start`, whose line is too, or if that is the end of the text."""
    begin, end = snapshot.line_range(snapshot.line_of(start))
    at_end = not snapshot.text[start:].strip()
    shallow = _shallow(snapshot, begin, len(snapshot.text) if at_end else begin)
    if not shallow or not (at_end or (shallow[0] < begin and begin in shallow)):
        return None
    return shallow[0] if snapshot.errors(shallow[0] if at_end else begin, end) else None


def _shallow(snapshot: Snapshot, start: int, end: int) -> list[int]:
    """Where lines begin that are no deeper than one above them whose bracket is not closed as deep as that stands; one
    that begins with a closing bracket may be as deep, and a label of a block in braces, such as a `case`. From _REACH
    above `start` on, up to the line of the next word behind `end`.
    """
    at, row = max(0, start - _REACH), language(snapshot.language)
    stop = snapshot.line_range(snapshot.line_of(_next_word(snapshot, end)))[1]
    opened = balance(snapshot.text[at:stop], row.id).open
    first = max(at, snapshot.text.rfind("\n", at, at + opened[0][0]) + 1) if opened else stop
    heads, found = list[tuple[int, list[int]]](), list[list[int]]()
    for line in _LINES.finditer(snapshot.text, first, stop + _REACH):
        if line.start() >= stop and not any(out for _, out in heads):
            break
        depth, begins = width(line.group()), line.group().lstrip()[0]
        if begins == "#":  # what a preprocessor reads stands at the margin
            continue
        closes, label = begins in CLOSERS.values(), row.block == "braces" and line.group().rstrip().endswith(":")
        for head, out in heads:
            if depth + closes <= head and line.start() < stop and not label:
                out.append(line.start())
        marks = balance(line.group(), row.id)
        closed = [heads.pop() for _ in marks.strays if heads]
        found += [out for head, out in closed if not (closes and depth == head)]
        heads += [(min([depth, *(head for head, _ in closed)]), list[int]()) for _ in marks.open]
    return sorted({start for out in (*found, *(out for _, out in heads)) for start in out})


def broken(snapshot: Snapshot, region: Region) -> list[int]:
    """Where in the region's text syntax errors begin, those among them that are noticed only at the next word below."""
    judged = snapshot.judged(region.start)
    nodes = judged.broken(region.start, _noticed(snapshot, region)) if judged else ()
    starts = (judged.range_of(node)[0] for node in nodes if judged)
    return [len(snapshot.lf(region.start, min(max(at, region.start), region.end))) for at in starts]


def _noticed(snapshot: Snapshot, region: Region) -> int:
    """Where what a region lacks is missed at the latest: what its last line ends with at the next word, a line that
    closes a block perhaps only at the end of the text."""
    shallow = _shallow(snapshot, region.start, region.end)
    unclosed = shallow and shallow[0] >= region.start
    return len(snapshot.text) if unclosed else _next_word(snapshot, region.end)


def _next_word(snapshot: Snapshot, at: int) -> int:
    found = _SPACE.match(snapshot.text, at)
    return found.end() if found else at


def apart(snapshot: Snapshot, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges in order, those that share a line as one, so that each can be repaired by itself."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and snapshot.line_of(start) <= snapshot.line_of(found[-1][1]):
            start, end = found[-1][0], max(end, found.pop()[1])
        found.append((start, end))
    return found


def parts(snapshot: Snapshot, start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) in pieces that a repair looks at as a whole, at line borders."""
    first, last = snapshot.line_of(start), snapshot.line_of(max(start, end - 1))
    found: list[tuple[int, int]] = []
    while first <= last:
        begin, stop = snapshot.line_range(first)
        most = min(first + MOST_LINES - 1, last)
        while first < most and (further := snapshot.line_range(first + 1)[1]) - begin <= LONGEST_REGION:
            first, stop = first + 1, further
        found.append((max(start, begin), min(end, stop)))
        first += 1
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """Code points [start, end) of a region that one canvas redrafts; suspects: ranges within the window."""

    start: int
    end: int
    tokens: int
    lines: int
    suspects: tuple[tuple[int, int], ...]


def windows(region: Region, pieces: Sequence[tuple[str, float]]) -> Iterator[Window]:
    """Where to redraft: at what the diagnostic covers, then at the least probable tokens outside of it.

    pieces: the region's tokens as (text, log-probability), a healed beginning and the end token among them.
    """
    tokens = placed(region, pieces)
    first, last = region.focus if region.focus[0] < region.focus[1] else _line(region.text, region.focus[0])
    inside = [t for t in tokens if t.start < last and first < t.end]
    doubtful = sorted((t for t in tokens if t.log_p < DOUBT), key=lambda t: t.log_p)
    near = sorted(inside, key=lambda t: t.log_p)[:SUSPECTS]
    found = [_window(region, tokens, suspects) for suspects in (near, doubtful[:SUSPECTS]) if suspects]
    yield from dict.fromkeys(found)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a region's text, code points [start, end) of it, and its log-probability (nats)."""

    start: int
    end: int
    log_p: float


def doubt(region: Region, tokens: Sequence[Token], text: str) -> float:
    """What the tokens cost that `text` would change, in nats: the most that changing them can bring."""
    touched = set[int]()
    for one in edits(region.text, text):
        first = bisect_right(tokens, one.start, key=attrgetter("end"))
        touched.update(range(first, bisect_right(tokens, one.end, key=attrgetter("start"))))
    return -sum(tokens[at].log_p for at in touched)


def placed(region: Region, pieces: Sequence[tuple[str, float]]) -> list[Token]:
    """Tokens with their place in the region's text; what was healed lies before it, the end token behind it."""
    written = "".join(text for text, _ in pieces)
    at = -max(0, written.find(region.text))
    tokens = []
    for text, log_p in pieces:
        if at + len(text) > 0 and at < len(region.text):
            tokens.append(Token(max(0, at), min(len(region.text), at + len(text)), log_p))
        at += len(text)
    return tokens


def _window(region: Region, tokens: Sequence[Token], suspects: Sequence[Token]) -> Window:
    """The worst suspect's line, as much of it as a canvas holds: from the line's start, or around the suspect."""
    worst = min(suspects, key=lambda t: t.log_p)
    begin, stop = _line(region.text, max(worst.end - 1, 0))
    line = [t for t in tokens if t.start < stop and begin < t.end]
    if len(line) > WINDOW_TOKENS:
        at = line.index(worst) if worst in line else 0
        line = line[max(0, at - WINDOW_TOKENS // 2) :][:WINDOW_TOKENS]
        begin, stop = max(begin, line[0].start), min(stop, line[-1].end)
    within = sorted((t.start, t.end) for t in suspects if begin < t.end and t.start < stop)
    # The end of the line is always one more suspect: a missing colon or bracket leaves no doubtful token behind.
    ranges = (*((max(0, a - begin), min(stop, b) - begin) for a, b in within), (stop - begin, stop - begin))
    return Window(begin, stop, len(line), 1 + region.text.count("\n", begin, stop), ranges)


def _line(text: str, at: int) -> tuple[int, int]:
    """The line around an offset, without its end."""
    stop = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if stop < 0 else stop


def damage(snapshot: Snapshot, region: Region, text: str) -> int:
    """Syntax errors around the region if it read `text`, and heads without a body; 0 for languages without a
    grammar."""
    written, judged = text.replace("\n", snapshot.newline), snapshot.judged(region.start)
    changed = judged.edited(region.start, region.end, written) if judged else None
    if changed is None:
        return 0
    changed, end = changed.reparsed(), region.start + len(written)
    noticed = end - region.end + snapshot.derived(lambda _: _noticed(snapshot, region), (_noticed, region))
    return changed.errors(region.start, noticed) + len(changed.hollow(region.start, end))


def unpaired(snapshot: Snapshot, region: Region) -> Callable[[str], int]:
    """How many brackets around the region lack their other one if it reads a given text. Syntax errors do not tell: a
    body that went with its closing brace is one of them, and so was the slip in it."""
    read = partial(balance, language=language(snapshot.language).id)
    above = read(snapshot.lf(max(0, region.start - _REACH), region.start))
    below = snapshot.lf(region.end, min(region.end + _REACH, len(snapshot.text)))
    opened = "".join(bracket for _, bracket in above.open)
    closed = "".join(below[at] for at in read(below).strays)

    def count(text: str) -> int:
        found = read(f"{opened}{text}\n{closed}")
        return len(found.open) + len(found.strays)

    return count


def reworded(snapshot: Snapshot, region: Region, text: str) -> bool:
    """Whether `text` only says other words in strings, comments or prose: no code around tells what they should say.

    Where the focus is in such words they are meant, and only a text that has fewer of them counts. White space alone is
    no words, because indentation is code.
    """
    changes = list(region.edits(snapshot, text))
    if all((snapshot.text[one.start : one.end] + one.text).isspace() for one in changes):
        return False
    between = (at for one in changes for at in range(one.start, one.end + 1))
    if any(not set(one.text).isdisjoint(QUOTES) for one in changes) or not all(_said(snapshot, at) for at in between):
        return False
    syntax, (first, last) = snapshot.syntax(region.start), (region.place(snapshot, at) for at in region.focus)
    if syntax is None:
        meant = _said(snapshot, (first + last) // 2)
    else:
        around = (node for node in syntax.nodes_around(first) if syntax.range_of(node)[1] >= last)
        meant = any("string" in node.type or "comment" in node.type for node in around)
    return not meant or len(_WORD.findall(text)) < len(_WORD.findall(region.text))


def supplied(region: Region, text: str) -> str:
    """What `text` puts where an error begins, if it changes nothing else; empty otherwise."""
    above, below, more = region.text[: region.focus[0]], region.text[region.focus[0] :], len(text) - len(region.text)
    put = text[len(above) : len(above) + more] if text.startswith(above) and text.endswith(below) else ""
    return put if region.wrong and put.strip() else ""


def borrowed(snapshot: Snapshot, region: Region) -> bool:
    """Whether the focus is within an import: what is named there is elsewhere, and the code around does not tell of
    it."""
    at = region.place(snapshot, region.focus[0])
    if (syntax := snapshot.syntax(at)) is None:
        return False
    for node in syntax.nodes_around(at):
        called = node.child_by_field_name("function")
        if _IMPORT.search(node.type) or node.child_by_field_name("source"):
            return True
        if called and syntax.text_of(called) in ("require", "import"):
            return True
    return False


def misstates(snapshot: Snapshot, region: Region, text: str) -> bool:
    """Whether `text` lacks a number of the region or a word of its strings, or has a word in its own that is new."""
    was, now = Counter(_WORD.findall(region.text)), Counter(_WORD.findall(text))
    gone, come = was - now, now - was

    def said(code: str) -> set[str]:
        return {word for quote in quoted(code, snapshot.language) for word in _WORD.findall(quote)}

    return (
        any(word[0].isdigit() for word in gone)
        or not gone.keys().isdisjoint(said(region.text))
        or not come.keys().isdisjoint(said(text))
    )


def remarks(snapshot: Snapshot, region: Region) -> list[str]:
    """The lines of comments that a repair must keep: all of the region's, but for the comment that the focus is in."""
    syntax, (first, last) = snapshot.syntax(region.start), (region.place(snapshot, at) for at in region.focus)
    nodes = syntax.touching(region.start, region.end) if syntax else ()
    found = (syntax.range_of(node) for node in nodes if syntax and "comment" in node.type)
    kept = (snapshot.lf(max(a, region.start), min(b, region.end)) for a, b in found if not a <= first <= last <= b)
    return [line.strip() for comment in kept for line in comment.split("\n")]


def _said(snapshot: Snapshot, at: int) -> bool:
    return site.look(snapshot, at, invoked=True).kind in site.WORDS
