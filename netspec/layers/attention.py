"""Self-attention as a layer with one input and one output."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from netspec.arguments import Count, Positive, Probability
from netspec.dims import Size, need, product
from netspec.layers.base import Autocast, Example, Family, Layer, Saved, TensorType, TorchCall
from netspec.layers.rotary import Rotary
from netspec.layers.scores import Others, Scores, check_scores, check_window
from netspec.layers.vectors import Parameters, linear_parameters, need_divisor, need_vectors


class SelfAttention(Layer):
    """(L, embed_dim) → (L, embed_dim): every position attends to every position.

    `SelfAttention: {num_heads: 12}` on 197 × 768 gives 197 × 768, in twelve heads of 64. This is
    `nn.MultiheadAttention` with query, key and value the same tensor, the batch first, and only the result given on.
    `num_heads` divides `embed_dim`, unless `head_dim` states the size of a head. Source: Vaswani et al. 2017,
    "Attention Is All You Need".

    `is_causal: true` lets a position attend to itself and those before it, `window: w` beside it to the last w alone.
    `kv_heads` keys and values are shared by groups of `num_heads / kv_heads` queries (Ainslie et al. 2023). `bias` is
    that of all projections, `qkv_bias` that of the first and `out_bias` that of the last, if they differ. Scores are
    multiplied by `scale`, which is head_dim^−½ if left out. `rotary: {base: 10000, layout: half, fraction: 1}` turns
    queries and keys by their position, scaled to longer sequences by `rotary: {rope_type: linear, factor: 4}` or as
    Llama 3.1 does, `rotary: {base: 500000, rope_type: llama3, factor: 8, low_freq_factor: 1, high_freq_factor: 4,
    original_max_position_embeddings: 8192}`. `dropout` is for the scores after softmax.

    `mask: pad` is a value of bool of the shape keys, queries × keys or heads × queries × keys, where True takes part,
    as in `scaled_dot_product_attention`; `bias: b` a value of float32 of such a shape, which is added to the scores. A
    size may be 1. Both combine with each other, `is_causal` and `window`; a query with which nothing takes part gives
    zeros before the last projection. Beside such a `bias`, `qkv_bias` and `out_bias` say of the projections whether
    they have one: `SelfAttention: {num_heads: 8, mask: pad, bias: relative, qkv_bias: false, out_bias: false}`.

    Parameters: embed_dim · head_dim · (2 · num_heads + 2 · kv_heads), which is 4 · embed_dim² without further
    arguments; for the biases (num_heads + 2 · kv_heads) · head_dim + embed_dim.
    MACs: L · those weights for the projections, 2 · L² · num_heads · head_dim for the products of queries, keys and
    values. A mask takes none away: torch counts a causal product whole, and so does netspec.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    scalar: ClassVar[str | None] = "num_heads"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_heads": 12}, (197, 768), (197, 768)),
        Example({"embed_dim": 64, "num_heads": 4, "dropout": 0.1, "bias": False}, (10, 64), (10, 64)),
        Example(
            {"num_heads": 8, "kv_heads": 2, "bias": False, "is_causal": True, "rotary": {"base": 500000}},
            (16, 64),
            (16, 64),
        ),
    )
    tensors: ClassVar[tuple[str, ...]] = ("mask", "bias")
    broadcast: ClassVar[tuple[str, ...]] = tensors
    several_if_asked: ClassVar[bool] = True
    newer: ClassVar[tuple[str, ...]] = ("qkv_bias",)

    embed_dim: Count | None = None
    num_heads: Count
    dropout: Probability = 0.0
    bias: bool = True
    out_bias: bool | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    is_causal: bool = False
    window: Count | None = None
    scale: Positive | None = None
    rotary: Rotary | None = None
    qkv_bias: bool | None = None

    def output(self, x: TensorType) -> TensorType:
        width, heads, groups = need_vectors(self, x, 2, "(length, embed_dim)"), self.num_heads, self._groups
        if self.head_dim is None:
            need_divisor(width, heads, "num_heads")
        need(
            heads % groups == 0,
            lambda: (
                f"`kv_heads: {groups}` does not divide `num_heads: {heads}`: {heads} % {groups} is {heads % groups}"
            ),
            code="invalid-argument",
            at="kv_heads",
            help="each key and value serves the same number of queries",
        )
        check_window(self.window, is_causal=self.is_causal)
        if self.rotary is not None:
            self.rotary.check(self._size(x), -1)
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        y = self.output(x)
        told = (f"`num_heads` is {self.num_heads}", "{given}", "{given}")
        for what in ("mask", "bias"):
            sizes = (self.num_heads, x.shape[0], x.shape[0])
            check_scores("SelfAttention", what, others.get(what, ()), sizes, told, 0)
        return (y,)

    @property
    def _groups(self) -> int:
        """The number of keys and values."""
        return self.num_heads if self.kv_heads is None else self.kv_heads

    @property
    def _plain(self) -> bool:
        """Whether it is `nn.MultiheadAttention` itself."""
        further = (
            self.qkv_bias, self.out_bias, self.kv_heads, self.head_dim, self.window, self.scale, self.rotary,
        )  # fmt: skip
        return not self.is_causal and all(value is None for value in further)

    def _size(self, x: TensorType) -> Size:
        """The size of a head."""
        return x.shape[-1] // self.num_heads if self.head_dim is None else self.head_dim

    def parameters(self, x: TensorType) -> Parameters:
        d, size = x.shape[-1], self._size(x)
        rows = size * (self.num_heads + 2 * self._groups)
        weight: Parameters = {"in_proj_weight": (rows, d)}
        out = linear_parameters(
            "out_proj", size * self.num_heads, d, self.bias if self.out_bias is None else self.out_bias
        )
        with_bias = self.bias if self.qkv_bias is None else self.qkv_bias
        return weight | ({"in_proj_bias": (rows,)} if with_bias else {}) | out

    def macs(self, x: TensorType) -> Size:
        length, d = x.shape
        size = self._size(x)
        return length * size * (d * 2 * (self.num_heads + self._groups) + length * 2 * self.num_heads)

    def saved(self, x: TensorType) -> Saved:
        if not self._plain:
            return self._saved_in_groups(x, {})
        # a copy of the input, queries, keys and values, the result, and a number for each row of the scores
        whole, rows = product(x.shape) * 5, x.shape[0] * self.num_heads
        if not 0 < self.dropout < 1:
            return Saved(extra=whole + rows)
        # on a CPU attention with dropout is computed step by step: scores, mask, product, and copies for the matrices
        return Saved(extra=whole + rows, cpu=rows * x.shape[0] * 3 + product(x.shape) * 2 - rows)

    def saved_of_all(
        self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], learned: Collection[str] = ()
    ) -> Saved:
        return self._saved_in_groups(x, others, learned) if others else self.saved(x)

    def _saved_in_groups(self, x: TensorType, others: Others, learned: Collection[str] = ()) -> Saved:
        """What `GroupedQueryAttention` keeps."""
        length, size, shared = x.shape[0], self._size(x), self._groups < self.num_heads
        mask, bias = (others[name][0] if name in others else None for name in self.tensors)
        near = self.window is not None or (self.is_causal and (mask is not None or bias is not None))
        masks = () if mask is None else (mask,)
        scores = Scores(self.num_heads, length, length, masks, bias, near, "bias" in learned)
        queries, keys = scores.rows * size, length * self._groups * size
        # the projections, as far as attention uses them where they lie; turned queries and keys; keys and values for
        # each query; the result
        projected = 0 if self.rotary is not None and shared else queries + keys * 2
        turned = 0 if self.rotary is None else queries + keys
        angles = 0 if self.rotary is None else length * self.rotary.turned(size)
        # of one head the values need no copy: the projections are kept whole, where they lie
        copied = queries * 3 if self.num_heads > 1 else queries * 5
        kept = scores.kept(projected + turned + (queries * 2 if shared else 0), copied, self.dropout)
        return kept._replace(input=True, extra=kept.extra + queries, statistics=kept.statistics + angles)

    def call(self, x: TensorType) -> TorchCall:
        if self._plain:
            arguments = self.arguments(x)
            kept = ("embed_dim", "num_heads", "dropout", "bias")
            return TorchCall("SelfAttention", {name: arguments[name] for name in kept}, "netspec.torch.attention")
        return self.call_of_all(x)

    def call_of_all(self, x: TensorType) -> TorchCall:
        rotary = None if self.rotary is None else self.rotary.model_dump()
        arguments = self.arguments(x) | {"rotary": rotary}
        return TorchCall("GroupedQueryAttention", arguments, "netspec.torch.attention")
