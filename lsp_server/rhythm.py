"""When to ask the model: how fast this user types, against how fast it answers."""

from __future__ import annotations


class Rhythm:
    """The rhythm of one user's keystrokes, from didChange alone."""

    PAUSE = 1.0

    def __init__(self) -> None:
        self._last = 0.0
        self._interval: float | None = None
        self._outrun = False

    def key(self, now: float) -> None:
        """A change arrived at `now` (monotonic seconds)."""
        gap, self._last = now - self._last, now
        if gap < self.PAUSE:
            self._interval = gap if self._interval is None else 0.7 * self._interval + 0.3 * gap

    def outran(self, typist: bool) -> None:
        """Who was faster last time: the typist, whose next key made an answer useless, or the answer."""
        self._outrun = typist

    def pause(self, now: float, fixed_ms: int, answer_ms: float) -> float:
        """Seconds to wait before asking the model.

        With a fixed debounce, what is left of it since the last key. Without, none while answers come sooner than the
        next key would; else a little longer than one interval, so that only a real pause costs a forward.
        """
        since = now - self._last
        if fixed_ms:
            return max(0.0, fixed_ms / 1000 - since)
        if self._interval is None or (answer_ms / 1000 <= self._interval and not self._outrun):
            return 0.0
        return max(0.0, min(1.3 * self._interval, 0.15) - since)
