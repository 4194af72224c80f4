"""Numbers that were seen, as the formula of the sizes that they follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, combinations, combinations_with_replacement
from math import prod
from typing import Any

import torch

Row = Mapping[str, int]
"""The sizes in one run, by how a program names them: `x.shape[1]`, `self.heads`."""


def formula(rows: Sequence[Row], values: Sequence[int], *, floors: bool = True) -> str | None:
    """The simplest expression of the sizes that gives these values, one for each row; None where none is seen.

    Args:
        rows: the sizes.
        values: what they give.
        floors: try how often a step fits into a size, as of an axis; sums of longer products are tried where it does
            not, as of a count.
    """
    if len(set(values)) == 1:
        return str(values[0])
    names = _telling(rows)
    for text in chain(_of_one(rows, values, names), _products(rows, values, names)):
        return text
    linear = _polynomials(rows, values, names, 1)
    slides = _floors(rows, values, names) if floors and len(rows) >= _ENOUGH else iter(())
    higher = (text for degree in (2, 3) for text in _polynomials(rows, values, names, degree))
    sums = iter(()) if floors else _sums(rows, values, names)
    return next(chain(linear, slides, higher, sums), None)


_ENOUGH = 8
"""Runs that tell how often a step fits into a size from anything else."""
_MOST = 4
"""Sizes that a polynomial has."""


def _telling(rows: Sequence[Row]) -> list[str]:
    """The sizes that vary, of those that are always equal the first."""
    found: dict[tuple[int, ...], str] = {}
    for name in rows[0]:
        column = tuple(row[name] for row in rows)
        if len(set(column)) > 1:
            found.setdefault(column, name)
    return list(found.values())


def _of_one(rows: Sequence[Row], values: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """A multiple of one size and a number."""
    for name in names:
        first = rows[0][name]
        other, value = next((row[name], value) for row, value in zip(rows, values, strict=True) if row[name] != first)
        factor, rest = divmod(value - values[0], other - first)
        plus = values[0] - factor * first
        if factor and not rest and all(factor * r[name] + plus == v for r, v in zip(rows, values, strict=True)):
            yield _sum({(name,): factor, (): plus})


def _products(rows: Sequence[Row], values: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """A multiple of a product of sizes."""
    for count in (2, 3, 4, 5):
        for some in combinations_with_replacement(names, count):
            factor, rest = divmod(values[0], prod(rows[0][name] for name in some))
            if factor and not rest:
                found = (factor * prod(row[name] for name in some) for row in rows)
                if all(a == b for a, b in zip(found, values, strict=True)):
                    yield _sum({some: factor})


_STEPS = range(2, 9)
_AROUND = sorted(range(-12, 13), key=abs)
_TIMES = (-1, 1, 2, -2)


def _floors(rows: Sequence[Row], values: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """How often a step fits into a size, as of a window that slides: `(x.shape[1] - self.k) // 2 + 1`."""
    steps = [*map(str, _STEPS), *names]
    for name in names:
        others = [other for other in names if other != name]
        sums: list[dict[tuple[str, ...], int]] = [{(name,): 1}]
        sums += [{(name,): 1, (one,): n} for one in others for n in _TIMES]
        sums += [
            {(name,): 1, (one,): n, (two,): m} for one, two in combinations(others, 2) for n in _TIMES for m in _TIMES
        ]
        for step in steps:
            yield from (text for parts in sums for text in _floor(rows, values, parts, step))


def _floor(
    rows: Sequence[Row], values: Sequence[int], parts: Mapping[tuple[str, ...], int], step: str
) -> Iterator[str]:
    by = [row.get(step, 0) or int(step) for row in rows]
    sums = [sum(factor * prod(row[n] for n in part) for part, factor in parts.items()) for row in rows]
    for more in (0, 1):
        for plus in _AROUND:
            if all((one + plus) // n + more == v for one, n, v in zip(sums, by, values, strict=True)):
                size = _sum({**parts, (): plus})
                whole = f"({size})" if plus or len(parts) > 1 else size
                yield f"{whole} // {step}" + (" + 1" if more else "")


def _sums(rows: Sequence[Row], values: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """Whole multiples of two products of more sizes than a polynomial has: a router's and those of its experts."""
    if len(rows) < _ENOUGH:
        return
    products = [some for count in (1, 2, 3, 4) for some in combinations_with_replacement(names, count)]
    columns = {some: [prod(row[name] for name in some) for row in rows] for some in products}
    for one, two in combinations(products, 2):
        a, b = columns[one], columns[two]
        i = next((i for i in range(1, len(rows)) if a[0] * b[i] != a[i] * b[0]), 0)
        under = a[0] * b[i] - a[i] * b[0]
        if not under:
            continue
        first, rest = divmod(values[0] * b[i] - values[i] * b[0], under)
        second, other = divmod(a[0] * values[i] - a[i] * values[0], under)
        if rest or other or first <= 0 or second <= 0:
            continue
        if all(first * m + second * n == value for m, n, value in zip(a, b, values, strict=True)):
            yield _sum({one: first, two: second})


def _polynomials(rows: Sequence[Row], values: Sequence[int], names: Sequence[str], degree: int) -> Iterator[str]:
    """Sums of whole multiples of products of sizes, of the fewest sizes first."""
    for count in range(1, min(len(names), _MOST) + 1):
        for some in combinations(names, count):
            text = _polynomial(rows, values, some, degree)
            if text is not None:
                yield text


def _polynomial(rows: Sequence[Row], values: Sequence[int], names: Sequence[str], degree: int) -> str | None:
    """A sum of whole multiples of products of at most so many sizes, if there are more runs than it has parts."""
    parts = [part for count in range(degree + 1) for part in combinations_with_replacement(names, count)]
    if len(parts) * 3 > len(rows) * 2:
        return None
    table = torch.tensor([[float(prod(row[n] for n in part)) for part in parts] for row in rows], dtype=torch.float64)
    largest = table.amax(0)
    wanted = torch.tensor([[float(value)] for value in values], dtype=torch.float64)
    solve: Any = torch.linalg  # of which torch leaves types out
    found: list[float] = (solve.lstsq(table / largest, wanted, driver="gelsd").solution[:, 0] / largest).tolist()
    factors = {part: round(factor) for part, factor in zip(parts, found, strict=True)}
    for row, value in zip(rows, values, strict=True):
        if sum(factor * prod(row[n] for n in part) for part, factor in factors.items()) != value:
            return None
    return _sum(factors)


def _sum(factors: Mapping[tuple[str, ...], int]) -> str:
    """The text of a sum of multiples of products."""
    text = ""
    for part, factor in sorted(factors.items(), key=lambda item: -len(item[0])):
        if not factor:
            continue
        words = " * ".join([*([str(abs(factor))] if abs(factor) != 1 or not part else []), *part])
        sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
        text += sign + words
    return text or "0"
