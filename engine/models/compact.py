"""The compact model: a Llama-shaped decoder (Touvron et al. 2023; the base is SmolLM2-135M) plus one canvas vector.

RMSNorm, rotary positions (halves rotated against each other), grouped-query attention, SwiGLU, tied embeddings. What
makes it a stream-and-canvas model is only the additive attention bias and the vector that canvas slots add to their
input embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.checkpoint import ModelConfig


class CompactModel(nn.Module):
    """`hidden` runs the layers, `logits` the tied head. N sequences of T rows over S cached slots."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Parameter(torch.empty(config.vocab, config.hidden))
        self.canvas = nn.Parameter(torch.zeros(config.hidden))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.hidden))

    def hidden(
        self, ids: Tensor, positions: Tensor, canvas: Tensor, bias: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Last hidden states (N, T, hidden), normalized, and the rows' keys and values (N, layers, 2, kv_heads, T, d).

        ids, positions: (N, T). canvas: bool (N, T). bias: (N, T, S + T), added to scaled scores. past: (N, layers, 2,
        kv_heads, S, d).
        """
        x = functional.embedding(ids, self.embed) + canvas.unsqueeze(-1) * self.canvas
        rotation = rotary(positions, self.config.head_dim, self.config.rope_theta)
        kv = []
        for index, layer in enumerate(self.layers):
            x, new = layer(x, rotation, bias.unsqueeze(1), None if past is None else past[:, index])
            kv.append(new)
        return rms_norm(x, self.norm, self.config.norm_eps), torch.stack(kv, dim=1)

    def forward(
        self, ids: Tensor, positions: Tensor, canvas: Tensor, blocks: Tensor, bias: Tensor | None, past: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`hidden` for one bag of rows, as a backend has it (`engine/forward.py`); blocks mean nothing here."""
        bias = past.new_zeros(len(ids), past.shape[-2] + len(ids)) if bias is None else bias
        hidden, kv = self.hidden(ids[None], positions[None], canvas[None], bias[None], past[None])
        return hidden[0], kv[0]

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary for hidden states (..., hidden)."""
        return functional.linear(hidden, self.embed)


class Layer(nn.Module):
    """Attention, then a gated MLP, each on the normalized residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        heads, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.attn_norm = nn.Parameter(torch.ones(config.hidden))
        self.qkv = nn.Parameter(torch.empty(heads + 2 * kv, config.hidden))
        self.out = nn.Parameter(torch.empty(config.hidden, heads))
        self.mlp_norm = nn.Parameter(torch.ones(config.hidden))
        self.gate_up = nn.Parameter(torch.empty(2 * config.mlp, config.hidden))
        self.down = nn.Parameter(torch.empty(config.hidden, config.mlp))

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], bias: Tensor, past: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        q, k, v = self.heads(x, rotation)
        new = torch.stack((k, v), dim=1)
        keys, values = (new if past is None else torch.cat((past, new), dim=3)).unbind(1)
        attended = functional.scaled_dot_product_attention(q, keys, values, attn_mask=bias, enable_gqa=True)
        return self.finish(x, attended), new

    def heads(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries (N, heads, T, d) and keys, and values (N, kv_heads, T, d each), of x (N, T, hidden)."""
        c = self.config
        qkv = functional.linear(rms_norm(x, self.attn_norm, c.norm_eps), self.qkv)
        q, k, v = (
            part.unflatten(-1, (-1, c.head_dim)).transpose(1, 2)
            for part in qkv.split([c.heads * c.head_dim, c.kv_heads * c.head_dim, c.kv_heads * c.head_dim], dim=-1)
        )
        return rotate(q, *rotation), rotate(k, *rotation), v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """x (N, T, hidden) plus what its heads attended to (N, heads, T, d), plus what the MLP makes of both."""
        x = x + functional.linear(attended.transpose(1, 2).flatten(2), self.out)
        gate, up = functional.linear(rms_norm(x, self.mlp_norm, self.config.norm_eps), self.gate_up).chunk(2, dim=-1)
        return x + functional.linear(functional.silu(gate) * up, self.down)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x scaled to root mean square 1 (Zhang & Sennrich 2019), times a learned gain."""
    return functional.rms_norm(x, (x.shape[-1],), weight, eps)


def rotary(positions: Tensor, dims: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine (..., 1, T, dims / 2), for all heads, of the rotation of each pair at positions (..., T) (Su et
    al. 2021)."""
    exponents = torch.arange(0, dims, 2, device=positions.device, dtype=torch.float64) / dims
    angles = (positions.to(torch.float64).unsqueeze(-1) / theta**exponents).unsqueeze(-3)
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Element i of the first half and of the second half are one pair."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
