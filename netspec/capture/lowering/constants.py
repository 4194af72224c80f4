"""Parameters and buffers that a program computes with, as layers of a spec that read nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from netspec.capture.graph import Region, Traced, TracedCall
from netspec.capture.items import PlacedItem, is_within, leaves_of
from netspec.capture.lowering.lookups import only_reshapes
from netspec.capture.numbers.sinusoids import sinusoids
from netspec.capture.numbers.tables import told
from netspec.capture.running.silent import OF_THE_SHAPE

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering


def item_of(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> PlacedItem | None:
    """The layer that gives a parameter, a buffer or numbers in this shape; None of too many numbers.

    Args:
        lowering: that of the whole module.
        source: the value.
        wanted: its shape without the batch.
    """
    module, origin = lowering.trace.root.module, lowering.roots.get(source, source).maker
    if source.kind == "parameter":
        arguments = {"shape": list(wanted)}
        return PlacedItem("Parameter", None, arguments=arguments, keys={"weight": source.key}, path=source.key)
    if source.tensor is None:
        source.tensor = dict(module.named_buffers()).get(source.key)
    if source.tensor is None:
        return None
    table = numbers_in(source, wanted)
    sines = sinusoids(table, is_exact=True) if len(wanted) == 2 and table.dtype == torch.float32 else None
    numbers = told(table) if sines is None else None
    if sines is None and numbers is None:
        return None
    found = PlacedItem("Buffer", None, arguments={"value": numbers}, path=source.key)
    found.numbers, found.place = table, None if origin is None else origin.place
    if sines is not None:
        found.word, found.arguments = "Sinusoids", sines
    if source.kind == "buffer" and source.key in module.state_dict():
        found.keys = {"value": source.key}
    else:
        found.arguments["persistent"] = False
    if source.dtype != "float32":
        found.arguments["dtype"] = source.dtype
    return found


def numbers_in(source: Traced, wanted: tuple[int, ...]) -> Tensor:
    """The numbers of a value in a shape without the batch, of the first example where each has the same."""
    numbers: Tensor = source.tensor.detach()
    return numbers.reshape(-1, *wanted)[0]


def is_repeated(numbers: Tensor | None, examples: int | None = None) -> bool:
    """Whether each example has the same numbers; they are along the first axis, or behind each other in it."""
    if numbers is None:
        return False
    each = numbers if examples is None else numbers.reshape(examples, -1)
    return bool((each == each[:1]).all())


def noted(lowering: Lowering, call: TracedCall) -> bool:
    """Note what is made of parameters and numbers alone, where that is a parameter in another shape, or numbers."""
    result = call.results[0]
    named = [value for value in call.reads() if value.kind == "buffer" or is_learned(lowering, value)]
    if named and call.name not in OF_THE_SHAPE and _is_reshape(call, named):
        source, seen = lowering.constants.get(named[0], (named[0], named[0].shape))
        of_one = (1, *result.shape[1:])  # where it is repeated for each example
        shape = next((shape for shape in (result.shape, of_one) if prod(shape) == prod(seen)), None)
        if shape is not None:
            lowering.constants[result] = (source, shape)
        return shape is not None
    if call.name in OF_THE_SHAPE or not any(is_learned(lowering, value) for value in named):
        for value, numbers in zip(call.results, call.constants, strict=False):
            value.kind, value.tensor = "numbers", numbers
        read = [*call.reads()]
        if len(read) == 1 and read[0].kind == "numbers" and only_reshapes(call) and read[0].dtype == result.dtype:
            lowering.roots[result] = lowering.roots.get(read[0], read[0])
        return True
    return False


def _is_reshape(call: TracedCall, named: Sequence[Traced]) -> bool:
    """Whether a call gives all numbers of the one parameter or buffer that it reads, in another shape."""
    result = call.results[0]
    if not only_reshapes(call) or len(named) > 1 or result.dtype != named[0].dtype:
        return False
    return prod(result.shape) == prod(named[0].shape)


def is_learned(lowering: Lowering, value: Traced) -> bool:
    """Whether it is a parameter or a buffer that stays one, or made of some; another buffer is numbers."""
    source, _ = lowering.constants.get(value, (value, ()))
    if source.kind == "buffer":
        return source.key in lowering.kept
    if source.kind == "parameter" or source is not value:
        return True
    return value.kind == "made" and not value.varies


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

    def waiting(self) -> dict[str, PlacedItem]:
        """The places that are free."""
        return dict(self._waiting)

    def wait_again(self, places: dict[str, PlacedItem]) -> None:
        """Free these places again, and no others."""
        self._waiting = dict(places)
        for item in places.values():
            item.word, item.gives, item.arguments, item.keys = "Identity", (), {}, {}

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
    """Let nested lists give what parameters and numbers in them have become, if that is made in them, and call what
    they are given as their modules do."""
    for item in items:
        if item.body is not None:
            inside = {value for leaf in leaves_of(item.body) for value in leaf.gives}
            found = [(value, lowering.flowing(value)) for value in item.gives]
            item.gives = tuple(new if new and (value.varies or new in inside) else value for value, new in found)
            item.called = {own: name for value, name in item.called.items() for own in _as_written(lowering, value)}
            settle(lowering, item.body)


def _as_written(lowering: Lowering, value: Traced) -> list[Traced]:
    """The values in the spec that one of the program is: of a constant one for each of its shapes."""
    if value.varies:
        return [lowering.find(value)]
    source, _ = lowering.constants.get(value, (value, ()))
    root = lowering.roots.get(source, source)
    return [result for (known, _), result in lowering.parameters.items() if known is root]


def hoist(items: list[PlacedItem]) -> None:
    """Move parameters and numbers that several nested lists read, as a model's table of turns that each of its layers
    is given, in front of all of them: else the first layer has them in it, and is another than those behind it."""
    chains = dict(_chains(items, ()))
    readers: dict[Traced, list[PlacedItem]] = {}
    for item in chains:
        for value in () if item.body is not None else item.read_values():
            readers.setdefault(value, []).append(item)
    for item, chain in chains.items():
        reading = [chains[reader] for reader in readers.get(item.gives[0], ())] if _reads_nothing(item) else []
        if not reading or not chain:
            continue
        depth = min(_common(chain, other) for other in reading)
        owner = item.path.rpartition(".")[0]
        if depth == len(chain) or not is_within(chain[depth - 1].path if depth else "", owner):
            continue
        if any(one.word != "sequential" for other in (chain, *reading) for one in other[depth:]):
            continue  # what runs on slices reads nothing from outside
        (chain[-1].body or []).remove(item)
        around = (chain[depth - 1].body or []) if depth else items
        around.insert(around.index(chain[depth]), item)


def _chains(
    items: list[PlacedItem], around: tuple[PlacedItem, ...]
) -> Iterator[tuple[PlacedItem, tuple[PlacedItem, ...]]]:
    """Each item with the lists that it stands in, from the outermost."""
    for item in items:
        yield item, around
        yield from _chains(item.body or [], (*around, item))


def _common(one: Sequence[PlacedItem], other: Sequence[PlacedItem]) -> int:
    """How many lists two items have in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(one, other, strict=False)))


def _reads_nothing(item: PlacedItem) -> bool:
    """Whether an item is a parameter or numbers, where no module of its own stands."""
    return item.body is None and len(item.gives) == 1 and next(item.read_values(), None) is None
