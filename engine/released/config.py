"""What a released `config.json` says, in redraft's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.checkpoint import ModelConfig

CONTEXT_LEAST = 4096
"""Positions for the longest prompt of any form and the longest text that is scored after it (`infill/local.py`)."""
CHATML = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
"""The chat form of Qwen and of what was made of it."""


def filling(speedy: float = 0.9, quality: float = 0.95, **settings: Any) -> Mapping[str, Mapping[str, Any]]:
    """The modes of weights that never edit: what is written stays, so it must be surer. speedy, quality: fill
    thresholds, Fast-dLLM's and LLaDA2.0's where the makers published none; 1: one token a step."""
    return {"speedy": {"fill_threshold": speedy, **settings}, "quality": {"fill_threshold": quality, **settings}}


FILLING = filling(lengths=(2, 4, 6, 8, 12, 16, 24, 32))
"""For those that fill a hole in place: one of the wrong length cannot be mended, so its length is looked for."""


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts (Shazeer et al. 2017). layers: those that have one; the others are dense.

    count experts of `hidden` units, `per_token` chosen by each token; shared: units of the expert that every token
    passes, or 0. groups, top_groups: experts stand in groups, and only those of the best groups can be chosen. scale:
    of the chosen experts' weights. normalized: these weights sum to one. capacity: experts that the tokens of one block
    may choose among (LLaDA2.2), or 0. biased: a bias is added to the scores that experts are chosen by.
    """

    layers: frozenset[int]
    count: int
    per_token: int
    hidden: int
    shared: int = 0
    groups: int = 1
    top_groups: int = 1
    scale: float = 1.0
    capacity: int = 0
    biased: bool = False
    normalized: bool = False


@dataclass(frozen=True, slots=True)
class ReleasedConfig(ModelConfig):
    """What a released `config.json` says besides.

    block: tokens of a block that sees itself and the blocks before it, counted from the start of the text; 0: every
    token sees every other, so nothing can be cached exactly. rotary: how many dimensions of a head are rotated.
    qk_norm: heads' queries and keys are normalized. qkv_bias: queries, keys and values have a bias. shifted: what is
    said of a token stands in the row before it. tied: the embeddings are the head, unless a head of its own is among
    the weights. experts: None where every layer is dense. dtype: what the weights are stored as. chat: what stands
    before the request and before the answer in the model's chat form. around: what stands before and behind all text
    where it is filled in place. taught: positions of the longest text that its makers trained it on, where that is less
    than `context`, or 0. raw: all of `config.json`.
    """

    block: int = 0
    rotary: int = 0
    qk_norm: bool = False
    qkv_bias: bool = False
    shifted: bool = False
    tied: bool = False
    experts: Experts | None = None
    dtype: str = "bfloat16"
    chat: tuple[str, str] = ("", "")
    around: tuple[str, str] = ("", "")
    taught: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict)
