"""Normalisation of the channels of each example, in groups or one by one."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Count, NonNegative, Real
from netspec.dims import Shape, expect, need, product, same, warn
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.normalization import NEWER_BIAS
from netspec.layers.windows import RANKS


class GroupNorm(Layer):
    """(C, *) → (C, *): y = (x − mean) / √(variance + eps) · weight + bias, with the mean and variance of each of
    num_groups groups of channels, over all their positions.

    `GroupNorm: 8` on 64 × 28 × 28 normalises 8 groups of 8 channels. One group is a layer norm over everything, C
    groups are an instance norm. `num_channels` follows from the input.

    Parameters: 2 · C, none with `affine: false`.
    """

    family = "normalization"
    autocast = "full"
    scalar = "num_groups"
    width = "num_channels"
    omitted = NEWER_BIAS
    examples = (
        Example({"num_groups": 8}, (64, 28, 28), (64, 28, 28)),
        Example({"num_groups": 2, "num_channels": 6, "affine": False}, (6, 5), (6, 5)),
    )

    num_groups: Count
    num_channels: Count | None = None
    eps: NonNegative = 1e-5
    affine: bool = True

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 1, "(channels, …)")
        channels = self.check_width(x)
        divides = same(channels % self.num_groups, 0)
        expect(
            divides,
            lambda: f"`num_groups: {self.num_groups}` does not divide the channels: {{given}}",
            code="shape-mismatch",
            at="num_groups",
            axis=0,
        )
        warn(
            divides is False or channels // self.num_groups * product(x.shape[1:]) > 1,
            lambda: (
                f"`GroupNorm` leaves nothing of a group with a single value, and fails on a batch of one example: "
                f"{{given}}, in {self.num_groups} groups"
            ),
            code="needs-batch-2",
            at="num_groups",
            axis="every",
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (x.shape[0],), "bias": (x.shape[0],)} if self.affine else {}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=2 * self.num_groups)


class InstanceNormalization(Layer):
    """Base of the instance normalisations over `axes` spatial axes."""

    axes: ClassVar[int]
    family = "normalization"
    centres = True
    width = "num_features"
    omitted = NEWER_BIAS

    num_features: Count | None = None
    eps: NonNegative = 1e-5
    momentum: Real = 0.1
    affine: bool = False
    track_running_stats: bool = False

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        self.check_width(x)
        need(
            product(x.shape[1:]) > 1,
            lambda: f"`{type(self).__name__}` wants more than one value in each channel of an example, but {{given}}",
            axis="every",
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (x.shape[0],), "bias": (x.shape[0],)} if self.affine else {}

    def saved(self, x: TensorType) -> Saved:
        # mean and variance, and per example a copy of each vector of parameters and running statistics
        vectors = 2 + self.affine + 2 * self.track_running_stats
        return Saved(input=True, extra=vectors * x.shape[0])

    def buffers(self, x: TensorType) -> dict[str, Shape]:
        if not self.track_running_stats:
            return {}
        return {"running_mean": (x.shape[0],), "running_var": (x.shape[0],), "num_batches_tracked": ()}


class InstanceNorm1d(InstanceNormalization):
    """(C, L) → (C, L): y = (x − mean) / √(variance + eps), with the mean and variance of each channel of each example.

    `InstanceNorm1d` on 16 × 98 gives 16 × 98. With `affine: true` every channel has a weight and a bias.

    Parameters: none, 2 · C with `affine: true`. Buffers: none, 2 · C + 1 with `track_running_stats: true`.
    """

    axes = 1
    examples = (
        Example({}, (16, 98), (16, 98)),
        Example({"affine": True, "track_running_stats": True}, (4, 2), (4, 2)),
    )


class InstanceNorm2d(InstanceNormalization):
    """(C, H, W) → (C, H, W): y = (x − mean) / √(variance + eps), with the mean and variance of each channel of each
    example.

    `InstanceNorm2d` on 64 × 28 × 28 gives 64 × 28 × 28. With `affine: true` every channel has a weight and a bias.

    Parameters: none, 2 · C with `affine: true`. Buffers: none, 2 · C + 1 with `track_running_stats: true`.
    """

    axes = 2
    examples = (
        Example({}, (64, 28, 28), (64, 28, 28)),
        Example({"affine": True, "track_running_stats": True}, (4, 1, 2), (4, 1, 2)),
    )


class InstanceNorm3d(InstanceNormalization):
    """(C, D, H, W) → (C, D, H, W): y = (x − mean) / √(variance + eps), with the mean and variance of each channel of
    each example.

    `InstanceNorm3d` on 16 × 4 × 14 × 14 gives 16 × 4 × 14 × 14.

    Parameters: none, 2 · C with `affine: true`. Buffers: none, 2 · C + 1 with `track_running_stats: true`.
    """

    axes = 3
    examples = (
        Example({}, (16, 4, 14, 14), (16, 4, 14, 14)),
        Example({"affine": True, "track_running_stats": True}, (4, 1, 1, 2), (4, 1, 1, 2)),
    )
