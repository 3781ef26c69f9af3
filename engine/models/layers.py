"""What the released decoders are made of. Rows of one forward are a matrix (T, hidden); there is no batch dimension.

A matrix may be held as int8 with one scale a row (`backends/shards.py` says which): half the memory of bfloat16, the
same products up to the rounding of the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.compact import rms_norm, rotary, rotate
from engine.released.config import Experts, ReleasedConfig

Source = tuple[str, int]
"""A released tensor, and how many rows of our parameter it gives."""
Route = Callable[["ExpertMlp", Tensor, Tensor], tuple[Tensor, Tensor]]
"""Rows (T, hidden) and their blocks (T,) -> the experts each is sent to (T, K) and their weights (T, K), float32."""


def empty(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape), requires_grad=False)


class Linear(nn.Module):
    """y = W x for the last dimension; W is (rows, columns), or one such matrix an expert."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = empty(*shape)
        self.register_buffer("scale", None)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight if self.scale is None else scaled(self.weight, self.scale, x.dtype))

    def grouped(self, x: Tensor, ends: Tensor) -> Tensor:
        """Expert e times rows ends[e-1] to ends[e] of x, in one product: (N, columns) -> (N, rows)."""
        if self.scale is None:
            return functional.grouped_mm(x, self.weight.transpose(1, 2), offs=ends)
        used = torch.diff(ends, prepend=ends.new_zeros(1)).nonzero().squeeze(1)  # the others stay int8
        weight = scaled(self.weight[used], self.scale[used], x.dtype)
        return functional.grouped_mm(x, weight.transpose(1, 2), offs=ends[used])


def scaled(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """int8 (..., rows, columns) times the scales (..., rows) of its rows: what the weights were. This comes before any
    product, because one with numbers up to 127 soon leaves the range of float16."""
    return weight * scale.to(dtype).unsqueeze(-1)


class GatedMlp(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, hidden: int, units: int) -> None:
        super().__init__()
        self.gate_up, self.down = Linear(2 * units, hidden), Linear(hidden, units)

    def forward(self, x: Tensor, blocks: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(functional.silu(gate) * up)


class ExpertMlp(nn.Module):
    """A mixture of gated MLPs. `route` chooses; the products of all experts with their rows are two grouped ones."""

    def __init__(self, hidden: int, experts: Experts, route: Route) -> None:
        super().__init__()
        self.experts, self._route = experts, route
        self.gate = empty(experts.count, hidden)
        self.bias = empty(experts.count) if experts.biased else None
        self.gate_up = Linear(experts.count, 2 * experts.hidden, hidden)
        self.down = Linear(experts.count, hidden, experts.hidden)
        self.shared = GatedMlp(hidden, experts.shared) if experts.shared else None

    def forward(self, x: Tensor, blocks: Tensor) -> Tensor:
        chosen, weights = self._route(self, x, blocks)
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        counts = flat.new_zeros(self.experts.count).scatter_add_(0, flat, torch.ones_like(flat))
        ends = counts.cumsum(0).to(torch.int32)
        gate, up = self.gate_up.grouped(x[order // chosen.shape[1]], ends).chunk(2, dim=-1)
        out = self.down.grouped(functional.silu(gate) * up, ends)
        by_row = torch.empty_like(out)
        by_row[order] = out
        mixed = (by_row.unflatten(0, chosen.shape).to(weights.dtype) * weights.unsqueeze(-1)).sum(dim=1).to(x.dtype)
        return mixed if self.shared is None else mixed + self.shared(x, blocks)


class Layer(nn.Module):
    """Attention, then an MLP or experts, each on the normalized residual stream."""

    def __init__(self, config: ReleasedConfig, mlp: nn.Module) -> None:
        super().__init__()
        self.config, self.mlp = config, mlp
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.attn_norm, self.mlp_norm = empty(config.hidden), empty(config.hidden)
        self.qkv, self.out = Linear(queries + 2 * keys, config.hidden), Linear(config.hidden, queries)
        self.qkv_bias = empty(queries + 2 * keys) if config.qkv_bias else None
        self.q_norm = empty(config.head_dim) if config.qk_norm else None
        self.k_norm = empty(config.head_dim) if config.qk_norm else None

    def forward(
        self, x: Tensor, blocks: Tensor, rotation: tuple[Tensor, Tensor], bias: Tensor | None, past: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x: (T, hidden). past: (2, kv_heads, S, head_dim). Returns x and the rows' own keys and values."""
        c = self.config
        qkv = self.qkv(rms_norm(x, self.attn_norm, c.norm_eps))
        qkv = qkv if self.qkv_bias is None else qkv + self.qkv_bias
        q, k, v = qkv.unflatten(-1, (-1, c.head_dim)).transpose(0, 1).split([c.heads, c.kv_heads, c.kv_heads])
        if self.q_norm is not None and self.k_norm is not None:
            q, k = rms_norm(q, self.q_norm, c.norm_eps), rms_norm(k, self.k_norm, c.norm_eps)
        q, k = (torch.cat((rotate(h[..., : c.rotary], *rotation), h[..., c.rotary :]), dim=-1) for h in (q, k))
        new = torch.stack((k, v))
        keys, values = torch.cat((past, new), dim=2).unsqueeze(1) if past.shape[2] else new.unsqueeze(1)
        attended = functional.scaled_dot_product_attention(
            q.unsqueeze(0), keys, values, attn_mask=bias, enable_gqa=c.heads != c.kv_heads
        )
        x = x + self.out(attended[0].transpose(0, 1).flatten(1))
        return x + self.mlp(rms_norm(x, self.mlp_norm, c.norm_eps), blocks), new


class Decoder(nn.Module, ABC):
    """A released decoder: what every architecture has. Each says which tensors its parameters are read from."""

    def __init__(self, config: ReleasedConfig) -> None:
        super().__init__()
        self.config = config
        self.embed, self.norm = empty(config.vocab, config.hidden), empty(config.hidden)
        self.layers = nn.ModuleList(Layer(config, self.mlp(index)) for index in range(config.layers))
        self.head = None if config.tied else Linear(config.vocab, config.hidden)

    def mlp(self, index: int) -> nn.Module:
        """The MLP of a layer."""
        return GatedMlp(self.config.hidden, self.config.mlp)

    @abstractmethod
    def sources(self) -> dict[str, list[Source]]:
        """For every parameter the released tensors whose rows, one after another, are its rows."""

    def forward(
        self, ids: Tensor, positions: Tensor, canvas: Tensor, blocks: Tensor, bias: Tensor | None, past: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Last hidden states (T, hidden), normalized, and the rows' keys and values (layers, 2, kv_heads, T, d).

        ids, positions, blocks: (T,). bias: (T, S + T), added to the scaled scores, or None when every row sees every
        slot. past: (layers, 2, kv_heads, S, d). canvas is for models that mark a draft.
        """
        x = functional.embedding(ids, self.embed)
        rotation = rotary(positions, self.config.rotary, self.config.rope_theta)
        bias = None if bias is None else bias.to(x.dtype)
        kv = []
        for index, layer in enumerate(self.layers):
            x, new = layer(x, blocks, rotation, bias, past[index])
            kv.append(new)
        return rms_norm(x, self.norm, self.config.norm_eps), torch.stack(kv)

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.embed) if self.head is None else self.head(hidden)


class RoutedDecoder(Decoder):
    """A decoder some of whose layers mix experts."""

    def mlp(self, index: int) -> nn.Module:
        """The MLP or the experts of a layer."""
        c = self.config
        if c.experts is not None and index in c.experts.layers:
            return ExpertMlp(c.hidden, c.experts, self.route)
        return super().mlp(index)

    @abstractmethod
    def route(self, mlp: ExpertMlp, x: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Which experts each row is sent to, and with which weights (`Route`)."""


# ---- where parameters are read from


def separate(theirs: str, config: ReleasedConfig, kind: str = "weight") -> list[Source]:
    """The tensors of queries, keys and values, which some releases keep apart; kind: weight or bias."""
    heads = {"q": config.heads, "k": config.kv_heads, "v": config.kv_heads}
    return [(f"{theirs}{part}_proj.{kind}", count * config.head_dim) for part, count in heads.items()]


def gated(ours: str, theirs: str, units: int, hidden: int) -> dict[str, list[Source]]:
    """The tensors of a gated MLP."""
    return {
        ours + "gate_up.weight": [(f"{theirs}{part}_proj.weight", units) for part in ("gate", "up")],
        ours + "down.weight": [(f"{theirs}down_proj.weight", hidden)],
    }


def mixed(ours: str, theirs: str, experts: Experts, hidden: int) -> dict[str, list[Source]]:
    """The tensors of all experts."""
    return {
        ours + "gate_up.weight": [
            (f"{theirs}experts.{expert}.{part}_proj.weight", experts.hidden)
            for expert in range(experts.count)
            for part in ("gate", "up")
        ],
        ours + "down.weight": [
            (f"{theirs}experts.{expert}.down_proj.weight", hidden) for expert in range(experts.count)
        ],
    }
