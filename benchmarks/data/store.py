"""Settings of one user: the file that `python -m benchmarks.typed` types again."""

from __future__ import annotations

import json
from pathlib import Path


class Store:
    """Settings of a user, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, str] = {}

    def load(self) -> None:
        if not self.path.exists():
            return
        with self.path.open() as file:
            self.values = json.load(file)

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def save(self) -> None:
        with self.path.open("w") as file:
            json.dump(self.values, file)
