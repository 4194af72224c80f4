"""What the symbols of an input must satisfy, in as few and as plain sentences as possible.

The rules of the layers leave conditions, `(H - 33)//32 >= 1` and the like, dozens in a deep net. Here they become one
threshold per symbol, one rule of divisibility, and what concerns several symbols at once, each with the layer that
asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from netspec.dims import Condition
from netspec.symbols.bounds import FULL, Range
from netspec.symbols.formula import Comparison, Formula, decide, substituted
from netspec.symbols.polynomial import Symbol, lone
from netspec.symbols.solve import EVERY, Remainders, both, interval, remainders

Stated = tuple[Condition, str]
"""A condition, and a sentence that begins with the layer it comes from: "`Conv2d` (line 3): …"."""

_MOST_REMAINDERS: Final = 3
"""A rule that admits more remainders than these, with gaps, is better read as the formula it came from."""


class Conditional(Protocol):
    """What has conditions: a `Net`, which this module comes before."""

    @property
    def conditions(self) -> Sequence[Stated]:
        """What the symbols of the input must satisfy."""
        ...


def requirements(net: Conditional) -> list[str]:
    """What the symbols of the input must satisfy, one sentence each: "H >= 65, for `MaxPool2d` (line 18)".

    Empty if the input has no symbols, or if every size will do.
    """
    return statements(net.conditions)


def statements(conditions: Sequence[Stated]) -> list[str]:
    """The same for conditions alone. Of several thresholds for one symbol only the strongest is stated."""
    together: dict[tuple[str, str], list[str]] = {}
    for subject, predicate, source in _solve(conditions).facts():
        together.setdefault((predicate, source), []).append(subject)
    return [
        f"{_sentence(subjects, predicate)}, for {source}" if source else _sentence(subjects, predicate)
        for (predicate, source), subjects in together.items()
    ]


def contradiction(conditions: Sequence[Stated]) -> tuple[str, ...] | None:
    """The sentences of conditions that no size meets together; None where none is known to be missing.

    Every formula that this module can solve is solved, so an answer is a proof; None is none.
    """
    conflict = _solve(conditions).conflict
    return None if conflict is None else tuple(dict.fromkeys(conflict))


class _Rule(NamedTuple):
    """A condition that is about a remainder only."""

    remainders: Remainders
    comparison: Comparison
    source: str


@dataclass(slots=True)
class _Known:
    """What one symbol must satisfy, and the sentence that each part comes from."""

    low: int = FULL[0]
    high: int = FULL[1]
    low_from: str = ""
    high_from: str = ""
    remainders: Remainders = EVERY
    rules: list[_Rule] = field(default_factory=list["_Rule"])
    """The conditions on the remainder, each of which has made `remainders` stricter."""

    @property
    def range(self) -> Range:
        return self.low, self.high

    def narrow(self, low: int, high: int, source: str) -> None:
        """Take in that the size lies in an interval."""
        if low > self.low:
            self.low, self.low_from = low, source
        if high < self.high:
            self.high, self.high_from = high, source

    def restrict(self, rule: Remainders, comparison: Comparison, source: str) -> bool:
        """Take in a rule about the remainder; False if it cannot be joined with the others."""
        combined = both(self.remainders, rule)
        if combined is None:
            return False
        if combined != self.remainders:
            self.remainders = combined
            self.rules.append(_Rule(rule, comparison, source))
        return True

    def readable(self) -> tuple[Remainders, str, list[_Rule]]:
        """What to say about the remainder, the sentence that it comes from, and the rules that are left to state as
        they are, since what they come to together is no short list of remainders."""
        if _is_short(self.remainders):
            return self.remainders, self.rules[-1].source if self.rules else "", []
        short = [rule for rule in self.rules if _is_short(rule.remainders)]
        stated: Remainders = EVERY
        for rule in short:
            stated = both(stated, rule.remainders) or stated  # parts of a whole that is known to have a period
        return stated, short[-1].source if short else "", [rule for rule in self.rules if rule not in short]

    @property
    def conflict(self) -> list[str] | None:
        """The sentences that leave no size."""
        limits = [s for s in (self.low_from, self.high_from) if s]
        if self.low > self.high:
            return limits
        period, allowed = self.remainders
        if self.high - self.low >= period and allowed:
            return None
        if any(n % period in allowed for n in range(self.low, min(self.high, self.low + period) + 1)):
            return None
        return [*(limits if allowed else []), *(rule.source for rule in self.rules)]


class Fact(NamedTuple):
    """One statement: of what, what, and the layer that asks for it."""

    subject: str
    predicate: str
    source: str


@dataclass(slots=True)
class _Solution:
    known: dict[str, _Known]
    open: list[tuple[Comparison, str]] = field(default_factory=list[tuple[Comparison, str]])
    """What is left to state as a formula."""
    conflict: list[str] | None = None

    def facts(self) -> Iterator[Fact]:
        """What there is to state."""
        left = list(self.open)
        for symbol, known in sorted(self.known.items()):
            stated, source, rules = known.readable()
            for predicate, sentence in _interval_facts(known, stated):
                yield Fact(symbol, predicate, _place(sentence))
            if stated.period > 1:
                yield Fact(symbol, _remainder_fact(stated), _place(source))
            left += [(rule.comparison, rule.source) for rule in rules]
        ranges = {symbol: known.range for symbol, known in self.known.items()}
        for comparison, source in left:
            yield Fact(f"{comparison}{_for_a_square(comparison, ranges)}", "", _place(source))


def _solve(conditions: Sequence[Stated]) -> _Solution:
    comparisons = list(dict.fromkeys((c, s) for c, s in conditions if isinstance(c, Comparison)))
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


def _take_in(comparison: Comparison, source: str, solution: _Solution) -> bool:
    """Narrow what is known by a condition on one symbol; False if that cannot be done (yet)."""
    if len(comparison.symbols) != 1:
        return False
    (symbol,) = comparison.symbols
    known = solution.known[symbol]
    found = interval(comparison, symbol, {symbol: known.range})
    if found is not None:
        if found[0] > found[1]:
            solution.conflict = [*(s for s in (known.low_from, known.high_from) if s), source]
        known.narrow(*found, source)
    else:
        rule = remainders(comparison, symbol)
        if rule is None or not known.restrict(rule, comparison, source):
            return False
    if solution.conflict is None:
        solution.conflict = known.conflict
    return True


def _settle(pending: list[tuple[Comparison, str]], solution: _Solution) -> None:
    """Drop what the ranges already promise, find what they rule out, keep the rest."""
    ranges = {symbol: known.range for symbol, known in solution.known.items()}
    seen: set[Comparison] = set()
    for comparison, source in pending:
        holds = decide(comparison.difference, equal=comparison.operator == "==", ranges=ranges)
        if holds is False:
            limits = (
                s for n in sorted(comparison.symbols) for s in (solution.known[n].low_from, solution.known[n].high_from)
            )
            solution.conflict = [*(s for s in limits if s), source]
            return
        if holds is None and comparison not in seen:
            seen.add(comparison)
            solution.open.append((comparison, source))


# ---- words


def _place(sentence: str) -> str:
    """The layer and line that a sentence begins with."""
    return sentence.partition(": ")[0]


def _sentence(subjects: Sequence[str], predicate: str) -> str:
    """ "H >= 65 and W >= 65", but "H and W must be divisible by 16"."""
    if predicate.startswith("must"):
        return f"{' and '.join(subjects)} {predicate}"
    return " and ".join(f"{subject} {predicate}".rstrip() for subject in subjects)


def _interval_facts(known: _Known, stated: Remainders) -> Iterator[tuple[str, str]]:
    low, high = known.range
    if not any(n % stated.period in stated.allowed for n in range(1, min(low, stated.period + 1))):
        low = FULL[0]  # the first size with the right remainder is large enough
    if low == high:
        yield f"== {low}", known.low_from or known.high_from
    elif low > FULL[0] and high < FULL[1] and known.low_from == known.high_from:
        yield f"from {low} to {high}", known.low_from
    else:
        if low > FULL[0]:
            yield f">= {low}", known.low_from
        if high < FULL[1]:
            yield f"<= {high}", known.high_from


def _remainder_fact(rule: Remainders) -> str:
    allowed = [str(n) for n in sorted(rule.allowed)]
    if allowed == ["0"]:
        return f"must be divisible by {rule.period}"
    if rule.period == 2:
        return "must be odd"
    if len(allowed) == 1:
        return f"% {rule.period} == {allowed[0]}"
    listed = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
    if _is_run(rule) and len(allowed) > 2:
        listed = f"{allowed[0]} to {allowed[-1]}"
    return f"must leave a remainder of {listed} when divided by {rule.period}"


def _is_short(rule: Remainders) -> bool:
    return len(rule.allowed) <= _MOST_REMAINDERS or _is_run(rule)


def _is_run(rule: Remainders) -> bool:
    """True if the remainders allowed have no gap."""
    return max(rule.allowed) - min(rule.allowed) + 1 == len(rule.allowed)


def _for_a_square(comparison: Comparison, ranges: dict[str, Range]) -> str:
    """What a condition on several symbols comes to where they are equal: ": a square input of 193 to 224"."""
    first, *others = sorted(comparison.symbols)
    if not others:
        return ""
    symbol = lone(Symbol(first))
    difference = substituted(comparison.difference, dict.fromkeys(others, symbol))
    low = max(ranges[name][0] for name in comparison.symbols)
    high = min(ranges[name][1] for name in comparison.symbols)
    shape = "square" if len(others) == 1 else "cubic"
    equal = " = ".join([first, *others])
    if not isinstance(difference, Formula):
        holds = difference == 0 if comparison.operator == "==" else difference >= 0
        return f" (every {shape} input, {equal}, does)" if holds else f" (no {shape} input, {equal}, does)"
    alone = Comparison(difference, comparison.operator, 0, difference)
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
