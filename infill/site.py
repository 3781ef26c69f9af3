"""Where the cursor stands, whether to ask the model at all, and for how much."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from infill.brackets import QUOTES, balance, closing_quote, is_lifetime
from infill.document import Snapshot
from infill.languages import Language, language
from infill.syntax import Syntax

Kind = Literal["comment", "docstring", "string", "prose", "member", "call", "expression", "statement", "block", "empty"]

EXPRESSION, LINE, BLOCK = 8, 16, 32
"""Slots of the canvas to start with."""

_PROSE = frozenset(
    ("plaintext", "markdown", "latex", "tex", "bibtex", "restructuredtext", "asciidoc", "git-commit", "git-rebase")
)
_REMARK = re.compile(r"\s*(?:#(?!include|define|if|endif|else|pragma|\[)|//|--|;;|%|<!--|/\*|\* )")
# Closing brackets, quotes and tags, then what may end a statement or open its block, then a remark.
_CLOSER = r"[)\]}>\"'`]|</[\w.:-]*>|/>|\s"
_TAIL = r"(?:->[\w\[\]<>.,&*| ]*+|(?<=\)):[\w\[\]<>.,&*| ]*+)?+(?:=>\s*+)?+[;,:{]*+\s*+"
_LEADING = re.compile(rf"(?:{_CLOSER})*+")
_FINE_REST = re.compile(rf"(?:{_CLOSER}|\(\)|\?)*+{_TAIL}(?:(?://|#|--|/\*).*)?$")
_MEMBER = re.compile(r"[\w)\]}\"'?!](?:\??\.|->|::)\w*$")
_CALLEE = re.compile(r"([^\W\d]\w*|[)\]>!])\s*$")
_NO_CALLEE = frozenset(
    ("if", "while", "for", "switch", "catch", "return", "and", "or", "not", "in", "elif", "match", "with", "assert")
)
_OPERAND = re.compile(r"[=(,\[{+\-*/%<>&|!?:]\s*\w*$|\b(?:return|in|and|or|not|yield|await)\s+\w*$")
_PYTHON_HEAD = re.compile(
    r"\s*(?:(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b.*|[)\]].*):$"
)
_ENDED = re.compile(r"[;}]\s*$|^\s*(?:pass|break|continue)\s*$")
_CLOSED = frozenset(
    (
        "string",
        "template_string",
        "template_literal_type",
        "raw_string_literal",
        "interpreted_string_literal",
        "regex",
        "comment",
        "line_comment",
        "block_comment",
    )
)
_REACH = 8_000
"""Code points above the cursor's line in which an open comment or string is looked for."""
_NEAR = 400
"""Code points of the line left of the cursor that tell what kind of code it is in."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the cursor's place asks for.

    ask: whether to ask the model; reason says why not. canvas: slots to start with. lines: 1 for one line, 0 for
    several. indent: the white space that the cursor's line begins with. rest: the line's text after the cursor.
    closers: the brackets, quotes and tags that the rest begins with. remarks: whether comments are wanted.
    """

    kind: Kind
    ask: bool
    reason: str
    canvas: int
    lines: int
    indent: str
    rest: str
    closers: str
    remarks: bool


def look(
    snapshot: Snapshot, offset: int, *, disabled_in: Set[str] = frozenset({"comment"}), invoked: bool = False
) -> Site:
    """The site of a cursor. invoked: the user asked by hand, so that only the middle of a word is refused."""
    row = language(snapshot.language)
    start, end = snapshot.line_range(snapshot.line_of(offset))
    offset = min(offset, end)
    before, rest = snapshot.text[start:offset], snapshot.text[offset:end]
    inside = _inside(snapshot, row, offset, before)
    kind: Kind = inside or _code(snapshot, row, offset, before, rest)
    reason = _refusal(snapshot, row, kind, offset, before, rest, disabled_in, invoked)
    several = kind == "block" or (kind == "empty" and _announced(snapshot, row, offset))
    closers = _LEADING.match(rest)
    return Site(
        kind=kind,
        ask=not reason,
        reason=reason,
        canvas=BLOCK if several else EXPRESSION if rest.strip() else LINE,
        lines=0 if several else 1,
        indent=before[: len(before) - len(before.lstrip())],
        rest=rest,
        closers="".join(closers[0].split()) if closers else "",
        remarks=invoked or "comment" not in disabled_in,
    )


# ---- whether to ask


def _refusal(
    snapshot: Snapshot,
    row: Language,
    kind: Kind,
    offset: int,
    before: str,
    rest: str,
    disabled_in: Set[str],
    invoked: bool,
) -> str:
    if _word(before[-1:]) and _word(rest[:1]):
        return "the cursor is in the middle of a word"
    if invoked:
        return ""
    if kind in disabled_in:
        return f"off in a {kind}"
    if (
        not before.strip()
        and rest.strip()
        and not (_FINE_REST.match(rest) and _indented(snapshot, row, before, offset))
    ):
        return "the cursor stands before the line's text"
    if kind in ("comment", "docstring", "prose") and rest.strip() and not _FINE_REST.match(rest):
        return "text follows the cursor"
    if kind == "string" and _word(rest[:1]):
        return "text follows the cursor"
    if kind not in ("comment", "docstring", "prose", "string"):
        if not _FINE_REST.match(rest):
            return "code follows the cursor"
        if not rest.strip() and _ENDED.search(before[-_NEAR:]) and (row.block == "braces" or before.strip().isalpha()):
            return "the statement is complete"
    if not snapshot.text.strip():
        return "the file is empty"
    return ""


def _indented(snapshot: Snapshot, row: Language, before: str, offset: int) -> bool:
    """Whether a blank beginning is indented like the line above: what closes then stands where more may be written."""
    above = _neighbour(snapshot, row, snapshot.line_of(offset), -1)
    return above is not None and width(before + ".") >= width(above)


def _word(char: str) -> bool:
    return char.isalnum() or char == "_"


# ---- comment, docstring, string


def _inside(snapshot: Snapshot, row: Language, offset: int, before: str) -> Kind | None:
    """The comment or string around the cursor, or None in code. Half-typed ones are known by their characters: the tree
    does not have them."""
    if row.id in _PROSE:
        return "prose"
    syntax = snapshot.syntax(offset)
    if syntax is None:
        return "comment" if _REMARK.match(before) else _by_characters(row, before)
    kind = _by_tree(snapshot, syntax, row, offset)
    if kind is not None:
        return None if kind == "code" else kind
    line = offset - len(before)
    if not syntax.tree.root_node.has_error:
        return None
    above = _opened_above(snapshot, syntax, row, line, offset)
    return above or (_by_characters(row, before) if syntax.errors(line, offset) else None)


def _by_tree(snapshot: Snapshot, syntax: Syntax, row: Language, offset: int) -> Literal["code"] | Kind | None:
    """What the innermost captured node around the cursor is; `code` is code within a string."""
    found: Literal["code"] | Kind | None = None
    for name, node in syntax.captures_at(offset):
        start, end = syntax.range_of(node)
        if name == "comment":
            to_line_end = syntax.text_of(node).startswith(row.line_comment)
            inside = start < offset and (
                snapshot.line_of(start) == snapshot.line_of(offset) if to_line_end else offset < end
            )
        else:
            inside = start < offset < end
        if inside and name in ("comment", "string", "docstring", "code") and (name, found) != ("string", "docstring"):
            found = name  # type: ignore[assignment]
            if name == "string" and syntax.tree.root_node.has_error and _begins_line(snapshot, row, start):
                found = "docstring"
    return found


def _begins_line(snapshot: Snapshot, row: Language, offset: int) -> bool:
    """Whether a long string of Python begins its line: where code is broken that is all that tells a docstring."""
    line = snapshot.text[snapshot.line_range(snapshot.line_of(offset))[0] : offset + 3]
    return row.id == "python" and line.strip() in ('"""', "'''")


def _by_characters(row: Language, before: str) -> Kind | None:
    """The comment or string that is left open on the cursor's line."""
    at = 0
    while at < len(before):
        if row.line_comment and before.startswith(row.line_comment, at):
            return "comment"
        if row.block == "braces" and before.startswith("/*", at):
            at = before.find("*/", at)
            if at < 0:
                return "comment"
        char = before[at]
        quotes = QUOTES if row.grammar else '"'
        if char in quotes and not (row.id == "rust" and is_lifetime(before, at)):
            end = closing_quote(before, at)
            if end is None:
                if _in_substitution(before, at):
                    return None
                return "docstring" if before.strip().startswith(('"""', "'''")) and row.id == "python" else "string"
            at = end
        at += 1
    return None


def _in_substitution(before: str, quote: int) -> bool:
    """Whether the cursor is in the code of an f-string or a template."""
    if before[quote] != "`" and before[max(quote - 1, 0) : quote].lower() != "f":
        return False
    return before.rfind("{", quote) > before.rfind("}", quote)


def _opened_above(snapshot: Snapshot, syntax: Syntax, row: Language, line: int, offset: int) -> Kind | None:
    """The comment or string that was opened on a line above and is not closed anywhere."""
    marks: dict[str, Kind] = {"/*": "comment", "`": "string"}
    if row.block == "indent":
        marks = {'"""': "docstring", "'''": "docstring"}
    for mark, kind in marks.items():
        at = snapshot.text.rfind(mark, max(syntax.start, line - _REACH), line)
        if at < 0 or (mark == "/*" and snapshot.text.find("*/", at, offset) >= 0):
            continue
        node, lost = syntax.node_at(at), False
        # No regular expression begins like a comment, whatever the grammar makes of an open one.
        whole = _CLOSED - {"regex"} if mark == "/*" else _CLOSED
        while (parent := node.parent) is not None and node.type not in whole:
            lost, node = lost or node.is_error, parent
        if node.parent is None and (lost or node.is_error):
            opening = snapshot.text[snapshot.line_range(snapshot.line_of(at))[0] : at]
            return "string" if kind == "docstring" and opening.strip() else kind
    return None


# ---- code


def _code(snapshot: Snapshot, row: Language, offset: int, before: str, rest: str) -> Kind:
    if not before.strip():
        if rest.strip():
            return "statement"
        return "block" if _empty_block(snapshot, row, offset) else "empty"
    before = before[-_NEAR:]
    if not rest.strip() and opens_block(row, before):
        return "block"
    if _MEMBER.search(before):
        return "member"
    opened = balance(before, lifetimes=row.id == "rust").open
    if opened:
        at, bracket = opened[-1]
        callee = _CALLEE.search(before[:at])
        is_call = bracket == "(" and callee is not None and callee[1] not in _NO_CALLEE
        return "call" if is_call and not _heads_definition(before) else "expression"
    syntax = snapshot.syntax(offset)
    for name, node in syntax.captures_at(offset) if syntax else []:
        start, end = syntax.range_of(node) if syntax else (0, 0)
        if name == "arguments" and start < offset < end:
            return "call"
    return "expression" if _OPERAND.search(before) else "statement"


def _heads_definition(before: str) -> bool:
    return re.search(r"\b(?:def|func|fn|function|class)\s+[\w<>, ]*\($", before[: before.rfind("(") + 1]) is not None


def opens_block(row: Language, line: str) -> bool:
    """Whether a line of code ends by opening a block."""
    remark = re.escape(row.line_comment or "#")
    code = re.sub(rf"\s*{remark}.*$", "", line) if row.line_comment else line
    code = code.rstrip()
    if row.block == "braces":
        return code.endswith("{") or re.match(r"\s*(?:case\b.*|default\s*):$", code) is not None
    if row.id == "python":
        return _PYTHON_HEAD.match(code) is not None
    return code.endswith((":", "{")) or re.search(r"\b(?:then|do)$", code) is not None


def _empty_block(snapshot: Snapshot, row: Language, offset: int) -> bool:
    """Whether the blank line of the cursor follows a block's head and nothing stands in the block yet."""
    here = snapshot.line_of(offset)
    above = _neighbour(snapshot, row, here, -1)
    if above is None or not opens_block(row, above):
        return False
    below = _neighbour(snapshot, row, here, +1)
    return below is None or width(below) <= width(above)


def _announced(snapshot: Snapshot, row: Language, offset: int) -> bool:
    """Whether the line right above says in a comment what is to come, and it has not come yet."""
    here = snapshot.line_of(offset)
    if here == 0 or not row.line_comment:
        return False
    above = snapshot.text[slice(*snapshot.line_range(here - 1))]
    below = snapshot.text[slice(*snapshot.line_range(here + 1))] if here + 1 < snapshot.line_count else ""
    return above.strip().startswith(row.line_comment) and (not below.strip() or width(below) < width(above))


def _neighbour(snapshot: Snapshot, row: Language, line: int, step: int) -> str | None:
    """The next line of code above or below that is not blank; comments are no code."""
    for at in range(line + step, max(line - 40, -1) if step < 0 else min(line + 40, snapshot.line_count), step):
        text = snapshot.text[slice(*snapshot.line_range(at))]
        if text.strip() and not (row.line_comment and text.strip().startswith(row.line_comment)):
            return text
    return None


def width(line: str) -> int:
    """Columns of a line's indentation, a tab being four."""
    return len(line[: len(line) - len(line.lstrip())].expandtabs(4))
