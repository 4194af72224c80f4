"""Make functions of a batch and random numbers from the transforms of a recipe.

Each function computes the parameters of its random transform from `columns` uniform numbers in [0, 1) per example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from netspec.arguments import spread
from netspec.diagnostics import PluginError
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.sizes import joined
from netspec.recipe.transforms import color as color_spec
from netspec.recipe.transforms import fixed as fixed_spec
from netspec.recipe.transforms import geometry as geometry_spec
from netspec.recipe.transforms import policies as policies_spec
from netspec.recipe.transforms import values as values_spec
from netspec.torch.foreign_modules import called
from netspec.trainer.transforms import color, fixed, geometry, policies
from netspec.trainer.transforms.geometry import TRIES


@dataclass(frozen=True, slots=True)
class TransformStep:
    """A transform as a function, and the number of random numbers that it needs."""

    columns: int
    """Random numbers per example."""
    apply: Callable[[Tensor, Tensor], Tensor]
    """Batch (N, C, H, W) and random numbers (N, columns) → batch."""
    move: Callable[[Tensor, Tensor], Tensor] | None = None
    """What of it moves pixels, for maps that move with their images; None is all of it."""


def make_step(transform: Transform, device: torch.device) -> TransformStep:
    """The function of a transform. Its constants are on `device`.

    Raises:
        PluginError: it is a plugin's, and what carries it out is not there, or is wrong.
    """
    if transform.is_foreign():
        return _plugged(transform, device)
    return MAKERS[type(transform)](transform, device)


def _plugged(t: Transform, device: torch.device) -> TransformStep:
    """The function of a plugin's transform, whose results are held against its rule."""
    call = t.call()
    made = called(call, type(t), call.arguments, device)

    def apply(x: Tensor, u: Tensor) -> Tensor:
        y = made(x, u) if t.columns else made(x)
        wanted = (len(x), *t.output(ImageType(*x.shape[1:])))
        if not isinstance(y, Tensor) or tuple(y.shape) != wanted or y.dtype != x.dtype:
            given = f"{joined(y.shape)} of {y.dtype}" if isinstance(y, Tensor) else f"a `{type(y).__name__}`"
            raise PluginError(
                f"`{call.module}.{call.target}` gives {given} for a batch of {joined(x.shape)} of {x.dtype}, but "
                f"`output` of `{t.name()}` says {joined(wanted)}, of the same dtype"
            )
        return y

    return TransformStep(t.columns, apply)


# ---- the same for every image


def _resize(t: fixed_spec.Resize, device: torch.device) -> TransformStep:
    def apply(x: Tensor, _: Tensor) -> Tensor:
        least: Any = torch.sym_min  # of numbers and of symbols
        most: Any = torch.sym_max
        size = t.edges(x.shape[-2], x.shape[-1], least, most)
        return fixed.resize(x, size, t.interpolation, antialias=t.antialias)

    return TransformStep(0, apply)


def _center_crop(t: fixed_spec.CenterCrop, device: torch.device) -> TransformStep:
    height, width = spread(t.size, 2)
    return TransformStep(0, lambda x, _: fixed.center_crop(x, (height, width)))


def _pad(t: fixed_spec.Pad, device: torch.device) -> TransformStep:
    sides = fixed_spec.four_sides(t.padding)
    return TransformStep(0, lambda x, _: fixed.pad(x, sides, t.padding_mode, t.fill))


def _grayscale(t: values_spec.Grayscale, device: torch.device) -> TransformStep:
    return TransformStep(0, lambda x, _: fixed.grayscale(x, t.num_output_channels))


def _normalize(t: values_spec.Normalize, device: torch.device) -> TransformStep:
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (t.mean, t.std))
    return TransformStep(0, lambda x, _: fixed.normalize(x, mean, std))


# ---- random geometry


def _random_crop(t: geometry_spec.RandomCrop, device: torch.device) -> TransformStep:
    height, width = spread(t.size, 2)

    def apply(x: Tensor, u: Tensor) -> Tensor:
        sides = t.sides(x.shape[-2], x.shape[-1])
        if any(sides):
            x = fixed.pad(x, sides, t.padding_mode, t.fill)
        top = _whole(u[:, 0], 0, x.shape[-2] - height)
        left = _whole(u[:, 1], 0, x.shape[-1] - width)
        return geometry.crop(x, top, left, (height, width))

    return TransformStep(2, apply)


def _random_resized_crop(t: geometry_spec.RandomResizedCrop, device: torch.device) -> TransformStep:
    height, width = spread(t.size, 2)

    def apply(x: Tensor, u: Tensor) -> Tensor:
        boxes, _ = geometry.draw_windows(u, x.shape[-2], x.shape[-1], t.scale, t.ratio)
        return geometry.resized_crop(x, boxes, (height, width), t.interpolation, antialias=t.antialias)

    return TransformStep(2 * TRIES + 2, apply)


def _horizontal_flip(t: geometry_spec.RandomHorizontalFlip, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: geometry.flip(x, u[:, 0] < t.p, -1))


def _vertical_flip(t: geometry_spec.RandomVerticalFlip, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: geometry.flip(x, u[:, 0] < t.p, -2))


def _rotation(t: geometry_spec.RandomRotation, device: torch.device) -> TransformStep:
    low, high = _range(t.degrees)

    def apply(x: Tensor, u: Tensor) -> Tensor:
        return geometry.rotate(x, _between(u[:, 0], low, high), t.interpolation, t.fill, t.center)

    return TransformStep(1, apply)


def _affine(t: geometry_spec.RandomAffine, device: torch.device) -> TransformStep:
    low, high = _range(t.degrees)
    shear = _range(t.shear or 0)
    shear_x, shear_y = shear[:2], shear[2:] or (0.0, 0.0)
    scale = t.scale or (1.0, 1.0)

    def apply(x: Tensor, u: Tensor) -> Tensor:
        dx, dy = (a * n for a, n in zip(t.translate or (0.0, 0.0), (x.shape[-1], x.shape[-2]), strict=True))
        shift = (_between(u[:, 1], -dx, dx).round(), _between(u[:, 2], -dy, dy).round())
        shears = (_between(u[:, 4], *shear_x), _between(u[:, 5], *shear_y))
        return geometry.affine(
            x, _between(u[:, 0], low, high), shift, _between(u[:, 3], *scale), shears, t.interpolation, t.fill, t.center
        )

    return TransformStep(6, apply)


def _erasing(t: geometry_spec.RandomErasing, device: torch.device) -> TransformStep:
    def apply(x: Tensor, u: Tensor) -> Tensor:
        boxes, found = geometry.draw_erased(u[:, 1:], x.shape[-2], x.shape[-1], t.scale, t.ratio)
        return geometry.erase(x, boxes, found & (u[:, 0] < t.p), t.value)

    return TransformStep(2 * TRIES + 3, apply)


# ---- random colour


def _color_jitter(t: color_spec.ColorJitter, device: torch.device) -> TransformStep:
    ranges = [_factors(value) for value in (t.brightness, t.contrast, t.saturation)]
    hue = None if t.hue is None else _range(t.hue)

    def apply(x: Tensor, u: Tensor) -> Tensor:
        factors = torch.stack([_between(u[:, i], low, high) for i, (low, high) in enumerate(ranges)], dim=1)
        turn = None if hue is None else _between(u[:, 3], *hue)
        return color.jitter(x, factors, turn, u[:, 4:8].argsort(dim=1))

    return TransformStep(8, apply)


def _random_grayscale(t: color_spec.RandomGrayscale, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: color.choose(u[:, 0] < t.p, fixed.grayscale(x, x.shape[1]), x))


def _invert(t: color_spec.RandomInvert, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: color.choose(u[:, 0] < t.p, 1 - x, x))


def _solarize(t: color_spec.RandomSolarize, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: color.choose(u[:, 0] < t.p, color.solarize(x, t.threshold), x))


def _posterize(t: color_spec.RandomPosterize, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: color.choose(u[:, 0] < t.p, color.posterize(x, t.bits), x))


def _sharpness(t: color_spec.RandomAdjustSharpness, device: torch.device) -> TransformStep:
    return TransformStep(1, lambda x, u: color.choose(u[:, 0] < t.p, color.sharpen(x, t.sharpness_factor), x))


def _blur(t: color_spec.GaussianBlur, device: torch.device) -> TransformStep:
    width, height = spread(t.kernel_size, 2)
    low, high = t.sigma if isinstance(t.sigma, tuple) else (t.sigma, t.sigma)
    return TransformStep(1, lambda x, u: color.gaussian_blur(x, (width, height), _between(u[:, 0], low, high)))


# ---- policies

Drawn = Callable[[Tensor, Tensor], Iterator[tuple[Tensor, Tensor]]]
"""Batch and random numbers → the operation of each image and its strength, for one operation after the other."""


def _policy(columns: int, drawn: Drawn, interpolation: str, fill: float | None) -> TransformStep:
    outside = fill or 0.0

    def apply(x: Tensor, u: Tensor) -> Tensor:
        for operation, strength in drawn(x, u):
            x = policies.operate(x, operation, strength, interpolation, outside)
        return x

    def move(x: Tensor, u: Tensor) -> Tensor:
        for operation, strength in drawn(x, u):
            x = policies.move(x, operation, strength, interpolation, outside)
        return x

    return TransformStep(columns, apply, move)


def _rand_augment(t: policies_spec.RandAugment, device: torch.device) -> TransformStep:
    table = policies.strengths(t.num_magnitude_bins, device)

    def drawn(x: Tensor, u: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for i in range(t.num_ops):
            operation = _whole(u[:, 2 * i], 0, policies.DRAWN - 1)
            yield operation, table.of(operation, t.magnitude, u[:, 2 * i + 1] > 0.5, x)

    return _policy(2 * t.num_ops, drawn, t.interpolation, t.fill)


def _trivial_augment(t: policies_spec.TrivialAugmentWide, device: torch.device) -> TransformStep:
    table = policies.strengths(t.num_magnitude_bins, device, wide=True)

    def drawn(x: Tensor, u: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        operation, place = _whole(u[:, 0], 0, policies.DRAWN - 1), _whole(u[:, 1], 0, t.num_magnitude_bins - 1)
        yield operation, table.of(operation, place, u[:, 2] > 0.5, x)

    return _policy(3, drawn, t.interpolation, t.fill)


def _auto_augment(t: policies_spec.AutoAugment, device: torch.device) -> TransformStep:
    table, pairs = policies.strengths(10, device), policies.pairs_of(policies.POLICIES[t.policy], device)

    def drawn(x: Tensor, u: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        pair = _whole(u[:, 0], 0, len(pairs.operation) - 1)
        for i in range(2):
            done = u[:, 1 + 2 * i] < pairs.probability[pair, i]
            operation = torch.where(done, pairs.operation[pair, i], 0)
            yield operation, table.of(operation, pairs.bins[pair, i], u[:, 2 + 2 * i] > 0.5, x)

    return _policy(5, drawn, t.interpolation, t.fill)


# ---- ranges


def _range(value: float | tuple[float, ...]) -> tuple[float, ...]:
    """A range; a number d means (−d, d)."""
    return value if isinstance(value, tuple) else (-value, value)


def _factors(value: float | tuple[float, float] | None) -> tuple[float, float]:
    """A range of factors; a number d means (max(1 − d, 0), 1 + d), and None means (1, 1)."""
    if value is None:
        return (1.0, 1.0)
    return value if isinstance(value, tuple) else (max(1.0 - value, 0.0), 1.0 + value)


def _between(u: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * u


def _whole(u: Tensor, low: int, high: int) -> Tensor:
    """Integers from low to high, both included. Clamped, since u · n may be rounded up to n although u < 1."""
    return low + (u * (high - low + 1)).to(torch.int64).clamp(max=high - low)


MAKERS: Final[dict[type[Transform], Callable[[Any, torch.device], TransformStep]]] = {
    fixed_spec.Resize: _resize,
    fixed_spec.CenterCrop: _center_crop,
    fixed_spec.Pad: _pad,
    values_spec.Grayscale: _grayscale,
    values_spec.Normalize: _normalize,
    geometry_spec.RandomCrop: _random_crop,
    geometry_spec.RandomResizedCrop: _random_resized_crop,
    geometry_spec.RandomHorizontalFlip: _horizontal_flip,
    geometry_spec.RandomVerticalFlip: _vertical_flip,
    geometry_spec.RandomRotation: _rotation,
    geometry_spec.RandomAffine: _affine,
    geometry_spec.RandomErasing: _erasing,
    color_spec.ColorJitter: _color_jitter,
    color_spec.RandomGrayscale: _random_grayscale,
    color_spec.RandomInvert: _invert,
    color_spec.RandomSolarize: _solarize,
    color_spec.RandomPosterize: _posterize,
    color_spec.RandomAdjustSharpness: _sharpness,
    color_spec.GaussianBlur: _blur,
    policies_spec.RandAugment: _rand_augment,
    policies_spec.TrivialAugmentWide: _trivial_augment,
    policies_spec.AutoAugment: _auto_augment,
}
"""Transform class → function that makes its step. A test checks that every transform has one."""
