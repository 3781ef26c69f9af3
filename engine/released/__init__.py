"""Checkpoints as their makers release them: what their `config.json` says, in redraft's words. No torch.

A released folder holds `config.json`, a tokenizer and weights (`files.py`). Its own code (`auto_map`, `modeling_*.py`)
is never run: an architecture is one of FAMILIES or it is refused. A section `"redraft"` in `config.json` may say what
the makers' keys have no word for:

    "redraft": {"prompt": "chat", "editing": false, "modes": {"speedy": {"fill_threshold": 0.95}}}

A family is a reader, which takes a `Given` (each key read once, as what it has to be) and returns a `ReleasedConfig`
(what the engine must know: who sees whom, which row says a token, how it is asked). A new one whose tensors are named
as Llama's needs nothing else: `decoder` reads the sizes, and the reader replaces what makes the family; `coda.py` is
one for weights that fill in place, `stable_diffcoder.py` for such as write block by block. Then it gets a line in
FAMILIES, a tiny checkpoint in `tests/engine/tiny.py`, its place in the tests of `tests/engine/test_families.py` and a
row in `benchmarks/families.py`. Other names of tensors, or another router, are a file in `engine/models`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from engine.canvas import ControlIds
from engine.checkpoint import CheckpointError, File
from engine.mode import Mode, Modes
from engine.released.coda import coda
from engine.released.config import CONTEXT_LEAST, ReleasedConfig
from engine.released.dream import dream
from engine.released.fast_dllm import fast_dllm
from engine.released.files import REMEDY, needed
from engine.released.gemma import gemma
from engine.released.given import Given
from engine.released.llada import llada, llada_moe
from engine.released.llada2 import llada2
from engine.released.open_dcoder import open_dcoder
from engine.released.sdar import sdar, sdar_moe
from engine.released.stable_diffcoder import stable_diffcoder
from engine.released.tiny_a2d import tiny_a2d

FAMILIES: Mapping[str, Callable[[Given], ReleasedConfig]] = {
    "CoDA": coda,
    "Dream": dream,
    "Fast_dLLM_Qwen": fast_dllm,
    "LLaDAMoEModelLM": llada_moe,
    "SeedDiffcoderForCausalLM": stable_diffcoder,
    "StableDiffcoderForCausalLM": stable_diffcoder,
    "a2d-qwen2": tiny_a2d,
    "a2d-qwen3": tiny_a2d,
    "diffusion_gemma": gemma,
    "llada": llada,
    "lladamoe": llada_moe,
    "llada_moe": llada_moe,
    "llada2_moe": llada2,
    "llada21_moe": llada2,
    "qwen2": open_dcoder,
    "sdar": sdar,
    "sdar_moe": sdar_moe,
}
"""What a released `config.json` is known by -> its reader: its `model_type`, or its class where that is another model's
(LLaDA-MoE is released as a LLaDA, Stable-DiffCoder as a plain Llama)."""
PROMPTS = ("in-place", "suffix-first", "chat")


def is_released(raw: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is a released one: ours names its format's version."""
    return "format_version" not in raw and ("model_type" in raw or "architectures" in raw)


def read(folder: Path, raw: Mapping[str, Any]) -> ReleasedConfig:
    """The description of a released checkpoint and its files. Raises CheckpointError with one sentence."""
    name = _architecture(raw)
    family = FAMILIES.get(name)
    if family is None:
        code = ", and it never runs the code that a checkpoint brings along" if "auto_map" in raw else ""
        raise CheckpointError(
            f"The model in {folder} is of the architecture {name!r}, which redraft does not know{code}; it knows "
            f"{', '.join(sorted(FAMILIES))}."
        )
    try:
        config = _with_ours(family(Given(raw, folder)), raw.get("redraft", {}))
        _check(config)
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        told = {KeyError: f"it has no {error}", ZeroDivisionError: "one of its sizes is 0"}.get(type(error), str(error))
        raise CheckpointError(
            f"{folder / 'config.json'} is not of a {name} that redraft can run: {told}. {REMEDY}"
        ) from None
    files = {file: File((folder / file).stat().st_size, "") for file in needed(folder)}
    return replace(config, name=folder.resolve().name, quantization=config.dtype, files=files)


def read_config(raw: Mapping[str, Any], name: str) -> ReleasedConfig:
    """A released `config.json` of a shape that nobody has weights of. Raises ValueError, KeyError."""
    config = replace(FAMILIES[_architecture(raw)](Given(raw)), name=name)
    _check(config)
    return config


def _architecture(raw: Mapping[str, Any]) -> str:
    """The name under which FAMILIES may know a released `config.json`: of a class, in `architectures` or `auto_map`, if
    that is one of them."""
    names, code = raw.get("architectures"), raw.get("auto_map")
    classes = [str(name) for name in names] if isinstance(names, list) else []
    brought = [str(name).rpartition(".")[2] for name in code.values()] if isinstance(code, dict) else []
    known = next((name for name in [*classes, *brought] if name in FAMILIES), None)
    return known or str(raw.get("model_type") or " ".join(classes))


def _with_ours(config: ReleasedConfig, ours: Any) -> ReleasedConfig:
    """The `redraft` section over the family's defaults."""
    if not isinstance(ours, dict) or not ours.keys() <= {"prompt", "editing", "modes"}:
        raise ValueError('its section "redraft" may hold prompt, editing and modes')
    prompt = ours.get("prompt", config.prompt)
    if prompt not in PROMPTS:
        raise ValueError(f"prompt is {prompt!r} and must be one of {', '.join(PROMPTS)}")
    if prompt == "in-place" and (config.block or config.architecture == "diffusion_gemma"):
        raise ValueError("prompt is 'in-place', but its attention does not see what stands right of the canvas")
    known = {one.name for one in fields(Mode)} - {"name", "block", "parts", "causal", "lengths"}
    modes = {mode: dict(settings) for mode, settings in config.modes.items()}
    control = config.control
    if config.prompt == "in-place" != prompt:  # a text that goes on has no length
        control = ControlIds.only(control.mask, control.eom)
        modes = {
            mode: {name: x for name, x in settings.items() if name not in ("lengths", "indel")}
            for mode, settings in modes.items()
        }
    for mode, settings in ours.get("modes", {}).items():
        if mode not in ("speedy", "quality") or not settings.keys() <= known:
            raise ValueError(f"modes may set {', '.join(sorted(known))} of speedy and quality")
        modes.setdefault(mode, {}).update(settings)
    Modes.of(canvas_trained=True, editing_trained=True, overrides=modes)
    editing = ours.get("editing", config.editing_trained)
    if not isinstance(editing, bool):
        raise ValueError(f"editing is {editing!r} and must be true or false")
    return replace(config, prompt=prompt, editing_trained=editing, modes=modes, control=control)


def _check(config: ReleasedConfig) -> None:
    """What contradicts itself before any weight is read. Raises ValueError."""
    sizes = ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocab", "context")
    for name in sizes:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} is {getattr(config, name)}")
    if config.context < CONTEXT_LEAST:
        raise ValueError(f"it has {config.context} positions, and what is asked about long files needs {CONTEXT_LEAST}")
    if config.block > CONTEXT_LEAST:
        raise ValueError(f"its blocks of {config.block} tokens are longer than any text that is asked about")
    if config.heads % config.kv_heads:
        raise ValueError(f"{config.heads} heads cannot share {config.kv_heads} keys")
    if not 0 < config.rotary <= config.head_dim or config.rotary % 2:
        raise ValueError(f"{config.rotary} of {config.head_dim} dimensions cannot be rotated in pairs")
    if config.control.mask == config.control.eom:
        raise ValueError(f"token {config.control.mask} is its mask and its end; mask_token_id and eos_token_id differ")
    outside = [i for i in config.control.never_text if i >= config.vocab]
    if outside:
        raise ValueError(f"token {max(outside)} lies outside its vocabulary of {config.vocab}; mask_token_id and "
                         "eos_token_id must say where they are")  # fmt: skip
    if (e := config.experts) is None:
        return
    if e.count % e.groups or not 1 <= e.top_groups <= e.groups or e.count // e.groups * e.top_groups < e.per_token:
        raise ValueError(
            f"{e.per_token} of {e.count} experts cannot be chosen from {e.top_groups} of {e.groups} groups"
        )
    if not 1 <= e.per_token <= (e.capacity or e.count) <= e.count:
        raise ValueError(f"{e.per_token} of {e.count} experts cannot be chosen within a capacity of {e.capacity}")
