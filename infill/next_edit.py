"""The edits that follow from those the user has just made. What brings a name was renamed by hand, and its uses are
still called as before: that is known. A name was changed elsewhere, and stands in one more place: that may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from infill import across, manners, renaming
from infill.document import MAX_JUDGED, Edited, Snapshot, moved
from infill.edits import Edit
from infill.languages import keywords, language
from infill.scopes import Scopes

TOGETHER = 12
"""Lines that one proposal changes: what is looked at at once."""
ONCE, TWICE = 5.0, 0.0
"""Nats by which a line must be likelier with the change, after one like it and after two."""
NEAR, CARRIED = 40, 3_000
"""Lines below the last change in which the next place is looked for, and characters that are thought changed, too."""
_JUST_NOW = 8
"""Edits after which a renaming is no longer news."""
_LONGEST = 100
"""Characters of a name."""
_NAME = re.compile(rf"[^\W\d]\w{{,{_LONGEST - 1}}}")
_WORD = re.compile(r"\w*")


@dataclass(frozen=True, slots=True)
class Renamed:
    """Where the user had `old`, `new` stands now, at an offset of the snapshot; the same where it was put back.

    through: all that stood there meanwhile.
    """

    at: int
    old: str
    new: str
    through: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def is_change(self) -> bool:
        return self.old != self.new

    def puts_back(self, other: Renamed) -> bool:
        """Whether a name that another renaming changes was changed here by hand, and back."""
        return self.new == other.old and other.new in self.through


@dataclass(frozen=True, slots=True)
class Following:
    """A renaming, and what follows from it in all of the document, in the order of the text."""

    renamed: Renamed
    changes: tuple[Edit, ...]

    @property
    def places(self) -> list[int]:
        """Where the new name stands and the old one still does."""
        return [self.renamed.at, *(one.start for one in self.changes)]


def following(snapshot: Snapshot, others: Sequence[Snapshot] = ()) -> Following | None:
    """What follows from the last renaming that leaves something to be done here, else from one in another document.

    others: the other open documents that may be read, most recently edited first.
    """
    return snapshot.derived(_following) or _following_from(snapshot, others)


def first(snapshot: Snapshot, cursor: int, changes: Sequence[Edit]) -> list[Edit]:
    """Those of some changes that come first behind the cursor, or from the top: as many as TOGETHER lines have."""
    ahead = [one for one in changes if one.start >= cursor] or changes
    end = snapshot.line_of(ahead[0].start) + TOGETHER
    return [one for one in ahead if snapshot.line_of(one.start) < end]


def _following(snapshot: Snapshot) -> Following | None:
    if len(snapshot.text) > MAX_JUDGED:
        return None
    row, lately = language(snapshot.language), list(_words(snapshot))
    changed = [(n, one) for n, one in enumerate(lately) if one.is_change and one.new not in keywords(row)]
    scopes = Scopes.of(snapshot.whole) if changed and snapshot.whole is not None else None
    if scopes is None:
        return None
    for n, one in changed:
        if scopes.is_imported(one.at, one.new):
            continue  # by another name it is another thing
        if scopes.is_outermost(one.at, one.new) and _is_elsewhere(snapshot, one):
            continue
        done = [other.at for other in lately if (other.old, other.new) == (one.old, one.new)]
        put_back = {since.at for since in lately[:n] if since.puts_back(one)}
        changes = renaming.left(scopes, one.at, one.old, one.new, done)
        if wanted := tuple(change for change in changes if change.start not in put_back):
            return Following(one, wanted)
    return None


def _following_from(snapshot: Snapshot, others: Sequence[Snapshot]) -> Following | None:
    if len(snapshot.text) > MAX_JUDGED:
        return None
    known = frozenset(other.uri for other in others)
    for there in others:
        for one in there.derived(_exported):
            look = partial(_following_one, there=there, one=one, others=others)
            if found := snapshot.derived(look, (one, there.uri, there.version, known)):
                return found
    return None


def _following_one(
    snapshot: Snapshot, there: Snapshot, one: across.Exported, others: Sequence[Snapshot]
) -> Following | None:
    lately = list(_words(snapshot))
    done = [since.at for since in lately if (since.old, since.new) == (one.old, one.new)]
    changes = across.left(one, there, snapshot, others, done)
    if not changes:
        return None
    renamed = Renamed(changes[0].start, one.old, one.new)
    unwanted = any(since.puts_back(renamed) for since in lately) or _is_elsewhere(snapshot, renamed)
    return None if unwanted else Following(renamed, tuple(changes))


def _exported(there: Snapshot) -> list[across.Exported]:
    """The last renamings that other documents may see, the last first."""
    if not there.history or len(there.text) > MAX_JUDGED or manners.denied_text(there.text):
        return []
    lately, reserved, found = list(renamings(there)), keywords(language(there.language)), list[across.Exported]()
    for one in lately:
        known = [other.at for other in lately if (other.old, other.new) == (one.old, one.new)]
        seen = across.exported(there, one.at, one.old, one.new, known) if one.new not in reserved else None
        found += [seen] if seen is not None and seen not in found else []
    return found


def _is_elsewhere(snapshot: Snapshot, renamed: Renamed) -> bool:
    """Whether another cell of a notebook says one of the names."""
    names = re.compile(rf"\b(?:{re.escape(renamed.old)}|{re.escape(renamed.new)})\b")
    return any(map(names.search, (snapshot.above, snapshot.below)))


@dataclass(frozen=True, slots=True)
class Again:
    """The place where what was done may be wanted once more, if that makes its line likelier by `margin` nats."""

    renamed: Renamed
    change: Edit
    margin: float

    def carried_on(self, text: str) -> str:
        """What would stand below if all that follows were changed, too: left as it is, it speaks for the old name."""
        word = re.compile(rf"\b{re.escape(self.renamed.old)}\b")
        return word.sub(self.renamed.new, text[:CARRIED]) + text[CARRIED:]


def again(snapshot: Snapshot) -> Again | None:
    """The next place below that the last change of a name fits: where it is used in the same way, called or behind a
    dot. None in remarks, in one of two tags, and where that was a renaming: what follows from it is known."""
    lately = list(renamings(snapshot)) if len(snapshot.text) <= MAX_JUDGED else []
    if not lately or _is_apart(snapshot, lately[0].at, lately[0].new):
        return None
    places = {one.at for one in lately if (one.old, one.new) == (lately[0].old, lately[0].new)}
    scopes = Scopes.of(snapshot.whole) if snapshot.whole is not None else None
    if scopes is not None and any(scopes.brings(at, lately[0].new) for at in places):
        return None
    last, margin = lately[0], TWICE if len(places) > 1 else ONCE
    end = snapshot.line_range(min(snapshot.line_of(last.at) + NEAR, snapshot.line_count - 1))[1]
    use = _use(snapshot.text, last.at, last.at + len(last.new))
    for match in re.compile(rf"\b{re.escape(last.old)}\b").finditer(snapshot.text, last.at + len(last.new), end):
        if _use(snapshot.text, *match.span()) == use and not _is_apart(snapshot, match.start(), last.old):
            return Again(last, Edit(*match.span(), last.new), margin)
    return None


def _is_apart(snapshot: Snapshot, at: int, word: str) -> bool:
    """Whether a word stands in a remark, or in one of two tags, which change together."""
    syntax = snapshot.whole
    if syntax is None:
        return False
    return "comment" in syntax.node_of(at, at + 1).type or renaming.tags(syntax, at, word) is not None


def _use(text: str, start: int, end: int) -> tuple[bool, str]:
    """Whether a name is a member, and what is done with it at once: called, indexed, asked for a member of its own."""
    behind = text[end : end + 1]
    return text[max(0, start - 1) : start] == ".", behind if behind in ("(", "[", ".") else ""


def renamings(snapshot: Snapshot) -> Iterator[Renamed]:
    """The names that the user has lately put in the place of others, the last first."""
    return (one for one in _words(snapshot) if one.is_change)


def _words(snapshot: Snapshot) -> Iterator[Renamed]:
    """The same, and what was put back. A word is typed and deleted in several edits: those within one word count
    together."""
    history, text, later = _lately(snapshot.history), snapshot.text, list[Edited]()
    while history:
        start, end = _word(text, history[-1])
        new, at = text[start:end], moved(start + 1, reversed(later)) - 1  # text put in before a word moves it
        through = set[str]()
        while True:
            done = history.pop()
            text, end = done.undone(text), end + len(done.removed) - len(done.inserted)
            later.append(done)
            through.add(text[start:end])
            if not history or not (_is_word(done) and _is_word(history[-1]) and _is_within(history[-1], start, end)):
                break
        old = text[start:end]
        stands = snapshot.text.startswith(new, max(at, 0))
        # Taken back while it was typed, it was no name yet.
        typed = bool(history) and _ends(history[-1], end)
        if stands and not typed and _NAME.fullmatch(old) and _NAME.fullmatch(new):
            yield Renamed(at, old, new, frozenset(through))


def _lately(history: Sequence[Edited]) -> list[Edited]:
    """The last edits, each in its parts. Those that do the same in many places, as a renaming does, are one of them."""
    runs = groupby(reversed(history), key=lambda edit: (edit.removed, edit.inserted))
    last = [edit for _, run in islice(runs, _JUST_NOW) for edit in run]
    return [part for edit in reversed(last) for part in _parts(edit)]


def _parts(edit: Edited) -> Iterator[Edited]:
    """The word that an edit changes at its start, and the rest of it: who types on behind a name has renamed it. Lines
    put in the place of something are one part: who pastes them, or reads the file again, renames nothing."""
    if edit.removed and "\n" in edit.inserted:
        yield edit
        return
    gone, come = (_word_end(text, 0) for text in (edit.removed, edit.inserted))
    if edit.removed[gone:]:
        yield Edited(edit.start + gone, edit.removed[gone:], "")
    if gone or come:
        yield Edited(edit.start, edit.removed[:gone], edit.inserted[:come])
    if edit.inserted[come:]:
        yield Edited(edit.start + come, "", edit.inserted[come:])


def _word(text: str, edit: Edited) -> tuple[int, int]:
    """What an edit has put there, with the rest of the words that it begins and ends in."""
    end = edit.start + len(edit.inserted)
    before = text[max(0, edit.start - _LONGEST) : edit.start][::-1]
    return edit.start - _word_end(before, 0), _word_end(text, end)


def _word_end(text: str, at: int) -> int:
    found = _WORD.match(text, at)
    return found.end() if found else at


def _is_word(edit: Edited) -> bool:
    return _WORD.fullmatch(edit.removed + edit.inserted) is not None


def _is_within(edit: Edited, start: int, end: int) -> bool:
    return start <= edit.start and edit.start + len(edit.inserted) <= end


def _ends(edit: Edited, end: int) -> bool:
    """Whether an edit put something there up to an offset."""
    return edit.inserted != "" and edit.start + len(edit.inserted) == end
