"""What tests of several packages share: a small vocabulary, hand-made predictions, a tiny model with random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine import Canvas, ControlIds, Denoiser, Prediction, Steering, Vocabulary, refine
from engine.checkpoint import ModelConfig
from engine.denoiser import LeaseT
from engine.forward import Forward, Output, Rows
from engine.run import CHUNK

if TYPE_CHECKING:
    from engine.backends.torch import TorchForward
    from engine.models.compact import CompactModel

MASK, EOM, INSERT, DELETE = 3, 4, 5, 6
CONTROL = ControlIds(mask=MASK, eom=EOM, insert=INSERT, delete=DELETE, suffix=7, prefix=8, file=9, middle=10)
RESERVED = frozenset(range(17))
NEWLINE = 17
"""The one token of the small vocabulary that ends a line; 18 and more are words."""
SIZE = 64
VOCABULARY = Vocabulary(np.eye(1, SIZE, NEWLINE, dtype=np.int64)[0], RESERVED)
RULES = refine.Rules(CONTROL, ends=frozenset({EOM}), barred=CONTROL.never_text - {EOM, INSERT, DELETE})

S, T = TypeVar("S"), TypeVar("T")


def predict(*slots: Mapping[int, float]) -> Prediction:
    """A prediction from one {token: probability} a slot."""
    width = max(map(len, slots))
    rows = [sorted(slot.items(), key=lambda pair: -pair[1]) for slot in slots]
    unused = [[(token, 0.0) for token in range(SIZE - width, SIZE)][len(row) :] for row in rows]
    table = np.array([row + rest for row, rest in zip(rows, unused, strict=True)])
    return Prediction(table[..., 0].astype(np.int64), table[..., 1].astype(np.float32))


def steered(**says: Callable[..., Any]) -> Steering:
    """Steering that says these things, by the names of its methods, and leaves everything else to the model."""
    return type("Steered", (Steering,), {name: staticmethod(way) for name, way in says.items()})()  # type: ignore[no-any-return]


def hashed(*seed: object) -> np.random.Generator:
    """Random numbers that depend on the seed's text alone: a script made of them is deterministic, like a model."""
    return np.random.default_rng(list(hashlib.blake2b(repr(seed).encode(), digest_size=16).digest()))


def wild(seed: object, canvas: Canvas, tokens: Sequence[int], width: int = 3) -> Prediction:
    """A prediction that nobody trained: for each slot `width` different tokens, sure of them to a random degree."""
    numbers = hashed(seed, canvas.ids.tolist())
    ids = np.array([numbers.choice(tokens, width, replace=False) for _ in range(len(canvas))], np.int64)
    raw = np.sort(numbers.random((len(canvas), width)) ** 3)[:, ::-1]
    return Prediction(
        ids, (raw / (raw.sum(axis=1, keepdims=True) + numbers.random((len(canvas), 1)))).astype(np.float32)
    )


def drive(steps: Generator[S, None, T]) -> tuple[list[S], T]:
    """Run a decoding to its end, as the scheduler does."""
    seen: list[S] = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def scored(denoiser: Denoiser[LeaseT], lease: LeaseT, middles: Sequence[tuple[int, ...]]) -> list[NDArray[np.float32]]:
    """What a denoiser makes of middles, without a stop."""
    return drive(denoiser.score(lease, middles, CHUNK))[1]


def tiny_config(vocab: int = SIZE) -> ModelConfig:
    """Two layers of the compact architecture."""
    return ModelConfig(
        name="tiny",
        architecture="compact",
        layers=2,
        hidden=32,
        heads=4,
        kv_heads=2,
        head_dim=8,
        mlp=48,
        vocab=vocab,
        rope_theta=10000.0,
        norm_eps=1e-5,
        context=4096,
        control=CONTROL,
    )


def tiny_model(vocab: int = SIZE) -> CompactModel:
    """The compact model with random weights, large enough that every visible token shows in the answer."""
    import torch

    from engine.models.compact import CompactModel

    torch.set_num_threads(1)
    model, dice = CompactModel(tiny_config(vocab)), torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not name.endswith("norm"):
                std = 0.5 if name in ("embed", "canvas") else 1.5 * weight.shape[-1] ** -0.5
                weight.normal_(std=std, generator=dice)
    return model


def tiny_forward(vocab: int = SIZE) -> TorchForward:
    """The same on torch."""
    from engine.backends.torch import TorchForward

    return TorchForward(tiny_model(vocab))


class Counting:
    """A forward that counts the rows it was given, call by call."""

    def __init__(self, forward: Forward) -> None:
        self.forward, self.config, self.rows = forward, forward.config, list[int]()
        self.runs_on = forward.runs_on

    def new_kv(self, slots: int) -> Any:
        return self.forward.new_kv(slots)

    def __call__(self, rows: Rows, past: Any) -> Output:
        self.rows.append(len(rows.ids))
        return self.forward(rows, past)

    def close(self) -> None:
        self.forward.close()
