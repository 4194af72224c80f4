"""Tables of numbers as the expressions of a spec: what a person would have written in their place.

Each expression is computed and compared with the table, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import gcd, isqrt
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor

from netspec.capture.numbers.bands import band
from netspec.capture.numbers.rules import number, of_distances, row, rule, says
from netspec.capture.written import ExpressionText

_MOST: Final = 4096
"""Numbers that are written into a spec one by one."""
_FEW: Final = 16
"""Numbers that are typed rather than computed."""


def told(table: Tensor) -> Any:
    """The numbers in a tensor as a spec writes them: as an expression, or one by one, floats that are all whole without
    their points; None of too many that follow no rule."""
    if table.numel() >= _FEW or (table.dtype == torch.int64 and table.dim() == 1):
        found = expression(table)
        if found is not None:
            return ExpressionText(found)
    if table.numel() > _MOST:
        return None
    is_whole = table.is_floating_point() and bool(((table == table.round()) & (table.abs() < 2**24)).all())
    return cast("Any", (table.to(torch.int64) if is_whole else table).tolist())  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out


def expression(table: Tensor) -> str | None:
    """The expression of a table that follows a rule; None where none is seen."""
    if table.dtype == torch.bool:
        return band(table)
    if table.dim() == 0 or not bool(table.isfinite().all()):
        return None
    if table.dim() == 1:
        return row(table)
    if bool((table == table.flatten()[0]).all()):
        text = number(table.flatten()[0].item())
        for size in reversed(table.shape):
            text = _times(text, size)
        return text
    distances = of_distances(table) if table.dim() == _AXES and table.is_floating_point() else None
    if distances is not None:
        return distances
    if bool((table == table[:1]).all()):
        inner = expression(table[0])
        return None if inner is None else _times(inner, table.shape[0])
    for text in chain(_of_two(table), _of_rows(table), _chosen(table), _flat_grid(table), _grid(table), _runs(table)):
        if says(text, table):
            return text
    return band(table)


def _of_two(table: Tensor) -> Iterator[str]:
    if table.dim() != 2:
        return
    if table.is_floating_point():
        yield from _product(table)
    else:
        yield from _windows(table)
        yield from _token(table)


def _product(table: Tensor) -> Iterator[str]:
    """Positions times frequencies, which are the angles of sines."""
    start = float(table[0, 0])
    positions = rule(table[:, 0]) if start else None
    if positions is None:
        return
    falls = rule((table[0].double() / start).to(torch.float32))
    count = table.shape[1]
    bases = [10000, *([] if falls is None else [int(falls.term.partition(" ")[0])])]
    for base in bases:
        for parts in (count, count - 1):
            yield (
                f"[[{positions.term.format('i')} / {base} ** (k / {parts}) for k in range({count})] "
                f"for i in range({positions.size})]"
            )


def _times(text: str, count: int) -> str:
    return f"[{text}]" if count == 1 else f"[{text}] * {count}"


def _of_rows(table: Tensor) -> Iterator[str]:
    """A row of numbers, each of them repeated along the other axes."""
    first = table.flatten(1)[:, :1]
    text = expression(first[:, 0]) if bool((table.flatten(1) == first).all()) else None
    if text is not None:
        inner = "y"
        for size in reversed(table.shape[1:]):
            inner = _times(inner, size)
        yield f"[{inner} for y in {text}]"


def _chosen(table: Tensor) -> Iterator[str]:
    """Pairs of places, each with a 1 for the distance between them and 0 for all others."""
    if table.dim() != 3 or not torch.equal(table.sum(-1), torch.ones(table.shape[:2]).to(table.dtype)):
        return
    term = _distance(table.argmax(-1), "i", "k")
    if term is not None:
        rows, columns, kinds = table.shape
        inner = f"[1 if d == {term} else 0 for d in range({kinds})]"
        yield f"[[{inner} for k in range({columns})] for i in range({rows})]"


def _runs(table: Tensor) -> Iterator[str]:
    """Numbers, or tables of them, of which many that stand one behind the other are equal."""
    text = _run_text(table)
    if len(text) <= _LONG:
        yield text


_LONG: Final = 120
"""Characters of an expression that somebody reads."""


def _run_text(table: Tensor) -> str:
    if table.dim() == 0:
        return number(table.item())
    changes = table[1:] != table[:-1]
    changes = changes.flatten(1).any(1) if changes.dim() > 1 else changes
    starts = [0, *(int(i) + 1 for i in changes.nonzero().flatten())]
    counts = [after - start for start, after in zip(starts, [*starts[1:], len(table)], strict=True)]
    if len(starts) * _RUN > len(table):  # of too many kinds to be an expression
        return "?" * (_LONG + 1)
    parts = [(f"[{_run_text(table[start])}]", count) for start, count in zip(starts, counts, strict=True)]
    return " + ".join(part if count == 1 else f"{part} * {count}" for part, count in parts)


_RUN: Final = 1.5
"""Equal ones that there are at least of each, on average."""


def _flat_grid(table: Tensor) -> Iterator[str]:
    """Pairs of numbers for the places of two windows, of which one says where their rows are, the other one where their
    columns are."""
    found = pairs_of(table) if table.numel() <= _MOST * 2 else None  # an evaluation has its limits
    if found is not None:
        down, across = (expression(each) or _typed(each) for each in found)
        yield f"[[y, x] for r in {down} for c in {across} for y in r for x in c]"


def pairs_of(table: Tensor) -> tuple[Tensor, Tensor] | None:
    """Of such pairs, (places · places, 2), the numbers of the rows, (rows, rows), and of the columns, (columns,
    columns); None of any others."""
    side = isqrt(table.shape[0])
    if table.dim() != _AXES or table.shape[1] != 2 or side**2 != table.shape[0]:
        return None
    for width in _divisors(side):
        places = table.reshape(side // width, width, side // width, width, 2)
        rows, columns = places[:, 0, :, 0, 0], places[0, :, 0, :, 1]
        is_down = bool((places[..., 0] == rows[:, None, :, None]).all())
        if is_down and bool((places[..., 1] == columns[None, :, None, :]).all()):
            return rows, columns
    return None


_AXES: Final = 2
"""Of a table of pairs."""


def _typed(table: Tensor) -> str:
    """Numbers one by one."""
    return number(table.item()) if table.dim() == 0 else f"[{', '.join(map(_typed, table))}]"


def _grid(table: Tensor) -> Iterator[str]:
    """The places of a grid: for each of its axes a row of numbers, or of vectors, that is chosen by the place there."""
    for axis in range(2, min(table.dim(), 4)):
        if table.shape[axis] != axis:
            continue
        parts: list[str] = []
        for i in range(axis):
            part = table.select(axis, i)
            others = tuple(other for other in range(axis) if other != i)
            one = part
            for other in others:
                one = one.narrow(other, 0, 1)
            if bool((part == one).all()):
                parts.append(expression(one.squeeze(others)) or _typed(one.squeeze(others)))
        if len(parts) == axis:
            names = "zyx"[-axis:]
            text = f"[{', '.join(names)}]"
            for name, part in reversed([*zip(names, parts, strict=True)]):
                text = f"[{text} for {name} in {part}]"
            yield text


# ---- distances of places


class Windows(NamedTuple):
    """A table of the numbers of pairs of places in windows, row by row: kinds · rows + columns."""

    kinds: int
    rows: Tensor
    """For the rows of both places, (rows of queries, rows of keys)."""
    columns: Tensor
    """For their columns."""


def windows_of(table: Tensor) -> Windows | None:
    """What a table of whole numbers for queries and keys is made of; None where they are no places in windows."""
    found = [made for made in _made_of(table) if made.kinds > int(made.columns.max())]
    return min(found, key=lambda made: made.rows.numel() + made.columns.numel(), default=None)


def told_pairs(table: Tensor) -> Any:
    """Whole numbers of pairs one behind the other, as `told` has them."""
    term = _distance(table, "i", "k") if table.dim() == 2 else None
    if term is None:
        return told(table.flatten())
    return ExpressionText(f"[{term} for i in range({table.shape[0]}) for k in range({table.shape[1]})]")


def _windows(table: Tensor, *, prefix: str = "", top: str = "") -> Iterator[str]:
    """Numbers of the distances from places of one window to those of another, row by row and column by column."""
    queries, keys = table.shape
    whole = _distance(table, "a", "b")
    if whole is not None:
        yield f"{top}[{prefix}[{whole} for b in range({keys})] for a in range({queries})]"
    for kinds, rows, columns in _made_of(table):
        own, width = columns.shape
        tall = _distance(rows, f"a // {own}", f"b // {width}")
        wide = _distance(columns, f"a % {own}", f"b % {width}")
        if tall is None or wide is None:
            continue
        term = f"{tall if tall.startswith('abs') else f'({tall})'} * {kinds} + {wide}"
        yield f"{top}[{prefix}[{term} for b in range({keys})] for a in range({queries})]"
        axes = [
            f"[[{_distance(each, 'i', 'k')} for k in range({each.shape[1]})] for i in range({each.shape[0]})]"
            for each in (rows, columns)
        ]  # which makes fewer numbers: an evaluation has its limits
        yield f"{top}[{prefix}[{kinds} * y + x for y in r for x in c] for r in {axes[0]} for c in {axes[1]}]"


def _made_of(table: Tensor) -> Iterator[Windows]:
    queries, keys = table.shape
    for width in _divisors(keys):
        for own in _divisors(queries):
            places = table.reshape(queries // own, own, keys // width, width)
            rows, columns = places[:, 0, :, 0], places[0, :, 0, :]
            if not torch.equal(rows[:, None, :, None] + columns[None, :, None, :] - table[0, 0], places):
                continue
            across = columns - columns.min()
            down = rows - across[0, 0]
            kinds = gcd(*(int(number) for number in (down - down[0, 0]).flatten()))
            if kinds >= 1 and not bool((down % kinds).any()):
                yield Windows(kinds, down // kinds, across)


def _divisors(size: int) -> Iterator[int]:
    """The widths of windows of so many places, of at least two rows and columns."""
    return (width for width in range(2, size // 2 + 1) if size % width == 0)


def _token(table: Tensor) -> Iterator[str]:
    """Such distances with a token in front, which has numbers of its own."""
    if table.shape[0] != table.shape[1] or table.shape[0] < 3:
        return
    top, side, corner = int(table[0, 1]), int(table[1, 0]), int(table[0, 0])
    if bool((table[0, 1:] != top).any() or (table[1:, 0] != side).any()):
        return
    area = table.shape[0] - 1
    yield from _windows(table[1:, 1:], prefix=f"[{side}] + ", top=f"[[{corner}] + [{top}] * {area}] + ")


def _distance(numbers: Tensor, query: str, key: str) -> str | None:
    """The term of a distance of two places along an axis, of which each has its number: their difference, as it is, or
    without its sign, or limited on both sides; None where it is none of these."""
    if min(numbers.shape) < 2:
        return None
    start, along, across = int(numbers[0, 0]), int(numbers[1, 0]), int(numbers[0, 1])
    i, k = torch.arange(numbers.shape[0])[:, None], torch.arange(numbers.shape[1])
    steps = along - start, across - start
    if torch.equal(start + steps[0] * i + steps[1] * k, numbers):
        return _sum(start, (steps[0], query), (steps[1], key))
    if start == 0 and torch.equal((along * i - across * k).abs(), numbers):
        return f"abs({_sum(0, (along, query), (-across, key))})"
    least, most = int(numbers.min()), int(numbers.max())
    for sign in (1, -1):
        if torch.equal((start + sign * (i - k)).clamp(least, most), numbers):
            return f"min(max({_sum(start, (sign, query), (-sign, key))}, {least}), {most})"
    return None


def _sum(start: int, *terms: tuple[int, str]) -> str:
    """A number and terms with their factors, those that are added in front."""
    text = str(start) if start else ""
    for factor, term in sorted(terms, key=lambda pair: pair[0] < 0):
        if factor:
            times = "" if abs(factor) == 1 else f"{abs(factor)} * "
            own = f"({term})" if times and " " in term else term
            sign = "-" if factor < 0 else "+"
            text = f"{text} {sign} {times}{own}" if text else f"{'-' if factor < 0 else ''}{times}{own}"
    return text or "0"
