"""The items of a layer list as JSON Schema: layers, blocks, loops, combinators and values, with what stands beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, Final

from netspec.combinators import COMBINATORS, joining_class
from netspec.combinators.base import Joining
from netspec.initializers import FUNCTIONS, arguments_of
from netspec.language.glossary import EXPLAINED
from netspec.language.items import options_of
from netspec.layers import Offer
from netspec.layers.base import Layer
from netspec.layers.parametrizations import PARAMETRIZATIONS
from netspec.layers.reference import arguments_in_words, paragraphs
from netspec.schema.values import (
    NUMBER_IN_QUOTES,
    REFERENCE,
    Schema,
    any_of,
    arguments_schema,
    call_schema,
    needed_of,
    with_expressions,
)

ITEMS: Final[Schema] = {"type": "array", "items": {"$ref": "#/definitions/item"}}
BODY: Final[Schema] = {"$ref": "#/definitions/items"}
_VALUE: Final[Schema] = {"type": "string", "description": "a value that `as` has named, or arithmetic over several"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_BLOCK: Final = r"^(\$.|[^A-Z0-9$.\s({\[-][^.\s(:]*$)"
r"""A block that the file defines, or what a variable stands for. Letters are not asked for by a class, since those of
editors are ASCII."""
_QUOTED: Final[Schema] = {"not": NUMBER_IN_QUOTES}
_GIVEN: Final[Schema] = _QUOTED | {"items": _QUOTED, "additionalProperties": _QUOTED}
"""The arguments of a block."""
_MOST: Final = 4
_VALUES: Final[Schema] = any_of(_VALUE, {"type": "array", "items": _VALUE})
_TRUTH: Final = with_expressions({"type": "boolean"}, is_text=False)

_NO_ITEM: Final = "no item begins so: `netspec explain` lists the layers, `netspec check` says what is near"
"""What editors say in the place of a list of all layers."""

_PARTS: Final[dict[str, Schema]] = {
    "name": {"type": ["string", "integer"]},
    "shared": {"type": ["string", "integer"]},
    "when": _TRUTH,
    "freeze": _TRUTH,
    "repeat": with_expressions({"type": "integer", "minimum": 0}, is_text=False),
    "init": {"$ref": "#/definitions/init"},
    "as": any_of(_NAME, {"type": "array", "items": _NAME, "minItems": 1}),
    "use": any_of(_VALUE, {"type": "number"}),
    "output": {},
    "for": {"type": "string", "pattern": r"\sin\s"},
    "do": BODY,
    "tie": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
    "parametrize": {"$ref": "#/definitions/parametrize"},
}
"""What stands in an item beside layers, blocks and combinators, each with its value."""


def item_definitions(offer: Offer) -> dict[str, Schema]:
    """The definitions that a list of layers refers to."""
    layers = {name: offer.layer_class(name) for name in offer.layers}
    found: dict[str, Schema] = {f"layer.{name}": _layer(cls) for name, cls in layers.items()}
    found |= {f"combinator.{word}": _combinator(word) for word in COMBINATORS}
    found |= {"item": _item(layers), "items": ITEMS, "branches": _branches(), "parametrize": _parametrize()}
    return found | _init(layers)


# ---- one item


def _item(layers: dict[str, type[Layer]]) -> Schema:
    """Any entry of a layer list."""
    bare = [name for name, cls in layers.items() if not needed_of(cls)]
    return {
        "anyOf": [
            {"enum": bare, "description": "a layer with all its arguments at their defaults", "errorMessage": _NO_ITEM},
            {"type": "string", "pattern": _BLOCK, "not": {"enum": [*COMBINATORS, "for", "use", "output"]}},
            _of_layers(layers),
            *({"$ref": f"#/definitions/combinator.{word}"} for word in COMBINATORS),
            _object(("for",), options_of("for"), needs=("for", "do")),
            _object(("repeat",), options_of("repeat"), needs=("repeat", "do")),
            _object((), options_of("group"), needs=("when", "do")),
            _object(("as",), options_of("as"), needs=("as",)),
            _object(("use",), options_of("use"), needs=("use",)),
            _object(("output",), options_of("output"), needs=("output",)),
            _of_blocks(),
        ]
    }


def _object(heads: Iterable[str], options: Iterable[str], needs: Iterable[str]) -> Schema:
    """An item that begins with a word of the language."""
    keys = dict.fromkeys((*heads, *sorted(options)))
    return {
        "type": "object",
        "properties": {key: _part(key) for key in keys},
        "required": list(needs),
        "additionalProperties": False,
    }


def _part(key: str) -> Schema:
    return _PARTS[key] | ({"description": EXPLAINED[key].meaning} if "$ref" not in _PARTS[key] else {})


def _of_layers(layers: dict[str, type[Layer]]) -> Schema:
    """A layer with its arguments, and the options beside it: one layer, since a second begins an item of its own."""
    heads = {name: {"$ref": f"#/definitions/layer.{name}"} for name in layers}
    return {
        "type": "object",
        "properties": heads | {option: _part(option) for option in sorted(options_of("layer"))},
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in layers],
    }


def _of_blocks() -> Schema:
    """A call of a block, whose arguments only the file knows. No word of the language is one."""
    options = sorted({*options_of("block"), *options_of("reference")})
    others: list[Schema] = [{"required": [word]} for word in (*COMBINATORS, "for", "do", "use", "output")]
    return {
        "type": "object",
        "properties": {option: _part(option) for option in options},
        "patternProperties": {_BLOCK: _GIVEN},
        "additionalProperties": False,
        "not": {"anyOf": [*others, {"propertyNames": {"enum": options}}]},
        "anyOf": _all_but_one_of(options),
    }


def _all_but_one_of(options: Sequence[str]) -> list[Schema]:
    """One key and any number of options: so many keys, of which all but one are options. Beyond `_MOST` of them nothing
    is asked, since the combinations grow."""
    counted: list[Schema] = [
        {"maxProperties": number + 1, "anyOf": [{"required": list(held)} for held in combinations(options, number)]}
        for number in range(1, _MOST)
    ]
    return [{"maxProperties": 1}, *counted, {"minProperties": _MOST + 1}]


def _layer(cls: type[Layer]) -> Schema:
    """What stands behind the name of a layer."""
    words = arguments_in_words(cls)
    tensors = dict.fromkeys(cls.tensors, _VALUES)
    found = any_of(call_schema(cls, with_expressions, words, tensors), REFERENCE)
    return found | {"description": "\n\n".join(paragraphs(cls))}


# ---- combinators


def _branches() -> Schema:
    """Lists of layers, values, or items that make them, one of which may stand in the place of the list."""
    maker: Schema = {
        "type": "object",
        "properties": {key: _part(key) for key in ("for", "repeat", "when", "do")},
        "required": ["do"],
        "additionalProperties": False,
    }
    one = any_of(BODY, _VALUE, maker)
    return any_of({"type": "array", "items": one, "minItems": 1}, _VALUE, maker)


def _combinator(word: str) -> Schema:
    """An item of a combinator: its body or branches, and beside it what it takes."""
    cls = joining_class(word)
    head: Schema = {"$ref": "#/definitions/branches"} if cls.several else BODY
    own = _options(cls)
    return {
        "type": "object",
        "properties": {word: head} | {key: _part(key) for key in sorted(options_of("block"))} | own,
        "required": [word, *([cls.decides] if cls.decides else []), *needed_of(cls)],
        "additionalProperties": False,
        "description": EXPLAINED[word].meaning,
    }


def _options(cls: type[Joining]) -> dict[str, Schema]:
    schemas: dict[str, Any] = arguments_schema(cls, with_expressions, {})["properties"]
    sides = dict.fromkeys(cls.sides, any_of(BODY, _VALUE))
    told = {name: option.meaning for name, option in cls.options.items()}
    return {name: schema | {"description": told[name]} for name, schema in (schemas | sides).items()}


# ---- init and parametrize


def _init(layers: dict[str, type[Layer]]) -> dict[str, Schema]:
    """A function of `torch.nn.init`, or one for each parameter; for layers of a type, or of what it stands beside."""
    calls = {name: call_schema(arguments_of(name), with_expressions, {}) for name in FUNCTIONS}
    function = any_of(
        {"enum": [name for name in FUNCTIONS if not needed_of(arguments_of(name))]},
        {
            "type": "object", "properties": calls, "additionalProperties": False, "minProperties": 1,
            "maxProperties": 1,
        },
        REFERENCE,
    )  # fmt: skip
    parameters: Schema = {
        "type": "object",
        "patternProperties": {"^[a-z][a-z0-9_.]*$": {"$ref": "#/definitions/initializer"}},
        "additionalProperties": False,
        "not": {"anyOf": [{"required": [name]} for name in FUNCTIONS]},
    }
    one: Schema = {"$ref": "#/definitions/initializers"}
    by_type: Schema = {"type": "object", "properties": dict.fromkeys(layers, one), "additionalProperties": False}
    return {
        "initializer": function,
        "initializers": any_of({"$ref": "#/definitions/initializer"}, parameters),
        "init": any_of(one, by_type) | {"description": EXPLAINED["init"].meaning},
    }


def _parametrize() -> Schema:
    """What the weight of a layer is computed of."""
    calls = {word: call_schema(cls, with_expressions, {}) for word, cls in PARAMETRIZATIONS.items()}
    mapping: Schema = {
        "type": "object", "properties": calls, "additionalProperties": False, "minProperties": 1, "maxProperties": 1,
    }  # fmt: skip
    return any_of({"enum": list(calls)}, mapping) | {"description": EXPLAINED["parametrize"].meaning}
