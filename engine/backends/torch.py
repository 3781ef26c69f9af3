"""The torch backend: the compact model's module in float32, on a processor or an accelerator."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.checkpoint import Checkpoint, ModelConfig
from engine.forward import TOP_K, Output, Rows, check
from engine.models.compact import CompactModel


class TorchForward:
    """`Forward` over a `CompactModel`; keys and values are tensors on the model's device."""

    def __init__(self, model: CompactModel) -> None:
        self.config: ModelConfig = model.config
        self._model: CompactModel | None = model.eval()
        self._device = model.embed.device

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str = "cpu") -> TorchForward:
        """Read `model.safetensors` of a folder in full precision."""
        model = CompactModel(checkpoint.config)
        model.load_state_dict(load_file(checkpoint.path("model.safetensors"), device=device), assign=True)
        return cls(model)

    def new_kv(self, slots: int) -> Tensor:
        c = self.config
        return torch.zeros(c.layers, 2, c.kv_heads, slots, c.head_dim, device=self._device)

    @torch.inference_mode()
    def __call__(self, rows: Rows, past: Tensor) -> Output:
        assert self._model is not None, "closed"
        check(rows, self.config)
        ids, positions, canvas, bias, asked, targets = (
            torch.from_numpy(array).to(self._device)
            for array in (rows.ids, rows.positions, rows.canvas, rows.bias, rows.head_rows, rows.targets)
        )
        hidden, kv = self._model.hidden(ids[None], positions[None], canvas[None], bias[None], past[None])
        logprobs = self._model.logits(hidden[0, asked]).log_softmax(dim=-1)
        top = logprobs.topk(TOP_K, dim=-1)
        return Output(
            top_ids=top.indices.cpu().numpy(),
            top_probs=top.values.exp().cpu().numpy(),
            target_logprobs=logprobs.gather(1, targets).cpu().numpy(),
            kv=kv[0],
        )

    def close(self) -> None:
        self._model = None
