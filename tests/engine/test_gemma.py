"""DiffusionGemma: behind our engine it writes what transformers' own class and sampler write, on a tiny checkpoint."""

from __future__ import annotations

import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import Canvas, Context, Draft, Modes, Stream, Task, Vocabulary, backends, decode
from engine.checkpoint import Checkpoint, CheckpointError
from engine.gemma_denoiser import GemmaDenoiser
from engine.run import Clock
from tests.engine import tiny
from tests.fakes import drive, scored

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, when it samples

CANVAS = 16
TEXT = tuple(np.random.default_rng(4).integers(0, 256, 23).tolist())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_gemma(tmp_path_factory.mktemp("gemma"), CANVAS)


@pytest.fixture(scope="module")
def denoiser(folder: Path) -> GemmaDenoiser:
    torch.set_num_threads(1)
    opened, runs_on = backends.open_denoiser(Checkpoint.open(folder), "torch", 1, "cpu", "auto")
    assert isinstance(opened, GemmaDenoiser) and runs_on.startswith("transformers")
    return opened


def theirs(model: Any, text: tuple[int, ...], count: int) -> list[int]:
    """transformers' own call, with the noise of the same seed."""
    torch.manual_seed(zlib.crc32(np.asarray(text, np.int64).tobytes()))
    said = model.generate(
        torch.tensor([text]), max_new_tokens=count, eos_token_id=tiny.EOS, pad_token_id=tiny.MASK, disable_compile=True
    )
    return [int(token) for token in said.sequences[0, len(text) :]]


def test_gemma_loads_the_released_layout(folder: Path, denoiser: GemmaDenoiser) -> None:
    config = Checkpoint.open(folder).config
    assert (config.architecture, config.prompt) == ("diffusion_gemma", "chat")
    assert denoiser._model.config.canvas_length == CANVAS


def test_gemma_writes_what_transformers_own_sampler_writes(denoiser: GemmaDenoiser) -> None:
    """Across canvases of the engine, which are shorter than the sampler's, and after tokens that were there before."""
    expected = theirs(denoiser._model, TEXT, 48)
    state = torch.random.get_rng_state()
    task = Task(
        Context((Stream("prompt", TEXT, 0),), len(TEXT)), (Canvas.masks(48, tiny.MASK),), mode="speedy", max_tokens=48
    )
    modes = Modes.of(
        canvas_trained=True, editing_trained=False, overrides={"speedy": {"fill_threshold": -1.0}, "quality": {}}
    )
    vocabulary = Vocabulary(np.zeros(tiny.ROWS, np.int64), frozenset(range(256, tiny.ROWS)))
    steps, generation = drive(decode.decode(denoiser, task, modes, vocabulary, Clock(), time.monotonic()))
    (said,) = generation.candidates
    stop = next((at for at, token in enumerate(expected) if token >= 256), len(expected))
    assert list(said.ids) == expected[:stop] and stop > 8
    assert len(steps) == 1 and all(0 < p <= 1 for p in said.probs)
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's noise was touched


def test_gemma_goes_on_where_its_sampler_stopped(denoiser: GemmaDenoiser) -> None:
    lease = denoiser.open(Context((Stream("prompt", TEXT, 0),), len(TEXT)))
    (whole,) = denoiser.predict(lease, [Draft((), Canvas.masks(CANVAS, tiny.MASK))])
    first = tuple(whole.ids[:5, 0].tolist())
    assert tiny.EOS not in first
    (rest,) = denoiser.predict(lease, [Draft(first[:3], Canvas.of([*first[3:], *[tiny.MASK] * 6]))])
    assert rest.ids[:, 0].tolist() == whole.ids[3:11, 0].tolist()
    scores = scored(denoiser, lease, [first, ()])
    assert scores[0].shape == (5,) and (scores[0] <= 0).all() and len(scores[1]) == 0
    (narrow,) = denoiser.next_token(lease, [first], [np.array([4, 7])])
    assert set(narrow.ids[0]) == {4, 7}


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_gemma_is_computed_by_what_is_here_whatever_its_folder_names(tmp_path: Path, key: str) -> None:
    """transformers would fetch such kernels and run them."""
    described = tiny.make_gemma(tmp_path, CANVAS) / "config.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | {key: "somebody/kernels"}))
    opened, _ = backends.open_denoiser(Checkpoint.open(tmp_path), "torch", 1, "cpu", "auto")
    assert isinstance(opened, GemmaDenoiser)


@pytest.mark.parametrize("more", ["quantization_config", "adapter_config.json"])
def test_gemma_that_is_more_than_its_weights_is_one_sentence(tmp_path: Path, more: str) -> None:
    described = tiny.make_gemma(tmp_path, CANVAS) / "config.json"
    if more == "quantization_config":
        described.write_text(json.dumps(json.loads(described.read_text()) | {more: {"quant_method": "mxfp4"}}))
    else:
        (tmp_path / more).write_text("{}")
    with pytest.raises(CheckpointError, match="is quantized or has an adapter"):
        backends.open_denoiser(Checkpoint.open(tmp_path), "torch", 1, "cpu", "auto")


def test_gemma_with_a_tensor_too_few_or_no_int8_is_one_sentence(tmp_path: Path) -> None:
    folder = tiny.make_gemma(tmp_path, CANVAS, drop="model.decoder.norm.weight")
    with pytest.raises(CheckpointError, match=r"lack .*norm\.weight") as caught:
        backends.open_denoiser(Checkpoint.open(folder), "torch", 1, "cpu", "auto")
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="no int8 for diffusion_gemma"):
        backends.open_denoiser(Checkpoint.open(folder), "torch", 1, "cpu", "int8")
