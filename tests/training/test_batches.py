"""Training computes what serving computes, and nobody sees what they must not: on a model with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine import Canvas, Draft
from engine.backends.torch import TorchForward
from engine.models.compact import CompactModel
from engine.stream_denoiser import StreamDenoiser
from engine.tokenizer import Tokenizer
from tests.fakes import CONTROL, scored, tiny_model
from tests.training.test_samples import documents
from training import batches
from training.samples import Chunk, Sampler, Sampling

SIZE, GROUPS = 2600, 96


@pytest.fixture(scope="module")
def model(tokens: Tokenizer) -> CompactModel:
    return tiny_model(tokens.size)


@pytest.fixture(scope="module")
def forward(model: CompactModel) -> TorchForward:
    return TorchForward(model)


class Laid:
    """A sequence of two chunks, and where each canvas of it stands."""

    def __init__(self, tokens: Tokenizer, *, buggy: float = 0.2, size: int = SIZE) -> None:
        sampler = Sampler(tokens, CONTROL, Sampling(sites=2, cuts=3, buggy=buggy, unended=0.2, snippets=1))
        mix = batches.Mix(sizes=(4, 8, 16), edits=0.5, inside=1.0)
        rng = np.random.default_rng(11)
        self.rows = batches.Layout(size, GROUPS, CONTROL)
        self.canvases: list[tuple[int, Any, Any]] = []
        for document in documents()[::2]:
            chunk = sampler.chunk(document, rng)
            planned = [batches.plans(hole, mix, CONTROL, tokens.size, rng) for hole in chunk.holes]
            self._add(chunk, planned)
        self.arrays = self.rows.finish().arrays

    def _add(self, chunk: Chunk, planned: list[list[batches.Plan]]) -> None:
        """Lay out, and find each canvas again by its rows: holes that did not fit are not there."""
        first = len(self.rows.ids)
        assert self.rows.add_chunk(chunk, planned)
        at = first
        for hole, canvases in zip(chunk.holes, planned, strict=True):
            for plan in canvases:
                place = self._find(at, plan, hole.context.middle + 1 + plan.committed)
                if place is not None:
                    self.canvases.append((place, hole, plan))
                    at = place + len(plan.view.ids)

    def _find(self, at: int, plan: batches.Plan, position: int) -> int | None:
        ids = plan.view.ids.tolist()
        for first in range(at, len(self.rows.ids) - len(ids) + 1):
            if (
                self.rows.ids[first : first + len(ids)] == ids
                and self.rows.canvas[first]
                and self.rows.positions[first] == position
                and self.rows.order[first] == 0
            ):
                return first
        return None


@pytest.fixture(scope="module")
def laid(tokens: Tokenizer) -> Laid:
    return Laid(tokens)


def run(model: CompactModel, arrays: dict[str, Any]) -> torch.Tensor:
    """Last hidden states of every row of one sequence, dense attention: logits are a function of them alone."""
    one = {name: torch.from_numpy(array)[None] for name, array in arrays.items()}
    seen = batches.dense(one["group"].long(), one["order"], one["limits"])
    bias = torch.zeros(seen.shape).masked_fill(~seen, -1e9)
    with torch.no_grad():
        return model.hidden(one["ids"], one["positions"], one["canvas"], bias)[0][0]


def test_a_training_sequence_predicts_what_serving_predicts(
    laid: Laid, forward: TorchForward, model: CompactModel
) -> None:
    """The same context and canvas through the serving path: streams, cache and working set, a few tokens at a time."""
    hidden = run(model, laid.arrays)
    denoiser = StreamDenoiser(forward, CONTROL)
    assert len(laid.canvases) > 12
    assert any(plan.committed for _, _, plan in laid.canvases)
    for first, hole, plan in laid.canvases:
        lease = denoiser.open(hole.context)
        while lease.pending > 64:
            denoiser.prefill(lease, 64)
        draft = Draft(hole.middle[: plan.committed], Canvas.of(plan.view.ids.tolist()))
        (served,) = denoiser.predict(lease, [draft])
        lease.close()
        trained = model.logits(hidden[first : first + len(plan.view.ids)]).softmax(-1).detach().numpy()
        assert np.abs(np.take_along_axis(trained, served.ids, 1) - served.probs).max() < 1e-4
        sure = served.probs[:, 0] - served.probs[:, 1] > 1e-4
        assert (trained.argmax(1) == served.ids[:, 0])[sure].all()


def test_the_middle_is_scored_as_serving_scores_it(laid: Laid, forward: TorchForward, model: CompactModel) -> None:
    hidden = run(model, laid.arrays)
    denoiser = StreamDenoiser(forward, CONTROL)
    middle_rows = np.flatnonzero(laid.arrays["terms"] == batches.Term.MIDDLE)
    starts = [row for row in middle_rows if laid.arrays["ids"][row] == CONTROL.middle]
    holes = list({id(hole): hole for _, hole, _ in laid.canvases}.values())
    checked = 0
    for hole in holes:
        n = len(hole.middle) + 1
        for first in starts:
            ids = laid.arrays["ids"][first + 1 : first + n].tolist()
            same_place = laid.arrays["positions"][first] == hole.context.middle
            if same_place and tuple(ids) == hole.middle and laid.arrays["labels"][first + n - 1] == CONTROL.eom:
                lease = denoiser.open(hole.context)
                (served,) = scored(denoiser, lease, [(*hole.middle, CONTROL.eom)])
                lease.close()
                labels = torch.from_numpy(laid.arrays["labels"][first : first + n])
                logprobs = model.logits(hidden[first : first + n]).log_softmax(-1)
                trained = logprobs.gather(1, labels[:, None])[:, 0].detach().numpy()
                checked += bool(np.abs(trained - served).max() < 1e-3)
    assert checked >= len(holes)


def test_a_healed_middle_without_a_canvas_is_scored_as_serving_scores_it(
    tokens: Tokenizer, forward: TorchForward, model: CompactModel
) -> None:
    """What weights without a trained canvas learn: the prefix's last token opens the middle, which writes it again."""
    rng = np.random.default_rng(4)
    sampling = Sampling(sites=3, cuts=2, lines=0.7, heals=True, chunk=900, below=(200, 200), snippets=0)
    chunk = Sampler(tokens, CONTROL, sampling).chunk(documents()[0], rng)
    rows = batches.Layout(SIZE, GROUPS, CONTROL, sides=False)
    assert batches.plans(chunk.holes[0], batches.Mix(sizes=()), CONTROL, tokens.size, rng) == []
    rows.add_chunk(chunk, [[] for _ in chunk.holes])
    arrays = rows.finish().arrays
    hidden = run(model, arrays)
    denoiser, at = StreamDenoiser(forward, CONTROL), np.flatnonzero(arrays["terms"] == batches.Term.MIDDLE)
    for hole in chunk.holes:
        mine, at = np.split(at, [len(hole.middle) + 1])
        lease = denoiser.open(hole.context)
        (served,) = scored(denoiser, lease, [(*hole.middle, CONTROL.eom)])
        lease.close()
        labels = torch.from_numpy(arrays["labels"][mine])
        trained = model.logits(hidden[mine]).log_softmax(-1).gather(1, labels[:, None])[:, 0].detach().numpy()
        assert labels.tolist() == [*hole.middle, CONTROL.eom]
        assert np.abs(trained - served).max() < 1e-3
    clean = (arrays["terms"] == batches.Term.CLEAN) & (arrays["weights"] > 0)
    assert set(arrays["group"][clean]) == {0}, "only the prefix teaches the language"


def test_labels_stand_where_they_should(laid: Laid) -> None:
    """A clean row answers its successor, a canvas slot itself, a middle row the next middle token and then EOM."""
    rows = laid.arrays
    asked = rows["weights"] > 0
    for i in np.flatnonzero(asked & (rows["terms"] == batches.Term.CLEAN)):
        assert rows["labels"][i] == rows["ids"][i + 1]
        assert rows["group"][i] == rows["group"][i + 1]
        assert rows["order"][i] >= batches.UNWARMED
    for i in np.flatnonzero(rows["terms"] == batches.Term.MIDDLE):
        last = rows["group"][i] != rows["group"][i + 1]
        assert rows["labels"][i] == (CONTROL.eom if last else rows["ids"][i + 1])
    for first, hole, plan in laid.canvases:
        canvas = slice(first, first + len(plan.view.ids))
        assert rows["labels"][canvas].tolist() == plan.view.labels.tolist()
        assert rows["canvas"][canvas].all()
        if (plan.view.ids == CONTROL.mask).all():
            target = [*hole.middle[plan.committed :], *[CONTROL.eom] * 40][: len(plan.view.ids)]
            assert plan.view.labels.tolist() == target
    assert not asked[len(laid.rows.ids) :].any()


def test_changing_a_token_moves_exactly_the_slots_that_may_see_it(laid: Laid, model: CompactModel) -> None:
    """Who may see whom is told here from what the rows are, not from the mask under test."""
    before = run(model, laid.arrays)
    rng = np.random.default_rng(2)
    first, hole, plan = next(c for c in laid.canvases if c[2].committed > 1 and len(c[1].middle) > c[2].committed + 1)
    slots = range(first, first + len(plan.view.ids))
    middle = next(
        i
        for i in range(first, -1, -1)
        if laid.arrays["ids"][i] == CONTROL.middle and laid.arrays["positions"][i] == hole.context.middle
    )
    must = [middle + 1 + i for i in range(plan.committed)]
    never = [middle + 1 + i for i in range(plan.committed, len(hole.middle))]
    others = [c for c in laid.canvases if c[0] != first]
    never += [row for start, _, other in others for row in range(start, start + len(other.view.ids))]
    shared = len(hole.context.streams[-1].ids) - 12
    trunk = _stream_rows(laid, hole)
    must += [trunk[i] for i in (1, shared // 2, shared)]
    never += [trunk[i] for i in range(len(hole.context.streams[-1].ids), len(trunk), 40)]
    for row in must:
        assert _moved(model, laid, before, row, slots, rng), f"row {row} must be seen"
    for row in rng.permutation(never)[:12]:
        assert not _moved(model, laid, before, int(row), slots, rng), f"row {row} leaks"


def test_slots_of_a_canvas_see_each_other_both_ways_and_streams_only_backwards(laid: Laid, model: CompactModel) -> None:
    rng = np.random.default_rng(4)
    before = run(model, laid.arrays)
    first, hole, plan = laid.canvases[0]
    last = first + len(plan.view.ids) - 1
    assert _moved(model, laid, before, last, range(first, first + 1), rng)
    assert _moved(model, laid, before, first, range(last, last + 1), rng)
    trunk = _stream_rows(laid, hole)
    assert _moved(model, laid, before, trunk[10], [trunk[11]], rng)
    assert not _moved(model, laid, before, trunk[11], [trunk[10]], rng)
    everything_else = [i for i in range(len(laid.rows.ids)) if not first <= i <= last]
    assert not _moved(model, laid, before, first, everything_else, rng), "nobody sees a canvas from outside"


def _stream_rows(laid: Laid, hole: Any) -> list[int]:
    """Rows of the trunk that the hole's prefix begins with."""
    head = list(hole.context.streams[-1].ids[:12])
    for first in range(len(laid.rows.ids)):
        if laid.rows.ids[first : first + 12] == head and laid.rows.positions[first] == 768:
            group = laid.rows.group[first]
            return [i for i, g in enumerate(laid.rows.group) if g == group]
    raise AssertionError("no trunk")


def _moved(
    model: CompactModel, laid: Laid, before: torch.Tensor, row: int, slots: Any, rng: np.random.Generator
) -> bool:
    """Whether another token in `row` changes any logit of `slots`."""
    ids = laid.arrays["ids"].copy()
    ids[row] = int((ids[row] + rng.integers(100, 40000)) % 49000 + 17)
    after = run(model, {**laid.arrays, "ids": ids})
    return bool((after[list(slots)] - before[list(slots)]).abs().max() > 1e-6)


def test_the_dense_mask_follows_the_rule_row_by_row(laid: Laid) -> None:
    """Against a plain loop over groups."""
    rows = {name: array[None] for name, array in laid.arrays.items()}
    seen = batches.dense(rows["group"], rows["order"], rows["limits"])[0]
    group, order = laid.rows.group, laid.rows.order
    for q in np.random.default_rng(0).integers(0, len(group), 200):
        sees = laid.rows.sees[group[q]]
        expected = [
            (group[k] == group[q] and order[k] <= order[q]) or order[k] < sees.get(group[k], 0)
            for k in range(len(group))
        ]
        assert seen[q, : len(group)].tolist() == expected
        assert not seen[q, len(group) :].any()


def test_numpy_and_torch_masks_are_the_same(laid: Laid) -> None:
    rows = {name: array[None] for name, array in laid.arrays.items()}
    ours = batches.dense(rows["group"], rows["order"], rows["limits"])
    theirs = batches.dense(*(torch.from_numpy(rows[name]).long() for name in ("group", "order", "limits")))
    assert np.array_equal(ours, theirs.numpy())


def test_padding_is_seen_by_nobody_and_sees_itself(tokens: Tokenizer) -> None:
    arrays = Laid(tokens, size=SIZE + 900).arrays
    one = {name: array[None] for name, array in arrays.items()}
    seen = batches.dense(one["group"], one["order"], one["limits"])[0]
    pad = arrays["group"] == GROUPS - 1
    assert pad.sum() > 100
    assert not seen[np.ix_(~pad, pad)].any()
    assert seen.diagonal().all()
