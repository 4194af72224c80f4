"""A recipe's transforms as one function of a batch.

Images come as stored, uint8 of shape (N, C, H, W), become float32 in [0, 1], and go through `transforms`; in training
`augment` follows, but before a `Normalize` that ends the transforms, so that colours are still in [0, 1].

Against torchvision's functions on float32 tensors results are equal to rounding. A pipeline of PIL images, as d2l's
`load_data_fashion_mnist(batch, resize)`, rounds to 8 bits after each of the two passes of a resize: there they differ
by up to one step of 1/255, on FashionMNIST by 0.17 of a step on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from netspec.recipe.base import Loss, Transform
from netspec.trainer.transforms.draws import uniforms
from netspec.trainer.transforms.steps import make_step


class Pipeline:
    """The transforms of one recipe, on one device.

    Args:
        transforms: for every image.
        augment: for training.
        device: where constants lie.
        loss: the recipe's, if the targets are maps that move with their images in augmentation.
    """

    def __init__(
        self,
        transforms: Sequence[Transform],
        augment: Sequence[Transform],
        device: torch.device,
        loss: Loss | None = None,
    ) -> None:
        self._made_of = (tuple(transforms), tuple(augment), device, loss)
        first, last = split_normalize(transforms)
        self._before = [make_step(t, device) for t in first]
        self._random = [make_step(t, device) for t in augment]
        self._after = [make_step(t, device) for t in last]
        self._steps = len(self._before) + len(self._random) + len(self._after)
        self._columns = sum(step.columns for step in self._random)
        self._target = None if loss is None else _Target(loss, augment, device)

    def batch(self, images: Tensor, y: Tensor, samples: Tensor, key: Tensor | None) -> tuple[Tensor, Tensor]:
        """Examples and targets (N, ...) ready for a step: maps have moved as their images have. See `__call__`."""
        if self._target is not None and key is not None:
            y = self._target(y, uniforms(key, samples, max(self._columns, 1)))
        return self(images, samples, key), y

    def __reduce__(self) -> tuple[type[Pipeline], Any]:
        """A worker process makes the steps anew: they are closures, which no process can send to another."""
        return Pipeline, self._made_of

    def __call__(self, images: Tensor, samples: Tensor | None = None, key: Tensor | None = None) -> Tensor:
        """Transform a batch; with sample numbers (N,) and a key of `draw_key` it is augmented, too.

        Args:
            images: (N, C, H, W), uint8 or float32.
            samples: the number of each example within its data set, int64.
            key: of this epoch.

        Returns:
            float32 of shape (N, C', H', W'), on the same device.
        """
        x = to_float(images)
        if not self._steps:
            return x
        with torch.autocast(x.device.type, enabled=False):  # resampling in bf16 would move pixels by steps of 1/256
            for step in self._before:
                x = step.apply(x, x)
            if key is not None and samples is not None and self._random:
                x = self._augment(x, samples, key)
            for step in self._after:
                x = step.apply(x, x)
        return x

    def _augment(self, x: Tensor, samples: Tensor, key: Tensor) -> Tensor:
        numbers = uniforms(key, samples, max(self._columns, 1))
        column = 0
        for step in self._random:
            x = step.apply(x, numbers[:, column : column + step.columns])
            column += step.columns
        return x


class _Target:
    """The part of an augmentation that moves pixels, for maps.

    Classes are moved as float32, which holds them exactly, less the class that the loss ignores: what comes from
    outside, 0, is then of that class, and does not count.
    """

    def __init__(self, loss: Loss, augment: Sequence[Transform], device: torch.device) -> None:
        self._ignored = loss.divisor.ignore_index if loss.divisor is not None else 0
        self._classes = loss.target == "classes"
        self._steps = [make_step(t.of_classes() if self._classes else t, device) for t in augment]
        self._moves = [t.moves for t in augment]

    def __call__(self, y: Tensor, numbers: Tensor) -> Tensor:
        """Move maps (N, H, W) or (N, C, H, W) by the numbers by which their images are augmented."""
        if not any(self._moves):
            return y
        single = y.ndim == 3
        x = (y - self._ignored).to(torch.float32) if self._classes else y
        x = x.unsqueeze(1) if single else x
        column = 0
        with torch.autocast(x.device.type, enabled=False):
            for step, moves in zip(self._steps, self._moves, strict=True):
                if moves:
                    x = step.apply(x, numbers[:, column : column + step.columns])
                column += step.columns
        x = x.squeeze(1) if single else x
        return x.to(torch.int64) + self._ignored if self._classes else x


def to_float(images: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1]; float32 as it is."""
    if images.dtype == torch.uint8:
        return images * (1.0 / 255)  # one kernel; the same bits as conversion and multiplication
    return images


def split_normalize(transforms: Sequence[Transform]) -> tuple[list[Transform], list[Transform]]:
    """The transforms before and after the place where augmentation goes."""
    if transforms and transforms[-1].scales:
        return list(transforms[:-1]), [transforms[-1]]
    return list(transforms), []
