"""Post-processing: what a model wrote -> what may be shown. A list of functions, each text -> text or None."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from infill.brackets import CLOSERS, balance, behind, closes_again
from infill.document import Change, Snapshot
from infill.languages import Language, keywords, language
from infill.lines import SAYING, announces, indent, lf, opens_block, says, width
from infill.site import WORDS, Kind, Site, in_substitution

_NEAR = 40
"""Lines above and below the cursor that a text is compared with."""
_HALF_WRITTEN = 4
"""Syntax errors of a line that is being typed; with more, the document says nothing about a text."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffc-\uffff]")
# The values of a list may be alike, a few of them.
_STUTTERS = (
    re.compile(r"((?=\S{0,30}\w\w)[^,\n]{2,40}?)\1{3,}"),
    re.compile(r"((?=\S{0,30}\w\w)[^\n]{2,40}?)\1{6,}"),
)
_LONG_RUN = 40
"""Characters of a run from which on it need not be one of words."""
_VALUES = re.compile(r"(?:(?:[+-]?[\d.][\w.]*|[Tt]rue|[Ff]alse|None|null|nil)[ \t]*,[ \t]*)+")
"""The beginning of a row of plain values."""
_BOUNDARY = re.compile(r"[)\]};,:]|[\"'`](?=\W|$)")
_ENDLESS_CALL = re.compile(
    r"\b(?:def|fn|func|function)\s+(\w+)[(<](?!.*\b(?:self|cls)\b).*\n\s*(?:return\s+)?(?:await\s+)?\1\([^()\n]*\);?[\s}]*\Z"
)
"""The head of a function and all of its body."""
_WORD = re.compile(r"\w+")
_NAMED = re.compile(r"=|\w[(<]")
"""What stands behind a name in a definition; a receiver in Go stands before it."""
_NAME_TO_COME = re.compile(r"[ \t*&)]+([^\W\d]\w*)[ \t]*[(<{:=]")
_ARROW = re.compile(r"[-=]>")
_ANGLES = str.maketrans("<>", "[]")


@dataclass(frozen=True, slots=True)
class Around:
    """The hole and what stands around it, line endings LF.

    The hole is [start, end) of the snapshot, on one line, of which `chosen` is written already; the text follows it.
    prefix_line: the line up to the text. rest: the line after the hole. above, suffix: the lines before and after this
    one, the nearest only. indent: white space the line begins with. edge: columns of the line on which its statement
    begins, the least that may follow. lines: the most lines of a text. remarks: whether comments are wanted. finished:
    False for a text that was cut short. within_line: whether its last line is but the beginning of one. final: whether
    both sides are final, so that nobody types there.
    """

    snapshot: Snapshot
    start: int
    end: int
    chosen: str
    kind: Kind
    prefix_line: str
    rest: str
    above: tuple[str, ...]
    suffix: tuple[str, ...]
    indent: str
    edge: int
    lines: int
    language: str
    remarks: bool
    finished: bool = True
    within_line: bool = False
    final: bool = False

    @classmethod
    def at(cls, snapshot: Snapshot, start: int, end: int, chosen: str, here: Site, lines: int) -> Around:
        """The surroundings of a hole at a site."""
        line = snapshot.line_of(start)
        first, last = snapshot.line_range(line)
        prefix_line = snapshot.text[first:start] + chosen
        below = snapshot.line_range(min(line + _NEAR, snapshot.line_count - 1))[1]
        above = tuple(snapshot.lf(snapshot.line_range(max(line - _NEAR, 0))[0], first).split("\n")[:-1])
        return cls(
            snapshot, start, end, chosen, here.kind,
            prefix_line=prefix_line,
            rest=snapshot.text[end:last],
            above=above,
            suffix=tuple(snapshot.lf(last, below).split("\n")[1:]),
            indent=here.indent,
            edge=_depth(above, prefix_line, snapshot.language),
            lines=lines,
            language=snapshot.language,
            remarks=here.remarks,
        )  # fmt: skip

    @property
    def in_code(self) -> bool:
        """Whether code is to be written, not words."""
        return self.kind not in WORDS

    @property
    def line_above(self) -> str:
        """The nearest line above that is not blank, empty where there is none."""
        return next((line for line in reversed(self.above) if line.strip()), "")

    @property
    def line_below(self) -> str:
        """The next line that is not blank, empty where there is none."""
        return next((line for line in self.suffix if line.strip()), "")

    def between(self) -> Around:
        """The same for a hole whose two sides are final: a text may leave its block, but nothing indented for good."""
        above = self.line_above
        deep = self.indent or width(above) or opens_block(language(self.language), above)
        return replace(self, edge=1 if deep else 0, final=True)


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
    """What may be shown in place of the brackets `closed`, which are the rest of the line; None for a text that does
    not go on behind them."""
    if not closed:
        return None
    shown = trim(text, replace(around, end=around.end + len(closed), rest=""))
    return shown if shown is not None and behind(shown, closed, around.language) else None


def fit(text: str, around: Around) -> str | None:
    """What of a model's text may stand in a hole whose two sides are final, None for nothing.

    A text that the model ended itself and that leaves no syntax error stands as it is, white space at its ends too: it
    is only kept from saying what stands there already. Any other is trimmed like one that is shown.
    """
    text = lf(text)
    if not _sound(text, around):
        return trim(text, around)
    left: str | None = text
    for step in (clean, not_the_prefix_again, at_most_lines, not_the_suffix_again, without_stutter):
        if left is not None:
            left = step(left, around)
    return left or None


# ---- the steps, in their order


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


def not_the_prefix_again(text: str, around: Around) -> str | None:
    """No repetition of the line's beginning; the values of a row may well repeat."""
    written = around.prefix_line.strip()
    repeats = len(written) > SAYING and text.lstrip().startswith(written) and not _VALUES.fullmatch(written)
    return text.lstrip()[len(written) :] if repeats else text


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
    lines = others.split("\n")
    deepest = next((line for line in lines if line.strip()), "")
    base, deeper = indent(opening), indent(deepest)
    goes_on = deepest.strip().startswith(
        (".", "?", ":", "+", "-", "*", "/", "&", "|", "=", "<", ">", ",", "{", "(", "[")
    )
    if goes_on or not deeper.startswith(base) or deeper == base:
        return text
    return "\n".join(
        [first, *(base + line.removeprefix(deeper) if line.startswith(deeper) else line for line in lines)]
    )


def at_most_lines(text: str, around: Around) -> str | None:
    """No more lines than wanted; a line end right after a block's head does not count."""
    head = 1 if around.lines != 1 and text.startswith("\n") else 0
    return "\n".join(text.split("\n")[: around.lines + head]) if around.lines else text


def in_the_block(text: str, around: Around) -> str | None:
    """Ends where a line is indented less than the block; only the brackets that close the block may follow."""
    lines = text.split("\n")
    inner, edge = around.prefix_line.strip() == "", around.edge
    for n, line in enumerate(lines[1:], start=1):
        if not line.strip() or width(line) > edge or (inner and width(line) == edge):
            continue
        closes = re.fullmatch(r"\s*[)\]}]+[;,)]*", line) is not None
        if around.kind == "block" and not inner and not closes and n == 1:
            return lines[0] if lines[0].strip() else None
        if around.kind not in ("block", "empty") and width(line) == edge:
            continue
        return "\n".join(lines[: n + closes])
    return text


def up_to_the_quote(text: str, around: Around) -> str | None:
    """Within a string: ends before the quote that stands right of the cursor, farther right on its line, or below. So
    does the code within one, where the quote follows the cursor at once."""
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
    """Brackets agree with the closing ones right of the cursor: what the text left open is closed, and it ends before a
    bracket that closes something for the second time."""
    closers = re.match(r"[)\]}]*", "".join(around.rest.split()))
    if not around.in_code or not closers or not closers[0]:
        return text
    meets = _meeting(around.prefix_line, closers[0], around)
    if meets is None:
        return text
    for part in _closings(text, around):
        met = _meeting(around.prefix_line + part, closers[0], around)
        if met is not None and met[0] == meets[0] and met[1] <= meets[1]:
            return part
    return text


def up_to_the_suffix(text: str, around: Around) -> str | None:
    """Ends before the line that comes next in the document; what stands deeper in a block may say the same, and so may
    what announces another definition."""
    below = around.line_below
    first, *others = text.split("\n")
    if not around.rest.strip() and _same(around.prefix_line + first, below):
        return text if not others and _announces_another(below, around) else None
    for n, line in enumerate(others, start=1):
        whole = line + around.rest if n == len(others) else line
        if _same(whole, below) and width(whole) <= width(below):
            return "\n".join([first, *others][:n])
    return text


def not_the_suffix_again(text: str, around: Around) -> str | None:
    """No lines at its end that come next in the document, however often it says them."""
    lines = text.split("\n")
    whole = [around.prefix_line + lines[0], *lines[1:]]
    said = [line for line in whole if line.strip()]
    below = [line for line in around.suffix if line.strip()][: len(said)]
    for count in range(len(below) if not around.rest.strip() else 0, 0, -1):
        pairs = list(zip(said[-count:], below[:count], strict=True))
        again = all(line.strip() == other.strip() and width(line) <= width(other) for line, other in pairs)
        if again and any(_same(line, other) for line, other in pairs):
            kept = [n for n, line in enumerate(whole) if line.strip()][: len(said) - count]
            return not_the_suffix_again("\n".join(lines[: kept[-1] + 1]), around) if kept else None
    return text


def not_the_next_line(text: str, around: Around) -> str | None:
    """Nothing where half a line, of two words and more, is how the next one begins; two definitions may begin alike."""
    begun = (around.prefix_line + text).rpartition("\n")[2].rstrip()
    below = around.line_below
    again = around.within_line and below.startswith(begun) and len(_WORD.findall(begun)) > 1
    another = _announces_another(below, around) or _names_another(below, len(begun), around)
    return None if again and not another else text


def without_stutter(text: str, around: Around) -> str | None:
    """A line, a few lines or a few characters said again are said once; the line above is not said again at all."""
    for pattern in _STUTTERS:
        stutter = next(filter(_endless, pattern.finditer(text)), None)
        text = text[: stutter.end(1)] if stutter else text
    lines = text.split("\n")
    above = around.line_above
    if len(above.strip()) > 2 * SAYING and around.prefix_line + lines[0] == above and not around.prefix_line.strip():
        return None
    whole = [around.prefix_line + lines[0], *lines[1:]]
    for n in range(len(lines)):
        for period in range(1, min(4, (len(lines) - n) // 2) + 1):
            said = whole[n : n + period]
            if says("".join(said)) and said == whole[n + period : n + 2 * period]:
                return "\n".join(lines[: n + period])
    return text


def without_errors(text: str, around: Around) -> str | None:
    """The longest beginning of the text that adds no syntax error to a document that is otherwise sound.

    What the text leaves open counts as completed: a beginning that can go on is no error. Of half a line nobody knows.
    """
    text = text.rstrip()
    syntax = around.snapshot.syntax(around.end)
    if not around.in_code or syntax is None:
        return text
    standing = _errors(around.snapshot, around.end)
    # A window of a long document begins or ends within something, an error of its own.
    whole = len(syntax.text) == len(around.snapshot.text)
    if standing > (_HALF_WRITTEN if whole else 0):
        return text
    known = text.rpartition("\n")[0] if around.within_line else text
    sound = next((part for part in _beginnings(known, around) if not _adds_errors(part, around, standing)), None)
    return text if sound == known else sound


def not_only_remarks(text: str, around: Around) -> str | None:
    """Code, where the cursor stands in code and comments are not wanted: those are for people to write."""
    if around.remarks or not around.in_code:
        return text
    row = language(around.language)
    return text if all(_without_remarks(part, row).strip() for part in (text, around.prefix_line + text)) else None


def no_endless_call(text: str, around: Around) -> str | None:
    """No body in which a function does nothing but call itself; what a method calls so is another function."""
    code = "\n".join((around.line_above, around.prefix_line + text))
    return None if around.in_code and _ENDLESS_CALL.search(code) else text


def something(text: str, around: Around) -> str | None:
    """Neither white space nor what stands right of the cursor already."""
    text = text.rstrip()
    return text if text.strip() and text.strip() != around.rest.strip() else None


STEPS: tuple[Callable[[str, Around], str | None], ...] = (
    clean,
    finish,
    not_the_prefix_again,
    after_the_prefix,
    evenly_indented,
    at_most_lines,
    in_the_block,
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


def _depth(above: Sequence[str], line: str, language: str) -> int:
    """Columns of the line on which the statement of a line begins: where the brackets are that it closes."""
    missing = len(balance(line, language).strays)
    for upper in reversed(above if missing else ()):
        found = balance(upper, language)
        missing = max(missing - len(found.open), 0) + len(found.strays)
        if not missing:
            return width(upper)
    return width(line)


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


def _endless(run: re.Match[str]) -> bool:
    """Whether a model repeats itself for having lost the thread: to the end of the line, words or very long. Constants,
    colours and relative paths repeat characters, too."""
    after = run.string[run.end() :].partition("\n")[0]
    return len(after) < len(run[1]) and (len(set(filter(str.isalpha, run[1]))) >= SAYING or len(run[0]) > _LONG_RUN)


def _meeting(left: str, closers: str, around: Around) -> tuple[int, int] | None:
    """How the brackets of a line and those that follow it meet: (closers of something on lines above, brackets left
    open), or None when they do not fit each other."""
    found = balance(left, around.language)
    open_ = [bracket for _, bracket in found.open]
    above = len(found.strays)
    for closer in closers:
        if not open_:
            above += 1
        elif CLOSERS[open_.pop()] != closer:
            return None
    return above, len(open_)


def _closings(text: str, around: Around) -> Iterator[str]:
    """The text; with more and more of what it left open closed; up to its last, next to last ... stray bracket."""
    found = balance(text, around.language)
    ended = text.rstrip() + found.quote[1] if found.quote else text
    for count in range(len(found.closing) + 1):
        yield ended.rstrip() + found.closing[:count] if count else ended
    for stray in reversed(found.strays):
        yield text[:stray]


def _sound(text: str, around: Around) -> bool:
    """Whether the model ended this text and it leaves no syntax error that is known, or fewer than there were without
    it."""
    if not around.finished or not text:
        return False
    errors = _errors_with(text, around)
    return not errors or errors < _errors(around.snapshot, around.end)


def _beginnings(text: str, around: Around) -> Iterator[str]:
    """The text, then shorter and shorter beginnings of it that might be sound."""
    yield text
    strays = balance(text, around.language).strays
    if strays:
        yield text[: strays[0]].rstrip()
    lines = text.split("\n")
    for count in range(len(lines) - 1, 0, -1):
        yield "\n".join(lines[:count]).rstrip()


def _adds_errors(text: str, around: Around, standing: int) -> bool:
    """Whether the document has more syntax errors with the text, both as it is and with what it leaves open completed:
    a block's head needs a body if none stands below."""
    ending = _completion(text, around)
    return _errors_with(text + ending, around) > standing and (not ending or _errors_with(text, around) > standing)


def _errors_with(text: str, around: Around) -> int:
    written = (around.chosen + text).replace("\n", around.snapshot.newline)
    changed = around.snapshot.edit([Change(around.start, around.end, written)], around.snapshot.version)
    return _errors(changed, around.start + len(written))


def _completion(text: str, around: Around) -> str:
    """What would end the constructs that the text leaves open: brackets, and the body of a Python block."""
    line = around.prefix_line + text
    rest = "" if "\n" in text else around.rest
    ending = balance(line + rest, around.language).closing if not rest.strip() else ""
    if around.language == "python" and not rest.strip() and opens_block(language("python"), line.rsplit("\n", 1)[-1]):
        return ending + " pass"
    return ending


def _errors(snapshot: Snapshot, offset: int) -> int:
    syntax = snapshot.syntax(offset)
    return syntax.errors(syntax.start, syntax.start + len(syntax.text)) if syntax else 0


def _indents(around: Around) -> bool:
    """Whether the cursor's line is blank and its indentation may be but begun: no deeper than the block's head above it
    or, while somebody types, than a line that leaves a bracket open, and less than that of any other."""
    above = around.line_above
    deeper = width(around.indent) - width(above)
    opens = around.kind == "block" or (balance(above, around.language).open and not around.final)
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
        text = re.sub(rf"^[ \t]*{re.escape(row.line_comment)}.*$", "", text, flags=re.MULTILINE)
    if row.block_comments:
        text = re.sub(r"^[ \t]*\{?/\*.*?(?:\*/\}?|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    return text


def _unbalanced(text: str, language: str) -> bool:
    left = balance(text, language)
    return bool(left.open or left.quote)


def _announces_another(below: str, around: Around) -> bool:
    """Whether the next written line announces a definition behind a blank line: one that stands above it may well begin
    alike, as `@Override` or `#[test]`."""
    return around.within_line and announces(below) and not around.suffix[0].strip()


def _names_another(below: str, begun: int, around: Around) -> bool:
    """Whether the next written line is a definition behind a blank line of which no more than `begun` characters are
    said, its name not among them: `pub fn` may well be said again there."""
    name = _NAME_TO_COME.match(below, begun)
    if name is None or _NAMED.search(below, 0, begun) or around.suffix[0].strip():
        return False
    return name[1] not in keywords(language(around.language))


def _same(line: str, other: str) -> bool:
    """Whether a line stands there already: it says the same, or is the same bracket at the same place. The values of a
    table may well repeat."""
    if not other:
        return False
    if says(line):
        return line.strip() == other.strip()
    return line.rstrip() == other.rstrip() and not any(map(str.isalnum, line))
