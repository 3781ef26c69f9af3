"""Is an exported model the model it was made from? Both answer the same forwards over real code.

A case is one forward that holds every kind of row: snippet, below, rest, prefix with its tail, middles and canvases,
laid out from the prompt's own streams by a rule written here anew, so that no bug is shared with who serves.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import Context, ControlIds
from engine.forward import HIDDEN, Forward, Output, Rows
from engine.tokenizer import RESERVED, Tokenizer
from infill import prompt
from infill.filler import Snippet
from training.batches import UNWARMED

SURE = 0.5
LOSS_MOST = 0.02
AGREE_LEAST = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A forward over no cache. clean: the rows (T,) that predict a token of real code; canvas: those of canvases."""

    rows: Rows
    clean: NDArray[np.bool_]
    canvas: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parity:
    """loss, exported_loss: nats a token of real code. agree: share of rows that keep their best token, of all, and
    of those whose full-precision probability is above SURE; slots: how many the latter are. canvas_agree: of canvas
    slots. The mean is over `tokens` tokens.
    """

    tokens: int
    loss: float
    exported_loss: float
    agree: float
    slots: int
    agree_sure: float
    canvas_agree: float

    @property
    def passed(self) -> bool:
        return self.exported_loss - self.loss <= LOSS_MOST and self.agree_sure >= AGREE_LEAST

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.4f} -> {self.exported_loss:.4f} nat over {self.tokens} tokens; the same token on "
            f"{self.agree:.2%} of rows, on {self.agree_sure:.2%} of the {self.slots} above {SURE}, on "
            f"{self.canvas_agree:.2%} of canvas slots"
        )


def compare(reference: Forward, exported: Forward, cases: Sequence[Case]) -> Parity:
    """Run every case through both."""
    pairs = [(_answer(reference, case), _answer(exported, case)) for case in cases]
    clean = np.concatenate([case.clean for case in cases])
    canvas = np.concatenate([case.canvas for case in cases])
    losses = [-np.concatenate([pair[k].target_logprobs[:, 0] for pair in pairs])[clean].mean() for k in (0, 1)]
    same = np.concatenate([one.top_ids[:, 0] == two.top_ids[:, 0] for one, two in pairs])
    sure = np.concatenate([one.top_probs[:, 0] > SURE for one, _ in pairs])
    return Parity(
        tokens=int(clean.sum()),
        loss=float(losses[0]),
        exported_loss=float(losses[1]),
        agree=float(same.mean()),
        slots=int(sure.sum()),
        agree_sure=float(same[sure].mean()),
        canvas_agree=float(same[canvas].mean()),
    )


def _answer(forward: Forward, case: Case) -> Output:
    return forward(case.rows, forward.new_kv(0))


def code_cases(tokenizer: Tokenizer, control: ControlIds, count: int) -> Iterator[Case]:
    """Holes in the modules of Python's own library, 470 rows or so each."""
    rng = np.random.default_rng(0)
    files = [path for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")) if path.stat().st_size > 8000]
    for k in rng.choice(len(files), (count, 2), replace=False):
        path, other = files[k[0]], files[k[1]]
        text = path.read_text(encoding="utf-8")
        at = int(rng.integers(2000, len(text) - 3000))
        end = at + int(rng.integers(1, 80))
        snippet = Snippet(f"lib/{other.name}", other.read_text(encoding="utf-8")[4000:4300])
        built = prompt.build(
            tokenizer, control, text[at - 900 : at], text[end : end + 300], f"lib/{path.name}", [snippet]
        )
        middle = tokenizer.encode(text[at:end])
        yield lay_out(built.context, control, [(middle, _draft(middle, control, rng))])


def _draft(middle: Sequence[int], control: ControlIds, rng: np.random.Generator) -> list[int]:
    """A canvas of 16: the middle with every other token masked or so, then EOM, none of it committed."""
    full = ([*middle, *[control.eom] * 16])[:16]
    return [control.mask if rng.random() < 0.6 else token for token in full]


def lay_out(
    context: Context, control: ControlIds, drafts: Sequence[tuple[Sequence[int], Sequence[int]]], canvas_after: int = 0
) -> Case:
    """One forward over every stream and, for each draft, a middle and a canvas behind its first `canvas_after` tokens.

    Streams and middles predict their own next token and canvas slots nothing known, so theirs is the padding 0.
    """
    ids: list[int] = []
    positions: list[int] = []
    canvas: list[bool] = []
    nexts: list[int] = []
    clean: list[bool] = []
    seen: list[list[int]] = []

    def add(tokens: Sequence[int], start: int, sees: Sequence[int], *, slots: bool = False) -> range:
        first = len(ids)
        for i, token in enumerate(tokens):
            known = not slots and i + 1 < len(tokens)
            ids.append(token)
            positions.append(start + i)
            canvas.append(slots)
            nexts.append(tokens[i + 1] if known else 0)
            clean.append(known and (i >= UNWARMED or tokens[0] == control.middle) and tokens[i + 1] >= RESERVED)
            seen.append([*sees, *range(first, first + (len(tokens) if slots else i + 1))])
        return range(first, len(ids))

    groups: list[range] = []
    for stream in context.streams:
        groups.append(add(stream.ids, stream.start, [row for i in stream.sees for row in groups[i]]))
    streams = [row for group in groups for row in group]
    for middle, slots in drafts:
        rows = add([control.middle, *middle], context.middle, streams)
        start = context.middle + 1 + canvas_after
        add(slots, start, [*streams, *rows[: 1 + canvas_after]], slots=True)
    bias = np.full((len(ids), len(ids)), HIDDEN)
    for row, columns in enumerate(seen):
        bias[row, columns] = 0
    rows_of = Rows(
        np.array(ids), np.array(positions), np.array(canvas), bias, np.arange(len(ids)), np.array(nexts)[:, None]
    )
    return Case(rows_of, np.array(clean), np.array(canvas))
