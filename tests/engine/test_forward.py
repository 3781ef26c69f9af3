"""The backends compute one function, on the real weights: streams, middles and canvases in one forward.

Full precision here is the embedded model's own weights restored, so the proofs need no download and hold for whatever
weights are embedded. 200 random canvases share 10 forwards, every one with snippet, below, rest, prefix and middles.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from engine import Context, Stream, backends
from engine.backends.torch import TorchForward
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.forward import TOP_K, Forward, Output, Rows
from engine.models.compact import CompactModel
from engine.tokenizer import RESERVED, Tokenizer
from training.export import write_model
from training.parity import Case, lay_out
from training.restore import restore
from training.schemes import Float32

pytestmark = pytest.mark.slow

FORWARDS, CANVASES, SLOTS = 12, 20, 6
TOLERANCE = 2e-4
"""Of log-probabilities between two float32 implementations."""
CACHE_TOLERANCE = 2e-3
"""Of keys and values: they are larger, most at a stream's first token, where activations reach thousands."""
TOKENS = Tokenizer.load(EMBEDDED / "tokenizer.json")
SOURCE = TOKENS.encode(Path(__file__).read_text())


class Backends(NamedTuple):
    torch: Forward
    onnx: Forward
    shipped: Forward


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """torch and onnx in full precision, and the shipped export, all of the embedded weights."""
    checkpoint = Checkpoint.open()
    weights = restore(checkpoint)
    folder = tmp_path_factory.mktemp("float32")
    (folder / "tokenizer.json").symlink_to(EMBEDDED / "tokenizer.json")
    write_model(folder, checkpoint.config, weights, Float32())
    model = CompactModel(checkpoint.config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    yield Backends(TorchForward(model), backends.load(Checkpoint.open(folder)), backends.load(checkpoint))


def random_case(seed: int, canvases: int = 3) -> Case:
    """Canvases of masks, text and random tokens, behind middles of some tokens, over streams of real text."""
    rng = np.random.default_rng(seed)
    control = Checkpoint.open().config.control

    def text(most: int) -> list[int]:
        at = int(rng.integers(0, len(SOURCE) - most))
        return SOURCE[at : at + int(rng.integers(2, most))]

    streams = (
        Stream("snippet", (control.file, *text(12)), 0),
        Stream("below", (control.suffix, *text(12)), 512),
        Stream("rest", (control.suffix, *text(6)), 704, sees=(1,)),
        Stream("prefix", (control.prefix, *text(30)), 768),
    )
    drafts = []
    for _ in range(canvases):
        slots = np.where(rng.random(SLOTS) < 0.6, control.mask, rng.integers(RESERVED, TOKENS.size, SLOTS))
        slots[rng.random(SLOTS) < 0.1] = control.eom
        drafts.append((text(5), slots.tolist()))
    context = Context(streams, 768 + len(streams[3].ids))
    return lay_out(context, control, drafts, canvas_after=int(rng.integers(0, 2)))


def run(forward: Forward, case: Case) -> Output:
    return forward(case.rows, forward.new_kv(0))


def margins(output: Output) -> np.ndarray:
    """Between the best and the second-best token's probability, per row."""
    return output.top_probs[:, 0] - output.top_probs[:, 1]


@pytest.fixture(scope="module")
def answers(loaded: Backends) -> list[tuple[Case, Output, Output, Output]]:
    cases = [random_case(seed, CANVASES) for seed in range(FORWARDS)]
    return [(case, run(loaded.torch, case), run(loaded.onnx, case), run(loaded.shipped, case)) for case in cases]


def test_onnx_is_torch(answers: list[tuple[Case, Output, Output, Output]]) -> None:
    for _, ours, other, _ in answers:
        np.testing.assert_allclose(other.target_logprobs, ours.target_logprobs, atol=TOLERANCE, rtol=1e-4)
        np.testing.assert_allclose(other.top_probs, ours.top_probs, atol=TOLERANCE, rtol=0)
        np.testing.assert_allclose(other.kv, ours.kv.numpy(), atol=CACHE_TOLERANCE, rtol=1e-3)
        gaps = -np.diff(np.log(ours.top_probs), axis=1)
        settled = np.minimum.accumulate(gaps > 2 * TOLERANCE, axis=1)
        assert settled[:, 0].mean() > 0.95
        assert np.array_equal(ours.top_ids[:, :-1][settled], other.top_ids[:, :-1][settled])


def test_shipped_keeps_the_best_token(answers: list[tuple[Case, Output, Output, Output]]) -> None:
    """At least 99 % of the tokens that lead by 0.1, over real text; of canvas slots too once they are trained."""
    trained = Checkpoint.open().config.canvas_trained
    same, led = [], []
    for case, ours, _, shipped in answers:
        counted = case.clean | case.canvas if trained else case.clean
        led.append((margins(ours) > 0.1) & counted)
        same.append(ours.top_ids[:, 0] == shipped.top_ids[:, 0])
    chosen = np.concatenate(led)
    assert chosen.sum() > 300
    assert np.concatenate(same)[chosen].mean() >= 0.99


def test_probabilities_are_those_of_the_whole_vocabulary(loaded: Backends) -> None:
    case = random_case(99)
    everything = np.tile(np.arange(TOKENS.size), (2, 1))
    rows = replace(case.rows, head_rows=np.array([5, len(case.rows.ids) - 1]), targets=everything)
    for forward in loaded:
        output = forward(rows, forward.new_kv(0))
        probs = np.exp(output.target_logprobs)
        np.testing.assert_allclose(probs.sum(1), 1, atol=1e-4)
        np.testing.assert_allclose(np.take_along_axis(probs, output.top_ids, 1), output.top_probs, rtol=1e-4)
        assert (np.diff(output.top_probs, axis=1) <= 0).all()


@pytest.mark.parametrize("name", Backends._fields)
def test_what_the_bias_hides_changes_nothing(loaded: Backends, name: str) -> None:
    forward: Forward = getattr(loaded, name)
    case = random_case(7)
    before = run(forward, case)
    for row in (3, 30, len(case.rows.ids) - 3):
        ids = case.rows.ids.copy()
        ids[row] = (ids[row] + 1000) % TOKENS.size
        after = run(forward, replace(case, rows=replace(case.rows, ids=ids)))
        blind, moved = reach(case.rows, row)
        np.testing.assert_array_equal(np.asarray(after.kv)[..., blind, :], np.asarray(before.kv)[..., blind, :])
        np.testing.assert_array_equal(after.top_ids[blind], before.top_ids[blind])
        assert (np.abs(after.top_probs - before.top_probs)[moved].max(1) > 0).mean() > 0.9


def reach(rows: Rows, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that cannot know of this one, even through others, and rows that see it."""
    sees = rows.bias == 0
    reached = sees[:, row]
    while (wider := sees[:, reached].any(1) | reached).sum() > reached.sum():
        reached = wider
    return ~reached, sees[:, row]


@pytest.mark.parametrize("name", Backends._fields)
def test_a_cache_is_as_good_as_the_rows_it_came_from(loaded: Backends, name: str) -> None:
    """The rows before the first canvas go first; their keys and values stand in scattered slots among foreign ones."""
    forward: Forward = getattr(loaded, name)
    case = random_case(11)
    rows, slots = case.rows, 128
    n, total = int(case.canvas.argmax()), len(rows.ids)
    whole = run(forward, case)
    first = forward(take(rows, np.arange(n), np.empty(0, np.int64), 0), forward.new_kv(0))
    rng = np.random.default_rng(0)
    places = rng.permutation(slots)[:n]
    past = forward.new_kv(slots)
    past[...] = 3.0
    past[..., places, :] = first.kv
    second = forward(take(rows, np.arange(n, total), places, slots), past)
    if name == "shipped":
        same = second.top_ids[:, 0] == whole.top_ids[n:, 0]
        assert same[margins(whole)[n:] > 0.1].mean() >= 0.99
        return
    np.testing.assert_allclose(second.target_logprobs, whole.target_logprobs[n:], atol=TOLERANCE, rtol=1e-4)
    np.testing.assert_allclose(second.kv, np.asarray(whole.kv)[..., n:, :], atol=CACHE_TOLERANCE, rtol=1e-3)


def take(rows: Rows, chosen: np.ndarray, places: np.ndarray, slots: int) -> Rows:
    """Some rows of a forward; the rows before them stand in `places` of `slots` cached ones."""
    past = np.full((len(chosen), slots), -1e9, np.float32)
    past[:, places] = rows.bias[np.ix_(chosen, np.arange(len(places)))]
    return Rows(
        rows.ids[chosen],
        rows.positions[chosen],
        rows.canvas[chosen],
        np.concatenate((past, rows.bias[np.ix_(chosen, chosen)]), axis=1),
        np.arange(len(chosen)),
        rows.targets[chosen],
    )


@pytest.mark.parametrize("name", Backends._fields)
@pytest.mark.parametrize(("asked", "targets", "slots"), [(0, 0, 64), (3, 0, 0), (2, 5, 64), (0, 0, 0)])
def test_nothing_asked_and_nothing_cached(loaded: Backends, name: str, asked: int, targets: int, slots: int) -> None:
    forward: Forward = getattr(loaded, name)
    rows = Rows(
        np.array([20, 30, 40]),
        np.arange(3),
        np.zeros(3, bool),
        np.where(np.arange(slots + 3) < slots, -1e9, 0).astype(np.float32) * np.ones((3, 1), np.float32),
        np.arange(asked),
        np.full((asked, targets), 50),
    )
    output = forward(rows, forward.new_kv(slots))
    c = forward.config
    assert output.top_ids.shape == output.top_probs.shape == (asked, TOP_K)
    assert output.target_logprobs.shape == (asked, targets)
    assert output.kv.shape == (c.layers, 2, c.kv_heads, 3, c.head_dim)
    assert np.isfinite(np.asarray(output.kv)).all()


def test_no_graph_is_run_without_a_prediction(loaded: Backends) -> None:
    """onnxruntime before 1.31 ends the process over it."""
    rows = replace(random_case(0).rows, head_rows=np.zeros(0, np.int64), targets=np.zeros((0, 0), np.int64))
    assert loaded.shipped(rows, loaded.shipped.new_kv(0)).top_ids.shape == (0, TOP_K)
    assert loaded.shipped._binding.get_outputs()[0].shape() == [1, TOP_K]


def test_the_canvas_vector_is_added_where_the_rows_say(loaded: Backends) -> None:
    """An untrained vector is zero, so another model is made whose vector is not: torch and onnx agree on it above."""
    config = Checkpoint.open().config
    model = CompactModel(replace(config, layers=2))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.05)
    rows = random_case(3).rows
    plain = replace(rows, canvas=np.zeros_like(rows.canvas))
    forward = TorchForward(model)
    with_vector, without = forward(rows, forward.new_kv(0)), forward(plain, forward.new_kv(0))
    changed = np.abs(with_vector.target_logprobs - without.target_logprobs)[:, 0] > 1e-6
    assert np.array_equal(changed, rows.canvas)


def test_positions_and_ids_outside_the_tables_are_refused(loaded: Backends) -> None:
    rows = random_case(5).rows
    for forward in loaded:
        with pytest.raises(ValueError, match="Positions end at"):
            forward(replace(rows, positions=rows.positions + forward.config.context), forward.new_kv(0))
        with pytest.raises(ValueError, match="Token ids end at"):
            forward(replace(rows, ids=rows.ids + forward.config.vocab), forward.new_kv(0))


def test_an_idle_session_uses_no_processor_time(loaded: Backends) -> None:
    """The workers of a session may wait awake for a moment after a forward, not longer."""
    run(loaded.shipped, random_case(5))
    time.sleep(0.5)
    before = time.process_time()
    time.sleep(2)
    assert time.process_time() - before < 0.1
