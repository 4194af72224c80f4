"""Upsampling (or downsampling) of feature maps by interpolation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from netspec.arguments import Counts2, CountsOfAxes, invalid
from netspec.dims import UNKNOWN, Shape, Size, need
from netspec.layers.base import Example, Layer, Saved, TensorType, counted
from netspec.layers.fields import Factors, Factors2
from netspec.layers.windows import AXES, RANKS

Mode = Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"]

_RANK_OF: dict[str, int] = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
"""The number of spatial axes of the modes that are limited to one."""


def scaled(n: Size, factor: float, layer: str, axis: int) -> Size:
    """⌊n · factor⌋ in double precision, as torch computes it: ⌊100 · 0.29⌋ is 28.

    For a symbolic n, the result is the formula n · p // q with factor = p/q. It is exact only if the product cannot be
    rounded, which a small p guarantees.

    Raises:
        Unmet: n is symbolic, and p is too large.
    """
    if isinstance(n, int):
        return int(n * float(factor))
    if n is UNKNOWN:
        return n
    p, q = float(factor).as_integer_ratio()
    need(
        p < 2**21,
        lambda: (
            f"`{layer}` multiplies sizes by {factor}, which rounds: it needs a number in place of a formula, {{given}}"
        ),
        code="needs-number",
        axis=axis,
        help="give the symbols numbers with `--set`, as in `--set H=224`",
    )
    return n * p // q


class Resampling(Layer):
    """Base of the layers that resample to a given size or by a factor."""

    family = "shape"

    size: CountsOfAxes | None = None
    scale_factor: Factors | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Resampling:
        if (self.size is None) == (self.scale_factor is None):
            how = "neither is given" if self.size is None else "both are given"
            raise invalid(f"exactly one of `size` and `scale_factor` says how large the output is, and {how}")
        return self

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self._check_rank(x)
        axes = len(x.shape) - 1
        sizes = self._sizes(x, axes)
        for axis, size in enumerate(sizes, 1):
            need(
                size >= 1,
                lambda axis=axis: f"`scale_factor` leaves nothing of the {AXES[axes][axis - 1]}: {{given}}",
                at="scale_factor",
                axis=axis,
            )
        return TensorType((x.shape[0], *sizes))

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis %= len(x.shape)
        if axis == 0 or self.scale_factor is None:
            return None
        factors = self.scale_factor if isinstance(self.scale_factor, tuple) else (self.scale_factor,) * axis
        return f"⌊{x.shape[axis]} · {factors[axis - 1]}⌋"

    def _check_rank(self, x: TensorType) -> None:
        raise NotImplementedError

    def _sizes(self, x: TensorType, axes: int) -> Shape:
        name = "size" if self.scale_factor is None else "scale_factor"
        value = self.size if self.scale_factor is None else self.scale_factor
        wanted = value if isinstance(value, tuple) else (value,) * axes
        need(
            len(wanted) == axes,
            lambda: f"`{name}` has {len(wanted)} values, but {{given}}, which has {axes} axes behind the channels",
            code="wrong-rank",
            at=name,
            axis="every",
        )
        if self.scale_factor is None:
            return tuple(int(size or 0) for size in wanted)
        return tuple(
            scaled(n, factor or 0, type(self).__name__, axis)
            for axis, (n, factor) in enumerate(zip(x.shape[1:], wanted, strict=True), 1)
        )


class Upsample(Resampling):
    """(C, *) → (C, *size), or ⌊size · scale_factor⌋ for each axis behind the channels.

    `Upsample: {scale_factor: 2, mode: bilinear}` on 64 × 28 × 28 gives 64 × 56 × 56. The product is rounded down in
    double precision: a factor of 0.29 turns 100 into 28, since 100 · 0.29 is 28.999…96. `linear` is for one axis,
    `bilinear` and `bicubic` are for two, `trilinear` for three, the other modes for any of them.
    """

    examples = (
        Example({"scale_factor": 2, "mode": "bilinear"}, (64, 28, 28), (64, 56, 56)),
        Example({"scale_factor": 0.29}, (1, 100), (1, 28)),
        Example({"size": (7, 9), "mode": "bicubic", "align_corners": True}, (2, 4, 4), (2, 7, 9)),
    )

    bare = ("scale_factor", "size")

    mode: Mode = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    @model_validator(mode="after")
    def _mode_agrees(self) -> Upsample:
        if self.align_corners is not None and self.mode not in _RANK_OF:
            raise invalid(
                "`align_corners` has a meaning for linear, bilinear, bicubic and trilinear alone, "
                f"not for `mode: {self.mode}`"
            )
        if self.recompute_scale_factor and self.size is not None:
            raise invalid("`recompute_scale_factor` has no meaning beside `size`")
        return self

    def saved(self, x: TensorType) -> Saved:
        # `area` is adaptive average pooling, which saves its input unless the output is one value per channel
        return Saved(input=self.mode == "area" and any(size != 1 for size in self.output(x).shape[1:]))

    def _check_rank(self, x: TensorType) -> None:
        axes = _RANK_OF.get(self.mode)
        if axes is not None:
            need(
                len(x.shape) == axes + 1,
                lambda: (
                    f"`mode: {self.mode}` wants {counted(axes + 1)} {RANKS[axes]}, "
                    f"but {{given}}, which has {len(x.shape)}"
                ),
                code="wrong-rank",
                at="mode",
                axis="every",
            )
        need(
            2 <= len(x.shape) <= 4,
            lambda: (
                f"`Upsample` wants 2 to 4 axes, the channels and those to resample, "
                f"but {{given}}, which has {len(x.shape)}"
            ),
            code="wrong-rank",
            axis="every",
        )


class FixedUpsampling(Resampling):
    """Base of torch's two older upsampling layers, whose mode is fixed."""

    omitted: ClassVar[dict[str, str]] = {}

    size: Counts2 | None = None
    scale_factor: Factors2 | None = None

    def _check_rank(self, x: TensorType) -> None:
        self.need_rank(x, 3, RANKS[2])


class UpsamplingNearest2d(FixedUpsampling):
    """(C, H, W) → (C, *size), or (C, ⌊H · scale_factor⌋, ⌊W · scale_factor⌋), each value that of the nearest pixel.

    `UpsamplingNearest2d: {scale_factor: 2}` on 64 × 28 × 28 gives 64 × 56 × 56, as `Upsample` does.
    """

    examples = (
        Example({"scale_factor": 2}, (64, 28, 28), (64, 56, 56)),
        Example({"size": (3, 5)}, (2, 4, 4), (2, 3, 5)),
    )


class UpsamplingBilinear2d(FixedUpsampling):
    """(C, H, W) → (C, *size), or (C, ⌊H · scale_factor⌋, ⌊W · scale_factor⌋), interpolated with aligned corners.

    `UpsamplingBilinear2d: {scale_factor: 2}` on 64 × 28 × 28 gives 64 × 56 × 56; it is `Upsample` with `mode: bilinear`
    and `align_corners: true`.
    """

    examples = (
        Example({"scale_factor": (2, 1.5)}, (64, 28, 28), (64, 56, 42)),
        Example({"size": 7}, (2, 4, 4), (2, 7, 7)),
    )
