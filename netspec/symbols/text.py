"""Print formulas as people write them: `(H - 5)//4`, `256*((H - 33)//32)*((W - 33)//32)`, `H % 32`.

The canonical form of `arithmetic.py` is made for comparing: there (H − 5)//4 is ⌊(H + 3)/4⌋ − 2. For printing,
constants and whole multiples are moved back into the numerator, and x − c·⌊x/c⌋ becomes x % c. The text is an
expression of the spec language with the value of the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from netspec.symbols.arithmetic import remainder
from netspec.symbols.polynomial import Atom, Extreme, Polynomial, Quotient, Symbol, lone, number

# Binding strengths of texts, weakest first. A product binds tighter than a division, as `a*b//c` is (a*b)//c.
SUM: Final = 0
DIVISION: Final = 1
PRODUCT: Final = 2
NAME: Final = 3


class FormulaText(NamedTuple):
    """The text of a formula, and the binding strength of its outermost operator."""

    text: str
    binding: int

    def at_least(self, binding: int) -> str:
        """The text, in parentheses if it binds less tightly than this."""
        return self.text if self.binding >= binding else f"({self.text})"


Term = tuple[int, Sequence[FormulaText]]
"""A product: its coefficient and its factors."""


def polynomial_text(polynomial: Polynomial) -> FormulaText:
    """The text of a polynomial."""
    return sum_text(*polynomial_terms(polynomial))


def polynomial_terms(polynomial: Polynomial) -> tuple[list[Term], int]:
    """A polynomial as the arguments of `sum_text`: its terms and a constant, quotients and remainders recognised."""
    constant, variable = polynomial.constant, polynomial.variable
    found = _remainder_form(polynomial)
    if found is not None:
        times, inner, by, rest = found
        return [(times, [FormulaText(f"{polynomial_text(inner).at_least(NAME)} % {by}", DIVISION)])], rest
    terms: list[Term] = []
    folded = _foldable(variable)
    if folded is not None:
        inner, times = folded
        if times == 1 and (numerator := _absorbed(inner, polynomial)) is not None:
            return [(1, [_quotient_text(numerator, inner.divisor)])], 0
        shift, constant = divmod(constant, times)
        shifted = inner.numerator + inner.divisor.scaled(shift)
        terms.append((times, [_quotient_text(shifted, inner.divisor)]))
        variable = variable - lone(inner).scaled(times)
    terms += [(k, [_atom_text(atom) for atom in m]) for m, k in sorted(variable.terms.items(), key=_order)]
    return terms, constant


def sum_text(terms: Sequence[Term], constant: int) -> FormulaText:
    """The text of a sum of products and a constant."""
    if not terms:
        return FormulaText(str(constant), NAME if constant >= 0 else SUM)
    if len(terms) == 1 and not constant and terms[0][0] == 1:
        return product_text(1, terms[0][1])
    parts = [(k, product_text(abs(k), factors)) for k, factors in terms]
    parts.sort(key=lambda part: part[0] < 0)
    if constant:
        first = constant > 0 and all(k < 0 for k, _ in parts)
        parts.insert(0 if first else len(parts), (constant, FormulaText(str(abs(constant)), NAME)))
    (sign, leading), *others = parts
    text = leading.at_least(DIVISION) if sign > 0 else f"-{leading.at_least(PRODUCT)}"  # -x//2 would be (-x)//2
    text += "".join(f" {'+' if k > 0 else '-'} {part.at_least(DIVISION)}" for k, part in others)
    return FormulaText(text, PRODUCT if not others and sign > 0 else SUM)


def product_text(times: int, factors: Sequence[FormulaText]) -> FormulaText:
    """The text of a product with a positive coefficient."""
    if times == 1 and len(factors) == 1:
        return factors[0]
    shown = [factor.at_least(PRODUCT) for factor in factors]
    return FormulaText("*".join(shown if times == 1 else [str(times), *shown]), PRODUCT)


def _order(term: tuple[tuple[Atom, ...], int]) -> tuple[int, str]:
    return -len(term[0]), "*".join(atom.key for atom in term[0])


def _atom_text(atom: Atom) -> FormulaText:
    match atom:
        case Symbol():
            return FormulaText(atom.name, NAME)
        case Quotient():
            return _quotient_text(atom.numerator, atom.divisor)
        case Extreme():
            return FormulaText(f"{atom.kind}({', '.join(polynomial_text(m).text for m in atom.members)})", NAME)
        case _:
            raise TypeError(atom)


def _quotient_text(numerator: Polynomial, divisor: Polynomial) -> FormulaText:
    above, below = polynomial_text(numerator), polynomial_text(divisor)
    return FormulaText(f"{above.at_least(PRODUCT)}//{below.at_least(NAME)}", DIVISION)


def _foldable(variable: Polynomial) -> tuple[Quotient, int] | None:
    """The only quotient of a sum and its coefficient, if a constant can be moved into its numerator; else None."""
    quotients = [(m, atom) for m in variable.terms for atom in m if isinstance(atom, Quotient)]
    if len(quotients) != 1:
        return None
    ((monomial, atom),) = quotients
    times = variable.terms[monomial]
    return (atom, times) if len(monomial) == 1 and times > 0 and atom.by is not None else None


def _absorbed(inner: Quotient, polynomial: Polynomial) -> Polynomial | None:
    """The quotient's numerator with the rest of the sum moved into it, if that is a sum of positive multiples of
    symbols; else None."""
    rest = polynomial - lone(inner)
    if any(len(m) > 1 or not isinstance(atom, Symbol) for m in rest.terms for atom in m):
        return None
    numerator = inner.numerator + rest * inner.divisor
    return numerator if all(k > 0 for m, k in numerator.terms.items() if m) else None


def _remainder_form(polynomial: Polynomial) -> tuple[int, Polynomial, int, int] | None:
    """(m, x, b, d) if the polynomial equals `m · (x % b) + d`, else None."""
    for monomial, k in polynomial.terms.items():
        atom = monomial[0] if len(monomial) == 1 else None
        if k >= 0 or not isinstance(atom, Quotient):
            continue
        rest = polynomial - lone(atom).scaled(k)
        times = rest.content
        if not times or k % times or k == -times:
            continue
        by = -k // times
        for inner in (rest.shared(times), rest.variable.shared(times), atom.numerator):
            left = polynomial - remainder(inner, number(by)).scaled(times)
            if left.number is not None:
                return times, inner, by, left.constant
    return None
