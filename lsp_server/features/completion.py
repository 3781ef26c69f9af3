"""`textDocument/completion`: the same proposals as menu items, for clients without ghost text.

A client that shows ghost text is not offered this (`server.py`): it would see everything twice.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import positions
from lsp_server.session import Question, Session

if TYPE_CHECKING:
    from infill.complete import Suggestion
    from infill.document import Snapshot

OPTIONS = types.CompletionOptions(trigger_characters=[".", "(", "="], resolve_provider=False)

_LABEL_MOST = 60
_WORD = re.compile(r"(?<!\w)\w*\Z")


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList:
    """Items that sort behind every other server's and are never preselected; incomplete, so that typing asks again.

    Clients send "invoked" for typed letters too, so it does not count as asked for by hand; it is only what remains
    when `trigger` is manual.
    """
    uri = params.text_document.uri
    invoked = params.context is None or params.context.trigger_kind == types.CompletionTriggerKind.Invoked
    asked = session.question(uri, invoked=invoked)
    if asked is None:
        return _list([])
    work = _propose(session, asked, params.position)
    return await session.work.newest(
        uri, "menu", work, _list([]), lambda: session.question(uri, invoked=invoked) is not None
    )


async def _propose(session: Session, asked: Question, position: types.Position) -> types.CompletionList:
    snapshot = asked.snapshot
    cursor = positions.to_offset(snapshot, position, session.encoding)
    await asyncio.sleep(session.patience(snapshot, cursor))
    found = await session.complete("completion", asked, cursor)
    session.offer(asked, cursor, found.suggestions)
    return _list([_item(session, snapshot, one, rank) for rank, one in enumerate(found.suggestions)])


def _item(session: Session, snapshot: Snapshot, suggestion: Suggestion, rank: int) -> types.CompletionItem:
    """Clients filter by the word left of the cursor, so an item starts with it."""
    line_start = snapshot.line_range(snapshot.line_of(suggestion.end))[0]
    before = snapshot.text[line_start : suggestion.end]
    start, text = _from(snapshot, suggestion, line_start + len(before) - len(_word_of(before)))
    first, *more = text.split("\n")
    # Helix puts it in as it is.
    ends = text.replace("\n", snapshot.newline)
    called = next((line.strip() for line in (first, *more) if line.strip()), "")
    insert = None
    if session.capabilities.replaces_tokens:
        token = _token(snapshot.language, before, suggestion.text)
        _, insert = _from(snapshot, suggestion, suggestion.end - len(token))
    return types.CompletionItem(
        label=_short(called) + (" …" if more else ""),
        label_details=types.CompletionItemLabelDetails(description="redraft"),
        kind=types.CompletionItemKind.Text,
        documentation=text if more else None,
        sort_text=f"~~~redraft{rank}",
        preselect=False,
        filter_text=first,
        insert_text=insert,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs if session.capabilities.as_is_insert_mode else None,
        text_edit=types.TextEdit(positions.to_range(snapshot, start, suggestion.end, session.encoding), ends),
    )


def _from(snapshot: Snapshot, suggestion: Suggestion, at: int) -> tuple[int, str]:
    """The suggestion as it begins at an offset, or before that where it does so by itself."""
    start = min(suggestion.start, at)
    return start, snapshot.text[start : suggestion.start] + suggestion.text


def _word_of(before: str) -> str:
    """The word in which a line left of the cursor ends."""
    word = _WORD.search(before)
    return word.group() if word else ""


def _token(language_id: str, before: str, text: str) -> str:
    """The end of a line left of the cursor that an editor takes as one token: a string with its quote, or a word. A
    bracket is one, too, which counts where the text begins with another: that would be taken for it."""
    from infill.languages import language
    from infill.site import open_quote

    quote = open_quote(language(language_id), before)
    if quote is not None:
        return _word_of(before[:quote]) + before[quote:]
    mark = before[-1:].strip()
    return _word_of(before) or (mark if text.startswith(mark) else "")


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_MOST else text[: _LABEL_MOST - 1] + "…"


def _list(items: list[types.CompletionItem]) -> types.CompletionList:
    return types.CompletionList(is_incomplete=True, items=items)
