"""Solve conditions on one symbol: which sizes meet them.

Every answer is exact. A threshold is found by bisection on the formula itself, after it is proved to be monotone; a
rule about remainders by evaluating one whole period.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import lcm
from typing import Final, NamedTuple

from netspec.symbols.arithmetic import evaluate, substitute
from netspec.symbols.bounds import Range, Ranges, Trend
from netspec.symbols.formula import Formula, SizeComparison, formula_trend
from netspec.symbols.polynomial import Polynomial, Quotient, Symbol, inside, lone

LONGEST_PERIOD: Final = 1 << 14
"""The longest period that is evaluated value by value."""


class Remainders(NamedTuple):
    """The sizes n with n % period in `allowed`. The period is the smallest possible."""

    period: int
    allowed: frozenset[int]


EVERY: Final = Remainders(1, frozenset((0,)))
"""Allows every size."""


def interval(comparison: SizeComparison, symbol: str, ranges: Ranges) -> Range | None:
    """The sizes within the symbol's range that meet a condition on that symbol alone, as one interval.

    Returns:
        First and last size, the last before the first if there are none; or None if the formula is not proved to be
        monotone, so that the sizes need not be an interval.
    """
    low, high = ranges[symbol]
    moves = _moves(comparison.difference, symbol, ranges)
    if moves is None:
        return None
    polynomial = comparison.difference.polynomial
    grows = moves >= 0

    def value(n: int) -> int:
        return evaluate(polynomial, {symbol: n}) * (1 if grows else -1)

    if comparison.operator == "==":
        return _first(lambda n: value(n) >= 0, low, high), _first(lambda n: value(n) >= 1, low, high) - 1
    if grows:
        return _first(lambda n: value(n) >= 0, low, high), high
    return low, _first(lambda n: value(n) >= 1, low, high) - 1


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first integer from `low` to `high` for which `holds` is true; `high + 1` if there is none.

    `holds` must be monotone: once true, it stays true. Steps of growing width come first, then bisection.
    """
    high += 1
    step = 1
    while low + step < high:  # the answer is usually near `low`, the threshold found before
        if holds(low + step - 1):
            high = low + step - 1
        else:
            low += step
            step *= 4
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _moves(formula: Formula, symbol: str, ranges: Ranges) -> Trend | None:
    """The formula's trend in the symbol, proved from its structure or else by evaluating all steps of one period."""
    moves = formula_trend(formula, symbol, ranges)
    if moves is not None:
        return moves
    polynomial = formula.polynomial
    period = period_of(polynomial, symbol)
    if period is None:
        return None
    values = [evaluate(polynomial, {symbol: n}) for n in range(1, period + 2)]
    steps = [b - a for a, b in pairwise(values)]
    return 1 if min(steps) >= 0 else -1 if max(steps) <= 0 else None


def period_of(polynomial: Polynomial, symbol: str) -> int | None:
    """A p such that f(n + p) − f(n) is the same number for every n, for a formula f of one symbol; None if none is
    found.

    ⌊n/c⌋ has the period c; the candidate is the least common multiple over all quotients, nested divisors multiplied.
    The last step verifies it by substitution, since minima and products need not have a period.
    """
    period = 1
    for atom in polynomial.atoms():
        by = atom.by if isinstance(atom, Quotient) else 1
        if by is None:
            return None
        depth = lcm(by, *(by * _inner_period(p) for p in inside(atom)))
        period = lcm(period, depth)
        if period > LONGEST_PERIOD:
            return None
    step = _shifted(polynomial, symbol, period) - polynomial
    return period if step.number is not None else None


def _inner_period(polynomial: Polynomial) -> int:
    period = 1
    for atom in polynomial.atoms():
        if isinstance(atom, Quotient) and atom.by is not None:
            period = min(lcm(period, atom.by * _inner_period(atom.numerator)), LONGEST_PERIOD + 1)
    return period


def _shifted(polynomial: Polynomial, symbol: str, by: int) -> Polynomial:
    return substitute(polynomial, {symbol: lone(Symbol(symbol)).plus(by)})


def remainders(comparison: SizeComparison, symbol: str) -> Remainders | None:
    """The sizes that meet a condition which depends on the symbol's remainder only; None if it depends on more."""
    polynomial = comparison.difference.polynomial
    period = period_of(polynomial, symbol)
    if period is None or _shifted(polynomial, symbol, period) != polynomial:
        return None
    allowed = frozenset(n % period for n in range(1, period + 1) if comparison.holds({symbol: n}))
    return _shortest(period, allowed)


def both(a: Remainders, b: Remainders) -> Remainders | None:
    """The sizes that meet two rules; None if the common period is longer than `LONGEST_PERIOD`."""
    period = lcm(a.period, b.period)
    if period > LONGEST_PERIOD:
        return None
    allowed = (n for n in range(period) if n % a.period in a.allowed and n % b.period in b.allowed)
    return _shortest(period, frozenset(allowed))


def _shortest(period: int, allowed: frozenset[int]) -> Remainders:
    for shorter in range(1, period):
        if period % shorter == 0 and all((n + shorter) % period in allowed for n in allowed):
            return Remainders(shorter, frozenset(n % shorter for n in allowed))
    return Remainders(period, allowed)
