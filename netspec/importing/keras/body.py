"""The items of a list of layers, as they are written one after another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from netspec.importing.config import NotImportable
from netspec.importing.keras.values import KerasValue
from netspec.language.reserved import RESERVED, reserved
from netspec.layers import MODULE_OF, layer_class
from netspec.layers.base import TensorType, shape_text
from netspec.mends.orders import accepted
from netspec.writing import flow, written


@dataclass
class ListedItem:
    """An item with its options."""

    head: str
    """`Conv2d: {out_channels: 8, kernel_size: 3}`, `use: x`, or `as` for a name of what stands here."""
    options: dict[str, str] = field(default_factory=dict[str, str])
    inside: ItemList | None = None
    """The items of a `sequential`."""

    def lines(self) -> Iterator[str]:
        """The lines, those behind the first as far in as the first."""
        options = dict(self.options)
        first = self.head
        if self.inside is not None:
            yield "sequential:"
            yield from (f"  {line}" for line in self.inside.lines())
        elif first == "as":
            yield f"as: {options.pop('as')}"
        else:
            yield f"{first}:" if options and ":" not in first else first
        yield from (f"{key}: {value}" for key, value in options.items())


class NewNames:
    """Names of modules and values that nothing else has."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken: Final = {*taken}
        self._known: Final[dict[object, str]] = {}
        self._numbers: Final[dict[str, int]] = {}
        """The last number behind each name that was taken."""

    def of(self, key: object, wanted: str) -> str:
        """The name of a thing, the same one whenever it is asked for."""
        if key not in self._known:
            name = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_") or "layer"
            name = name if not name[0].isdigit() else f"layer_{name}"
            if reserved(name) is not None or name in RESERVED or name in _OF_MODULES or name.lower() in _NO_VALUES:
                name = f"{name}_1"
            plain = name
            while name in self._taken:
                self._numbers[plain] = self._numbers.get(plain, 1) + 1
                name = f"{plain}_{self._numbers[plain]}"
            self._taken.add(name)
            self._known[key] = name
        return self._known[key]


_NO_VALUES: Final = frozenset(("true", "false", "null"))
_OF_MODULES: Final = frozenset((
    "add_module", "append", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu", "cuda",
    "double", "dump_patches", "eval", "extend", "extra_repr", "float", "forward", "get_buffer", "get_extra_state",
    "get_parameter", "get_submodule", "half", "insert", "ipu", "load_state_dict", "modules", "mtia", "named_buffers",
    "named_children", "named_modules", "named_parameters", "parameters", "pop", "register_buffer", "register_module",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad",
))  # fmt: skip
"""What every module has, so that no layer inside it can have the name."""


class ItemList:
    """A list of items, with what stands at its end."""

    def __init__(self, values: NewNames, prefix: str = "") -> None:
        """
        Args:
            values: names of values, of which one inside may not be one outside.
            prefix: what stands in front of a name in the keys of the weights, `inner.`.
        """
        self.names: Final = NewNames()
        """Of modules."""
        self.values: Final = values
        self.prefix: Final = prefix
        self.items: Final[list[ListedItem]] = []
        self.current: KerasValue | None = None
        self.label = "x"
        """The name of the layer that is being written, after which values are named."""
        self._named: Final[dict[int, str]] = {}
        self._labels: Final[dict[int, str]] = {}
        self._from: Final[dict[int, ListedItem]] = {}
        self._kept: Final[list[KerasValue]] = []  # so that no number of a value is that of another

    def lines(self) -> Iterator[str]:
        """The items in block style."""
        for item in self.items:
            first, *others = item.lines()
            yield f"- {first}"
            yield from (f"  {line}" for line in others)

    def begin(self, value: KerasValue, name: str | None) -> None:
        """Let a value be the one that stands at the beginning, or an input with a name."""
        self._kept.append(value)
        self._labels[id(value)] = self.label
        if name is not None:
            self._named[id(value)] = name
        if self.current is None and not self.items:
            self.current = value
            if name is None:
                self._from[id(value)] = ListedItem("as")

    def name(self, value: KerasValue) -> str:
        """A name for a value, which is given to the item that it comes from."""
        found = self._named.get(id(value))
        if found is None:
            line = self._from[id(value)]
            found = self._named[id(value)] = self.values.of((id(self), id(value)), self._labels[id(value)])
            line.options["as"] = found
            if line.head == "as":
                self.items.insert(0, line)
        return found

    def branch(self, value: KerasValue) -> str:
        """A value as a branch of a join."""
        return "[]" if value is self.current else self.name(value)

    def stand(self, value: KerasValue) -> None:
        """Let a value stand here."""
        if value is not self.current:
            self.items.append(ListedItem(f"use: {self.name(value)}"))
            self.current = value

    def put(
        self, head: str, made: KerasValue, options: Mapping[str, str] | None = None, inside: ItemList | None = None
    ) -> KerasValue:
        """Add an item that gives a value."""
        line = ListedItem(head, dict(options or {}), inside)
        self.items.append(line)
        self.current = made
        self._from[id(made)] = line
        self._labels[id(made)] = self.label
        self._kept.append(made)
        return made


def layer_type(head: str, arguments: Mapping[str, Any], x: KerasValue, where: str) -> TensorType:
    """What a layer gives for a value.

    Raises:
        NotImportable: it does not take it.
    """
    try:
        layer = layer_class(head).model_validate({key: _tuples(value) for key, value in arguments.items()})
    except ValueError as error:
        wrong = error.errors() if isinstance(error, ValidationError) else []
        told = "; ".join(f"`{'.'.join(map(str, one['loc'])) or head}` {one['msg']}" for one in wrong[:2])
        raise NotImportable(f"{where}: no `{head}` has these arguments: {told[:200]}") from None
    made = accepted(layer, x.type)
    if made is None:
        sizes = shape_text(x.shape)
        raise NotImportable(f"{where}: `{call_text(head, arguments)}` does not take what comes to it, {sizes} of "
                            f"{x.type.dtype}")  # fmt: skip
    return made


def call_text(head: str, arguments: Mapping[str, Any]) -> str:
    """A layer as an item: `Linear: 10`, `Conv2d: {out_channels: 8, kernel_size: 3}`, `ReLU`."""
    if not arguments:
        return head
    scalar = layer_class(head).scalar if head in MODULE_OF else None
    (key, value), *others = arguments.items()
    if not others and key == scalar and not isinstance(value, Mapping | list):
        return f"{head}: {flow(value, written)}"
    return f"{head}: {flow(arguments, written)}"


def _tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value  # pyright: ignore[reportUnknownVariableType]  # any mapping
    return tuple(map(_tuples, value)) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any items
