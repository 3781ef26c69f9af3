"""JSON as programs in any language write it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def read(raw: bytes) -> Any:
    """The value of a JSON text. A whole number is an `int` however it is spelt, since in some languages 64 is written
    `64.0`. Raises ValueError, with the reason, for what is no JSON or holds a number that JSON cannot spell."""
    try:
        return json.loads(raw, parse_float=_number, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no JSON (byte {error.start + 1} is not UTF-8)") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error})") from None


def _number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        _refuse(text)
    return int(number) if number.is_integer() else number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def whole(text: str) -> str:
    """The text with question marks for half surrogate pairs: JSON can spell them, and no text can hold one."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
