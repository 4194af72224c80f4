"""Rows of numbers that follow a rule, as the expression that a person would have typed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from netspec.expressions import ExpressionError, parse

_FEWEST: Final = 4
"""Numbers of which a rule can be seen; fewer are written as they are."""
_SAME: Final = 16
"""Equal numbers that nobody types one by one."""
_TURN: Final = 6.283185307179586


class Rule(NamedTuple):
    """The numbers of a row: a term in a letter, for each number of a range."""

    term: str
    """With `{}` in the place of the letter."""
    size: int

    def listed(self, letter: str = "i") -> str:
        """The expression of the row."""
        return f"[{self.term.format(letter)} for {letter} in range({self.size})]"


def says(text: str, table: Tensor, *, is_rounded: bool = False) -> bool:
    """Whether an expression is a table, to the bit once its numbers are of the table's type.

    Args:
        text: the expression.
        table: the numbers.
        is_rounded: take one unit in the last place more or less for the same: processors round logarithms so.
    """
    try:
        found: Any = parse(text).evaluate({})
    except ExpressionError:  # it is too long, or makes too much
        return False
    if torch.tensor(found).is_floating_point() and not table.is_floating_point():
        return False
    numbers = torch.tensor(found, dtype=table.dtype)
    if not is_rounded or not table.is_floating_point():
        return torch.equal(numbers, table)
    least, most = (torch.nextafter(numbers, torch.full_like(numbers, sign * torch.inf)) for sign in (-1, 1))
    return numbers.shape == table.shape and bool(((least <= table) & (table <= most)).all())


def floats(text: str) -> list[float]:
    """The numbers of a row that an expression gives."""
    found: Any = parse(text).evaluate({})
    return [float(number) for number in found]


def row(numbers: Tensor) -> str | None:
    """The expression of a row of numbers; None where none is seen."""
    count = numbers.numel()
    if count < _FEWEST:
        return None
    first, last = numbers[0].item(), numbers[-1].item()
    if bool((numbers == first).all()):
        return f"[{number(first)}] * {count}" if count >= _SAME else None
    step = numbers[1].item() - first
    if step == round(step) and first == round(first) and last == first + step * (count - 1):
        text = _range(int(first), int(step), count)
        if says(text, numbers):
            return text
    found = rule(numbers) or _logarithms(numbers)
    return found.listed() if found is not None else _repeated(numbers) or _cycled(numbers)


def _repeated(numbers: Tensor) -> str | None:
    """The expression of numbers of which each stands there several times, one behind the other."""
    times = int((numbers == numbers[0]).sum())
    if times == 1 or numbers.numel() % times or numbers.numel() == times:
        return None
    pairs = numbers.reshape(-1, times)
    text = row(pairs[:, 0]) if bool((pairs == pairs[:, :1]).all()) else None
    return None if text is None else f"[y for y in {text} for _ in range({times})]"


def _cycled(numbers: Tensor) -> str | None:
    """The expression of many numbers that come again and again in one order."""
    again = (numbers == numbers[0]).nonzero().flatten()
    length = int(again[1]) if len(again) > 1 else numbers.numel()
    if numbers.numel() < _SAME or numbers.numel() % length or length == numbers.numel():
        return None
    rounds = numbers.reshape(-1, length)
    text = row(rounds[0]) if bool((rounds == rounds[:1]).all()) else None
    return None if text is None else f"[i for _ in range({len(rounds)}) for i in {text}]"


def of_distances(table: Tensor) -> str | None:
    """The expression of a square table of the distances between two places; None where none is seen."""
    count = len(table)
    text = f"[[{_LOGARITHM.format('i - k')} for k in range({count})] for i in range({count})]"
    return text if tuple(table.shape) == (count, count) and says(text, table, is_rounded=True) else None


def rule(numbers: Tensor) -> Rule | None:
    """The rule of a row of fractions, or of numbers that grow by equal factors; None where none is seen."""
    if numbers.numel() < _FEWEST:
        return None
    for found in chain(falling(numbers), places(numbers)):
        if says(found.listed(), numbers):
            return found
    return None


def falling(numbers: Tensor) -> Iterator[Rule]:
    """Rules by which numbers may fall or grow by equal factors from 1, as frequencies do, likely ones first."""
    count, wide = numbers.numel(), numbers.double()
    if wide[0] != 1 or bool((wide <= 0).any()) or wide[-1] == 1:
        return
    factor = float(wide[1])
    if factor > 1 and factor == round(factor):
        yield Rule(f"{round(factor)} ** {{}}", count)
        return
    for parts in (count, count - 1):
        for sign in ("-", ""):
            base = float(wide[-1]) ** (float(f"{sign}{parts}") / (count - 1))
            if round(base) > 1 and abs(base / round(base) - 1) < 1e-4:
                yield Rule(f"{round(base)} ** ({sign}{{}} / {parts})", count)


def places(numbers: Tensor) -> Iterator[Rule]:
    """Rules of places along a side, as shares of it or of a turn, that are close to these numbers."""
    count, wide = numbers.numel(), numbers.double()
    if count < _FEWEST or not bool(wide.isfinite().all()):
        return
    straight = torch.linspace(float(wide[0]), float(wide[-1]), count, dtype=torch.float64)
    if not torch.allclose(straight, wide, rtol=1e-4, atol=1e-4):  # in equal steps, as all of these are
        return
    for term in _shares(count, wide[[0, -1]]):
        found = Rule(term, count)
        if _is_close(found, wide):
            yield found


def _is_close(found: Rule, wide: Tensor) -> bool:
    try:
        numbers = floats(found.listed())
    except ExpressionError:  # these are more numbers than an expression may make
        return False
    return torch.allclose(torch.tensor(numbers, dtype=torch.float64), wide, rtol=1e-5, atol=1e-5)


def _logarithms(numbers: Tensor) -> Rule | None:
    """The logarithms of distances from the place in the middle, with their signs; None where they are others."""
    middle, odd = divmod(numbers.numel(), 2)
    if not odd or numbers[middle] != 0 or not torch.equal(numbers, -numbers.flip(0)):
        return None
    found = Rule(_LOGARITHM.format(f"{{0}} - {middle}"), numbers.numel())
    return found if says(found.listed(), numbers, is_rounded=True) else None


_LOGARITHM: Final = "(1 if {0} > 0 else -1) * log(1 + abs({0}))"
"""Of a distance, with its sign."""


def _shares(count: int, ends: Tensor) -> Iterator[str]:
    """Terms of places along a side: behind the first ones, in the middle, between two ends."""
    for whole in ("", f"{_TURN} * ", f"{_TURN / 2} * "):
        for end in (f"({count} + 1e-6)", f"{count}"):
            yield f"{whole}({{}} + 1) / {end}"
        yield f"{whole}{{}} / {count}"
        yield f"{whole}{{}} / {count - 1}"
    yield f"({{}} + 0.5) / {count}"
    yield f"2 * {{}} / {count - 1} - 1"
    yield f"(2 * {{}} + 1) / {count} - 1"
    for unit, whole in ((1.0, ""), (_TURN / 2, f"{_TURN / 2} * ")):
        first, last = round(float(ends[0]) / unit), round(float(ends[1]) / unit)
        term = f"{first} + {last - first} * {{}} / {count - 1}"
        yield f"{whole}({term})" if whole else term


def counted(numbers: Tensor) -> str | None:
    """The range of whole numbers in equal steps that these are close to; None where there is none."""
    whole = numbers.round()
    if numbers.numel() < 2 or not torch.allclose(whole, numbers, rtol=1e-5, atol=1e-3):
        return None
    first, step = int(whole[0]), int(whole[1] - whole[0])
    if step == 0 or not torch.equal(whole, first + step * torch.arange(numbers.numel()).to(whole.dtype)):
        return None
    return _range(first, step, numbers.numel())


def _range(first: int, step: int, count: int) -> str:
    end = first + step * (count - 1) + (1 if step > 0 else -1)
    if step == 1:
        return f"range({end})" if first == 0 else f"range({first}, {end})"
    return f"range({first}, {end}, {step})"


def number(number: float) -> str:
    """A number as it is typed, without a point if it is a whole one."""
    return str(int(number)) if number == round(number) and abs(number) < 2**24 else repr(number)
