"""Strings survive every way into a spec and out of it unchanged, even those that look like other YAML values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netspec
from netspec.diagnostics import UsageError
from netspec.text.quoting import written
from netspec.text.source import ScalarNode, Source, parse

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


@given(TEXTS)
def test_a_quoted_text_is_one_scalar_of_that_value(text: str) -> None:
    node, found = parse(Source("spec.yaml", f"[{written(text)}, 1]"))
    assert not found
    assert node is not None
    first: Any = node
    scalar = first.items[0]
    assert isinstance(scalar, ScalarNode)
    assert scalar.value == text


def test_what_is_no_text_of_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match=r"holds bytes that are no UTF-8"):
        loaded("caf\udce9")


def test_a_path_may_be_given_as_one() -> None:
    recipe: Any = netspec.loads(SPEC, set={"train.data": {"folder": Path("my, pictures")}}).recipe
    assert recipe.data.path == "my, pictures"
