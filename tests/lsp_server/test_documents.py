"""The server's text is the client's text, whatever is edited in whatever encoding."""

from __future__ import annotations

import tracemalloc
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from infill.document import Snapshot
from infill.edits import Edit
from lsp_server import positions
from lsp_server.documents import Documents
from lsp_server.positions import Encoding

PIECES = ["\r\n", "\r", "\n", "\f", "\u2028", "\u0085", "😀", "e\u0301", "語", "a", "def f():", " ", ""]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), TEXTS, st.booleans()), max_size=8)
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

URI = "file:///w/a.py"


def item(text: str, uri: str = URI, version: int = 1) -> types.TextDocumentItem:
    return types.TextDocumentItem(uri=uri, language_id="python", version=version, text=text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXTS, edits=EDITS)
def test_text_stays_the_clients_through_random_changes(
    encoding: Encoding, text: str, edits: list[tuple[float, float, str, bool]]
) -> None:
    """All edits travel in one didChange, so each counts positions in the result of the one before."""
    documents = Documents()
    documents.open(item(text))
    changes: list[types.TextDocumentContentChangeEvent] = []
    for one, other, new, whole in edits:
        client = Snapshot.open(URI, 0, "python", text)
        first, last = sorted(client.settled(round(at * len(text))) for at in (one, other))
        if whole:
            changes.append(types.TextDocumentContentChangeWholeDocument(new))
            text = new
        else:
            changes.append(
                types.TextDocumentContentChangePartial(positions.to_range(client, first, last, encoding), new)
            )
            text = text[:first] + new + text[last:]
    documents.change(URI, 7, changes, encoding)
    server = documents.get(URI)
    assert server is not None
    assert (server.text, server.version) == (text, 7)
    fresh = Snapshot.open(URI, 7, "python", text)
    assert server.line_starts.tolist() == fresh.line_starts.tolist()


def partial(client: Snapshot, start: int, end: int, text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(positions.to_range(client, start, end, "utf-16"), text)


@given(text=TEXTS, edits=EDITS, around=st.integers(1, 3), odd=st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_many_changes_in_one_message_are_what_they_are_one_by_one(
    text: str, edits: list[tuple[float, float, str, bool]], around: int, odd: list[int]
) -> None:
    nonsense = types.Range(types.Position(*odd[:2]), types.Position(*odd[2:]))
    changes: list[Any] = [types.TextDocumentContentChangePartial(nonsense, "\r")]
    one_by_one, at_once = Documents(), Documents()
    for documents in (one_by_one, at_once):
        documents.open(item(text))
    made = one_by_one.change(URI, 2, changes, "utf-16")
    for version, (one, other, new, whole) in enumerate(edits, 3):
        client = one_by_one.get(URI)
        assert client is not None
        first, last = sorted(round(at * len(client.text)) for at in (one, other))
        whole_text = types.TextDocumentContentChangeWholeDocument(new)
        changes.append(whole_text if whole else partial(client, first, last, new))
        made += one_by_one.change(URI, version, changes[-1:], "utf-16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lsp_server.documents._MANY", 0)
        patch.setattr("lsp_server.documents._AROUND", around)
        assert at_once.change(URI, 9, changes, "utf-16") == made
    then, now = one_by_one.get(URI), at_once.get(URI)
    assert then is not None and now is not None
    assert (now.text, now.version, now.history) == (then.text, 9, then.history)
    assert now.line_starts.tolist() == then.line_starts.tolist()


@pytest.mark.parametrize("upwards", [True, False])
def test_a_replacement_all_over_a_long_file_copies_it_a_few_times(
    upwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some editors send the last change first, others the first."""
    text, copied, after = "    value = compute(foo, 1)\n" * 10_000, list[int](), Snapshot._after

    def counted(snapshot: Snapshot, change: Edit) -> Snapshot:
        copied.append(len(snapshot.text))
        return after(snapshot, change)

    monkeypatch.setattr(Snapshot, "_after", counted)
    documents, lines = Documents(), range(10_000)
    documents.open(item(text))
    spans = [types.Range(types.Position(at, 20), types.Position(at, 23)) for at in (lines[::-1] if upwards else lines)]
    changes = [types.TextDocumentContentChangePartial(span, "barbar") for span in spans]
    documents.change(URI, 2, changes, "utf-16")
    snapshot = documents.get(URI)
    assert snapshot is not None
    assert snapshot.text == text.replace("foo", "barbar")
    assert sum(copied) < 1000 * len(text)


def test_one_document_whatever_the_percent_encoding() -> None:
    documents = Documents()
    documents.open(item("x", uri="file:///c%3A/a%20b.py"))
    found = documents.get("file:///c:/a b.py")
    assert found is not None
    assert found.uri == "file:///c%3A/a%20b.py"


def test_what_is_not_open_is_unknown_and_changes_to_it_are_ignored() -> None:
    documents = Documents()
    assert documents.get(URI) is None
    documents.change(URI, 2, [types.TextDocumentContentChangeWholeDocument("x")], "utf-16")
    assert documents.get(URI) is None
    documents.open(item("x"))
    documents.close(URI)
    documents.close(URI)
    assert documents.get(URI) is None


def test_others_come_most_recently_edited_first() -> None:
    documents = Documents()
    for name in "abc":
        documents.open(item(name, uri=f"untitled:{name}"))
    documents.change("untitled:a", 2, [types.TextDocumentContentChangeWholeDocument("A")], "utf-16")
    assert [other.uri for other in documents.others("untitled:c")] == ["untitled:a", "untitled:b"]


def test_snapshots_handed_out_do_not_change() -> None:
    documents = Documents()
    documents.open(item("before"))
    held = documents.get(URI)
    documents.change(URI, 2, [types.TextDocumentContentChangeWholeDocument("after")], "utf-16")
    assert held is not None
    assert (held.text, held.version) == ("before", 1)


def test_an_empty_change_still_moves_the_version() -> None:
    documents = Documents()
    documents.open(item("x"))
    documents.change(URI, 5, [], "utf-16")
    moved = documents.get(URI)
    assert moved is not None
    assert (moved.text, moved.version) == ("x", 5)


# ---- ranges carried over


@given(text=TEXTS, edits=EDITS, at=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_range_is_carried_over_only_with_its_text_unchanged(
    text: str, edits: list[tuple[float, float, str, bool]], at: tuple[float, float]
) -> None:
    start, end = sorted(round(one * len(text)) for one in at)
    documents = Documents()
    documents.open(item(text))
    now = text
    for version, (one, other, new, whole) in enumerate(edits, start=2):
        client = Snapshot.open(URI, 0, "python", now)
        first, last = sorted(client.settled(round(place * len(now))) for place in (one, other))
        where = positions.to_range(client, first, last, "utf-16")
        now = now[:first] + new + now[last:]
        change = types.TextDocumentContentChangePartial(where, new)
        sent = types.TextDocumentContentChangeWholeDocument(now) if whole else change
        documents.change(URI, version, [sent], "utf-16")
    carried = documents.carried(URI, 1, start, end)
    assert carried is None or now[carried[0] : carried[1]] == text[start:end]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("a\nfoo\nb", (2, 5)),
        ("aa\nfoo\nbb", None),
        ("a\nnew\nfoo\nb", (6, 9)),
        ("a\nfoo\nnew\nb", (2, 5)),
        ("a\nxfoo\nb", None),
        ("a\nfoox\nb", None),
        ("a\nfo\nb", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_range_moves_with_what_is_around_it(now: str, expected: tuple[int, int] | None, whole: bool) -> None:
    documents = Documents()
    documents.open(item("a\nfoo\nb"))
    if whole:
        documents.change(URI, 2, [types.TextDocumentContentChangeWholeDocument(now)], "utf-16")
    else:
        everything = types.Range(types.Position(0, 0), types.Position(9, 0))
        documents.change(URI, 2, [types.TextDocumentContentChangePartial(everything, now)], "utf-16")
    assert documents.carried(URI, 1, 2, 5) == expected


def test_no_text_is_kept_to_carry_ranges_over() -> None:
    """A generated file that is read again from the disk, over and over."""
    documents = Documents()
    documents.open(item(""))
    tracemalloc.start()
    for version in range(2, 302):
        text = "ab"[version % 2] * 50_000
        documents.change(URI, version, [types.TextDocumentContentChangeWholeDocument(text)], "utf-16")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100 * 50_000


@pytest.mark.parametrize(("version", "start", "end"), [(2, 0, 1), (1, -1, 2), (1, 2, 1), (1, 0, 99)])
def test_nonsense_is_not_carried(version: int, start: int, end: int) -> None:
    documents = Documents()
    documents.open(item("abc"))
    assert documents.carried(URI, version, start, end) is None
    assert documents.carried("file:///other", 1, 0, 1) is None
