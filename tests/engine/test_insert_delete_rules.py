"""INSERT and DELETE against SGLang's published rule for LLaDA2.2 (`JointThresholdInDel`), written down here anew: all
answers of a step are written, then DELETE drops its place, INSERT becomes [MASK, the token that stood there], and the
block is filled up with MASK or cut to its size.

Ours is the same but for what the cases leave out: once a canvas holds an end, EOM and not MASK follows a DELETE; an
INSERT that would push a token off the canvas is refused, theirs loses the token; a mask may not answer INSERT where it
is the only one that qualifies (a step must resolve one). And where one step does both, ours moves slots one by one, so
that a mask which is pushed off the end and padded anew counts as a new one; the tokens are the same.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from engine import Canvas, Mode, Prediction
from engine.refine import refine
from tests.fakes import CONTROL, MASK, RULES, SIZE

BLOCK = 8
MODE = Mode("theirs", fill_threshold=0.5, edit_threshold=0.3)


def theirs(ids: list[int], original: list[bool], said: list[int], probs: list[float]) -> tuple[list[int], list[bool]]:
    """The block after one step, and which of its masks are original ones."""
    written = list(ids)
    for slot, (token, p) in enumerate(zip(said, probs, strict=True)):
        if p > (MODE.fill_threshold if ids[slot] == MASK else 0.3) and token != ids[slot]:
            written[slot] = token
    tokens: list[int] = []
    kept: list[bool] = []
    for slot, token in enumerate(written):
        if token == CONTROL.insert:
            tokens += [MASK, ids[slot]]
            kept += [False, original[slot]]
        elif token != CONTROL.delete:
            tokens.append(token)
            kept.append(original[slot])
    tokens += [MASK] * BLOCK
    kept += [False] * BLOCK
    return tokens[:BLOCK], [one and token == MASK for one, token in zip(kept[:BLOCK], tokens[:BLOCK], strict=True)]


def test_one_step_of_inserting_and_deleting_is_the_published_one() -> None:
    happened: Counter[str] = Counter()
    for seed in range(600):
        dice = np.random.default_rng(seed)
        ids = np.where(dice.random(BLOCK) < 0.3, MASK, dice.integers(18, SIZE, BLOCK))
        ids[-2:] = MASK  # room for INSERT
        canvas = Canvas.of(ids.tolist())
        said = dice.integers(18, SIZE, BLOCK)
        moves = dice.random(BLOCK)
        said = np.where(moves < 0.2, CONTROL.delete, np.where((moves > 0.85) & (ids != MASK), CONTROL.insert, said))
        said[-2:] = dice.integers(18, SIZE, 2)
        probs = dice.random(BLOCK)
        probs[-2:] = [0.0, 0.1]
        sure = (ids == MASK) & (probs > MODE.fill_threshold)
        inserts = int(((said == CONTROL.insert) & (probs > 0.3)).sum())
        if not sure.any() or inserts > 2:
            continue
        prediction = Prediction(said[:, None].astype(np.int64), probs[:, None].astype(np.float32))
        after, changes = refine(canvas, prediction, MODE, RULES)
        tokens, original = theirs(ids.tolist(), (ids == MASK).tolist(), said.tolist(), probs.tolist())
        assert after.ids.tolist() == tokens, seed
        both = {"inserted", "deleted"} <= {change.kind for change in changes}
        assert both or ((after.ids == MASK) & ~after.new).tolist() == original, seed
        happened += Counter(change.kind for change in changes)
        happened["both"] += both
    assert min(happened[kind] for kind in ("inserted", "deleted", "filled", "edited", "both")) > 20, happened
