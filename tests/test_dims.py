"""Sizes and requirements, on which the shape rules of the layers are built."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest

from netspec.dims import (
    UNKNOWN,
    Condition,
    Findings,
    Size,
    Unmet,
    collecting,
    expect,
    is_known,
    maximum,
    minimum,
    need,
    product,
    same,
    warn,
)
from netspec.symbols import symbol

H = symbol("H")
COMPARISONS: list[Callable[[Any, Any], Any]] = [operator.lt, operator.le, operator.gt, operator.ge, same]


def test_numbers_compare_as_numbers_do() -> None:
    assert same(3, 3) is True
    assert same(3, 4) is False
    assert (minimum(3, 4), maximum(3, 4)) == (3, 4)
    assert product([2, 3, 4]) == 24
    assert product([]) == 1


@pytest.mark.parametrize("other", [0, 1, 7, H, UNKNOWN])
def test_whatever_is_computed_with_an_unknown_size_is_unknown(other: Size) -> None:
    results = [
        UNKNOWN + other, UNKNOWN - other, UNKNOWN * other, UNKNOWN // other, UNKNOWN % other,
        other + UNKNOWN, other - UNKNOWN, other * UNKNOWN, other // UNKNOWN, other % UNKNOWN,
        minimum(UNKNOWN, other), maximum(other, UNKNOWN), -UNKNOWN,
    ]  # fmt: skip
    assert all(result is UNKNOWN for result in results)


@pytest.mark.parametrize("other", [0, 7, H, UNKNOWN])
def test_a_requirement_on_an_unknown_size_is_silent(other: Size) -> None:
    findings = Findings()
    with collecting(findings):
        for condition in (
            *(compare(UNKNOWN, other) for compare in COMPARISONS),
            *(compare(other, UNKNOWN) for compare in COMPARISONS),
        ):
            need(condition, lambda: "never shown")
            expect(condition, lambda: "never shown")
            warn(condition, lambda: "never shown", code="never")
    assert not findings.problems
    assert not findings.conditions


def test_a_symbolic_condition_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="state it with need"):
        bool(H >= 7)


def test_need_raises_what_expect_records_and_warn_remarks() -> None:
    findings = Findings()
    with collecting(findings):
        with pytest.raises(Unmet, match="too small"):
            need(2 > 3, lambda: "too small", at="kernel_size", axis=1)
        expect(same(2, 3), lambda: "not equal", value=2)
        warn(same(2, 3), lambda: "had better be equal", code="odd")
    assert [(p.message, p.severity) for p in findings.problems] == [
        ("not equal", "error"),
        ("had better be equal", "warning"),
    ]


def test_a_condition_on_symbols_is_recorded_and_nothing_is_raised() -> None:
    findings = Findings()
    with collecting(findings):
        need(H >= 7, lambda: "too small")
        expect(same(H, 7), lambda: "not seven")
        need(H >= 1, lambda: "a size is at least 1: never recorded")
        warn(same(H, 7), lambda: "a warning needs a certain breach", code="odd")
    assert [(str(c), p.message) for c, p in findings.conditions] == [("H >= 7", "too small"), ("H == 7", "not seven")]
    assert not findings.problems


def test_what_no_symbol_can_meet_is_an_error_at_once() -> None:
    with pytest.raises(Unmet, match="no size is negative"):
        need(H < 1, lambda: "no size is negative")


def test_outside_of_collecting_even_expect_raises() -> None:
    with pytest.raises(Unmet, match="not equal"):
        expect(same(2, 3), lambda: "not equal")


def test_a_symbol_is_known() -> None:
    assert is_known((3, H))
    assert not is_known((3, UNKNOWN))


def test_an_undecided_condition_says_so() -> None:
    condition = H >= 7
    assert isinstance(condition, Condition)
    assert condition.decided is None
