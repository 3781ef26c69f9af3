"""Answers on disk, a JSON object a line: a run that was stopped goes on where it was, and two can share the work."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Kept:
    """What these weights answered. path: the file, or None to keep nothing. It knows nothing of the code that asked:
    after a change of decoding, take another file.
    """

    path: Path | None
    weights: str
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)
    _read: int = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer of this run or, so far, of another one."""
        if self.path is None or not self.path.is_file():
            return None
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # the other run is writing it
                self._read += len(line)
                said = json.loads(line)
                if said["weights"] == self.weights:
                    self._known[said["key"]] = said["answer"]
        return self._known.get(key)

    def put(self, key: str, answer: Any) -> None:
        """Append an answer, a dataclass."""
        if self.path is not None:
            line = json.dumps({"weights": self.weights, "key": key, "answer": asdict(answer)})
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
