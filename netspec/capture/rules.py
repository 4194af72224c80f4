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


def says(text: str, table: Tensor) -> bool:
    """Whether an expression is a table, to the bit once its numbers are of the table's type."""
    try:
        found: Any = parse(text).evaluate({})
    except ExpressionError:  # it is too long, or makes too much
        return False
    numbers = torch.tensor(found)
    return not (numbers.is_floating_point() and not table.is_floating_point()) and torch.equal(
        torch.tensor(found, dtype=table.dtype), table
    )


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
        return f"[{_number(first)}] * {count}" if count >= _SAME else None
    step = numbers[1].item() - first
    if step == round(step) and first == round(first) and last == first + step * (count - 1):
        text = _range(int(first), int(step), count)
        if says(text, numbers):
            return text
    found = rule(numbers)
    return None if found is None else found.listed()


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
        base = float(wide[-1]) ** (-parts / (count - 1))
        if round(base) > 1 and abs(base / round(base) - 1) < 1e-4:
            yield Rule(f"{round(base)} ** (-{{}} / {parts})", count)


def places(numbers: Tensor) -> Iterator[Rule]:
    """Rules of places along a side, as shares of it or of a turn, that are close to these numbers."""
    count, wide = numbers.numel(), numbers.double()
    if count < _FEWEST or not bool(wide.isfinite().all()):
        return
    for term in _shares(count, wide[[0, -1]]):
        found = Rule(term, count)
        if torch.allclose(torch.tensor(floats(found.listed()), dtype=torch.float64), wide, rtol=1e-5, atol=1e-5):
            yield found


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


def _number(number: float) -> str:
    return str(int(number)) if number == round(number) and abs(number) < 2**24 else repr(number)
