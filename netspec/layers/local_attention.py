"""Attention within windows, and within groups of positions."""

from __future__ import annotations

from math import isqrt
from typing import Any, ClassVar

from netspec.arguments import Count, Counts2, Naturals2, OneOrTwo, Probability, spread
from netspec.dims import UNKNOWN, Size, need, product
from netspec.layers.base import Autocast, Example, Family, Layer, Saved, TensorType, TorchCall
from netspec.layers.vectors import Parameters, linear_parameters, need_divisor, need_vectors


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
        need_divisor(need_vectors(self, x, 3, "(height, width, embed_dim)"), self.num_heads, "num_heads")
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
        attention = linear_parameters("qkv", d, d * 3, self.qkv_bias) | linear_parameters("proj", d, d, self.proj_bias)
        if self.version == 1:
            return {"relative_position_bias_table": (self._offsets, heads)} | attention
        network = linear_parameters("cpb_mlp.0", 2, 512) | linear_parameters("cpb_mlp.2", 512, heads, bias=False)
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
        need_divisor(need_vectors(self, x, 3, "(groups, positions, embed_dim)"), self.head_dim, "head_dim")
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
        return (
            {"relative_position_bias_table": table}
            | linear_parameters("to_qkv", d, d * 3)
            | linear_parameters("merge", d, d)
        )

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
