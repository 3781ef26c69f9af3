"""Where the cursor stands, whether to ask the model at all, and for how much."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from infill.brackets import balance
from infill.document import Snapshot
from infill.fences import row_of
from infill.languages import PRAGMAS, Language, language
from infill.lines import indent, left_open, opens_block, width
from infill.syntax import Syntax

Kind = Literal["comment", "docstring", "string", "prose", "code", "block", "empty"]
"""What is written at a place: words, code, all of a block, or a line of which nothing stands yet."""
WORDS: frozenset[Kind] = frozenset(("comment", "docstring", "string", "prose"))
"""Kinds of place that hold words rather than code."""
DISABLED: frozenset[str] = frozenset(("comment", "prose"))
"""Where nothing is asked by itself, by default: words for people are for people to write."""

EXPRESSION, LINE, BLOCK = 8, 16, 32
"""Slots of the canvas to start with."""

# Closing brackets, quotes and tags, then what may end a statement or open its block, then a remark.
_CLOSER = r"[)\]}>\"'`]|</[\w.:-]*>|/>|\s"
_TAIL = r"(?:->[\w\[\]<>.,&*| ]*+|(?<=\)):[\w\[\]<>.,&*| ]*+)?+(?:=>\s*+)?+[;,:{]*+\s*+"
_ENDING = re.compile(rf"(?:{_CLOSER}|\(\)|\?)*+{_TAIL}(?:(?://|#|--|/\*).*)?$")
_OPERAND_AHEAD = re.compile(r".(?:[\w\"'`$@~]|!(?!=))|[^\w.:>)\]][(\[{]", re.DOTALL)
"""The characters left and right of a cursor where an operand stands right of it: who writes there puts something in
front of that, as `len(` or `not`, and what it is cannot be known from here."""
_LONG_STRING = re.compile(r"[ \t]*[rRuU]?(?:\"\"\"|''')")
_FORMATTED = re.compile(r"fr?\Z", re.IGNORECASE)
"""What stands before the quote of an f-string."""
_ENDED = re.compile(r";\s*$|}$|^\s*(?:pass|break|continue)\s*$")
"""How a whole statement ends. A blank typed behind `}` says that more is to come, as in `} else`."""
_GOES_ON = re.compile(
    r"\s*(?:(?:import|export|const|let|var)\s+(?:type\s+)?(?:[\w$]+\s*,\s*)?{[^={}]*}|"
    r"(?:}\s*else\s+)?(?:if|for|switch)\s+[^\s({][^{]*;)\s*$"
)
"""What ends so and is no whole statement: names in braces, of an import or a `const`; the heads of Go, in which a
semicolon stands between parts."""
_LEAVES = re.compile(r"\s*(?:return|raise|throw|break|continue|goto)\b(?!.*[-+*/%&|^=<>?:.,\\]$)")
"""A statement behind which nothing of its block is run."""
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
"""Nodes that are closed: a mark within one opens nothing."""
_REACH = 8_000
"""Code points above the cursor's line in which an open comment or string is looked for."""
_NEIGHBOURS = 40
"""Lines in which the next line of code is looked for."""
_NEAR = 400
"""Code points of the line left of the cursor that tell what kind of code it is in."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the cursor's place asks for.

    ask: whether to ask the model; reason says why not. canvas: slots to start with. lines: 1 for one line, 0 for
    several. language: the id of what is written there. indent: the white space that the cursor's line begins with.
    closed: the rest of the line, where it is nothing but brackets that close what the line opened, in a string behind
    its quote, as editors put them there by themselves. remarks: whether comments are wanted.
    """

    kind: Kind
    ask: bool
    reason: str
    canvas: int
    lines: int
    language: str
    indent: str
    closed: str
    remarks: bool


def look(snapshot: Snapshot, offset: int, *, disabled_in: Set[str] = DISABLED, invoked: bool = False) -> Site:
    """The site of a cursor. invoked: the user asked by hand, so that only the middle of a word is refused."""
    place = _Place.at(snapshot, offset)
    kind = _inside(place) or _code(place)
    reason = _refusal(place, kind, disabled_in, invoked)
    several = kind == "block" or (kind == "empty" and _announced(place))
    return Site(
        kind=kind,
        ask=not reason,
        reason=reason,
        canvas=BLOCK if several else EXPRESSION if place.rest.strip() else LINE,
        lines=0 if several else 1,
        language=place.row.id,
        indent=indent(place.before),
        closed=_closed(place, kind),
        remarks=invoked or "comment" not in disabled_in,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """A cursor, and its line left and right of it."""

    snapshot: Snapshot
    row: Language
    offset: int
    line: int
    before: str
    rest: str

    @classmethod
    def at(cls, snapshot: Snapshot, offset: int) -> _Place:
        line = snapshot.line_of(offset)
        start, end = snapshot.line_range(line)
        offset = min(offset, end)
        text, row = snapshot.text, language(snapshot.language)
        if row.prose:
            row = row_of(row, text[max(0, start - _REACH) : start].splitlines(), text[start:end])
        return cls(snapshot, row, offset, line, text[start:offset], text[offset:end])

    @property
    def start(self) -> int:
        """Where the line begins."""
        return self.offset - len(self.before)

    def text_of(self, line: int) -> str:
        """A line's text; empty for one that does not exist."""
        exists = 0 <= line < self.snapshot.line_count
        return self.snapshot.text[slice(*self.snapshot.line_range(line))] if exists else ""

    def neighbour(self, step: int) -> str | None:
        """The next line of code above (-1) or below (+1) that is not blank; comments are no code."""
        for line in range(self.line + step, self.line + _NEIGHBOURS * step, step):
            text = self.text_of(line)
            if text.strip() and not self.row.is_remark(text):
                return text
        return None


# ---- whether to ask


def _refusal(place: _Place, kind: Kind, disabled_in: Set[str], invoked: bool) -> str:
    """Why not to ask, or nothing."""
    before, rest = place.before, place.rest
    if _word(before[-1:]) and _word(rest[:1]):
        return "the cursor is in the middle of a word"
    if invoked:
        return ""
    if kind in disabled_in:
        return "off in prose" if kind == "prose" else f"off in a {kind}"
    ends = _ENDING.match(rest) is not None
    if not before.strip() and rest.strip() and not (ends and _indented(place)):
        return "the cursor stands before the line's text"
    if kind in WORDS and (_word(rest[:1]) if kind == "string" else not ends):
        return "text follows the cursor"
    if kind == "string":
        return ""
    if not ends and _OPERAND_AHEAD.match(before[-1:] + rest[:2]):
        return "code follows the cursor"
    if not rest.strip() and _complete(place.row, before[-_NEAR:]):
        return "the statement is complete"
    if not (before + rest).strip() and _left(place):
        return "the block is left above"
    return "" if place.snapshot.text.strip() else "the file is empty"


def _complete(row: Language, before: str) -> bool:
    """Whether a line ends a statement, outside of the brackets that it opens."""
    if not _ENDED.search(before) or not (row.block == "braces" or before.strip().isalpha()):
        return False
    return not _GOES_ON.match(before) and not balance(before, row.id).open


def _left(place: _Place) -> bool:
    """Whether a blank line is no less deep than the statement above it, behind which nothing of a block is run."""
    above = place.neighbour(-1)
    if above is None or not place.row.grammar or width(place.before) < width(above):
        return False
    at, _ = left_open(place.row, above) or (len(above), "")
    code = above[:at].rstrip()
    read = balance(code, place.row.id)
    return _LEAVES.match(code) is not None and not (read.open or read.strays or read.quote)


def _indented(place: _Place) -> bool:
    """Whether a blank beginning is indented like the line above: what closes then stands where more may be written."""
    above = place.neighbour(-1)
    return above is not None and width(place.before + ".") >= width(above)


def _word(char: str) -> bool:
    return char.isalnum() or char == "_"


# ---- comment, docstring, string


def _inside(place: _Place) -> Kind | None:
    """The comment or string around the cursor, or None in code. Half-typed ones are known by their characters: the tree
    does not have them."""
    if place.row.prose:
        return "prose"
    syntax = place.snapshot.syntax(place.offset)
    if syntax is None:
        remark = place.row.is_remark(place.before) or _in_open_comment(place)
        return "comment" if remark else _by_characters(place)
    kind = _by_tree(place, syntax)
    if kind is not None:
        return None if kind == "code" else kind
    if syntax.node_at(place.offset - 1).type == "preproc_arg":  # all that a macro stands for, with its remark
        return _by_characters(place)
    if not syntax.tree.root_node.has_error:
        return None
    above = _opened_above(place, syntax)
    return above or (_by_characters(place) if syntax.errors(place.start, place.offset) else None)


def _by_tree(place: _Place, syntax: Syntax) -> Literal["code"] | Kind | None:
    """What the innermost captured node around the cursor is; `code` is code within a string."""
    found: Literal["code"] | Kind | None = None
    for name, node in syntax.captures_at(place.offset):
        start, end = syntax.range_of(node)
        inside = start < place.offset < end
        if name == "comment" and syntax.text_of(node).startswith(place.row.line_comment):
            # Its node may reach over the line's end, and at its end one still writes in it.
            inside = place.start <= start < place.offset
        if inside and name in ("comment", "string", "docstring", "code") and (name, found) != ("string", "docstring"):
            found = name  # type: ignore[assignment]
            if name == "string" and syntax.tree.root_node.has_error and _begins_line(place, start):
                found = "docstring"
    return found


def _begins_line(place: _Place, offset: int) -> bool:
    """Whether a long string of Python begins its line: where code is broken that is all that tells a docstring."""
    start, _ = place.snapshot.line_range(place.snapshot.line_of(offset))
    found = _LONG_STRING.match(place.snapshot.text, start) if place.row.id == "python" else None
    return found is not None and offset < found.end()


def _by_characters(place: _Place) -> Kind | None:
    """The comment or string that is left open on the cursor's line."""
    row, before = place.row, place.before
    at, sign = left_open(row, before) or (0, "")
    if sign and sign not in row.quotes:
        return "comment"
    if not sign or in_substitution(before, at) or _is_apostrophe(place, at):
        return None
    return "docstring" if _begins_line(place, place.start + at) else "string"


def _is_apostrophe(place: _Place, at: int) -> bool:
    """Whether a quote of the line is one of the words between two tags."""
    syntax = place.snapshot.syntax(place.offset)
    return syntax is not None and syntax.node_at(place.start + at).type == "jsx_text"


def _in_open_comment(place: _Place) -> bool:
    """Without a grammar: whether a comment of several lines is open. Within a word its sign is a pattern of files."""
    text = place.snapshot.text[max(0, place.offset - _REACH) : place.offset]
    for sign, end in place.row.block_comments:
        at = text.rfind(sign)
        if at < 0 or text.startswith(PRAGMAS, at):
            continue
        if not text[at - 1 : at].strip() and text.find(end, at) < 0:
            return True
    return False


def open_quote(row: Language, before: str) -> int | None:
    """Where the string begins in which a line left of the cursor ends; None in code, that of an f-string too, and in a
    comment."""
    at, sign = left_open(row, before) or (0, "#")
    return at if sign in row.quotes and not in_substitution(before, at) else None


def in_substitution(before: str, quote: int) -> bool:
    """Whether the cursor is in the code of the f-string or template whose quote stands at `quote`: a brace of an
    f-string that is doubled and one of a template without a `$` are text."""
    written = before[quote:]
    if written[0] == "`":
        return written.rfind("${") > written.rfind("}")
    if not _FORMATTED.search(before[max(quote - 2, 0) : quote]):
        return False
    fields = written.replace("{{", "").replace("}}", "")
    return fields.rfind("{") > fields.rfind("}")


def _opened_above(place: _Place, syntax: Syntax) -> Kind | None:
    """The comment or string that was opened on a line above and is not closed anywhere."""
    text = place.snapshot.text
    marks: dict[str, Kind] = {"/*": "comment", "`": "string"}
    if place.row.block == "indent":
        marks = {'"""': "docstring", "'''": "docstring"}
    for mark, kind in marks.items():
        at = text.rfind(mark, max(syntax.start, place.start - _REACH), place.start)
        if at < 0 or (mark == "/*" and text.find("*/", at, place.offset) >= 0):
            continue
        node, lost = syntax.node_at(at), False
        # No regular expression begins like a comment, whatever the grammar makes of an open one.
        whole = _CLOSED - {"regex"} if mark == "/*" else _CLOSED
        while (parent := node.parent) is not None and node.type not in whole:
            lost, node = lost or node.is_error or node.type == "regex", parent
        if node.parent is None and (lost or node.is_error):
            return "string" if kind == "docstring" and not _begins_line(place, at) else kind
    return None


# ---- code


def _code(place: _Place) -> Kind:
    """What kind of code is to be written."""
    if place.rest.strip():
        return "code"
    if place.before.strip():
        return "block" if opens_block(place.row, place.before[-_NEAR:]) else "code"
    return "block" if _empty_block(place) else "empty"


def _closed(place: _Place, kind: Kind) -> str:
    """The closing brackets right of the cursor, in a string behind its quote, that an editor may have put there when
    theirs were typed."""
    left = balance(place.before, place.row.id)
    quote = left.quote[1] if left.quote else ""
    brackets = place.rest.removeprefix(quote)
    if kind == ("string" if quote else "code") and place.rest == quote + brackets and set(brackets) <= set(")]}"):
        return place.rest if left.closing.startswith(brackets) else ""
    return ""


def _empty_block(place: _Place) -> bool:
    """Whether the blank line of the cursor follows a block's head and nothing stands in the block yet."""
    above, below = place.neighbour(-1), place.neighbour(+1)
    if above is None or not opens_block(place.row, above):
        return False
    return below is None or width(below) <= width(above)


def _announced(place: _Place) -> bool:
    """Whether the line right above says in a comment what is to come, and it has not come yet."""
    above, below = place.text_of(place.line - 1), place.text_of(place.line + 1)
    return place.row.is_remark(above) and (not below.strip() or width(below) < width(above))
