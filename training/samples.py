"""Infilling and repair samples from source text: where a hole is, what stands on its sides, what belongs in it.

The sides become token streams through `infill.prompt.build` itself, so training sees exactly what serving will send;
a sample is a function of (document, seed).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from engine import Context, ControlIds, Stream
from infill import prompt
from infill.context import gather
from infill.document import Snapshot
from infill.filler import Snippet
from infill.languages import language_of_path
from infill.region import WINDOW_TOKENS
from infill.syntax import Syntax
from training import bugs

CHUNK = 3 * prompt.HOP
CHUNK_TOKENS = prompt.PREFIX_MOST - prompt.LONGEST_PATH // 2
"""The most of a chunk: no cursor in it moves the prefix window, so one encoding of it serves them all."""
LONGEST = 96
"""Tokens of the longest middle."""
CHARS_PER_TOKEN = 3.3


@dataclass(frozen=True, slots=True)
class Document:
    """A source file, LF line endings. siblings: files of the same package, for snippets. edits: what an earlier release
    had in places of the text (`training.changes`)."""

    path: str
    language: str
    text: str
    siblings: tuple[Snippet, ...] = ()
    edits: tuple[bugs.Bug, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How holes are drawn. What is not a count or a length is a share, 0 to 1.

    sites: places in a chunk, each with one suffix. cuts: cursors before each place. chunk: the most characters of a
    chunk. below: bounds between which the most characters of a suffix are drawn. lines: sites whose hole is a line or
    the rest of one. heals: whether middles begin by writing the prefix's last word again, as weights without a trained
    canvas are asked to. by_character: holes that begin and end anywhere; the others do so at syntax nodes and line
    ends. unconnected: sites whose suffix begins 1-20 lines after the middle. unended: sites without any suffix. buggy:
    sites whose hole holds a mistake to repair. released: of these, where the document has any, those whose mistake is
    what an earlier release had there. snippets: chunks beside which the sibling files are open.
    """

    sites: int = 6
    cuts: int = 4
    chunk: int = CHUNK
    below: tuple[int, int] = (CHUNK, CHUNK)
    lines: float = 0.0
    heals: bool = False
    by_character: float = 0.5
    unconnected: float = 0.25
    unended: float = 0.1
    buggy: float = 0.0
    released: float = 0.3
    snippets: float = 0.25


@dataclass(frozen=True, slots=True)
class Hole:
    """One hole. prefix, suffix, text: its sides and what belongs in it. context: the prompt made of the sides.

    middle: the text's tokens. kind: `complete`, or the kind of the mistake. draft: tokens of a wrong text that stands
    there now, or None. suspects: the draft's tokens that the mistake touches.
    """

    prefix: str
    suffix: str
    text: str
    context: Context
    middle: tuple[int, ...]
    kind: str = "complete"
    draft: tuple[int, ...] | None = None
    suspects: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Holes that share the beginning of one prefix stream. trunk: that stream for the whole chunk."""

    trunk: Stream
    holes: tuple[Hole, ...]


class Sampler:
    """Draws chunks of documents. tokens: text to ids as in serving."""

    def __init__(self, tokens: prompt.Tokens, control: ControlIds, sampling: Sampling) -> None:
        self._tokens, self._control, self._sampling = prompt.ByLine(tokens), control, sampling

    def chunk(self, document: Document, rng: np.random.Generator) -> Chunk:
        """A chunk of a document and its holes; none when the document is too short or too odd."""
        start, stop = _chunk_range(document.text, self._sampling.chunk, rng)
        ids = self._tokens.encode(document.text[start:stop])
        if len(ids) > CHUNK_TOKENS:
            stop = start + len(self._tokens.decode(ids[:CHUNK_TOKENS]))
        if stop < len(document.text):
            stop = document.text.rfind("\n", start, stop) + 1 or stop
        beside = document.siblings if rng.random() < self._sampling.snippets else ()
        others = [Snapshot.open(one.path, 0, language_of_path(one.path), one.text) for one in beside]
        place = _Place(document, start, stop, tuple(others))
        holes: list[Hole] = []
        for _ in range(self._sampling.sites):
            holes += self._site(place, rng)
        whole = self._build(place, place.text, "", ()).context
        return Chunk(whole.streams[-1], tuple(holes))

    def _site(self, place: _Place, rng: np.random.Generator) -> Iterator[Hole]:
        """The holes of one suffix."""
        mix = self._sampling
        if len(place.text) < 40:
            return
        if rng.random() < mix.buggy:
            yield from self._repairs(place, rng)
            return
        unended = rng.random() < mix.unended
        if not unended and mix.lines and rng.random() < mix.lines and place.code:
            yield from self._rests(place, rng)
            return
        unconnected = not unended and rng.random() < mix.unconnected
        end = place.unit_end(rng) if unended or unconnected else place.any_end(rng, mix.by_character)
        suffix = "" if unended else place.after(end)
        if unconnected:
            suffix = place.without_lines(end, int(rng.integers(1, 21)))
        suffix = suffix[: self._below(rng)]
        starts = [place.start(end, _wanted_tokens(rng), rng, mix.by_character) for _ in range(mix.cuts)]
        yield from self._holes(place, starts, end, suffix)

    def _rests(self, place: _Place, rng: np.random.Generator) -> Iterator[Hole]:
        """A line of code, or its rest: from its first word, from where another begins or ends, or from anywhere."""
        begin, end = place.code[int(rng.integers(len(place.code)))]
        text = begin + place.indent(begin)
        words = [text + m.start() for m in re.finditer(r"\b", place.text[text:end])][1:-1]
        starts = [begin, text, int(rng.choice(words or [begin])), int(rng.integers(text, end))]
        chosen = rng.choice(starts, size=min(3, self._sampling.cuts), replace=False, p=[0.35, 0.25, 0.25, 0.15])
        unconnected = rng.random() < self._sampling.unconnected
        suffix = place.without_lines(end, int(rng.integers(1, 21))) if unconnected else place.after(end)
        yield from self._holes(place, chosen.tolist(), end, suffix[: self._below(rng)])

    def _holes(self, place: _Place, starts: Sequence[int], end: int, suffix: str) -> Iterator[Hole]:
        """A hole from each of the starts, but for middles that are too long."""
        snippets = place.beside(max(starts), suffix)
        for start in dict.fromkeys(starts):
            hole = self._hole(place, start, end, suffix, snippets)
            if len(hole.middle) <= LONGEST:
                yield hole

    def _below(self, rng: np.random.Generator) -> int:
        least, most = self._sampling.below
        return int(rng.integers(least, most + 1))

    def _hole(self, place: _Place, start: int, end: int, suffix: str, snippets: Sequence[Snippet]) -> Hole:
        prefix, text = place.text[:start], place.text[start:end]
        built = self._build(place, prefix, suffix, snippets)
        return Hole(prefix, suffix, text, built.context, tuple(self._tokens.encode(built.healed + text)))

    def _repairs(self, place: _Place, rng: np.random.Generator) -> Iterator[Hole]:
        """A line with a mistake, as repair shows it: the line's beginning is the cursor, the wrong line the draft."""
        found = place.bug(rng, self._sampling.released)
        if found is None:
            return
        bug, start, end = found
        start, end = self._window(place.text, start, end, bug)
        wrong = place.text[start : bug.start] + bug.text + place.text[bug.end : end]
        draft = self._tokens.encode(wrong)
        suffix = place.after(end)[: self._below(rng)]
        right = self._hole(place, start, end, suffix, place.beside(start, suffix))
        touched = self._touched(draft, bug.start - start, bug.start - start + len(bug.text))
        if len(draft) <= WINDOW_TOKENS and len(right.middle) <= WINDOW_TOKENS:
            sides = (right.prefix, right.suffix, right.text, right.context, right.middle)
            yield Hole(*sides, bug.kind, tuple(draft), touched)

    def _window(self, text: str, start: int, end: int, bug: bugs.Bug) -> tuple[int, int]:
        """As much of [start, end) around the bug as a repair looks at together."""
        ends = np.cumsum([len(self._tokens.decode([i])) for i in self._tokens.encode(text[start:end])])
        if len(ends) <= WINDOW_TOKENS - 4:
            return start, end
        first = max(0, int(np.searchsorted(ends, bug.start - start, side="right")) - WINDOW_TOKENS // 3)
        last = min(len(ends), int(np.searchsorted(ends, bug.end - start)) + WINDOW_TOKENS // 3)
        return min(bug.start, start + int(ends[first - 1]) if first else start), max(
            bug.end, start + int(ends[last - 1])
        )

    def _touched(self, ids: Sequence[int], begin: int, stop: int) -> tuple[int, ...]:
        """Tokens that touch [begin, stop] of their text."""
        ends = np.cumsum([len(self._tokens.decode([i])) for i in ids])
        return tuple(i for i, last in enumerate(ends) if begin <= last and (ends[i - 1] if i else 0) <= stop)

    def _build(self, place: _Place, prefix: str, suffix: str, snippets: Sequence[Snippet]) -> prompt.Prompt:
        path, heal = place.document.path, self._sampling.heals
        return prompt.build(self._tokens, self._control, prefix, suffix, path, snippets, heal=heal)


def _chunk_range(text: str, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """[start, end) of a chunk: from the text's beginning or from a line start, like the prefix window."""
    start = 0
    if len(text) > size and rng.random() < 0.8:
        start = text.find("\n", int(rng.integers(len(text) - size // 2))) + 1
    return start, min(len(text), start + size)


def _wanted_tokens(rng: np.random.Generator) -> float:
    """Length of a middle: mostly 1-32 tokens, a fifth 33-96, some empty."""
    kind = rng.random()
    if kind < 0.03:
        return 0.0
    return float(rng.uniform(33, LONGEST)) if kind < 0.23 else float(np.exp(rng.uniform(0, np.log(32))))


def _is_prose(kind: str) -> bool:
    return "comment" in kind or "string" in kind


@dataclass(frozen=True, eq=False)
class _Place:
    """The characters [begin, stop) of a document and what may begin and end a hole there. Offsets count from begin.
    others: files that are open beside it."""

    document: Document
    begin: int
    stop: int
    others: tuple[Snapshot, ...] = ()

    @cached_property
    def text(self) -> str:
        return self.document.text[self.begin : self.stop]

    def after(self, offset: int) -> str:
        """What follows in the document."""
        return self.document.text[self.begin + offset :]

    def beside(self, start: int, suffix: str) -> list[Snippet]:
        """What serving would show of the other files with the cursor at `start`, none of them having been edited."""
        if not self.others:
            return []
        at, document = self.begin + start, self.document
        around = Snapshot.open(document.path, 0, document.language, document.text[:at] + suffix)
        return gather(around, (at, at), self.others)

    def without_lines(self, end: int, count: int) -> str:
        """What follows, but for the `count` lines after the one that `end` stands in."""
        rest, _, below = self.after(end).partition("\n")
        return rest + "\n" + "\n".join(below.split("\n", count)[count:])

    @cached_property
    def lines(self) -> list[tuple[int, int]]:
        """(start, end) of each line that is not blank, without its line end."""
        return [m.span() for m in re.finditer(r"^(?=.*\S).+$", self.text, re.MULTILINE)]

    @cached_property
    def syntax(self) -> Syntax | None:
        """The syntax around the middle of the text; its offsets are the document's."""
        whole = Snapshot.open(self.document.path, 0, self.document.language, self.document.text)
        return whole.syntax(self.begin + len(self.text) // 2)

    def _nodes(self, enter: Callable[[str], bool] = lambda kind: True) -> Iterator[tuple[Any, int, int]]:
        """The syntax nodes that touch the text, with start and end. enter: into which kinds of them."""
        if (syntax := self.syntax) is None:
            return
        for node in syntax.touching(self.begin, self.stop, lambda one: enter(one.type)):
            start, end = syntax.range_of(node)
            yield node, start - self.begin, end - self.begin

    @cached_property
    def code(self) -> list[tuple[int, int]]:
        """The lines that do not begin in a comment or a string."""
        nodes = self._nodes(lambda kind: not _is_prose(kind))
        prose = [(start, end) for node, start, end in nodes if _is_prose(node.type)]
        texts = [(a, b, a + self.indent(a)) for a, b in self.lines]
        return [(a, b) for a, b, at in texts if not any(start <= at < end for start, end in prose)]

    @cached_property
    def nodes(self) -> dict[int, list[int]]:
        """Where syntax nodes end -> where they start."""
        found: dict[int, list[int]] = {}
        for node, start, end in self._nodes():
            if node.is_named and 0 < start < end <= len(self.text) and "comment" not in node.type:
                found.setdefault(end, []).append(start)
        return found

    @cached_property
    def edits(self) -> list[bugs.Bug]:
        """What an earlier release had in places of this text."""
        first = self.begin + self.text.find("\n")
        inside = [e for e in self.document.edits if first < e.start and e.end < self.stop]
        return [replace(e, start=e.start - self.begin, end=e.end - self.begin) for e in inside]

    def bug(self, rng: np.random.Generator, released: float) -> tuple[bugs.Bug, int, int] | None:
        """A mistake, and the lines it is in. Wrong indentation is possible in any text, even prose, so it is seldom
        taken."""
        if self.edits and rng.random() < released:
            edit = self.edits[int(rng.integers(len(self.edits)))]
            end = self.text.find("\n", edit.end)
            return edit, self.text.rfind("\n", 0, edit.start) + 1, end if end >= 0 else len(self.text)
        lines = [(a, b) for a, b in self.lines if a and b - a < 400 and len(self.text[a:b].split()) > 1]
        for _ in range(8 if lines else 0):
            start, end = lines[int(rng.integers(len(lines)))]
            found = bugs.draw(self.text, start, end, self.document.language, rng)
            if found is not None and (found.kind != "indentation" or rng.random() < 0.1):
                return found, start, end
        return None

    def unit_end(self, rng: np.random.Generator) -> int:
        """The end of a line; in a third of cases of the last line of a block."""
        ends = [end for _, end in self.lines]
        if rng.random() < 1 / 3:
            ends = [b for (a, b), (c, _) in pairwise(self.lines) if self.indent(c) < self.indent(a)] or ends
        return ends[int(rng.integers(len(ends)))]

    def indent(self, start: int) -> int:
        """Characters of a line's indentation."""
        return len(self.text[start:]) - len(self.text[start:].lstrip(" \t"))

    def any_end(self, rng: np.random.Generator, by_character: float) -> int:
        """Any character; or the end of a syntax node or a line, with or without its line end."""
        if rng.random() < by_character or not self.lines:
            return int(rng.integers(1, len(self.text) + 1))
        if self.nodes and rng.random() < 0.5:
            ends = sorted(self.nodes)
            return ends[int(rng.integers(len(ends)))]
        _, end = self.lines[int(rng.integers(len(self.lines)))]
        return min(len(self.text), end + int(rng.integers(2)))

    def start(self, end: int, tokens: float, rng: np.random.Generator, by_character: float) -> int:
        """Where a hole of about so many tokens that ends at `end` begins."""
        length = tokens * CHARS_PER_TOKEN
        if tokens == 0 or rng.random() < by_character:
            return max(0, end - round(length))
        starts = list(self.nodes.get(end, ()))
        for start, stop in self.lines:
            if end - 6 * LONGEST < start < end:
                starts += [start, start + self.indent(start), max(0, start - 1), min(end, stop)]
        starts = [start for start in starts if start < end]
        near = [abs(np.log(end - start) - np.log1p(length)) for start in starts]
        return starts[int(np.argmin(near))] if starts else max(0, end - round(length))
