"""`textDocument/copilotInlineEdit`: the next-edit request that several editor plugins send to any server.

redraft proposes no next edits yet; the empty answer keeps those plugins quiet where an unknown method would be logged
on every keystroke.
"""

from __future__ import annotations

from typing import Any

from lsp_server.session import Session

METHOD = "textDocument/copilotInlineEdit"


async def inline_edit(session: Session, params: Any) -> dict[str, Any]:
    """No edits."""
    return {"edits": []}
