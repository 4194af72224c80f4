"""Self-attention as a layer with one input and one output."""

from __future__ import annotations

from math import isqrt
from typing import Annotated, Any, ClassVar, Literal

from netspec.arguments import Arguments, Count, Counts2, Naturals2, OneOrTwo, Positive, Probability, spread
from netspec.dims import UNKNOWN, Shape, Size, need, product, same
from netspec.kinds import number
from netspec.layers.base import Autocast, Example, Family, Layer, Saved, TensorType, TorchCall

Parameters = dict[str, Shape]
Fraction = Annotated[float, number("a number above 0 and at most 1", "a number in (0, 1]", above=0, high=1)]


def _linear(prefix: str, inputs: Size, outputs: Size, bias: bool = True) -> Parameters:
    """The parameters of an `nn.Linear` inside a module."""
    weight: Parameters = {f"{prefix}.weight": (outputs, inputs)}
    return weight | {f"{prefix}.bias": (outputs,)} if bias else weight


def _vectors(layer: Layer, x: TensorType, rank: int, axes: str) -> Size:
    """Require a float32 input of this rank, (…, embed_dim). Returns embed_dim, after checking it."""
    layer.need_rank(x, rank, axes)
    need(
        x.dtype == "float32",
        lambda: f"`{type(layer).__name__}` wants float32 vectors, but its input is {x.dtype}",
        code="wrong-dtype",
        help="an `Embedding` in front of it turns integers into vectors",
    )
    return layer.check_width(x)


def _divides(width: Size, by: int, name: str) -> None:
    """Require that `by`, the value of the argument `name`, divides the width of the vectors."""
    need(
        same(width % by, 0),
        lambda: f"`{name}: {by}` does not divide the vectors: {{given}}, and {width} % {by} is {width % by}",
        at=name,
        axis=-1,
    )


class Rotary(Arguments):
    """How queries and keys are turned by their position (Su et al. 2021, "RoFormer").

    Args:
        base: the turn of coordinate i, in radians for each position, is base^(−2i / rotated).
        layout: which coordinates are a pair: i and i + rotated / 2 (`half`, as Llama), or 2i and 2i + 1
            (`interleaved`, as the paper).
        fraction: how much of each head is turned, from its first coordinate on; that number is even.
    """

    scalar: ClassVar[str | None] = "base"

    base: Positive = 10000.0
    layout: Literal["half", "interleaved"] = "half"
    fraction: Fraction = 1.0


class SelfAttention(Layer):
    """(L, embed_dim) → (L, embed_dim): every position attends to every position.

    `SelfAttention: {num_heads: 12}` on 197 × 768 gives 197 × 768, in twelve heads of 64. This is
    `nn.MultiheadAttention` with query, key and value the same tensor, the batch first, and only the result given on.
    `num_heads` divides `embed_dim`, unless `head_dim` states the size of a head. Source: Vaswani et al. 2017,
    "Attention Is All You Need".

    `is_causal: true` lets a position attend to itself and those before it, `window: w` beside it to the last w alone.
    `kv_heads` keys and values are shared by groups of `num_heads / kv_heads` queries (Ainslie et al. 2023). `bias` is
    that of all projections, `out_bias` that of the last, if it differs. Scores are multiplied by `scale`, which is
    head_dim^−½ if left out. `rotary: {base: 10000, layout: half, fraction: 1}` turns queries and keys by their
    position. `dropout` is for the scores after softmax.

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

    def output(self, x: TensorType) -> TensorType:
        width, heads, groups = _vectors(self, x, 2, "(length, embed_dim)"), self.num_heads, self._groups
        if self.head_dim is None:
            _divides(width, heads, "num_heads")
        need(
            heads % groups == 0,
            lambda: (
                f"`kv_heads: {groups}` does not divide `num_heads: {heads}`: {heads} % {groups} is {heads % groups}"
            ),
            code="invalid-argument",
            at="kv_heads",
            help="each key and value serves the same number of queries",
        )
        need(
            self.window is None or self.is_causal,
            lambda: f"`window: {self.window}` counts positions back from each, but nothing says `is_causal: true`",
            code="invalid-argument",
            at="window",
            help="write `is_causal: true` beside it, or leave `window` out",
        )
        if self.rotary is not None:
            self._check_rotary(self._size(x), self.rotary.fraction)
        return x

    def _check_rotary(self, size: Size, fraction: float) -> None:
        """Require that an even number of coordinates of a head of this size is turned."""
        if isinstance(size, int):
            turned = size * fraction
            need(
                turned >= 2 and turned % 2 == 0,
                lambda: (
                    f"`rotary` turns pairs of coordinates, but {turned:g} of a head's {size} "
                    f"(`fraction: {fraction:g}` of {size}) is no even number"
                ),
                code="invalid-argument",
                at="rotary",
                help=f"a `head_dim` of {size + size % 2} with `fraction: 1` has pairs alone",
            )
            return
        need(
            size is UNKNOWN or fraction == 1,
            lambda: f"`fraction: {fraction:g}` of a head needs its size as a number: {{given}}",
            code="needs-number",
            at="rotary",
            axis=-1,
            help="state `head_dim`",
        )
        need(
            same(size % 2, 0),
            lambda: f"`rotary` turns pairs of coordinates, so a head has an even number of them, not {size}: {{given}}",
            code="invalid-argument",
            at="rotary",
            axis=-1,
        )

    @property
    def _groups(self) -> int:
        """The number of keys and values."""
        return self.num_heads if self.kv_heads is None else self.kv_heads

    @property
    def _plain(self) -> bool:
        """Whether it is `nn.MultiheadAttention` itself."""
        further = (self.out_bias, self.kv_heads, self.head_dim, self.window, self.scale, self.rotary)
        return not self.is_causal and all(value is None for value in further)

    def _size(self, x: TensorType) -> Size:
        """The size of a head."""
        return x.shape[-1] // self.num_heads if self.head_dim is None else self.head_dim

    def parameters(self, x: TensorType) -> Parameters:
        d, size = x.shape[-1], self._size(x)
        rows = size * (self.num_heads + 2 * self._groups)
        weight: Parameters = {"in_proj_weight": (rows, d)}
        out = _linear("out_proj", size * self.num_heads, d, self.bias if self.out_bias is None else self.out_bias)
        return weight | ({"in_proj_bias": (rows,)} if self.bias else {}) | out

    def macs(self, x: TensorType) -> Size:
        length, d = x.shape
        size = self._size(x)
        return length * size * (d * 2 * (self.num_heads + self._groups) + length * 2 * self.num_heads)

    def saved(self, x: TensorType) -> Saved:
        if not self._plain:
            return self._saved_in_groups(x)
        # a copy of the input, queries, keys and values, the result, and a number for each row of the scores
        whole, rows = product(x.shape) * 5, x.shape[0] * self.num_heads
        if not 0 < self.dropout < 1:
            return Saved(extra=whole + rows)
        # on a CPU attention with dropout is computed step by step: scores, mask, product, and copies for the matrices
        return Saved(extra=whole + rows, cpu=rows * x.shape[0] * 3 + product(x.shape) * 2 - rows)

    def _saved_in_groups(self, x: TensorType) -> Saved:
        """What `GroupedQueryAttention` keeps."""
        length, size, shared = x.shape[0], self._size(x), self._groups < self.num_heads
        rows, queries, keys = length * self.num_heads, length * self.num_heads * size, length * self._groups * size
        # the projections, as far as attention uses them where they lie; turned queries and keys; keys and values for
        # each query; the result, and a number for each row of the scores
        projected = 0 if self.rotary is not None and shared else queries + keys * 2
        turned = 0 if self.rotary is None else queries + keys
        extra = projected + turned + (queries * 2 if shared else 0) + queries + rows
        near = 0 if self.window is None or self.dropout else length * length
        angles = 0 if self.rotary is None else length * self._turned(size)
        if not self.dropout:
            return Saved(input=True, extra=extra, statistics=near + angles)
        # on a CPU attention with dropout is computed step by step: scores, mask, product, and copies for the matrices
        scores = rows * length * (3 if self.dropout < 1 else 2)
        return Saved(input=True, extra=extra, cpu=queries * 4 + scores - extra, statistics=near + angles)

    def _turned(self, size: Size) -> Size:
        """The number of coordinates of a head that are turned."""
        return round(size * self.rotary.fraction) if self.rotary is not None and isinstance(size, int) else size

    def call(self, x: TensorType) -> TorchCall:
        arguments = self.arguments(x)
        if self._plain:
            kept = ("embed_dim", "num_heads", "dropout", "bias")
            return TorchCall("SelfAttention", {name: arguments[name] for name in kept}, "netspec.torch.extra")
        rotary = None if self.rotary is None else self.rotary.model_dump()
        return TorchCall("GroupedQueryAttention", arguments | {"rotary": rotary}, "netspec.torch.extra")


class WindowAttention(Layer):
    """(H, W, embed_dim) → (H, W, embed_dim): attention within windows, shifted or not, with relative positions.

    `WindowAttention: {num_heads: 3, window_size: 7}` on 56 × 56 × 96 attends within 8 × 8 windows of 7 × 7 positions.
    `shift_size: 3` moves the windows by three positions, so that two layers in a row join neighbours; it counts as 0
    along an axis that one window covers. Axes that the window does not divide are padded inside. `version: 2` is Swin
    2: cosine attention with a learned temperature, and a position bias that a small network computes from coordinates.
    Sources: Liu et al. 2021, "Swin Transformer", and 2022, "Swin Transformer V2"; torchvision's own modules.

    Parameters: 4 · embed_dim² + 4 · embed_dim, and num_heads · (2h − 1)(2w − 1) for windows of h × w; version 2 has in
    place of that table num_heads temperatures and 1536 + 512 · num_heads of the small network.
    MACs: 4 · embed_dim² + 2 · h · w · embed_dim for each position, padded ones included; version 2 adds
    (2h − 1)(2w − 1)(1024 + 512 · num_heads), once per forward.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_heads": 3, "window_size": 7}, (56, 56, 96), (56, 56, 96)),
        Example({"num_heads": 2, "window_size": [4, 4], "shift_size": 2, "version": 2}, (10, 7, 16), (10, 7, 16)),
    )

    embed_dim: Count | None = None
    num_heads: Count
    window_size: Counts2
    shift_size: Naturals2 = 0
    qkv_bias: bool = True
    proj_bias: bool = True
    attention_dropout: Probability = 0.0
    dropout: Probability = 0.0
    version: OneOrTwo = 1

    def output(self, x: TensorType) -> TensorType:
        _divides(_vectors(self, x, 3, "(height, width, embed_dim)"), self.num_heads, "num_heads")
        for shift, window in zip(spread(self.shift_size, 2), spread(self.window_size, 2), strict=True):
            need(
                shift < window,
                lambda shift=shift, window=window: (
                    f"`shift_size: {shift}` moves a window of {window} by its own size or more"
                ),
                code="invalid-argument",
                at="shift_size",
                help="half the window is usual",
            )
        need(
            self.version == 1 or min(spread(self.window_size, 2)) > 1,
            lambda: "`version: 2` divides coordinates by the window's size less one, so no window may be 1 wide",
            code="invalid-argument",
            at="window_size",
        )
        return x

    def parameters(self, x: TensorType) -> Parameters:
        d, heads = x.shape[-1], self.num_heads
        attention = _linear("qkv", d, d * 3, self.qkv_bias) | _linear("proj", d, d, self.proj_bias)
        if self.version == 1:
            return {"relative_position_bias_table": (self._offsets, heads)} | attention
        network = _linear("cpb_mlp.0", 2, 512) | _linear("cpb_mlp.2", 512, heads, bias=False)
        return {"logit_scale": (heads, 1, 1)} | attention | network

    def buffers(self, x: TensorType) -> Parameters:
        h, w = spread(self.window_size, 2)
        index: Parameters = {"relative_position_index": (h * w * h * w,)}
        return index if self.version == 1 else {"relative_coords_table": (1, 2 * h - 1, 2 * w - 1, 2)} | index

    @property
    def _offsets(self) -> int:
        """The number of different offsets between two positions of a window."""
        h, w = spread(self.window_size, 2)
        return (2 * h - 1) * (2 * w - 1)

    def macs(self, x: TensorType) -> Size:
        d, (h, w), positions = x.shape[-1], spread(self.window_size, 2), self._positions(x)
        network = self._offsets * (2 * 512 + 512 * self.num_heads) if self.version == 2 else 0
        return positions * d * (d * 4 + 2 * h * w) + network

    def _positions(self, x: TensorType) -> Size:
        """The number of positions in all windows, padding included."""
        (height, width, _), (h, w) = x.shape, spread(self.window_size, 2)
        return (height + h - 1) // h * h * ((width + w - 1) // w * w)

    def saved(self, x: TensorType) -> Saved:
        h, w = spread(self.window_size, 2)
        values = self._positions(x) * x.shape[-1]
        rows = self._positions(x) * self.num_heads
        scores = rows * h * w
        masks, dropped = 0, 0
        if 0 < self.attention_dropout < 1:
            masks, dropped = scores, scores
        if 0 < self.dropout < 1:
            masks = masks + values
        # the input in windows, queries, keys, values and the result; the scores after softmax
        if self.version == 1:
            return Saved(extra=values * 5 + scores + dropped, mask=masks)
        # queries and keys before and after normalisation; the hidden layer and the result of the small network
        network = self._offsets * 512 + self.num_heads * ((h * w) ** 2 + 1)
        return Saved(extra=values * 8 + rows * 4 + scores * 2 + dropped, mask=masks, statistics=network)

    def call(self, x: TensorType) -> TorchCall:
        arguments: dict[str, Any] = {
            "dim": x.shape[-1],
            "window_size": list(spread(self.window_size, 2)),
            "shift_size": list(spread(self.shift_size, 2)),
            "num_heads": self.num_heads,
            "qkv_bias": self.qkv_bias,
            "proj_bias": self.proj_bias,
            "attention_dropout": self.attention_dropout,
            "dropout": self.dropout,
        }
        target = "ShiftedWindowAttention" if self.version == 1 else "ShiftedWindowAttentionV2"
        return TorchCall(target, arguments, "torchvision.models.swin_transformer")


class GridAttention(Layer):
    """(G, P, embed_dim) → (G, P, embed_dim): attention within each of G groups of P = s × s positions.

    `GridAttention: {head_dim: 32}` on 64 × 49 × 64 attends within 64 groups of 7 × 7 positions, in two heads of 32. A
    `Rearrange` in front decides what a group is: `n c (h p) (w q) -> n (h w) (p q) c` makes windows of p × q,
    `n c (p h) (q w) -> n (h w) (p q) c` makes a grid that reaches across the whole map. Keys are scaled by
    embed_dim^−½, not head_dim^−½. Source: Tu et al. 2022, "MaxViT: Multi-Axis Vision Transformer"; torchvision's own
    module.

    Parameters: 4 · embed_dim² + 4 · embed_dim, and (2s − 1)² for each head.
    MACs: 4 · embed_dim² + 2 · P · embed_dim for each of the G · P positions.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    scalar: ClassVar[str | None] = "head_dim"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"head_dim": 32}, (64, 49, 64), (64, 49, 64)),
        Example({"embed_dim": 24, "head_dim": 8}, (3, 4, 24), (3, 4, 24)),
    )

    embed_dim: Count | None = None
    head_dim: Count

    def output(self, x: TensorType) -> TensorType:
        _divides(_vectors(self, x, 3, "(groups, positions, embed_dim)"), self.head_dim, "head_dim")
        positions = x.shape[1]
        need(
            isinstance(positions, int) or positions is UNKNOWN,
            lambda: "`GridAttention` has a table of relative positions and needs a number of them, but {given}",
            code="needs-number",
            axis=1,
            help="give the sizes of a group as numbers in the `Rearrange` before it",
        )
        need(
            not isinstance(positions, int) or isqrt(positions) ** 2 == positions,
            lambda: f"`GridAttention` wants square groups, but {{given}}, and {positions} is no square number",
            axis=1,
        )
        return x

    def parameters(self, x: TensorType) -> Parameters:
        _, positions, d = x.shape
        offsets = (2 * isqrt(positions) - 1) ** 2 if isinstance(positions, int) else UNKNOWN
        table = (offsets, d // self.head_dim)
        return {"relative_position_bias_table": table} | _linear("to_qkv", d, d * 3) | _linear("merge", d, d)

    def buffers(self, x: TensorType) -> Parameters:
        return {"relative_position_index": (x.shape[1], x.shape[1])}

    def macs(self, x: TensorType) -> Size:
        groups, positions, d = x.shape
        return groups * positions * d * (d * 4 + positions * 2)

    def saved(self, x: TensorType) -> Saved:
        groups, positions, d = x.shape
        # the input, queries, keys, values and the result; the scores after softmax
        return Saved(input=True, extra=product(x.shape) * 4 + groups * positions * positions * (d // self.head_dim))

    def call(self, x: TensorType) -> TorchCall:
        arguments: dict[str, Any] = {"feat_dim": x.shape[-1], "head_dim": self.head_dim, "max_seq_len": x.shape[1]}
        return TorchCall("RelativePositionalMultiHeadAttention", arguments, "torchvision.models.maxvit")
