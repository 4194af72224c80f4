"""Polynomials with integer coefficients over atoms: symbols, floor quotients, minima and maxima.

A polynomial is kept expanded, as a sum of products of atoms, and has a canonical `key`: two polynomials are equal
exactly if their keys are. `arithmetic.py` makes the atoms, and brings them to canonical form first.

The limits below bound the time and memory of all arithmetic: a formula that exceeds one raises `FormulaTooLong`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from math import gcd
from typing import Final

from netspec.dims import Problem, Unmet

LARGEST_SIZE: Final = 2**31 - 1
"""The largest value of a symbol."""

LONGEST: Final = 1_000
"""The most atoms of a formula, inner ones included."""

LONGEST_ATOM: Final = 100
"""The most atoms of one quotient, minimum or maximum, itself included."""

DEEPEST: Final = 12
"""The deepest nesting of quotients, minima and maxima."""

LARGEST: Final = 1 << 256
"""Absolute values of coefficients stay below this, since repeated doubling would make them arbitrarily long."""


class FormulaTooLong(Unmet, ArithmeticError):
    """A formula exceeds a limit: it would be slow to compute with and useless to read. The symbols need numbers."""

    def __init__(self) -> None:
        super().__init__(
            Problem(
                "the size is a formula too long to compute with here: this layer needs numbers for the symbols",
                code="needs-number",
                help="give the symbols numbers with `--set`, as in `--set H=224`",
            )
        )


class Atom:
    """A factor of a monomial: a symbol, a quotient, a minimum or a maximum. Atoms are equal if their keys are.

    `weight` is the number of atoms in it, itself included; `depth` its nesting depth, 0 for a symbol.
    """

    __slots__ = ("depth", "key", "weight")

    def __init__(self, key: str, inner: Iterable[Polynomial] = ()) -> None:
        self.key = key
        self.weight = 1
        self.depth = 0
        for polynomial in inner:
            self.weight += polynomial.weight
            self.depth = max(self.depth, polynomial.depth + 1)
        if self.depth > DEEPEST or self.weight > LONGEST_ATOM:
            raise FormulaTooLong

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


class Symbol(Atom):
    """A symbol: an integer from 1 to `LARGEST_SIZE`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Quotient(Atom):
    """⌊numerator / divisor⌋."""

    __slots__ = ("divisor", "numerator")

    def __init__(self, numerator: Polynomial, divisor: Polynomial) -> None:
        super().__init__(f"(({numerator.key})//({divisor.key}))", (numerator, divisor))
        self.numerator = numerator
        self.divisor = divisor

    @property
    def by(self) -> int | None:
        """The divisor, if it is a number."""
        return self.divisor.number


class Extreme(Atom):
    """The minimum (`kind` is `"min"`) or maximum (`"max"`) of several polynomials."""

    __slots__ = ("kind", "members")

    def __init__(self, kind: str, members: Iterable[Polynomial]) -> None:
        self.kind = kind
        self.members = tuple(sorted(members, key=lambda p: p.key))
        super().__init__(f"{kind}({','.join(p.key for p in self.members)})", self.members)


Monomial = tuple[Atom, ...]
"""A product of atoms in the order of their keys; `()` is 1."""


class Polynomial:
    """A sum of integer multiples of monomials. Immutable.

    `weight` is the number of atoms in it, inner ones included, 0 for a number; `depth` their deepest nesting.
    """

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {m: k for m, k in terms.items() if k}
        self.weight = self.depth = 0
        for monomial, k in self.terms.items():
            if not -LARGEST < k < LARGEST:
                raise FormulaTooLong
            for atom in monomial:
                self.weight += atom.weight
                if atom.depth > self.depth:
                    self.depth = atom.depth
        if self.weight > LONGEST:
            raise FormulaTooLong

    def _alike(self, terms: dict[Monomial, int]) -> Polynomial:
        """A polynomial with the same monomials (the constant excepted) and other coefficients.

        Weight and depth are copied, not counted again; the caller has checked the coefficients.
        """
        result = object.__new__(Polynomial)
        result.terms = terms
        result.weight = self.weight
        result.depth = self.depth
        return result

    @cached_property
    def key(self) -> str:
        """The canonical text: equal for equal polynomials, different for different ones."""
        return "+".join(sorted(f"{k}*{'*'.join(a.key for a in m)}" for m, k in self.terms.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key or "0"

    # ---- parts

    @property
    def constant(self) -> int:
        """The term without atoms."""
        return self.terms.get((), 0)

    @property
    def number(self) -> int | None:
        """The value, if the polynomial has no atoms; else None."""
        return self.constant if not self.weight else None

    @property
    def variable(self) -> Polynomial:
        """The polynomial without its constant."""
        return self.plus(-self.constant)

    @property
    def content(self) -> int:
        """The greatest common divisor of the coefficients, the constant excepted; 0 for a number."""
        return gcd(*(k for m, k in self.terms.items() if m))

    @property
    def lone(self) -> Atom | None:
        """The atom, if the polynomial is a single atom with the coefficient 1; else None."""
        if len(self.terms) == 1:
            ((monomial, k),) = self.terms.items()
            if k == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    def atoms(self) -> Iterator[Atom]:
        """All atoms, inner ones included. An atom that occurs several times is yielded several times."""
        for monomial in self.terms:
            for atom in monomial:
                yield atom
                for inner in inside(atom):
                    yield from inner.atoms()

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols."""
        return frozenset(atom.name for atom in self.atoms() if isinstance(atom, Symbol))

    # ---- arithmetic

    def __neg__(self) -> Polynomial:
        return self.scaled(-1)

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = dict(self.terms)
        for monomial, k in other.terms.items():
            terms[monomial] = terms.get(monomial, 0) + k
        return Polynomial(terms)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other.scaled(-1)

    def __mul__(self, other: Polynomial) -> Polynomial:
        if len(self.terms) * len(other.terms) > LONGEST:
            raise FormulaTooLong
        terms: dict[Monomial, int] = {}
        for a, k in self.terms.items():
            for b, other_k in other.terms.items():
                monomial = tuple(sorted(a + b, key=_key))
                terms[monomial] = terms.get(monomial, 0) + k * other_k
        return Polynomial(terms)

    def plus(self, number: int) -> Polynomial:
        """The sum with a number. Faster than `+`."""
        if not number:
            return self
        terms = dict(self.terms)
        constant = terms.pop((), 0) + number
        if constant:
            terms[()] = constant
        if abs(constant) >= LARGEST:
            raise FormulaTooLong
        return self._alike(terms)

    def scaled(self, factor: int) -> Polynomial:
        """A multiple of the polynomial."""
        if factor == 1:
            return self
        terms = {m: k * factor for m, k in self.terms.items()}
        if not factor or any(abs(k) >= LARGEST for k in terms.values()):
            return Polynomial(terms)
        return self._alike(terms)

    def shared(self, divisor: int) -> Polynomial:
        """The polynomial with every coefficient divided by a number and rounded down."""
        return Polynomial({m: k // divisor for m, k in self.terms.items()})


def _key(atom: Atom) -> str:
    return atom.key


def inside(atom: Atom) -> tuple[Polynomial, ...]:
    """The polynomials that an atom is made of."""
    match atom:
        case Quotient():
            return (atom.numerator, atom.divisor)
        case Extreme():
            return atom.members
        case _:
            return ()


def number(value: int) -> Polynomial:
    """An integer as a polynomial."""
    return Polynomial({(): value})


def lone(atom: Atom) -> Polynomial:
    """An atom as a polynomial."""
    return Polynomial({(atom,): 1})
