"""What became of proposals is told from the documents alone, as clients change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from lsprotocol import types

from infill.complete import Suggestion
from infill.document import Snapshot
from infill.edits import Edit
from lsp_server import positions
from lsp_server.documents import Documents
from lsp_server.tally import JUDGED_AFTER, Tally

URI = "file:///w/demo.py"


@dataclass
class Buffer:
    """A document with a cursor, in which somebody types, and what is counted of it."""

    text: str
    cursor: int
    now: float = 100.0
    offers: int = 0
    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    documents: Documents = field(default_factory=Documents)

    def __post_init__(self) -> None:
        self.tally = Tally(self.documents, lambda seconds, call: self.waiting.append((self.now + seconds, call)))
        self.documents.open(types.TextDocumentItem(URI, "python", 1, self.text))

    @property
    def snapshot(self) -> Snapshot:
        found = self.documents.get(URI)
        assert found is not None
        return found

    def propose(self, *texts: str, over: int = 0) -> list[str]:
        """An answer at the cursor. over: characters behind it that are replaced, too."""
        self.tally.answered(self.snapshot, 20.0)
        ids = [str(self.offers + number) for number in range(len(texts))]
        self.offers += len(texts)
        made = [Suggestion(self.cursor, self.cursor + over, text) for text in texts]
        self.tally.offered(self.snapshot, dict(zip(ids, made, strict=True)), self.now)
        return ids

    def write(self, text: str, gone: int = 0, at: int | None = None, pause: float = 0.5) -> None:
        """One message: the text in place of so many characters behind the cursor, which goes behind it."""
        start = self.cursor if at is None else at
        span = positions.to_range(self.snapshot, start, start + gone, "utf-16")
        change = types.TextDocumentContentChangePartial(range=span, text=text)
        made = self.documents.change(URI, self.snapshot.version + 1, [change], "utf-16")
        self.cursor += len(text) - (gone if at is not None else 0) if start <= self.cursor else 0
        self.now += pause
        self.tally.changed(self.snapshot, made, self.now)

    def batch(self, *texts: str) -> None:
        """One message with a change for each key, as Neovim gathers them."""
        changes = []
        for text in texts:
            place = positions.to_range(self.snapshot, self.cursor, self.cursor, "utf-16")
            place.start.character += sum(map(len, texts[: len(changes)]))
            changes.append(
                types.TextDocumentContentChangePartial(range=types.Range(place.start, place.start), text=text)
            )
        made = self.documents.change(URI, self.snapshot.version + 1, changes, "utf-16")
        self.cursor += sum(map(len, texts))
        self.now += 0.5
        self.tally.changed(self.snapshot, made, self.now)

    def undo(self, length: int) -> None:
        """Take back the last so many characters."""
        self.cursor -= length
        self.write("", gone=length)

    def type(self, text: str) -> None:
        for key in text:
            self.write(key)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [call for at, call in self.waiting if at <= self.now]
        self.waiting = [one for one in self.waiting if one[0] > self.now]
        for call in due:
            call()

    def counted(self) -> dict[str, int]:
        """Everything but the times of answers."""
        self.tally.finish(self.now)
        counts = self.tally.drained()
        assert {language for language, _ in counts} <= {"python"}
        return {what: count for (_, what), count in counts.items() if count and not what.startswith("ms ")}


@pytest.fixture
def buffer() -> Buffer:
    return Buffer("def mean(values):\n    \n\nrest()\n", len("def mean(values):\n    "))


def test_taken_as_a_whole(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 17}


def test_typed_by_hand_although_it_was_proposed(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.type("return")
    buffer.write(" s")  # a client may send two keys together
    buffer.type("um(values)")
    assert buffer.counted() == {"shown": 1, "pressed": 18}


def test_what_is_left_of_a_proposal_is_the_same_one(buffer: Buffer) -> None:
    start = buffer.cursor
    buffer.propose("return sum(values)")
    for key in "return ":
        buffer.type(key)
        buffer.propose("return sum(values)"[buffer.cursor - start :])
    buffer.write("sum(values)")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 8, "saved": 10}


def test_taken_word_by_word(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.write("return")
    buffer.write(" sum")
    assert buffer.counted() == {"shown": 1, "partly": 1, "pressed": 2, "saved": 8}


def test_the_next_piece_is_another_proposal(buffer: Buffer) -> None:
    buffer.propose("return ")
    buffer.write("return ")
    buffer.propose("sum(values)")
    buffer.write("sum(values)")
    assert buffer.counted() == {"shown": 2, "taken": 2, "pressed": 2, "saved": 16}


def test_what_nobody_can_have_read_was_not_shown(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.write("x", pause=0.1)
    buffer.propose("y = 1")
    buffer.write("=", pause=0.3)
    assert buffer.counted() == {"shown": 1, "pressed": 2}


def test_an_empty_answer_ends_a_proposal(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.wait(1)
    buffer.propose()
    buffer.write("return sum(values)")  # pasted
    assert buffer.counted() == {"shown": 1}


def test_a_line_end_brings_its_indentation_and_is_one_key(buffer: Buffer) -> None:
    buffer.propose("if not values:\n        return 0")
    buffer.type("if not values:")
    buffer.write("\n        ")
    assert buffer.counted() == {"shown": 1, "pressed": 15}


def test_brackets_that_the_editor_closes(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.type("return sum")
    buffer.write("()")
    buffer.cursor -= 1
    buffer.propose("values)", over=1)
    buffer.write("values)", gone=1)
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 13, "saved": 6}


@pytest.mark.parametrize("told_first", [True, False])
def test_a_short_piece_is_taken_where_the_client_says_so(buffer: Buffer, told_first: bool) -> None:
    (offer,) = buffer.propose("x = 1")
    buffer.type("x =")
    if told_first:
        buffer.tally.accepted(offer)
        buffer.write(" 1")
    else:
        buffer.write(" 1")
        buffer.tally.accepted(offer)
        buffer.tally.accepted("unknown")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 4, "saved": 1}


def test_a_client_that_says_so_is_not_counted_twice(buffer: Buffer) -> None:
    (offer,) = buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.tally.accepted(offer)
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 17}


def test_what_is_undone_and_done_again_counts_once(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.undo(18)
    buffer.write("return sum(values)")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 17}


def test_nor_is_what_was_typed_taken_by_that(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.type("return sum")
    buffer.undo(10)
    buffer.write("return sum")
    assert buffer.counted() == {"shown": 1, "pressed": 10}


def test_keys_that_come_together_were_typed_all_the_same(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.batch("r", "e", "t", "u", "r", "n")
    buffer.batch("x", "y")
    assert buffer.counted() == {"shown": 1, "pressed": 8}


def test_a_piece_among_such_keys_was_taken(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.batch("r", "eturn sum(values)")
    assert {"shown": 1, "taken": 1}.items() <= buffer.counted().items()


def test_the_key_of_several_carets_is_one(buffer: Buffer) -> None:
    buffer.propose()
    spots = [(line, types.Position(line, 0)) for line in (3, 1, 0)]
    keys = [types.TextDocumentContentChangePartial(range=types.Range(at, at), text="#") for _, at in spots]
    made = buffer.documents.change(URI, buffer.snapshot.version + 1, keys, "utf-16")
    buffer.tally.changed(buffer.snapshot, made, buffer.now)
    assert buffer.counted() == {"pressed": 1}


def test_an_indentation_is_a_key_and_nothing_taken() -> None:
    buffer = Buffer("def mean(values):\n\n", len("def mean(values):\n"))
    buffer.propose("    return sum(values)")
    buffer.write("    ")
    assert buffer.counted() == {"shown": 1, "pressed": 1}


def test_a_client_that_says_so_twice_or_too_early(buffer: Buffer) -> None:
    (offer,) = buffer.propose("x = 1")
    buffer.tally.accepted(offer)
    buffer.type("x =")  # it did not come
    buffer.write(" 1")
    buffer.tally.accepted(offer)
    buffer.tally.accepted(offer)
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 4, "saved": 1}


def test_what_is_shown_now_is_what_may_be_taken_whole(buffer: Buffer) -> None:
    buffer.propose("return a\n    b = 2")
    buffer.propose("return a")
    buffer.write("return a")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 7}


def test_a_change_elsewhere_leaves_it_there(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.write("# remark\n", at=0)
    buffer.write("return sum(values)")
    assert {"shown": 1, "taken": 1, "saved": 17}.items() <= buffer.counted().items()


def test_one_of_several(buffer: Buffer) -> None:
    buffer.propose("return sum(values)", "raise NotImplementedError", "pass")
    buffer.write("raise NotImplementedError")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 24}


def test_what_stays_for_half_a_minute(buffer: Buffer) -> None:
    at = buffer.cursor
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.type(" / len(values)")  # right behind it
    buffer.write("# ", at=0)
    buffer.write("\n", at=0)
    buffer.wait(JUDGED_AFTER)
    buffer.write("max", gone=3, at=at + 10)  # too late to matter
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 21, "saved": 17, "judged": 1, "stayed": 1}


@pytest.mark.parametrize(("at", "gone", "text"), [(0, 18, ""), (7, 3, "max"), (0, 1, "R"), (17, 1, "]"), (3, 0, "_")])
def test_what_is_changed_or_undone_does_not_stay(buffer: Buffer, at: int, gone: int, text: str) -> None:
    start = buffer.cursor
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.write(text, gone=gone, at=start + at)
    buffer.wait(JUDGED_AFTER)
    assert {"judged": 1, "taken": 1}.items() <= buffer.counted().items()


def test_a_file_that_is_closed_sooner_says_nothing_of_that(buffer: Buffer) -> None:
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.tally.closed(buffer.snapshot, buffer.now)
    buffer.documents.close(URI)
    buffer.wait(JUDGED_AFTER)
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 17}


def test_nothing_is_kept_of_a_file_that_is_closed(buffer: Buffer) -> None:
    """Thousands are, in a server that runs for weeks."""
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.tally.closed(buffer.snapshot, buffer.now)
    assert not [kept for kept in vars(buffer.tally).values() if isinstance(kept, dict | set) and URI in kept]


@pytest.mark.parametrize("version", [1, 7])
def test_nor_one_that_is_opened_again_meanwhile(buffer: Buffer, version: int) -> None:
    buffer.propose("return sum(values)")
    buffer.write("return sum(values)")
    buffer.tally.closed(buffer.snapshot, buffer.now)
    text = buffer.snapshot.text
    buffer.documents.close(URI)
    buffer.documents.open(types.TextDocumentItem(URI, "python", version, text))
    buffer.propose()
    buffer.wait(JUDGED_AFTER)
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": 17}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_several_lines_whatever_they_end_with(ending: str) -> None:
    head = f"def mean(values):{ending}    "
    buffer = Buffer(f"{head}{ending}rest(){ending}", len(head))
    text = "total = 0\n    for value in values:\n        total += value"
    buffer.propose(text)
    buffer.write(text.replace("\n", ending))
    buffer.write(f"{ending}    return total")
    buffer.wait(JUDGED_AFTER)
    keys = len("total = 0\nfor value in values:\ntotal += value")
    assert buffer.counted() == {"shown": 1, "taken": 1, "pressed": 1, "saved": keys - 1, "judged": 1, "stayed": 1}


def test_keys_count_where_proposals_are_wanted(buffer: Buffer) -> None:
    buffer.type("abc")
    assert buffer.counted() == {}
    buffer.propose()
    buffer.type("def")
    buffer.write("pasted text")
    assert buffer.counted() == {"pressed": 3}


def test_a_next_edit_is_made_in_one_message_or_more(buffer: Buffer) -> None:
    wanted = [Edit(9, 15, "rows"), Edit(24, 30, "clear()")]
    for gap in (False, True):
        text = buffer.snapshot.text
        buffer.tally.awaits(buffer.snapshot, wanted)
        for edit in reversed(wanted):
            buffer.write(edit.text, gone=edit.end - edit.start, at=edit.start)
            if gap:
                buffer.tally.changed(buffer.snapshot, [], buffer.now)
        assert buffer.counted() == {"next_edits": 1}
        buffer.write(text, gone=len(buffer.snapshot.text), at=0)
    buffer.tally.awaits(buffer.snapshot, wanted)
    buffer.write("", gone=1, at=9)
    for edit in reversed(wanted):
        buffer.write(edit.text, gone=edit.end - edit.start - (edit.start == 9), at=edit.start)
    assert buffer.counted() == {}
