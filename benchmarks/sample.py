"""The real file that is typed and asked about, and what is typed in it."""

from __future__ import annotations

from pathlib import Path


def sample() -> str:
    """A real file of some hundred lines: the standard library's text wrapper."""
    import textwrap

    return Path(textwrap.__file__).read_text(encoding="utf-8")


def typed(text: str) -> tuple[str, int, str]:
    """A file without its last statement of some length, the line it stood on, and what is to be typed there."""
    lines = text.split("\n")
    at = max(
        i for i, line in enumerate(lines) if "(" in line and len(line.strip()) > 24 and not line.strip().startswith("#")
    )
    indent = len(lines[at]) - len(lines[at].lstrip())
    wanted = lines[at].strip()
    lines[at] = lines[at][:indent]
    return "\n".join(lines), at, wanted
