"""Summarise the conditions on the symbols of an input in few, plain sentences.

The layers' rules record conditions such as `(H - 33)//32 >= 1`, dozens in a deep net. They are solved here into one
interval and one rule about the remainder per symbol; conditions on several symbols stay formulas. Each statement names
the layer that requires it.
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
"""A condition that depends on the symbols, and the requirement that it belongs to."""
_MOST_REMAINDERS: Final = 3
"""A rule that allows more remainders than this, with gaps between them, is shown as its formula: that reads better."""


class Conditional(Protocol):
    """Has conditions, as a `Net` has. A protocol, since `symbols/` must not import `net`."""

    @property
    def conditions(self) -> Sequence[Requirement]:
        """The requirements on the symbols of the input."""
        ...


def requirements(net: Conditional) -> list[str]:
    """The requirements on the symbols of the input, as sentences: "H >= 65, for `MaxPool2d` (line 18)".

    Empty if the input has no symbols, or if every size meets the requirements.
    """
    return statements(net.conditions)


def statements(conditions: Sequence[Requirement]) -> list[str]:
    """Like `requirements`, for a list of them. Of several thresholds for one symbol, only the strongest is stated."""
    alike: dict[tuple[Predicate, str], list[str]] = {}
    for subject, predicate, requirement in _solve(conditions).facts():
        alike.setdefault((predicate, requirement.source), []).append(subject)
    return [f"{predicate.of(subjects)}, for {source}" for (predicate, source), subjects in alike.items()]


def contradiction(conditions: Sequence[Requirement]) -> tuple[Requirement, ...] | None:
    """Requirements that no size meets together, or None if no contradiction was found.

    An answer is a proof. None proves nothing: conditions that this module cannot solve may still contradict each other.
    """
    conflict = _solve(conditions).conflict
    return None if conflict is None else tuple(dict.fromkeys(conflict))


class _Rule(NamedTuple):
    """A condition that depends on a symbol's remainder only."""

    remainders: Remainders
    comparison: SizeComparison
    source: Requirement


@dataclass(slots=True)
class _Known:
    """What is known of one symbol, an interval and allowed remainders, and the requirements that each comes from."""

    low: int = FULL[0]
    high: int = FULL[1]
    low_from: Requirement | None = None
    high_from: Requirement | None = None
    remainders: Remainders = EVERY
    rules: list[_Rule] = field(default_factory=list["_Rule"])
    """The conditions on the remainder, in order; each of them narrowed `remainders`."""

    @property
    def range(self) -> Range:
        return self.low, self.high

    @property
    def limits(self) -> list[Requirement]:
        """The requirements that set the ends of the interval."""
        return [source for source in (self.low_from, self.high_from) if source is not None]

    def narrow(self, low: int, high: int, source: Requirement) -> None:
        """Intersect the interval with another one, and remember the requirement for each end that moves."""
        if low > self.low:
            self.low, self.low_from = low, source
        if high < self.high:
            self.high, self.high_from = high, source

    def restrict(self, rule: Remainders, comparison: SizeComparison, source: Requirement) -> bool:
        """Intersect the remainders with those of a rule. False, and no change, if the common period is too long."""
        combined = both(self.remainders, rule)
        if combined is None:
            return False
        if combined != self.remainders:
            self.remainders = combined
            self.rules.append(_Rule(rule, comparison, source))
        return True

    def readable(self) -> tuple[Remainders, Requirement | None, list[_Rule]]:
        """How to state the remainders: those to list, the requirement that they come from, and the rules to state as
        formulas, because their remainders make no short list."""
        if _is_short(self.remainders):
            return self.remainders, self.rules[-1].source if self.rules else None, []
        short = [rule for rule in self.rules if _is_short(rule.remainders)]
        stated: Remainders = EVERY
        for rule in short:
            stated = both(stated, rule.remainders) or stated  # None only if the common period is too long
        return stated, short[-1].source if short else None, [rule for rule in self.rules if rule not in short]

    @property
    def conflict(self) -> list[Requirement] | None:
        """The requirements that together allow no size; None if a size is left."""
        if self.low > self.high:
            return self.limits
        period, allowed = self.remainders
        if self.high - self.low >= period and allowed:
            return None
        if any(n % period in allowed for n in range(self.low, min(self.high, self.low + period) + 1)):
            return None
        return [*(self.limits if allowed else []), *(rule.source for rule in self.rules)]


class Predicate(NamedTuple):
    """What a statement says of its subject: ">= 65", "must be odd"; empty if the subject is a whole formula."""

    text: str = ""
    joint: bool = False
    """True if several subjects share the text once, "H and W must be odd"; else "H >= 65 and W >= 65"."""

    def of(self, subjects: Sequence[str]) -> str:
        """The sentence about these symbols."""
        if self.joint:
            return f"{' and '.join(subjects)} {self.text}"
        return " and ".join(f"{subject} {self.text}".rstrip() for subject in subjects)


class Fact(NamedTuple):
    """One statement: its subject, its predicate, and the requirement that it comes from."""

    subject: str
    predicate: Predicate
    source: Requirement


@dataclass(slots=True)
class _Solution:
    """The solved conditions, by symbol."""

    known: dict[str, _Known]
    open: list[_Stated] = field(default_factory=list["_Stated"])
    """The conditions that could not be solved, to be stated as formulas."""
    conflict: list[Requirement] | None = None
    """Requirements that contradict each other, if any were found."""

    def facts(self) -> Iterator[Fact]:
        """The statements to make."""
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
    """Solve the conditions one by one, in rounds.

    A formula may be provably monotone only within a smaller range of its symbol, so that a condition which could not be
    solved can be solved once another one has narrowed the range. The rounds end when none of them narrows a range.
    """
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
    """Narrow the interval or the remainders by a condition on a single symbol. False if it cannot be solved (yet)."""
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
    """Decide unsolved conditions by the ranges: drop those that always hold, report one that never does as a conflict,
    keep the others open."""
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


# ---- sentences


def _interval_facts(known: _Known, stated: Remainders) -> Iterator[tuple[str, Requirement]]:
    """Predicates for the interval, each with its requirement. A lower end that the remainders imply is left out."""
    low, high = known.range
    if not any(n % stated.period in stated.allowed for n in range(1, min(low, stated.period + 1))):
        low = FULL[0]  # no smaller size has an allowed remainder
    below, above = known.low_from, known.high_from
    if low == high and (source := below or above):
        yield f"== {low}", source
    elif low > FULL[0] and high < FULL[1] and below and above and below[1:] == above[1:]:  # one `==`
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
    """True if the allowed remainders are consecutive."""
    return max(rule.allowed) - min(rule.allowed) + 1 == len(rule.allowed)


def _for_a_square(comparison: SizeComparison, ranges: dict[str, Range]) -> str:
    """A remark for a condition on several symbols, which solves it for equal ones: " (a square input, H = W, of at
    least 193 does)". Empty if that cannot be solved, or for one symbol."""
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
