"""Slips of the hand: which texts are one slip away from the one that stands, and how much a repair must bring to be
believed. A noisy channel: what was meant = the model's score, less how rarely a hand slips that far."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from infill.brackets import CLOSERS, balance
from infill.document import Snapshot
from infill.edits import edits
from infill.languages import keywords, language
from infill.lines import indent
from infill.region import Region, broken

WORD, LETTER = 2.0, 0.5
"""Nats that a changed word costs, and each character of it that must go or come."""
NEAREST = 3
"""Written lines above and below whose depth a line may have."""
ALIKE = 0.7
"""How alike (difflib's ratio) an unknown name is to the known one that was meant."""
FORGOTTEN = ("self.", "this.", "await ", "return ", "not ")
"""Words that are left out, or written where they do not belong; only those that the file uses."""
OWNERS = 3
"""Ways in which a name is written elsewhere as a member, the most frequent ones."""
STRANGE = 8
"""Unknown names of a region that are looked up: one takes some ten milliseconds in a long list of words."""
SCOPE = 20_000
"""Characters above and below in which names are looked for."""
LONGEST = 64
"""Characters that what a message names may have."""
MARKS = (":", ";", ",", *CLOSERS.values())
"""What is left out at the end of a line."""
_DOUBLED = re.compile(r"([)\]},.:;=])(?=\1)")
_QUOTED = re.compile(r"""`([^`\n]+)`|"([^"\n]+)"|(?<!\w)'([^'\n]+)'|[‘“]([^‘“’”\n]+)[’”]""")
_WORDS = re.compile(r"[^\W\d]\w*")
_NAME = re.compile(r"[^\W\d]\w{2,}")
_OWNER = r"(?:[^\W\d]\w*(?:\.|->|::)){1,4}"
_MEMBER = re.compile(r"(?:\.|->|::)\s*\Z")
_PLACE = re.compile(r"(?<![\w.])[^\W\d]")
_INDENT = re.compile(r"[ \t]*(?=\S)")
_LAST = re.compile(r"(?<! ) *[:;,{]\s*\Z")
"""A mark that a line ends with, before which a bracket may have to close."""


def cost(words: int, letters: int) -> float:
    """Nats that a change of so many words and letters (`edits.changed`) must bring: -log of how rarely a hand slips so,
    but for a constant."""
    return WORD * words + LETTER * letters


ONE = cost(1, 2)
"""What a slip costs at most that is one movement of the hand: two letters that changed places."""


def cost_missing(text: str) -> float:
    """Nats that must bring what is put where an error begins. That something is wrong there is known, so words count,
    and not how long they are."""
    return WORD * max(1, len(re.findall(r"\w+", text)))


def renames(region: Region, text: str) -> bool:
    """Whether a text gives up a name that stands where a diagnostic tells of, for none that is spelt like it. What the
    name is of may be missing elsewhere: in the file, in the search path, in what another name is of."""
    changes = edits(region.text, text) if region.marked else ()
    return any(_gives_up(region.text[one.start : one.end], one.text) for one in changes)


def _gives_up(old: str, new: str) -> bool:
    names = _WORDS.findall(new)
    return not all(difflib.get_close_matches(name, names, n=1, cutoff=ALIKE) for name in _WORDS.findall(old))


def named(message: str) -> list[str]:
    """What a tool's message names: what stands between quotes in it, but for whole descriptions of types and what
    cannot be seen, as marks that turn the order of what follows."""
    quoted = (next(filter(None, match.groups())) for match in _QUOTED.finditer(message))
    return [name for name in quoted if len(name) <= LONGEST and name.isprintable()]


def near(snapshot: Snapshot, region: Region) -> Iterator[str]:
    """The region's text with one line of the focus at another depth, a name that stands nowhere else spelt like one
    that does, that a diagnostic names or that is a word of the language, a small word more or less, a doubled mark
    written once, or, where syntax is broken, a mark more at the end of a line or where it is missed, a line more that
    closes a bracket, or the `in` of a loop, and where a diagnostic tells of a place what it names or, of a name that is
    an error, what precedes it elsewhere: what a model that writes on from a doubtful token does not come back to.
    """
    above, below = snapshot.before(region.start)[-SCOPE:], snapshot.after(region.end)[:SCOPE]
    yield from _reindented(region, above, below)
    yield from _respelt(region, above, below, keywords(language(snapshot.language)))
    yield from _forgotten(region, above, below, FORGOTTEN)
    yield from _preceded(region, above, below)
    yield from _named(region)
    for match in _DOUBLED.finditer(region.text):
        yield region.text[: match.start()] + region.text[match.start() + 1 :]
    if wrong := broken(snapshot, region):
        yield from _marked(region)
        yield from _parted(region, {region.focus[0], *wrong})
        yield from _closed(region, above, below, language(snapshot.language).id)
        yield from _forgotten(region, above, below, ("in ",))


def _reindented(region: Region, above: str, below: str) -> Iterator[str]:
    lines = region.text.split("\n")
    for i in _written(region, lines):
        before = _depths((above.split("\n")[:-1] + lines[:i])[::-1])
        around = {*before, *_depths(lines[i + 1 :] + below.split("\n")[1:])}
        step = "\t" if any("\t" in depth for depth in around) else "    "
        for depth in sorted({*around, *(depth + step for depth in before[:1])}):
            yield "\n".join([*lines[:i], depth + lines[i].lstrip(" \t"), *lines[i + 1 :]])


def _marked(region: Region) -> Iterator[str]:
    lines = region.text.split("\n")
    for i in _written(region, lines):
        line, end = lines[i], len(lines[i].rstrip())
        last = _LAST.search(line)
        places = [(end, mark) for mark in (CLOSERS.values() if last else MARKS)]
        if last:
            places += [(last.start(), mark) for mark in CLOSERS.values()]
        for at, mark in places:
            yield "\n".join([*lines[:i], line[:at] + mark + line[at:], *lines[i + 1 :]])


def _parted(region: Region, places: Iterable[int]) -> Iterator[str]:
    """With a mark more before a word within a line."""
    for at in places:
        before = len(region.text[:at].rstrip())
        if before and "\n" not in region.text[before:at]:
            for mark in MARKS:
                yield region.text[:before] + mark + region.text[before:]


def _closed(region: Region, above: str, below: str, language_id: str) -> Iterator[str]:
    """With a line more that closes what a line above has opened, at its depth: between a line that is deeper and one
    that is not."""
    lines = region.text.split("\n")
    for i in _written(region, lines):
        before = above + "\n".join(lines[: i + 1])
        opened = balance(before, language_id).open
        if not opened:
            continue
        head = before.rfind("\n", 0, opened[-1][0]) + 1
        depth = indent(before[head:])
        deeper = len(indent(lines[i])) > len(depth) or head == len(before) - len(lines[i])
        next_line = next((line for line in (*lines[i + 1 :], *below.split("\n")[1:]) if line.strip()), "")
        if deeper and len(indent(next_line)) <= len(depth):
            closers = "".join(CLOSERS[bracket] for at, bracket in reversed(opened) if at >= head)
            for mark in ("", ";", ","):
                yield "\n".join([*lines[: i + 1], depth + closers + mark, *lines[i + 1 :]])


def _written(region: Region, lines: list[str]) -> list[int]:
    """The lines of the focus that are not blank."""
    first, last = (region.text.count("\n", 0, at) for at in region.focus)
    return [i for i in range(first, last + 1) if lines[i].strip()]


def _depths(lines: list[str]) -> list[str]:
    """White space that the nearest written lines begin with."""
    found = (_INDENT.match(line) for line in lines)
    return [match.group() for match, _ in zip(filter(None, found), range(NEAREST), strict=False)]


def _respelt(region: Region, above: str, below: str, words: frozenset[str]) -> Iterator[str]:
    uses = Counter(_NAME.findall(above + region.text + below))
    told = _NAME.findall(" ".join(_suggested(region)))
    known = words.union(told, (name for name, times in uses.items() if times > 1 or name not in region.text))
    once = (match for match in _NAME.finditer(region.text) if uses[match.group()] == 1)
    strange = (match for match in once if match.group() not in words)
    for match in islice(strange, STRANGE):
        for name in difflib.get_close_matches(match.group(), known - {match.group()}, n=2, cutoff=ALIKE):
            yield region.text[: match.start()] + name + region.text[match.end() :]


def _forgotten(region: Region, above: str, below: str, words: Iterable[str]) -> Iterator[str]:
    text = region.text
    places = [match.start() for match in _PLACE.finditer(text)]
    for word in (word for word in words if word in above or word in text or word in below):
        for at in places:
            if text.startswith(word, at):
                yield text[:at] + text[at + len(word) :]
            else:
                yield text[:at] + word + text[at:]


def _preceded(region: Region, above: str, below: str) -> Iterator[str]:
    """With what stands before the same name elsewhere, its owner or `new`, where an error begins at it."""
    at = region.focus[0]
    name = _NAME.match(region.text, at) if region.wrong and not _MEMBER.search(region.text[:at]) else None
    if name:
        before = re.compile(rf"(?<![\w.])({_OWNER}|new ){name.group()}(?!\w)")
        for owner, _ in Counter(before.findall(above + region.text + below)).most_common(OWNERS):
            yield region.text[:at] + owner + region.text[at:]


def _named(region: Region) -> Iterator[str]:
    """With what the message suggests in place of what it marks, or of what else it names within that."""
    first, last = region.focus
    places = {(first, last)} if "\n" not in region.text[first:last] else set()
    for name in region.told.named if region.told else ():
        places.update(match.span() for match in _whole(name).finditer(region.text, 0, last) if match.end() > first)
    for name in _suggested(region):
        for start, end in sorted(places):
            yield region.text[:start] + name + region.text[end:]


def _suggested(region: Region) -> list[str]:
    """Marks that a diagnostic names, and words that do not stand in the lines: the others are quoted from these."""
    told = region.told.named if region.told else ()
    return [name for name in told if not (re.search(r"\w", name) and _whole(name).search(region.text))]


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
