"""Numbers that were seen become the formula of the sizes that they follow."""

from __future__ import annotations

import pytest
import torch

from netspec.capture.plugging.formulas import formula

ROWS = [{"a": a, "b": b, "c": a * b % 5 + 1} for a in range(2, 9) for b in range(3, 8)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("7", "7"),
        ("a", "a"),
        ("3 * a", "3 * a"),
        ("a - 2", "a - 2"),
        ("4 * a * b", "4 * a * b"),
        ("a * a * b", "a * a * b"),
        ("2 * a * a * b + 4 * a * b * b", "2 * a * a * b + 4 * a * b * b"),
        ("(a + 1) // 2", "(a + 1) // 2"),
        ("(a - 1) // c + 1", "(a - 1) // c + 1"),
        ("a + b - 1", "a + b - 1"),
        ("(a + b - 1) // c + 1", "(a + b - 1) // c + 1"),
    ],
)
def test_formulas_are_found(text: str, wanted: str) -> None:
    assert formula(ROWS, [eval(text, dict(row)) for row in ROWS]) == wanted


def test_a_count_may_be_a_sum_of_long_products() -> None:
    rows = [{**row, "d": 1 + i % 4} for i, row in enumerate(ROWS)]
    counts = [3 * row["a"] * row["b"] + 2 * row["a"] * row["b"] * row["c"] * row["d"] for row in rows]
    assert formula(rows, counts, floors=False) == "2 * a * b * c * d + 3 * a * b"
    assert formula(rows, [count + n % 2 for n, count in enumerate(counts)], floors=False) is None


def test_numbers_without_a_rule_have_no_formula() -> None:
    drawn = [int(n) for n in torch.randint(0, 1000, (len(ROWS),), generator=torch.Generator().manual_seed(1))]
    assert formula(ROWS, drawn) is None
    assert formula(ROWS[:4], drawn[:4]) is None
