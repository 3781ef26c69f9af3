"""The converted base says what the base says: an independent numpy Llama on the GGUF's own tensors and layout.

Needs the base model, fetched by `training.convert` (92 MB): skipped where it is not there and cannot be fetched.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.backends.torch import TorchForward
from engine.forward import Rows
from engine.models.compact import CompactModel
from engine.tokenizer import Tokenizer
from training.convert import CONTROL, NAMES, convert, fetch_base

pytestmark = pytest.mark.slow

CODE = 'def area(width, height):\n    """Return the area of a rectangle."""\n    return width * height\n'


@pytest.fixture(scope="module")
def base() -> Path:
    try:
        return fetch_base()
    except RuntimeError as error:
        pytest.skip(str(error))


def test_the_converted_base_says_what_the_base_says(base: Path) -> None:
    config, weights, bpe = convert(base)
    ids = np.array(Tokenizer(bpe).encode(CODE))
    n = len(ids)
    model = CompactModel(config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    forward = TorchForward(model)
    known = np.array([i for i in range(49152) if i not in NAMES])
    rows = Rows(
        ids,
        np.arange(n),
        np.zeros(n, bool),
        np.where(np.tri(n, dtype=bool), 0, -1e9).astype(np.float32),
        np.arange(n),
        np.tile(known, (n, 1)),
    )
    found = forward(rows, forward.new_kv(0)).target_logprobs
    wanted = reference_logits(base, ids)[:, known]
    # New rows take a share of the probability from all others alike.
    shifted = found - wanted
    np.testing.assert_allclose(shifted - shifted.mean(1, keepdims=True), 0, atol=2e-3)
    greedy = known[found.argmax(1)][:-1]
    assert (greedy == ids[1:]).mean() > 0.5
    assert config.control == CONTROL


def reference_logits(base: Path, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Llama as the GGUF lays it out: rotary pairs side by side, one head at a time."""
    tensors = {t.name: t for t in gguf.GGUFReader(base).tensors}

    def weight(name: str) -> NDArray[np.float32]:
        return gguf.dequantize(tensors[name].data, tensors[name].tensor_type).astype(np.float32)

    def norm(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight(name)

    turn = np.exp(1j * np.arange(len(ids))[:, None] / 100_000 ** (np.arange(32) / 32))

    def rotate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        pairs = (x[:, 0::2] + 1j * x[:, 1::2]) * turn
        return np.stack((pairs.real, pairs.imag), axis=-1).reshape(x.shape)

    embed = weight("token_embd.weight")
    x = embed[ids]
    future = np.triu(np.ones((len(ids), len(ids)), bool), 1)
    for i in range(30):
        y = norm(x, f"blk.{i}.attn_norm.weight")
        q, k, v = (y @ weight(f"blk.{i}.attn_{name}.weight").T for name in "qkv")
        heads = []
        for h in range(9):
            group = slice(64 * (h // 3), 64 * (h // 3) + 64)
            scores = rotate(q[:, 64 * h : 64 * h + 64]) @ rotate(k[:, group]).T / 8
            scores[future] = -np.inf
            probs = np.exp(scores - scores.max(1, keepdims=True))
            heads.append(probs / probs.sum(1, keepdims=True) @ v[:, group])
        x = x + np.concatenate(heads, axis=1) @ weight(f"blk.{i}.attn_output.weight").T
        y = norm(x, f"blk.{i}.ffn_norm.weight")
        gate = y @ weight(f"blk.{i}.ffn_gate.weight").T
        hidden = gate / (1 + np.exp(-gate)) * (y @ weight(f"blk.{i}.ffn_up.weight").T)
        x = x + hidden @ weight(f"blk.{i}.ffn_down.weight").T
    logits: NDArray[np.float32] = norm(x, "output_norm.weight") @ embed.T
    return logits
