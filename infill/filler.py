"""The seam of `infill`: prefix, suffix, snippets, draft or none -> text, score or none.

A filler may run the engine in this process (`LocalFiller`), ask a serving engine (`RemoteFiller`), or do the one when
the other fails (`FallbackFiller`): token ids and logits stay on the filler's side of this line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Protocol

TOKENS_MOST = 1024
"""Tokens that a caller may ask for: the embedded model has positions for twice as many behind a full prefix."""


TOKENS_PER_LINE = 24
"""Tokens that a line is given where lines are counted."""
CHARS_PER_TOKEN = 3
"""What a token of code holds at least, on average: enough to plan without a tokenizer."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file. path: forward slashes, the last two parts. score: the higher, the more relevant."""

    path: str
    text: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """canvas: slots to start with. tokens: the middle's most tokens. lines: its most lines.

    deadline: seconds from the call until the best text so far must be returned, or None. exact: the middle has `tokens`
    tokens, neither fewer nor more (oracle length, for measuring).
    """

    canvas: int = 16
    tokens: int = 64
    lines: int = 1
    deadline: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class FillRequest:
    """Text on both sides of a hole, LF line endings.

    remark: comments that are read as if they stood above the cursor's line; a remote does without.
    draft: text that stands in the hole now (repair), or None (complete). suspects: ranges of the draft (code points)
    that are thought wrong.
    alternatives: how many distinct texts are wanted at most. least: probability that a text, or its beginning, must
    have to be of use; a filler need not write on what has less. urgent: typing overtakes everything else.
    """

    prefix: str
    suffix: str
    path: str
    language: str
    snippets: tuple[Snippet, ...] = ()
    remark: str = ""
    draft: str | None = None
    suspects: tuple[tuple[int, int], ...] = ()
    limits: Limits = Limits()
    mode: str = "speedy"
    alternatives: int = 1
    least: float = 0.0
    urgent: bool = True
    on_step: Callable[[Step], None] | None = None

    @property
    def begun(self) -> str:
        """What stands left of the hole on its line."""
        return self.prefix[self.prefix.rfind("\n") + 1 :]

    @property
    def rest(self) -> str:
        """What stands right of the hole on its line, without white space around it. Asked for every beam of a search,
        so nothing of the rest of the file is copied."""
        end = self.suffix.find("\n")
        return self.suffix[: end if end >= 0 else None].strip()

    @property
    def hurried(self) -> bool:
        """Whether a sure text needs no comparison: for somebody who types, but not before the rest of a line, where it
        may be a bracket too long or too short."""
        return self.alternatives == 1 and self.mode in ("speedy", "auto") and not self.rest


def within(request: FillRequest, began: float, share: float = 1.0) -> FillRequest:
    """The same with what is left of its time, or of a share of it (`began`: monotonic seconds)."""
    deadline = request.limits.deadline
    if deadline is None:
        return request
    left = max(0.0, share * deadline - (time.monotonic() - began))
    return replace(request, limits=replace(request.limits, deadline=left))


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a canvas as text, for traces: state is one of mask, draft, frozen, filled, edited, inserted."""

    text: str
    state: str
    prob: float


@dataclass(frozen=True, slots=True)
class Step:
    """One forward of the decoding loop. kind: prefill, denoise or token; or remembered, a token's without a forward.
    ms: milliseconds since the job began. candidate: whose slots they are; a token step shows the likeliest text so far.
    """

    kind: str
    ms: float
    slots: tuple[Slot, ...] = ()
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class Filled:
    """One text for the hole.

    score: by which texts for one hole compare (`Filler.score`; of weights whose canvas is untrained with a part of what
    the text itself got with both sides seen), or None when it was not computed.
    confidence: calibrated probability that the text is right, 0 when it was cut short, or None on a model without
    calibration.
    finished: False when the deadline or a limit cut it short.
    follows: the part of the score that is of the lines after the hole, or None when they were not looked at.
    goes_on: it ends because no more lines were wanted: after it the model began another.
    beginnings: (code points, probability that what is missing begins with so many of the text's), ascending, the whole
    text's last; none where the text was not written left to right.
    within_line: its last line is but the beginning of what the model wrote there, or of what it announces
    (`infill/beginning.py`).
    """

    text: str
    score: float | None
    confidence: float | None
    finished: bool
    follows: float | None = None
    goes_on: bool = False
    beginnings: tuple[tuple[int, float], ...] = ()
    within_line: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """total: the log-probability of the text and of what was read after it, its end or the next lines, if anything;
    pieces: (token's text, its log-probability)."""

    total: float
    pieces: tuple[tuple[str, float], ...] = ()

    def without(self, end: str) -> float:
        """The log-probability of the pieces that begin before `end`, the last characters of them all."""
        left = sum(len(text) for text, _ in self.pieces) - len(end)
        begun = accumulate((len(text) for text, _ in self.pieces), initial=0)
        return sum(logp for (_, logp), at in zip(self.pieces, begun, strict=False) if at < left)


@dataclass(frozen=True, slots=True)
class FillReport:
    """What a request cost. tokens: of the texts that were asked for, best first, as the model wrote them; forwards:
    denoising (or causal) forwards, none that a remote made nor any that only scores a text; context_tokens: encoded for
    this request, of the prompt_tokens that were read; ms: wall time until the answer, its scores included; by: who
    answered, in words, where there is more than one filler."""

    tokens: int = 0
    forwards: int = 0
    context_forwards: int = 0
    context_tokens: int = 0
    prompt_tokens: int = 0
    ms: float = 0.0
    mode: str = ""
    note: str = ""
    by: str = ""

    @property
    def asked(self) -> bool:
        """Whether a model was asked at all."""
        return bool(self.forwards or self.by)

    def __add__(self, other: FillReport) -> FillReport:
        """The cost of two requests one after the other; mode, note and filler of the first that has them."""
        sums = (self.tokens + other.tokens, self.forwards + other.forwards)
        context = (self.context_forwards + other.context_forwards, self.context_tokens + other.context_tokens)
        prompt = self.prompt_tokens + other.prompt_tokens
        words = (self.mode or other.mode, self.note or other.note, self.by or other.by)
        return FillReport(*sums, *context, prompt, self.ms + other.ms, *words)


@dataclass(frozen=True, slots=True)
class FillResult:
    """Distinct texts, best first, and what they cost. cut: nothing of the best could stand, because a limit cut it
    short."""

    texts: tuple[Filled, ...]
    report: FillReport = field(default_factory=FillReport)
    cut: bool = False


def distinct(texts: Iterable[Filled]) -> tuple[Filled, ...]:
    """Each text once, as it came first."""
    found: dict[str, Filled] = {}
    for one in texts:
        found.setdefault(one.text, one)
    return tuple(found.values())


class FillError(Exception):
    """Why a filler gave no answer, in one sentence that holds none of the user's text.

    again: seconds after which the same request may be sent once more without harm, or None. rest: seconds for which the
    filler asked to be left alone. unfit: it is this request that cannot be answered; others can.
    """

    def __init__(self, sentence: str, *, again: float | None = None, rest: float = 0.0, unfit: bool = False) -> None:
        super().__init__(sentence)
        self.again, self.rest, self.unfit = again, rest, unfit


class Filler(Protocol):
    """Fills holes. Cancelling the awaiting task stops the work within one step."""

    async def fill(self, request: FillRequest) -> FillResult:
        """Texts for the hole, best first; none when the model has nothing to say. Raises FillError when it cannot."""

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        """The score of each text in this hole, left to right: of the text and its end with both sides seen, or, of
        weights whose canvas is untrained, of the text and the three lines below it with the suffix hidden. Raises
        FillError when this filler has none, or none for a text as long as one of these."""

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        """Prepare for this request when nothing else is to be done; may do nothing. answer: look for its answer, too,
        so that it comes sooner."""

    def rest(self) -> None:
        """Do no more of what nobody waits for."""

    def close(self) -> None:
        """Stop the worker; waiting requests are cancelled."""
