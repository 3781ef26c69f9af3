"""Brackets and quotes of a piece of code, by its characters alone: no syntax tree is needed for half a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from infill import languages

CLOSERS = {"(": ")", "[": "]", "{": "}"}
QUOTES = "\"'`"
_QUOTE = re.compile(f"[{QUOTES}]")
_MARK = re.compile(rf"[{QUOTES}/()\[\]{{}}]")
"""All that can open or close something."""
SCRIPTS = frozenset(("javascript", "javascriptreact", "typescript", "typescriptreact"))
_REGEX = re.compile(r"/(?![/*\s])(?:\\.|\[(?:\\.|[^\]\\\n])*+\]|[^/\\\[\n])++/")
"""A regular expression that ends on its line."""
_BEFORE_REGEX = re.compile(r"(?:^|[(,=:\[!&|?{;]|=>|\breturn)\Z")
"""Behind anything else, white space aside, a slash divides, or ends a tag."""
_WORD_BEFORE = len(" return")
"""Characters that _BEFORE_REGEX looks at."""
_NUMBER = re.compile(r"(?<!\w)\d[\w']*\Z")
_NEAR = 200
"""Characters left of one that tell what it is: to look at all of a long line for each would take seconds."""
_LONGEST = 400
"""Characters of a regular expression: to look on for the end of each that might begin would take seconds, too."""


@dataclass(frozen=True, slots=True)
class Balance:
    """strays: offsets of the closing brackets that nothing in the text opened. open: brackets left open, outermost
    first, as (offset, bracket). quote: the (offset, quote) that is left open, or None."""

    strays: tuple[int, ...]
    open: tuple[tuple[int, str], ...]
    quote: tuple[int, str] | None

    @property
    def closing(self) -> str:
        """The brackets that would close what is open, innermost first."""
        return "".join(CLOSERS[bracket] for _, bracket in reversed(self.open))


def balance(text: str, language: str = "") -> Balance:
    """Read a text from its start, brackets within quotes left out; language: an LSP language id."""
    stack: list[tuple[int, str]] = []
    strays: list[int] = []
    at = 0
    while found := _MARK.search(text, at):
        at, char = found.start(), found.group()
        if opens_quote(text, at, language):
            end = closing_quote(text, at)
            if end is None:
                return Balance(tuple(strays), tuple(stack), (at, char))
            at = end
        elif char == "/" and (end := _comment_end(text, at) or _regex_end(text, at, language)) is not None:
            at = end
        elif char in CLOSERS:
            stack.append((at, char))
        elif char in ")]}":
            if stack and CLOSERS[stack[-1][1]] == char:
                stack.pop()
            else:
                strays.append(at)
        at += 1
    return Balance(tuple(strays), tuple(stack), None)


def behind(text: str, closers: str, language: str = "") -> str | None:
    """What of a text follows the closing brackets that it shares with the text right of it, which begins with them; the
    first of them may be the quote that ends the string in which the text begins.

    None when the text has not just these or ends with them itself, or when one of them follows: the last of its kind in
    the text is always the one that stands there already.
    """
    left, brackets = text, closers
    if closers[:1] in set(QUOTES):
        left, brackets = text[string_end(text, closers[0]) or len(text) :], closers[1:]
    strays = balance(left, language).strays
    if not closers or "".join(left[at] for at in strays) != brackets:
        return None
    left = left[strays[-1] + 1 :] if strays else left
    return left if left.strip() and not set(left) & set(closers) else None


def string_end(text: str, quote: str) -> int | None:
    """Offset behind the quote that ends the string of one line in which a text begins, or None."""
    end = closing_quote(quote + text, 0)
    return end if end is not None and text.startswith(quote, end - 1) else None


def closes_again(text: str, closer: str) -> int | None:
    """Offset of the closing bracket that closes what was opened before a text of words; None where there is none. In
    words quotes are apostrophes."""
    depth, found = 0, None
    for at, char in enumerate(text):
        if char == closer and depth == 0:
            found = at
        depth += (CLOSERS.get(char) == closer) - (char == closer)
    return found if depth < 0 else None


def quoted(text: str, language: str = "") -> Iterator[str]:
    """What stands in quotes, to the end of the text where they are left open."""
    at = 0
    while found := _QUOTE.search(text, at):
        at = found.start()
        if opens_quote(text, at, language):
            end = closing_quote(text, at)
            yield text[at + 1 : end]
            at = len(text) if end is None else end
        at += 1


def closing_quote(text: str, at: int) -> int | None:
    """Offset of the last character of the quoted text that begins at `at`, or None when it is left open."""
    quote = text[at]
    mark = quote * 3 if quote != "`" and text.startswith(quote * 3, at) else quote
    seek = at + len(mark)
    while seek < len(text):
        if text[seek] == "\\":
            seek += 2
        elif text.startswith(mark, seek):
            return seek + len(mark) - 1
        elif text[seek] == "\n" and len(mark) == 1 and quote != "`":
            return seek - 1
        else:
            seek += 1
    return None


def opens_quote(text: str, at: int, language: str = "") -> bool:
    """Whether a quote begins there: no apostrophe within a number (C++), and none of a lifetime, which has no other a
    character later (Rust). In languages without a grammar one behind a word is of the word."""
    char, after = text[at], text[at + 1 : at + 3]
    if char not in QUOTES:
        return False
    if char == "'" and language == "rust":
        return after[1:] == "'" or after[:1] == "\\"
    if char == "'" and language in ("c", "cpp"):
        return not (after[:1].isalnum() and _NUMBER.search(text[max(0, at - _NEAR) : at]))
    row = languages.language(language)
    return char in row.quotes and not (char == "'" and row.is_apostrophe(text[max(at - 1, 0) : at]))


def _comment_end(text: str, at: int) -> int | None:
    """Offset of the last character of the block comment that begins there, or None."""
    end = text.find("*/", at + 2) if text.startswith("/*", at) else -1
    return end + 1 if end >= 0 else None


def _regex_end(text: str, at: int, language: str) -> int | None:
    """Offset of the last slash of the regular expression that begins there, or None for a division."""
    before = text[max(0, at - _NEAR) : at].rstrip()[-_WORD_BEFORE:]
    if language not in SCRIPTS or not _BEFORE_REGEX.search(before):
        return None
    found = _REGEX.match(text, at, at + _LONGEST)
    return found.end() - 1 if found else None
