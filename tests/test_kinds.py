"""Every field has a kind, and its check, its JSON Schema, its wish and its phrase are of one mind."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from netspec.arguments import COUNT, Arguments, Count
from netspec.combinators import COMBINATORS, joining_class
from netspec.compiler import check_source
from netspec.initializers import FUNCTIONS, arguments_of
from netspec.kinds import FieldKind, kind_of, kinds_of
from netspec.layers import MODULE_OF, layer_class
from netspec.layers.parametrizations import PARAMETRIZATIONS
from netspec.recipe import tables
from netspec.recipe.vocabulary import OWN
from netspec.text.source import decode

MODELS: dict[str, type[Arguments]] = {
    **{name: layer_class(name) for name in MODULE_OF},
    **{name: joining_class(name) for name in COMBINATORS},
    **{name: arguments_of(name) for name in FUNCTIONS},
    **PARAMETRIZATIONS,
    **{name: kind.load(name) for kind in OWN.kinds.values() for name in kind.names},
    **{name: tables.setting(name) for name in (*tables.SETTINGS, "groups")},
}

LISTS = [(1,), (2, 1), (1, 2), (0.1, 0.9), (0, 0), (-1, 2), (None, 1), ("same", 1), ("a", "b"), (True,), (), (1, 2, 3),
         (1, 2, 3, 4), (4, 3, 2, 1), (1, 2, 3, 4, 5, 6), ((1, 2), 3), (1e39, 1e39), (-0.4, 0.3), (1,) * 65]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 8, 9, 224, 2**31 - 1, 2**31, -(2**31), 10**400, 0.0, 0.5, 1.0, 1.5, -0.5, 3e38,
    1e39, float("inf"), float("nan"), "", "same", "a b -> a b", "n c -> n c", "n i, n j -> n i j", {}, {"a": 1},
    {"a": 0}, *LISTS,
]  # fmt: skip


def fields_of(name: str) -> list[tuple[str, FieldKind, TypeAdapter[Any], list[Any]]]:
    """The fields of a model: the kind of each, what pydantic checks of it, and values to try."""
    found: list[tuple[str, FieldKind, TypeAdapter[Any], list[Any]]] = []
    for field, info in MODELS[name].model_fields.items():
        whole: Any = info.annotation
        for extra in info.metadata:
            whole = Annotated[whole, extra]
        kind = kinds_of(MODELS[name])[field]
        words = [*kind.words, *(word[:-1] for word in kind.words)]
        if field not in ("encoder_layer", "decoder_layer", "rotary"):  # a model, whose fields have kinds of their own
            found.append((field, kind, TypeAdapter(whole), [*VALUES, *words]))
    return found


def passes(adapter: TypeAdapter[Any], value: object) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", MODELS)
def test_a_kind_takes_what_pydantic_takes(name: str) -> None:
    """Where pydantic checks a plain type by itself, its kind answers for it: in advice, and for keys of a recipe."""
    for field, kind, adapter, values in fields_of(name):
        assert kind.wish
        assert kind.phrase
        for value in values:
            if field not in ("pattern", "sizes"):
                assert kind.takes(value) == passes(adapter, value), (field, value)
            elif passes(adapter, value):  # what is inside them is not for the kind to say
                assert kind.takes(value), (field, value)


def admits(schema: dict[str, Any], value: Any) -> bool:
    """Whether a JSON Schema admits a value, by the words that the schemas of fields use."""
    kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": tuple, "null": type(None)}
    known = {"type", "anyOf", "enum", "const", "not", "items", "minItems", "maxItems", "minimum", "maximum",
             "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "title", "default", "object",
             "additionalProperties", "pattern"}  # fmt: skip
    assert set(schema) <= known
    if "anyOf" in schema:
        return any(admits(form, value) for form in schema["anyOf"])
    if "type" in schema and schema["type"] != "object":
        if not isinstance(value, kinds[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
            return False
    elif "type" in schema:
        return isinstance(value, dict) and all(admits(schema["additionalProperties"], v) for v in value.values())
    if "not" in schema and admits(schema["not"], value):
        return False
    if isinstance(value, tuple):
        inside = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return inside and all(admits(schema["items"], item) for item in value)
    return (
        (value in schema.get("enum", [value]) and value == schema.get("const", value))
        and ("minimum" not in schema or value >= schema["minimum"])
        and ("maximum" not in schema or value <= schema["maximum"])
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        and ("pattern" not in schema or re.search(schema["pattern"], value) is not None)
        and ("multipleOf" not in schema or value % schema["multipleOf"] == 0)
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_json_schema_admits_what_the_field_takes(name: str) -> None:
    """It may admit more: that a list rises, or how large a float may be, it cannot say."""
    schemas = MODELS[name].model_json_schema().get("properties", {})
    for field, _, adapter, values in fields_of(name):
        taken = [value for value in values if passes(adapter, value)]
        assert taken != [], field
        assert [value for value in taken if not admits(schemas[field], value)] == [], field
        assert not all(admits(schemas[field], value) for value in values), field


def test_a_field_without_a_kind_is_refused_when_its_model_is_first_read() -> None:
    class Model(BaseModel):
        size: Count
        share: float

    with pytest.raises(TypeError, match="a field of type <class 'float'> has no kind beside it"):
        kinds_of(Model)


def test_a_kind_is_found_through_unions_with_null_and_stays_what_it_is() -> None:
    assert kind_of(Count) is COUNT
    optional = kind_of(Count | None)
    assert (optional.wish, optional.takes(None), COUNT.takes(None)) == (COUNT.wish, True, False)
    assert kind_of(Literal["a", "b", "c"]).wish == "'a', 'b' or 'c'"
    assert kind_of(tuple[str, ...]).phrase == "a list of texts"


def helps(layer: str, input: str = "[8, 16]") -> list[tuple[str, str | None]]:
    source, problems = decode(f"input: {input}\nlayers:\n  - {layer}\n".encode(), "spec.yaml")
    return [(d.message, d.help) for d in check_source(source, problems)]


def test_a_word_inside_a_mapping_is_answered_with_the_one_that_is_near() -> None:
    assert helps("TransformerEncoder: {encoder_layer: {nhead: 4, activation: gel}, num_layers: 2}") == [
        (
            "`encoder_layer.activation` of `TransformerEncoder` wants 'relu' or 'gelu', not 'gel'",
            "did you mean `gelu`?",
        )
    ]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("[2, 2]", "kernel_size: [2, 2]"),
        ("[k, k]", "kernel_size: [k, k]"),
        ("[3, 2, 1]", "kernel_size: 3, stride: 2, padding: 1"),
    ],
)
def test_a_list_is_taken_for_one_argument_where_that_takes_as_many(written: str, advice: str) -> None:
    source, problems = decode(f"input: [3, 8, 8]\nlayers:\n  - MaxPool2d: {written}\n".encode(), "spec.yaml")
    (found,) = check_source(source, problems)
    told = found.help or (found.fix.title if found.fix is not None else "")
    assert f"`MaxPool2d: {{{advice}}}`" in told
