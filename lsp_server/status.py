"""`redraft/status`: one word and one sentence about what the user can expect right now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Any, Literal

State = Literal["loading", "ready", "slow", "off", "error"]

METHOD = "redraft/status"
SLOW_MS = 1000.0
_SAMPLES = 10


class Status:
    """Sends `{"state", "message"}` whenever it changes; `notify` takes the method and the parameters."""

    def __init__(self, notify: Callable[[str, Any], None]) -> None:
        self._notify = notify
        self._sent: tuple[State, str] | None = None
        self._answered_by = ""
        self._recent: deque[float] = deque(maxlen=_SAMPLES)

    def say(self, state: State, message: str = "") -> None:
        """Tell the client, unless it knows."""
        if (state, message) != self._sent:
            self._sent = (state, message)
            self._notify(METHOD, {"state": state, "message": message})

    def repeat(self) -> None:
        """Tell the client again, because it may not have listened before."""
        if self._sent is not None:
            self._notify(METHOD, dict(zip(("state", "message"), self._sent, strict=True)))

    def recover(self) -> None:
        """Ready, unless the last answers say otherwise."""
        if self._sent is None or self._sent[0] not in ("slow", "error"):
            self._say_ready()

    @property
    def typical_ms(self) -> float:
        """Median milliseconds of the last proposals that the model made; 0 before the first one."""
        return median(self._recent) if self._recent else 0.0

    def answered(self, by: str = "") -> None:
        """The model answered something. by: who did, where there is more than one who may."""
        self._answered_by = by
        if self._sent is not None and self._sent[0] in ("ready", "error"):
            self._say_ready()

    def took(self, ms: float) -> None:
        """A proposal that somebody waited for took so long: turns `slow` on and off."""
        self._recent.append(ms)
        slow = self._sent is not None and self._sent[0] == "slow"
        if not slow and len(self._recent) == _SAMPLES and self.typical_ms > SLOW_MS:
            seconds = round(self.typical_ms / 1000, 1)
            self.say("slow", f"Proposals take {seconds} s here; fewer `redraft.context.tokens` or `maxLines` may help.")
        elif slow and self.typical_ms < SLOW_MS / 2:
            self._say_ready()

    def _say_ready(self) -> None:
        self.say("ready", f"Answered by {self._answered_by}." if self._answered_by else "")
