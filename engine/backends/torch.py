"""The torch backend, on a processor or an accelerator: the compact model's module, and the released decoders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.backends import shards
from engine.checkpoint import REMEDY, Checkpoint, CheckpointError, ModelConfig
from engine.forward import TOP_K, Output, Rows, check
from engine.models.compact import CompactModel
from engine.models.layers import Decoder
from engine.models.llada import Llada
from engine.models.llada2 import Llada2
from engine.models.llama import HEAD, Llama
from engine.released.config import ReleasedConfig
from engine.released.files import WEIGHTS

DECODERS: dict[str, type[Decoder]] = {"llada": Llada, "llada2": Llada2, "llama": Llama}


class TorchForward:
    """`Forward` over a module; keys and values are tensors on the model's device, in its precision."""

    def __init__(self, model: Any) -> None:
        self.config: ModelConfig = model.config
        self._model: nn.Module | None = model.eval()
        self._device, self._dtype = model.embed.device, model.embed.dtype

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto") -> TorchForward:
        """Read the weights of a folder: ours in full precision, released ones as `dtype` says (auto: as stored).

        Raises CheckpointError with one sentence for weights that are not what `config.json` says, and for too little
        memory before any weight is read.
        """
        shards.check_device(device)
        if isinstance(checkpoint.config, ReleasedConfig):
            return cls(_released(checkpoint, checkpoint.config, device, dtype))
        if dtype not in ("auto", "float32"):
            raise CheckpointError(f"The weights of {checkpoint.config.name} run in float32 on torch, not in {dtype}.")
        model = CompactModel(checkpoint.config)
        path = checkpoint.path(WEIGHTS)
        try:
            model.load_state_dict(load_file(path, device=device), assign=True)
        except (SafetensorError, RuntimeError) as error:
            told = " ".join(str(error).split())[:200]
            raise CheckpointError(f"{path} does not hold the weights of config.json ({told}). {REMEDY}") from None
        return cls(model)

    @classmethod
    def random(cls, config: ReleasedConfig, device: str, dtype: str) -> TorchForward:
        """A model of this shape with random weights, made where it runs: for measuring."""
        shards.check_device(device)
        return cls(shards.random(_empty(config, device, shards.chosen_dtype(config, dtype, device)), device, dtype))

    @property
    def runs_on(self) -> str:
        """The device, and what the weights are held as."""
        device = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else str(self._device)
        return f"torch {torch.__version__} on {device}, {str(self._dtype).removeprefix('torch.')}"

    def bytes_read_at_most(self) -> int:
        """What a forward reads of the weights when every expert is chosen by some row: all but the embeddings."""
        assert self._model is not None, "closed"
        held = [*self._model.named_parameters(), *self._model.named_buffers()]
        head = isinstance(self.config, ReleasedConfig) and self.config.tied
        return sum(one.numel() * one.element_size() for name, one in held if name != "embed" or head)

    def new_kv(self, slots: int) -> Tensor:
        c = self.config
        return torch.zeros(c.layers, 2, c.kv_heads, slots, c.head_dim, device=self._device, dtype=self._dtype)

    @torch.inference_mode()
    def __call__(self, rows: Rows, past: Tensor) -> Output:
        """Raises ValueError, with one sentence, besides for numbers that are not finite: a cache that keeps them spoils
        later answers, too, because a hidden slot's weight is 0, and 0 times NaN is NaN."""
        assert self._model is not None, "closed"
        check(rows, self.config)
        ids, positions, canvas, blocks, asked, targets = (
            torch.from_numpy(array).to(self._device)
            for array in (rows.ids, rows.positions, rows.canvas, rows.blocks, rows.head_rows, rows.targets)
        )
        bias = torch.from_numpy(rows.bias).to(self._device) if rows.bias.any() else None
        hidden, kv = self._model(ids, positions, canvas, blocks, bias, past)
        logprobs = self._model.logits(hidden[asked]).float().log_softmax(dim=-1)
        top = logprobs.topk(TOP_K, dim=-1)
        if not bool(kv.isfinite().all() & top.values.isfinite().all()):
            raise ValueError(_not_finite(self._dtype))
        return Output(
            top_ids=top.indices.cpu().numpy(),
            top_probs=top.values.exp().cpu().numpy(),
            target_logprobs=logprobs.gather(1, targets).cpu().numpy(),
            kv=kv,
        )

    def close(self) -> None:
        self._model = None


def _not_finite(held: torch.dtype) -> str:
    remedy = "choose --dtype bfloat16 or --dtype float32" if held is torch.float16 else "get the checkpoint again"
    return f"The model computed numbers that are not finite in {str(held).removeprefix('torch.')}; {remedy}."


def _released(checkpoint: Checkpoint, config: ReleasedConfig, device: str, dtype: str) -> Decoder:
    dtype = shards.chosen_dtype(config, dtype, device)
    weights = shards.Shards(checkpoint.folder, [name for name in config.files if name.endswith(".safetensors")])
    model = _empty(replace(config, tied=config.tied and HEAD not in weights), device, dtype)
    shards.fill(model, weights, device, dtype)
    return model


def _empty(config: ReleasedConfig, device: str, dtype: str) -> Decoder:
    """The decoder without its numbers. Raises CheckpointError when they would not fit."""
    with torch.device("meta"):
        model = DECODERS[config.architecture](config)
    shards.check_memory(model, device, dtype)
    return model
