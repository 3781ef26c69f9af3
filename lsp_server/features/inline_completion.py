"""`textDocument/inlineCompletion` (LSP 3.18): ghost text."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import positions
from lsp_server.converter import InlineCompletionParams
from lsp_server.session import Question, Session

if TYPE_CHECKING:
    from infill.complete import Suggestion
    from infill.document import Snapshot

ACCEPTED = "redraft.didAccept"


async def inline_completion(session: Session, params: InlineCompletionParams) -> types.InlineCompletionList:
    """One item or none while the user types, up to three when invoked; an empty list wherever there is nothing to say.

    Never null: Neovim keeps showing the previous text then.
    """
    uri, invoked = params.text_document.uri, params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    asked = session.question(uri, invoked=invoked)
    if asked is None:
        return _nothing()
    work = _propose(session, asked, params, invoked)
    return await session.work.newest(
        uri, "inline", work, _nothing(), lambda: session.question(uri, invoked=invoked) is not None
    )


async def _propose(
    session: Session, asked: Question, params: InlineCompletionParams, invoked: bool
) -> types.InlineCompletionList:
    snapshot = asked.snapshot
    cursor = positions.to_offset(snapshot, params.position, session.encoding)
    if not invoked:
        await asyncio.sleep(session.patience(snapshot, cursor))
    selected = _selected(session, snapshot, cursor, params.context.selected_completion_info)
    completion = await session.complete(
        "inline completion",
        asked,
        cursor,
        invoked=invoked,
        selected=selected,
        over_closers=session.capabilities.inline_replacing,
        level=params.level,
    )
    shown = completion.suggestions[: 3 if invoked else 1]
    ids = session.offer(asked, cursor, shown)
    return types.InlineCompletionList([_item(session, snapshot, *one) for one in zip(shown, ids, strict=True)])


def _selected(
    session: Session, snapshot: Snapshot, cursor: int, info: types.SelectedCompletionInfo | None
) -> tuple[int, str] | None:
    """The popup's chosen item, when it stands where a single-line range ending at the cursor can extend it."""
    if info is None or not info.text:
        return None
    start, end = positions.to_span(snapshot, info.range, session.encoding)
    if end != cursor or snapshot.line_of(start) != snapshot.line_of(cursor):
        return None
    return start, info.text


def _item(session: Session, snapshot: Snapshot, suggestion: Suggestion, offer: str) -> types.InlineCompletionItem:
    accepted = types.Command(title="redraft: accepted", command=ACCEPTED, arguments=[offer])
    return types.InlineCompletionItem(
        insert_text=suggestion.text,
        range=positions.to_range(snapshot, suggestion.start, suggestion.end, session.encoding),
        command=accepted,
    )


def _nothing() -> types.InlineCompletionList:
    return types.InlineCompletionList(items=[])
