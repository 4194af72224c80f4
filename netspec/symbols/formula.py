"""Symbolic sizes as the rules of the layers see them: `Formula`, a `Dim`, and `SizeComparison`, a `Condition`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd
from typing import Literal

from netspec.dims import UNKNOWN, Condition, Dim, Size
from netspec.symbols.arithmetic import evaluate as evaluate_polynomial
from netspec.symbols.arithmetic import extreme, quotient, remainder, substitute
from netspec.symbols.bounds import ANY, Range, Ranges, Trend, bounds, joined, product_trend, scaled, trend
from netspec.symbols.polynomial import Polynomial, Symbol, lone, number
from netspec.symbols.text import FormulaText, Term, polynomial_terms, polynomial_text, sum_text

Products = tuple[tuple[int, tuple[Polynomial, ...]], ...]
"""A sum of products that are not multiplied out: coefficients and factors."""


class Formula(Dim):
    """An exact integer formula of symbols: sums, products, floor division, remainder, minimum and maximum.

    Each symbol is an integer from 1 to 2³¹ − 1. Immutable and hashable; equal formulas are equal whatever way they
    were made, `(H + 2*1 - 11)//4 + 1` and `(H - 5)//4`. An operation in which the symbols cancel gives an `int`.

    `polynomial` is the expanded canonical form that decides equality; `products` keeps what was multiplied as factors,
    for printing and for telling how the value moves.
    """

    __slots__ = ("polynomial", "products")

    def __init__(self, polynomial: Polynomial, products: Products) -> None:
        self.polynomial = polynomial
        self.products = products

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols."""
        return self.polynomial.symbols

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.polynomial == other.polynomial

    def __hash__(self) -> int:
        return hash(self.polynomial)

    def __str__(self) -> str:
        return formula_text(self).text

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, spec: str) -> str:
        return str(self) if spec == "," else format(str(self), spec)  # a formula has no thousands to separate

    # ---- what a Dim can do

    def __add__(self, other: Size) -> Size:
        return _combined(_sum, self, other)

    def __radd__(self, other: Size) -> Size:
        return _combined(_sum, other, self)

    def __sub__(self, other: Size) -> Size:
        return _combined(_difference, self, other)

    def __rsub__(self, other: Size) -> Size:
        return _combined(_difference, other, self)

    def __neg__(self) -> Size:
        return _combined(_product, -1, self)

    def __pos__(self) -> Size:
        return self

    def __mul__(self, other: Size) -> Size:
        return _combined(_product, self, other)

    def __rmul__(self, other: Size) -> Size:
        return _combined(_product, other, self)

    def __floordiv__(self, other: Size) -> Size:
        return _combined(_quotient, self, other)

    def __rfloordiv__(self, other: Size) -> Size:
        return _combined(_quotient, other, self)

    def __mod__(self, other: Size) -> Size:
        return _combined(_remainder, self, other)

    def __rmod__(self, other: Size) -> Size:
        return _combined(_remainder, other, self)

    def smaller(self, other: Size) -> Size:
        """The smaller of the two."""
        return _combined(_smaller, self, other)

    def larger(self, other: Size) -> Size:
        """The larger of the two."""
        return _combined(_larger, self, other)

    def __ge__(self, other: Size) -> bool | Condition:
        return _compared(self, ">=", other)

    def __gt__(self, other: Size) -> bool | Condition:
        return _compared(self, ">", other)

    def __le__(self, other: Size) -> bool | Condition:
        return _compared(self, "<=", other)

    def __lt__(self, other: Size) -> bool | Condition:
        return _compared(self, "<", other)

    def same(self, other: Size) -> bool | Condition:
        """The condition that this size equals the other."""
        return _compared(self, "==", other)


def symbol(name: str) -> Dim:
    """The size that a name stands for: an integer of at least 1."""
    polynomial = lone(Symbol(name))
    return Formula(polynomial, ((1, (polynomial,)),))


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """The value of a size where the symbols have these values.

    Raises:
        KeyError: a symbol has no value.
        ZeroDivisionError: a divisor is 0 there.
        TypeError: the size is `UNKNOWN`.
    """
    return evaluate_polynomial(as_formula(size).polynomial, values)


def as_formula(size: Size) -> Formula:
    """A size as a formula, a number as one without symbols."""
    if isinstance(size, Formula):
        return size
    if not isinstance(size, int):
        raise TypeError("a size that is unknown has no formula")
    polynomial = number(size)
    return Formula(polynomial, ((1, (polynomial,)),) if size else ())


def _made(polynomial: Polynomial, products: Products | None = None) -> Size:
    """The size of a polynomial: an int if no symbol is left, else a formula."""
    value = polynomial.number
    if value is not None:
        return value
    if products is None or sum(len(f.terms) for _, factors in products for f in factors) > 2 * len(polynomial.terms):
        products = ((1, (polynomial,)),)
    return Formula(polynomial, products)


_Operation = Callable[["Formula", "Formula"], Size]


def _combined(operation: _Operation, a: Size, b: Size) -> Size:
    """The result of an operation; unknown with an unknown operand.

    Raises:
        FormulaTooLong: it is a formula that nobody could read.
    """
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if not isinstance(a, int | Formula) or not isinstance(b, int | Formula):
        return NotImplemented
    return operation(as_formula(a), as_formula(b))


# ---- the operations


def _sum(a: Formula, b: Formula) -> Size:
    for x, y in ((a, b), (b, a)):
        n = y.polynomial.number
        if n is not None and len(x.products) == 1 and len(x.products[0][1]) == 1:
            return _made(x.polynomial.plus(n))
    found: dict[tuple[Polynomial, ...], int] = {}
    plain = number(0)
    for times, factors in (*a.products, *b.products):
        if len(factors) == 1:
            plain = plain + factors[0].scaled(times)
        else:
            found[factors] = found.get(factors, 0) + times
    products = [(times, factors) for factors, times in found.items() if times]
    if plain.terms:
        products.append((1, (plain,)))
    return _made(a.polynomial + b.polynomial, tuple(products))


def _difference(a: Formula, b: Formula) -> Size:
    return _sum(a, Formula(-b.polynomial, tuple((-times, factors) for times, factors in b.products)))


def _product(a: Formula, b: Formula) -> Size:
    for n, other in ((a.polynomial.number, b), (b.polynomial.number, a)):
        if n is not None and other.polynomial.number is None:
            products = tuple((times * n, factors) for times, factors in other.products)
            return _made(other.polynomial.scaled(n), products)
    (k, left), (other_k, right) = _single(a), _single(b)
    factors = tuple(sorted(left + right, key=lambda factor: factor.key))
    return _made(a.polynomial * b.polynomial, ((k * other_k, factors),))


def _quotient(a: Formula, b: Formula) -> Size:
    by = b.polynomial.number
    if by == 1:
        return a
    if by and all(times % by == 0 for times, _ in a.products):
        return _made(a.polynomial.shared(by), tuple((times // by, factors) for times, factors in a.products))
    return _made(quotient(a.polynomial, b.polynomial))


def _remainder(a: Formula, b: Formula) -> Size:
    return _made(remainder(a.polynomial, b.polynomial))


def _smaller(a: Formula, b: Formula) -> Size:
    return _made(extreme("min", a.polynomial, b.polynomial))


def _larger(a: Formula, b: Formula) -> Size:
    return _made(extreme("max", a.polynomial, b.polynomial))


def _single(formula: Formula) -> tuple[int, tuple[Polynomial, ...]]:
    """The formula as one product."""
    if len(formula.products) == 1 and len(formula.products[0][1]) > 1:
        return formula.products[0]
    return _factored(formula.polynomial)


def _factored(polynomial: Polynomial) -> tuple[int, tuple[Polynomial, ...]]:
    """A coefficient, the atoms that every term has, and what is left."""
    times = gcd(polynomial.content, polynomial.constant)
    shared = polynomial.shared(times)
    first, *others = shared.terms
    factors: list[Polynomial] = []
    left = {m: list(m) for m in shared.terms}
    for atom in first:
        if all(atom in left[m] for m in (first, *others)):
            factors.append(lone(atom))
            for atoms in left.values():
                atoms.remove(atom)
    rest = Polynomial({tuple(left[m]): k for m, k in shared.terms.items()})
    if rest.number != 1 or not factors:
        factors.append(rest)
    return times, tuple(sorted(factors, key=lambda factor: factor.key))


def formula_text(formula: Formula) -> FormulaText:
    """A formula in print."""
    if all(len(factors) == 1 for _, factors in formula.products):
        return polynomial_text(formula.polynomial)
    terms: list[Term] = []
    plain = number(0)
    for times, factors in formula.products:
        if len(factors) == 1:
            plain = plain + factors[0].scaled(times)
        else:
            terms.append((times, [polynomial_text(factor) for factor in factors]))
    others, constant = polynomial_terms(plain)
    return sum_text([*terms, *others], constant)


# ---- conditions

Operator = Literal[">=", ">", "<=", "<", "=="]


class SizeComparison(Condition):
    """A comparison of two sizes of which at least one is a formula, and which is not true or false for all symbols."""

    __slots__ = ("difference", "left", "operator", "right")

    def __init__(self, left: Size, operator: Operator, right: Size, difference: Formula) -> None:
        self.left = left
        self.operator: Operator = operator
        self.right = right
        self.difference = difference
        """The condition holds where this is 0, for `==`, and at least 0 otherwise."""

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols."""
        return self.difference.symbols

    @property
    def decided(self) -> bool | None:
        """None: what is always or never true is a `bool` and no `SizeComparison`."""
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeComparison) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[bool, str]:
        key = self.difference.polynomial.key
        if self.operator != "==":
            return False, key
        return True, min(key, (-self.difference.polynomial).key)

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"

    def __repr__(self) -> str:
        return str(self)

    def holds(self, values: Mapping[str, int]) -> bool:
        """Whether it holds where the symbols have these values."""
        difference = evaluate(self.difference, values)
        return difference == 0 if self.operator == "==" else difference >= 0


def _compared(left: Size, operator: Operator, right: Size) -> bool | Condition:
    difference = right - left if operator in ("<=", "<") else left - right
    if difference is UNKNOWN:
        return UNKNOWN <= 0
    if operator in (">", "<"):
        difference = difference - 1
    formula = as_formula(difference)
    settled = decide(formula, equal=operator == "==")
    if settled is not None:
        return settled
    left, right = _tidied(left, right)
    return SizeComparison(left, operator, right, formula)


def decide(difference: Formula, *, equal: bool, ranges: Ranges = ANY) -> bool | None:
    """Whether a formula is 0 (`equal`), or at least 0, for all values of its symbols; None if it depends on them."""
    low, high = formula_bounds(difference, ranges)
    if not equal:
        return True if low >= 0 else False if high < 0 else None
    if low == high == 0:
        return True
    step = difference.polynomial.content
    possible = low <= 0 <= high and not (step and difference.polynomial.constant % step)
    return None if possible else False


def _tidied(left: Size, right: Size) -> tuple[Size, Size]:
    """`H + 2 >= 11` as `H >= 9`: a plain sum against a number keeps no number of its own."""
    if isinstance(left, Formula) and isinstance(right, int):
        monomials = left.polynomial.variable.terms
        if all(isinstance(atom, Symbol) for m in monomials for atom in m):
            constant = left.polynomial.constant
            return left - constant, right - constant
    if isinstance(left, int) and isinstance(right, Formula):
        right, left = _tidied(right, left)
    return left, right


def formula_bounds(formula: Formula, ranges: Ranges = ANY) -> Range:
    """Integers between which the value lies, both included; see `bounds`."""
    low, high = bounds(formula.polynomial, ranges)
    if all(len(factors) == 1 for _, factors in formula.products):
        return low, high
    least = most = 0
    for times, factors in formula.products:
        product = (times, times)
        for factor in factors:
            corners = [x * y for x in product for y in bounds(factor, ranges)]
            product = min(corners), max(corners)
        least, most = least + product[0], most + product[1]
    return max(low, least), min(high, most)


def formula_trend(formula: Formula, symbol: str, ranges: Ranges = ANY) -> Trend | None:
    """How the value moves as one symbol grows within the ranges; None where that is not proved."""
    found: Trend | None = 0
    for times, factors in formula.products:
        moves = product_trend([(trend(f, symbol, ranges), bounds(f, ranges)[0]) for f in factors])
        found = joined(found, scaled(moves, times))
    return found


def substituted(formula: Formula, values: Mapping[str, Polynomial]) -> Size:
    """The formula with others in the place of some of its symbols; its factors stay factors."""
    total: Size = 0
    for times, factors in formula.products:
        product: Size = times
        for factor in factors:
            product = product * _made(substitute(factor, values))
        total = total + product
    return total
