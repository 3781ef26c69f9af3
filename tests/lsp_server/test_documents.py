"""The server's text is the client's text, whatever is edited in whatever encoding."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from infill.document import Snapshot
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
