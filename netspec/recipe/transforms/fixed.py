"""Transforms that give every image a size, all alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from netspec.arguments import Count, Counts2, Real, spread
from netspec.dims import need
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.fields import Padding

Interpolation = Literal["nearest", "nearest-exact", "bilinear", "bicubic"]
PaddingMode = Literal["constant", "edge", "reflect", "symmetric"]


class Resize(Transform):
    """An integer `size` is the shorter edge, and the longer one follows: 224 makes 28 × 28 into 224 × 224 and
    100 × 200 into 224 × 448. A list `[height, width]` is the size itself.

    `max_size` bounds the longer edge. `antialias` filters before shrinking; enlarging is the same with and without.
    """

    moves: ClassVar[bool] = True
    sizes: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "size"
    example: ClassVar[str | None] = "224"
    omitted: ClassVar[dict[str, str]] = {}

    size: Counts2
    interpolation: Interpolation = "bilinear"
    max_size: Count | None = None
    antialias: bool = True

    def output(self, x: ImageType) -> ImageType:
        if isinstance(self.size, tuple):
            need(
                self.max_size is None,
                lambda: "`max_size` of `Resize` bounds the longer edge, but `size` gives both edges",
                code="recipe-conflict",
                at="max_size",
            )
            return ImageType(x.channels, *self.size)
        if self.max_size is not None:
            bound = self.max_size
            need(
                bound > self.size,
                lambda: (
                    f"`max_size: {bound}` of `Resize` bounds the longer edge, so it must exceed `size: {self.size}`"
                ),
                code="recipe-conflict",
                at="max_size",
            )
        if x.height is None or x.width is None:
            return ImageType(x.channels, None, None)
        height, width = self.edges(x.height, x.width)
        need(
            min(height, width) > 0,
            lambda: (
                f"`Resize` makes {height} × {width} of {x.height} × {x.width}: `max_size` leaves no pixel of an edge"
            ),
            code="transform-mismatch",
            at="max_size",
        )
        return ImageType(x.channels, height, width)

    def edges(
        self, height: int, width: int, least: Callable[[int, int], int] = min, most: Callable[[int, int], int] = max
    ) -> tuple[int, int]:
        """Height and width of the result for an image of this size, by torchvision's rounding.

        `least` and `most` choose one of two sizes: without a comparison where these are symbols."""
        if isinstance(self.size, tuple):
            return self.size
        shorter = least(height, width)
        rows, columns = self.size * height // shorter, self.size * width // shorter
        if self.max_size is None:
            return rows, columns
        longer = most(rows, columns)
        return least(rows, self.max_size * rows // longer), least(columns, self.max_size * columns // longer)


class CenterCrop(Transform):
    """The middle of the image, of the given size; a smaller image is first padded with 0."""

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "size"
    example: ClassVar[str | None] = "224"

    size: Counts2

    def output(self, x: ImageType) -> ImageType:
        height, width = spread(self.size, 2)
        return ImageType(x.channels, height, width)


class Pad(Transform):
    """A border around the image: `padding` on all sides, `[left and right, top and bottom]`, or
    `[left, top, right, bottom]`, in pixels. `fill` is the value of a constant border."""

    moves: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "padding"
    example: ClassVar[str | None] = "2"

    padding: Padding
    fill: Real = 0
    padding_mode: PaddingMode = "constant"

    def output(self, x: ImageType) -> ImageType:
        left, top, right, bottom = four_sides(self.padding)
        check_reflection(self, self.padding_mode, x, (left, top, right, bottom))
        height = None if x.height is None else x.height + top + bottom
        return ImageType(x.channels, height, None if x.width is None else x.width + left + right)


def four_sides(padding: int | tuple[int, ...]) -> tuple[int, int, int, int]:
    """`(left, top, right, bottom)` of torchvision's padding argument: one number, two, or all four."""
    if isinstance(padding, int):
        return (padding, padding, padding, padding)
    if len(padding) == 2:
        return (padding[0], padding[1], padding[0], padding[1])
    left, top, right, bottom = padding
    return (left, top, right, bottom)


def check_reflection(transform: Transform, mode: str, x: ImageType, sides: tuple[int, int, int, int]) -> None:
    """Require an image large enough for a reflected border: torch repeats no border twice."""
    if mode not in ("reflect", "symmetric") or x.height is None or x.width is None:
        return
    spare = 1 if mode == "reflect" else 0
    largest = min(x.height, x.width) - spare
    need(
        max(sides) <= largest,
        lambda: (
            f"a {mode} border of {max(sides)} pixels wants an image with edges of at least {max(sides) + spare}, "
            f"but `{transform.name()}` gets {x.height} × {x.width}"
        ),
        code="transform-mismatch",
        at="padding",
    )
