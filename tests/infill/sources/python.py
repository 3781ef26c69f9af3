"""Shopping carts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

RATE = 0.19  # value added tax
PATTERN = r"\d+'\"[a-z]"
QUERY = """
    SELECT name, price  -- not a comment of ours
    FROM items WHERE name = 'it''s'
"""


@dataclass
class Item:
    """One line of a cart."""

    name: str
    price: float = 0.0
    tags: list[str] = field(default_factory=list)

    def label(self, width: int = 10) -> str:
        """The item's label: `name` and price.

        It's cut to `width`.
        """
        text = f"{self.name!r:>{width}} costs {self.price * (1 + RATE):.2f} 'euro'"
        return text[:width] + ("…" if len(text) > width else "")


def load(path, *, encoding="utf-8"):
    with open(path, encoding=encoding) as file:
        for number, line in enumerate(file, start=1):
            if line.startswith("#"):  # don't read "comments"
                continue
            try:
                yield Item(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise SystemExit(f'{path}:{number}: "{error}"') from None


total = sum(item.price for item in load("cart.json"))
matrix = [[1, 2], [3, 4]]
print({"a": total, "b": matrix[0][1:]}, b"\x00", sep="\n")
