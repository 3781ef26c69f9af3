"""Fill and edit against an independent implementation of LLaDA2.1's rules: `BlockRefinementScheduler` of diffusers."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import QUALITY, SPEEDY, Canvas, Mode, Prediction
from engine.refine import refine
from tests.fakes import CONTROL, MASK, RULES, SIZE

FILLING = Mode("filling", fill_threshold=0.6, edit_threshold=None, indel=False)
BLOCK = 8


@pytest.fixture(scope="module")
def scheduler() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("diffusers.schedulers.scheduling_block_refinement")
    made = module.BlockRefinementScheduler(block_length=BLOCK, num_inference_steps=BLOCK)
    made.set_timesteps(BLOCK)
    return made


def their_step(scheduler: Any, logits: Any, canvas: Canvas, mode: Mode) -> tuple[list[int], int, int]:
    """The block after one step, and how many of its slots were filled and edited."""
    import torch

    done = scheduler.step(
        logits[None],
        0,
        torch.from_numpy(canvas.ids)[None],
        mask_token_id=MASK,
        threshold=mode.fill_threshold,
        editing_threshold=mode.edit_threshold,
        prompt_mask=torch.from_numpy(canvas.frozen),
    )
    return done.prev_sample[0].tolist(), int(done.transfer_index.sum()), int(done.editing_transfer_index.sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode", [QUALITY, replace(SPEEDY, edit_threshold=0.3), FILLING], ids=["quality", "bold", "filling"]
)
def test_one_step_is_the_published_one(scheduler: Any, mode: Mode) -> None:
    """Theirs knows no control tokens but MASK, so the random model says none; 0 means "no editing" to them."""
    import torch

    torch.set_num_threads(1)
    happened: Counter[str] = Counter()
    for seed in range(200):
        dice = np.random.default_rng(seed)
        ids = np.where(dice.random(BLOCK) < dice.random(), MASK, dice.integers(18, SIZE, BLOCK))
        canvas = Canvas.of(ids.tolist(), np.flatnonzero((dice.random(BLOCK) < 0.2) & (ids != MASK)).tolist())
        logits = torch.from_numpy(dice.normal(size=(BLOCK, SIZE)) * dice.uniform(0.5, 4)).float()
        logits[:, list(CONTROL.never_text)] = -torch.inf
        best = logits.softmax(dim=-1).topk(8)
        after, _ = refine(canvas, Prediction(best.indices.numpy(), best.values.numpy()), mode, RULES)
        expected, filled, edited = their_step(scheduler, logits, canvas, mode)
        assert after.ids.tolist() == expected
        sure = bool(((best.values[:, 0].numpy() > mode.fill_threshold) & (ids == MASK)).any())
        happened["several filled"] += filled > 1
        happened["none sure enough"] += filled == 1 and not sure
        happened["edited"] += edited > 0
        happened["nothing to do"] += filled + edited == 0
    assert all(happened[what] >= 5 for what in ("several filled", "none sure enough", "nothing to do"))
    assert (happened["edited"] >= 5) == (mode.edit_threshold is not None)
