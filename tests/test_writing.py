"""A value is the same value on every way into a spec and out of it, whatever its texts begin with or look like."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netspec
from netspec.diagnostics import UsageError
from netspec.text.source import Source, parse
from netspec.writing import block, flow, quoted, shown, written
from tests.schema.held import plain

SPEC = """
input: [3, 6, 6]
layers: [Flatten, Linear: 3]
train:
  data: {folder: pictures}
  transforms: [{Resize: {size: [6, 6]}}]
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: SGD
"""
HOSTILE = [
    "my pictures, 2024", "a: b", "10", "null", "[x]", "$x", "$$x", "$", "$in_shape", "${x}", "# c", "", "  lead",
    "end ", "true", "1e3", "é", "a\nb", "'q'", '"d"', "{a}", "*x", "&a", "!t", "%d", "@", "`", "- a", "? b", "|", ">",
    "---", "~", "\x7f\x00\u2028\ufeff\U0001f600", "\\", "\\x41", "a #b", "a:", ":a", "<<", "=", ".inf", "0x1f",
    "2024-01-01", "yes",
]  # fmt: skip
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("$:#[]{},&*!|>'\"%@`-?\\ \n\t~=<"), max_size=12
)


def loaded(text: str) -> Any:
    return netspec.loads(SPEC, set={"train.data.folder.path": text, "train.freeze": [text, "0.*"]}).recipe


def check(text: str) -> None:
    recipe = loaded(text)
    assert (recipe.data.path, recipe.freeze) == (text, (text, "0.*"))
    net = replace(netspec.loads(SPEC), description=text, recipe=recipe)
    again = netspec.loads(netspec.expand(net))
    assert again.recipe == recipe
    assert again.description == text
    assert netspec.expand(again) == netspec.expand(net)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_from_python_is_that_text_and_so_is_what_is_expanded(text: str) -> None:
    check(text)


@given(TEXTS)
def test_any_text_comes_through(text: str) -> None:
    check(text)


def test_what_is_no_text_of_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match=r"holds bytes that are no UTF-8"):
        loaded("caf\udce9")


def test_a_path_may_be_given_as_one() -> None:
    recipe: Any = netspec.loads(SPEC, set={"train.data": {"folder": Path("my, pictures")}}).recipe
    assert recipe.data.path == "my, pictures"


# ---- values, read again by the reader of specs

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from([-0.0, 1e-5, 1e22, 5e-324, math.inf, -math.inf, math.nan])
    | st.sampled_from(HOSTILE)
    | TEXTS
)
KEYS = st.sampled_from(["", "~", "<<", "null", "lr", "a b", "10", "true", "a: b", "é", "$x"]) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def read(text: str) -> Any:
    node, found = parse(Source("spec.yaml", text))
    assert not found
    assert node is not None
    return plain(node)


def same(a: Any, b: Any) -> bool:
    """Equal in kind too: 1 is not 1.0 or true, 0.0 is not -0.0, and NaN is NaN."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    return type(a) is type(b) and (repr(a) == repr(b) if isinstance(a, float) else a == b)


@pytest.mark.parametrize("text", [written, quoted])
@given(value=VALUES)
def test_a_value_on_one_line_is_read_as_that_value(text: Callable[[str], str], value: Any) -> None:
    line = flow(value, text)
    assert "\n" not in line
    assert same(read(f"[{line}, 1]"), [value, 1])
    assert same(read(f"key: {line}"), {"key": value})


def without_variables(value: Any) -> Any:
    """What text fields make of the texts in a value: `$$` at the beginning is a `$`, and `$` alone was a variable."""
    match value:
        case list():
            return [without_variables(item) for item in value]
        case dict():
            return {key: without_variables(item) for key, item in value.items()}
        case str() if value.startswith("$"):
            assert value.startswith("$$")
            return value[1:]
        case _:
            return value


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_mapping_in_block_style_is_read_as_that_mapping(mapping: dict[str, Any]) -> None:
    wide = {"list": [list(range(60)), mapping], "mapping": {"numbers": list(range(60)), "again": mapping}}
    lines = list(block(wide))
    assert len(lines) > 5
    assert same(without_variables(read("\n".join(lines))), wide)


def test_what_is_too_long_for_a_line_stands_below_its_key() -> None:
    values = {"freeze": ["layer"] * 30, "lr": 0.1, "data": {"folder": {"path": "p" * 60, "test": "t" * 20}, "a b": "$"}}
    below = f"  folder: {{path: {'p' * 60}, test: {'t' * 20}}}"
    assert list(block(values)) == ["freeze:", *["  - layer"] * 30, "lr: 0.1", "data:", below, '  a b: "$$"']


@pytest.mark.parametrize(
    ("value", "in_a_spec", "in_a_message"),
    [
        ("same", "same", "'same'"),
        ("it's", '"it\'s"', "'it''s'"),
        ("a\nb", '"a\\nb"', '"a\\nb"'),
        ("$x", '"$$x"', "'$x'"),
        ((1, None, [True]), "[1, null, [true]]", "[1, null, [true]]"),
        ({"a: b": {}, "c": []}, '{"a: b": {}, c: []}', '{"a: b": {}, c: []}'),
        (1e-5, "1e-05", "1e-05"),
        (-math.inf, "-.inf", "-.inf"),
        (Fraction(1, 4), "0.25", "0.25"),
        (PurePosixPath("a, b"), '"a, b"', "'a, b'"),
    ],
)
def test_a_value_is_written_as_a_person_would_write_it(value: Any, in_a_spec: str, in_a_message: str) -> None:
    assert (flow(value), shown(value)) == (in_a_spec, in_a_message)


# ---- values from Python


@pytest.mark.parametrize("value", [{1, 2}, b"3", object()])
def test_what_no_spec_can_say_is_refused_by_its_kind(value: Any) -> None:
    message = f"a value of type `{type(value).__name__}` cannot be written in a spec; it takes "
    with pytest.raises(UsageError, match=rf"^--set train\.batch_size: {message}"):
        netspec.loads(SPEC, set={"train.batch_size": [value]})


def test_numbers_of_numpy_are_numbers() -> None:
    np = pytest.importorskip("numpy")
    settings = {"train.batch_size": np.int64(4), "train.optimizer.SGD.lr": np.float64(0.25)}
    recipe: Any = netspec.loads(SPEC, set=settings).recipe
    assert (recipe.batch_size, recipe.optimizer.lr) == (4, 0.25)


@pytest.mark.parametrize(("value", "text"), [(math.inf, ".inf"), (math.nan, ".nan")])
def test_what_is_not_finite_is_a_number_all_the_same(value: float, text: str) -> None:
    with pytest.raises(netspec.SpecError, match=rf"`lr` of `SGD` wants a number of at least 0, not \{text}"):
        netspec.loads(SPEC, set={"train.optimizer.SGD.lr": value})
    with pytest.raises(netspec.SpecError, match=rf"`freeze` wants text, not \{text}"):
        netspec.loads(SPEC, set={"train.freeze": [value]})
