"""Which documents are redraft's business, by their names and by .gitignore, and the opened folder that each lies in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infill.document import Snapshot

_BELIEVED = 10.0
"""Seconds that a verdict holds: asking costs a millisecond, a keystroke has dozens of files."""


class Access:
    """The verdict on each document, kept for a while. folders: URIs of the folders that are open now."""

    def __init__(self, folders: Callable[[], Sequence[str]]) -> None:
        self._folders = folders
        self._verdicts: dict[tuple[str, tuple[str, ...]], tuple[float, bool]] = {}

    def denied(self, snapshot: Snapshot, exclude: Sequence[str]) -> bool:
        """Whether a document may not be read, judged by its name alone. What its text reveals is checked where it is
        read.

        exclude: the user's patterns; call `reconsider` when they change.
        """
        from infill.manners import denied

        now, key = time.monotonic(), (snapshot.uri, tuple(self._folders()))
        until, verdict = self._verdicts.get(key, (0.0, False))
        if now > until:
            verdict = denied(snapshot.uri, None, exclude, self.root_of(snapshot.uri)) is not None
            self._verdicts[key] = (now + _BELIEVED, verdict)
        return verdict

    def root_of(self, uri: str) -> str | None:
        """Path of the opened folder that a document, by its URI or path, lies in; the innermost one of several."""
        from infill.document import path_of
        from infill.manners import under

        path, roots = path_of(uri), (path_of(folder) for folder in self._folders())
        return max((root for root in roots if under(path, root) is not None), key=len, default=None)

    def reconsider(self) -> None:
        """The settings have changed."""
        self._verdicts.clear()

    def forget(self, uri: str) -> None:
        """The document is closed."""
        self._verdicts = {key: verdict for key, verdict in self._verdicts.items() if key[0] != uri}
