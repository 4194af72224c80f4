"""Tables of numbers come as expressions that are the same to the bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netspec.capture.numbers.sinusoids import sinusoids
from netspec.capture.numbers.tables import expression, told
from netspec.expressions import parse
from netspec.torch.units import Sinusoids

ROWS = {
    "[1] * 20": "float32",
    "range(3, 9)": "int64",
    "range(9, 0, -2)": "int64",
    "[2 ** i for i in range(16)]": "float32",
    "[10000 ** (-i / 16) for i in range(16)]": "float32",
    "[500 ** (-i / 15) for i in range(16)]": "float32",
    "[2 * i / 31 - 1 for i in range(32)]": "float32",
    "[(2 * i + 1) / 32 - 1 for i in range(32)]": "float32",
    "[3.141592653589793 * (1 + 7 * i / 23) for i in range(24)]": "float32",
    "[[1] * 16] * 4": "float32",
}
TABLES = {
    "distances": "[[5 + a - b for b in range(6)] for a in range(6)]",
    "distances that are limited": "[[min(max(3 + b - a, 0), 6) for b in range(9)] for a in range(7)]",
    "distances in a window": "[[(2 + a // 4 - b // 4) * 7 + 3 + a % 4 - b % 4 for b in range(12)] for a in range(12)]",
    "distances to a finer window": "[[abs(2 * (a // 2) - b // 4) * 4 + abs(2 * (a % 2) - b % 4) for b in range(16)] "
    "for a in range(4)]",
    "what is seen": "[[5 if k <= i else 0 for k in range(6)] for i in range(5)]",
    "a window": "[[1 if -2 <= k - i <= 0 else 7 for k in range(6)] for i in range(6)]",
    "a token in front": "[[17] + [15] * 6] + [[16] + [(1 + a // 3 - b // 3) * 5 + 2 + a % 3 - b % 3 for b in range(6)] "
    "for a in range(6)]",
}


@pytest.mark.parametrize("text", ROWS)
def test_rows_that_follow_a_rule_are_expressions(text: str) -> None:
    table = torch.tensor(_list(parse(text).evaluate({})), dtype=getattr(torch, ROWS[text]))
    assert told(table) == text


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_numbers_of_distances_are_expressions(text: str) -> None:
    table = torch.tensor(parse(text).evaluate({}))
    assert told(table) == text
    table[-1, -1] += 1
    assert isinstance(told(table), list)


def test_what_makes_too_many_numbers_is_computed_row_by_row() -> None:
    along = "[[13 + i - k for k in range(14)] for i in range(14)]"
    text = f"[[731] + [729] * 196] + [[730] + [27 * y + x for y in r for x in c] for r in {along} for c in {along}]"
    assert told(torch.tensor(parse(text).evaluate({}))) == text


def test_the_places_of_a_grid_are_a_row_for_each_axis() -> None:
    rows, columns = (torch.tensor([t / n for t in range(n)]) for n in (5, 7))
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)
    assert told(grid) == "[[[y, x] for x in [i / 7 for i in range(7)]] for y in [i / 5 for i in range(5)]]"


def test_the_angles_of_a_grid_are_computed() -> None:
    along = [[6.283185307179586 * (i + 1) / (9 + 1e-6) / 10000 ** (k / 8) for k in range(8)] for i in range(9)]
    grid = torch.tensor([[[y, x] for x in along] for y in along])
    text = told(grid)
    assert text.startswith("[[[y, x] for x in [[6.283185307179586 * (i + 1) / (9 + 1e-6) / 10000 ** (k / 8) for k")
    assert torch.equal(torch.tensor(parse(text).evaluate({})), grid)


@pytest.mark.parametrize("shape", [(4, 6, 1), (2, 3, 4), (20, 1), (1, 16, 1, 1)])
def test_equal_numbers_are_said_once_whatever_their_shape(shape: tuple[int, ...]) -> None:
    for number in (0.1, 0.0, 3.0):
        table = torch.full(shape, number)
        text = expression(table)
        assert text is not None and len(text) < 60
        found: Any = parse(text).evaluate({})
        assert torch.equal(torch.tensor(found, dtype=torch.float32), table)


def test_too_many_numbers_without_a_rule_have_no_text() -> None:
    assert told(torch.randn(65, 64)) is None
    assert told(torch.randn(64, 64)) is not None


SINES: list[dict[str, Any]] = [
    {"positions": "range(40)", "embed_dim": 16},
    {"positions": "range(12, -13, -1)", "embed_dim": 8, "layout": "half"},
    {"positions": "range(300)", "embed_dim": 24, "base": 500, "layout": "half", "endpoint": True},
    {"positions": "[6.283185307179586 * (i + 1) / (10 + 1e-6) for i in range(10)]", "embed_dim": 32},
    {"positions": "range(3)", "embed_dim": 2},
]


@pytest.mark.parametrize("arguments", SINES, ids=lambda arguments: str(arguments["positions"]))
def test_tables_of_sines_tell_their_arguments(arguments: dict[str, Any]) -> None:
    given: Any = {**arguments, "positions": _list(parse(arguments["positions"]).evaluate({}))}
    table = Sinusoids(**given).value
    assert sinusoids(table, is_exact=True) == arguments
    near = table.clone()
    near[-1, 0] = torch.nextafter(near[-1, 0], torch.tensor(2.0))
    assert sinusoids(near, is_exact=True) is None
    assert sinusoids(near, is_exact=False) == arguments


def _list(value: Any) -> list[Any]:
    return list(value)


@pytest.mark.parametrize(
    "text",
    [
        "[[k <= i + 1 for k in range(9)] for i in range(7)]",
        "[[k > i for k in range(7)] for i in range(7)]",
        "[[k < i - 2 for k in range(5)] for i in range(9)]",
        "[[k >= i - 2 for k in range(7)] for i in range(7)]",
        "[[abs(i - k) > 2 for k in range(7)] for i in range(7)]",
        "[[not -1 <= k - i <= 3 for k in range(7)] for i in range(7)]",
    ],
)
def test_truth_values_around_a_diagonal_are_a_comparison(text: str) -> None:
    assert told(torch.tensor(_list(parse(text).evaluate({})))) == text


def test_pairs_with_a_one_for_their_distance_are_a_comparison() -> None:
    text = "[[[1 if d == 4 + k - i else 0 for d in range(9)] for k in range(5)] for i in range(5)]"
    assert told(torch.tensor(parse(text).evaluate({}), dtype=torch.float32)) == text


def test_more_numbers_than_an_expression_makes_have_no_text() -> None:
    assert told(torch.linspace(0, 1, 120_001)) is None
