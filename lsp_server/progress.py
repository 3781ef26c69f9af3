"""Work-done progress: shown only when work takes long, and never delaying it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from lsprotocol import types

from lsp_server.session import Session

log = logging.getLogger(__name__)


@contextmanager
def shown(session: Session, title: str, *, after: float = 0.0) -> Iterator[None]:
    """The editor shows `title` while the body runs, if that takes longer than `after` seconds.

    The editor is asked from a task of its own which nobody waits for: its answer may come late or never, and
    cancelling a task that waits for it would break pygls' bookkeeping.
    """
    done = asyncio.Event()
    if session.capabilities.work_done_progress:
        session.work.in_background(_show(session, title, done, after))
    try:
        yield
    finally:
        done.set()


async def _show(session: Session, title: str, done: asyncio.Event, after: float) -> None:
    try:
        await asyncio.wait_for(done.wait(), after)
        return
    except TimeoutError:
        pass
    token, bar = str(uuid.uuid4()), session.client.work_done_progress
    try:
        await bar.create_async(token)
    except Exception as error:
        log.info("the client shows no progress: %s", error)
        return
    bar.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=False))
    await done.wait()
    bar.end(token, types.WorkDoneProgressEnd())
    bar.tokens.pop(token, None)
