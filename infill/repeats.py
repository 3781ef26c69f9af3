"""Steps of trimming that leave out what stands there already, before or after the hole, and what a text says twice.

What may well be said again: the values of a row, and the beginning of another definition.
"""

from __future__ import annotations

import re

from infill.around import Around
from infill.brackets import balance
from infill.languages import keywords, language
from infill.lines import SAYING, announces, opens_block, says, stands_below, width

# The values of a list may be alike, a few of them.
_STUTTERS = (
    re.compile(r"((?=\S{0,30}\w\w)[^,\n]{2,40}?)\1{3,}"),
    re.compile(r"((?=\S{0,30}\w\w)[^\n]{2,40}?)\1{6,}"),
)
_LONG_RUN = 40
"""Characters of a run from which on it need not be one of words."""
_WORD = re.compile(r"\w+")
_WITHIN_WORD = re.compile(r"\w\w")
_NAMED = re.compile(r"=|\w[(<]")
"""What stands behind a name in a definition; a receiver in Go stands before it."""
_NAME_TO_COME = re.compile(r"(?:[ \t*&)]+([^\W\d]\w*))+[ \t]*[(<{\[:=;]")
_CLOSES = re.compile(r"\s*([)\]]+)")
_OPENS_TOO = re.compile(r"\s*[\"'`~-]+\s*")
"""A line of marks that open as well as close: of a long text, of code among words, of a document."""
_KEY = re.compile(r"""\s*(["']?)[\w.-]+\1\??:(?!\S)""")
"""What a line of a mapping, a structure or a list of fields begins with, none of which has two of a name."""


def not_the_prefix_again(text: str, around: Around) -> str | None:
    """No repetition of the line's beginning; numbers of a row may well repeat, so do the marks of a ruler and the
    letters of another word, as in `double doubleValue`."""
    written, said = around.prefix_line.strip(), text.lstrip()
    if len(written) <= SAYING or not said.startswith(written) or not any(map(str.isalpha, written)):
        return text
    another = said != text and _WITHIN_WORD.match(said, len(written) - 1)
    return text if another else said[len(written) :]


def up_to_the_suffix(text: str, around: Around) -> str | None:
    """Ends before the line that comes next in the document; what stands deeper in a block may say the same, and so may
    what announces another definition. Marks that open as well as close open something new behind a blank line."""
    below = around.line_below
    if _OPENS_TOO.fullmatch(below) and not around.suffix[0].strip():
        return text
    lines = text.split("\n")
    whole = [around.prefix_line + lines[0], *lines[1:]]
    whole[-1] += around.rest
    for n, line in enumerate(whole):
        kept = "\n".join(lines[:n])
        if stands_below(line, below) or _closes_again(kept, line, around):
            return text if not n and _announces_another(below, around) else kept or None
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
        if again and any(stands_below(line, other) for line, other in pairs):
            kept = [n for n, line in enumerate(whole) if line.strip()][: len(said) - count]
            return not_the_suffix_again("\n".join(lines[: kept[-1] + 1]), around) if kept else None
    return text


def not_the_next_line(text: str, around: Around) -> str | None:
    """Nothing where half a line, of two words and more, is how the next one begins, nor where a line has its key; two
    definitions may begin alike, and so do the lines of a row, as imports, of which the one above is another."""
    above, begun = (around.line_above, *(around.prefix_line + text).split("\n"))[-2:]
    begun, below = begun.rstrip(), around.line_below
    again = around.within_line and below.startswith(begun) and len(_WORD.findall(begun)) > 1
    own = "\n" not in text and _KEY.match(around.prefix_line)  # a key that somebody wrote twice is theirs
    keyed = not own and _KEY.match(below) and _stem(begun) == _stem(below)
    another = _announces_another(below, around) or _names_another(below, len(begun), around)
    return None if (again or keyed) and not another and not above.startswith(begun) else text


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
        for period in range(1, 5):
            said = whole[n : n + period]
            if says("".join(said)) and said == whole[n + period : n + 2 * period]:
                return "\n".join(lines[: n + period])
    return text


def _endless(run: re.Match[str]) -> bool:
    """Whether a model repeats itself for having lost the thread: to the end of the line, words or very long. Constants,
    colours and relative paths repeat characters, too."""
    after = run.string[run.end() :].partition("\n")[0]
    return len(after) < len(run[1]) and (len(set(filter(str.isalpha, run[1]))) >= SAYING or len(run[0]) > _LONG_RUN)


def _closes_again(text: str, line: str, around: Around) -> bool:
    """Whether a line that follows a text begins with the brackets that the next written line closes at the same place,
    where no more are open than are closed below: `) -> int:` above `)`."""
    closes, closed = _CLOSES.match(line), _CLOSES.match(around.line_below)
    alike = closes and closed and closes[1] == closed[1] and width(line) == width(around.line_below)
    if not alike:
        return False
    below = balance("\n".join(around.suffix), around.language)
    return len(around.brackets(text).open) <= len(below.strays)


def _stem(line: str) -> str:
    """A line up to the colon behind its key."""
    return line.partition(":")[0].rstrip("?")


def _announces_another(below: str, around: Around) -> bool:
    """Whether the next written line announces a definition behind a blank line: one that stands above it may well begin
    alike, as `@Override` or `#[test]`."""
    return around.within_line and announces(below) and not around.suffix[0].strip()


def _names_another(below: str, begun: int, around: Around) -> bool:
    """Whether the next written line is a definition of which no more than `begun` characters are said, its name not
    among them: `pub fn` may well be said again behind a blank line, and where somebody has begun to write it above
    one that has a body."""
    name, row = _NAME_TO_COME.match(below, begun), language(around.language)
    if name is None or _NAMED.search(below, 0, begun) or name[1] in keywords(row):
        return False
    return not around.suffix[0].strip() or (bool(around.prefix_line.strip()) and opens_block(row, below))
