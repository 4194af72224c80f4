"""Transforms that change every pixel's value and keep its place."""

from __future__ import annotations

from typing import ClassVar

from netspec.dims import need
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.fields import Channels, Positives, Reals


class Grayscale(Transform):
    """Grey from colour, 0.2989 R + 0.587 G + 0.114 B; grey images stay. `num_output_channels: 3` repeats the result,
    which also makes grey images fit a net for colour."""

    scalar: ClassVar[str | None] = "num_output_channels"

    num_output_channels: Channels = 1

    def output(self, x: ImageType) -> ImageType:
        need_channels("Grayscale", x, (1, 3))
        return ImageType(self.num_output_channels, x.height, x.width)


class Normalize(Transform):
    """(x − mean) / std, each with one value per channel. Images are in [0, 1] before it."""

    scales: ClassVar[bool] = True
    example: ClassVar[str | None] = "{mean: [0.5], std: [0.5]}"
    omitted: ClassVar[dict[str, str]] = {"inplace": "the trainer decides by itself where it may overwrite"}

    mean: Reals
    std: Positives

    def output(self, x: ImageType) -> ImageType:
        for name, values in (("mean", self.mean), ("std", self.std)):
            need(
                x.channels is None or len(values) in (1, x.channels),
                lambda name=name, values=values: (
                    f"`{name}` of `Normalize` has {len(values)} values, "
                    f"but the image has {x.channels} channel{'' if x.channels == 1 else 's'} here"
                ),
                code="transform-mismatch",
                at=name,
                help="give one value per channel, or one for all",
            )
        return x


def need_channels(name: str, x: ImageType, allowed: tuple[int, ...]) -> None:
    """Require a number of channels that the transform understands."""
    need(
        x.channels is None or x.channels in allowed,
        lambda: f"`{name}` works on images of {' or '.join(map(str, allowed))} channels, but gets {x.channels}",
        code="transform-mismatch",
    )
