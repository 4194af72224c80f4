"""Field types of the layers that few networks use: sides of a padding, sizes that may stay, fractions, factors."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from netspec.arguments import COUNT, INTEGER, NATURAL, invalid
from netspec.kinds import LARGEST, FieldKind, number, per_axis, several
from netspec.writing import shown


def _batch_first(value: object) -> object:
    if value is True:
        return value
    raise invalid(
        f"cannot be {shown(value)}: the batch is always the first axis here, "
        "and the examples of a batch would be taken for the steps of a sequence"
    )


BatchFirst = Annotated[Literal[True], FieldKind("true", {"const": True}, make=_batch_first)]
"""The argument `batch_first`: always True in the torch call, optional in a spec."""

Sizes2 = Annotated[int | tuple[int | None, ...], per_axis(COUNT, 2, keeps=True)]
Sizes3 = Annotated[int | tuple[int | None, ...], per_axis(COUNT, 3, keeps=True)]


def spread_sizes(value: int | tuple[int | None, ...], axes: int) -> tuple[int | None, ...]:
    """One size per axis, None where the axis keeps its own: `3` becomes `(3, 3)`."""
    return value if isinstance(value, tuple) else (value,) * axes


_SIDES: Final = {1: "left and right", 2: "left, right, top, bottom", 3: "left, right, top, bottom, front, back"}


def _sides(item: FieldKind, axes: int) -> FieldKind:
    """One integer for every side, or a list with one per side, the last axis first."""
    n = 2 * axes
    wish = f"{item.wish}, or a list of {n} of them ({_SIDES[axes]})"
    return several(item, wish, f"{item.phrase} or a list of {n}", least=n, most=n, single=item).for_each()


Sides1 = Annotated[int | tuple[int, ...], _sides(NATURAL, 1)]
Sides2 = Annotated[int | tuple[int, ...], _sides(NATURAL, 2)]
Sides3 = Annotated[int | tuple[int, ...], _sides(NATURAL, 3)]
SignedSides1 = Annotated[int | tuple[int, ...], _sides(INTEGER, 1)]
SignedSides2 = Annotated[int | tuple[int, ...], _sides(INTEGER, 2)]
SignedSides3 = Annotated[int | tuple[int, ...], _sides(INTEGER, 3)]

_FRACTION: Final = number("a number between 0 and 1, both excluded", "a number between 0 and 1", above=0, below=1)
_FACTOR: Final = number("a number greater than 0", "a number > 0", above=0, high=LARGEST)
_FACTORS: Final = several(
    _FACTOR, f"{_FACTOR.wish}, or a list with one per axis", f"{_FACTOR.phrase} or a list of them", most=3,
    single=_FACTOR,
)  # fmt: skip
Fractions2 = Annotated[float | tuple[float, ...], per_axis(_FRACTION, 2)]
Fractions3 = Annotated[float | tuple[float, ...], per_axis(_FRACTION, 3)]
Factors = Annotated[float | tuple[float, ...], _FACTORS.for_each()]
Factors2 = Annotated[float | tuple[float, ...], per_axis(_FACTOR, 2)]
