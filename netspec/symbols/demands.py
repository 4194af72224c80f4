"""What the symbols of an input must satisfy, in as few and as plain sentences as possible.

The rules of the layers leave conditions, `(H - 33)//32 >= 1` and the like, dozens in a deep net. Here they become one
threshold per symbol, one rule of divisibility, and what concerns several symbols at once, each with the layer that
asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from netspec.dims import Requirement
from netspec.symbols.bounds import FULL, Range
from netspec.symbols.formula import Formula, SizeComparison, decide, substituted
from netspec.symbols.polynomial import FormulaTooLong, Symbol, lone
from netspec.symbols.solve import EVERY, Remainders, both, interval, remainders

_Stated = tuple[SizeComparison, Requirement]
"""A condition that depends on the symbols, and the requirement that holds it."""
_MOST_REMAINDERS: Final = 3
"""A rule that admits more remainders than these, with gaps, is better read as the formula it came from."""


class Conditional(Protocol):
    """What has conditions: a `Net`, which this module comes before."""

    @property
    def conditions(self) -> Sequence[Requirement]:
        """What the symbols of the input must satisfy."""
        ...


def requirements(net: Conditional) -> list[str]:
    """What the symbols of the input must satisfy, one sentence each: "H >= 65, for `MaxPool2d` (line 18)".

    Empty if the input has no symbols, or if every size will do.
    """
    return statements(net.conditions)


def statements(conditions: Sequence[Requirement]) -> list[str]:
    """The same for conditions alone. Of several thresholds for one symbol only the strongest is stated."""
    alike: dict[tuple[Predicate, str], list[str]] = {}
    for subject, predicate, requirement in _solve(conditions).facts():
        alike.setdefault((predicate, requirement.source), []).append(subject)
    return [f"{predicate.of(subjects)}, for {source}" for (predicate, source), subjects in alike.items()]


def contradiction(conditions: Sequence[Requirement]) -> tuple[Requirement, ...] | None:
    """Conditions that no size meets together; None where none is known to be missing.

    Every formula that this module can solve is solved, so an answer is a proof; None is none.
    """
    conflict = _solve(conditions).conflict
    return None if conflict is None else tuple(dict.fromkeys(conflict))


class _Rule(NamedTuple):
    """A condition that is about a remainder only."""

    remainders: Remainders
    comparison: SizeComparison
    source: Requirement


@dataclass(slots=True)
class _Known:
    """What one symbol must satisfy, and the requirement that each part comes from."""

    low: int = FULL[0]
    high: int = FULL[1]
    low_from: Requirement | None = None
    high_from: Requirement | None = None
    remainders: Remainders = EVERY
    rules: list[_Rule] = field(default_factory=list["_Rule"])
    """The conditions on the remainder, each of which has made `remainders` stricter."""

    @property
    def range(self) -> Range:
        return self.low, self.high

    @property
    def limits(self) -> list[Requirement]:
        """What the interval comes from."""
        return [source for source in (self.low_from, self.high_from) if source is not None]

    def narrow(self, low: int, high: int, source: Requirement) -> None:
        """Take in that the size lies in an interval."""
        if low > self.low:
            self.low, self.low_from = low, source
        if high < self.high:
            self.high, self.high_from = high, source

    def restrict(self, rule: Remainders, comparison: SizeComparison, source: Requirement) -> bool:
        """Take in a rule about the remainder; False if it cannot be joined with the others."""
        combined = both(self.remainders, rule)
        if combined is None:
            return False
        if combined != self.remainders:
            self.remainders = combined
            self.rules.append(_Rule(rule, comparison, source))
        return True

    def readable(self) -> tuple[Remainders, Requirement | None, list[_Rule]]:
        """What to say about the remainder, the requirement that it comes from, and the rules that are left to state
        as they are, since what they come to together is no short list of remainders."""
        if _is_short(self.remainders):
            return self.remainders, self.rules[-1].source if self.rules else None, []
        short = [rule for rule in self.rules if _is_short(rule.remainders)]
        stated: Remainders = EVERY
        for rule in short:
            stated = both(stated, rule.remainders) or stated  # parts of a whole that is known to have a period
        return stated, short[-1].source if short else None, [rule for rule in self.rules if rule not in short]

    @property
    def conflict(self) -> list[Requirement] | None:
        """The requirements that leave no size."""
        if self.low > self.high:
            return self.limits
        period, allowed = self.remainders
        if self.high - self.low >= period and allowed:
            return None
        if any(n % period in allowed for n in range(self.low, min(self.high, self.low + period) + 1)):
            return None
        return [*(self.limits if allowed else []), *(rule.source for rule in self.rules)]


class Predicate(NamedTuple):
    """What is said of a symbol: ">= 65", "must be odd"; nothing where the subject is a whole formula."""

    text: str = ""
    joint: bool = False
    """True where several symbols share it: "H and W must be odd", but "H >= 65 and W >= 65"."""

    def of(self, subjects: Sequence[str]) -> str:
        """The sentence about these symbols."""
        if self.joint:
            return f"{' and '.join(subjects)} {self.text}"
        return " and ".join(f"{subject} {self.text}".rstrip() for subject in subjects)


class Fact(NamedTuple):
    """One statement: of what, what, and who asks for it."""

    subject: str
    predicate: Predicate
    source: Requirement


@dataclass(slots=True)
class _Solution:
    known: dict[str, _Known]
    open: list[_Stated] = field(default_factory=list["_Stated"])
    """What is left to state as a formula."""
    conflict: list[Requirement] | None = None

    def facts(self) -> Iterator[Fact]:
        """What there is to state."""
        left = list(self.open)
        for symbol, known in sorted(self.known.items()):
            stated, source, rules = known.readable()
            for text, limit in _interval_facts(known, stated):
                yield Fact(symbol, Predicate(text), limit)
            if stated.period > 1 and source is not None:
                yield Fact(symbol, _remainder_fact(stated), source)
            left += [(rule.comparison, rule.source) for rule in rules]
        ranges = {symbol: known.range for symbol, known in self.known.items()}
        for comparison, source in left:
            yield Fact(f"{comparison}{_for_a_square(comparison, ranges)}", Predicate(), source)


def _solve(conditions: Sequence[Requirement]) -> _Solution:
    stated = {
        (r.condition, r.sentence): (r.condition, r) for r in conditions if isinstance(r.condition, SizeComparison)
    }
    comparisons = list(stated.values())
    symbols = sorted({symbol for c, _ in comparisons for symbol in c.symbols})
    solution = _Solution({symbol: _Known() for symbol in symbols})
    pending = comparisons
    progress = True
    while pending and progress and solution.conflict is None:
        ranges = {symbol: known.range for symbol, known in solution.known.items()}
        left = [(c, s) for c, s in pending if not _take_in(c, s, solution)]
        narrowed = any(known.range != ranges[symbol] for symbol, known in solution.known.items())
        progress, pending = narrowed, left
    if solution.conflict is None:
        _settle(pending, solution)
    return solution


def _take_in(comparison: SizeComparison, source: Requirement, solution: _Solution) -> bool:
    """Narrow what is known by a condition on one symbol; False if that cannot be done (yet)."""
    if len(comparison.symbols) != 1:
        return False
    (symbol,) = comparison.symbols
    known = solution.known[symbol]
    found = interval(comparison, symbol, {symbol: known.range})
    if found is not None:
        if found[0] > found[1]:
            solution.conflict = [*known.limits, source]
        known.narrow(*found, source)
    else:
        rule = remainders(comparison, symbol)
        if rule is None or not known.restrict(rule, comparison, source):
            return False
    if solution.conflict is None:
        solution.conflict = known.conflict
    return True


def _settle(pending: list[_Stated], solution: _Solution) -> None:
    """Drop what the ranges already promise, find what they rule out, keep the rest."""
    ranges = {symbol: known.range for symbol, known in solution.known.items()}
    seen: set[SizeComparison] = set()
    for comparison, source in pending:
        holds = decide(comparison.difference, equal=comparison.operator == "==", ranges=ranges)
        if holds is False:
            limits = [limit for name in sorted(comparison.symbols) for limit in solution.known[name].limits]
            solution.conflict = [*limits, source]
            return
        if holds is None and comparison not in seen:
            seen.add(comparison)
            solution.open.append((comparison, source))


# ---- words


def _interval_facts(known: _Known, stated: Remainders) -> Iterator[tuple[str, Requirement]]:
    low, high = known.range
    if not any(n % stated.period in stated.allowed for n in range(1, min(low, stated.period + 1))):
        low = FULL[0]  # the first size with the right remainder is large enough
    below, above = known.low_from, known.high_from
    if low == high and (source := below or above):
        yield f"== {low}", source
    elif low > FULL[0] and high < FULL[1] and below and above and below[1:] == above[1:]:  # one demand
        yield f"from {low} to {high}", below
    else:
        if low > FULL[0] and below is not None:
            yield f">= {low}", below
        if high < FULL[1] and above is not None:
            yield f"<= {high}", above


def _remainder_fact(rule: Remainders) -> Predicate:
    allowed = [str(n) for n in sorted(rule.allowed)]
    if allowed == ["0"]:
        return Predicate(f"must be divisible by {rule.period}", joint=True)
    if rule.period == 2:
        return Predicate("must be odd", joint=True)
    if len(allowed) == 1:
        return Predicate(f"% {rule.period} == {allowed[0]}")
    listed = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
    if _is_run(rule) and len(allowed) > 2:
        listed = f"{allowed[0]} to {allowed[-1]}"
    return Predicate(f"must leave a remainder of {listed} when divided by {rule.period}", joint=True)


def _is_short(rule: Remainders) -> bool:
    return len(rule.allowed) <= _MOST_REMAINDERS or _is_run(rule)


def _is_run(rule: Remainders) -> bool:
    """True if the remainders allowed have no gap."""
    return max(rule.allowed) - min(rule.allowed) + 1 == len(rule.allowed)


def _for_a_square(comparison: SizeComparison, ranges: dict[str, Range]) -> str:
    """What a condition on several symbols comes to where they are equal: ": a square input of 193 to 224"."""
    first, *others = sorted(comparison.symbols)
    if not others:
        return ""
    try:
        difference = substituted(comparison.difference, dict.fromkeys(others, lone(Symbol(first))))
    except FormulaTooLong:
        return ""
    low = max(ranges[name][0] for name in comparison.symbols)
    high = min(ranges[name][1] for name in comparison.symbols)
    shape = "square" if len(others) == 1 else "cubic"
    equal = " = ".join([first, *others])
    if not isinstance(difference, Formula):
        holds = difference == 0 if comparison.operator == "==" else difference >= 0
        return f" (every {shape} input, {equal}, does)" if holds else f" (no {shape} input, {equal}, does)"
    alone = SizeComparison(difference, comparison.operator, 0, difference)
    found = interval(alone, first, {first: (low, high)})
    if found is None:
        return ""
    if found[0] > found[1]:
        return f" (no {shape} input, {equal}, does)"
    if found[0] == found[1]:
        return f" (a {shape} input, {equal}, of {found[0]} does)"
    if found[1] == FULL[1]:
        return f" (a {shape} input, {equal}, of at least {found[0]} does)"
    return f" (a {shape} input, {equal}, of {found[0]} to {found[1]} does)"
