"""A small inventory: the file that `make demo` completes at the marked places."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Item:
    """One thing on a shelf."""

    name: str
    price: float
    quantity: int

    @property
    def total(self) -> float:
        return self.price * 


def load_items(path: Path) -> list[Item]:
    """Read the items of a JSON file."""
    with open(path) as file:
        rows = json.
    return [Item(row["name"], row["price"], row["quantity"]) for row in rows]


def cheapest(items: list[Item]) -> Item:
    """Return the item with the lowest price."""
    return min(items, key=lambda


def names(items: list[Item]) -> list[str]:
    result = []
    for item in items:
        result.append(
    return result


def mean_price(items: list[Item]) -> float:
    total = 0.0
    for item in items:
        total += item.prize
    return total / len(items)
