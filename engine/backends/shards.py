"""Released weights: which tensor lies in which shard, and how they become the parameters of a decoder.

Only safetensors are read: a header of names, shapes and types, then numbers. Nothing of it can run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.checkpoint import Checkpoint, CheckpointError
from engine.models.layers import Decoder, Linear
from engine.released.config import ReleasedConfig
from engine.released.files import REMEDY

DTYPES = ("float32", "bfloat16", "float16", "int8")
SMALLER = ("bfloat16", "int8")
"""What too little memory is told to choose."""
FLOATS = {"F64", "F32", "F16", "BF16"}
WORKING_TOKENS = 4096
"""Tokens whose keys and values must fit beside the weights."""
WORKSPACE = 256 << 20
"""Bytes for what a forward computes on its way."""
NEVER_NEEDED = "rotary_emb.inv_freq"
"""Some releases keep this table, which follows from `config.json`."""


class Shards:
    """The weight files of a folder, opened and not read. Raises CheckpointError for what is no safetensors file."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self._shard_of: dict[str, Any] = {}
        for name in names:
            try:
                shard = safe_open(folder / name, framework="pt")
            except (SafetensorError, OSError) as error:
                reason = str(error).splitlines()[0]
                raise CheckpointError(f"The shard {folder / name} is damaged ({reason}). {REMEDY}") from None
            self._shard_of |= dict.fromkeys(shard.keys(), shard)
        self._left = set(self._shard_of)

    def __contains__(self, name: str) -> bool:
        return name in self._shard_of

    def take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor of floating-point numbers of that shape. Raises CheckpointError for any other."""
        shard = self._shard_of.get(name)
        if shard is None:
            raise CheckpointError(f"The weights in {self.folder} lack {name}, which config.json asks for. {REMEDY}")
        told = shard.get_slice(name)
        if tuple(told.get_shape()) != shape:
            raise CheckpointError(
                f"{name} in {self.folder} has the shape {tuple(told.get_shape())}, and config.json means {shape}. "
                f"{REMEDY}"
            )
        if told.get_dtype() not in FLOATS:
            raise CheckpointError(
                f"{name} in {self.folder} is stored as {told.get_dtype()}; redraft reads float32, float16 and bfloat16."
            )
        self._left.discard(name)
        return shard.get_tensor(name)

    def finish(self) -> None:
        """Raises CheckpointError when there are tensors that nothing asked for: another architecture's, or more
        layers than `config.json` says."""
        left = sorted(name for name in self._left if not name.endswith(NEVER_NEEDED))
        if left:
            raise CheckpointError(
                f"The weights in {self.folder} hold {len(left)} tensors that config.json has no place for, {left[0]} "
                f"among them. {REMEDY}"
            )


def fill(model: Decoder, shards: Shards, device: str, dtype: str) -> None:
    """Read every parameter of a decoder made on the meta device, tensor by tensor."""
    sources = model.sources()
    for name, weight, scale in allocated(model, device, dtype):
        rows, at = weight.view(-1, weight.shape[-1]) if weight.dim() > 1 else weight, 0
        for tensor, count in sources[name]:
            read = shards.take(tensor, (count, *rows.shape[1:])).to(device)
            if scale is not None:
                rows[at : at + count], scale.view(-1)[at : at + count] = quantized(read)
            else:
                rows[at : at + count] = read
            at += count
    shards.finish()


def random(model: Decoder, device: str, dtype: str) -> Decoder:
    """Numbers of the usual size in place of weights."""
    for _, weight, scale in allocated(model, device, dtype):
        if scale is not None:
            weight.random_(-127, 128)
            scale.fill_(weight.shape[-1] ** -0.5 / 64)
        else:
            weight.normal_(std=weight.shape[-1] ** -0.5)
    return model


def allocated(model: Decoder, device: str, dtype: str) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Memory for one parameter of a decoder made on the meta device after another, and for its scales if it is int8."""
    float_dtype = getattr(torch, model.config.dtype if dtype == "int8" else dtype)
    for name, shaped in list(model.named_parameters()):
        owner = model.get_submodule(name.rpartition(".")[0])
        kept = torch.float32 if stays_float32(name) else float_dtype
        weight = torch.empty(shaped.shape, device=device, dtype=torch.int8 if is_int8(name, owner, dtype) else kept)
        scale = torch.empty(shaped.shape[:-1], device=device) if weight.dtype is torch.int8 else None
        setattr(owner, name.rpartition(".")[2], nn.Parameter(weight, requires_grad=False))
        if scale is not None:
            owner.scale = scale
        yield name, weight, scale


def quantized(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 (rows, columns) and the scale of each row: symmetric, to the nearest."""
    scale = (weight.float().abs().amax(dim=-1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return (weight.float() / scale.unsqueeze(-1)).round().to(torch.int8), scale


def stays_float32(name: str) -> bool:
    """Routers: a rounded score sends a token to another expert."""
    return name.endswith(("mlp.gate", "mlp.bias"))


def is_int8(name: str, owner: nn.Module, dtype: str) -> bool:
    """The matrices but for the head, whose rounding would show in every probability."""
    return dtype == "int8" and isinstance(owner, Linear) and name != "head.weight"


def check_memory(model: Decoder, device: str, dtype: str) -> None:
    """Before anything is read. Raises CheckpointError with the number needed and the ways out."""
    _refuse_if_too_large(model.config, device, dtype, {one: bytes_needed(model, one) for one in {dtype, *SMALLER}})


def check_files(checkpoint: Checkpoint, device: str, dtype: str) -> str:
    """The same for a model whose parameters another library makes: by its files. Returns what it is to be held as."""
    config = checkpoint.config
    assert isinstance(config, ReleasedConfig)
    check_device(device)
    dtype = chosen_dtype(config, dtype, device)
    if dtype == "int8":
        raise CheckpointError(f"redraft has no int8 for {config.architecture}; choose --dtype bfloat16 or float16.")
    numbers = sum(file.bytes for name, file in config.files.items() if name.endswith(".safetensors"))
    numbers //= getattr(torch, config.dtype).itemsize
    sizes = {one: numbers * getattr(torch, one).itemsize for one in {dtype, "bfloat16"}}
    _refuse_if_too_large(config, device, dtype, sizes)
    return dtype


def _refuse_if_too_large(config: ReleasedConfig, device: str, dtype: str, sizes: Mapping[str, int]) -> None:
    free, needed, work = free_bytes(device), sizes[dtype], working_bytes(config)
    if needed + work <= free:
        return
    smaller = {one: size for one in SMALLER if (size := sizes.get(one, needed)) < needed}
    fits = [f"--dtype {one} ({size / 1e9:.1f} GB)" for one, size in smaller.items() if size + work <= free]
    ways = [*fits, "a smaller model", "a device with more memory"]
    hopeless = "" if fits or "int8" not in smaller else f" (not even int8, {smaller['int8'] / 1e9:.1f} GB, would fit)"
    raise CheckpointError(
        f"The weights of {config.name} need {needed / 1e9:.1f} GB as {dtype} and {work / 1e9:.1f} GB to work with, and "
        f"{device} has {free / 1e9:.1f} GB free: choose {', '.join(ways[:-1])} or {ways[-1]}{hopeless}."
    )


def check_device(device: str) -> None:
    """Raises CheckpointError for a device that torch has not here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # torch says what it lacks in many ways
        raise CheckpointError(
            f"torch {torch.__version__} has no device {device!r} here; choose --device cpu, or install a build of "
            "torch for your accelerator."
        ) from None


def bytes_needed(model: Decoder, dtype: str) -> int:
    """What the parameters occupy once loaded."""
    full = getattr(torch, model.config.dtype if dtype == "int8" else dtype).itemsize
    total = 0
    for name, shaped in model.named_parameters():
        if is_int8(name, model.get_submodule(name.rpartition(".")[0]), dtype):
            total += shaped.numel() + 4 * shaped.shape[:-1].numel()
        else:
            total += shaped.numel() * (4 if stays_float32(name) else full)
    return total


def working_bytes(config: ReleasedConfig) -> int:
    """Keys and values of a long context, and room for a forward."""
    each = 2 * config.layers * config.kv_heads * config.head_dim * getattr(torch, config.dtype).itemsize
    return int(min(WORKING_TOKENS, config.context) * each) + WORKSPACE


def free_bytes(device: str) -> int:
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return int(psutil.virtual_memory().available)


def chosen_dtype(config: ReleasedConfig, dtype: str, device: str) -> str:
    """`auto` is what the weights are stored as. Raises CheckpointError for what the device or redraft has not."""
    if dtype not in ("auto", *DTYPES):
        raise CheckpointError(f"There is no dtype {dtype!r}; choose auto, {', '.join(DTYPES)}.")
    if config.dtype not in DTYPES:
        raise CheckpointError(
            f"The weights of {config.name} are stored as {config.dtype!r}, which redraft does not read."
        )
    wanted = config.dtype if dtype == "auto" else dtype
    held = config.dtype if wanted == "int8" else wanted
    on_cuda = torch.device(device).type == "cuda"
    if held == "bfloat16" and on_cuda and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise CheckpointError(
            f"The GPU {torch.cuda.get_device_name(torch.device(device))} has no bfloat16; choose --dtype float16 or "
            "--dtype float32, or --device cpu."
        )
    return wanted
