"""Named arguments as strict pydantic models: the base of every layer, optimiser, transform and data set.

`Arguments` is the base class. The named field types below each admit several written forms (`3`, `[3, 3]`, `same`) and
have one validator and one message, since a plain union would report one mistake once per member. YAML lists arrive
as tuples. `text_of` tells which fields take text: there a string is the text itself, everywhere else it is an
expression.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from netspec.writing import shown

LARGEST_FLOAT = 3.4028234663852886e38  # of float32: torch refuses to put a larger number into a layer
LARGEST = 2**31 - 1  # no dimension or count in a network is larger; torch indexes many of them with 32 bits


class Arguments(BaseModel):
    """The arguments of one named thing, in the order of the torch constructor, with torch's own defaults."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    scalar: ClassVar[str | None] = None
    """The argument that a bare scalar sets (`Linear: 10`), or None where that would not be obvious."""

    omitted: ClassVar[dict[str, str]] = {}
    """Arguments of torch's that are not offered, each with the reason and what to do instead."""

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


class Words(NamedTuple):
    """Metadata of a field that admits these words beside numbers (`padding: same`)."""

    words: tuple[str, ...]


def text_of(annotation: Any) -> Words | Literal["text"] | None:
    """What a string means in a field of this annotation.

    Returns `"text"` where only text fits (a string is itself), `Words` where some words win over expressions, and None
    where a string can only be an expression.
    """
    return _text_of(annotation) if get_origin(annotation) is not None else ("text" if annotation is str else None)


@cache
def _text_of(annotation: Any) -> Words | Literal["text"] | None:
    args = get_args(annotation)
    if get_origin(annotation) is Literal:
        return "text" if all(isinstance(a, str) for a in args) else None
    if get_origin(annotation) is Annotated:
        for extra in args[1:]:
            if isinstance(extra, Words):
                return extra
        return text_of(args[0])
    kinds = [text_of(a) for a in args if a is not type(None) and a is not ...]  # a union, or `tuple[str, ...]`
    if kinds and all(k == "text" for k in kinds):
        return "text"
    words = [w for a in args if get_origin(a) is Literal for w in get_args(a) if isinstance(w, str)]
    words += [w for k in kinds if isinstance(k, Words) for w in k.words]
    return Words(tuple(words)) if words else None


def invalid(message: str) -> PydanticCustomError:
    """The error that a field's validator raises. The message continues the argument's name: "wants an integer"."""
    return PydanticCustomError("argument", "{text}", {"text": message})


def unwanted(wish: str, value: Any) -> PydanticCustomError:
    """The error that the validator of a field of numbers raises: it takes what `wish` says ("an integer"), and got
    something else."""
    return PydanticCustomError("unwanted", "wants {wish}, not {got}", {"wish": wish, "got": shown(value)})


def is_whole(value: object, low: int) -> bool:
    """True for an integer from `low` to the largest that is admitted."""
    return type(value) is int and low <= value <= LARGEST


def _whole(low: int, kind: str) -> PlainValidator:
    def check(value: object) -> object:
        if is_whole(value, low):
            return value
        raise unwanted(kind, value)

    return PlainValidator(check)


def per_axis(axes: int, low: int, kind: str, *, none: bool = False, words: tuple[str, ...] = ()) -> PlainValidator:
    """One integer for all axes, or a list with one per axis, or one of the words."""
    forms = f"{kind}, or a list of {axes} of them (one per axis)" if axes > 1 else f"{kind}, or a list of one"
    if words:
        forms += ", or " + " or ".join(words)

    def good(value: object) -> bool:
        return (none and value is None) or is_whole(value, low)

    def check(value: object) -> object:
        if isinstance(value, tuple):
            items = cast("tuple[object, ...]", value)
            if len(items) == axes and all(good(v) for v in items):
                return items
        elif is_whole(value, low) or (isinstance(value, str) and value in words):
            return value
        raise unwanted(forms, value)

    return PlainValidator(check)


def schema_of(axes: int, low: int, *, none: bool = False, words: tuple[str, ...] = ()) -> WithJsonSchema:
    """The JSON Schema of what `per_axis` admits."""
    one: dict[str, Any] = {"type": "integer", "minimum": low}
    item = {"anyOf": [one, {"type": "null"}]} if none else one
    forms: list[dict[str, Any]] = [one, {"type": "array", "items": item, "minItems": axes, "maxItems": axes}]
    return WithJsonSchema({"anyOf": [*forms, {"enum": list(words)}] if words else forms})


def _real(low: float, high: float, kind: str, *, above: bool = False) -> PlainValidator:
    def check(value: object) -> object:
        if (type(value) is int or type(value) is float) and low <= value <= high and not (above and value == low):
            return value
        raise unwanted(kind, value)

    return PlainValidator(check)


def _nonzero() -> PlainValidator:
    def check(value: object) -> object:
        if (type(value) is int or type(value) is float) and 0 < abs(value) <= LARGEST_FLOAT:
            return value
        raise unwanted("a number other than 0", value)

    return PlainValidator(check)


def _number(**limits: float) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", **limits})


Count = Annotated[int, _whole(1, "an integer of at least 1"), WithJsonSchema({"type": "integer", "minimum": 1})]
Natural = Annotated[int, _whole(0, "an integer of at least 0"), WithJsonSchema({"type": "integer", "minimum": 0})]
Integer = Annotated[int, _whole(-LARGEST, "an integer"), WithJsonSchema({"type": "integer"})]
Real = Annotated[float, _real(-LARGEST_FLOAT, LARGEST_FLOAT, "a number"), _number()]
NonZero = Annotated[float, _nonzero(), WithJsonSchema({"type": "number", "not": {"const": 0}})]
Positive = Annotated[float, _real(0, LARGEST_FLOAT, "a number greater than 0", above=True), _number(exclusiveMinimum=0)]
NonNegative = Annotated[float, _real(0, LARGEST_FLOAT, "a number of at least 0"), _number(minimum=0)]
Probability = Annotated[float, _real(0, 1, "a number from 0 to 1"), _number(minimum=0, maximum=1)]

_AT_LEAST_1, _AT_LEAST_0 = "an integer of at least 1", "an integer of at least 0"
Counts1 = Annotated[int | tuple[int], per_axis(1, 1, _AT_LEAST_1), schema_of(1, 1)]
Counts2 = Annotated[int | tuple[int, int], per_axis(2, 1, _AT_LEAST_1), schema_of(2, 1)]
Counts3 = Annotated[int | tuple[int, int, int], per_axis(3, 1, _AT_LEAST_1), schema_of(3, 1)]
Naturals1 = Annotated[int | tuple[int], per_axis(1, 0, _AT_LEAST_0), schema_of(1, 0)]
Naturals2 = Annotated[int | tuple[int, int], per_axis(2, 0, _AT_LEAST_0), schema_of(2, 0)]
Naturals3 = Annotated[int | tuple[int, int, int], per_axis(3, 0, _AT_LEAST_0), schema_of(3, 0)]

_SAME = ("same", "valid")
_OR_SAME = Words(_SAME)
Padding1 = Annotated[
    int | tuple[int] | str, per_axis(1, 0, _AT_LEAST_0, words=_SAME), schema_of(1, 0, words=_SAME), _OR_SAME
]
Padding2 = Annotated[
    int | tuple[int, int] | str, per_axis(2, 0, _AT_LEAST_0, words=_SAME), schema_of(2, 0, words=_SAME), _OR_SAME
]
Padding3 = Annotated[
    int | tuple[int, int, int] | str, per_axis(3, 0, _AT_LEAST_0, words=_SAME), schema_of(3, 0, words=_SAME), _OR_SAME
]


def _list_of(good: Callable[[object], bool], kind: str, *, single: bool, longest: int = 64) -> PlainValidator:
    """A list of any length, or with `single` also one bare value."""
    forms = f"{kind}, or a list of them" if single else f"a list, each {kind}"

    def check(value: object) -> object:
        if isinstance(value, tuple):
            items = cast("tuple[object, ...]", value)
            if 1 <= len(items) <= longest and all(good(v) for v in items):
                return items
        elif single and good(value):
            return value
        raise unwanted(forms, value)

    return PlainValidator(check)


_COUNT_JSON: dict[str, Any] = {"type": "integer", "minimum": 1}
Counts = Annotated[
    int | tuple[int, ...],
    _list_of(lambda v: is_whole(v, 1), _AT_LEAST_1, single=True),
    WithJsonSchema({"anyOf": [_COUNT_JSON, {"type": "array", "items": _COUNT_JSON, "minItems": 1}]}),
]
"""One size, or one per axis where the number of axes follows from the input."""

SplitSizes = Annotated[
    tuple[int, ...],
    _list_of(lambda v: is_whole(v, 1) or (type(v) is int and v == -1), "an integer of at least 1, or -1", single=False),
    WithJsonSchema({"type": "array", "items": {"anyOf": [_COUNT_JSON, {"const": -1}]}, "minItems": 1}),
]
"""What one axis is split into; -1 stands for the size that follows from the others."""


def spread(value: Any, axes: int) -> tuple[int, ...]:
    """One value per axis: `3` becomes `(3, 3)`."""
    return value if isinstance(value, tuple) else (value,) * axes  # pyright: ignore[reportUnknownVariableType]  # ints
