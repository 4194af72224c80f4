"""Values of the network in expressions: what stands for a tensor, arithmetic over it, and families of values.

An expression never computes with a tensor: none exists when a spec is checked. `p[3] * 0.5 + q` gives an `Operation`,
which says what is to be computed of which values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from netspec.dims import UNKNOWN, Dim
from netspec.expressions.refusals import Refused, Undecided
from netspec.writing import shown


class Value:
    """What stands for a tensor. Subclasses say for which."""

    __slots__ = ()


class Operation(Value):
    """An operation over values and numbers, element by element; `left` is None for the minus sign."""

    __slots__ = ("left", "op", "right")

    def __init__(self, op: str, left: Value | float | None, right: Value | float) -> None:
        self.op: Final = op
        self.left: Final = left
        self.right: Final = right

    def __repr__(self) -> str:
        return (
            f"-{_operand(self.right)}"
            if self.left is None
            else (f"{_operand(self.left)} {self.op} {_operand(self.right)}")
        )


def _operand(part: Value | float) -> str:
    return f"({part!r})" if isinstance(part, Operation) else repr(part)


Index = tuple[int, ...]


class Family:
    """Several values under one name, each with its index: `p[3]`, `x[0, 1]`. Iterates in the order of the indices."""

    __slots__ = ("name", "values")

    def __init__(self, name: str, values: dict[Index, Any] | None = None) -> None:
        self.name: Final = name
        self.values: Final[dict[Index, Any]] = {} if values is None else values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return (self.values[index] for index in sorted(self.values))

    def item(self, index: Any) -> Any:
        """The value of this index.

        Raises:
            Refused: there is none.
        """
        if index is UNKNOWN:
            return UNKNOWN
        wanted = index_of(index)
        if wanted in self.values:
            return self.values[wanted]
        known = ", ".join(member(self.name, found) for found in sorted(self.values))
        raise Refused(f"there is no `{member(self.name, wanted)}`; the family has {known}", "unknown-name")

    def __repr__(self) -> str:
        return self.name


def index_of(index: Any) -> Index:
    """The index of a member: an integer of at least 0, or several.

    Raises:
        Refused: it is none.
    """
    parts = tuple(index) if isinstance(index, (tuple, list)) else (index,)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any values
    for part in parts:  # pyright: ignore[reportUnknownVariableType]  # likewise
        if isinstance(part, Dim):
            raise Undecided(part)
        if type(part) is not int or part < 0:  # pyright: ignore[reportUnknownArgumentType]  # likewise
            raise Refused(f"an index of a value is an integer of at least 0, not {part!r}", "expression-type")
    return parts  # pyright: ignore[reportUnknownVariableType]  # integers, as was just seen


def member(name: str, index: Index) -> str:
    """A member as a spec writes it: `p[3]`, `x[0, 1]`."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def combined(op: str, left: Any, right: Any) -> Any:
    """The arithmetic of two operands, at least one of which is a value of the network.

    Raises:
        Refused: an operand is no value and no number, or there is no such operation over tensors.
        Undecided: an operand is a symbol.
    """
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if op not in ("+", "-", "*", "/", "**"):
        raise Refused(f"`{op}` is arithmetic of sizes; values of the network know + - * / **", "expression-type")
    if op == "/" and not isinstance(right, Value) and right == 0:
        raise Refused("division by zero", "expression-value")
    for part in (right,) if left is None else (left, right):
        if isinstance(part, Family):
            first = next((member(part.name, index) for index in sorted(part.values)), f"{part.name}[…]")
            raise Refused(
                f"`{part.name}` is a family of {len(part)} values: say which, as in `{first}`", "expression-type"
            )
        if isinstance(part, Dim):
            raise Undecided(part)
        if not isinstance(part, (Value, int, float)) or isinstance(part, bool):
            raise Refused(
                f"`{op}` wants values of the network and numbers, but {part!r} is neither", "expression-type",
                _instead_of_here(op, right if part is left else left) if part == [] else None,
            )  # fmt: skip
    return Operation(op, left, right)


_COMPARING: Final = {
    "==": ("Equal", "Equal"), "!=": ("NotEqual", "NotEqual"), "<": ("Less", "Greater"), ">": ("Greater", "Less"),
    "<=": ("LessEqual", "GreaterEqual"), ">=": ("GreaterEqual", "LessEqual"),
}  # fmt: skip
"""For each comparison the layer that compares a value with a number behind it, and with one in front of it."""


def undecided_by_tensors(op: str, left: Any, right: Any) -> None:
    """Refuse a comparison of values of the network, which layers compare.

    Raises:
        Refused: an operand is one.
    """
    values = [part for part in (left, right) if isinstance(part, (Value, Family))]
    if not values:
        return
    first, help = values[0], None
    behind, in_front = _COMPARING[op]
    if isinstance(left, Value) and isinstance(right, Value):
        help = f"`- use: {Operation('-', left, right)!r}` and `- {behind}: 0`"
    elif isinstance(left, Value) and isinstance(right, int | float):
        help = f"`- use: {left!r}` and `- {behind}: {right + 0}`"
    elif isinstance(right, Value) and isinstance(left, int | float):
        help = f"`- use: {right!r}` and `- {in_front}: {left + 0}`"
    raise Refused(
        f"`{first!r}` is a value of the network: `{op}` compares what is known before a tensor exists",
        "expression-type",
        help and f"a layer compares it when the network runs: {help} give truth values, which `as: m` names",
    )


def _instead_of_here(op: str, other: object) -> str:
    """What to write where `[]` stands in arithmetic for what stands at its place."""
    named = "`as: x` beside the item above gives it a name for arithmetic"
    form = {"+": "add: [[], {}]", "*": "mul: [[], {}]"}.get(op)
    if form is None or not isinstance(other, Value):
        return f"what stands here is `[]` only among branches, as in `add: [[], a]`; {named}"
    return f"what stands here is `[]` only among branches: `{form.format(repr(other))}`; {named}"


def described(value: object) -> str:
    """A value for a message about what stands where something else is wanted; of a value of the network, what it is."""
    if isinstance(value, (Value, Family)):
        return f"`{value!r}`, which is a {'family' if isinstance(value, Family) else 'value'} of the network"
    return shown(value)
