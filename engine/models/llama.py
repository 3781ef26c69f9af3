"""Decoders whose tensors are named as Llama's in transformers: shaped as Llama, Qwen2, Qwen3, Qwen3-MoE or OLMoE. Who
sees whom in them is not said here.

Experts are chosen by softmax probabilities, which weigh them as they are or, in SDAR-MoE, made to sum to one.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from engine.models.layers import ExpertMlp, RoutedDecoder, Source, gated, mixed, separate

HEAD = "lm_head.weight"
"""The head. Some releases store it although their config ties it to the embeddings; then it is read all the same."""


class Llama(RoutedDecoder):
    """Biases, norms of heads, experts and a head of its own are there where the config says so."""

    def route(self, mlp: ExpertMlp, x: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
        wanted = functional.linear(x.float(), mlp.gate.float()).softmax(dim=-1)
        weights, chosen = wanted.topk(mlp.experts.per_token, dim=-1)
        return chosen, weights / weights.sum(dim=-1, keepdim=True) if mlp.experts.normalized else weights

    def sources(self) -> dict[str, list[Source]]:
        c = self.config
        found: dict[str, list[Source]] = {
            "embed": [("model.embed_tokens.weight", c.vocab)],
            "norm": [("model.norm.weight", c.hidden)],
        }
        if not c.tied:
            found["head.weight"] = [(HEAD, c.vocab)]
        for index in range(c.layers):
            ours, theirs = f"layers.{index}.", f"model.layers.{index}."
            found |= self._attention(ours, theirs + "self_attn.") | self._mlp(index, ours + "mlp.", theirs + "mlp.")
            found[ours + "attn_norm"] = [(theirs + "input_layernorm.weight", c.hidden)]
            found[ours + "mlp_norm"] = [(theirs + "post_attention_layernorm.weight", c.hidden)]
        return found

    def _attention(self, ours: str, theirs: str) -> dict[str, list[Source]]:
        c = self.config
        found = {ours + "qkv.weight": separate(theirs, c), ours + "out.weight": [(theirs + "o_proj.weight", c.hidden)]}
        if c.qkv_bias:
            found[ours + "qkv_bias"] = separate(theirs, c, "bias")
        if c.qk_norm:
            found |= {f"{ours}{one}_norm": [(f"{theirs}{one}_norm.weight", c.head_dim)] for one in "qk"}
        return found

    def _mlp(self, index: int, ours: str, theirs: str) -> dict[str, list[Source]]:
        c, experts = self.config, self.config.experts
        if experts is None or index not in experts.layers:
            return gated(ours, theirs, c.mlp, c.hidden)
        router: dict[str, list[Source]] = {ours + "gate": [(theirs + "gate.weight", experts.count)]}
        return router | mixed(ours, theirs, experts, c.hidden)
