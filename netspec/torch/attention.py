"""Attention that torch lacks as a module, on `scaled_dot_product_attention`. The Python emitter copies what a network
uses, so nothing here depends on another file.

Masks and biases are (N, S), (N, L, S) or (N, heads, L, S) for queries of length L and keys of length S; any size may be
1. In a mask True takes part; a bias is added to the scores. A query with which nothing takes part gives zeros.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


def scaled_turns(turns: Tensor, rotary: dict[str, float | str]) -> Tensor:
    """Turns for each position, in radians, scaled to longer sequences: all of them, or those of which few are made in
    the length of before."""
    factor = float(rotary["factor"])
    if rotary["rope_type"] == "linear":
        return turns / factor
    low, high = float(rotary["low_freq_factor"]), float(rotary["high_freq_factor"])
    rounds = int(rotary["original_max_position_embeddings"]) / (2 * torch.pi / turns)
    kept = ((rounds - low) / (high - low)).clamp(0, 1)
    return (1 - kept) * turns / factor + kept * turns


def rotate(x: Tensor, rotary: dict[str, float | str]) -> Tensor:
    """Vectors (N, L, heads, size) turned by their positions: coordinate i of the first `fraction` of each by
    base^(−2i / rotated), in pairs of neighbours or of the two halves."""
    size = round(x.shape[-1] * float(rotary["fraction"]))
    positions = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
    exponents = torch.arange(0, size, 2, device=x.device, dtype=torch.float32) / size
    turns = 1.0 / float(rotary["base"]) ** exponents
    if "rope_type" in rotary:
        turns = scaled_turns(turns, rotary)
    angles = torch.outer(positions, turns).unsqueeze(1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    y, rest = torch.split_with_sizes(x, (size, x.shape[-1] - size), -1)
    interleaved = rotary["layout"] == "interleaved"
    a, b = (y[..., ::2], y[..., 1::2]) if interleaved else torch.chunk(y, 2, -1)
    pair = (a * cos - b * sin, b * cos + a * sin)
    y = torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)
    return torch.cat((y, rest), -1) if size < x.shape[-1] else y


def over_heads(x: Tensor) -> Tensor:
    """A mask or bias as (N, heads, L, S): (N, S) is the same for all queries, (N, L, S) for all heads."""
    return x[:, None, None] if x.dim() == 2 else x.unsqueeze(1) if x.dim() == 3 else x


def attention_mask(
    scores: tuple[int, int],
    device: torch.device,
    mask: Tensor | None,
    bias: Tensor | None,
    is_causal: bool,
    window: int | None,
) -> Tensor | None:
    """The `attn_mask` that says all of these: which of the S keys each of the L queries sees, or what is added to the
    scores (L, S); None if nothing is left to say. With a window a query sees that many keys, its own the last."""
    seen = None if mask is None else over_heads(mask)
    if window is not None or (is_causal and (mask is not None or bias is not None)):
        near = torch.ones(scores, dtype=torch.bool, device=device).tril()
        near = near if window is None else near.triu(1 - window)
        seen = near if seen is None else seen & near
    if bias is None:
        return seen
    return over_heads(bias) if seen is None else over_heads(bias).masked_fill(~seen, float("-inf"))


class SelfAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` of a sequence on itself: (N, L, D) → (N, L, D)."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__(embed_dim, num_heads, dropout=dropout, bias=bias, batch_first=True)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # on itself: one value
        return super().forward(x, x, x, need_weights=False)[0]


class GroupedQueryAttention(nn.Module):
    """Attention of a sequence on itself, (N, L, D) → (N, L, D), in num_heads heads that share kv_heads keys and values.

    The keys are those of `nn.MultiheadAttention`: `in_proj_weight` has queries, keys and values one below the other.
    With `rotary` queries and keys are turned by angles that grow with the position.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        out_bias: bool | None = None,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        is_causal: bool = False,
        window: int | None = None,
        scale: float | None = None,
        rotary: dict[str, float | str] | None = None,
        qkv_bias: bool | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.kv_heads = num_heads if kv_heads is None else kv_heads
        self.head_dim = embed_dim // num_heads if head_dim is None else head_dim
        self.dropout = dropout
        self.is_causal = is_causal
        self.window = window
        self.scale = scale
        self.rotary = rotary
        rows = (num_heads + 2 * self.kv_heads) * self.head_dim
        self.in_proj_weight = nn.Parameter(torch.empty(rows, embed_dim))
        with_bias = bias if qkv_bias is None else qkv_bias
        self.in_proj_bias = nn.Parameter(torch.empty(rows)) if with_bias else None
        self.out_proj = nn.Linear(num_heads * self.head_dim, embed_dim, bias if out_bias is None else out_bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj.reset_parameters()
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:  # pyright: ignore[reportUnnecessaryComparison]  # a Linear without bias has None
                nn.init.zeros_(bias)

    def forward(self, x: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        rows = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        heads = rows.view(*x.shape[:2], -1, self.head_dim)
        both, value = torch.split_with_sizes(heads, (self.num_heads + self.kv_heads, self.kv_heads), 2)
        if self.rotary is not None:
            both = rotate(both, self.rotary)
        query, key = torch.split_with_sizes(both, (self.num_heads, self.kv_heads), 2)
        if self.kv_heads < self.num_heads:
            shared = self.num_heads // self.kv_heads
            key, value = key.repeat_interleave(shared, 2), value.repeat_interleave(shared, 2)
        length = x.shape[1]
        attn_mask = attention_mask((length, length), x.device, mask, bias, self.is_causal, self.window)
        y = nn.functional.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=attn_mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.is_causal and attn_mask is None,
            scale=self.scale,
        )
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"num_heads={self.num_heads}, kv_heads={self.kv_heads}, head_dim={self.head_dim}"


def multihead(
    module: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    is_causal: bool = False,
) -> Tensor:
    """What the first result of this module is, batch first, for masks of any example and any head, where True takes no
    part; numbers in `attn_mask` are added to the scores."""
    heads: int = module.num_heads
    packed = module.in_proj_weight  # None where key or value are of another width
    weights: tuple[Tensor, ...] = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    if packed is not None:  # pyright: ignore[reportUnnecessaryComparison]  # torch's stubs leave None out
        weights = torch.chunk(packed, 3)
    biases = (None,) * 3 if module.in_proj_bias is None else torch.chunk(module.in_proj_bias, 3)  # pyright: ignore[reportUnnecessaryComparison]  # it may be None
    q, k, v = (
        nn.functional.linear(x, weight, bias).reshape(*x.shape[:2], heads, -1).transpose(1, 2)
        for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
    )
    mask = None if key_padding_mask is None else ~over_heads(key_padding_mask)
    bias = attn_mask
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        seen = ~over_heads(attn_mask)
        mask, bias = seen if mask is None else mask & seen, None
    hidden = attention_mask((q.shape[2], k.shape[2]), q.device, mask, bias, is_causal, None)
    y = nn.functional.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=hidden,
        dropout_p=module.dropout if module.training else 0.0,
        is_causal=is_causal and hidden is None,
    )
    return module.out_proj(y.transpose(1, 2).flatten(2))


class CrossAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` of a query on a key and a value, (N, L, D), (N, S, kdim) and (N, S, vdim) → (N, L, D).

    The masks are torch's, where True takes no part: `key_padding_mask` (N, S), `attn_mask` (N, L, S) or
    (N, heads, L, S), whose numbers, if it has some, are added to the scores; any size may be 1.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
    ) -> None:
        super().__init__(embed_dim, num_heads, dropout, bias, kdim=kdim, vdim=vdim, batch_first=True)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch returns a pair
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        return multihead(self, query, key, value, key_padding_mask, attn_mask)


class Attend(nn.Module):
    """Attention of what the first branch makes of x on what the second (keys) and the third (values) make of it.

    The branches give (N, L, heads · size), cut into heads here, or (N, heads, L, size). `mask` and `bias` are branches
    too. The result is (N, L, heads · size), heads side by side. Branches in `constant`
    may give a batch axis of 1.
    """

    def __init__(
        self,
        *branches: nn.Module,
        mask: nn.Module | None = None,
        bias: nn.Module | None = None,
        heads: int | None = None,
        kv_heads: int | None = None,
        is_causal: bool = False,
        scale: float | None = None,
        window: int | None = None,
        rotary: dict[str, float | str] | None = None,
        dropout: float = 0.0,
        constant: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.mask = mask
        self.bias = bias
        self.heads = heads
        self.kv_heads = kv_heads
        self.is_causal = is_causal
        self.scale = scale
        self.window = window
        self.rotary = rotary
        self.dropout = dropout
        self.constant = constant

    def split(self, results: list[Tensor]) -> list[Tensor]:
        """Query, key and value as (N, heads, L, size)."""
        query, *others = results
        heads = self.heads or (query.shape[1] if query.dim() == 4 else 1)
        groups = self.kv_heads or next((y.shape[1] for y in others if y.dim() == 4), heads)
        counts = (heads, groups, groups)
        return [
            y if y.dim() == 4 else y.reshape(*y.shape[:2], count, -1).transpose(1, 2)
            for y, count in zip(results, counts, strict=True)
        ]

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """(N, L, heads · size)."""
        results = [branch(x, *values) for branch in self.branches]
        mask = None if self.mask is None else self.mask(x, *values)
        bias = None if self.bias is None else self.bias(x, *values)
        if self.constant:
            batch = max(y.shape[0] for y in (*results, mask, bias) if y is not None)
            results = [y.expand(batch, *y.shape[1:]) if i in self.constant else y for i, y in enumerate(results)]
        query, key, value = self.split(results)
        if self.rotary is not None:
            query, key = (rotate(y.transpose(1, 2), self.rotary).transpose(1, 2) for y in (query, key))
        if key.shape[1] < query.shape[1]:
            shared = query.shape[1] // key.shape[1]
            key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
        scores = (query.shape[2], key.shape[2])
        attn_mask = attention_mask(scores, x.device, mask, bias, self.is_causal, self.window)
        y = nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attn_mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.is_causal and attn_mask is None,
            scale=self.scale,
        )
        return y.transpose(1, 2).flatten(2)


class MaskedEncoderLayer(nn.TransformerEncoderLayer):
    """`nn.TransformerEncoderLayer`, batch first, with masks of any example; in those True takes no part."""

    def __init__(self, *args: Any, is_causal: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        self.is_causal = is_causal

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # whether it is causal is said once
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None
    ) -> Tensor:
        def seen(x: Tensor) -> Tensor:
            y = multihead(self.self_attn, x, x, x, src_key_padding_mask, src_mask, self.is_causal)
            return self.dropout1(y)

        if self.norm_first:
            x = src + seen(self.norm1(src))
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(src + seen(src))
        return self.norm2(x + self._ff_block(x))


class MaskedEncoder(nn.TransformerEncoder):
    """`nn.TransformerEncoder` of such layers."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # likewise
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class MaskedDecoderLayer(nn.TransformerDecoderLayer):
    """`nn.TransformerDecoderLayer`, batch first, with masks of any example; in those True takes no part."""

    def __init__(self, *args: Any, tgt_is_causal: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        self.tgt_is_causal = tgt_is_causal

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # whether it is causal is said once
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
    ) -> Tensor:
        def seen(x: Tensor) -> Tensor:
            y = multihead(self.self_attn, x, x, x, tgt_key_padding_mask, tgt_mask, self.tgt_is_causal)
            return self.dropout1(y)

        def remembered(x: Tensor) -> Tensor:
            y = multihead(self.multihead_attn, x, memory, memory, memory_key_padding_mask, memory_mask)
            return self.dropout2(y)

        if self.norm_first:
            x = tgt + seen(self.norm1(tgt))
            x = x + remembered(self.norm2(x))
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(tgt + seen(tgt))
        x = self.norm2(x + remembered(x))
        return self.norm3(x + self._ff_block(x))


class MaskedDecoder(nn.TransformerDecoder):
    """`nn.TransformerDecoder` of such layers."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # likewise
        self, tgt: Tensor, memory: Tensor, *masks: Tensor | None
    ) -> Tensor:
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks)
        return tgt if self.norm is None else self.norm(tgt)


class MaskedTransformer(nn.Transformer):
    """`nn.Transformer`, batch first, of such an encoder and decoder."""

    def __init__(
        self, d_model: int, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6, *,
        src_is_causal: bool = False, tgt_is_causal: bool = False, **shared: Any,
    ) -> None:  # fmt: skip
        first = MaskedEncoderLayer(d_model, nhead, is_causal=src_is_causal, **shared)
        encoder = MaskedEncoder(first, num_encoder_layers, deepcopy(first.norm1), enable_nested_tensor=False)
        layer = MaskedDecoderLayer(d_model, nhead, tgt_is_causal=tgt_is_causal, **shared)
        decoder = MaskedDecoder(layer, num_decoder_layers, deepcopy(layer.norm1))
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
            d_model, nhead, custom_encoder=encoder, custom_decoder=decoder, batch_first=True
        )

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # likewise
        self, src: Tensor, tgt: Tensor, *masks: Tensor | None
    ) -> Tensor:
        src_mask, tgt_mask, memory_mask, src_padding, tgt_padding, memory_padding = (*masks, *(None,) * 6)[:6]
        memory = self.encoder(src, src_mask, src_padding)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_padding, memory_padding)
