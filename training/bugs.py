"""Real kinds of bugs put into source text: what a programmer's own slip looks like, with the right text known.

Pure functions on text. Tokens are found by one regular expression for all languages: a bug needs no syntax tree, and
the result must not be valid anyway.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from infill.languages import language


@dataclass(frozen=True, slots=True)
class Bug:
    """Replace [start, end) of the right text by `text` and it is wrong; offsets in code points."""

    kind: str
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """The wrong text."""
        return source[: self.start] + self.text + source[self.end :]


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A token of code: kind is one of name, number, op; strings and comments yield none."""

    kind: str
    text: str
    start: int
    end: int


_LEXEMES = r"""
  (?P<comment>%s[^\n]*|/\*.*?\*/)
| (?P<string>\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
| (?P<name>[^\W\d]\w*)
| (?P<number>\d[\w.]*)
| (?P<op>[=!<>]==?|[<>]|&&|\|\||[-+*/%%]=?|[-=]>|::|[^\w\s])
"""
KEYWORDS = frozenset(
    """and as assert async await break case catch class const continue def default defer del do elif else enum except
    export extends False final finally fn for from func function global go if impl import in int interface is lambda let
    match mod mut new None nonlocal not null or package pass private public raise range return select self static struct
    super switch this throw trait True true false try type typeof use var void while with yield nil""".split()  # noqa: SIM905
)
COMPARISONS = {
    "==": ("!=",), "!=": ("==",), "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="),
    "===": ("!==",), "!==": ("===",), "&&": ("||",), "||": ("&&",), "and": ("or",), "or": ("and",),
    "True": ("False",), "False": ("True",), "true": ("false",), "false": ("true",), "+": ("-",), "-": ("+",),
    "is": ("is not", "=="), "in": ("not in",),
}  # fmt: skip
MARKS = frozenset(":()[]{},;")
DROPPED = ("self", "this", "await", "return", "not")
SCOPE = 4000
"""Characters before and behind a bug in which names are looked for."""


def lexemes(text: str, line_comment: str) -> list[Lexeme]:
    """Names, numbers and operators of a text in order."""
    pattern = _LEXEMES % re.escape(line_comment or "#")
    found = re.finditer(pattern, text, re.VERBOSE | re.DOTALL)
    return [Lexeme(m.lastgroup or "", m[0], *m.span()) for m in found if m.lastgroup in ("name", "number", "op")]


def draw(text: str, start: int, end: int, language_id: str, rng: np.random.Generator) -> Bug | None:
    """A bug inside [start, end) of a right text, its kind drawn evenly among those that are possible there; None where
    nothing can go wrong."""
    first = max(0, start - SCOPE)
    tokens = lexemes(text[first : end + SCOPE], language(language_id).line_comment)
    tokens = [Lexeme(t.kind, t.text, t.start + first, t.end + first) for t in tokens]
    order = list(KINDS)
    rng.shuffle(order)
    for kind in order:
        spots = [(a, b, new) for a, b, new in KINDS[kind](text, tokens, start, end) if start <= a and b <= end]
        if spots:
            a, b, new = spots[int(rng.integers(len(spots)))]
            return Bug(kind, a, b, new)
    return None


Spots = Iterator[tuple[int, int, str]]


def _wrong_variable(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """A name used in scope in place of another one."""
    plain = [(i, t) for i, t in enumerate(tokens) if _variable(tokens, i)]
    known = list(dict.fromkeys(t.text for _, t in plain if t.start < end))
    for _, t in plain:
        if start <= t.start < end:
            near = [name for name in known if name != t.text]
            yield from ((t.start, t.end, name) for name in near[-6:])


def _variable(tokens: Sequence[Lexeme], i: int) -> bool:
    """A name that is neither keyword nor attribute nor called."""
    t = tokens[i]
    before = tokens[i - 1].text if i else ""
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    return t.kind == "name" and t.text not in KEYWORDS and before != "." and after != "("


def _swapped_arguments(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """Two neighbouring arguments of a call."""
    for i, t in enumerate(tokens):
        if t.text == "(" and i and tokens[i - 1].kind == "name" and start <= t.start < end:
            parts = _arguments(text, tokens, i)
            for (a, b), (c, d) in itertools.pairwise(parts):
                if d <= end and text[a:b] != text[c:d] and "=" not in text[a:d]:
                    yield a, d, text[c:d] + text[b:c] + text[a:b]


def _arguments(text: str, tokens: Sequence[Lexeme], opening: int) -> list[tuple[int, int]]:
    """Ranges of the arguments of the call whose bracket stands at `opening`; none when it is not closed."""
    depth, begin, parts = 0, tokens[opening].end, []
    for t in tokens[opening:]:
        if t.kind == "op" and t.text in "([{":
            depth += 1
        elif t.kind == "op" and t.text in ")]}":
            depth -= 1
        if depth == 0 or (depth == 1 and t.text == ","):
            piece = text[begin : t.start]
            lead = len(piece) - len(piece.lstrip())
            if piece.strip():
                parts.append((begin + lead, begin + len(piece.rstrip())))
            begin = t.end
        if depth == 0:
            return parts
    return []


def _off_by_one(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """A small number one too high or low; `- 1` or `+ 1` forgotten."""
    for i, t in enumerate(tokens):
        if t.kind != "number" or not t.text.isdecimal() or len(t.text) > 4 or not start <= t.start < end:
            continue
        yield t.start, t.end, str(int(t.text) + 1)
        if int(t.text):
            yield t.start, t.end, str(int(t.text) - 1)
        if t.text == "1" and i > 1 and tokens[i - 1].text in "+-":
            yield tokens[i - 2].end, t.end, ""


def _wrong_operator(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    for t in tokens:
        if start <= t.start < end:
            yield from ((t.start, t.end, other) for other in COMPARISONS.get(t.text, ()))


def _punctuation(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """A colon, bracket, comma or semicolon missing, or there twice."""
    for t in tokens:
        if t.text in MARKS and start <= t.start < end:
            yield t.start, t.end, ""
            if t.text in ")]},":
                yield t.start, t.end, 2 * t.text


def _missing_word(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """`self.`, the parameter `self`, `await`, `return`, `not` forgotten."""
    for i, t in enumerate(tokens):
        if t.text in DROPPED and start <= t.start < end and i + 1 < len(tokens):
            follower = tokens[i + 1]
            if follower.text in (".", ","):
                stop = follower.end + (len(text[follower.end :]) > 0 and text[follower.end] == " ")
                yield t.start, stop, ""
            elif text[t.end : t.end + 1] == " ":
                yield t.start, t.end + 1, ""


def _extra_word(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """`self.` before a local name, `return` or `await` before an expression that needs none."""
    owned = any(t.text == "self" for t in tokens)
    for i, t in enumerate(tokens):
        if not start <= t.start < end or t.kind != "name" or t.text in KEYWORDS or (i and tokens[i - 1].text == "."):
            continue
        if owned and _variable(tokens, i):
            yield t.start, t.start, "self."
        opens_line = not text[text.rfind("\n", 0, t.start) + 1 : t.start].strip()
        if opens_line and i + 1 < len(tokens) and tokens[i + 1].text in ("(", "."):
            yield t.start, t.start, "return "
            yield t.start, t.start, "await "


def _misspelt(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """An attribute or called name with letters swapped, doubled or lost."""
    for i, t in enumerate(tokens):
        near = (i and tokens[i - 1].text == ".") or (i + 1 < len(tokens) and tokens[i + 1].text == "(")
        if near and t.kind == "name" and len(t.text) > 3 and t.text not in KEYWORDS and start <= t.start < end:
            for at in range(1, len(t.text) - 1):
                if t.text[at] != t.text[at + 1]:
                    yield t.start, t.end, t.text[:at] + t.text[at + 1] + t.text[at] + t.text[at + 2 :]
                yield t.start, t.end, t.text[:at] + t.text[at + 1 :]
                yield t.start, t.end, t.text[: at + 1] + t.text[at:]


def _indentation(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """A line one level too deep or too shallow."""
    for match in re.finditer(r"^([ \t]+)(?=\S)", text[start:end], re.MULTILINE):
        a, b = start + match.start(), start + match.end()
        unit = "\t" if match[1].startswith("\t") else "    "
        if (a == 0 or text[a - 1] == "\n") and len(match[1]) >= len(unit):
            yield a, b, match[1][len(unit) :]
            yield a, b, match[1] + unit


def _half_rename(text: str, tokens: Sequence[Lexeme], start: int, end: int) -> Spots:
    """One use of a name that is used elsewhere too still has an older, shorter or longer name."""
    uses: dict[str, int] = {}
    for i, t in enumerate(tokens):
        if _variable(tokens, i):
            uses[t.text] = uses.get(t.text, 0) + 1
    for i, t in enumerate(tokens):
        if start <= t.start < end and _variable(tokens, i) and uses[t.text] > 1:
            yield from ((t.start, t.end, old) for old in _older_names(t.text))


def _older_names(name: str) -> Iterator[str]:
    """What a name may have been called before."""
    words = name.strip("_").split("_")
    if len(words) > 1:
        yield "_".join(words[1:])
        yield "_".join(words[:-1])
    elif len(name) > 2:
        yield name[:-1] if name.endswith("s") else name + "s"
        yield name[0]
        yield f"new_{name}" if name.islower() else f"{name}_"


KINDS: dict[str, Callable[[str, Sequence[Lexeme], int, int], Spots]] = {
    "wrong variable": _wrong_variable,
    "swapped arguments": _swapped_arguments,
    "off by one": _off_by_one,
    "wrong operator": _wrong_operator,
    "punctuation": _punctuation,
    "missing word": _missing_word,
    "extra word": _extra_word,
    "misspelt name": _misspelt,
    "indentation": _indentation,
    "half rename": _half_rename,
}
