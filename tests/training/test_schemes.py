"""Rotation changes no answer, 8-bit products never overflow, and what was exported can be restored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from engine import backends
from engine.backends.onnx import open_session
from engine.backends.torch import TorchForward
from engine.checkpoint import Checkpoint, CheckpointError, ModelConfig
from engine.forward import Forward, Output, Rows
from engine.models.compact import CompactModel
from training.convert import CONTROL
from training.export import write_model
from training.graph import build
from training.restore import restore
from training.schemes import MICROSOFT, Float32, Graph, RowInt8, Scheme, Weights, hadamard, quantize_rows

CONFIG = ModelConfig(
    name="tiny",
    architecture="compact",
    layers=3,
    hidden=96,
    heads=6,
    kv_heads=2,
    head_dim=16,
    mlp=192,
    vocab=300,
    rope_theta=1e4,
    norm_eps=1e-5,
    context=128,
    control=CONTROL,
)


class Turned(Float32):
    """The rotated model in full precision: what RowInt8 computes before it rounds."""

    def prepare(self, config: ModelConfig, weights: Weights) -> Weights:
        return RowInt8().prepare(config, weights)

    def hidden(self, g: Graph, config: ModelConfig, x: str) -> str:
        return RowInt8().hidden(g, config, x)

    def head(self, g: Graph, x: str, weights: Weights) -> str:
        return super().head(g, g.op("MatMul", [x, g.weight("head_gain", weights["head_gain"])]), weights)


@torch.no_grad()
def random_model() -> CompactModel:
    """With gains that differ."""
    torch.manual_seed(1)
    model = CompactModel(CONFIG)
    for name, parameter in model.named_parameters():
        parameter.normal_(std=0.3 if "norm" in name else 0.12)
        if "norm" in name:
            parameter.add_(1)
    return model


@pytest.fixture(scope="module")
def weights() -> dict[str, NDArray[np.float32]]:
    """Random, with one channel forty times as strong as the others, as real models have them."""
    arrays = {name: tensor.numpy() for name, tensor in random_model().state_dict().items()}
    arrays["embed"][:, 7] = 5
    return arrays


def exported(folder: Path, weights: Weights, scheme: Scheme) -> Checkpoint:
    (folder / "tokenizer.json").write_text("{}")
    write_model(folder, CONFIG, weights, scheme)
    return Checkpoint.open(folder)


def torch_forward(weights: Weights) -> Forward:
    model = CompactModel(CONFIG)
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    return TorchForward(model)


def answer(forward: Forward) -> Output:
    rng = np.random.default_rng(3)
    n = 40
    bias = np.where(np.tri(n, dtype=bool) | (rng.random((n, n)) < 0.1), 0, -1e9).astype(np.float32)
    everything = np.tile(np.arange(CONFIG.vocab), (n, 1))
    rows = Rows(rng.integers(0, CONFIG.vocab, n), np.arange(n), rng.random(n) < 0.3, bias, np.arange(n), everything)
    return forward(rows, forward.new_kv(0))


@pytest.mark.parametrize("scheme", [Float32(), Turned()], ids=["plain", "turned"])
def test_full_precision_says_what_torch_says(tmp_path: Path, weights: Weights, scheme: Scheme) -> None:
    found = answer(backends.load(exported(tmp_path, weights, scheme)))
    wanted = answer(torch_forward(weights))
    np.testing.assert_allclose(found.target_logprobs, wanted.target_logprobs, atol=2e-3)


def test_rounding_to_rows_of_8_bits_costs_little(tmp_path: Path, weights: Weights) -> None:
    found = answer(backends.load(exported(tmp_path, weights, RowInt8())))
    wanted = answer(torch_forward(weights))
    divergence = (np.exp(wanted.target_logprobs) * (wanted.target_logprobs - found.target_logprobs)).sum(1)
    assert divergence.mean() < 0.01


def test_an_export_can_be_restored(tmp_path: Path, weights: Weights) -> None:
    again = restore(exported(tmp_path, weights, RowInt8()))
    assert {name: array.shape for name, array in again.items()} == {name: a.shape for name, a in weights.items()}
    found, wanted = answer(torch_forward(again)), answer(torch_forward(weights))
    divergence = (np.exp(wanted.target_logprobs) * (wanted.target_logprobs - found.target_logprobs)).sum(1)
    assert divergence.mean() < 0.01


def test_only_8_bit_exports_are_restored(tmp_path: Path, weights: Weights) -> None:
    with pytest.raises(CheckpointError, match="export it again"):
        restore(exported(tmp_path, weights, Float32()))


def test_what_training_left_alone_is_exported_to_the_same_byte(weights: Weights) -> None:
    """Upper layers and control rows learn (`Recipe.frozen`, `Recipe.answers`): the other tensors need not ship anew."""
    learned = {name: array.copy() for name, array in weights.items()}
    learned["layers.2.down"] += 0.01
    learned["embed"][CONTROL.eom] += 0.1
    before, after = (build(CONFIG, some, RowInt8()).weights for some in (weights, learned))
    changed = {name for name, array in after.items() if not np.array_equal(array, before[name])}
    assert changed == {"embed", "embed.scale", "2.down", "2.down.scale"}
    columns = np.flatnonzero((after["embed"] != before["embed"]).any(0))
    assert columns.tolist() == [CONTROL.eom]


@pytest.mark.parametrize("size", [1, 2, 12, 48, 64, 144, 576])
def test_hadamard_matrices_are_orthogonal_and_flat(size: int) -> None:
    matrix = hadamard(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(np.abs(matrix), size**-0.5)


def test_a_size_without_a_hadamard_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="size 20"):
        hadamard(20)


def test_rows_of_8_bits_keep_to_half_a_step_and_never_overflow() -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((50, 64)).astype(np.float32)
    weight[0], weight[1, :2], weight[2] = 0, 9.0, 1e-20
    data, scales = quantize_rows(weight)
    assert np.abs(data * scales[:, None] - weight).max(1) == pytest.approx(scales / 2, rel=1.0)
    neighbours = data.astype(int).reshape(50, -1, 2).sum(-1)
    assert 255 * np.abs(neighbours).max() < 2**15


def test_this_processor_multiplies_such_rows_exactly() -> None:
    """The worst activations for 16-bit sums: 255 where weights are positive, 0 elsewhere, and the other way round."""
    rng = np.random.default_rng(0)
    data, _ = quantize_rows(rng.standard_normal((96, 576)).astype(np.float32))
    rows = np.concatenate((data[:20] > 0, data[:20] < 0, rng.random((20, 576)) < 0.5)).astype(np.uint8) * 255
    g = Graph()
    one, zero = g.weight("one", np.array(1, np.float32)), g.weight("zero", np.array(128, np.uint8))
    g.weight("b", np.ascontiguousarray(data.T))
    g.weight("ones", np.ones(96, np.float32))
    g.op("MatMulIntegerToFloat", ["a", "b", one, "ones", zero], "y", domain=MICROSOFT)
    graph = onnx.helper.make_graph(
        g.nodes,
        "product",
        [onnx.helper.make_tensor_value_info("a", onnx.TensorProto.UINT8, ["M", 576])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["M", 96])],
        [onnx.numpy_helper.from_array(array, name) for name, array in g.weights.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 19), onnx.helper.make_opsetid(MICROSOFT, 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    session = open_session(model.SerializeToString())
    for count in (1, 7, len(rows)):
        exact = (rows[:count].astype(np.int64) - 128) @ data.T.astype(np.int64)
        np.testing.assert_array_equal(session.run(None, {"a": rows[:count]})[0], exact)


def test_parts_stay_small_and_hold_every_byte(tmp_path: Path, weights: Weights) -> None:
    big = replace(CONFIG, vocab=30_000)
    larger = {**weights, "embed": np.zeros((30_000, CONFIG.hidden), np.float32)}
    (tmp_path / "tokenizer.json").write_text("{}")
    config = write_model(tmp_path, big, larger, Float32())
    parts = [name for name in config.files if name.startswith("weights")]
    stored = sum(config.files[name].bytes for name in parts)
    assert stored >= sum(array.nbytes for name, array in larger.items() if array.nbytes >= 1024)
