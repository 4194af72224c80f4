"""Formulas evaluate to the integers that Python computes, and the stated requirements on symbols are exact."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import product as pairs
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import netspec
from netspec.diagnostics import Span
from netspec.dims import UNKNOWN, Findings, Problem, Requirement, Size, collecting, counted, maximum, minimum, same
from netspec.expressions import MAX_CHARACTERS, ExpressionError, parse
from netspec.symbols import (
    LARGEST_SIZE,
    FormulaTooLong,
    SizeComparison,
    contradiction,
    evaluate,
    statements,
    symbol,
)

H, W, D = symbol("H"), symbol("W"), symbol("D")

# ---- random formulas

Tree = Any
"""An integer, the name of a symbol, or an operator with two trees."""

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "min": minimum,
    "max": maximum,
}

leaves = st.one_of(st.sampled_from(["H", "W"]), st.integers(-40, 40))
divisors = st.one_of(st.integers(1, 12), st.integers(-5, -1), leaves)


def deeper(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "min", "max"]), children, children),
        st.tuples(st.sampled_from(["//", "%"]), children, divisors),
    )


trees = st.recursive(leaves, deeper, max_leaves=10)


def computed(tree: Tree, values: Mapping[str, Any]) -> Any:
    """Evaluate an expression tree: an integer if the values are integers, a `Size` if they are symbols."""
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, int):
        return tree
    sign, a, b = tree
    return OPERATORS[sign](computed(a, values), computed(b, values))


def formula_of(tree: Tree) -> Size:
    try:
        size = computed(tree, {"H": H, "W": W})
    except ZeroDivisionError:
        assume(False)
        raise
    assume(size is not UNKNOWN)
    return size


SAMPLES = [{"H": h, "W": w} for h, w in pairs((1, 2, 3, 5, 8, 12, 37, 224, 10_007), (1, 2, 4, 7, 65, 1_000_000))]


def sampled(tree: Tree) -> Iterator[tuple[dict[str, int], int]]:
    """Yield (values of the symbols, value of the tree) for each sample without a division by zero."""
    for values in SAMPLES:
        try:
            yield values, computed(tree, values)
        except ZeroDivisionError:
            continue


@settings(max_examples=300, deadline=None)
@given(trees)
def test_a_formula_has_the_value_that_python_computes(tree: Tree) -> None:
    size = formula_of(tree)
    for values, expected in sampled(tree):  # 300 formulas at 54 places each: 16,000 comparisons
        assert evaluate(size, values) == expected, f"{tree} is {size}"


@settings(max_examples=150, deadline=None)
@given(trees)
def test_a_printed_formula_is_an_expression_of_the_language_with_the_same_value(tree: Tree) -> None:
    size = formula_of(tree)
    text = str(size)
    assume(len(text) <= MAX_CHARACTERS)
    try:
        expression = parse(text)
    except ExpressionError as error:
        assert "parts" in error.message, text
        return
    for values, expected in sampled(tree):
        assume(abs(expected) < 2**53)
        try:
            found = expression.evaluate(values)
        except ExpressionError as error:  # a part of it is beyond the numbers that expressions compute with
            assert abs(max(values.values())) > 10_000, f"{text}: {error.message}"
            continue
        assert found == expected, f"{tree} prints as {text}"


@settings(max_examples=200, deadline=None)
@given(trees, trees, st.sampled_from([operator.ge, operator.gt, operator.le, operator.lt, same]))
def test_a_comparison_is_decided_only_if_it_never_changes(
    left: Tree, right: Tree, compare: Callable[[Any, Any], Any]
) -> None:
    condition = compare(formula_of(left), formula_of(right))
    for values, a in sampled(left):
        try:
            expected = compare(a, computed(right, values))
        except ZeroDivisionError:
            continue
        found = condition.holds(values) if isinstance(condition, SizeComparison) else condition
        assert found is expected, f"{condition} at {values}"


@settings(max_examples=150, deadline=None)
@given(trees, trees)
def test_formulas_that_are_equal_have_equal_hashes_and_values(a: Tree, b: Tree) -> None:
    left, right = formula_of(a), formula_of(b)
    if left == right:
        assert hash(left) == hash(right)
        assert [evaluate(left, v) for v in SAMPLES[:5]] == [evaluate(right, v) for v in SAMPLES[:5]]
    again = left + right - right
    assume(again is not UNKNOWN)
    assert again == left
    assert left * 3 - left - 2 * left == 0


# ---- what formulas look like

ODD = (H - 5) // 4


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((H + 2 * 1 - 11) // 4 + 1, "(H - 5)//4"),
        ((ODD - 3) // 2 + 1, "(H - 9)//8"),
        (((ODD - 3) // 2 + 1 - 3) // 2 + 1, "(H - 17)//16"),
        (256 * ODD * ((W - 5) // 4), "256*((H - 5)//4)*((W - 5)//4)"),
        (2 * H // 2, "H"),
        (2 * (H // 2), "2*(H//2)"),
        (H % 32, "H % 32"),
        ((H - 5) % 2 + 3, "(H + 1) % 2 + 3"),
        (H // 2 % 4, "(H//2) % 4"),
        (3 * H // 2, "3*H//2"),
        ((2 * H + 1) // 4, "H//2"),
        (5 - H, "5 - H"),
        (-(H // 2), "-(H//2)"),
        (H * W + H, "H*W + H"),
        (H * W // W, "H"),
        ((H - 1) * 2 - 2 + 4, "2*H"),
        (minimum(H + 3, W), "min(H + 3, W)"),
        (maximum(minimum(H, W), 3), "max(min(H, W), 3)"),
        (minimum((H + 3) // 2, (H + 2) // 2), "(H + 2)//2"),
        (100 * (H - 4) * (W - 4) + 3 * H + 5, "100*(H - 4)*(W - 4) + 3*H + 5"),
        (7 // H, "7//H"),
    ],
)
def test_a_formula_reads_as_a_person_would_write_it(size: Size, text: str) -> None:
    assert str(size) == text


@pytest.mark.parametrize(
    ("size", "number"),
    [
        (H - H, 0),
        ((H + 4) // 4 - H // 4, 1),
        (4 * H % 2, 0),
        (H * 0, 0),
        ((64 * H + 3) % 32, 3),
        (H // 2**31, 0),
        (maximum(0, H) - H, 0),
        ((H + W) * (H - W) - H * H + W * W, 0),
        (ODD - (H - 1) // 4, -1),
    ],
)
def test_symbols_that_cancel_leave_a_number(size: Size, number: int) -> None:
    assert size == number
    assert type(size) is int


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (H + 3 >= 2, True),
        (H < 1, False),
        (H - H // 2 >= 0, True),
        (H - H // 2 >= 1, True),
        (H * W - H >= 0, True),
        (2 * (H // 2) <= H, True),
        (H % 32 < 32, True),
        ((H + 1) // 2 >= 1, True),
        (3 * H * W >= 3, True),
        (same(2 * H, 7), False),
        (same(2 * (H // 2) + 1, 4), False),
        (same((H - 1) // 2, H), False),
        (H <= LARGEST_SIZE, True),
    ],
)
def test_what_holds_for_every_size_or_for_none_is_decided(condition: object, expected: bool) -> None:
    assert condition is expected


def test_conditions_print_with_the_numbers_on_one_side() -> None:
    assert str(H + 2 >= 11) == "H >= 9"
    assert str((H - 5) // 4 >= 3) == "(H - 5)//4 >= 3"
    assert str(same(256 * ODD * W, 6400)) == "256*((H - 5)//4)*W == 6400"
    assert str(operator.lt(3, H)) == "H > 3"


def test_equal_conditions_are_equal_however_they_are_written() -> None:
    assert {H >= 9, H + 2 >= 11, H > 8, operator.le(9, H)} == {H >= 9}
    assert same(H, W) == same(W, H)
    assert (H >= 9) != same(H, 9)


SIZE: Any = H
WRONG: list[Callable[[], object]] = [lambda: SIZE * 0.5, lambda: SIZE / 2, lambda: 1.5 + SIZE, lambda: SIZE >= "3"]


def test_sizes_take_no_numbers_that_are_no_integers() -> None:
    for operation in WRONG:
        with pytest.raises(TypeError):
            operation()


def test_division_by_zero_is_an_error_as_for_numbers() -> None:
    with pytest.raises(ZeroDivisionError):
        _ = H // (W - W)
    with pytest.raises(ZeroDivisionError):
        evaluate(7 // (H - 3), {"H": 3})


def grown(size: Size) -> Size:
    for _ in range(40):
        size = size * 3 // 2
    return size


def test_a_formula_without_end_is_refused_wherever_it_is_made() -> None:
    with pytest.raises(FormulaTooLong, match="needs numbers"):
        grown(H)
    with collecting(Findings()), pytest.raises(FormulaTooLong, match="needs numbers"):
        grown(H)


def test_a_count_whose_formula_has_no_end_is_unknown() -> None:
    assert counted(lambda: grown(H)) is UNKNOWN
    assert counted(lambda: H * 3) == H * 3


def test_a_value_is_missing() -> None:
    with pytest.raises(KeyError):
        evaluate(H + W, {"H": 3})
    with pytest.raises(TypeError, match="unknown"):
        evaluate(UNKNOWN, {})


# ---- what the symbols must satisfy


def holding(conditions: list[Any], sizes: range) -> list[int]:
    """The sizes that meet all conditions, found by trying each."""
    return [n for n in sizes if all(c.holds({"H": n}) for c in conditions if isinstance(c, SizeComparison))]


def of_a_layer(conditions: list[Any]) -> list[Requirement]:
    """The conditions as requirements of a layer in line 1, with an empty message."""
    return [Requirement(c, "Layer", Span("net.yaml", 1, 1, 1, 6), Problem("…: …")) for c in conditions]


def said(expected: list[str]) -> list[str]:
    return [f"{sentence}, for `Layer` (line 1)" for sentence in expected]


layers = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(0, 3), st.booleans()), min_size=1, max_size=6
)


@settings(max_examples=100, deadline=None)
@given(layers, st.integers(1, 4))
def test_the_threshold_of_a_chain_is_the_first_size_that_passes(
    chain: list[tuple[int, int, int, bool]], last: int
) -> None:
    size: Size = H
    conditions: list[Any] = []
    for kernel, stride, padding, transposed in chain:
        if transposed:
            size = (size - 1) * stride + kernel
        else:
            conditions.append(size + 2 * padding >= kernel)
            size = (size + 2 * padding - kernel) // stride + 1
    conditions.append(size >= last)
    undecided = [c for c in conditions if isinstance(c, SizeComparison)]
    passing = holding(undecided, range(1, 3000))
    assume(passing)
    if any(c is False for c in conditions):
        return
    expected = [] if passing[0] == 1 else [f"H >= {passing[0]}"]
    assert statements(of_a_layer(undecided)) == said(expected)
    assert passing == list(range(passing[0], 3000))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(layers, st.integers(1, 9))
def test_the_sizes_for_a_stated_width_are_exactly_those_named(
    chain: list[tuple[int, int, int, bool]], width: int
) -> None:
    size: Size = H
    for kernel, stride, padding, _ in chain:
        size = (size + 2 * padding - kernel) // stride + 1
    condition = same(size, width)
    assume(isinstance(condition, SizeComparison))
    sizes = holding([condition], range(1, 5_000))
    assume(sizes and sizes[-1] < 4_500)
    expected = f"H == {sizes[0]}" if len(sizes) == 1 else f"H from {sizes[0]} to {sizes[-1]}"
    if sizes[0] == 1 and len(sizes) > 1:
        expected = f"H <= {sizes[-1]}"
    assert statements(of_a_layer([condition])) == said([expected])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(1, 8), st.integers(0, 7)), min_size=1, max_size=3
    ),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_a_contradiction_is_a_proof(rules: list[tuple[int, int, int, int]], low: int, high: int) -> None:
    conditions: list[Any] = [same((H + shift) // by % modulus, rest % modulus) for by, shift, modulus, rest in rules]
    conditions += [operator.ge(H, low), operator.le(H, high)]
    assume(all(c is not False for c in conditions))
    undecided = [c for c in conditions if isinstance(c, SizeComparison)]
    conflict = contradiction(of_a_layer(undecided))
    assert (conflict is None) == bool(holding(undecided, range(1, 61)))


def test_sizes_that_no_input_has_at_once_are_a_contradiction_with_both_requirements() -> None:
    pooled, linear, other = of_a_layer([H >= 65, H <= 40, W >= 3])
    assert contradiction([pooled, linear, other]) == (pooled, linear)
    assert contradiction([linear, other]) is None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([H >= 65, H >= 9, (H - 5) // 4 >= 3], ["H >= 65"]),
        ([H >= 65, W >= 65], ["H >= 65 and W >= 65"]),
        ([same(H % 32, 0)], ["H must be divisible by 32"]),
        ([same(H, 2 * (H // 2)), same(H // 2, 2 * (H // 4)), H >= 3], ["H must be divisible by 4"]),
        ([same(H % 4, 0), same(H % 6, 0)], ["H must be divisible by 12"]),
        ([same(H % 4, 0), H >= 5], ["H >= 5", "H must be divisible by 4"]),
        ([same(H % 2, 1)], ["H must be odd"]),
        ([same(H % 5, 3)], ["H % 5 == 3"]),
        ([same(H * H % 8, 1)], ["H must be odd"]),
        ([same(H // 3 % 4, 2)], ["H must leave a remainder of 6 to 8 when divided by 12"]),
        ([same(H // 8 % 2, 0)], ["H must leave a remainder of 0 to 7 when divided by 16"]),
        ([same(H * H % 3, 1)], ["H must leave a remainder of 1 or 2 when divided by 3"]),
        ([same(H * H % 35, 1)], ["(H*H) % 35 == 1"]),
        ([same(H, (H + 1) // 2)], ["H == 1"]),
        ([H - H // 2 >= 5], ["H >= 9"]),
        ([H <= 40, H >= 2], ["H from 2 to 40"]),
        ([H + W >= 9], ["H + W >= 9 (a square input, H = W, of at least 5 does)"]),
        ([same(H, W)], ["H == W (every square input, H = W, does)"]),
        ([same(H, W + 1)], ["H == W + 1 (no square input, H = W, does)"]),
        ([same(H * W * D, 27)], ["D*H*W == 27 (a cubic input, D = H = W, of 3 does)"]),
        ([same(H * W, 49), H >= 8], ["H >= 8", "H*W == 49 (no square input, H = W, does)"]),
        ([H * W >= 6, H >= 2, W >= 3], ["H >= 2", "W >= 3"]),
    ],
)
def test_what_is_required_is_said_in_the_plainest_way(conditions: list[Any], expected: list[str]) -> None:
    assert all(isinstance(c, SizeComparison) for c in conditions)
    assert statements(of_a_layer(conditions)) == said(expected)


def test_sums_of_what_a_pattern_made_say_their_sizes_once() -> None:
    text = """
input: [3, E, E]
layers:
  - Rearrange: {pattern: "n c (h a) (w b) -> n (h w) (a b c)", sizes: {a: 4, b: 4}}
  - as: x
  - Parameter: [16, 48]
  - add: [x, []]
"""
    net = netspec.loads(text)
    assert [str(each.condition) for each in net.conditions] == ["E % 4 == 0", "E % 4 == 0", "(E//4)*(E//4) == 16"]
