"""LLaDA2.0, 2.1 and 2.2 (Bie et al. 2025, 2026; `LLaDA2MoeModelLM`): a Ling-2.0 decoder under a block-causal mask.

Queries and keys are normalized head by head before half of their dimensions are rotated; the first layer is dense, the
others mix experts chosen by sigmoid scores within the best groups (2.0, 2.1) or within a pool that the tokens of a
block share (2.2, report section 2.2).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.layers import ExpertMlp, RoutedDecoder, Source, gated, mixed
from engine.released.config import Experts


class Llada2(RoutedDecoder):
    """Rows route on their own, but for LLaDA2.2, whose rows of one block (`blocks`) must travel in one forward."""

    def route(self, mlp: ExpertMlp, x: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
        assert mlp.bias is not None
        scores = functional.linear(x.float(), mlp.gate.float()).sigmoid()
        wanted = scores + mlp.bias.float()
        allowed = in_pool(wanted, blocks, mlp.experts) if mlp.experts.capacity else in_best_groups(wanted, mlp.experts)
        chosen = wanted.masked_fill(~allowed, -torch.inf).topk(mlp.experts.per_token, dim=-1).indices
        weights = scores.gather(1, chosen)
        if mlp.experts.per_token > 1:
            weights = weights / (weights.sum(dim=-1, keepdim=True) + 1e-20)
        return chosen, weights * mlp.experts.scale

    def sources(self) -> dict[str, list[Source]]:
        c, experts = self.config, self.config.experts
        assert experts is not None
        found: dict[str, list[Source]] = {
            "embed": [("model.word_embeddings.weight", c.vocab)],
            "norm": [("model.norm.weight", c.hidden)],
            "head.weight": [("lm_head.weight", c.vocab)],
        }
        for index in range(c.layers):
            ours, theirs = f"layers.{index}.", f"model.layers.{index}."
            mlp = theirs + "mlp."
            found |= {
                ours + "attn_norm": [(theirs + "input_layernorm.weight", c.hidden)],
                ours + "mlp_norm": [(theirs + "post_attention_layernorm.weight", c.hidden)],
                ours + "qkv.weight": [
                    (theirs + "attention.query_key_value.weight", (c.heads + 2 * c.kv_heads) * c.head_dim)
                ],
                ours + "q_norm": [(theirs + "attention.query_layernorm.weight", c.head_dim)],
                ours + "k_norm": [(theirs + "attention.key_layernorm.weight", c.head_dim)],
                ours + "out.weight": [(theirs + "attention.dense.weight", c.hidden)],
            }
            if index not in experts.layers:
                found |= gated(ours + "mlp.", mlp, c.mlp, c.hidden)
                continue
            found |= mixed(ours + "mlp.", mlp, experts, c.hidden) | {
                ours + "mlp.gate": [(mlp + "gate.weight", experts.count)],
                ours + "mlp.bias": [(mlp + "gate.expert_bias", experts.count)],
            }
            if experts.shared:
                found |= gated(ours + "mlp.shared.", mlp + "shared_experts.", experts.shared, c.hidden)
        return found


def in_best_groups(wanted: Tensor, experts: Experts) -> Tensor:
    """Experts of the groups whose two best scores are highest together: bool (T, experts)."""
    groups = wanted.unflatten(-1, (experts.groups, -1))
    best = groups.topk(min(2, groups.shape[-1]), dim=-1).values.sum(dim=-1).topk(experts.top_groups, dim=-1).indices
    allowed = torch.zeros_like(groups[..., 0], dtype=torch.bool).scatter_(1, best, True)
    return allowed.unsqueeze(-1).expand_as(groups).flatten(1)


def in_pool(wanted: Tensor, blocks: Tensor, experts: Experts) -> Tensor:
    """The `capacity` experts that any token of a row's block wants most: bool (T, experts)."""
    by_block = wanted.new_full(wanted.shape, -torch.inf)  # as many blocks as rows at most
    by_block = by_block.scatter_reduce(0, blocks.unsqueeze(-1).expand_as(wanted), wanted, "amax")
    best = by_block.topk(experts.capacity, dim=-1).indices
    return torch.zeros_like(wanted, dtype=torch.bool).scatter_(1, best, True)[blocks]
