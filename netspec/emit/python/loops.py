"""Statements that are alike but for numbers, as a loop."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from netspec.emit.python.code import WIDTH

_NUMBER: Final = re.compile(r"(?<![\w.\"'])\d+(?![\w.\"'])")
"""A number that stands alone: an index, or an end of a range."""
_LONGEST: Final = 24
"""Statements of one round."""
_ROUNDS: Final = 3
"""Fewer rounds read better one after the other."""
_WIDEST: Final = WIDTH - 8
"""Characters of a line, which stands in a method."""
_SAVED: Final = 3
"""Lines that a loop must save to be one."""


class Shape(NamedTuple):
    """A line with its numbers taken out."""

    text: str
    numbers: tuple[int, ...]


def rolled(lines: Sequence[str], variable: Callable[[], str]) -> list[str]:
    """The lines, with each run of rounds that differ in numbers alone, which rise or fall evenly, as a loop.

    Args:
        lines: statements, those that belong to the one above indented.
        variable: gives a name for the variable of a loop.
    """
    shapes = [Shape(_NUMBER.sub("#", line), tuple(map(int, _NUMBER.findall(line)))) for line in lines]
    found: list[str] = []
    at = 0
    while at < len(lines):
        period, rounds = _run(shapes, at)
        loop = _loop(shapes[at : at + 2 * period], period, rounds, variable()) if rounds else []
        if loop and max(map(len, loop)) <= _WIDEST:
            found += loop
            at += period * rounds
        else:
            found.append(lines[at])
            at += 1
    return found


def _run(shapes: Sequence[Shape], at: int) -> tuple[int, int]:
    """Lines of a round and number of rounds of the run that begins here and saves most; 0 rounds for none."""
    best, saved = (1, 0), _SAVED - 1
    if _continues(shapes[at]):
        return best
    for period in range(1, min(_LONGEST, (len(shapes) - at) // _ROUNDS) + 1):
        if saved > (len(shapes) - at) // 2:  # hardly anything could save more
            break
        if shapes[at].text != shapes[at + period].text:
            continue
        rounds = _rounds(shapes, at, period)
        behind = at + period * rounds
        while rounds and behind < len(shapes) and _continues(shapes[behind]):  # the round goes on
            rounds, behind = rounds - 1, behind - period
        gain = period * rounds - period - 1
        if rounds >= _ROUNDS and gain > saved:
            best, saved = (period, rounds), gain
    return best


def _continues(shape: Shape) -> bool:
    """Whether a line belongs to the one above."""
    return shape.text[:1] in (" ", ")", "]", "}")


def _rounds(shapes: Sequence[Shape], at: int, period: int) -> int:
    """How many rounds of so many lines follow one another, at least 1."""
    first, second = shapes[at : at + period], shapes[at + period : at + 2 * period]
    if len(second) < period or [s.text for s in first] != [s.text for s in second]:
        return 1
    steps = [_steps(a, b) for a, b in zip(first, second, strict=True)]
    rounds = 2
    while True:
        start = at + rounds * period
        here = shapes[start : start + period]
        if len(here) < period or any(a.text != b.text for a, b in zip(first, here, strict=True)):
            return rounds
        if any(
            b.numbers != tuple(n + rounds * step for n, step in zip(a.numbers, by, strict=True))
            for a, b, by in zip(first, here, steps, strict=True)
        ):
            return rounds
        rounds += 1


def _steps(a: Shape, b: Shape) -> tuple[int, ...]:
    return tuple(after - before for before, after in zip(a.numbers, b.numbers, strict=True))


def _loop(shapes: Sequence[Shape], period: int, rounds: int, name: str) -> list[str]:
    """The loop of some rounds, of which the first two are given. Its variable runs over the first number that rises or
    falls by one, most often the index of what is assigned."""
    first, second = shapes[:period], shapes[period:]
    steps = [_steps(a, b) for a, b in zip(first, second, strict=True)]
    moving = [
        (n, step)
        for shape, by in zip(first, steps, strict=True)
        for n, step in zip(shape.numbers, by, strict=True)
        if abs(step) == 1
    ]
    start, way = moving[0] if moving else (0, 1)
    stop = start + way * rounds
    numbers = f"{start}, {stop}, -1" if way < 0 else f"{start}, {stop}" if start else f"{stop}"
    if not any(step for by in steps for step in by):
        name = "_"
    lines = [f"for {name} in range({numbers}):"]
    for shape, by in zip(first, steps, strict=True):
        written = iter([_written(n, step * way, start, name) for n, step in zip(shape.numbers, by, strict=True)])
        lines.append("    " + re.sub("#", lambda _, written=written: next(written), shape.text))
    return lines


def _written(number: int, times: int, start: int, name: str) -> str:
    """A number that is `number` where the variable is `start`, and rises by `times` with it."""
    if times == 0:
        return str(number)
    offset = number - times * start
    if times == -1:
        return f"{offset} - {name}"
    scaled = name if times == 1 else f"{times} * {name}"
    return scaled if offset == 0 else f"{scaled} {'+' if offset > 0 else '-'} {abs(offset)}"
