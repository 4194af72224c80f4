"""Synthetic examples from a seed: each class has a random pattern, and an example is its class's pattern plus noise."""

from __future__ import annotations

import torch
from torch import Tensor

from netspec.dims import Shape
from netspec.layers.base import TensorType
from netspec.recipe.datasets.local import Synthetic
from netspec.recipe.terms import EndValue, TargetField
from netspec.trainer.data.fingerprint import hash_of_tensors
from netspec.trainer.data.parts import Part, Parts, Request
from netspec.trainer.transforms.draws import stable_seed

_UNCOMPARED = 10
"""The number of classes where no loss compares with what the data give beside the inputs, as of an autoencoder."""


def read(data: Synthetic, request: Request) -> Parts:
    """Generate training and test examples; shape and classes default to those of the net.

    Targets are class indices, or values of the shape that the recipe's losses need. Each input and each target behind
    the first is drawn by a generator of its own, so that another one changes none of them.
    """
    first = request.fields[0] if request.fields else None
    output_shape = _numbers(request.output.shape if first is None else first.output.shape)
    classes = first is not None and first.loss.target == "classes"
    shape = tuple(data.shape or _numbers(request.input.shape))
    width = _UNCOMPARED if first is None else output_shape[0] if output_shape else 1
    count = data.classes or width
    generator = torch.Generator().manual_seed(stable_seed(data.seed, "synthetic"))
    patterns = _patterns(data, count, shape, request.inputs[0].type, generator, several=len(request.inputs) > 1)
    values = None if first is None or classes else _values(first, count, generator)
    further = [_Further(data, count, value) for value in request.inputs[1:]]
    targets = [_FurtherTarget(data, count, field) for field in request.fields[1:]]

    def part(size: int) -> Part:
        labels = torch.randint(count, (size,), generator=generator)
        x = _noisy(patterns[labels], data, generator)
        y = _everywhere(labels, output_shape) if classes else labels if values is None else values[labels]
        inputs = tuple(made.of(labels) for made in further)
        return Part(
            x, y, shape, "synthetic data", inputs=inputs, targets=tuple(target.of(labels) for target in targets)
        )

    train = part(data.train)
    test = part(data.test) if data.test else None
    named = [(name, part) for name, part in (("train", train), ("test", test)) if part is not None]
    found = hash_of_tensors(
        (f"{name} {key}", tensor)
        for name, part in named
        for key, tensor in (
            ("x", part.x), ("y", part.y),
            *((f"x{i}", tensor) for i, tensor in enumerate(part.inputs, 1)),
            *((f"y{i}", tensor) for i, tensor in enumerate(part.targets, 1)),
        )
        if isinstance(tensor, Tensor)
    )  # fmt: skip
    return Parts(train, test, classes=count if classes else None, hash=lambda: found)


class _Further:
    """An input behind the first: a pattern for each class, plus noise."""

    def __init__(self, data: Synthetic, count: int, value: EndValue) -> None:
        assert value.type is not None, "a net that trains has known inputs"
        self._data = data
        self._generator = torch.Generator().manual_seed(stable_seed(data.seed, "synthetic", str(value.name)))
        shape = _numbers(value.type.shape)
        self._patterns = _patterns(data, count, shape, value.type, self._generator, several=True)

    def of(self, labels: Tensor) -> Tensor:
        """For examples of these classes (N,)."""
        return _noisy(self._patterns[labels], self._data, self._generator)


class _FurtherTarget:
    """A target behind the first: the class itself, counted anew from 0 where there are fewer, or values of each."""

    def __init__(self, data: Synthetic, count: int, field: TargetField) -> None:
        self._shape = _numbers(field.output.shape)
        generator = torch.Generator().manual_seed(stable_seed(data.seed, "synthetic target", field.name))
        self._values = None if field.loss.target == "classes" else _values(field, count, generator)

    def of(self, labels: Tensor) -> Tensor:
        """For examples of these classes (N,)."""
        if self._values is not None:
            return self._values[labels]
        return _everywhere(labels % (self._shape[0] if self._shape else 1), self._shape)


def _numbers(shape: Shape) -> tuple[int, ...]:
    return tuple(int(n) for n in shape)  # pyright: ignore[reportArgumentType]  # a net is built for numbers only


def _patterns(
    data: Synthetic, count: int, shape: tuple[int, ...], type_: TensorType | None, generator: torch.Generator,
    *, several: bool,
) -> Tensor:  # fmt: skip
    """A pattern for each class. Of several inputs, those of integers have the vocabulary."""
    if several and type_ is not None and type_.dtype == "bool":
        return torch.rand((count, *shape), generator=generator) < 0.5
    if data.vocabulary and not (several and type_ is not None and type_.dtype != "int64"):
        return torch.randint(data.vocabulary, (count, *shape), generator=generator)
    return torch.randn((count, *shape), generator=generator)


def _values(field: TargetField, count: int, generator: torch.Generator) -> Tensor:
    """Values of the target's shape for each class, between 0 and 1; 1 or −1 where the loss wants that."""
    values = torch.rand((count, *_numbers(field.loss.target_shape(field.output.shape))), generator=generator)
    return torch.where(values < 0.5, -1.0, 1.0) if field.loss.signs else values


def _everywhere(labels: Tensor, output_shape: tuple[int, ...]) -> Tensor:
    """The example's class at every position, for outputs of shape (classes, ...)."""
    rest = output_shape[1:]
    return labels.view(-1, *([1] * len(rest))).expand(-1, *rest).contiguous()


def _noisy(x: Tensor, data: Synthetic, generator: torch.Generator) -> Tensor:
    """Add noise to patterns. Of integers and truth values a share is replaced by random ones; images become uint8;
    others float32."""
    if x.dtype == torch.bool:
        changed = torch.rand(x.shape, generator=generator) < min(data.noise, 1.0)
        return torch.where(changed, torch.rand(x.shape, generator=generator) < 0.5, x)
    if x.dtype == torch.int64:
        assert data.vocabulary is not None
        changed = torch.rand(x.shape, generator=generator) < min(data.noise, 1.0)
        return torch.where(changed, torch.randint(data.vocabulary, x.shape, generator=generator), x)
    x = x + data.noise * torch.randn(x.shape, generator=generator)
    if x.ndim == 4:  # images: standard deviation 40 around the middle grey
        return (127.5 + 40 * x).clamp_(0, 255).to(torch.uint8)
    return x
