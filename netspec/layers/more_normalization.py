"""Normalisation that looks at one example alone."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Count, Counts, NonNegative, Real
from netspec.dims import Shape, Size, expect, need, product, same, warn
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
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (x.shape[0],), "bias": (x.shape[0],)} if self.affine else {}

    def saved(self, x: TensorType) -> Saved:
        # mean and variance, and a copy of each vector of parameters and statistics for every example
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


class TrailingNormalization(Layer):
    """Base of the norms over the last axes: all those that `normalized_shape` lists."""

    family = "normalization"
    autocast = "full"
    width = "normalized_shape"
    width_axis = -1

    normalized_shape: Counts | None = None

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 1, "(…, features)")
        stated = self.normalized_shape
        if stated is not None:
            self._check_shape(x, stated if isinstance(stated, tuple) else (stated,))
        return x

    def _check_shape(self, x: TensorType, stated: tuple[int, ...]) -> None:
        need(
            len(stated) <= len(x.shape),
            lambda: f"`normalized_shape` has {len(stated)} sizes, but {{given}}, which has {len(x.shape)} axes",
            code="wrong-rank",
            at="normalized_shape",
        )
        tail = x.shape[len(x.shape) - len(stated) :]
        for axis, (size, wanted) in enumerate(zip(tail, stated, strict=True), -len(stated)):
            expect(
                same(size, wanted),
                lambda wanted=wanted: f"`normalized_shape` says {wanted}, but {{given}}",
                at="normalized_shape",
                axis=axis,
                value=tail if len(stated) > 1 else size,
                help="leave it out to normalise over the last axis: it follows from the input",
            )

    def _rows(self, x: TensorType) -> Size:
        """How many vectors are normalised."""
        return product(x.shape[: len(x.shape) - len(self._normalized(x))])

    def _normalized(self, x: TensorType) -> Shape:
        """The sizes normalised over."""
        count = len(self.normalized_shape) if isinstance(self.normalized_shape, tuple) else 1
        return x.shape[len(x.shape) - count :]

    def inferred(self, x: TensorType) -> dict[str, object]:
        shape = self._normalized(x)
        return {"normalized_shape": shape if isinstance(self.normalized_shape, tuple) else shape[0]}


class LayerNorm(TrailingNormalization):
    """(*, normalized_shape) → the same: y = (x − mean) / √(variance + eps) · weight + bias, with the mean and variance
    over the last axis, or over the last axes if `normalized_shape` lists several.

    `LayerNorm` on 197 × 768 normalises each of the 197 vectors. `normalized_shape` is the size of the last axis and
    need not be written.

    Parameters: 2 · the product of normalized_shape; half of it with `bias: false`, none with
    `elementwise_affine: false`.
    """

    examples = (
        Example({}, (197, 768), (197, 768)),
        Example({"normalized_shape": (5, 7), "bias": False, "eps": 0.001}, (3, 5, 7), (3, 5, 7)),
    )

    eps: NonNegative = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        if not self.elementwise_affine:
            return {}
        shape = self._normalized(x)
        return {"weight": shape, "bias": shape} if self.bias else {"weight": shape}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=2 * self._rows(x))


class RMSNorm(TrailingNormalization):
    """(*, normalized_shape) → the same: y = x / √(mean(x²) + eps) · weight, with the mean over the last axis, or over
    the last axes if `normalized_shape` lists several.

    `RMSNorm` on 128 × 512 normalises each of the 128 vectors. Without `eps` torch takes the machine epsilon.

    Parameters: the product of normalized_shape, none with `elementwise_affine: false`.
    """

    examples = (
        Example({}, (128, 512), (128, 512)),
        Example({"normalized_shape": 8, "eps": 1e-6, "elementwise_affine": False}, (8,), (8,)),
    )

    eps: NonNegative | None = None
    elementwise_affine: bool = True

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": self._normalized(x)} if self.elementwise_affine else {}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=self._rows(x), cpu=product(x.shape) if self.elementwise_affine else 0)


class LocalResponseNorm(Layer):
    """(C, *) → (C, *): y = x / (k + alpha · mean(x²))^beta, with the mean over the `size` channels around each.

    `LocalResponseNorm: 5` on 96 × 26 × 26 gives 96 × 26 × 26; the AlexNet of 2012 has one behind its first two
    convolutions.
    """

    family = "normalization"
    scalar = "size"
    examples = (
        Example({"size": 5}, (96, 26, 26), (96, 26, 26)),
        Example({"size": 2, "alpha": 0.001, "beta": 0.5, "k": 2}, (4, 9), (4, 9)),
    )

    size: Count
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 2, "(channels, …)")
        return x

    def saved(self, x: TensorType) -> Saved:
        padded = (x.shape[0] + self.size - 1) * product(x.shape[1:])
        return Saved(input=True, extra=padded + 2 * product(x.shape))


class CrossMapLRN2d(Layer):
    """(C, H, W) → (C, H, W): `LocalResponseNorm` as the first Torch computed it.

    `CrossMapLRN2d: 5` on 64 × 56 × 56 gives 64 × 56 × 56.
    """

    family = "normalization"
    scalar = "size"
    examples = (
        Example({"size": 5}, (64, 56, 56), (64, 56, 56)),
        Example({"size": 3, "alpha": 0.001, "beta": 0.5, "k": 2}, (4, 3, 3), (4, 3, 3)),
    )

    size: Count
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 3, RANKS[2])
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, output=True)
