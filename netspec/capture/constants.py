"""Parameters and buffers that a program computes with, as layers of a spec that read nothing."""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch import Tensor, nn

from netspec.capture.graph import Region, Traced, TracedCall
from netspec.capture.items import PlacedItem
from netspec.capture.lookups import only_adds_axes
from netspec.capture.trace import OF_THE_SHAPE
from netspec.capture.written import ExpressionText

if TYPE_CHECKING:
    from netspec.capture.lowering import Lowering

_MOST: Final = 4096
"""Numbers that are written into a spec."""


def item_of(module: nn.Module, source: Traced, wanted: tuple[int, ...]) -> PlacedItem | None:
    """The layer that gives a parameter, a buffer or numbers in this shape; None of too many numbers.

    Args:
        module: the whole module.
        source: the value.
        wanted: its shape without the batch.
    """
    if source.kind == "parameter":
        arguments = {"shape": list(wanted)}
        return PlacedItem("Parameter", None, arguments=arguments, keys={"weight": source.key}, path=source.key)
    if source.tensor is None:
        source.tensor = dict(module.named_buffers()).get(source.key)
    if source.tensor is None or prod(wanted) > _MOST:
        return None
    numbers = _numbers(source.tensor.detach().reshape(wanted))
    if source.dtype == "int64" and len(wanted) == 1 and wanted[0] > 3 and numbers == list(range(wanted[0])):
        numbers = ExpressionText(f"range({wanted[0]})")
    persistent = source.kind == "buffer" and source.key in module.state_dict()
    found = PlacedItem("Buffer", None, arguments={"value": numbers}, path=source.key)
    found.numbers = source.tensor.detach().reshape(wanted)
    if persistent:
        found.keys = {"value": source.key}
    else:
        found.arguments["persistent"] = False
    if source.dtype != "float32":
        found.arguments["dtype"] = source.dtype
    return found


def noted(lowering: Lowering, call: TracedCall) -> bool:
    """Note what is made of parameters and numbers alone, where that is a parameter in another shape, or numbers."""
    result = call.results[0]
    learned = [value for value in call.reads() if is_learned(lowering, value)]
    if not learned or call.name in OF_THE_SHAPE:
        result.kind, result.tensor = "numbers", call.constant
        return True
    if call.name not in _RESHAPES or len(learned) > 1 or result.dtype != learned[0].dtype:
        return False
    chosen = call.name == "__getitem__" and not only_adds_axes(call)
    if chosen or prod(result.shape) != prod(learned[0].shape):
        return False
    source, _ = lowering.constants.get(learned[0], (learned[0], ()))
    lowering.constants[result] = (source, result.shape)
    return True


_RESHAPES: Final = ("view", "reshape", "unsqueeze", "squeeze", "flatten", "contiguous", "to", "type_as", "__getitem__")


def is_learned(lowering: Lowering, value: Traced) -> bool:
    """Whether it is a parameter or a saved buffer, or made of some; a buffer that is not saved is numbers."""
    if value.kind == "buffer":
        return value.key in lowering.saved
    if value.kind == "parameter" or value in lowering.constants:
        return True
    return value.kind == "made" and not value.varies


def _numbers(tensor: Tensor) -> Any:
    """The numbers in a tensor, floats that are all whole without their points."""
    is_whole = tensor.is_floating_point() and bool(((tensor == tensor.round()) & (tensor.abs() < 2**24)).all())
    return cast("Any", (tensor.to(torch.int64) if is_whole else tensor).tolist())  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out


class Homes:
    """The places of modules that are no more than a parameter or numbers: one takes its place once it is read.

    Args:
        saved: the keys of the whole module.
    """

    def __init__(self, saved: Collection[str]) -> None:
        self._saved = saved
        self._waiting: dict[str, PlacedItem] = {}

    def kept(self, region: Region) -> list[PlacedItem]:
        """What keeps the place of a module in which nothing is written, if what it gives is a constant."""
        if not region.outputs or any(value.varies for value in region.outputs):
            return []
        return [self._waiting.setdefault(region.path, PlacedItem("Identity", path=region.path))]

    def placed(self, item: PlacedItem, items: list[PlacedItem]) -> None:
        """Put a parameter or numbers where their module stands, or at the end of these items."""
        path, _, name = item.path.rpartition(".")
        keys = [key for key in self._saved if path and key.startswith(f"{path}.")]
        if keys == [item.path] and item.keys.get(name) == item.path:  # the module calls it as a spec does
            item.path = path
        home = self._waiting.pop(path, None)
        if home is None:
            items.append(item)
        else:
            home.word, home.gives, home.arguments, home.keys = item.word, item.gives, item.arguments, item.keys


def settle(lowering: Lowering, items: list[PlacedItem]) -> None:
    """Let nested lists give what parameters and numbers in them have become."""
    for item in items:
        if item.body is not None:
            item.gives = tuple(lowering.flowing(value) or value for value in item.gives)
            settle(lowering, item.body)
