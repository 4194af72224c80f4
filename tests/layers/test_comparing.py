"""Layers that compare values with a number, and that count along an axis."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest

import netspec
from tests.layers.test_extra import made, module_of, problem

torch = pytest.importorskip("torch")

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Equal": operator.eq,
    "NotEqual": operator.ne,
    "Less": operator.lt,
    "LessEqual": operator.le,
    "Greater": operator.gt,
    "GreaterEqual": operator.ge,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("other", [0, 2, 1.5])
def test_comparisons_are_pythons(name: str, other: float) -> None:
    for values in (torch.randint(0, 4, (3, 5)), torch.randn(3, 5), torch.randn(3, 5) > 0):
        found = module_of(made(name, other=other), 5)(values)
        assert found.dtype == torch.bool
        assert torch.equal(found, FUNCTIONS[name](values, other))


def test_sums_along_an_axis_are_torchs() -> None:
    for values in (torch.randint(0, 4, (3, 5, 2)), torch.randn(3, 5, 2), torch.randn(3, 5, 2) > 0):
        for dim in (1, 2, -1):
            found = module_of(made("CumSum", dim=dim), 5, 2)(values)
            assert torch.equal(found, values.cumsum(dim))
            assert found.dtype == values.cumsum(dim).dtype
    assert "`dim: 0` is the batch axis" in problem("CumSum", (5, 2), dim=0)


def test_padding_is_found_and_places_are_counted_in_a_spec() -> None:
    spec = netspec.loads(
        "input: [8, int64]\n"
        "layers:\n"
        "  - {NotEqual: 0, as: seen}\n"
        "  - {CumSum: 1, as: count}\n"
        "  - use: count * (seen * 1)\n"
        "  - {Embedding: {num_embeddings: 9, embedding_dim: 4}, as: x}\n"
        "  - {attend: [x, x, x], mask: seen}\n"
    )
    model = netspec.build(spec).eval()
    short, long = torch.tensor([[3, 1, 2, 0, 0, 0, 0, 0]]), torch.tensor([[3, 0, 1, 2, 0, 0, 0, 0]])
    a, b = model(short), model(long)
    assert torch.allclose(a[0, :3], b[0, [0, 2, 3]])


@pytest.mark.parametrize("name", [*FUNCTIONS, "CumSum"])
def test_they_are_tried_in_variations_too(name: str) -> None:
    from netspec.layers import layer_class

    found = netspec.probe(layer_class(name), count=20)
    assert found.tried > len(layer_class(name).examples) + 5
