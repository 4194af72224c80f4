"""What a field takes, as one object for each kind of value: a check, a wish, a phrase, a JSON Schema.

A kind stands beside the type of its field, `Count = Annotated[int, COUNT]`. pydantic asks it for the check and the
schema, messages for the wish, the reference for the phrase. A kind admits several written forms (`3`, `[3, 3]`, `same`)
under one check and one message, since a plain union would report one mistake once per member. What pydantic checks by
itself (`bool`, words, a mapping, a model) needs none: `kind_of` gives the one that goes with such a type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

LARGEST_FLOAT = 3.4028234663852886e38  # of float32: torch refuses to put a larger number into a layer
LARGEST = 2**31 - 1  # no dimension or count in a network is larger; torch indexes many of them with 32 bits


class FieldKind:
    """One kind of value.

    Args:
        wish: what the field wants, for messages: "an integer of at least 1".
        schema: the JSON Schema of what it takes; empty where pydantic makes it from the type.
        good: whether it takes a value, if that is not for `make` to say. YAML lists arrive as tuples.
        phrase: the wish in short, for the reference: "an integer ≥ 1". The wish itself, if it is empty.
        make: what is kept of a value that it takes, the value itself if None. May refuse it in words of its own, by
            raising `netspec.arguments.invalid`.
        words: words that it takes; beside numbers (`padding: same`) they win over variables of their name.
        text: whether a string is the text itself; elsewhere it is an expression.
        unlike: what a text is that it does not take, to end a sentence.
        inside: the kind of what stands at a key or an index inside a value, if that is checked by itself.
        lengths: how many items a list may have, least and most (None: any number), if it takes lists.
    """

    __slots__ = (
        "_good",
        "_inside",
        "_make",
        "is_for_each",
        "lengths",
        "null",
        "phrase",
        "schema",
        "text",
        "unlike",
        "wish",
        "words",
    )

    def __init__(
        self,
        wish: str,
        schema: dict[str, Any],
        good: Callable[[Any], bool] | None = None,
        *,
        phrase: str = "",
        make: Callable[[Any], object] | None = None,
        words: Sequence[str] = (),
        text: bool = False,
        unlike: str = "no number",
        inside: Callable[[str | int], FieldKind | None] | None = None,
        lengths: tuple[int, int | None] | None = None,
    ) -> None:
        self.wish = wish
        self.phrase = phrase or wish
        self.schema = schema
        self.words = words
        self.text = text
        self.unlike = unlike
        self.lengths = lengths
        self.null = False
        """Whether it takes null besides."""
        self.is_for_each = False
        """Whether one value says the same as a list that has it for each axis."""
        self._good = good
        self._make = make
        self._inside = inside

    def check(self, value: object) -> Any:
        """What is kept of a value.

        Raises:
            PydanticCustomError: it is not of this kind. The type is "argument" where the message is all there is to
                say, as the end of a sentence that begins with the field's name.
        """
        if value is None and self.null:
            return None
        if self._good is not None and not self._good(value):
            raise PydanticCustomError("unwanted", "wants {wish}", {"wish": self.wish})
        return value if self._make is None else self._make(value)

    def takes(self, value: object) -> bool:
        """Whether a value is of this kind."""
        try:
            self.check(value)
        except PydanticCustomError:
            return False
        return True

    def or_null(self) -> FieldKind:
        """The same, and null."""
        kind = copy(self)
        kind.null = True
        kind.schema = {"anyOf": [self.schema, {"type": "null"}]}
        return kind

    def for_each(self) -> FieldKind:
        """The same, of which a list says one value for each axis or side, and one value alone is that of all."""
        kind = copy(self)
        kind.is_for_each = True
        return kind

    def plainly(self, value: object) -> object:
        """A value as it is said most plainly: `[3, 3]` as 3 where one value is that of all axes."""
        if not self.is_for_each or not isinstance(value, tuple):
            return value
        first, *others = cast("tuple[object, ...]", value)
        return (
            first if all(type(other) is type(first) and other == first for other in others) else cast("object", value)
        )

    def inside(self, part: str | int) -> FieldKind | None:
        """The kind of what stands at a key or an index inside a value; None where the whole is checked as one."""
        return None if self._inside is None else self._inside(part)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return {"type": "function-plain", "function": {"type": "no-info", "function": self.check}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return self.schema.copy()


# ---- making kinds


def number(
    wish: str,
    phrase: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    apart: float | None = None,
    whole: bool = False,
) -> FieldKind:
    """A number, or an integer if `whole`, within bounds: `above` and `below` are excluded, as `apart` is."""
    largest = LARGEST if whole else LARGEST_FLOAT
    least = next((bound for bound in (low, above) if bound is not None), -largest)
    most = next((bound for bound in (high, below) if bound is not None), largest)
    types = (int,) if whole else (int, float)
    schema: dict[str, Any] = {"type": "integer" if whole else "number"}
    bounds = {"minimum": low, "maximum": high, "exclusiveMinimum": above, "exclusiveMaximum": below}
    schema |= {key: bound for key, bound in bounds.items() if bound is not None}
    if apart is not None:
        schema["not"] = {"const": apart}

    def good(value: Any) -> bool:
        return type(value) in types and least <= value <= most and value not in (above, below, apart)

    return FieldKind(wish, schema, good, phrase=phrase)


def several(
    item: FieldKind,
    wish: str,
    phrase: str = "",
    *,
    least: int = 1,
    most: int | None = None,
    single: FieldKind | None = None,
    words: Sequence[str] = (),
    also: Callable[[tuple[Any, ...]], bool] | None = None,
    make: Callable[[Any], object] | None = None,
) -> FieldKind:
    """A list of `least` to `most` items (None: any number) that meets `also`; or a bare `single`, or one of `words`."""
    array: dict[str, Any] = {"type": "array", "items": item.schema, "minItems": least}
    if most is not None:
        array["maxItems"] = most
    forms = [*([single.schema] if single else []), array, *([{"enum": list(words)}] if words else [])]

    def good(value: Any) -> bool:
        if isinstance(value, tuple):
            items = cast("tuple[Any, ...]", value)
            fits = least <= len(items) and (most is None or len(items) <= most)
            return fits and all(map(item.takes, items)) and (also is None or also(items))
        return (single is not None and single.takes(value)) or (isinstance(value, str) and value in words)

    schema = {"anyOf": forms} if len(forms) > 1 else array
    return FieldKind(wish, schema, good, phrase=phrase, make=make, words=words, text=item.text, lengths=(least, most))


def per_axis(item: FieldKind, axes: int, *, words: Sequence[str] = (), keeps: bool = False) -> FieldKind:
    """One value for all axes, or a list with one per axis, in which with `keeps` null leaves an axis as it is."""
    wish = f"{item.wish}, or a list of {f'{axes} of them (one per axis)' if axes > 1 else 'one'}"
    phrase = f"{item.phrase} or a list of {axes}{', where null keeps an axis' if keeps else ''}"
    wish, phrase = (" or ".join([text, *words]) for text in (f"{wish}," if words else wish, phrase))
    items = item.or_null() if keeps else item
    return several(items, wish, phrase, least=axes, most=axes, single=item, words=words).for_each()


def choice(*options: str | int) -> FieldKind:
    """One of a few words or numbers."""
    *others, last = map(repr, options)
    wish = f"{', '.join(others)} or {last}" if others else last
    phrase = " or ".join(map(str, options))
    words = [option for option in options if isinstance(option, str)]

    def good(value: object) -> bool:
        return any(type(value) is type(option) and value == option for option in options)

    text = len(words) == len(options)
    return FieldKind(wish, {"enum": list(options)}, good, phrase=phrase, words=words, text=text, unlike="none")


# ---- the kinds of plain types, whose JSON Schema is pydantic's


def name_of(wish: str) -> FieldKind:
    """A text that is a name, for which the wish says what is named."""
    return FieldKind(wish, {}, lambda v: isinstance(v, str), text=True, unlike="none")


TEXT: Final = name_of("text")
_PLAIN: Final[dict[Any, FieldKind]] = {
    str: TEXT,
    bool: FieldKind("true or false", {}, lambda v: isinstance(v, bool), unlike="neither"),
    int: FieldKind("an integer", {}, lambda v: type(v) is int),
}


def _list(item: FieldKind) -> FieldKind:
    def inside(part: str | int) -> FieldKind | None:
        return item if isinstance(part, int) else None

    def good(value: Any) -> bool:
        return isinstance(value, tuple) and all(map(item.takes, cast("tuple[Any, ...]", value)))

    phrase = f"a list of {item.phrase}s"
    return FieldKind("a list", {}, good, phrase=phrase, text=item.text, unlike="none", inside=inside)


def _mapping(phrase: str, inside: Callable[[str | int], FieldKind | None]) -> FieldKind:
    return FieldKind("a mapping", {}, lambda v: isinstance(v, dict), phrase=phrase, unlike="none", inside=inside)


def kind_of(type_: Any, metadata: Iterable[object] = ()) -> FieldKind:
    """The kind of a field of this type, with the metadata that pydantic took out of it.

    Raises:
        TypeError: there is none: the type lacks a `FieldKind` beside it.
    """
    for extra in metadata:
        if isinstance(extra, FieldKind):
            return extra
    if (plain := _PLAIN.get(type_)) is not None:
        return plain
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return kind_of(arguments[0], arguments[1:])
    if origin is Literal:
        return choice(*arguments)
    if origin is tuple and arguments[1:] == (...,):
        return _list(kind_of(arguments[0]))
    if origin is dict:
        value = kind_of(arguments[1])
        return _mapping("a mapping", lambda part: value)
    if NoneType in arguments and len(arguments) == 2:
        return kind_of(*(argument for argument in arguments if argument is not NoneType)).or_null()
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        return _mapping(f"the arguments of `{type_.__name__}`", lambda part: kinds_of(type_).get(str(part)))
    raise TypeError(f"a field of type {type_} has no kind beside it")


_kinds: dict[type[BaseModel], dict[str, FieldKind]] = {}


def kinds_of(model: type[BaseModel]) -> dict[str, FieldKind]:
    """The kind of each field of a model, in the order of the fields; found once."""
    found = _kinds.get(model)
    if found is None:
        fields = model.model_fields.items()
        found = _kinds[model] = {name: kind_of(field.annotation, field.metadata) for name, field in fields}
    return found
