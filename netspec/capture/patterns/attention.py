"""Attention that a program writes step by step, products, a scale, a mask, a softmax and a product, as `attend`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, NamedTuple

import torch

from netspec.capture.functions.masks import mask_options
from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, leaves_of, lists_of, made, reader_counts
from netspec.capture.patterns.patterns import ShapeOf


class _No(Exception):
    """This is no attention."""


class _Product(NamedTuple):
    """The axes of an `einsum` of two."""

    left: list[str]
    right: list[str]
    result: list[str]


class _Operand(NamedTuple):
    """A query, a key or a value."""

    value: Traced
    is_cut: bool
    """Whether its heads are an axis; else they stand side by side."""
    gone: list[PlacedItem]
    """What cut them, which is not needed then."""
    cut: Traced | None = None
    """Where its heads stand side by side, the value in which they are an axis in front of the positions, if there is
    one."""
    new: tuple[PlacedItem, ...] = ()
    """What gives the value, if nothing does yet."""


@dataclass
class _Found:
    """What was found on the way up from a softmax, and down from it."""

    gone: list[PlacedItem]
    """Items that the attention stands for."""
    scale: float = 1.0
    hidden: list[PlacedItem] = field(default_factory=list[PlacedItem])
    """Masks of the scores, one on the other."""
    bias: Traced | None = None
    options: dict[str, Any] = field(default_factory=dict[str, Any])


def fused(items: list[PlacedItem], outputs: Sequence[Traced], shape_of: ShapeOf) -> None:
    """Turn what is attention into `attend`, in a list of items and the lists in it.

    Args:
        items: those of the network.
        outputs: the values that it gives.
        shape_of: the shape of a value in the spec.
    """
    for body in lists_of(items):
        for item in list(body):
            if item.body is None and item.word in ("Softmax", "attend") and item in body and not _is_own(item):
                counts = reader_counts(items, outputs)
                with suppress(_No):
                    (_OfSteps if item.word == "Softmax" else _OfHeads)(body, counts, item, shape_of).run()
    makers = (item for body in lists_of(items) for item in body if item.body is None or item.is_combinator)
    there = {value for item in makers for value in item.gives}
    for body in lists_of(items):
        for item in body:
            if item.body is not None:  # weights that a module gives to nobody
                item.gives = tuple(value for value in item.gives if value in there or value is item.takes)


def _is_own(item: PlacedItem) -> bool:
    """Whether it is attention already as a module of netspec's says it."""
    return item.word == "attend" and bool(item.path)


def unread(items: list[PlacedItem]) -> Iterator[PlacedItem]:
    """Masked scores that no attention reads."""
    return (item for item in leaves_of(items) if item.word == "masked")


_VECTOR: Final = "vector"


class _Pass:
    """One attention in a list of items."""

    def __init__(self, items: list[PlacedItem], counts: Counter[Traced], item: PlacedItem, shape_of: ShapeOf) -> None:
        self.items = items
        self.counts = counts
        self.item = item
        self.shape_of = shape_of
        self.makers = {value: other for other in items if other.body is None for value in other.gives}

    def maker(self, value: Traced | None) -> PlacedItem | None:
        """The layer in the list that gives a value."""
        return None if value is None else self.makers.get(value)

    def single(self, value: Traced) -> PlacedItem:
        """The one layer that reads a value."""
        found = [item for item in self.items if item.body is None and value in item.read_values()]
        if self.counts[value] != 1 or len(found) != 1:
            raise _No
        return found[0]

    def operand(self, value: Traced, roles: Sequence[str]) -> _Operand:
        """A value whose axes are heads, `h`, positions, `l`, and a vector, `d`, as attention takes it."""
        maker = self.maker(value)
        if maker is not None and maker.takes is not None and _comes_from(maker, roles):
            gone = [maker] if self.counts[value] == 1 else []
            return _Operand(maker.takes, False, gone, value if list(roles) == ["h", "l", "d"] else None)
        if maker is not None and maker.takes is not None and self.counts[value] == 1 and _is_turned(maker, roles):
            return _Operand(maker.takes, is_cut="h" in roles, gone=[maker])
        if (
            maker is not None
            and maker.word == "Rearrange"
            and self.counts[value] == 1
            and list(roles[-2:]) == ["d", "l"]
        ):
            return _straightened(made(self.shape_of(value), value), maker, is_cut="h" in roles)
        if list(roles) not in (["h", "l", "d"], ["l", "d"]):
            raise _No
        return _Operand(value, is_cut="h" in roles, gone=[])


class _OfHeads(_Pass):
    """`attend` of heads that were cut for it, which it cuts by itself."""

    def run(self) -> None:
        branches = self.item.branches
        if "heads" in self.item.options or any(len(self.shape_of(value)) != 4 for value in branches):
            raise _No
        found = [self.operand(value, ["h", "l", "d"]) for value in branches]
        if any(operand.is_cut for operand in found):
            raise _No
        self.item.options = {"heads": self.shape_of(branches[0])[1], **self.item.options}
        self.item.branches = tuple(operand.value for operand in found)
        gone = {item for operand in found for item in operand.gone}
        self.items[:] = [item for item in self.items if item not in gone]


class _OfSteps(_Pass):
    """From a softmax up to the product of query and key, and down to that with the value."""

    def run(self) -> None:
        softmax = self.item
        takes = softmax.takes
        if takes is None or softmax.arguments.get("dim") not in (-1, len(takes.shape) - 1):
            raise _No
        found = _Found([softmax])
        product = self._up(takes, found)
        axes = _axes(product)
        summed = [axis for axis in axes.left if axis not in axes.result]
        if len(summed) != 1 or len(axes.result) not in (3, 4):
            raise _No
        rows, columns = axes.result[-2:]
        names = {rows: "l", summed[0]: "d", **({axes.result[1]: "h"} if len(axes.result) == 4 else {})}
        query = self._role(product.branches[0], axes.left, names, found)
        key = self._role(product.branches[1], axes.right, {**names, columns: "l"} | {rows: ""}, found)
        last, dropout = self._down(softmax, found)
        after = _axes(last)
        if last.branches[0] not in (softmax.gives[0], dropout.gives[0] if dropout is not None else None):
            raise _No
        renamed = dict(zip(after.left, axes.result, strict=True))
        vector = [axis for axis in after.right if axis not in renamed]
        if len(vector) != 1 or vector[0] not in after.result:
            raise _No
        heads = {axes.result[1]: "h"} if len(axes.result) == 4 else {}
        own = {**renamed, vector[0]: _VECTOR}
        roles = {columns: "l", _VECTOR: "d", **heads}
        value = self._role(last.branches[1], [own[axis] for axis in after.right], roles, found)
        result = [{rows: "l", _VECTOR: "d", **heads}.get(own[axis], "") for axis in after.result[1:]]
        self._written(found, (query, key, value), last, result)

    def _role(self, value: Traced, axes: Sequence[str], names: dict[str, str], found: _Found) -> _Operand:
        maker = self.maker(value)
        if maker is not None and maker.word == "Scale" and self.counts[value] == 1 and maker.takes is not None:
            factor = maker.arguments.get("factor")
            if isinstance(factor, (int, float)):
                found.scale *= factor
                found.gone.append(maker)
                value = maker.takes
        return self.operand(value, [names.get(axis, "") for axis in axes[1:]])

    def _up(self, value: Traced, found: _Found) -> PlacedItem:
        """The product of query and key."""
        while True:
            maker = self.maker(value)
            if maker is None or self.counts[value] != 1:
                raise _No
            found.gone.append(maker)
            if maker.word == "einsum":
                return maker
            if maker.word == "masked" and maker.takes is not None:
                found.hidden.append(maker)
                value = maker.takes
            elif maker.word == "add" and len(maker.branches) == 2 and found.scale == 1 and found.bias is None:
                others = [branch for branch in maker.branches if self._is_scores(branch)]
                if len(others) != 1:
                    raise _No
                found.bias = next(branch for branch in maker.branches if branch is not others[0])
                value = others[0]
            else:
                factor = _factor(maker)
                if factor is None:
                    raise _No
                found.scale *= factor[0]
                value = factor[1]

    def _is_scores(self, value: Traced) -> bool:
        maker = self.maker(value)
        factor = None if maker is None else _factor(maker)
        if maker is None or factor is None:
            return maker is not None and maker.word == "einsum"
        inner = self.maker(factor[1])
        return self._is_scores(factor[1]) or (inner is not None and inner.word in ("add", "masked"))

    def _down(self, softmax: PlacedItem, found: _Found) -> tuple[PlacedItem, PlacedItem | None]:
        """The product with the value, and the dropout in front of it."""
        reader = self.single(softmax.gives[0])
        dropout = None
        if reader.word == "Dropout":
            dropout = reader
            found.options["dropout"] = reader.arguments.get("p", 0.5)
            found.gone.append(reader)
            reader = self.single(reader.gives[0])
        if reader.word != "einsum" or len(reader.branches) != 2:
            raise _No
        found.gone.append(reader)
        return reader, dropout

    def _written(self, found: _Found, parts: Sequence[_Operand], last: PlacedItem, roles: list[str]) -> None:
        """Put `attend` in the place of the last product."""
        product = next(item for item in found.gone if item.word == "einsum" and item is not last)
        scores, given = self.shape_of(product.gives[0]), last.gives[0]
        heads = scores[1] if len(scores) == 4 else 1
        if heads > 1 and any(part.is_cut for part in parts):
            parts = [_with_heads_cut(part) for part in parts]
        options: dict[str, Any] = {"heads": heads} if len(scores) == 4 and not parts[0].is_cut else {}
        buffers = self._mask(found, options, scores)
        if found.bias is not None:
            options["bias"] = found.bias
        width = self.shape_of(parts[0].value)[-1] // (heads if "heads" in options else 1)
        if abs(found.scale * width**0.5 - 1) > 1e-12:
            options["scale"] = found.scale
        options |= found.options
        gone = {*found.gone, *(each for part in parts for each in part.gone)}
        gives, behind = (given, []) if len(scores) == 3 else self._behind(given, roles, gone)
        item = PlacedItem(
            "attend", None, (gives,), branches=tuple(part.value for part in parts), options=options, place=last.place
        )
        at = self.items.index(last)
        new = [each for part in parts for each in part.new]
        self.items[at : at + 1] = [*buffers, *new, item, *behind]
        self.items[:] = [each for each in self.items if each not in gone]

    def _behind(self, given: Traced, roles: list[str], gone: set[PlacedItem]) -> tuple[Traced, list[PlacedItem]]:
        """What the attention gives, heads side by side, and what cuts them again, unless nobody wants them cut."""
        try:
            reader = self.single(given)
        except _No:
            reader = None
        if reader is not None and _joins_heads(reader, roles):
            gone.add(reader)
            return reader.gives[0], []
        shape = dict(zip(roles, self.shape_of(given)[1:], strict=True))
        flat = made((given.shape[0], shape["l"], shape["h"] * shape["d"]), given)
        arguments = {"pattern": f"n l (h d) -> n {' '.join(roles)}", "sizes": {"h": shape["h"]}}
        return flat, [PlacedItem("Rearrange", flat, (given,), arguments)]

    def _mask(self, found: _Found, options: dict[str, Any], scores: tuple[int, ...]) -> list[PlacedItem]:
        """Write who takes part."""
        numbers = [item.options["numbers"] for item in found.hidden if item.options["numbers"] is not None]
        masks = {item.options["mask"] for item in found.hidden if "mask" in item.options}
        if len(masks) > 1:
            raise _No
        given = mask_options(reduce(torch.logical_and, numbers) if numbers else None, next(iter(masks), None), scores)
        if given is None:
            raise _No
        options |= given.options
        return given.buffers


# ---- patterns


def _with_heads_cut(operand: _Operand) -> _Operand:
    """An operand beside others whose heads are an axis, since they were turned or normalised head by head."""
    if operand.is_cut:
        return operand
    if operand.cut is None:
        raise _No
    return _Operand(operand.cut, is_cut=True, gone=[])


def _straightened(value: Traced, maker: PlacedItem, *, is_cut: bool) -> _Operand:
    """A key whose positions are its last axis, as its `Rearrange` gives it without that turn."""
    left, _, right = str(maker.arguments["pattern"]).partition("->")
    *front, vector, positions = re.findall(r"\([^)]*\)|\S+", right)
    *sizes, width, length = value.shape
    straight = made((*sizes, length, width), value)
    arguments = {**maker.arguments, "pattern": f"{left}-> {' '.join((*front, positions, vector))}"}
    item = PlacedItem("Rearrange", maker.takes, (straight,), arguments, place=maker.place)
    return _Operand(straight, is_cut, gone=[maker], new=(item,))


def _axes(product: PlacedItem) -> _Product:
    """The axes of a product of two, by the pattern of its `einsum`.

    Raises:
        _No: it is one of more.
    """
    parts, _, result = str(product.options["pattern"]).partition("->")
    operands = [part.split() for part in parts.split(",")]
    if len(operands) != 2 or operands[0][0] != operands[1][0]:
        raise _No
    return _Product(operands[0], operands[1], result.split())


def _factor(item: PlacedItem) -> tuple[float, Traced] | None:
    """What an item multiplies a value by, and the value."""
    if item.word == "Scale" and item.takes is not None and isinstance(item.arguments.get("factor"), (int, float)):
        return item.arguments["factor"], item.takes
    if item.word == "use" and len(item.terms) == 3:
        value, op, number = item.terms
        if isinstance(value, Traced) and isinstance(number, (int, float)) and op in ("*", "/"):
            return (number if op == "*" else 1 / number), value
    return None


def _sides(item: PlacedItem) -> tuple[list[str], list[str]]:
    """The axes behind the batch on both sides of a `Rearrange`; those in parentheses are one."""
    left, _, right = str(item.arguments["pattern"]).partition("->")
    found = [re.findall(r"\([^)]*\)|\S+", side)[1:] for side in (left, right)]
    return found[0], found[1]


def _comes_from(item: PlacedItem, roles: Sequence[str]) -> bool:
    """Whether an item makes axes of these roles of positions and vectors, `l` and `(h d)`."""
    wanted = ["l", "(h d)"] if "h" in roles else ["l", "d"]
    if item.word == "Unflatten":
        return item.arguments["dim"] == 2 and len(item.arguments["unflattened_size"]) == 2 and list(roles) == [*"lhd"]
    if item.word != "Rearrange":
        return False
    left, right = _sides(item)
    return len(right) == len(roles) and _named(left, dict(zip(right, roles, strict=True))) == wanted


def _is_turned(item: PlacedItem, roles: Sequence[str]) -> bool:
    """Whether an item turns the axes of what is cut already: `k.transpose(-2, -1)`."""
    if item.word != "Rearrange":
        return False
    left, right = _sides(item)
    wanted = ["h", "l", "d"] if "h" in roles else ["l", "d"]
    return len(right) == len(roles) and _named(left, dict(zip(right, roles, strict=True))) == wanted


def _joins_heads(item: PlacedItem, roles: Sequence[str]) -> bool:
    """Whether an item puts the heads, which are an axis, side by side."""
    if item.word == "Flatten":
        return item.arguments == {"start_dim": 2} and list(roles) == [*"lhd"]
    if item.word != "Rearrange":
        return False
    left, right = _sides(item)
    return len(left) == len(roles) and _named(right, dict(zip(left, roles, strict=True))) == ["l", "(h d)"]


def _named(axes: Sequence[str], roles: dict[str, str]) -> list[str]:
    """Axes with the names of their roles."""
    return [re.sub(r"\w+", lambda found: roles.get(found[0], "?"), axis) for axis in axes]
