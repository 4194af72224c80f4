"""Floor division, minima and maxima of polynomials in canonical form; evaluation and substitution.

Three identities of floor division by a positive integer c keep formulas short:

    ⌊(c·q + r) / c⌋ = q + ⌊r / c⌋                   so numerators have coefficients from 0 to c − 1
    ⌊(g·x + k) / (g·c)⌋ = ⌊(x + ⌊k / g⌋) / c⌋       so numerator and divisor have no common factor
    ⌊(⌊x / a⌋ + y) / c⌋ = ⌊(x + a·y) / (a·c)⌋       so a stack of strided layers is one division
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from netspec.symbols.bounds import bounds
from netspec.symbols.polynomial import Atom, Extreme, Monomial, Polynomial, Quotient, Symbol, lone, number


def quotient(numerator: Polynomial, divisor: Polynomial) -> Polynomial:
    """⌊numerator / divisor⌋.

    Raises:
        ZeroDivisionError: the divisor is 0.
    """
    by = divisor.number
    if by is None:
        return _by_formula(numerator, divisor)
    if by == 0:
        raise ZeroDivisionError("division of a size by zero")
    return _by_number(numerator, by) if by > 0 else _by_number(-numerator, -by)


def remainder(numerator: Polynomial, divisor: Polynomial) -> Polynomial:
    """numerator − divisor · ⌊numerator / divisor⌋, with the sign of the divisor, as in Python."""
    return numerator - divisor * quotient(numerator, divisor)


def _by_number(numerator: Polynomial, by: int) -> Polynomial:
    """⌊numerator / by⌋ in canonical form, for a positive number: the identities above, in their order."""
    whole = numerator.shared(by)
    rest = Polynomial({m: k % by for m, k in numerator.terms.items()})
    if rest.number is not None:
        return whole
    inner = _inner_quotient(rest)
    if inner is not None and inner.by is not None:
        outside = rest - lone(inner)
        return whole + _by_number(inner.numerator + outside.scaled(inner.by), inner.by * by)
    common = gcd(by, rest.content)
    if common > 1:
        return whole + _by_number(rest.shared(common), by // common)
    low, high = bounds(rest)
    if low // by == high // by:
        return whole.plus(low // by)
    return whole + lone(Quotient(rest, number(by)))


def _inner_quotient(polynomial: Polynomial) -> Quotient | None:
    """The sum's only quotient by a number, if it is a term of its own with the coefficient 1."""
    found: list[tuple[Monomial, Quotient]] = [
        (m, atom) for m in polynomial.terms for atom in m if isinstance(atom, Quotient) and atom.by is not None
    ]
    if len(found) == 1 and len(found[0][0]) == 1 and polynomial.terms[found[0][0]] == 1:
        return found[0][1]
    return None


def _by_formula(numerator: Polynomial, divisor: Polynomial) -> Polynomial:
    exact = _exact(numerator, divisor)
    if exact is not None:
        return exact
    if bounds(numerator)[0] >= 0 and bounds(divisor - numerator)[0] >= 1:
        return number(0)
    return lone(Quotient(numerator, divisor))


def _exact(numerator: Polynomial, divisor: Polynomial) -> Polynomial | None:
    """The quotient of a division without remainder, else None.

    Two cases are recognised: the numerator is an integer multiple of the divisor, or the divisor is a single term that
    divides every term of the numerator. None, too, if the divisor may be 0.
    """
    low, high = bounds(divisor)
    if low <= 0 <= high:
        return None
    if len(divisor.terms) != 1:
        monomial, k = next(iter(divisor.terms.items()))
        times = numerator.terms.get(monomial, 0) // k
        return number(times) if divisor.scaled(times) == numerator else None
    ((monomial, k),) = divisor.terms.items()
    terms: dict[Monomial, int] = {}
    for m, value in numerator.terms.items():
        left = list(m)
        for atom in monomial:
            if atom not in left:
                return None
            left.remove(atom)
        if value % k:
            return None
        terms[tuple(left)] = value // k
    return Polynomial(terms)


def extreme(kind: str, a: Polynomial, b: Polynomial) -> Polynomial:
    """The minimum (`kind` is `"min"`) or maximum (`"max"`) of two polynomials.

    Members that another one makes redundant are dropped, and a common constant is moved outside, so that equal minima
    are equal atoms.
    """
    members: list[Polynomial] = []
    for candidate in (*_members(kind, a), *_members(kind, b)):
        if any(_settles(kind, other, candidate) for other in members):
            continue
        members = [m for m in members if not _settles(kind, candidate, m)]
        members.append(candidate)
    if len(members) == 1:
        return members[0]
    offset = min(m.constant for m in members)
    return lone(Extreme(kind, (m.plus(-offset) for m in members))).plus(offset)


def _members(kind: str, polynomial: Polynomial) -> tuple[Polynomial, ...]:
    """The members of a minimum (or maximum) plus a constant, the constant added to each; else the polynomial itself."""
    atom = polynomial.variable.lone
    if isinstance(atom, Extreme) and atom.kind == kind:
        return tuple(member.plus(polynomial.constant) for member in atom.members)
    return (polynomial,)


def _settles(kind: str, a: Polynomial, b: Polynomial) -> bool:
    """True if `a` makes `b` redundant: it is provably never larger (`min`), never smaller (`max`)."""
    low, high = bounds(a - b)
    return high <= 0 if kind == "min" else low >= 0


# ---- values


def evaluate(polynomial: Polynomial, values: Mapping[str, int]) -> int:
    """The value of a polynomial for given values of its symbols.

    Raises:
        KeyError: a symbol has no value.
        ZeroDivisionError: a divisor is 0 there.
    """
    total = 0
    for monomial, k in polynomial.terms.items():
        for atom in monomial:
            k *= _value(atom, values)
        total += k
    return total


def _value(atom: Atom, values: Mapping[str, int]) -> int:
    match atom:
        case Symbol():
            return values[atom.name]
        case Quotient():
            return evaluate(atom.numerator, values) // evaluate(atom.divisor, values)
        case Extreme():
            pick = min if atom.kind == "min" else max
            return pick(evaluate(member, values) for member in atom.members)
        case _:
            raise TypeError(atom)


def substitute(polynomial: Polynomial, values: Mapping[str, Polynomial]) -> Polynomial:
    """The polynomial with some of its symbols replaced by polynomials."""
    total = number(0)
    for monomial, k in polynomial.terms.items():
        product = number(k)
        for atom in monomial:
            product = product * _substituted(atom, values)
        total = total + product
    return total


def _substituted(atom: Atom, values: Mapping[str, Polynomial]) -> Polynomial:
    match atom:
        case Symbol():
            return values.get(atom.name) or lone(atom)
        case Quotient():
            return quotient(substitute(atom.numerator, values), substitute(atom.divisor, values))
        case Extreme():
            first, *others = (substitute(member, values) for member in atom.members)
            for other in others:
                first = extreme(atom.kind, first, other)
            return first
        case _:
            raise TypeError(atom)
