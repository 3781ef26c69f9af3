"""Where the documentation of a function names a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter

from infill.syntax import Syntax

_SAID = (
    r"[@\\]param(?:\[\w+(?:,\w+)?\])?[ \t]+(?:\{[^\n]*?\}[ \t]+)?\[?(%s)\b"
    r"|:(?:param|type|arg|argument|key|keyword)[ \t]+(?:[^\n:]*[ \t])?(%s)[ \t]*:"
)
"""How a function's documentation names a parameter: JSDoc, Javadoc and Doxygen; Sphinx."""
_LISTED = r"^[ \t]*\*{0,2}(%s)(?=(?:[ \t]+\([^\n)]*\))?[ \t]*:(?!:))"
"""How it does where parameters are listed: Google and NumPy."""
_LIST = re.compile(
    r"^[ \t]*(?:Args|Arguments|Params|(?:Other )?Parameters|Keyword Args)\b.*\n(?:.*\S.*(?:\n|\Z))*", re.MULTILINE
)


def documented(syntax: Syntax, function: tree_sitter.Node, name: str) -> Iterator[int]:
    """Offsets of a parameter's name in the remarks right above a function and in the string that it begins with."""
    said, listed = re.compile(_SAID % (re.escape(name), re.escape(name))), re.compile(_LISTED % re.escape(name), re.M)
    for node in _texts(function):
        start, text = syntax.range_of(node)[0], syntax.text_of(node)
        in_lists = (match for some in _LIST.finditer(text) for match in listed.finditer(text, *some.span()))
        for match in (*said.finditer(text), *in_lists):
            yield start + match.start(match.lastindex or 0)


def _texts(function: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The remarks right above a function, and the string that its body begins with."""
    statement = function
    while (around := statement.parent) and around.parent and not around.type.endswith(("block", "body", "list")):
        statement = around
    above = statement.prev_named_sibling
    while above is not None and "comment" in above.type:
        yield above
        above = above.prev_named_sibling
    body = function.child_by_field_name("body")
    for first in body.named_children[:1] if body is not None else ():
        yield from (said for said in first.named_children[:1] if said.type == "string")
