"""JSON as programs in any language write it."""

from __future__ import annotations

import json
from typing import Any


def read(raw: bytes) -> Any:
    """What a text says; a whole number is an `int` however it is spelt: where all numbers are floats, 64 is `64.0`.

    Raises ValueError when it is no JSON, RecursionError when it is nested too deeply.
    """
    return json.loads(raw, parse_float=_number)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number
