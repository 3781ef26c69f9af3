"""`redraft/lastTrace`: how the last proposal came to be -> `{"html", "text"}`, a page and lines for a terminal.

Both are empty before the model was asked for the first time; a proposal that was remembered asked nothing and leaves
the older trace in place.
"""

from __future__ import annotations

from typing import Any

from lsp_server.session import Session

METHOD = "redraft/lastTrace"


async def last_trace(session: Session, params: Any) -> dict[str, str]:
    """The steps of the last decoded proposal, drawn when somebody looks and not before."""
    from lsp_server import picture, trace  # which read proposals, and so know numpy: `initialize` does not wait for it

    told = session.last_told
    if told is None:
        return {"html": "", "text": ""}
    return {"html": trace.page(*told), "text": "\n".join(picture.lines(*told))}
