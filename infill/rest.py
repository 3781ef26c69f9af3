"""Steps of trimming where a text meets the rest of the cursor's line, whose quotes and brackets stand there already."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infill.around import Around
from infill.brackets import CLOSERS, balance, closes_again
from infill.lines import SAYING
from infill.site import in_substitution

_ARROW = re.compile(r"[-=]>")
_ANGLES = str.maketrans("<>", "[]")


def up_to_the_quote(text: str, around: Around) -> str | None:
    """Within a string: ends before the quote that stands right of the cursor, farther right on its line, or below; with
    its own where none of these ends the string. The code within one ends before a quote that follows the cursor at
    once, too."""
    open_ = _open_quote(around)
    in_code = around.in_code and open_ and around.rest.startswith(open_)
    if not (around.kind in ("string", "docstring") or in_code):
        return text
    if around.rest.strip():
        quote = around.rest[0] if around.rest[0] in ("'", '"', "`", ">") else open_
        quote = 3 * quote if quote and around.rest.startswith(3 * quote) else quote
    else:
        quote = _quote_below(around)
    if not quote:
        return text
    at = 0
    while at < len(text) and not text.startswith(quote, at):
        at += 2 if text[at] == "\\" else 1
    if around.rest.strip() and not around.rest.startswith(quote) and not balance(around.rest, around.language).quote:
        return text[: at + len(quote)]  # the quotes right of it are those of other strings
    left = text[:at]
    # One quote more before three would be the first of them.
    return left[: left.rfind(quote[0], 0, -1)].rstrip() if len(quote) > 1 and left.endswith(quote[0]) else left


def closed_once_in_words(text: str, around: Around) -> str | None:
    """Among words, and in the code within a string: ends before the closing bracket that stands right of the cursor
    already."""
    closer = around.rest.lstrip()[:1]
    words = not around.in_code or _open_quote(around)
    return text[: closes_again(text, closer)] if words and closer in CLOSERS.values() else text


def closed_before_the_quote(text: str, around: Around) -> str | None:
    """Within a string: the code in an f-string or a template is closed before the quote right of the cursor."""
    at, quote = balance(around.prefix_line, around.language).quote or (0, "")
    typing_words = around.kind == "string" and not around.final
    if not quote or not typing_words or not around.rest.startswith(quote):
        return text
    found = balance(text, around.language)
    if found.quote or not in_substitution(around.prefix_line + text, at):
        return text
    code = next((start for start, bracket in found.open if bracket == "{"), len(text))
    return text + balance(text[code:], around.language).closing


def up_to_the_rest(text: str, around: Around) -> str | None:
    """Nothing that repeats the rest of the line; its brackets are the next step's matter."""
    rest = around.rest.strip()
    if around.kind == "string" and (quote := _open_quote(around)):
        rest = rest.partition(quote)[0].rstrip()
    elif not around.in_code:
        return text
    if rest.startswith(">"):
        return text[: _end_of_types(text)]
    text, said = text.rstrip() if rest else text, text
    for length in range(len(rest), 0, -1):
        tail = rest[:length]
        repeats = text.endswith(tail) and (length == len(rest) or length >= SAYING)
        if repeats and not set(tail) <= set(")]}") and _apart(text, length):
            return text[:-length]
    return said


def balanced_with_the_rest(text: str, around: Around) -> str | None:
    """Brackets agree with those that the rest of the line closes: what the text left open is closed, and it ends before
    a bracket that closes something for the second time. A line that closes all it opens does so with the text, too. Of
    others the lines below tell which of those above them do, where they fit: with a bracket of the same kind open
    above, one too many would close that."""
    if not around.in_code or not balance(around.rest, around.language).strays:
        return text
    if _closes_all("", around):
        whole = next((part for part in _closings(text, around) if _closes_all(part, around)), None)
        if whole is not None:
            return whole
    behind = "\n".join((around.rest, *around.suffix))
    strays = balance(behind, around.language).strays
    all_, line = ("".join(behind[at] for at in strays if at < end) for end in (len(behind), len(around.rest)))
    found = ((closers, _meeting("", closers, around)) for closers in (all_, line))
    closers, meets = next(((closers, meets) for closers, meets in found if meets is not None), ("", None))
    if meets is None:
        return text
    for part in _closings(text, around):
        met = _meeting(part, closers, around)
        if met is not None and met[0] <= meets[0] and met[1] <= meets[1]:
            return part
    return text


def _open_quote(around: Around) -> str:
    """The quote that is open at the cursor, if its line opened it."""
    at, quote = balance(around.prefix_line, around.language).quote or (0, "")
    return 3 * quote if quote and around.prefix_line.startswith(3 * quote, at) else quote


def _quote_below(around: Around) -> str:
    """The quote with which the string around the cursor ends on a line below, if it does. Where code is broken that may
    be another string's."""
    syntax = around.snapshot.syntax(around.end)
    if syntax is None or syntax.tree.root_node.has_error or around.final:
        return ""
    line_end = around.end + len(around.rest)
    for name, node in syntax.captures_at(around.end):
        if name in ("string", "docstring") and syntax.range_of(node)[1] > line_end:
            ending = syntax.text_of(node)[-3:]
            return ending if ending in (3 * '"', 3 * "'") else ending[-1:].strip("#")  # Rust: r"…"#
    return ""


def _apart(text: str, length: int) -> bool:
    """Whether the end of a text is not the rest of a word that it begins."""
    return not (re.search(r"\w$", text[:-length]) and re.match(r"\w", text[-length:]))


def _end_of_types(text: str) -> int | None:
    """Where a text has the `>` of a list of types, or of a tag, that was begun before it."""
    turned = _ARROW.sub("  ", text).translate(_ANGLES)
    ends = (at for at in balance(turned).strays if text[at] == ">" and not balance(turned[:at]).open)
    return next(ends, None)


def _closes_all(text: str, around: Around) -> bool:
    """Whether the cursor's line, the text in it, closes what it opens and nothing else."""
    read = balance(around.prefix_line + text + around.rest, around.language)
    return not (read.strays or read.open or read.quote)


def _meeting(text: str, closers: str, around: Around) -> tuple[int, int] | None:
    """How the brackets up to the end of a text and those that follow it meet: (closers of nothing, brackets left open),
    or None when they do not fit each other."""
    found = around.brackets(text)
    open_ = [bracket for _, bracket in found.open]
    above = len(found.strays)
    for closer in closers:
        if not open_:
            above += 1
        elif CLOSERS[open_.pop()] != closer:
            return None
    return above, len(open_)


def _closings(text: str, around: Around) -> Iterator[str]:
    """The text; with more and more of what it left open closed, where closing brackets follow at once; up to its last,
    next to last ... stray bracket."""
    found = balance(text, around.language)
    ended = text.rstrip() + found.quote[1] if found.quote else text
    yield ended
    if around.rest.lstrip().startswith(tuple(CLOSERS.values())):
        for count in range(1, len(found.closing) + 1):
            yield ended.rstrip() + found.closing[:count]
    for stray in reversed(found.strays):
        yield text[:stray]
