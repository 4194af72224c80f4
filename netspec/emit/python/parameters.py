"""What differs between the calls of a block: the parameters of the function that it becomes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from netspec.emit.python.code import BlockCall, Literal, Raw, literal, typed
from netspec.layers.base import REQUIRED

_WIDTHS: Final = frozenset(
    {
        "in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "embed_dim", "d_model",
        "input_size", "length", "shape",
    }
)  # fmt: skip
"""Arguments that follow from the input. That they are some multiple of another value means nothing."""

_FACTORS: Final = range(2, 33)

_RELATIONS: Final[dict[str, tuple[str, ...]]] = {
    "padding": ("//2", "-1"),
    "count": ("-1",),
    "stride": (),
    "dilation": (),
    "kernel_size": (),
} | dict.fromkeys(_WIDTHS, ())
"""The formulas that may stand for an argument, where not any product or quotient may: with few calls, many numbers are
some multiple of others by chance."""

_ANY_RELATION: Final = tuple(f"{operator}{factor}" for factor in _FACTORS for operator in ("*", "//"))

Vector = tuple[Any, ...]
"""One value for each call of a block."""


@dataclass(frozen=True, slots=True)
class FunctionParameter:
    """A parameter of a function that a block becomes."""

    name: str
    values: Vector
    default: Any = REQUIRED


class Finder:
    """Finds what to write for each place whose values differ between the calls."""

    def __init__(self, group: Sequence[BlockCall], reserved: Set[str]) -> None:
        self.reserved = reserved
        self.parameters: list[FunctionParameter] = []
        self.known: dict[Any, str] = {}
        self.own: dict[str, Vector] = {}
        """The block's own parameters that have plain values."""
        for name in group[0].parameters:
            vector = tuple(block.parameters.get(name, REQUIRED) for block in group)
            if all(isinstance(value, bool | int | float | str | tuple) for value in vector):
                self.own[name] = vector
        self.taken: set[str] = set()

    def expression(self, slots: tuple[Literal, ...], name: str) -> Raw | Literal:
        """A literal where all calls agree; else a parameter or a formula of one."""
        vector = tuple(slot.value for slot in slots)
        key = tuple(typed(value) for value in vector)
        default = slots[0].default
        if len(set(key)) == 1:
            return slots[0]
        if key not in self.known:
            self.known[key] = self._own(key) or self._formula(vector, name) or self._new(vector, name)
        self._give_default(self.known[key], default)
        return Raw(self.known[key])

    def _own(self, key: tuple[Any, ...]) -> str | None:
        for name, vector in self.own.items():
            if tuple(typed(value) for value in vector) == key:
                return self._add(name, vector)
        return None

    def _formula(self, vector: Vector, name: str) -> str | None:
        relations = _RELATIONS.get(name, _ANY_RELATION)
        if not relations or not all(type(value) is int for value in vector):
            return None
        bases = {parameter.name: parameter.values for parameter in self.parameters} | self.own
        for base, values in bases.items():
            relation = _relation(values, vector, relations)
            if relation:
                known = next((p.name for p in self.parameters if p.values == values), None)
                return f"{known or self._add(base, values)} {relation}"
        return None

    def _new(self, vector: Vector, name: str) -> str:
        wanted, number = name, 2
        while wanted in self.own or wanted in self.taken:
            wanted, number = f"{name}_{number}", number + 1
        return self._add(wanted, vector)

    def _add(self, wanted: str, vector: Vector) -> str:
        name = unicodedata.normalize("NFKC", wanted)
        while name in self.taken or name in self.reserved:
            name += "_"
        self.taken.add(name)
        self.parameters.append(FunctionParameter(name, vector))
        return name

    def _give_default(self, name: str, default: Any) -> None:
        """A parameter takes the default of the argument that it goes to, if some call has that value."""
        if default is REQUIRED:
            return
        for index, parameter in enumerate(self.parameters):
            if parameter.name == name and parameter.default is REQUIRED:
                if any(typed(value) == typed(default) for value in parameter.values):
                    self.parameters[index] = replace(parameter, default=default)
                return


def _relation(base: Vector, vector: Vector, relations: Sequence[str]) -> str | None:
    """The first relation, as in `* 4`, that gives the vector from the base for every call."""
    if len(set(base)) < 2 or not all(type(value) is int and value > 0 for value in base):
        return None
    for relation in relations:
        operator, number = relation.rstrip("0123456789"), int(relation.lstrip("*/-"))
        if all(_applied(value, operator, number) == wanted for value, wanted in zip(base, vector, strict=True)):
            return f"{operator} {number}"
    return None


def _applied(value: int, operator: str, number: int) -> int:
    match operator:
        case "*":
            return value * number
        case "//":
            return value // number
        case _:
            return value - number


# ---- in the function's head


def declared(parameter: FunctionParameter) -> str:
    """A parameter as the head of a function declares it, with its type and default."""
    kinds = sorted({_kind(value) for value in (*parameter.values, *_stated(parameter.default))})
    kinds = [kind for kind in kinds if kind != "None"] + ["None"] * ("None" in kinds)
    default = "" if parameter.default is REQUIRED else f" = {literal(parameter.default)}"
    return f"{parameter.name}: {' | '.join(kinds)}{default}"


def _stated(default: Any) -> tuple[Any, ...]:
    return () if default is REQUIRED else (default,)


def _kind(value: object) -> str:
    match value:
        case None:
            return "None"
        case tuple():
            return f"tuple[{_kinds(value)}, ...]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case list():
            return f"list[{_kinds(value)}]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case dict():
            return f"dict[str, {_kinds(value.values())}]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case _:
            return type(value).__name__


def _kinds(values: Iterable[object]) -> str:
    return " | ".join(sorted({_kind(value) for value in values})) or "int"
