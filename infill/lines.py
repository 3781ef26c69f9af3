"""What a line of code says by itself: how deep it stands, what it opens, whether it says anything."""

from __future__ import annotations

import re

from infill.brackets import balance, closing_quote, opens_quote
from infill.languages import PRAGMAS, Block, Language

SAYING = 3
"""Letters and digits a line must hold for its repetition to mean anything wherever it is indented."""
_HEAD = re.compile(
    r"\s*(?:(?:async|catch|class|def|do|elif|else|enum|except|finally|fn|for|func|function|if|impl|interface|loop|match|"
    r"struct|switch|trait|try|unless|until|when|while|with)\b|}\s*(?:else|catch|finally)\b)"
)
_PYTHON_HEAD = re.compile(
    r"\s*(?:(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b.*):$"
)
_OPENS: dict[Block, re.Pattern[str]] = {
    "indent": re.compile(r"[:{]$|\b(?:then|do)$"),
    "braces": re.compile(r"{$|^\s*(?:case\b.*|default\s*):$"),
    "words": re.compile(r"{$|\b(?:then|do(?:\s*\|[^|]*\|)?|begin)$"),
    "none": re.compile(r"(?!)"),
}
"""How a line ends that opens a block."""
_CLOSES = re.compile(r"\s*[)\]}]+[;,)]*")
_CLOSES_IN_WORDS = re.compile(r"\s*(?:end(?:if|case|function|module|task)?(?:[ \t]+\w+)?|fi|done|esac)[;,)]*")
_WRITTEN = re.compile(r"^.*\S.*", re.MULTILINE)
_ANNOUNCES = re.compile(r"\s*(?:@[\w.]+(?:\(.*)?$|#!?\[|\[+[\w.-]+(?:\(.*\))?\]+$|template\s*<.*>$)")
_BEFORE_REMARK = " \t;,)"
"""Behind anything else the sign of a comment is part of a word, an address or a pattern."""


def lf(text: str) -> str:
    """A text with LF line endings."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def indent(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def width(line: str) -> int:
    """Columns of a line's indentation, a tab being four."""
    return len(indent(line).expandtabs(4))


def first_written(text: str) -> str:
    """The first line that is not blank, empty where there is none."""
    found = _WRITTEN.search(text)
    return found.group() if found else ""


def next_depth(text: str) -> int:
    """The depth of the first written line."""
    return width(first_written(text))


def says(line: str) -> bool:
    """Whether a line says something by itself, as a bracket does not."""
    return sum(map(str.isalnum, line)) >= SAYING


def stands_below(line: str, below: str) -> bool:
    """Whether a line is the next written one already: it says the same no deeper, for what stands deeper may say the
    same, or it is the same bracket or short word, as `fi`, at the same place. The values of a table may well repeat."""
    if says(line):
        return line.strip() == below.strip() and width(line) <= width(below)
    alike = line.rstrip() == below.rstrip() != ""
    return alike and (line.strip().isalpha() or not any(map(str.isalnum, line)))


def left_open(row: Language, line: str) -> tuple[int, str] | None:
    """The comment or string in which a line ends, as (offset, what opens it), or None. Without a grammar a backtick may
    be anything."""
    at, comments = 0, row.block_comments
    first = {opens[0] for opens, _ in comments}
    while at < len(line):
        comment = next((pair for pair in comments if line.startswith(pair[0], at)), None) if line[at] in first else None
        if line.startswith(PRAGMAS, at):
            at += 1  # over what begins like a comment
        elif comment is not None:
            opens, closes = comment
            end = line.find(closes, at + 1)  # `(*)` is an operator and `<!-->` a whole comment
            if end < 0:
                return at, opens
            at = end + len(closes) - 1
        elif row.line_comment and line.startswith(row.line_comment, at) and (not at or line[at - 1] in _BEFORE_REMARK):
            return at, row.line_comment
        elif (row.grammar or line[at] != "`") and opens_quote(line, at, row.id):
            closing = closing_quote(line, at)
            if closing is None:
                return at, line[at]
            at = closing
        at += 1
    return None


def opens_block(row: Language, line: str) -> bool:
    """Whether a line of code ends by opening a block."""
    at, sign = left_open(row, line) or (len(line), "")
    code = (line[:at] if sign == row.line_comment else line).rstrip()
    if code.endswith(":"):
        brackets = balance(code, row.id)
        if brackets.open and brackets.open[-1][1] != "{":
            return False  # what the colon stands before is a type, or the end of a slice
        if row.id == "python":
            return bool(brackets.strays) or _PYTHON_HEAD.match(code) is not None
    return row.id != "python" and _OPENS[row.block].search(code) is not None


def closes_block(row: Language, line: str) -> bool:
    """Whether a line of code does nothing but close what others opened."""
    in_words = row.block == "words" and _CLOSES_IN_WORDS.fullmatch(line) is not None
    return in_words or _CLOSES.fullmatch(line) is not None


def announces(line: str) -> bool:
    """Whether a line is a decorator, an annotation, an attribute, a template's head or that of a section, in any
    language: the beginning of a definition."""
    return _ANNOUNCES.match(line) is not None


def begins_block(text: str) -> bool:
    """Whether text begins like the head of a block, in any language."""
    return _HEAD.match(text) is not None
