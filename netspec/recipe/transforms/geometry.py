"""Random crops, flips and distortions: each example draws its own."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Counts2, Probability, Real, spread
from netspec.dims import need
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.fields import Angle, FractionRange, Fractions, Padding, Pair, PositiveRange, Shear
from netspec.recipe.transforms.fixed import PaddingMode, check_reflection, four_sides


class Random(Transform):
    """Base of the transforms that draw parameters for each example."""

    random: ClassVar[bool] = True


class RandomCrop(Random):
    """A window of the given size at a random place, after `padding` as in `Pad`.

    `RandomCrop: {size: 32, padding: 4}` shifts a 32 × 32 image by up to 4 pixels. `pad_if_needed` adds what is missing
    on both sides of an image that is smaller than the window.
    """

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "size"
    example: ClassVar[str | None] = "{size: 28, padding: 4}"

    size: Counts2
    padding: Padding | None = None
    pad_if_needed: bool = False
    fill: Real = 0
    padding_mode: PaddingMode = "constant"

    def sides(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The border that an image of this size gets: left, top, right, bottom."""
        left, top, right, bottom = four_sides(self.padding or 0)
        if self.pad_if_needed:
            crop_height, crop_width = spread(self.size, 2)
            below, beside = max(crop_height - height - top - bottom, 0), max(crop_width - width - left - right, 0)
            left, top, right, bottom = left + beside, top + below, right + beside, bottom + below
        return left, top, right, bottom

    def output(self, x: ImageType) -> ImageType:
        height, width = spread(self.size, 2)
        if x.height is not None and x.width is not None:
            left, top, right, bottom = self.sides(x.height, x.width)
            check_reflection(self, self.padding_mode, x, (left, top, right, bottom))
            had = (x.height + top + bottom, x.width + left + right)
            need(
                height <= had[0] and width <= had[1],
                lambda: (
                    f"`RandomCrop` takes {height} × {width} pixels, but its image has {had[0]} × {had[1]}"
                    + (f" with the padding ({x.height} × {x.width} without)" if any((left, top, right, bottom)) else "")
                ),
                code="transform-mismatch",
                at="size",
                help="pad more, `Resize` first, or add `pad_if_needed: true`",
            )
        return ImageType(x.channels, height, width)


class RandomResizedCrop(Random):
    """A window of random area and shape, resized to `size`.

    `scale` is the range of its share of the area, `ratio` that of width over height. Where ten draws give no window
    inside the image, the middle is taken.
    """

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "size"
    example: ClassVar[str | None] = "224"

    size: Counts2
    scale: FractionRange = (0.08, 1.0)
    ratio: PositiveRange = (3 / 4, 4 / 3)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    antialias: bool = True

    def output(self, x: ImageType) -> ImageType:
        need(
            self.antialias or self.interpolation == "bilinear",
            lambda: "`RandomResizedCrop` resamples `bicubic` only with `antialias`",
            code="recipe-conflict",
            at="antialias",
        )
        height, width = spread(self.size, 2)
        return ImageType(x.channels, height, width)


class RandomHorizontalFlip(Random):
    """Left and right are exchanged with probability `p`."""

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "p"

    p: Probability = 0.5


class RandomVerticalFlip(Random):
    """Top and bottom are exchanged with probability `p`."""

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "p"

    p: Probability = 0.5


class RandomRotation(Random):
    """A rotation by an angle in degrees, counter-clockwise, about the middle or `center: [x, y]` in pixels."""

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "degrees"
    example: ClassVar[str | None] = "15"
    omitted: ClassVar[dict[str, str]] = {"expand": "the images of a batch have one size"}

    degrees: Angle
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    center: Pair | None = None
    fill: Real = 0


class RandomAffine(Random):
    """A rotation (degrees, clockwise), shift, scaling and shear (degrees) about the middle or `center: [x, y]`.

    `translate: [a, b]` shifts by up to a share a of the width and b of the height, in whole pixels.
    """

    moves: ClassVar[bool] = True
    example: ClassVar[str | None] = "{degrees: 10, translate: [0.1, 0.1]}"

    degrees: Angle
    translate: Fractions | None = None
    scale: PositiveRange | None = None
    shear: Shear | None = None
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    fill: Real = 0
    center: Pair | None = None


class RandomErasing(Random):
    """With probability `p` a rectangle is overwritten with `value`. `scale` is the range of its share of the area,
    `ratio` that of height over width."""

    scalar: ClassVar[str | None] = "p"
    omitted: ClassVar[dict[str, str]] = {"inplace": "the trainer decides by itself where it may overwrite"}

    p: Probability = 0.5
    scale: FractionRange = (0.02, 0.33)
    ratio: PositiveRange = (0.3, 3.3)
    value: Real = 0.0
