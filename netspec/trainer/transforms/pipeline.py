"""A recipe's transforms as one function of a batch.

Stored images, uint8 (N, C, H, W), are converted to float32 in [0, 1], and `transforms` are applied. In training,
`augment` follows; but a `Normalize` at the end of the transforms is applied after it, so that augmentation gets colours
in [0, 1].

Results equal those of torchvision's functions on float32 tensors up to rounding. A pipeline of PIL images, such as
d2l's `load_data_fashion_mnist(batch, resize)`, rounds to 8 bits after each of the two passes of a resize. From that,
results differ by at most one step of 1/255, on FashionMNIST by 0.17 of a step on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from netspec.recipe.base import Loss, Transform
from netspec.trainer.machine.values import Values, each, joined
from netspec.trainer.transforms.draws import uniforms
from netspec.trainer.transforms.steps import make_step


class Pipeline:
    """The transforms of one recipe, on one device.

    Args:
        transforms: the transforms of every image.
        augment: the augmentation, for training.
        device: the device of constants.
        loss: the recipe's loss, if the targets are maps that must be augmented with their images; else None.
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
        self._target = None if loss is None else MovingTarget(loss, augment, device)

    def batch(self, x: Values, y: Values, samples: Tensor, key: Tensor | None) -> tuple[Values, Values]:
        """Transform a batch of images and its targets (N, ...), one tensor each: maps are augmented as their images.
        See `__call__`."""
        (images,), (y,) = each(x), each(y)
        return self(images, samples, key), self.moved(y, samples, key)

    def moved(self, y: Tensor, samples: Tensor, key: Tensor | None) -> Tensor:
        """The targets alone: maps are augmented as their images."""
        if self._target is None or key is None:
            return y
        return self._target(y, uniforms(key, samples, max(self._columns, 1)))

    def __reduce__(self) -> tuple[type[Pipeline], Any]:
        """Pickle the arguments, from which a worker process builds the steps again: these are closures, which cannot be
        pickled."""
        return Pipeline, self._made_of

    def __call__(self, images: Tensor, samples: Tensor | None = None, key: Tensor | None = None) -> Tensor:
        """Transform a batch, and augment it if `samples` and `key` are given.

        Args:
            images: (N, C, H, W), uint8 or float32.
            samples: the index of each example in its data set, int64 (N,).
            key: the result of `draw_key` for the epoch.

        Returns:
            float32 (N, C', H', W'), on the same device.
        """
        x = to_float(images)
        if not self._steps:
            return x
        with _exact(x.device):
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


class Pipelines:
    """The transforms of a net with several inputs or targets.

    Args:
        inputs: for each input its pipeline; None leaves it as it is stored.
        targets: for each target the pipeline of the image with which it moves; None leaves it alone.
    """

    def __init__(self, inputs: Sequence[Pipeline | None], targets: Sequence[Pipeline | None]) -> None:
        self._inputs, self._targets = tuple(inputs), tuple(targets)

    def batch(self, x: Values, y: Values, samples: Tensor, key: Tensor | None) -> tuple[Values, Values]:
        """Transform a batch; see `Pipeline.batch`."""
        inputs = [
            tensor if pipeline is None else pipeline(tensor, samples, key)
            for pipeline, tensor in zip(self._inputs, each(x), strict=True)
        ]
        targets = [
            tensor if pipeline is None else pipeline.moved(tensor, samples, key)
            for pipeline, tensor in zip(self._targets, each(y), strict=True)
        ]
        return joined(tuple(inputs)), joined(tuple(targets))


class MovingTarget:
    """Applies the part of an augmentation that moves pixels to maps.

    Maps of classes are converted to float32, which represents the indices exactly, and the index that the loss ignores
    is subtracted. So pixels from outside of the image, which are 0, get that index and do not count.
    """

    def __init__(self, loss: Loss, augment: Sequence[Transform], device: torch.device) -> None:
        self._ignored = loss.divisor.ignore_index if loss.divisor is not None else 0
        self._classes = loss.target == "classes"
        self._steps = [make_step(t.of_classes() if self._classes else t, device) for t in augment]
        self._moves = [t.moves for t in augment]

    def __call__(self, y: Tensor, numbers: Tensor) -> Tensor:
        """Augment maps (N, H, W) or (N, C, H, W) with the random numbers of their images."""
        if not any(self._moves):
            return y
        single = y.ndim == 3
        x = (y - self._ignored).to(torch.float32) if self._classes else y
        x = x.unsqueeze(1) if single else x
        column = 0
        with _exact(x.device):
            for step, moves in zip(self._steps, self._moves, strict=True):
                if moves:
                    x = (step.move or step.apply)(x, numbers[:, column : column + step.columns])
                column += step.columns
        x = x.squeeze(1) if single else x
        return x.to(torch.int64) + self._ignored if self._classes else x


def _exact(device: torch.device) -> Any:
    """No autocast: resampling in bf16 would move pixels by steps of 1/256.

    Where there is none, nothing is done, so that an exported graph has no trace of it."""
    on = torch.is_autocast_enabled(device.type)
    return torch.autocast(device.type, enabled=False) if on else nullcontext()


def to_float(images: Tensor) -> Tensor:
    """Convert uint8 to float32 in [0, 1]; float32 is returned unchanged."""
    if images.dtype == torch.uint8:
        return images * (1.0 / 255)  # one kernel, with the same result as a conversion and a multiplication
    return images


def split_normalize(transforms: Sequence[Transform]) -> tuple[list[Transform], list[Transform]]:
    """The transforms before augmentation, and those after it: a last one that scales values, such as `Normalize`."""
    if transforms and transforms[-1].scales:
        return list(transforms[:-1]), [transforms[-1]]
    return list(transforms), []
