"""Checkpoints as their makers release them: what their `config.json` says, in redraft's words. No torch.

A released folder holds `config.json`, a tokenizer (TOKENIZERS) and `model.safetensors`, whole or in shards with
`model.safetensors.index.json`. Its own code (`auto_map`, `modeling_*.py`) is never run: an architecture is one of
FAMILIES or it is refused. A section `"redraft"` in `config.json` may say what the makers' keys have no word for:

    "redraft": {"prompt": "chat", "editing": false, "modes": {"speedy": {"fill_threshold": 0.95}}}
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine.canvas import ABSENT, ControlIds
from engine.checkpoint import CheckpointError, File, ModelConfig
from engine.mode import Mode, Modes

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt", "tokenizer_config.json"))
"""The files of a tokenizer, as `engine/tokenizer.py` reads them."""
POINTER = b"version https://git-lfs.github.com/spec/"
PROMPTS = ("in-place", "suffix-first", "chat")
MOST = 2**31 - 1
"""What no size and no token id exceeds."""
CONTEXT_LEAST = 4096
"""Positions for the longest prompt of any form and the longest text that is scored after it (`infill/local.py`)."""
REMEDY = "Name another folder, or get the checkpoint again."


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts (Shazeer et al. 2017). layers: those that have one; the others are dense.

    count experts of `hidden` units, `per_token` chosen by each token; shared: units of the expert that every token
    passes, or 0. groups, top_groups: experts stand in groups, and only those of the best groups can be chosen. scale:
    of the chosen experts' weights. capacity: experts that the tokens of one block may choose among (LLaDA2.2), or 0.
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


@dataclass(frozen=True, slots=True)
class ReleasedConfig(ModelConfig):
    """What a released `config.json` says besides.

    block: tokens of a block that sees itself and the blocks before it, counted from the start of the text; 0: every
    token sees every other, so nothing can be cached exactly. rotary: how many dimensions of a head are rotated.
    qk_norm: heads' queries and keys are normalized. qkv_bias: queries, keys and values have a bias. shifted: what is
    said of a token stands in the row before it. experts: None where every layer is dense. dtype: what the weights are
    stored as. chat: what stands before the request and before the answer in the model's chat form. around: what stands
    before and behind all text where it is filled in place. taught: positions of the longest text that its makers
    trained it on, where that is less than `context`, or 0. raw: all of `config.json`.
    """

    block: int = 0
    rotary: int = 0
    qk_norm: bool = False
    qkv_bias: bool = False
    shifted: bool = False
    experts: Experts | None = None
    dtype: str = "bfloat16"
    chat: tuple[str, str] = ("", "")
    around: tuple[str, str] = ("", "")
    taught: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict)


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
        config = family(_Given(raw))
        if config.architecture == "llada2" and "llada2.0" in str(folder.resolve()).lower():
            config = _llada20(config)
        config = _with_ours(config, raw.get("redraft", {}))
        _check(config)
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        told = {KeyError: f"it has no {error}", ZeroDivisionError: "one of its sizes is 0"}.get(type(error), str(error))
        raise CheckpointError(f"{folder / 'config.json'} does not describe a {name} model: {told}. {REMEDY}") from None
    files = {file: File((folder / file).stat().st_size, "") for file in _files(folder)}
    return replace(config, name=folder.resolve().name, quantization=config.dtype, files=files)


def read_config(raw: Mapping[str, Any], name: str) -> ReleasedConfig:
    """A released `config.json` of a shape that nobody has weights of. Raises ValueError, KeyError."""
    config = replace(FAMILIES[_architecture(raw)](_Given(raw)), name=name)
    _check(config)
    return config


def _architecture(raw: Mapping[str, Any]) -> str:
    """The name under which FAMILIES may know a released `config.json`."""
    names = raw.get("architectures")
    classes = [str(name) for name in names] if isinstance(names, list) else []
    if "LLaDAMoEModelLM" in classes:  # released with LLaDA's `model_type`
        return "llada_moe"
    return str(raw.get("model_type") or " ".join(classes))


def shards(folder: Path) -> list[str]:
    """The names of the weight files; a whole one is preferred, as transformers does. Raises CheckpointError when there
    are none, or one is missing."""
    index = folder / INDEX
    if (folder / WEIGHTS).is_file():
        return [WEIGHTS]
    if not index.is_file():
        raise CheckpointError(_without_weights(folder))
    _refuse_pointer(index)
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{index} cannot be read ({error}). {REMEDY}") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index} names a file outside the folder ({name!r}). {REMEDY}")
        if not (folder / name).is_file():
            raise CheckpointError(f"The model in {folder} lacks its shard {name}. {REMEDY}")
    return names


def _without_weights(folder: Path) -> str:
    """What there is in place of weights, in one sentence."""
    shard, pickled = (
        next((path.name for path in sorted(folder.glob(pattern))), None) for pattern in ("*.safetensors", "*.bin")
    )
    if shard is not None:
        return f"The weights in {folder} are in shards ({shard}) without their {INDEX}; get that file, too."
    if pickled is not None:
        return (
            f"The weights in {folder} are pickled ({pickled}), which can run code when it is read, so redraft does "
            "not; get the checkpoint as safetensors."
        )
    return f"The model in {folder} has no weights ({WEIGHTS}). {REMEDY}"


def _refuse_pointer(path: Path) -> None:
    """Raises CheckpointError for the few lines that stand in a clone for a file which Git LFS keeps elsewhere."""
    with path.open("rb") as stream:
        if stream.read(len(POINTER)) == POINTER:
            raise CheckpointError(
                f"{path} is not the file itself but its Git LFS pointer; install git-lfs and run `git lfs pull` there."
            )


def _files(folder: Path) -> list[str]:
    tokenizer = next((each for each in TOKENIZERS if all((folder / name).is_file() for name in each)), None)
    if tokenizer is None:
        raise CheckpointError(f"The model in {folder} lacks its tokenizer.json. {REMEDY}")
    names = [*tokenizer, *shards(folder)]
    for name in names:
        _refuse_pointer(folder / name)
    return names


# ---- the families


class _Given:
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


ROLES = (
    "<role>SYSTEM</role>detailed thinking off<|role_end|><role>HUMAN</role>",
    "<|role_end|><role>ASSISTANT</role>",
)
"""The chat form of LLaDA2.x and LLaDA-MoE, as SGLang's documentation and the makers' dInfer write it."""


def _llada2(given: _Given) -> ReleasedConfig:
    """LLaDA2.0, 2.1 and 2.2 (`LLaDA2MoeModelLM`): block-causal, a Ling-2.0 decoder with another mask.

    LLaDA2.2 is the one with `expert_capacity`, and the only one that knows INSERT and DELETE.
    """
    given.must_be(
        hidden_act="silu", use_bias=False, use_qkv_bias=False, use_qk_norm=True,
        score_function="sigmoid", tie_word_embeddings=False, norm_head=False, norm_topk_prob=True,
        use_sliding_window=False,
    )  # fmt: skip
    given.must_not_scale_rope()
    layers, heads = given.number("num_hidden_layers"), given.number("num_attention_heads")
    head_dim = given.number("head_dim", given.number("hidden_size") // heads)
    block, capacity = given.number("block_size", 32, least=1), given.number("expert_capacity", 0)
    experts = Experts(
        layers=frozenset(range(given.number("first_k_dense_replace", 0), layers)),
        count=given.number("num_experts"),
        per_token=given.number("num_experts_per_tok"),
        hidden=given.number("moe_intermediate_size"),
        shared=given.number("num_shared_experts", 0) * given.number("moe_intermediate_size"),
        groups=given.number("n_group", 1),
        top_groups=given.number("topk_group", 1),
        scale=given.real("routed_scaling_factor", 1.0),
        capacity=capacity,
        biased=True,
    )
    control = ControlIds.only(
        mask=given.number("mask_token_id", 156895),
        eom=given.number("eos_token_id", 156892),
        insert=given.number("insert_token_id", 156931) if capacity else ABSENT,
        delete=given.number("delete_token_id", 156930) if capacity else ABSENT,
    )
    return ReleasedConfig(
        name="",
        architecture="llada2",
        layers=layers,
        hidden=given.number("hidden_size"),
        heads=heads,
        kv_heads=given.number("num_key_value_heads", heads),
        head_dim=head_dim,
        mlp=given.number("intermediate_size"),
        vocab=given.number("vocab_size"),
        rope_theta=given.real("rope_theta", least=1),
        norm_eps=given.real("rms_norm_eps", 1e-6),
        context=given.number("max_position_embeddings"),
        control=control,
        prompt="chat",
        block=block,
        canvas_trained=True,
        editing_trained=True,
        modes={mode: {"block": block} for mode in ("speedy", "quality")},
        chat=ROLES,
        rotary=int(head_dim * given.real("partial_rotary_factor", 1.0)),
        qk_norm=True,
        experts=experts,
        dtype=given.dtype,
        raw=given.raw,
    )


def _llada20(config: ReleasedConfig) -> ReleasedConfig:
    """LLaDA2.0 was not trained to edit, and its `config.json` does not tell it from 2.1's: only its name does."""
    modes = {mode: {**settings, "fill_threshold": 0.95} for mode, settings in config.modes.items()}
    return replace(config, editing_trained=False, modes=modes)


LENGTHS = (2, 4, 6, 8, 12, 16, 24, 32)
FILLING: Mapping[str, Mapping[str, Any]] = {
    "speedy": {"fill_threshold": 0.9, "lengths": LENGTHS},
    "quality": {"fill_threshold": 0.95, "lengths": LENGTHS},
}
"""For weights that fill in place and never edit. What is written stays, so it must be surer (0.9 is Fast-dLLM's, 0.95
LLaDA2.0's published threshold); and a hole of the wrong length cannot be mended, so its length is looked for."""


def _llada(given: _Given) -> ReleasedConfig:
    """LLaDA 1.0 and 1.5 8B (`LLaDAModelLM`): a Llama-shaped decoder without any mask."""
    given.must_be(
        block_type="llama", layer_norm_type="rms", activation_type="silu", rope=True, alibi=False,
        include_bias=False, include_qkv_bias=False, bias_for_layer_norm=False, attention_layer_norm=False,
        input_emb_norm=False, weight_tying=False, scale_logits=False, block_group_size=1, multi_query_attention=None,
    )  # fmt: skip
    heads, hidden = given.number("n_heads"), given.number("d_model")
    rows = given.number("embedding_size", 0) or given.number("vocab_size")
    return ReleasedConfig(
        name="",
        architecture="llada",
        layers=given.number("n_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=given.number("n_kv_heads", 0) or heads,
        head_dim=hidden // heads,
        mlp=given.number("mlp_hidden_size", 0) or hidden * given.number("mlp_ratio"),
        vocab=rows,
        rope_theta=given.real("rope_theta", 10000.0, least=1),
        norm_eps=given.real("rms_norm_eps", 1e-5),
        context=given.number("max_sequence_length"),
        control=ControlIds.only(mask=given.number("mask_token_id", 126336), eom=given.number("eos_token_id", 126081)),
        prompt="in-place",
        canvas_trained=True,
        modes=FILLING,
        chat=(
            "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n",
            "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        rotary=hidden // heads,
        dtype=given.dtype,
        raw=given.raw,
    )


def _llada_moe(given: _Given) -> ReleasedConfig:
    """LLaDA-MoE 7B-A1B (`LLaDAMoEModelLM`): OLMoE-shaped, without any mask."""
    given.must_be(
        hidden_act="silu", attention_bias=False, clip_qkv=None, tie_word_embeddings=False,
        moe_router_score_function="softmax", routed_scaling_factor=1, norm_topk_prob=False,
    )  # fmt: skip
    given.must_not_scale_rope()
    layers, heads = given.number("num_hidden_layers"), given.number("num_attention_heads")
    head_dim = given.number("hidden_size") // heads
    sparse = given.raw.get("moe_layer_freq") or [1] * layers
    if not isinstance(sparse, list) or len(sparse) != layers:
        raise ValueError(f"moe_layer_freq is {sparse!r}, not a list of num_hidden_layers ({layers}) entries")
    experts = Experts(
        layers=frozenset(index for index, one in enumerate(sparse) if one),
        count=given.number("num_experts"),
        per_token=given.number("num_experts_per_tok"),
        hidden=given.number("expert_intermediate_size"),
        shared=given.number("shared_expert_intermediate_size", 0),
        biased=bool(given.raw.get("moe_router_enable_expert_bias")),
    )
    rotated = given.real("partial_rotary_factor", 1.0) or 1.0
    return ReleasedConfig(
        name="",
        architecture="llada_moe",
        layers=layers,
        hidden=given.number("hidden_size"),
        heads=heads,
        kv_heads=given.number("num_key_value_heads", heads),
        head_dim=head_dim,
        mlp=given.number("dense_intermediate_size", 0),
        vocab=given.number("vocab_size"),
        rope_theta=given.real("rope_theta", least=1),
        norm_eps=given.real("rms_norm_eps", 1e-5),
        context=given.number("max_position_embeddings"),
        control=ControlIds.only(mask=given.number("mask_token_id", 156895), eom=given.number("eos_token_id", 156892)),
        prompt="in-place",
        canvas_trained=True,
        modes=FILLING,
        chat=ROLES,
        rotary=int(head_dim * rotated),
        qk_norm=bool(given.raw.get("qk_layernorm")),
        experts=experts,
        dtype=given.dtype,
        raw=given.raw,
    )


RESIZING: Mapping[str, Mapping[str, Any]] = {
    mode: {**settings, "lengths": (64,), "indel": True} for mode, settings in FILLING.items()
}
"""For weights that make a hole longer and shorter (DreamOn): of all lengths to begin with, the longest is published to
be right most often."""
TAUGHT_BY_DREAM = 2048
"""Positions, by Dream's README; its `config.json` keeps the number of the Qwen2.5 that it was made from."""


def _dream(given: _Given) -> ReleasedConfig:
    """Dream 7B, Dream-Coder, DiffuCoder and DreamOn (`DreamModel`): Qwen2.5-shaped, without any mask. Each row says the
    token after it, as in the weights that they were made from.

    DreamOn is the one with `expand_token_id`, which makes a mask two: INSERT. Its DELETE is the end of a text.
    """
    given.must_be(
        hidden_act="silu", tie_word_embeddings=False, use_sliding_window=False, use_mrope=False, block_size=None
    )
    given.must_not_scale_rope()
    heads, hidden = given.number("num_attention_heads"), given.number("hidden_size")
    resizes, end = given.raw.get("expand_token_id") is not None, given.number("eos_token_id", 151643)
    return ReleasedConfig(
        name="",
        architecture="dream",
        layers=given.number("num_hidden_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=given.number("num_key_value_heads", heads),
        head_dim=hidden // heads,
        mlp=given.number("intermediate_size"),
        vocab=given.number("vocab_size"),
        rope_theta=given.real("rope_theta", 10000.0, least=1),
        norm_eps=given.real("rms_norm_eps", 1e-6),
        context=given.number("max_position_embeddings"),
        control=ControlIds.only(
            mask=given.number("mask_token_id", 151666),
            eom=end,
            insert=given.number("expand_token_id", ABSENT) if resizes else ABSENT,
            delete=end if resizes else ABSENT,
        ),
        prompt="in-place",
        canvas_trained=True,
        modes=RESIZING if resizes else FILLING,
        chat=("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"),
        around=("<|beginoftext|>", "<|endoftext|>"),
        taught=TAUGHT_BY_DREAM,
        rotary=hidden // heads,
        qkv_bias=True,
        shifted=True,
        dtype=given.dtype,
        raw=given.raw,
    )


def _gemma(given: _Given) -> ReleasedConfig:
    """DiffusionGemma (`DiffusionGemmaForBlockDiffusion`): transformers reads the rest of its `config.json` itself.

    It has no mask token; its padding, which is never text either, marks the slots that are open.
    """
    text = _Given(given.raw["text_config"])
    ends = text.raw.get("eos_token_id", 1)
    return ReleasedConfig(
        name="",
        architecture="diffusion_gemma",
        layers=text.number("num_hidden_layers"),
        hidden=text.number("hidden_size"),
        heads=text.number("num_attention_heads"),
        kv_heads=text.number("num_key_value_heads"),
        head_dim=text.number("head_dim"),
        mlp=text.number("intermediate_size"),
        vocab=text.number("vocab_size"),
        rope_theta=0.0,
        norm_eps=text.real("rms_norm_eps", 1e-6),
        context=text.number("max_position_embeddings"),
        control=ControlIds.only(
            mask=text.number("pad_token_id", 0), eom=int(ends[0] if isinstance(ends, list) else ends)
        ),
        prompt="chat",
        canvas_trained=True,
        modes={mode: {"fill_threshold": -1.0} for mode in ("speedy", "quality")},  # its sampler has decided
        chat=("<bos><|turn>user\n", "<turn|>\n<|turn>model\n"),
        rotary=text.number("head_dim"),
        dtype=given.dtype,
        raw=given.raw,
    )


FAMILIES: Mapping[str, Callable[[_Given], ReleasedConfig]] = {
    "Dream": _dream,
    "diffusion_gemma": _gemma,
    "llada": _llada,
    "lladamoe": _llada_moe,
    "llada_moe": _llada_moe,
    "llada2_moe": _llada2,
    "llada21_moe": _llada2,
}
"""`model_type` of a released `config.json` -> its reader."""


def _with_ours(config: ReleasedConfig, ours: Any) -> ReleasedConfig:
    """The `redraft` section over the family's defaults."""
    if not isinstance(ours, dict) or not ours.keys() <= {"prompt", "editing", "modes"}:
        raise ValueError('its section "redraft" may hold prompt, editing and modes')
    prompt = ours.get("prompt", config.prompt)
    if prompt not in PROMPTS:
        raise ValueError(f"prompt is {prompt!r} and must be one of {', '.join(PROMPTS)}")
    if prompt == "in-place" and (config.block or config.architecture == "diffusion_gemma"):
        raise ValueError("prompt is 'in-place', but its attention does not see what stands right of the canvas")
    known = {one.name for one in fields(Mode)} - {"name", "block", "causal", "lengths"}
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
