"""Policies for batches (N, C, H, W) in [0, 1]: each image has an operation of its own, with a strength of its own.

All images go through all kinds of operations, and each takes the result of its own. The operations are those of
torchvision's policies on images of the same values. The host reads no value, and no shape depends on one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from netspec.trainer.transforms import color, geometry

OPERATIONS: Final = (
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
    "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize", "Invert",
)  # fmt: skip
"""The names that torchvision gives them; a number of an operation is its place."""
_NUMBER: Final = {name: number for number, name in enumerate(OPERATIONS)}
_SIGNED: Final = OPERATIONS[1:10]
DRAWN: Final = len(OPERATIONS) - 1
"""How many RandAugment and TrivialAugmentWide choose from: all but `Invert`, the last."""

Pair = tuple[tuple[str, float, int | None], tuple[str, float, int | None]]


class Strengths(NamedTuple):
    """How strong each operation is in each bin: float64 (operations, bins), as `fixed + across · W + down · H`."""

    fixed: Tensor
    across: Tensor
    down: Tensor
    signed: Tensor
    """bool (operations,): whether a strength may be negative."""

    def of(self, operation: Tensor, place: Tensor | int, positive: Tensor, x: Tensor) -> Tensor:
        """The strength of each image's operation, float64 (N,), in the bin `place`."""
        fixed, across, down = (table[operation, place] for table in (self.fixed, self.across, self.down))
        strength = fixed + across * x.shape[-1] + down * x.shape[-2]
        return torch.where(self.signed[operation] & ~positive, -strength, strength)


def strengths(bins: int, device: torch.device, *, wide: bool = False) -> Strengths:
    """The tables of torchvision's policies, for so many bins; `wide` are those of TrivialAugmentWide."""
    share = torch.linspace(0, 1, bins, dtype=torch.float64)
    most = dict.fromkeys(_SIGNED, 0.99 if wide else 0.9)
    most |= dict.fromkeys(("ShearX", "ShearY"), 0.99 if wide else 0.3)
    most |= {"Rotate": 135.0 if wide else 30.0, "TranslateX": 32.0 * wide, "TranslateY": 32.0 * wide}
    fixed, across, down = (torch.zeros(len(OPERATIONS), bins, dtype=torch.float64) for _ in range(3))
    for name, value in most.items():
        fixed[_NUMBER[name]] = share * value
    if not wide:
        across[_NUMBER["TranslateX"]] = down[_NUMBER["TranslateY"]] = share * 150 / 331
    fixed[_NUMBER["Posterize"]] = (8 - share * (6 if wide else 4)).round()
    fixed[_NUMBER["Solarize"]] = torch.linspace(1, 0, bins).double()  # rounded as there: stored values may be equal
    signed = torch.tensor([name in _SIGNED for name in OPERATIONS])
    return Strengths(*(table.to(device) for table in (fixed, across, down, signed)))


def move(x: Tensor, operation: Tensor, strength: Tensor, interpolation: str, fill: float) -> Tensor:
    """What moves the pixels of each image: shear about the upper left corner, shift by whole pixels, rotation."""

    def of(name: str) -> Tensor:
        return torch.where(operation == _NUMBER[name], strength, torch.zeros_like(strength))

    shift = [(of(name).abs() + 1e-6).floor() * of(name).sign() for name in ("TranslateX", "TranslateY")]
    shear = [torch.rad2deg(torch.atan(of(name))) for name in ("ShearX", "ShearY")]
    sheared = (operation == _NUMBER["ShearX"]) | (operation == _NUMBER["ShearY"])
    corner = tuple(torch.where(sheared, -size * 0.5, 0.0).double() for size in (x.shape[-1], x.shape[-2]))
    moved = geometry.warp(
        x, -of("Rotate"), (shift[0], shift[1]), torch.ones_like(strength), (shear[0], shear[1]), corner[0], corner[1],
        interpolation, fill,
    )  # fmt: skip
    return color.choose((operation >= 1) & (operation <= _NUMBER["Rotate"]), moved, x)


def operate(x: Tensor, operation: Tensor, strength: Tensor, interpolation: str, fill: float) -> Tensor:
    """Each image after its own operation.

    Args:
        x: (N, C, H, W) in [0, 1].
        operation: int64 (N,), places in `OPERATIONS`.
        strength: float64 (N,), its magnitude as torchvision counts it.
        interpolation: `nearest` or `bilinear`.
        fill: what comes from outside of an image.
    """
    y = move(x, operation, strength, interpolation, fill)

    def chosen(*names: str) -> Tensor:
        return torch.stack([operation == _NUMBER[name] for name in names]).any(0)

    factor = (1 + strength).to(x.dtype)
    kind = torch.where(chosen("Color"), 2, torch.where(chosen("Contrast"), 1, 0))
    y = color.choose(chosen("Brightness", "Contrast", "Color"), color.adjust(x, factor, kind), y)
    y = color.choose(chosen("Sharpness"), color.sharpen(x, factor.view(-1, 1, 1, 1)), y)
    levels = torch.exp2(strength.clamp(1, 8)).to(x.dtype).view(-1, 1, 1, 1)
    fewer = torch.minimum((x * levels).floor(), levels - 1) / levels
    y = color.choose(chosen("Posterize") & (strength < 8), fewer, y)  # a stored value has 8 bits
    limit = strength.to(x.dtype).view(-1, 1, 1, 1)
    y = color.choose(chosen("Solarize"), torch.where(x >= limit, 1 - x, x), y)
    y = color.choose(chosen("AutoContrast"), color.autocontrast(x), y)
    y = color.choose(chosen("Equalize"), color.equalize(x), y)
    return color.choose(chosen("Invert"), 1 - x, y)


class PolicyPairs(NamedTuple):
    """The pairs of AutoAugment: tensors (pairs, 2)."""

    operation: Tensor
    probability: Tensor
    bins: Tensor


def pairs_of(policy: Sequence[Pair], device: torch.device) -> PolicyPairs:
    """The pairs of a policy as tensors."""
    numbers = [[_NUMBER[name] for name, _, _ in pair] for pair in policy]
    shares = [[share for _, share, _ in pair] for pair in policy]
    bins = [[place or 0 for _, _, place in pair] for pair in policy]
    return PolicyPairs(*(torch.tensor(values, device=device) for values in (numbers, shares, bins)))


POLICIES: Final[dict[str, tuple[Pair, ...]]] = {
    "imagenet": (
        (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, None)),
        (("Equalize", 0.8, None), ("Equalize", 0.6, None)),
        (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
        (("Equalize", 0.4, None), ("Solarize", 0.2, 4)),
        (("Equalize", 0.4, None), ("Rotate", 0.8, 8)),
        (("Solarize", 0.6, 3), ("Equalize", 0.6, None)),
        (("Posterize", 0.8, 5), ("Equalize", 1.0, None)),
        (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
        (("Equalize", 0.6, None), ("Posterize", 0.4, 6)),
        (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
        (("Rotate", 0.4, 9), ("Equalize", 0.6, None)),
        (("Equalize", 0.0, None), ("Equalize", 0.8, None)),
        (("Invert", 0.6, None), ("Equalize", 1.0, None)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
        (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
        (("Sharpness", 0.4, 7), ("Invert", 0.6, None)),
        (("ShearX", 0.6, 5), ("Equalize", 1.0, None)),
        (("Color", 0.4, 0), ("Equalize", 0.6, None)),
        (("Equalize", 0.4, None), ("Solarize", 0.2, 4)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, None)),
        (("Invert", 0.6, None), ("Equalize", 1.0, None)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Equalize", 0.8, None), ("Equalize", 0.6, None)),
    ),
    "cifar10": (
        (("Invert", 0.1, None), ("Contrast", 0.2, 6)),
        (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
        (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
        (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.5, None), ("Equalize", 0.9, None)),
        (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
        (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
        (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
        (("Equalize", 0.6, None), ("Equalize", 0.5, None)),
        (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
        (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
        (("Equalize", 0.3, None), ("AutoContrast", 0.4, None)),
        (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
        (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
        (("Solarize", 0.5, 2), ("Invert", 0.0, None)),
        (("Equalize", 0.2, None), ("AutoContrast", 0.6, None)),
        (("Equalize", 0.2, None), ("Equalize", 0.6, None)),
        (("Color", 0.9, 9), ("Equalize", 0.6, None)),
        (("AutoContrast", 0.8, None), ("Solarize", 0.2, 8)),
        (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
        (("Solarize", 0.4, 5), ("AutoContrast", 0.9, None)),
        (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.9, None), ("Solarize", 0.8, 3)),
        (("Equalize", 0.8, None), ("Invert", 0.1, None)),
        (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, None)),
    ),
    "svhn": (
        (("ShearX", 0.9, 4), ("Invert", 0.2, None)),
        (("ShearY", 0.9, 8), ("Invert", 0.7, None)),
        (("Equalize", 0.6, None), ("Solarize", 0.6, 6)),
        (("Invert", 0.9, None), ("Equalize", 0.6, None)),
        (("Equalize", 0.6, None), ("Rotate", 0.9, 3)),
        (("ShearX", 0.9, 4), ("AutoContrast", 0.8, None)),
        (("ShearY", 0.9, 8), ("Invert", 0.4, None)),
        (("ShearY", 0.9, 5), ("Solarize", 0.2, 6)),
        (("Invert", 0.9, None), ("AutoContrast", 0.8, None)),
        (("Equalize", 0.6, None), ("Rotate", 0.9, 3)),
        (("ShearX", 0.9, 4), ("Solarize", 0.3, 3)),
        (("ShearY", 0.8, 8), ("Invert", 0.7, None)),
        (("Equalize", 0.9, None), ("TranslateY", 0.6, 6)),
        (("Invert", 0.9, None), ("Equalize", 0.6, None)),
        (("Contrast", 0.3, 3), ("Rotate", 0.8, 4)),
        (("Invert", 0.8, None), ("TranslateY", 0.0, 2)),
        (("ShearY", 0.7, 6), ("Solarize", 0.4, 8)),
        (("Invert", 0.6, None), ("Rotate", 0.8, 4)),
        (("ShearY", 0.3, 7), ("TranslateX", 0.9, 3)),
        (("ShearX", 0.1, 6), ("Invert", 0.6, None)),
        (("Solarize", 0.7, 2), ("TranslateY", 0.6, 7)),
        (("ShearY", 0.8, 4), ("Invert", 0.8, None)),
        (("ShearX", 0.7, 9), ("TranslateY", 0.8, 3)),
        (("ShearY", 0.8, 5), ("AutoContrast", 0.7, None)),
        (("ShearX", 0.7, 2), ("Invert", 0.1, None)),
    ),
}
"""The pairs of Cubuk et al. 2018, each an operation with its probability and its bin of ten."""
