"""A released `config.json` as it was given: each key read once, as what it has to be."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.canvas import ControlIds
from engine.released.config import ReleasedConfig

MOST = 2**31 - 1
"""What no size and no token id exceeds."""
LAYERS_MOST = 1000
"""What no number of layers exceeds: they are made, without numbers in them, before their memory is counted."""


class Given:
    """A released `config.json`: a key must be there and of its kind, or has a default, which null stands for, too.
    folder: where it stands, if anywhere."""

    def __init__(self, raw: Mapping[str, Any], folder: Path | None = None) -> None:
        self.raw = raw
        self._path = "" if folder is None else str(folder.resolve()).lower()

    def named(self, *signs: str) -> str | None:
        """The one of these words that stands last in the folder's path: what some releases are told apart by. (A hub's
        cache has the name further up.)"""
        found = re.findall(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, signs))})(?![a-z0-9])", self._path)
        return found[-1] if found else None

    def number(self, key: str, default: int | None = None, *, least: int = 0, most: int = MOST) -> int:
        value = self._value(key, default)
        if type(value) is not int or not least <= value <= most:
            raise TypeError(f"{key} is {value!r}, not a whole number from {least} to {most}")
        return value

    def real(self, key: str, default: float | None = None, *, least: float = 0.0) -> float:
        value = self._value(key, default)
        if type(value) not in (int, float) or not least <= value <= sys.float_info.max:  # NaN is neither
            raise TypeError(f"{key} is {value!r}, not a number from {least:g} on")
        return float(value)

    def _value(self, key: str, default: float | None) -> Any:
        value = self.raw.get(key)
        if value is None and default is None:
            raise KeyError(key)
        return default if value is None else value

    def must_be(self, **wanted: Any) -> None:
        """Switches of the makers' code that redraft implements in one position only; a missing one is taken so."""
        for key, value in wanted.items():
            if self.raw.get(key, value) not in (value, None):
                raise ValueError(f"{key} is {self.raw[key]!r}, and redraft has only {value!r}")

    def rope_theta(self, default: float | None) -> float:
        """The base of the rotations, which transformers 5 writes among `rope_parameters`. Raises ValueError where
        anything but that is said of them: redraft scales no positions."""
        for key in ("rope_scaling", "rope_parameters"):
            told = self.raw.get(key)
            plain = {name: x for name, x in told.items() if name != "rope_theta"} if isinstance(told, dict) else told
            if plain not in (None, {}, {"rope_type": "default"}, {"type": "default"}):
                raise ValueError(f"{key} is {told!r}, and redraft has none")
        holder = self if self.raw.get("rope_theta") is not None else Given(self.raw.get("rope_parameters") or {})
        return holder.real("rope_theta", default, least=1)

    @property
    def dtype(self) -> str:
        return str(self.raw.get("torch_dtype") or self.raw.get("dtype") or "bfloat16")


def decoder(
    given: Given, *, mask: int, end: int, mlp: int | None = None, theta: float | None = None, eps: float = 1e-6
) -> ReleasedConfig:
    """What a decoder says that has its sizes under the names that Llama has in transformers; a family adds the rest.

    mask, end, theta, eps: where its own keys are missing. mlp: units of its dense layers, where they have another name.
    """
    given.must_be(hidden_act="silu", use_sliding_window=False)
    heads = given.number("num_attention_heads")
    head_dim = given.number("head_dim", given.number("hidden_size") // heads)
    return ReleasedConfig(
        name="",
        architecture="llama",
        layers=given.number("num_hidden_layers", most=LAYERS_MOST),
        hidden=given.number("hidden_size"),
        heads=heads,
        kv_heads=given.number("num_key_value_heads", heads),
        head_dim=head_dim,
        mlp=given.number("intermediate_size") if mlp is None else mlp,
        vocab=given.number("vocab_size"),
        rope_theta=given.rope_theta(theta),
        norm_eps=given.real("rms_norm_eps", eps),
        context=given.number("max_position_embeddings"),
        control=ControlIds.only(mask=given.number("mask_token_id", mask), eom=given.number("eos_token_id", end)),
        canvas_trained=True,
        rotary=head_dim,
        tied=bool(given.raw.get("tie_word_embeddings")),
        dtype=given.dtype,
        raw=given.raw,
    )
