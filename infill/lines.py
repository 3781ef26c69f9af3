"""What a line of code says by itself: how deep it stands, whether it opens a block, whether it says anything."""

from __future__ import annotations

import re

from infill.brackets import balance
from infill.languages import Language

SAYING = 3
"""Letters and digits a line must hold for its repetition to mean anything wherever it is indented."""
_HEAD = re.compile(
    r"\s*(?:(?:async|catch|class|def|do|elif|else|enum|except|finally|fn|for|func|function|if|impl|interface|loop|match|"
    r"struct|switch|trait|try|unless|until|while|with)\b|}\s*(?:else|catch|finally)\b)"
)
_PYTHON_HEAD = re.compile(
    r"\s*(?:(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b.*):$"
)


def lf(text: str) -> str:
    """A text with LF line endings."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def indent(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def width(line: str) -> int:
    """Columns of a line's indentation, a tab being four."""
    return len(indent(line).expandtabs(4))


def next_depth(text: str) -> int:
    """The depth of the first written line."""
    return next((width(line) for line in text.split("\n") if line.strip()), 0)


def says(line: str) -> bool:
    """Whether a line says something by itself, as a bracket does not."""
    return sum(map(str.isalnum, line)) >= SAYING


def opens_block(row: Language, line: str) -> bool:
    """Whether a line of code ends by opening a block."""
    remark = line.find(row.line_comment) if row.line_comment else -1
    code = (line[:remark] if remark > 0 and line[remark - 1].isspace() else line).rstrip()
    if row.block == "braces":
        return code.endswith("{") or re.match(r"\s*(?:case\b.*|default\s*):$", code) is not None
    if row.id == "python":
        wrapped = code.endswith(":") and bool(balance(code, row.id).strays)
        return wrapped or _PYTHON_HEAD.match(code) is not None
    return code.endswith((":", "{")) or re.search(r"\b(?:then|do)$", code) is not None


def begins_block(text: str) -> bool:
    """Whether text begins like the head of a block, in any language."""
    return _HEAD.match(text) is not None
