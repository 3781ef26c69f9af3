"""`textDocument/copilotInlineEdit`: the next edit, by the request that several editor plugins send to any server.

The alternatives of an answer are one edit or none: what follows from the user's last ones (`infill/next_edit.py`), the
nearest lines of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server import kinds, positions
from lsp_server.features.inline_completion import ACCEPTED
from lsp_server.session import Question, Session

METHOD = "textDocument/copilotInlineEdit"
_NUMBER = kinds.whole(0, 2**31 - 1)


async def inline_edit(session: Session, params: Any) -> dict[str, Any]:
    """The edit that is next in a document; none when it is asked for another version than the one that is known."""
    uri, version, position, invoked = _read(params)
    asked = session.question(uri)
    if asked is None or not session.settings.next_edit or version not in (None, asked.snapshot.version):
        return {"edits": []}
    # Where proposals come by hand alone the model is not asked for one, but what is known to follow is no proposal of
    # its.
    guess = invoked or session.settings.trigger == "auto"
    work = _next(session, asked, positions.to_offset(asked.snapshot, position, session.encoding), guess)
    allowed = partial(_allowed, session, uri, invoked or not guess)
    return {"edits": await session.work.newest(uri, "next", work, [], allowed)}


def _allowed(session: Session, uri: str, invoked: bool) -> bool:
    return session.settings.next_edit and session.question(uri, invoked=invoked) is not None


async def _next(session: Session, asked: Question, cursor: int, guess: bool) -> list[dict[str, Any]]:
    from infill.edits import joined

    snapshot = asked.snapshot
    changes = await asked.completer.next_edit(
        snapshot, cursor, others=asked.others, preferences=asked.preferences, guess=guess
    )
    session.count(f"next edit {asked.place}", asked.since, None, "" if changes else "nothing follows")
    if not changes:
        return []
    session.tally.awaits(snapshot, changes)
    parts = positions.to_edits(snapshot, changes, session.encoding)
    answer = {
        "text": joined(snapshot.text, changes).text,
        "range": types.Range(parts[0].range.start, parts[-1].range.end),
        "textDocument": {"uri": snapshot.uri, "version": snapshot.version},
        # There is nothing to be told, but plugins read it.
        "command": types.Command(title="redraft: accepted", command=ACCEPTED, arguments=[METHOD]),
        "changes": parts,  # ours: word by word, to be shown where they are
    }
    return [answer]


def _read(params: Any) -> tuple[str, int | None, types.Position, bool]:
    """The document's URI and version, if one is said, the cursor, and whether the user asked by hand."""
    try:
        document, cursor = params["textDocument"], params["position"]
        position = types.Position(_NUMBER.read(cursor["line"]), _NUMBER.read(cursor["character"]))
        invoked = params.get("context", {}).get("triggerKind") == types.InlineCompletionTriggerKind.Invoked.value
        return str(document["uri"]), document.get("version"), position, invoked
    except (AttributeError, KeyError, TypeError, ValueError):
        raise JsonRpcInvalidParams(f"`{METHOD}` takes a `textDocument` with its `uri`, and a `position`") from None
