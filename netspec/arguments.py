"""Named arguments as strict pydantic models: the base of every layer, optimiser, transform and data set.

`Arguments` is the base class. The named types below it are those of most fields: each has its kind beside it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from netspec.kinds import choice, number, per_axis, several


class Arguments(BaseModel):
    """The arguments of one named thing, in the order of the torch constructor, with torch's own defaults."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    scalar: ClassVar[str | None] = None
    """The argument that a bare scalar sets (`Linear: 10`), or None where that would not be obvious."""

    bare: ClassVar[tuple[str, ...]] = ()
    """Without a `scalar`, the arguments that a bare value may be meant for, the likeliest first, where they are others
    than those that are needed."""

    takes_list: ClassVar[bool] = False
    """True if a bare list sets the argument that a bare scalar sets: no other could be meant."""

    omitted: ClassVar[dict[str, str]] = {}
    """Arguments of torch's that are not offered, each with the reason and what to do instead."""
    in_front: ClassVar[tuple[str, ...]] = ()
    """Those of them that stand in front of ours in torch's order."""

    @classmethod
    def is_foreign(cls) -> bool:
        """Whether the class is a plugin's, and none of netspec's own."""
        return cls.__module__.partition(".")[0] != "netspec"

    @classmethod
    def says_nothing(cls, name: str, text: str) -> bool:
        """Whether an argument that is not offered may be left out with what it says: it is no part of what is trained,
        or is done anyway."""
        del name, text
        return False

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        _forget_class_variables(cls)


def _forget_class_variables(cls: type[Arguments]) -> None:
    """Drop the types of class variables, which nobody reads when the program runs.

    For every subclass pydantic evaluates the annotations of all its bases anew; half of the time that a layer takes to
    import went into these.
    """
    own = vars(cls).get("__annotations__", {})
    own.update({name: ClassVar for name, kind in own.items() if str(kind).startswith("ClassVar[")})


_forget_class_variables(Arguments)


def invalid(message: str) -> PydanticCustomError:
    """The error that a field's validator raises. The message continues the argument's name: "wants an integer"."""
    return PydanticCustomError("argument", "{text}", {"text": message})


COUNT: Final = number("an integer of at least 1", "an integer ≥ 1", low=1, whole=True)
NATURAL: Final = number("an integer of at least 0", "an integer ≥ 0", low=0, whole=True)
INTEGER: Final = number("an integer", whole=True)
REAL: Final = number("a number")
POSITIVE: Final = number("a number greater than 0", "a number > 0", above=0)
NON_NEGATIVE: Final = number("a number of at least 0", "a number ≥ 0", low=0)
PROBABILITY: Final = number("a number from 0 to 1", low=0, high=1)

Count = Annotated[int, COUNT]
Natural = Annotated[int, NATURAL]
Integer = Annotated[int, INTEGER]
Real = Annotated[float, REAL]
NonZero = Annotated[float, number("a number other than 0", apart=0)]
Positive = Annotated[float, POSITIVE]
NonNegative = Annotated[float, NON_NEGATIVE]
Probability = Annotated[float, PROBABILITY]

OneOrTwo = Annotated[Literal[1, 2], choice(1, 2)]

Counts1 = Annotated[int | tuple[int], per_axis(COUNT, 1)]
Counts2 = Annotated[int | tuple[int, int], per_axis(COUNT, 2)]
Counts3 = Annotated[int | tuple[int, int, int], per_axis(COUNT, 3)]
Naturals1 = Annotated[int | tuple[int], per_axis(NATURAL, 1)]
Naturals2 = Annotated[int | tuple[int, int], per_axis(NATURAL, 2)]
Naturals3 = Annotated[int | tuple[int, int, int], per_axis(NATURAL, 3)]

_SAME: Final = ("same", "valid")
Padding1 = Annotated[int | tuple[int] | str, per_axis(NATURAL, 1, words=_SAME)]
Padding2 = Annotated[int | tuple[int, int] | str, per_axis(NATURAL, 2, words=_SAME)]
Padding3 = Annotated[int | tuple[int, int, int] | str, per_axis(NATURAL, 3, words=_SAME)]

_MANY: Final = several(
    COUNT, f"{COUNT.wish}, or a list of them", f"{COUNT.phrase} or a list of them", most=64, single=COUNT
)
Counts = Annotated[int | tuple[int, ...], _MANY]
"""One size, or several."""

CountsOfAxes = Annotated[int | tuple[int, ...], _MANY.for_each()]
"""One size for all axes, or one per axis, where the number of axes follows from the input."""

Integers = Annotated[
    int | tuple[int, ...],
    several(
        INTEGER, f"{INTEGER.wish}, or a list of them", f"{INTEGER.phrase} or a list of them", most=64, single=INTEGER
    ),
]
"""One integer, or several."""

_PART: Final = number(f"{COUNT.wish}, or -1", low=-1, apart=0, whole=True)
PartSizes = Annotated[tuple[int, ...], several(COUNT, "a list, each an integer of at least 1", most=64)]
SplitSizes = Annotated[tuple[int, ...], several(_PART, f"a list, each {_PART.wish}", most=64)]
"""What one axis is split into; -1 stands for the size that follows from the others."""


def spread(value: Any, axes: int) -> tuple[int, ...]:
    """One value per axis: `3` becomes `(3, 3)`."""
    return value if isinstance(value, tuple) else (value,) * axes  # pyright: ignore[reportUnknownVariableType]  # ints
