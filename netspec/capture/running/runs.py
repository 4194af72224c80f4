"""Runs of a module on examples like one that it is given."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.graph import Trace
from netspec.capture.modules.layers import is_layer
from netspec.capture.running.settled import settled
from netspec.capture.running.trace import traced
from netspec.emit.naming import FreeNames
from netspec.language.reserved import RESERVED, reserved


def run(module: nn.Module, example: Sequence[Tensor], batch: int, *, training: bool) -> Trace:
    """One run of a module on random examples, of a batch of this size. What it reads in its tensors without going
    another way for it counts as not read."""
    inputs = all_resized(example, batch)
    names = input_names(module, len(inputs))
    given, advice = list(zip(names, inputs, strict=True)), _OF_SIZES if batch == _FIRST else _OF_THE_BATCH
    return settled(lambda answers: traced(module, given, is_layer, training=training, advice=advice, answers=answers))


_FIRST: Final = 2
"""The batch on which a module runs first."""
_OF_SIZES: Final = "`--input` says another input, once for each argument"
_OF_THE_BATCH: Final = (
    f"on a batch of {_FIRST} it ran: the program has that number in it, where `x.shape[0]`, or -1, is right for all"
)


def input_names(module: nn.Module, count: int) -> list[str]:
    """What a module calls its inputs, where a spec may call them so."""
    free = FreeNames((), separator="")
    found: list[str] = []
    parameters = list(inspect.signature(module.forward).parameters.values())
    for i in range(count):
        own = parameters[i] if i < len(parameters) else None
        name = own.name if own is not None and own.kind is own.POSITIONAL_OR_KEYWORD else "x"
        is_plain = name.isascii() and reserved(name) is None and name not in RESERVED
        found.append(free(name if is_plain else "x"))
    return found


def all_resized(example: Sequence[Tensor], batch: int) -> list[Tensor]:
    """Examples of another batch."""
    return [resized(tensor, batch) for tensor in example]


def resized(tensor: Tensor, batch: int, sizes: Sequence[int] | None = None) -> Tensor:
    """An example of another batch, perhaps of other sizes: random numbers, or the integers again."""
    generator = torch.Generator().manual_seed(batch)
    shape = (batch, *(tensor.shape[1:] if sizes is None else sizes))
    if tensor.is_floating_point():
        return torch.randn(shape, generator=generator)
    if tensor.dtype == torch.bool and tensor.numel():  # some of each in every row: a mask hides neither all nor nothing
        found = torch.rand(shape, generator=generator) < 0.5
        first = bool(tensor.flatten()[0])
        found[..., 0], found[..., -1] = first, not first
        return found
    high = int(tensor.max()) + 1 if tensor.numel() else 1
    low = int(tensor.min()) if tensor.numel() and tensor.dim() == 1 else 0  # of each example one: lengths begin at 1
    return torch.randint(low, high, shape, generator=generator).to(tensor.dtype)


def tensors_of(tree: Any) -> list[Tensor]:
    """The tensors in nested tuples and mappings."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any outputs
    if isinstance(tree, (tuple, list)):
        return [tensor for item in tree for tensor in tensors_of(item)]  # pyright: ignore[reportUnknownVariableType]  # as above
    return []
