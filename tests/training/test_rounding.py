"""A rounded stretch sees what the export will hold, learns through it, and leaves the exact weights exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.models.compact import CompactModel
from tests.training.test_schemes import answer, exported, random_model, torch_forward
from training.restore import restore
from training.rounding import Rounding, rounded
from training.schemes import RowInt8, quantize_rows


@pytest.fixture
def model() -> CompactModel:
    """Random, with a gain of 0."""
    model = random_model()
    with torch.no_grad():
        model.layers[1].attn_norm[3] = 0
    return model


def arrays(model: CompactModel) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}


def test_rows_are_rounded_as_the_export_rounds_them() -> None:
    weight = torch.randn(40, 48, generator=torch.Generator().manual_seed(2))
    weight[3] = 0
    data, scales = quantize_rows(weight.numpy())
    assert np.array_equal(rounded(weight).numpy(), data * scales[:, None])


def test_inside_the_model_answers_as_its_export_restored(model: CompactModel, tmp_path: Path) -> None:
    exact = arrays(model)
    wanted = answer(torch_forward(restore(exported(tmp_path, exact, RowInt8())))).target_logprobs
    with Rounding(model)():
        found = answer(torch_forward(arrays(model))).target_logprobs
    np.testing.assert_allclose(found, wanted, atol=5e-3)
    unrounded = answer(torch_forward(exact)).target_logprobs
    assert np.abs(found - wanted).mean() < np.abs(unrounded - wanted).mean() / 20
    for name, array in arrays(model).items():
        assert np.array_equal(array, exact[name]), name


def test_gradients_come_from_the_rounded_weights_and_reach_the_exact_ones(model: CompactModel) -> None:
    weight = model.layers[0].out
    before = weight.detach().clone()
    with Rounding(model)():
        held = weight.detach().clone()
        (weight**2).sum().backward()
    assert not torch.equal(held, before) and torch.equal(weight, before)
    assert weight.grad is not None and torch.allclose(weight.grad, 2 * held)
