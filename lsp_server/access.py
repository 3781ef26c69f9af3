"""Which files are redraft's business, by their names and by .gitignore, and the opened folder that each lies in."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

_BELIEVED = 10.0
"""Seconds that a verdict holds: asking costs a millisecond, a keystroke has dozens of files."""
_WAITED = 0.5
"""Seconds that a verdict is waited for, a tenth of that while another one is: a network disk may be gone, with dozens
of files on it."""
_KEPT = 512
"""Verdicts that are kept: tools ask about files that nobody closes."""
_UNKNOWN = "it is not known whether it may be read"


@dataclass(slots=True)
class _Verdict:
    """denied: why a file may not be read, empty where it may. until: monotonic seconds until which that holds. look:
    the thread that finds it out."""

    denied: str = _UNKNOWN
    until: float = 0.0
    look: threading.Thread | None = None

    def pending(self) -> bool:
        return self.look is not None and self.look.is_alive()


class Access:
    """The verdict on each file, kept for a while. folders: URIs of the folders that are open now."""

    def __init__(self, folders: Callable[[], Sequence[str]]) -> None:
        self._folders = folders
        self._verdicts: dict[tuple[str, tuple[str, ...]], _Verdict] = {}

    def denied(self, uri: str, exclude: Sequence[str]) -> str:
        """Why a file, by its URI or path, may not be read, by its name and by .gitignore; nothing when it may. Its text
        is judged where it is read.

        exclude: the user's patterns; call `reconsider` when they change.
        """
        verdict = self._verdicts.setdefault((uri, tuple(self._folders())), _Verdict())
        if len(self._verdicts) > _KEPT:
            del self._verdicts[next(iter(self._verdicts))]
        if time.monotonic() > verdict.until and not verdict.pending():
            hangs = any(one.pending() for one in self._verdicts.values())
            given = verdict, uri, exclude, self.root_of(uri)
            verdict.look = threading.Thread(target=_look, args=given, name="access", daemon=True)
            verdict.look.start()
            verdict.look.join(_WAITED / 10 if hangs else _WAITED)
        return verdict.denied

    def root_of(self, uri: str) -> str | None:
        """Path of the opened folder that a file, by its URI or path, lies in; the innermost one of several."""
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


def _look(verdict: _Verdict, uri: str, exclude: Sequence[str], root: str | None) -> None:
    from infill.manners import denied

    found = _UNKNOWN
    try:
        found = denied(uri, None, exclude, root) or ""
    except Exception:
        log.exception("it is not known whether %s may be read", uri)
    verdict.denied, verdict.until = found, time.monotonic() + _BELIEVED
