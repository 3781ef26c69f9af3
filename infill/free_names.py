"""Names that the code below a hole uses and nothing above it brings: the hole most likely does.

    <hole>                                       for idx, elem in enumerate(numbers):
        for idx2, elem2 in enumerate(numbers):
            if idx != idx2:

All by characters and indentation: a tree of code in which a line is missing knows neither scopes nor what a name does.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from infill.languages import Language, keywords, language
from infill.lines import next_depth, width

LINES = 8
"""Written lines below that are looked at: the farther a name, the less it says of the hole."""
SCOPE, WIDTH = 20_000, 400
"""Characters above in which names are looked for, and of a line below."""
_NAME = re.compile(r"[^\W\d]\w*")
_NO_CODE = (
    r'"""[\s\S]*?(?:"""|\Z)|\'\'\'[\s\S]*?(?:\'\'\'|\Z)|/\*[\s\S]*?(?:\*/|\Z)'
    r'|(?:\b\w{1,3})?"(?:\\.|[^"\\\n])*"?|(?:\b\w{1,3})?\'(?:\\.|[^\'\\\n])*\'|`[^`]*`?'
    r"|^[ \t]*#.*"
)
"""Strings, block comments, what is meant for a preprocessor."""
_LISTS = re.compile(r"(?:pub )?(?:from|import|use|const|var|static|package)\b|#")
"""How a line at the margin begins whose indented lines bring names to the whole file, too."""
_MEMBERS = re.compile(r"(?:[\w()]+[ \t]+)*(?:class|struct|impl|interface|namespace|mod|module|trait|enum|object)\b")
"""Heads of blocks whose members do not see each other by bare names."""
_DEFINED = re.compile(
    r"^(?:\w+[ \t]+)*(?:def|class|func|fn|function|const|let|var|type|struct|enum)[ \t]+(\w+)", re.MULTILINE
)
_NOT_HERE_LEFT = re.compile(r"(?:\.|->|::|@)\s*$")
_NOT_HERE_RIGHT = re.compile(r"\s*(?:\(|::|!\()")
"""What is a member, called or a path is from elsewhere as a rule."""
_DECLARED_LEFT = re.compile(
    r"\bfor\b(?:(?!\bin\b|\bof\b|;|=|:).)*$"  # what a loop goes through
    r"|\b(?:import|from|as|def|class|let|const|var|fn|func|function|type|struct|lambda)\b[^=:;)]*$"
)
_DECLARED_RIGHT = re.compile(r"\s*(?:=(?!=)|:=|:[ \t]*\S|,[^=\n()]*[^=!<>\n]=(?!=))")
"""What is assigned, a parameter or a key."""
_TYPE_LEFT = re.compile(r"([^\W\d]\w*)[>\]]?(?:\s+[*&]?|\s*[*&]\s*)$")
_TYPE_RIGHT = re.compile(r"\s(?:[*&]\s*)?([^\W\d]\w*)\s*[;=,()\[]")
"""Two words in a row are a type and what is declared, unless one of them is an operator or begins a statement."""
_OPERATORS = frozenset(
    ("return", "not", "in", "and", "or", "if", "else", "elif", "while", "await", "yield", "new", "case", "is", "of",
     "as", "throw", "raise", "del", "delete", "assert", "go", "defer", "range", "mut", "ref", "instanceof", "do")
)  # fmt: skip
_LOOPS = re.compile(r"\bfor\s+([\w\s,()]+?)\s+in\b")


def free_names(prefix: str, suffix: str, language_id: str) -> frozenset[str]:
    """The names that the next lines of `suffix` use, without those that the hole's scope, the top of the file or a
    definition further down brings; none in text that is no code. Types and constants (capital letters), members and
    what is called are not looked at: they are from elsewhere as a rule."""
    row = language(language_id)
    if not row.grammar:
        return frozenset()
    above, suffix = prefix[-SCOPE:].split("\n"), suffix[:SCOPE]
    head = _head(above, width(above[-1]) if above[-1] else next_depth(suffix))
    margin = width(above[head]) if head < len(above) - 1 else -1
    below = _code(_within(suffix.split("\n"), margin), row)
    brought = _code(chain(_top(above[:head]), above[head:]), row)
    known = {*keywords(row), *_RESERVED, *_NAME.findall(brought), *_DEFINED.findall(suffix)}
    if row.id == "python":
        known.update(dir(builtins))
    free: dict[str, bool] = {}
    for name, is_brought in _uses(below):
        free.setdefault(name, not is_brought)
    return frozenset(name for name, is_free in free.items() if is_free and name not in known)


def named(text: str, names: frozenset[str]) -> float:
    """How many of the names stand in a text; of one that is being written at its end, the part that stands."""
    words = _NAME.findall(text)
    last = words.pop() if words and text.endswith(words[-1]) else ""
    whole = names.intersection(words)
    return len(whole) + max((len(last) / len(name) for name in names - whole if name.startswith(last)), default=0.0)


_RESERVED = frozenset(("true", "false", "null", "nil", "undefined", "self", "cls", "this", "super"))
"""What grammars give a name of its own, and what is there in every method."""


def _head(lines: list[str], depth: int) -> int:
    """The line that opens the scope of the last one: the outermost block around it that is no class or module."""
    head = len(lines) - 1
    for at in range(len(lines) - 2, -1, -1):
        line = lines[at]
        if line.strip() and (deep := width(line)) < depth:
            if _MEMBERS.match(line.lstrip()):
                break
            depth, head = deep, at
    return head


def _top(lines: Iterable[str]) -> Iterator[str]:
    """Lines at the margin, and what imports and declarations there list on indented ones."""
    lists = False
    for line in lines:
        if line[:1].strip():
            lists = _LISTS.match(line) is not None
        if line[:1].strip() or lists:
            yield line


def _within(lines: Iterable[str], margin: int) -> Iterator[str]:
    """Lines up to the end of the scope whose head stands at this margin, LINES written ones at most."""
    written = 0
    for number, line in enumerate(lines):
        if number and line.strip():
            written += 1
            if written > LINES or (width(line) <= margin and line.lstrip()[0] not in ")]}"):
                return
        yield line[:WIDTH]


def _uses(code: str) -> Iterator[tuple[str, bool]]:
    """(name, whether it is brought there) of the names that may be free, in their order; what a comprehension brings
    stands behind its use, and goes before all of its line."""
    for line in code.split("\n"):
        for loop in _LOOPS.finditer(line):
            if line[: loop.start()].strip():
                yield from ((name, True) for name in _NAME.findall(loop[1]))
        for match in _NAME.finditer(line):
            left, end = line[: match.start()], match.end()
            if match.group()[0].isupper() or _NOT_HERE_LEFT.search(left) or _NOT_HERE_RIGHT.match(line, end):
                continue
            words = _TYPE_LEFT.search(left), _TYPE_RIGHT.match(line, end)
            typed = any(word is not None and word[1] not in _OPERATORS for word in words)
            yield match.group(), bool(typed or _DECLARED_LEFT.search(left) or _DECLARED_RIGHT.match(line, end))


def _code(lines: Iterable[str], row: Language) -> str:
    """The lines with blanks in place of what is no code."""
    return re.sub(rf"(?m:{_NO_CODE}|{row.line_comment}.*)", _blank, "\n".join(lines))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())
