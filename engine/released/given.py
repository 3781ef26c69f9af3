"""A released `config.json` as it was given: each key read once, as what it has to be."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from engine.canvas import ControlIds
from engine.released.config import ReleasedConfig

MOST = 2**31 - 1
"""What no size and no token id exceeds."""


class Given:
    """A released `config.json`: a key must be there and of its kind, or has a default, which null stands for, too."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def number(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        value = self._value(key, default)
        if type(value) is not int or not least <= value <= MOST:
            raise TypeError(f"{key} is {value!r}, not a whole number from {least} to {MOST}")
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

    def must_not_scale_rope(self) -> None:
        """`rope_scaling` is missing, or says that nothing is scaled."""
        if self.raw.get("rope_scaling") not in (None, {"rope_type": "default"}, {"type": "default"}):
            raise ValueError(f"rope_scaling is {self.raw['rope_scaling']!r}, and redraft has none")

    @property
    def dtype(self) -> str:
        return str(self.raw.get("torch_dtype") or self.raw.get("dtype") or "bfloat16")


def decoder(
    given: Given,
    architecture: str,
    *,
    mask: int,
    end: int,
    mlp: int | None = None,
    theta: float | None = None,
    eps: float = 1e-6,
) -> ReleasedConfig:
    """What a decoder says that has its sizes under the names that Llama has in transformers; a family adds the rest.

    mask, end, theta, eps: where its own keys are missing. mlp: units of its dense layers, where they have another name.
    """
    given.must_not_scale_rope()
    heads = given.number("num_attention_heads")
    head_dim = given.number("head_dim", given.number("hidden_size") // heads)
    return ReleasedConfig(
        name="",
        architecture=architecture,
        layers=given.number("num_hidden_layers"),
        hidden=given.number("hidden_size"),
        heads=heads,
        kv_heads=given.number("num_key_value_heads", heads),
        head_dim=head_dim,
        mlp=given.number("intermediate_size") if mlp is None else mlp,
        vocab=given.number("vocab_size"),
        rope_theta=given.real("rope_theta", theta, least=1),
        norm_eps=given.real("rms_norm_eps", eps),
        context=given.number("max_position_embeddings"),
        control=ControlIds.only(mask=given.number("mask_token_id", mask), eom=given.number("eos_token_id", end)),
        canvas_trained=True,
        rotary=head_dim,
        dtype=given.dtype,
        raw=given.raw,
    )
