"""What differs between the calls of a block: the parameters of the function that it becomes.

Where the spec says an expression, the function says it too, with the block's own parameters. What follows from the
input (`in_channels`) is in no signature of the spec, but a Python file has to say it: it becomes a parameter as well,
unless an expression has the same value in every call.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from netspec.emit.python.code import BlockCall, Literal, Raw, literal, typed
from netspec.layers.defaults import REQUIRED

Vector = tuple[Any, ...]
"""One value for each call of a block."""


@dataclass(frozen=True, slots=True)
class FunctionParameter:
    """A parameter of a function that a block becomes."""

    name: str
    values: Vector
    own: str | None = None
    """The block's own parameter that it is, if it is one."""
    place: int = 0
    """The number of the place that it was first wanted for."""
    default: Any = REQUIRED


class Finder:
    """Finds what to write for each place of a block, and so the parameters of its function."""

    def __init__(self, group: Sequence[BlockCall], reserved: Set[str]) -> None:
        self.group = group
        self.reserved = reserved
        self.parameters: list[FunctionParameter] = []
        self.place = 0
        self.known: dict[Any, str] = {}
        """The values of the calls → what stands for them."""

    def expressions(self, places: Sequence[Sequence[Literal]]) -> list[Raw | Literal]:
        """What to write for each place: the value where all calls agree, else what the spec says, else a parameter."""
        found: list[Raw | Literal | None] = [slots[0] if _agreed(slots) else None for slots in places]
        for say in (self._told, self._derived):
            for self.place, slots in enumerate(places):
                if found[self.place] is None and (text := say(slots)) is not None:
                    found[self.place] = self._written(text, slots[0].default)
        return [expression for expression in found if expression is not None]

    def ordered(self) -> list[FunctionParameter]:
        """The parameters as they are first wanted, but the block's own among them in the order of its signature; last
        those with defaults."""
        wanted = sorted(self.parameters, key=lambda parameter: parameter.place)
        own = {parameter.own: parameter for parameter in wanted if parameter.own is not None}
        signature = iter([own[name] for name in self.group[0].parameters if name in own])
        ordered = [parameter if parameter.own is None else next(signature) for parameter in wanted]
        return sorted(ordered, key=lambda parameter: parameter.default is not REQUIRED)

    def _told(self, slots: Sequence[Literal]) -> str | None:
        """What the spec says in this place."""
        formulas = [slot.formula for slot in slots if slot.formula is not None]
        if len(formulas) < len(slots) or len({formula.text for formula in formulas}) > 1:
            return None
        parts = {name: self._meaning([formula.names[name] for formula in formulas]) for name in formulas[0].names}
        text = formulas[0].filled(parts)
        self.known.setdefault(_key(slots), text)
        return text

    def _meaning(self, slots: Sequence[Literal]) -> str:
        """What stands for a name in an expression: its value where that is the same for all calls; a parameter of the
        block; or what the block says for a parameter of another that it calls and whose layers stand among its own."""
        if _agreed(slots):
            return literal(slots[0].value)
        name = slots[0].name
        if any(block.parameters.get(name) is not slot for block, slot in zip(self.group, slots, strict=True)):
            return self._told(slots) or self._derived(slots)
        known = next((parameter.name for parameter in self.parameters if parameter.own == name), None)
        return known or self._add(slots, own=name)

    def _derived(self, slots: Sequence[Literal]) -> str:
        """What is known to have these values in every call, or a new parameter."""
        return self.known.get(_key(slots)) or self._add(slots)

    def _add(self, slots: Sequence[Literal], own: str | None = None) -> str:
        name = base = unicodedata.normalize("NFKC", slots[0].name)
        taken = {parameter.name for parameter in self.parameters}
        number = 2
        while own is None and name in taken | self.group[0].parameters.keys():
            name, number = f"{base}_{number}", number + 1
        while name in taken or name in self.reserved:
            name += "_"
        self.parameters.append(FunctionParameter(name, tuple(slot.value for slot in slots), own, self.place))
        self.known.setdefault(_key(slots), name)
        return name

    def _written(self, text: str, default: Any) -> Raw:
        """The text as an argument. A parameter takes the default of the argument that it goes to, if some call has that
        value."""
        for index, parameter in enumerate(self.parameters):
            fits = default is not REQUIRED and typed(default) in map(typed, parameter.values)
            if parameter.name == text and parameter.default is REQUIRED and fits:
                self.parameters[index] = replace(parameter, default=default)
        return Raw(text)


def _key(slots: Sequence[Literal]) -> tuple[Any, ...]:
    return tuple(typed(slot.value) for slot in slots)


def _agreed(slots: Sequence[Literal]) -> bool:
    return len(set(_key(slots))) == 1


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
            return f"tuple[{', '.join(map(_kind, value)) or '()'}]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case list():
            return f"list[{_kinds(value)}]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case dict():
            return f"dict[str, {_kinds(value.values())}]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case _:
            return type(value).__name__


def _kinds(values: Iterable[object]) -> str:
    return " | ".join(sorted({_kind(value) for value in values})) or "int"
