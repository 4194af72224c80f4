"""Field types that recipes need beside those of `netspec.arguments`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Literal

from netspec.arguments import COUNT, NATURAL, NON_NEGATIVE, POSITIVE, PROBABILITY, REAL
from netspec.kinds import FieldKind, choice, number, several

Inner = Annotated[float, number("a number above 0 and below 1", above=0, below=1)]
FACTOR: Final = number("a number above 0, at most 1", above=0, high=1)
Factor = Annotated[float, FACTOR]
AtLeastOne = Annotated[float, number("a number of at least 1", "a number ≥ 1", low=1)]
NonPositive = Annotated[float, number("a number of at most 0", "a number ≤ 0", high=0)]
SHARE: Final = number("a share from 0 to below 1", "a number from 0 to below 1", low=0, below=1)
Share = Annotated[float, SHARE]
Channels = Annotated[Literal[1, 3], choice(1, 3)]
Bits = Annotated[int, number("an integer from 0 to 8", low=0, high=8, whole=True)]

FIGURE: Final = FieldKind(
    "the name of a figure of the validation data: validation_loss, validation_accuracy, or that of a metric of the "
    "recipe, as validation_f1",
    {"type": "string"},
    lambda value: isinstance(value, str),
    phrase="validation_loss, validation_accuracy, or validation_ and the name of a metric",
    words=("validation_loss", "validation_accuracy"),
    text=True,
    unlike="none",
)
Figure = Annotated[str, FIGURE]

# ---- lists


def _pair(item: FieldKind, wish: str, *, rising: bool = False) -> FieldKind:
    return several(item, wish, least=2, most=2, also=_ascending if rising else None)


def _ascending(items: tuple[float, ...]) -> bool:
    """Whether in each pair, such as [low, high] for x and then for y, the first is not the larger one."""
    return all(a <= b for a, b in zip(items[::2], items[1::2], strict=True))


def _rising(items: tuple[int, ...]) -> bool:
    return all(a < b for a, b in pairwise(items))


def _floats(items: tuple[float, ...]) -> tuple[float, ...]:
    """As floats: torch refuses a pair of an integer and a float."""
    return tuple(map(float, items))


Pair = Annotated[tuple[float, float], _pair(REAL, "a list of two numbers")]
Fractions = Annotated[tuple[float, float], _pair(PROBABILITY, "a list of two numbers from 0 to 1")]
FractionRange = Annotated[
    tuple[float, float], _pair(PROBABILITY, "a list [low, high] of numbers from 0 to 1", rising=True)
]
PositiveRange = Annotated[tuple[float, float], _pair(POSITIVE, "a list [low, high] of numbers above 0", rising=True)]
Betas = Annotated[
    tuple[float, float], several(SHARE, "a list of two numbers from 0 to below 1", least=2, most=2, make=_floats)
]
Reals = Annotated[tuple[float, ...], several(REAL, "a list of numbers")]
Positives = Annotated[tuple[float, ...], several(POSITIVE, "a list of numbers greater than 0")]
NonNegatives = Annotated[tuple[float, ...], several(NON_NEGATIVE, "a list of numbers of at least 0")]
Factors = Annotated[
    tuple[float, ...], several(NON_NEGATIVE, "a list of numbers of at least 0, one of them above 0", also=any)
]
"""One for each class: with none above 0 there is nothing to learn from, and a mean would divide by nothing."""
BALANCED: Final = "balanced"
"""The word for factors that make classes count alike, however many training examples each has."""
ClassFactors = Annotated[
    tuple[float, ...] | Literal["balanced"],
    several(
        NON_NEGATIVE, "`balanced`, or a list of numbers of at least 0, one of them above 0",
        "balanced, or a list of numbers", also=any, words=(BALANCED,),
    ),
]  # fmt: skip
Milestones = Annotated[tuple[int, ...], several(COUNT, "a rising list of integers of at least 1", also=_rising)]
Shape = Annotated[tuple[int, ...], several(COUNT, "a list of integers of at least 1", "a list of integers ≥ 1")]
_ONE: Final = FieldKind("text", {"type": "string"}, lambda value: isinstance(value, str), text=True, unlike="none")
Texts = Annotated[str | tuple[str, ...], several(_ONE, "text, or a list of texts", single=_ONE)]
SEPARATOR: Final = FieldKind(
    "one ASCII character other than a quotation mark or the end of a line",
    {"type": "string", "pattern": '^[^"\\r\\n\\u0080-\\uffff]$'},
    lambda value: isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n',
    phrase="one ASCII character",
    text=True,
    unlike="none",
)
Separator = Annotated[str, SEPARATOR]
Merged = Annotated[int, number("an integer above 256, the number of bytes", "an integer > 256", low=257, whole=True)]
"""The tokens of a byte-pair encoding: all bytes, and at least one pair."""
_EPS: Final = "a list of null or a number of at least 0, and a number of at least 0"
AdafactorEps = Annotated[
    tuple[float | None, float],
    several(NON_NEGATIVE.or_null(), _EPS, least=2, most=2, also=lambda pair: pair[1] is not None),
]

# ---- a number, or a list


def _or_pairs(single: FieldKind, item: FieldKind, wish: str, most: int = 2) -> FieldKind:
    """One number, or a list of pairs, each of which ascends."""

    def paired(items: tuple[float, ...]) -> bool:
        return len(items) % 2 == 0 and _ascending(items)

    return several(item, wish, least=2, most=most, single=single, also=paired)


_ODD: Final = FieldKind(
    "an odd integer", COUNT.schema | {"not": {"multipleOf": 2}}, lambda value: COUNT.takes(value) and value % 2 == 1
)
_HALF: Final = number("a number from -0.5 to 0.5", low=-0.5, high=0.5)
_HUE: Final = number("a number from 0 to 0.5", low=0, high=0.5)

Angle = Annotated[
    float | tuple[float, float],
    _or_pairs(NON_NEGATIVE, REAL, "degrees d for the range from -d to d, or a list [low, high]"),
]
Shear = Annotated[
    float | tuple[float, ...],
    _or_pairs(NON_NEGATIVE, REAL, "degrees, a list [low, high] for x, or [low, high, low, high] for x and y", most=4),
]
Jitter = Annotated[
    float | tuple[float, float],
    _or_pairs(
        NON_NEGATIVE,
        NON_NEGATIVE,
        "a number d for factors from 1 - d to 1 + d, or a list [low, high] of factors of at least 0",
    ),
]
Hue = Annotated[
    float | tuple[float, float], _or_pairs(_HUE, _HALF, f"{_HUE.wish}, or a list [low, high] within -0.5 and 0.5")
]
Sigma = Annotated[
    float | tuple[float, float], _or_pairs(POSITIVE, POSITIVE, "a number above 0, or a list [low, high] of such")
]
_FOUR: Final = several(
    NATURAL,
    "an integer of at least 0, or a list of two (left and right, top and bottom), "
    "or of four (left, top, right, bottom)",
    least=2,
    most=4,
    single=NATURAL,
    also=lambda items: len(items) != 3,
)
Padding = Annotated[int | tuple[int, int] | tuple[int, int, int, int], _FOUR]
Odd = Annotated[
    int | tuple[int, int],
    several(_ODD, "an odd integer, or a list of two of them (width, height)", least=2, most=2, single=_ODD),
]
