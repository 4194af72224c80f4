"""The reference of the layers, as a page and on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.layers import MODULE_OF, layer_class
from netspec.layers.deviations import REFUSED
from netspec.layers.reference import explain_layer, paragraphs, reference_page

IN_WORDS = {"Rearrange", "Select"}
"""Layers whose shapes hang on a pattern, or on which axis is meant."""
PAGE = Path(__file__).parents[2] / "docs" / "layers.md"


def test_the_page_in_the_documents_is_up_to_date() -> None:
    """`python docs/generate.py` writes it."""
    assert PAGE.read_text(encoding="utf-8") == reference_page()


@pytest.mark.parametrize("name", MODULE_OF)
def test_an_explanation_names_every_argument_and_fits_a_terminal(name: str) -> None:
    text = explain_layer(layer_class(name))
    assert max(map(len, text.splitlines())) <= 80
    cls = layer_class(name)
    for argument in (*cls.model_fields, *cls.omitted):
        assert f"\n  {argument} " in text
    assert len(cls.examples) >= 1


@pytest.mark.parametrize("name", MODULE_OF)
def test_a_docstring_opens_with_the_shapes_and_then_works_an_example(name: str) -> None:
    formula, example, *_ = paragraphs(layer_class(name))
    assert "→" in formula or name in IN_WORDS
    assert any(digit in example for digit in "0123456789")


def test_the_page_shows_every_deviation_from_torch() -> None:
    page = reference_page()
    assert all(f"| {name} |" in page for name in REFUSED)
