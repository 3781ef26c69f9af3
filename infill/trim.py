"""Post-processing: what a model wrote -> what may be shown. A list of functions, each text -> text or None.

Steps about what stands there already, about levels of indentation, about the rest of the line and about syntax errors
have files of their own: `repeats.py`, `indentation.py`, `rest.py`, `soundness.py`. STEPS is the order of all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from infill.around import Around
from infill.brackets import QUOTES, balance, behind, string_end
from infill.indentation import in_levels, level_of
from infill.languages import PRAGMAS, Language, language
from infill.lines import begins_block, closes_block, first_written, indent, lf, opens_block, width
from infill.repeats import (
    not_the_next_line,
    not_the_prefix_again,
    not_the_suffix_again,
    up_to_the_suffix,
    without_stutter,
)
from infill.rest import (
    balanced_with_the_rest,
    closed_before_the_quote,
    closed_once_in_words,
    up_to_the_quote,
    up_to_the_rest,
)
from infill.soundness import sound, without_errors

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffc-\uffff]")
_NO_PRAGMA = rf"(?!{'|'.join(map(re.escape, PRAGMAS))})"
_BOUNDARY = re.compile(r"[)\]};,:]|[\"'`](?=\W|$)")
_GO_ON = (".", "?", ":", "+", "-", "*", "/", "&", "|", "=", "<", ">", ",", "{", "(", "[")
"""How a line begins that goes on with the statement above it."""
_END = re.compile(r"\s*(?!esac|endcase)[a-z]")
"""A word that closes a block; the arms of a `case` may stand as deep as the word that closes it alone."""
_ENDLESS_CALL = re.compile(
    r"\b(?:def|fn|func|function)\s+(\w+)[(<](?!.*\b(?:self|cls)\b).*\n\s*(?:return\s+)?(?:await\s+)?\1\([^()\n]*\);?[\s}]*\Z"
)
"""The head of a function and all of its body."""


def trim(text: str, around: Around) -> str | None:
    """What of a model's text may be shown at the cursor: LF line endings, no white space at its end; None for nothing.

    Nothing is added but the brackets and quotes that the text itself left open before the closers of the rest.
    """
    left: str | None = text
    for step in STEPS:
        if left is not None:
            left = step(left, around)
    return left


def over(text: str, around: Around, closed: str) -> str | None:
    """What may be shown in place of `closed`, with which the rest of the line begins; None for a text that does not go
    on behind it: brackets or, in a string, its quote and brackets."""
    beyond = replace(around, end=around.end + len(closed), rest=around.rest[len(closed) :])
    string = text[: string_end(text, closed[0]) or len(text)] if closed[0] in QUOTES else ""
    if string:
        chosen, line = around.chosen + string, around.prefix_line + string
        beyond = replace(beyond, kind="code", chosen=chosen, prefix_line=line)
    code = trim(text[len(string) :], beyond)
    return string + code if code is not None and behind(string + code, closed, around.language) else None


def fit(text: str, around: Around) -> str | None:
    """What of a model's text may stand in a hole whose two sides are final, None for nothing.

    A text that the model ended itself and that leaves no syntax error stands as it is, white space at its ends too: it
    is only kept from saying what stands there already. Any other is trimmed like one that is shown.
    """
    text = lf(text)
    if not sound(text, around):
        return trim(text, around)
    left: str | None = text
    for step in (clean, not_the_prefix_again, as_others_indent, at_most_lines, not_the_suffix_again, without_stutter):
        if left is not None:
            left = step(left, around)
    return left or None


# ---- the steps that are here


def clean(text: str, around: Around) -> str | None:
    """LF line endings; ends before a line with control characters, or with those that show code in another order than
    it runs: a model that writes them has lost the thread."""
    text = lf(text)
    control = _CONTROL.search(text)
    return text[: max(text.rfind("\n", 0, control.start()), 0)] if control else text


def finish(text: str, around: Around) -> str | None:
    """A text that was cut short ends with its last finished line, or within its only line: code where brackets balance,
    anything else after a word."""
    if around.finished:
        return text
    whole, newline, _ = text.rpartition("\n")
    if newline and whole.strip():
        return whole
    if not around.in_code:
        return text.rpartition(" ")[0]
    ends = [end.end() for end in _BOUNDARY.finditer(text)]
    return next((text[:end] for end in reversed(ends) if not _unbalanced(text[:end], around.language)), None)


def after_the_prefix(text: str, around: Around) -> str | None:
    """No second space, no second indentation; where one is begun, what is missing of it stays."""
    if around.indent == around.prefix_line and around.kind in ("empty", "block"):
        text = re.sub(r"^(?:[ \t]*\n)+", "", text)
    if around.prefix_line[-1:].isspace() and not text.startswith("\n"):
        text = text if _indents(around) else text.lstrip(" \t")
    return text


def evenly_indented(text: str, around: Around) -> str | None:
    """The second line is no deeper than the first unless that one opens something; all lines after it move along."""
    first, newline, others = text.partition("\n")
    opening = around.prefix_line + first
    known = language(around.language).grammar  # of other languages nobody knows here what opens a block
    if not (known and newline and first.strip()) or around.prefix_line.strip() or _opens(opening, around):
        return text
    second = first_written(others)
    base, deeper = indent(opening), indent(second)
    if second.strip().startswith(_GO_ON) or not deeper.startswith(base) or deeper == base:
        return text
    lines = (base + line.removeprefix(deeper) if line.startswith(deeper) else line for line in others.split("\n"))
    return "\n".join([first, *lines])


def as_others_indent(text: str, around: Around) -> str | None:
    """In a file without a block, blocks are as deep as in files like it; those of its own the model has read."""
    return text if around.snapshot.derived(level_of) else in_levels(text, around)


def at_most_lines(text: str, around: Around) -> str | None:
    """No more lines than wanted."""
    return "\n".join(text.split("\n")[: around.lines]) if around.lines else text


def in_the_block(text: str, around: Around) -> str | None:
    """Ends where a line is indented less than the block; only what closes the block may follow."""
    lines = text.split("\n")
    behind_head = around.kind == "block" and around.prefix_line.strip() != ""
    for n, line in enumerate(lines[1:], start=1):
        if line.strip() and width(line) < around.edge + behind_head:
            return "\n".join(lines[: n + closes_block(language(around.language), line)])
    return text


def closed_where_it_opened(text: str, around: Around) -> str | None:
    """No `end` on a blank line that is indented as deep as the one above it: that one opened nothing, and what it would
    close stands farther left."""
    above, line = around.line_above, around.prefix_line + text.partition("\n")[0]
    ends = closes_block(language(around.language), line) and _END.match(line)
    if not ends or not width(line) or around.prefix_line.strip() or around.final:
        return text
    return text if width(above) > width(line) or begins_block(above) else None


def not_only_remarks(text: str, around: Around) -> str | None:
    """Code, where the cursor stands in code and comments are not wanted: those are for people to write."""
    if around.remarks or not around.in_code:
        return text
    row = language(around.language)
    lines = "\n".join(line for line in (around.prefix_line + text).split("\n") if not row.is_remark(line))
    return text if all(_without_remarks(part, row).strip() for part in (text, lines)) else None


def no_endless_call(text: str, around: Around) -> str | None:
    """No body in which a function does nothing but call itself; what a method calls so is another function."""
    code = "\n".join((around.line_above, around.prefix_line + text))
    return None if around.in_code and _ENDLESS_CALL.search(code) else text


def something(text: str, around: Around) -> str | None:
    """Neither white space nor what stands right of the cursor already, however that is spaced."""
    written = "".join(text.split())
    return text.rstrip() if written and written != "".join(around.rest.split()) else None


STEPS: tuple[Callable[[str, Around], str | None], ...] = (
    clean,
    finish,
    not_the_prefix_again,
    after_the_prefix,
    evenly_indented,
    in_levels,
    at_most_lines,
    in_the_block,
    closed_where_it_opened,
    up_to_the_quote,
    closed_once_in_words,
    closed_before_the_quote,
    up_to_the_rest,
    balanced_with_the_rest,
    up_to_the_suffix,
    not_the_next_line,
    without_stutter,
    without_errors,
    not_only_remarks,
    no_endless_call,
    something,
)


# ---- helpers


def _indents(around: Around) -> bool:
    """Whether the cursor's line is blank and its indentation may be but begun: no deeper than the block's head above it
    or, while somebody types, than a line that leaves a bracket open, and less than that of any other."""
    above, row = around.line_above, language(around.language)
    deeper = width(around.indent) - width(above)
    bracket = bool(balance(above, around.language).open) and not around.final
    opens = bracket or around.kind == "block" or opens_block(row, above)
    return not around.prefix_line.strip() and (deeper <= 0 if opens else deeper < 0 and not around.final)


def _opens(line: str, around: Around) -> bool:
    """Whether what follows a line may be indented deeper: it opens something, or it does not end a statement."""
    left = balance(line, around.language)
    row = language(around.language)
    if left.open or left.quote or opens_block(row, line):
        return True
    if row.block == "braces" and row.id != "go":
        return not line.rstrip().endswith((";", "}"))
    return line.rstrip().endswith(("\\", ",", ":", "=", "&&", "||", "+", "."))


def _without_remarks(text: str, row: Language) -> str:
    """A text without the remarks that begin its lines."""
    if row.line_comment:
        text = re.sub(rf"^[ \t]*{_NO_PRAGMA}{re.escape(row.line_comment)}.*$", "", text, flags=re.MULTILINE)
    for opens, closes in row.block_comments:
        comment = rf"^[ \t]*{_NO_PRAGMA}\{{?{re.escape(opens)}.*?(?:{re.escape(closes)}\}}?|\Z)"
        text = re.sub(comment, "", text, flags=re.MULTILINE | re.DOTALL)
    return text


def _unbalanced(text: str, language: str) -> bool:
    left = balance(text, language)
    return bool(left.open or left.quote)
