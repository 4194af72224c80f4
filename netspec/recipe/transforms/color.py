"""Random changes of colour and sharpness: each example draws its own. Values stay in [0, 1]."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative, Probability, spread
from netspec.dims import need
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.fields import Bits, Hue, Jitter, Odd, Sigma
from netspec.recipe.transforms.values import need_channels


class Colored(Transform):
    """Base of the transforms that draw for each example and work on grey and colour images."""

    random: ClassVar[bool] = True

    def output(self, x: ImageType) -> ImageType:
        need_channels(self.name(), x, (1, 3))
        return x


class ColorJitter(Colored):
    """Brightness, contrast, saturation and hue change by random factors, in random order.

    `brightness: 0.2` is a factor from 0.8 to 1.2, `[0.5, 1.5]` gives the range; `hue: 0.1` turns the colours by up to
    a tenth of the circle either way. Saturation and hue leave grey images alone.
    """

    brightness: Jitter | None = None
    contrast: Jitter | None = None
    saturation: Jitter | None = None
    hue: Hue | None = None


class RandomGrayscale(Colored):
    """Colours become grey with probability `p`; the number of channels stays."""

    scalar: ClassVar[str | None] = "p"

    p: Probability = 0.1


class RandomInvert(Colored):
    """x becomes 1 − x with probability `p`."""

    scalar: ClassVar[str | None] = "p"

    p: Probability = 0.5


class RandomSolarize(Colored):
    """Values of at least `threshold`, between 0 and 1, become 1 − x with probability `p`."""

    scalar: ClassVar[str | None] = "threshold"
    example: ClassVar[str | None] = "0.5"

    threshold: Probability
    p: Probability = 0.5


class RandomPosterize(Colored):
    """Values keep only 2^bits levels, with probability `p`."""

    scalar: ClassVar[str | None] = "bits"
    example: ClassVar[str | None] = "4"

    bits: Bits
    p: Probability = 0.5


class RandomAdjustSharpness(Colored):
    """With probability `p`: 0 blurs, 1 changes nothing, 2 sharpens. The outermost pixels stay."""

    scalar: ClassVar[str | None] = "sharpness_factor"
    example: ClassVar[str | None] = "2"

    sharpness_factor: NonNegative
    p: Probability = 0.5


class GaussianBlur(Transform):
    """A blur of random `sigma` in pixels, from a range or fixed. `kernel_size` is odd: one, or `[width, height]`."""

    random: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "kernel_size"
    example: ClassVar[str | None] = "3"

    kernel_size: Odd
    sigma: Sigma = (0.1, 2.0)

    def output(self, x: ImageType) -> ImageType:
        width, height = spread(self.kernel_size, 2)
        need(
            (x.height is None or height // 2 < x.height) and (x.width is None or width // 2 < x.width),
            lambda: (
                f"`GaussianBlur` mirrors {max(height, width) // 2} pixels at the border, "
                f"but its image has {x.height} × {x.width}"
            ),
            code="transform-mismatch",
            at="kernel_size",
        )
        return x
