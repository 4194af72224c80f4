"""Policies: each example draws operations of its own, such as rotations, colours and contrasts."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Count, Natural, Real
from netspec.dims import need
from netspec.recipe.base import ImageType
from netspec.recipe.transforms.color import Colored


class Policy(Colored):
    """Base of the policies. Of a map that moves with its image they do what moves pixels."""

    moves: ClassVar[bool] = True


class RandAugment(Policy):
    """`num_ops` operations after each other, each one of 14: shear, shift, rotation, brightness, colour, contrast,
    sharpness, posterize, solarize, autocontrast, equalize, nothing. `magnitude` of `num_magnitude_bins` says how strong
    they are. Cubuk et al. 2019 (arXiv 1909.13719)."""

    num_ops: Natural = 2
    magnitude: Natural = 9
    num_magnitude_bins: Count = 31
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    fill: Real | None = None

    def output(self, x: ImageType) -> ImageType:
        need(
            self.magnitude < self.num_magnitude_bins,
            lambda: (
                f"`magnitude` of `RandAugment` is {self.magnitude}, but its {self.num_magnitude_bins} bins count from "
                f"0 to {self.num_magnitude_bins - 1}"
            ),
            code="recipe-conflict",
            at="magnitude",
        )
        return super().output(x)


class TrivialAugmentWide(Policy):
    """One operation of those of RandAugment, whose strength is drawn too, from a wider range. Müller & Hutter 2021
    (arXiv 2103.10158)."""

    num_magnitude_bins: Count = 31
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    fill: Real | None = None


class AutoAugment(Policy):
    """One of 25 pairs of operations, each done with a probability of its own, which were found on ImageNet, CIFAR-10 or
    SVHN. Cubuk et al. 2018 (arXiv 1805.09501)."""

    scalar: ClassVar[str | None] = "policy"

    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet"
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    fill: Real | None = None
