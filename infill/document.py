"""Immutable snapshots of a document: exact client text, line starts, syntax tree.

All offsets are code points into `Snapshot.text`.
Lines end with CRLF, CR or LF and nothing else (LSP 3.18, "Text Documents").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import TypeVar, cast
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from infill.edits import Edit
from infill.languages import language
from infill.lines import lf
from infill.syntax import WHOLE, Syntax

MAX_PARSED = 4_000_000
"""Code points above which a text has no syntax tree."""
MAX_JUDGED = 100_000
"""Code points up to which the whole text says what is broken in it: some 20 ms for a new version. In longer ones it is
the window around, which may begin or end within something."""

MAX_LINE = 20_000
"""Code points above which a line means that the file was not written by hand."""

T = TypeVar("T")
_HISTORY, _HISTORY_LENGTH = 64, 2 * MAX_JUDGED
"""Past edits that are kept, and code points of all of them: whatever reads them reads no longer texts, and a file that
is formatted or read again from the disk, over and over, would be kept as often."""
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Edited:
    """One past edit: at `start`, `removed` gave way to `inserted`; start counts in the snapshot right after it.

    A run of typed characters is one edit, and so is a run of deleted ones.
    """

    start: int
    removed: str
    inserted: str

    def undone(self, text: str) -> str:
        """The text before it, of the one right after it."""
        return text[: self.start] + self.removed + text[self.start + len(self.inserted) :]

    def then(self, later: Edited) -> Edited | None:
        """Both as one edit when `later` goes on where this one stopped and does the same thing, else None."""
        if not self.removed and not later.removed and later.start == self.start + len(self.inserted):
            return Edited(self.start, "", self.inserted + later.inserted)
        if not self.inserted and not later.inserted:
            if later.start + len(later.removed) == self.start:
                return Edited(later.start, later.removed + self.removed, "")
            if later.start == self.start:
                return Edited(self.start, self.removed + later.removed, "")
        return None


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """A document at one version. Never changes; `edit` makes the next one and leaves this one valid.

    uri, version, language: as the client sent them. text: exactly the client's text, every line ending as it is.
    history: the last edits, oldest first, as many as are not too long together. line_starts: int64 (lines,), offset of
    each line's first code point.
    above, below: of a notebook's cell, the code of the cells before and after it, LF.
    """

    uri: str
    version: int
    language: str
    text: str
    history: tuple[Edited, ...]
    line_starts: NDArray[np.int64]
    above: str = ""
    below: str = ""
    _syntax: Syntax | None = None
    _derived: dict[Hashable, object] = field(default_factory=dict)

    @classmethod
    def open(cls, uri: str, version: int, language: str, text: str) -> Snapshot:
        """The document as `textDocument/didOpen` describes it."""
        return cls(uri, version, language, text, (), _frozen([0, *(end.end() for end in _LINE_END.finditer(text))]))

    def edit(self, changes: Iterable[Edit], version: int) -> Snapshot:
        """The next snapshot: changes applied in order, each to the result of the one before.

        Raises ValueError, with this snapshot intact, when a change reaches outside its text.
        """
        latest = replace(self, version=version, _derived={})
        for change in changes:
            latest = latest._after(change)
        return latest

    def _after(self, change: Edit) -> Snapshot:
        if not 0 <= change.start <= change.end <= len(self.text):
            raise ValueError(
                f"change [{change.start}, {change.end}) reaches outside the {len(self.text)} characters of {self.uri}: "
                "send the whole text again"
            )
        change = change.narrowed(self.text)
        if change.start == change.end and not change.text:
            return self
        text = self.text[: change.start] + change.text + self.text[change.end :]
        done = Edited(change.start, self.text[change.start : change.end], change.text)
        history = _remembered(self.history, done)
        starts = _moved_line_starts(self.line_starts, change, text)
        syntax = self._syntax.edited(change.start, change.end, change.text) if self._syntax else None
        return replace(self, text=text, history=history, line_starts=starts, _syntax=syntax, _derived={})

    def part(self, first: int, last: int) -> Snapshot:
        """Lines [first, last) with their endings as a document of its own, which knows the edits of this one, too."""
        start, end = self._lines(first, last)
        part = Snapshot.open(self.uri, self.version, self.language, self.text[start:end])
        return replace(part, history=_shifted(self.history, -start))

    def rejoined(self, first: int, last: int, part: Snapshot) -> Snapshot:
        """The next snapshot: lines [first, last) are what has become of the part that was made of them."""
        start, end = self._lines(first, last)
        whole = self._after(Edit(start, end, part.text))
        return replace(whole, version=part.version, history=_shifted(part.history, start), _derived={})

    def _lines(self, first: int, last: int) -> tuple[int, int]:
        starts = self.line_starts
        return int(starts[first]), int(starts[last]) if last < len(starts) else len(self.text)

    # ---- names

    @cached_property
    def path(self) -> str:
        """A path with forward slashes made from the URI, whatever its scheme; percent-decoded, no query or fragment."""
        return path_of(self.uri)

    @property
    def short_path(self) -> str:
        """The last two parts of the path."""
        return "/".join([part for part in self.path.split("/") if part][-2:])

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    # ---- lines

    @property
    def line_count(self) -> int:
        """Number of lines; an empty text has one."""
        return len(self.line_starts)

    def line_of(self, offset: int) -> int:
        """The line an offset stands on, from 0; an offset between CR and LF stands on the line they end."""
        return int(np.searchsorted(self.line_starts, offset, side="right")) - 1

    def line_range(self, line: int) -> tuple[int, int]:
        """(start, end) of a line without its ending. Raises IndexError for a line that does not exist."""
        if not 0 <= line < len(self.line_starts):
            raise IndexError(f"{self.uri} has no line {line}: it has {len(self.line_starts)} lines")
        start = int(self.line_starts[line])
        if line + 1 == len(self.line_starts):
            return start, len(self.text)
        end = int(self.line_starts[line + 1]) - 1
        if end > start and self.text[end] == "\n" and self.text[end - 1] == "\r":
            end -= 1
        return start, end

    @cached_property
    def longest_line(self) -> int:
        """Code points of the longest line, its ending included."""
        return int(np.diff(self.line_starts, append=len(self.text)).max())

    @cached_property
    def newline(self) -> str:
        """The document's dominant line ending; LF when it has none."""
        return line_ending(self.text)

    def settled(self, offset: int) -> int:
        """The offset, or the one before CR where it stands between CR and LF (LSP knows no position there)."""
        return offset - 1 if self.text[offset - 1 : offset + 1] == "\r\n" and offset > 0 else offset

    def lf(self, start: int, end: int) -> str:
        """Text of [start, end) with LF line endings. Both sides of any offset join to the whole."""
        return lf(self.text[self.settled(start) : self.settled(end)])

    def before(self, offset: int) -> str:
        """All that stands before an offset, LF; of a cell, the code of those above it, too."""
        return (self.above and self.above + "\n\n") + self.lf(0, offset)

    def after(self, offset: int) -> str:
        """All that stands after an offset, LF; of a cell, the code of those below it, too."""
        return self.lf(offset, len(self.text)) + (self.below and "\n\n" + self.below)

    # ---- syntax

    def syntax(self, offset: int) -> Syntax | None:
        """The syntax tree around an offset, from the predecessor's where there is one.

        None for plain text and for texts that are too large to be worth it.
        """
        if not self._parsable:
            return None
        if self._syntax is not None and self._syntax.covers(offset, len(self.text)):
            current: Syntax | None = self._syntax.reparsed()
        else:
            current = Syntax.around(language(self.language), self.text, offset)
        # The tree is a cache of what follows from the text, so remembering it changes nothing anybody can see.
        object.__setattr__(self, "_syntax", current)
        return current

    @cached_property
    def whole(self) -> Syntax | None:
        """The syntax tree of the whole text, None where `syntax` is; for what is asked seldom, and where a window that
        begins or ends within something would be wrong."""
        if len(self.text) <= WHOLE or not self._parsable:
            return self.syntax(0)
        return Syntax.of(language(self.language), self.text, 0, len(self.text))

    @property
    def _parsable(self) -> bool:
        grammar = language(self.language).grammar
        return bool(grammar) and len(self.text) <= MAX_PARSED and self.longest_line <= MAX_LINE

    def derived(self, make: Callable[[Snapshot], T], key: Hashable = None) -> T:
        """What a function makes of this snapshot, made once; known by the key, where the function is another each
        time."""
        key = key or make
        if key not in self._derived:
            self._derived[key] = make(self)
        return cast(T, self._derived[key])

    def judged(self, offset: int) -> Syntax | None:
        """The tree that says what is broken around an offset, None where `syntax` is."""
        return self.whole if len(self.text) <= MAX_JUDGED else self.syntax(offset)

    def errors(self, start: int, end: int) -> int:
        """Number of syntax errors that touch [start, end]; 0 without a tree."""
        judged = self.judged(start)
        return judged.errors(start, end) if judged else 0

    def __repr__(self) -> str:
        return f"Snapshot({self.uri!r}, version {self.version}, {self.language}, {len(self.text)} characters)"


def moved(offset: int, later: Iterable[Edited]) -> int:
    """Where an offset stands after later edits, oldest first; text put in at the offset itself comes behind it."""
    for edit in later:
        if edit.start < offset:
            offset = max(edit.start, offset - len(edit.removed)) + len(edit.inserted) * (
                edit.start + len(edit.removed) <= offset
            )
    return offset


def line_ending(text: str) -> str:
    """The dominant line ending of a text; LF when it has none."""
    both = text.count("\r\n")
    counts = {"\n": text.count("\n") - both, "\r\n": both, "\r": text.count("\r") - both}
    return max(counts, key=lambda ending: counts[ending])


def path_of(uri: str) -> str:
    """A path with forward slashes made from a URI of any scheme, or from a bare path of any platform."""
    scheme, colon, rest = uri.partition(":")
    if not colon or len(scheme) < 2 or "/" in scheme or "\\" in scheme:
        return uri.replace("\\", "/")
    rest = unquote(re.split(r"[?#]", rest, maxsplit=1)[0])
    if rest.startswith("//"):
        authority, _, path = rest[2:].partition("/")
        rest = "/" + path if scheme != "file" or authority in ("", "localhost") else rest
    return rest[1:] if re.match(r"/[A-Za-z]:(/|$)", rest) else rest


def _remembered(history: tuple[Edited, ...], done: Edited) -> tuple[Edited, ...]:
    """A history with one more edit, the last of all."""
    merged = history[-1].then(done) if history else None
    edits = (*history[:-1], merged) if merged else (*history, done)[-_HISTORY:]
    together = accumulate(len(edit.removed) + len(edit.inserted) for edit in reversed(edits))
    kept = sum(length <= _HISTORY_LENGTH for length in together)
    return edits[len(edits) - kept :]


def _shifted(history: Iterable[Edited], by: int) -> tuple[Edited, ...]:
    return tuple(Edited(edit.start + by, edit.removed, edit.inserted) for edit in history)


def _frozen(starts: list[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    row = np.asarray(starts, dtype=np.int64)
    row.setflags(write=False)
    return row


def _moved_line_starts(starts: NDArray[np.int64], change: Edit, text: str) -> NDArray[np.int64]:
    """Line starts of `text`, the text after the change. Only starts that touch the change are looked for again:
    a line start depends on nothing but the character before it and the one after it."""
    last = change.start + len(change.text)
    base = max(change.start - 1, 0)
    found = (base + end.end() for end in _LINE_END.finditer(text[base : last + 1]))
    new = [start for start in found if change.start <= start <= last]
    kept = max(int(np.searchsorted(starts, change.start)), 1)
    beyond = max(int(np.searchsorted(starts, change.end, side="right")), 1)
    return _frozen(np.concatenate((starts[:kept], np.asarray(new, np.int64), starts[beyond:] + (last - change.end))))
