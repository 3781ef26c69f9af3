"""The prompt format, version 1: text on both sides of a hole <-> token streams. Training imports this module.

How the two sides reach a model stands in its `config.json` (`prompt`). The embedded model reads `streams`:

 snippet   [FILE] path \\n text                    positions from 0, at most 512 tokens together
 below     [SUF] whole lines after the cursor's    positions from 512, at most 192
 rest      [SUF] rest of the cursor's line         positions from 704, at most 32; sees below
 prefix    [PRE] path \\n text                     positions from 768, at most 768 and the tail
 middle    [MID] ...                               positions after the prefix

Large models read plain text, in one of three forms (`Form`):

 in-place       other files, prefix | middle | suffix           where attention sees both sides
 suffix-first   other files, suffix, prefix | middle            where it does not
 chat           the same as a request; the answer begins with the prefix's last lines

All text is LF. The prefix is tokenized in two parts, up to the last safe boundary and from there to the cursor (the
tail), because only there tokenizing the parts and the whole agree; a keystroke then changes the tail alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from engine import Context, ControlIds, Stream
from engine.released.config import CONTEXT_LEAST, ReleasedConfig
from infill.filler import CHARS_PER_TOKEN, Snippet
from infill.lines import indent

if TYPE_CHECKING:
    from engine.checkpoint import ModelConfig
    from engine.tokenizer import Tokenizer

SNIPPETS_AT, BELOW_AT, REST_AT, PREFIX_AT = 0, 512, 704, 768
SNIPPETS_MOST, BELOW_MOST, REST_MOST, PREFIX_MOST, TAIL_MOST = 512, 192, 32, 768, 384
NEARBY = 256
"""Prefix tokens of the small context that a cold file is first answered from."""
HOP = 1024
"""Characters by which the prefix window moves: large, so that typing rarely re-encodes it."""
AHEAD = 64
"""Tokens before the prefix window moves at which what it will show then may be encoded."""
LONGEST_RUN = 256
"""Characters without a safe boundary (minified code, base64) that the tail holds before it is cut all the same."""
LONGEST_PATH = 128
LONGEST_TOKEN = 8
"""More characters than this a token are never looked at: a bound on what is tokenized, not on what is kept."""

_LAST_WORD = re.compile(r"(?:(?:[^\S\n]*\n){1,3}|[ ]?(?:[^\W\d_]{1,24}|\d|(?:[^\w\s]|_){1,24})|\s)\Z")
"""What byte-level BPE takes as one word at the end of a text before it looks for tokens; a digit is one by itself. Of
many line ends the last three are enough: two blank lines, as before a function."""
HEALED_MOST = 4
"""Tokens that are written again at most. A word of other letters than English ones has many, and its ways to be written
again are more than anybody can look at."""
PLAIN_PREFIX_MOST, PLAIN_SUFFIX_MOST, PLAIN_SNIPPETS_MOST = 1536, 384, 512
"""Tokens of the plain forms: some 2,400 together with what stands around them."""
PLAIN_NEARBY_SUFFIX = 64
"""Suffix tokens of their small context."""


@dataclass(frozen=True, slots=True)
class Form:
    """How prefix and suffix reach a model. name: streams, in-place, suffix-first or chat.

    user, assistant: token ids that open the request and the answer in the model's chat form. begin, end: ids before and
    behind all text that is filled in place. share: how much of the usual plain text is read.
    """

    name: str = "streams"
    user: tuple[int, ...] = ()
    assistant: tuple[int, ...] = ()
    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    share: float = 1.0

    @classmethod
    def of(cls, config: ModelConfig, tokenizer: Tokenizer) -> Form:
        """The form that a checkpoint's weights read."""
        if not isinstance(config, ReleasedConfig):
            return cls(config.prompt)
        user, assistant, begin, end = (tuple(tokenizer.marked(part)) for part in (*config.chat, *config.around))
        share = min(1.0, (config.taught or CONTEXT_LEAST) / CONTEXT_LEAST)
        return cls(config.prompt, user, assistant, begin, end, share)


STREAMS = Form()


class Tokens(Protocol):
    """What the prompt needs of a tokenizer: text never becomes a control token, and comes back byte for byte."""

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Sequence[int]) -> str: ...


class TextTokens(Tokens, Protocol):
    """What is needed to steer and to read what is written: what may follow while a text is written again; each token by
    itself, readable; how many lines each one ends.

    joins_line_ends: whether a line end and the punctuation before it can be one token.
    """

    joins_line_ends: bool

    @property
    def newlines(self) -> NDArray[np.int64]: ...

    def healing(self, text: str, ids: Sequence[int]) -> NDArray[np.int64] | None: ...

    def pieces(self, ids: Sequence[int]) -> list[str]: ...


class ByLine:
    """A tokenizer that remembers lines: after a keystroke or a jump, only lines not seen lately are tokenized.

    Tokenizers split text before they look for tokens. GPT-2's kind, ours, does so before a line end that follows a
    non-space character; the newer kind joins a line end to the punctuation before it and splits after it, where no
    further line end comes. So the lines' tokens are the text's.
    """

    BEFORE_LINE_END = re.compile(r"(?<=\S)(?=\s*\n)")
    AT_LINE_START = re.compile(r"(?<=\n)(?!\s*\n)")

    def __init__(self, tokens: Tokens, lines: int = 4096, *, joins_line_ends: bool = False) -> None:
        self._line = lru_cache(lines)(lambda line: tuple(tokens.encode(line)))
        self._border = self.AT_LINE_START if joins_line_ends else self.BEFORE_LINE_END
        self.decode = tokens.decode

    def encode(self, text: str) -> list[int]:
        return [token for line in self._border.split(text) for token in self._line(line)]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The streams of one hole. nearby: the same from the nearest tokens only, for a file not yet encoded. healed: the
    end of the prefix that the middle has to write again."""

    context: Context
    nearby: Context
    healed: str = ""


def build(
    tokens: Tokens,
    control: ControlIds,
    prefix: str,
    suffix: str,
    path: str,
    snippets: Sequence[Snippet] = (),
    *,
    remark: str = "",
    heal: bool = False,
    form: Form = STREAMS,
) -> Prompt:
    """The streams around the hole between `prefix` and `suffix` (LF line endings), in the form that a model reads.

    remark: lines that are read as if they stood above the cursor's; plain forms do without.
    heal: for weights whose canvas is untrained: the prefix's last word is taken back and the middle writes it again
    (token healing), and the token before it opens the middle. The others were taught to start inside a token.
    """
    if form.name != "streams":
        return Prompt(
            plain(tokens, form, prefix, suffix, path, snippets, (PLAIN_PREFIX_MOST, PLAIN_SUFFIX_MOST)),
            plain(tokens, form, prefix, suffix, path, (), (NEARBY, PLAIN_NEARBY_SUFFIX)),
        )
    body, tail, again = _parted(tokens, prefix, remark)
    healed = _last_tokens(tokens, last_word(tail)) if heal else ""
    end = tokens.encode(tail.removesuffix(healed))[-TAIL_MOST:]
    sides = [*snippet_streams(tokens, control, snippets), *suffix_streams(tokens, control, suffix)]
    head = _head(tokens, control, path)
    far = [*head, *window(tokens, body, PREFIX_MOST - len(head))[: -again or None], *end]
    near = [*head, *window(tokens, body, NEARBY, HOP // 3)[: -again or None], *end]
    return Prompt(
        _context(sides, far, opens=heal),
        _context([stream for stream in sides if stream.name != "snippet"], near, opens=heal),
        healed,
    )


def ahead(tokens: Tokens, control: ControlIds, prefix: str, path: str, *, form: Form = STREAMS) -> Context | None:
    """The prefix as it will be seen after a few more lines, None where its window will begin as it does now."""
    if form.name != "streams":
        return None
    body, head = prefix[: safe_boundary(prefix)], _head(tokens, control, path)
    room = PREFIX_MOST - len(head)
    seen, soon = window(tokens, body, room), window(tokens, _whole_lines(body), room, ahead=AHEAD)
    return None if seen[: len(soon)] == soon else _context((), [*head, *soon], opens=False)


def plain(
    tokens: Tokens,
    form: Form,
    prefix: str,
    suffix: str,
    path: str,
    snippets: Sequence[Snippet],
    most: tuple[int, int],
) -> Context:
    """The context of a model that reads plain text. most: tokens of the prefix and of the suffix; less where the form
    has no room for them.

    The prefix stands last, so that a keystroke changes the end of the text alone; its window moves in hops.
    """
    file, whole = short_path(path), (PLAIN_PREFIX_MOST, PLAIN_SUFFIX_MOST)
    prefix_most, suffix_most = (min(one, int(form.share * all_)) for one, all_ in zip(most, whole, strict=True))
    before = window(tokens, prefix, prefix_most, min(HOP, prefix_most))
    after = tokens.encode(suffix[: suffix_most * LONGEST_TOKEN])[:suffix_most]
    others = _plain_snippets(tokens, snippets, int(form.share * PLAIN_SNIPPETS_MOST))
    name = tokens.encode(f"{file}:\n")
    match form.name:
        case "in-place":
            left, right = (*form.begin, *others, *name, *before), (*after, *form.end)
            return Context((Stream("left", left, 0), Stream("right", right, len(left))), len(left))
        case "suffix-first":
            end = tokens.encode(f"The end of {file}:\n") if after else []
            ids = (*others, *end, *after, *tokens.encode("\n\n"), *name, *before)
        case "chat":
            asked = tokens.encode(f"Continue {file} exactly where it stops; write code and nothing else.")
            end = tokens.encode(" What you write is followed by:\n\n") if after else []
            ids = (*form.user, *others, *asked, *end, *after, *form.assistant, *before)
        case _:
            raise ValueError(f"no prompt form is called {form.name!r}")
    return Context((Stream("prompt", ids, 0),), len(ids))


def _plain_snippets(tokens: Tokens, snippets: Sequence[Snippet], most: int) -> list[int]:
    """Pieces of other files under their names; the last one that fits in part is cut."""
    ids = list[int]()
    for snippet in snippets:
        room = most - len(ids)
        text = f"{short_path(snippet.path)}:\n{snippet.text}"[: room * LONGEST_TOKEN].rstrip("\n") + "\n\n"
        ids += tokens.encode(text)[:room]
    return ids


def read(tokens: Tokens, ids: Sequence[int], healed: str) -> str:
    """The text of a middle, without what it had to write again."""
    text = tokens.decode(ids)
    return text[len(healed) :] if text.startswith(healed) else ""


def safe_boundary(text: str) -> int:
    """The last place before a whitespace run that follows a non-space character, 0 when there is none.

    Byte-level BPE splits there first, so tokenizing the two parts equals tokenizing the whole. (A line start is not
    such a place: a line end merges with the indentation after it.) Only the last LONGEST_RUN characters or up to twice
    as many are looked at; without a boundary among them, the place where they start.
    """
    floor = max(0, len(text) // LONGEST_RUN - 1) * LONGEST_RUN
    word = len(text)
    while word > floor and not text[word - 1].isspace():
        word -= 1
    return floor + len(text[floor:word].rstrip())


def _parted(tokens: Tokens, prefix: str, remark: str) -> tuple[str, str, int]:
    """What comes before the tail, the tail, at a safe boundary, and how many of the former's last tokens are the
    tail's. With a remark that is all of the cursor's line: the window of what stands above begins as without one. On a
    line that leaves it no room there is none."""
    boundary, line = safe_boundary(prefix), prefix.rfind("\n") + 1
    body, tail = prefix[:boundary], prefix[boundary:]
    if remark:
        start, depth = safe_boundary(prefix[:line]), indent(prefix[line:])
        above = "".join(f"{depth}{one}\n" for one in remark.split("\n"))
        whole = prefix[start:line] + above + prefix[line:]
        if len(tokens.encode(whole)) <= TAIL_MOST:
            return body, whole, len(tokens.encode(body[start:]))
    return body, tail, 0


def window(tokens: Tokens, body: str, room: int, hop: int = HOP, ahead: int = 0) -> list[int]:
    """The tokens of the end of `body`, at most `room`; with `ahead`, from where they will begin when there are so many
    more.

    The window's start moves in hops (of `hop` characters, of less in text of many tokens a character) and stands at a
    line start where there is one.
    """
    size = len(body) + ahead * CHARS_PER_TOKEN
    start = max(0, -(-(size - 3 * hop) // hop) * hop)
    while True:
        line = body.find("\n", start, start + hop) + 1 if start else 0
        ids = tokens.encode(body[line or start :])
        if len(ids) + ahead <= room:
            return ids
        while size - start < 3 * hop:
            hop //= 2
        start += hop - start % hop


def _whole_lines(body: str) -> str:
    """A text up to the end of its last line but one, where tokenizing may stop."""
    return body[: body.rfind("\n") + 1].rstrip()


def suffix_streams(tokens: Tokens, control: ControlIds, suffix: str) -> list[Stream]:
    """`below` and `rest`; a hole at the very end of a text has neither."""
    end = suffix.find("\n") + 1 or len(suffix)
    rest, below = suffix[:end], suffix[end : end + BELOW_MOST * LONGEST_TOKEN]
    streams = []
    if below:
        ids = (control.suffix, *tokens.encode(below))[:BELOW_MOST]
        streams.append(Stream("below", ids, BELOW_AT))
    if rest:
        ids = (control.suffix, *tokens.encode(rest[: REST_MOST * LONGEST_TOKEN]))[:REST_MOST]
        streams.append(Stream("rest", ids, REST_AT, sees=(0,) if below else ()))
    return streams


def snippet_streams(tokens: Tokens, control: ControlIds, snippets: Sequence[Snippet]) -> list[Stream]:
    """One stream a snippet, each from position 0; the last one that fits in part is cut."""
    streams, room = [], SNIPPETS_MOST
    for snippet in snippets:
        text = f"{short_path(snippet.path)}\n{snippet.text}"[: room * LONGEST_TOKEN]
        ids = (control.file, *tokens.encode(text))[:room]
        if len(ids) > 1:
            streams.append(Stream("snippet", ids, SNIPPETS_AT))
        room -= len(ids)
    return streams


def _head(tokens: Tokens, control: ControlIds, path: str) -> list[int]:
    """What the prefix stream begins with."""
    return [control.prefix, *tokens.encode(short_path(path) + "\n")]


def last_word(tail: str) -> str:
    """The end of a text that what follows may share tokens with (`retu` is two tokens and `return` one; two line ends
    are one, and the second of them begins a line). Of blanks it is the last one alone, which is of the word that
    follows (of eight, seven are a token, and the eighth begins ` return`)."""
    found = _LAST_WORD.search(tail)
    return found.group() if found else ""


def _last_tokens(tokens: Tokens, word: str) -> str:
    """What HEALED_MOST tokens at the end of a word stand for, and the whole of a character that they begin within."""
    ids = tokens.encode(word)
    return word[len(tokens.decode(ids[:-HEALED_MOST])) :]


def short_path(path: str) -> str:
    """The last two parts, forward slashes; of a very long name, its end."""
    return "/".join(path.replace("\\", "/").rstrip("/").split("/")[-2:])[-LONGEST_PATH:]


def _context(sides: Sequence[Stream], prefix: Sequence[int], *, opens: bool) -> Context:
    """opens: the prefix's last token opens the middle instead of [MID], which such weights have never seen."""
    offset = sum(stream.name == "snippet" for stream in sides)
    shifted = [
        Stream(stream.name, stream.ids, stream.start, tuple(i + offset for i in stream.sees)) for stream in sides
    ]
    ids, opening = (prefix[:-1], prefix[-1]) if opens else (prefix, None)
    return Context((*shifted, Stream("prefix", tuple(ids), PREFIX_AT)), PREFIX_AT + len(ids), opening)
