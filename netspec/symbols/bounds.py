"""Bounds of a formula's values, and whether it is monotone in a symbol.

Both are sound but incomplete: bounds always hold but need not be tight, and None for a trend means that none was
proved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import ceil, floor
from typing import Final, Literal

from netspec.symbols.polynomial import LARGEST_SIZE, Atom, Extreme, Polynomial, Quotient, Symbol

Range = tuple[int, int]
"""Smallest and largest value, both included."""

Ranges = Mapping[str, Range]
"""The ranges of symbols by name; a symbol that is not listed lies between 1 and `LARGEST_SIZE`."""

ANY: Final[Ranges] = {}
FULL: Final[Range] = (1, LARGEST_SIZE)

_LONGEST_EXPANSION: Final = 256
"""Terms of an expanded product; a longer one is left to interval arithmetic."""

Trend = Literal[-1, 0, 1]
"""How a formula depends on a symbol: non-increasing, not at all, non-decreasing."""

_STILL: Final[Trend | None] = 0


def bounds(polynomial: Polynomial, ranges: Ranges = ANY) -> Range:
    """Lower and upper bound of the values, both included: the tighter of two methods on each side.

    The first is interval arithmetic on the atoms; it handles minima and products. It treats equal symbols as
    independent, so for H − H//2 it only finds a negative lower bound. The second writes ⌊n/c⌋ as (n − r)/c with
    0 ≤ r < c and expands, so that equal symbols cancel: it proves that H − H//2 is never negative.
    """
    if not polynomial.weight:
        return polynomial.constant, polynomial.constant
    # Without content and constant, what remains is an integer polynomial: its bounds may be rounded to integers.
    step, constant = polynomial.content, polynomial.constant
    primitive = polynomial.variable.shared(step)
    low, high = _interval(primitive, ranges)
    plain = all(len(m) == 1 and isinstance(m[0], Symbol) for m in primitive.terms)  # nothing there can cancel
    expanded = None if plain else _expanded(primitive, ranges)
    if expanded is not None:
        low, high = max(low, ceil(expanded[0])), min(high, floor(expanded[1]))
    return low * step + constant, high * step + constant


def atom_bounds(atom: Atom, ranges: Ranges = ANY) -> Range:
    """Lower and upper bound of one atom's value, both included."""
    match atom:
        case Symbol():
            return ranges.get(atom.name, FULL)
        case Quotient():
            return _quotient_bounds(bounds(atom.numerator, ranges), bounds(atom.divisor, ranges))
        case Extreme():
            lows, highs = zip(*(bounds(member, ranges) for member in atom.members), strict=True)
            return (min(lows), min(highs)) if atom.kind == "min" else (max(lows), max(highs))
        case _:
            raise TypeError(atom)


def _quotient_bounds(numerator: Range, divisor: Range) -> Range:
    if divisor[0] >= 1:
        corners = [n // d for n in numerator for d in divisor]
        return min(corners), max(corners)
    largest = max(abs(n) for n in numerator)  # the divisor may have either sign, but its absolute value is at least 1
    return -largest, largest


def _times(a: Range, b: Range) -> Range:
    """The product of two intervals."""
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _interval(polynomial: Polynomial, ranges: Ranges) -> Range:
    """Bounds by interval arithmetic on the atoms."""
    low = high = 0
    for monomial, k in polynomial.terms.items():
        product = (k, k)
        for atom in monomial:
            product = _times(product, atom_bounds(atom, ranges))
        low, high = low + product[0], high + product[1]
    return low, high


class _Expansion:
    """Rewrites a polynomial over variables that start at 0: each symbol less its smallest value, and the remainder of
    each division. The result is a sum of products of variables, with rational coefficients."""

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self.widths: dict[str, int] = {}
        """The largest value of each variable."""

    def of(self, polynomial: Polynomial) -> dict[tuple[str, ...], Fraction] | None:
        """The terms, product of variables → coefficient; None if there would be too many."""
        total: dict[tuple[str, ...], Fraction] = {}
        for monomial, k in polynomial.terms.items():
            product: dict[tuple[str, ...], Fraction] = {(): Fraction(k)}
            for atom in monomial:
                factor = self._atom(atom)
                if factor is None or len(product) * len(factor) > _LONGEST_EXPANSION:
                    return None
                product = _multiplied(product, factor)
            for names, value in product.items():
                total[names] = total.get(names, Fraction(0)) + value
        return total

    def _atom(self, atom: Atom) -> dict[tuple[str, ...], Fraction] | None:
        if isinstance(atom, Quotient) and (by := atom.by) is not None:
            numerator = self.of(atom.numerator)
            if numerator is None:
                return None
            self.widths[atom.key] = by - 1
            remainder = {(atom.key,): Fraction(-1, by)}
            return {names: value / by for names, value in numerator.items()} | remainder
        low, high = atom_bounds(atom, self.ranges)
        self.widths[atom.key] = high - low
        return {(): Fraction(low), (atom.key,): Fraction(1)}


def _multiplied(
    a: dict[tuple[str, ...], Fraction], b: dict[tuple[str, ...], Fraction]
) -> dict[tuple[str, ...], Fraction]:
    result: dict[tuple[str, ...], Fraction] = {}
    for x, k in a.items():
        for y, other in b.items():
            names = tuple(sorted(x + y))
            result[names] = result.get(names, Fraction(0)) + k * other
    return result


def _expanded(polynomial: Polynomial, ranges: Ranges) -> tuple[Fraction, Fraction] | None:
    """Bounds by expansion. Every variable starts at 0, so each term lies between 0 and its value at the largest."""
    expansion = _Expansion(ranges)
    terms = expansion.of(polynomial)
    if terms is None:
        return None
    low = high = Fraction(0)
    for names, k in terms.items():
        largest = 1
        for name in names:
            largest *= expansion.widths[name]
        if not names:
            low, high = low + k, high + k
        elif k > 0:
            high += k * largest
        else:
            low += k * largest
    return low, high


# ---- trends


def trend(polynomial: Polynomial, symbol: str, ranges: Ranges = ANY) -> Trend | None:
    """The trend of a polynomial in one symbol within the ranges, the other symbols fixed; None if none is proved."""
    found: Trend | None = 0
    for monomial, k in polynomial.terms.items():
        moves = product_trend([(_atom_trend(atom, symbol, ranges), atom_bounds(atom, ranges)[0]) for atom in monomial])
        found = joined(found, scaled(moves, k))
    return found


def product_trend(factors: Sequence[tuple[Trend | None, int]]) -> Trend | None:
    """The trend of a product, from the trend and the lower bound of each factor.

    A product of non-negative factors with one trend has that trend. For other products of several factors, None.
    """
    moving: list[Trend | None] = [moves for moves, _ in factors if moves != 0]
    if moving and len(factors) > 1 and any(low < 0 for _, low in factors):
        return None
    return reduce(joined, moving, _STILL)


def joined(a: Trend | None, b: Trend | None) -> Trend | None:
    """The trend of a sum (or a minimum), from the trends of its parts."""
    if a is None or b is None:
        return None
    if a == 0 or a == b:
        return b
    return a if b == 0 else None


def scaled(moves: Trend | None, factor: int) -> Trend | None:
    """The trend of a multiple. The factor is not 0."""
    if not moves or factor > 0:
        return moves
    return -1 if moves == 1 else 1


def _atom_trend(atom: Atom, symbol: str, ranges: Ranges) -> Trend | None:
    match atom:
        case Symbol():
            return 1 if atom.name == symbol else 0
        case Quotient():
            if symbol not in atom.divisor.symbols and bounds(atom.divisor, ranges)[0] >= 1:
                return trend(atom.numerator, symbol, ranges)
            return None if symbol in atom.divisor.symbols | atom.numerator.symbols else 0
        case Extreme():
            return reduce(joined, (trend(member, symbol, ranges) for member in atom.members), _STILL)
        case _:
            raise TypeError(atom)
