"""A net as it is served: from what a user has to what the net gives, as one module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.layers.base import TensorType
from netspec.net import Net
from netspec.recipe.base import ImageType, Transform, is_image
from netspec.recipe.resolved import Recipe
from netspec.torch.verify import example
from netspec.trainer.machine.values import each
from netspec.trainer.measure.objective import make_objective
from netspec.trainer.transforms.pipeline import Pipeline
from netspec.views.describe import shape_text

PixelType = Literal["uint8", "float32"]
FREE: Final = ("height", "width")
"""The names of the axes of a picture whose size is free."""


class Port(NamedTuple):
    """An input or an output of what is served."""

    name: str
    shape: tuple[int | str, ...]
    """Of one example; a name for an axis whose size is free."""
    dtype: str

    @property
    def free(self) -> bool:
        """Whether its height and width are free."""
        return FREE[0] in self.shape

    def text(self) -> str:
        """As in `x: uint8 (batch, 1, 28, 28)`."""
        return f"{self.name}: {self.dtype} ({', '.join(map(str, ('batch', *self.shape)))})"

    def to_dict(self) -> dict[str, Any]:
        """As plain values, the batch in front."""
        return {"name": self.name, "shape": ["batch", *self.shape], "dtype": self.dtype}


class Serving(NamedTuple):
    """How a net is to be served."""

    preprocessing: bool = True
    """Whether the recipe's transforms stand in front of it."""
    size: tuple[int, int] | Literal["any"] | None = None
    """Height and width of the pictures; None for those of the data."""
    dtype: PixelType | None = None
    """Of the pictures; None for that of the data."""


class Served(nn.Module):
    """A net with the transforms of its recipe in front, which gives its outputs as a tuple of tensors.

    Args:
        net: the net.
        recipe: its recipe.
        model: its module, in eval mode, on the CPU.
        asked: what is asked of it.
    """

    def __init__(self, net: Net, recipe: Recipe, model: nn.Module, asked: Serving) -> None:
        super().__init__()
        self.net = model
        types = [value.type for value in net.inputs]
        pictures = [asked.preprocessing and recipe.data.images and is_image(type_) for type_ in types]
        self._check(net, pictures, asked)
        cpu = torch.device("cpu")
        self._pipelines = [Pipeline(recipe.transforms, (), cpu) if picture else None for picture in pictures]
        self._of = net
        self._of_result: Callable[[Any], Sequence[Any]] = lambda result: objective.outputs(result)[0]
        objective = make_objective(net, recipe, cpu)
        self.inputs = [
            _picture(recipe, type_, str(value.name or "x"), asked)
            if picture
            else Port(str(value.name or "x"), _numbers(type_), type_.dtype)
            for value, type_, picture in zip(net.inputs, types, pictures, strict=True)
        ]
        self.outputs = [
            Port(f"{value.name or 'output'}{f'.{i}' if value.family else ''}", _numbers(type_), type_.dtype)
            for value in net.outputs
            for i, type_ in enumerate(value.types)
        ]
        self.transforms = [t.name() for t in recipe.transforms] if any(pictures) else []
        self.preprocesses = any(pictures)

    @staticmethod
    def _check(net: Net, pictures: Sequence[bool], asked: Serving) -> None:
        for name, value in (("size", asked.size), ("dtype", asked.dtype)):
            if value is not None and not any(pictures):
                takes = ", ".join(shape_text(value.type.shape) for value in net.inputs)
                raise UsageError(
                    f"{option(name)} is of pictures with their preprocessing, and what is exported takes the net's own "
                    f"input ({takes}); leave it out"
                )

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The outputs for a batch of each input."""
        ready = [x if make is None else make(x) for make, x in zip(self._pipelines, values, strict=True)]
        given = self._of_result(self.net(*ready))
        return tuple(tensor for part in given for tensor in each(part))

    def examples(self, batch: int, seed: int, edges: tuple[int, int]) -> tuple[Tensor, ...]:
        """A batch of made-up values of each input; `edges` are height and width where they are free."""
        generator = torch.Generator().manual_seed(seed)
        made = example(self._of, batch, generator)
        free: dict[str, int] = dict(zip(FREE, edges, strict=True))
        found: list[Tensor] = []
        for port, pipeline, value in zip(self.inputs, self._pipelines, made, strict=True):
            shape = [batch, *(free[n] if isinstance(n, str) else n for n in port.shape)]
            if port.dtype == "uint8":
                value = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
            elif pipeline is not None:
                value = torch.rand(shape, generator=generator)
            found.append(value)
        return tuple(found)


def _numbers(type_: TensorType) -> tuple[int | str, ...]:
    return tuple(n if isinstance(n, int) else str(n) for n in type_.shape)


def _picture(recipe: Recipe, type_: TensorType, name: str, asked: Serving) -> Port:
    """The pictures that a user has for an input.

    Raises:
        UsageError: the transforms do not bring pictures of the size that is asked for to that of the net.
    """
    wanted = tuple(n for n in type_.shape if isinstance(n, int))
    stored = recipe.data.shape_for(type_.shape) or (None, None, None)
    dtype = asked.dtype or ("uint8" if recipe.data.facts().dtype == "uint8" else type_.dtype)
    channels = stored[0] or wanted[0]
    if isinstance(asked.size, tuple):
        edges = asked.size
    elif asked.size is None and None not in stored[1:]:
        edges = stored[1:]
    else:
        free = _after(recipe.transforms, ImageType(channels, None, None))
        if free.height is not None and free.width is not None:
            return Port(name, (channels, *FREE), dtype)
        if asked.size is not None:
            raise UsageError(
                f"{option('size', 'any')}: no transform of the recipe brings pictures of every size to the net's "
                f"{shape_text(wanted)}; name one size, or train with a `Resize` among the `transforms`"
            )
        edges = _before(recipe.transforms, channels, wanted)
    height, width = edges
    got = _after(recipe.transforms, ImageType(channels, height, width))
    if tuple(got) != wanted:
        raise UsageError(
            f"pictures of {height} × {width} are {shape_text(tuple(n or 0 for n in got))} after the recipe's "
            f"transforms, but the net takes {shape_text(wanted)}; name a size from which they get there by "
            f"{option('size')}"
        )
    return Port(name, (channels, *(n or 0 for n in edges)), dtype)


def _after(transforms: Sequence[Transform], image: ImageType) -> ImageType:
    for transform in transforms:
        image = transform.output(image)
    return image


def _before(transforms: Sequence[Transform], channels: int, wanted: Sequence[int]) -> tuple[int, int]:
    """The size from which transforms that only add borders lead to that of the net."""
    grown = _after(transforms, ImageType(channels, wanted[1], wanted[2]))
    return 2 * wanted[1] - (grown.height or 0), 2 * wanted[2] - (grown.width or 0)
