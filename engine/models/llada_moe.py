"""LLaDA-MoE 7B-A1B (Zhu et al. 2025; `LLaDAMoEModelLM`): an OLMoE-shaped decoder in which every token sees every other.

Experts are chosen by softmax probabilities, which weigh them as they are: they do not sum to one.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from engine.models.layers import ExpertMlp, RoutedDecoder, Source, gated, llama_names, mixed


class LladaMoe(RoutedDecoder):
    def route(self, mlp: ExpertMlp, x: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
        wanted = functional.linear(x.float(), mlp.gate.float()).softmax(dim=-1)
        if mlp.bias is not None:
            wanted = wanted + mlp.bias.float()
        best = wanted.topk(mlp.experts.per_token, dim=-1)
        return best.indices, best.values

    def sources(self) -> dict[str, list[Source]]:
        c, experts, found = self.config, self.config.experts, llama_names(self.config)
        assert experts is not None
        for index in range(c.layers):
            ours, theirs = f"layers.{index}.", f"model.layers.{index}."
            mlp = theirs + "mlp."
            if index not in experts.layers:
                found |= gated(ours + "mlp.", mlp, c.mlp, c.hidden)
                continue
            found |= mixed(ours + "mlp.", mlp, experts, c.hidden)
            found[ours + "mlp.gate"] = [(mlp + "gate.weight", experts.count)]
            if experts.biased:
                found[ours + "mlp.bias"] = [(mlp + "expert_bias", experts.count)]
            if experts.shared:
                found |= gated(ours + "mlp.shared.", theirs + "shared_expert.", experts.shared, c.hidden)
        return found
