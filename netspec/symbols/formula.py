"""Symbolic sizes as the layers' rules use them: `Formula`, a `Dim`, and `SizeComparison`, a `Condition`."""

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
"""A sum of products in factored form: the coefficient and the factors of each."""


class Formula(Dim):
    """An exact integer formula of symbols: sums, products, floor division, remainder, minimum and maximum.

    Each symbol is an integer from 1 to 2³¹ − 1. Immutable and hashable. Formulas are compared by their canonical form,
    so `(H + 2*1 - 11)//4 + 1` equals `(H - 5)//4`. An operation in which the symbols cancel returns an `int`.

    `polynomial` is the expanded canonical form, which decides equality. `products` is the same value in factored form,
    which prints shorter and gives tighter bounds and trends.
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
        return str(self) if spec == "," else format(str(self), spec)  # `,` separates the thousands of an int only

    # ---- the arithmetic of `Dim`

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
    """A symbol as a size: an integer of at least 1."""
    polynomial = lone(Symbol(name))
    return Formula(polynomial, ((1, (polynomial,)),))


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """The value of a size for given values of its symbols.

    Raises:
        KeyError: a symbol has no value.
        ZeroDivisionError: a divisor is 0 there.
        TypeError: the size is `UNKNOWN`.
    """
    return evaluate_polynomial(as_formula(size).polynomial, values)


def as_formula(size: Size) -> Formula:
    """A size as a formula; a number becomes a formula without symbols.

    Raises:
        TypeError: the size is `UNKNOWN`.
    """
    if isinstance(size, Formula):
        return size
    if not isinstance(size, int):
        raise TypeError("a size that is unknown has no formula")
    polynomial = number(size)
    return Formula(polynomial, ((1, (polynomial,)),) if size else ())


def _made(polynomial: Polynomial, products: Products | None = None) -> Size:
    """A polynomial as a size: an int if no symbol is left, else a formula.

    `products` is its factored form, if there is one. It is dropped if it has more than twice as many terms as the
    expanded form: then factors cancelled, and the expanded form is the shorter one to read.
    """
    value = polynomial.number
    if value is not None:
        return value
    if products is None or sum(len(f.terms) for _, factors in products for f in factors) > 2 * len(polynomial.terms):
        products = ((1, (polynomial,)),)
    return Formula(polynomial, products)


_Operation = Callable[["Formula", "Formula"], Size]


def _combined(operation: _Operation, a: Size, b: Size) -> Size:
    """The result of an operation; `UNKNOWN` if an operand is.

    Raises:
        FormulaTooLong: the result exceeds a limit of `polynomial.py`.
    """
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if not isinstance(a, int | Formula) or not isinstance(b, int | Formula):
        return NotImplemented
    return operation(as_formula(a), as_formula(b))


# ---- the operations


def _sum(a: Formula, b: Formula) -> Size:
    """The sum. Equal products are added up, and terms that are no products are collected in one polynomial."""
    for x, y in ((a, b), (b, a)):
        n = y.polynomial.number
        if n is not None and len(x.products) == 1 and len(x.products[0][1]) == 1:  # the usual case, quicker
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
    """The formula as one product: its coefficient and its factors."""
    if len(formula.products) == 1 and len(formula.products[0][1]) > 1:
        return formula.products[0]
    return _factored(formula.polynomial)


def _factored(polynomial: Polynomial) -> tuple[int, tuple[Polynomial, ...]]:
    """Factor out the greatest common divisor of the coefficients, and the atoms that every term has."""
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
    """The text of a formula, in factored form where it has products."""
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
    """A comparison of two sizes that is true for some values of the symbols and perhaps false for others."""

    __slots__ = ("difference", "left", "operator", "right")

    def __init__(self, left: Size, operator: Operator, right: Size, difference: Formula) -> None:
        self.left = left
        self.operator: Operator = operator
        self.right = right
        self.difference = difference
        """The condition as a formula: for `==` it holds where this is 0, else where this is at least 0."""

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols."""
        return self.difference.symbols

    @property
    def decided(self) -> bool | None:
        """Always None: `_compared` returns a `bool` for a comparison that is decided."""
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
        """Whether the condition holds for given values of its symbols."""
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
    """Whether a formula is 0 (`equal`), or at least 0, for all values of its symbols within the ranges.

    Returns:
        True if it always is, False if it never is, None if it depends on the symbols or neither is proved.
    """
    low, high = formula_bounds(difference, ranges)
    if not equal:
        return True if low >= 0 else False if high < 0 else None
    if low == high == 0:
        return True
    step = difference.polynomial.content
    possible = low <= 0 <= high and not (step and difference.polynomial.constant % step)
    return None if possible else False


def _tidied(left: Size, right: Size) -> tuple[Size, Size]:
    """The two sides of a comparison for printing: `H + 2 >= 11` becomes `H >= 9`."""
    if isinstance(left, Formula) and isinstance(right, int):
        monomials = left.polynomial.variable.terms
        if all(isinstance(atom, Symbol) for m in monomials for atom in m):
            constant = left.polynomial.constant
            return left - constant, right - constant
    if isinstance(left, int) and isinstance(right, Formula):
        right, left = _tidied(right, left)
    return left, right


def formula_bounds(formula: Formula, ranges: Ranges = ANY) -> Range:
    """Lower and upper bound of the value, both included; see `bounds`. The factored form is tried, too."""
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
    """The trend of a formula in one symbol within the ranges; None if none is proved."""
    found: Trend | None = 0
    for times, factors in formula.products:
        moves = product_trend([(trend(f, symbol, ranges), bounds(f, ranges)[0]) for f in factors])
        found = joined(found, scaled(moves, times))
    return found


def substituted(formula: Formula, values: Mapping[str, Polynomial]) -> Size:
    """The formula with some of its symbols replaced by polynomials. Its factored form is kept."""
    total: Size = 0
    for times, factors in formula.products:
        product: Size = times
        for factor in factors:
            product = product * _made(substitute(factor, values))
        total = total + product
    return total
