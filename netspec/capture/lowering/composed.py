"""Tables of too many numbers to be written into a spec, as what they are made of: fewer numbers, and layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.constants import numbers_in
from netspec.capture.lowering.forms import FIXED, Form, NoForm
from netspec.capture.lowering.lifted import form_of, lift, lifted_value
from netspec.capture.lowering.lookups import looked_up
from netspec.capture.lowering.slices import Attempt
from netspec.capture.numbers.sinusoids import sinusoids
from netspec.capture.numbers.tables import pairs_of, told
from netspec.capture.written import ExpressionText

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering


def composed(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """Numbers of a program as a value in this shape, behind a batch axis of 1; None where they have no such form.

    Args:
        lowering: what writes them.
        source: the numbers.
        wanted: their shape without the batch.
    """
    if source.tensor is None or source.dtype != "float32":
        return None
    for attempt in (_of_places, _of_distances, computed, _of_a_grid):
        found = attempt(lowering, source, wanted)
        if found is not None:
            return found
    return None


def of_parameters(lowering: Lowering, source: Traced, as_seen: Traced, shape: Sequence[int]) -> Traced:
    """What a program has made of parameters, as a value whose first axis, of 1, is that of the batch.

    Args:
        lowering: what writes it.
        source: what was made.
        as_seen: the same, or the value that it is in another shape.
        shape: the shape in which it is wanted.

    Raises:
        NoForm: there is no such value.
    """
    chosen = looked_up(lowering, source, shape)
    if chosen is not None:
        return chosen
    ready = lowering.ready(as_seen)
    if lowering.forms.get(ready, FIXED) != FIXED:
        return ready
    is_one = len(shape) > 0 and shape[0] == 1 and source not in lowering.unsaid
    found = computed(lowering, source, tuple(shape[1:])) if is_one else None
    if found is None:
        lowering.refused.extend([lowering.unsaid[source]] if source in lowering.unsaid else [])
        raise NoForm("it is computed of parameters in a way that has no form in a spec")
    return found


def kinds_of(source: Traced, wanted: tuple[int, ...]) -> int:
    """How many numbers a table has but for those that are repeated along one of its axes."""
    if source.tensor is None or source.dtype != "float32":
        return 0
    table: Tensor = numbers_in(source, wanted)
    for axis in range(table.dim()):
        first = table.narrow(axis, 0, 1)
        table = first if bool((table == first).all()) else table
    return table.numel()


# ---- what a program computes


def computed(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """What a function has made of numbers and parameters, as `composed` does it: what it does is written."""
    call = source.maker
    if call is None or call.layer is not None:
        return None
    handler = lowering.functions.get(call.name) or lowering.functions.get(call.name.strip("_"))
    if handler is None:
        return None
    before, outer = Attempt(lowering), lowering.composes
    lowering.composes = True
    try:
        handler(lowering, call)
        lift(lowering, call.results)
        same = lowering.same.get(source) if source not in lowering.lifted else None
        if same is None:
            found = lifted_value(lowering, source, (1, *wanted))
        else:
            found = lowering.constant(same, (same.shape[0] if form_of(lowering, same).plain else 1, *wanted))
    except NoForm:
        found = None
    lowering.composes = outer
    if found is None:
        before.undo()
    else:
        lowering.parameters[source, wanted] = found
    return found


# ---- pairs of places in windows


class _Pairs(NamedTuple):
    """Two numbers, of which pairs of places in windows have one where their rows and their columns say so."""

    yes: float
    no: float
    rows: Tensor
    """(rows of windows, rows of queries, rows of keys): 1, or 0."""
    columns: Tensor
    """The same of columns."""


def _of_places(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """A mask of windows that were shifted: what is added to the scores of places of different parts of an image."""
    table: Tensor = numbers_in(source, wanted).reshape([size for size in wanted if size != 1])
    pairs = _pairs_of(table) if table.dim() == _WINDOWS else None
    if pairs is None:
        return None
    tables = [_buffer(lowering, each) for each in (pairs.rows, pairs.columns)]
    (down, above, below), (along, left, right) = pairs.rows.shape, pairs.columns.shape
    value = made((1, down, along, above, left, below, right), source, varies=False)
    pattern = "n a i k, n b j l -> n a b i j k l"
    lowering.items.append(PlacedItem("einsum", None, (value,), branches=tuple(tables), options={"pattern": pattern}))
    scaled, shifted = (made(value.shape, source, varies=False) for _ in range(2))
    lowering.items.append(PlacedItem("Scale", value, (scaled,), {"factor": _short(pairs.yes - pairs.no)}))
    terms = (scaled, "-" if pairs.no < 0 else "+", _short(abs(pairs.no)))
    lowering.items.append(PlacedItem("use", None, (shifted,), terms=terms))
    result = made((1, *wanted), source, varies=False)
    sizes = iter(("(a b)", "(i j)", "(k l)"))
    after = " ".join("1" if size == 1 else next(sizes) for size in wanted)
    lowering.items.append(PlacedItem("Rearrange", shifted, (result,), {"pattern": f"n a b i j k l -> n {after}"}))
    lowering.forms |= dict.fromkeys((value, scaled, shifted, result), Form())
    lowering.parameters[source, wanted] = result
    return result


_WINDOWS: Final = 3
"""Axes of a table of windows, queries and keys."""


def _pairs_of(table: Tensor) -> _Pairs | None:
    """What a table (windows, queries, keys) of two numbers is made of."""
    no, yes = float(table.min()), float(table.max())
    if not bool(((table == no) | (table == yes)).all()) or no == yes or not isfinite(yes - no):
        return None
    for one, other in ((yes, no), (no, yes)):
        found = _factored(table == one) if one - other + other == one else None
        if found is not None:
            return _Pairs(one, other, *found)
    return None


def _factored(truth: Tensor) -> tuple[Tensor, Tensor] | None:
    """What the rows and the columns of windows say, which both have to be true; None where there is no such pair."""
    windows, queries, keys = truth.shape
    least = truth[int(truth.flatten(1).sum(1).argmin())][None]  # the window that tells most, since others are many
    cuts = [
        (above, below)
        for above in _divisors(queries)
        for below in _divisors(keys)
        if _of_both(least, 1, above, below) is not None
    ]
    sizes = {
        (down, above, below): down * above * below + windows // down * (queries // above) * (keys // below)
        for down in _divisors(windows)
        for above, below in cuts
    }
    tried = (_of_both(truth, *cut) for cut in sorted(sizes, key=lambda cut: sizes[cut]) if sizes[cut] < truth.numel())
    return next((found for found in tried if found is not None), None)


def _of_both(truth: Tensor, down: int, above: int, below: int) -> tuple[Tensor, Tensor] | None:
    """The same, for windows in so many rows, of which queries and keys have so many."""
    windows, queries, keys = truth.shape
    places = truth.reshape(down, windows // down, above, queries // above, below, keys // below)
    rows, columns = places.amax((1, 3, 5)), places.amax((0, 2, 4))
    both = rows[:, None, :, None, :, None] & columns[None, :, None, :, None, :]
    return (rows.float(), columns.float()) if torch.equal(both, places) else None


def _divisors(size: int) -> list[int]:
    return [part for part in range(1, size + 1) if size % part == 0]


def _short(number: float) -> float:
    """A whole number without its point."""
    return int(number) if number == int(number) else number


def _of_distances(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """How far the rows of each pair of places are from each other, and how far their columns are."""
    pairs = pairs_of(numbers_in(source, wanted)) if len(wanted) == 2 else None
    if pairs is None:
        return None
    (high, _), (wide, _) = (each.shape for each in pairs)
    shape = (1, high, wide, high, wide)
    sides: list[Traced] = []
    for rows, columns in ((pairs[0], torch.ones(wide, wide)), (torch.ones(high, high), pairs[1])):
        side = made(shape, source, varies=False)
        tables = (_buffer(lowering, rows), _buffer(lowering, columns))
        options = {"pattern": "n i k, n j l -> n i j k l"}
        lowering.items.append(PlacedItem("einsum", None, (side,), branches=tables, options=options))
        sides.append(side)
    both, result = made((*shape, 2), source, varies=False), made((1, *wanted), source, varies=False)
    lowering.items.append(PlacedItem("stack", None, (both,), branches=tuple(sides), options={"dim": len(shape)}))
    pattern = "n i j k l c -> n (i j k l) c"
    lowering.items.append(PlacedItem("Rearrange", both, (result,), {"pattern": pattern}))
    lowering.forms |= dict.fromkeys((*sides, both, result), Form())
    lowering.parameters[source, wanted] = result
    return result


# ---- places of a grid


class _Grid(NamedTuple):
    """Rows of numbers for the places of a grid, of which each number is that of a row or of a column of it."""

    rows: Tensor
    """(rows, numbers)."""
    columns: Tensor
    """(columns, numbers)."""
    order: Tensor
    """For each number of a place, which of those of its row, and behind them those of its column, it is."""


def _of_a_grid(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """Angles of the places of an image: sines and cosines of their rows and of their columns."""
    grid = _grid_of(numbers_in(source, wanted)) if len(wanted) == 2 else None
    if grid is None:
        return None
    high, wide = len(grid.rows), len(grid.columns)
    chosen = (
        f"[i for i in range({high}) for _ in range({wide})]",
        f"[k for _ in range({high}) for k in range({wide})]",
    )
    parts: list[Traced] = []
    for table, text in zip((grid.rows, grid.columns), chosen, strict=True):
        value = made((1, high * wide, table.shape[1]), source, varies=False)
        arguments = {"dim": 1, "index": ExpressionText(text)}
        lowering.items.append(PlacedItem("IndexSelect", _buffer(lowering, table), (value,), arguments))
        parts.append(value)
    joined = made((1, high * wide, sum(value.shape[2] for value in parts)), source, varies=False)
    lowering.items.append(PlacedItem("concat", None, (joined,), branches=tuple(parts), options={"dim": 2}))
    result = made((1, *wanted), source, varies=False)
    arguments = {"dim": 2, "index": told(grid.order)}
    lowering.items.append(PlacedItem("IndexSelect", joined, (result,), arguments))
    lowering.forms |= dict.fromkeys((*parts, joined, result), Form())
    lowering.parameters[source, wanted] = result
    return result


def _grid_of(table: Tensor) -> _Grid | None:
    """The grid whose places the rows of a table are; None where there is none."""
    for high in _divisors(len(table))[1:-1]:
        places = table.reshape(high, -1, table.shape[1])
        of_rows = (places == places[:, :1]).flatten(0, 1).all(0)
        of_columns = (places == places[:1]).flatten(0, 1).all(0)
        if not bool((of_rows | of_columns).all()) or bool(of_rows.all() | of_columns.all()):
            continue
        rows, own = _kinds(places[:, 0, of_rows])
        columns, others = _kinds(places[0, :, ~of_rows])
        order = torch.empty(table.shape[1], dtype=torch.int64)
        order[of_rows], order[~of_rows] = own, others + rows.shape[1]
        return _Grid(rows, columns, order)
    return None


def _kinds(table: Tensor) -> tuple[Tensor, Tensor]:
    """The different columns of a table, and which of them each of its columns is."""
    seen: dict[bytes, int] = {}
    order = [seen.setdefault(column.numpy().tobytes(), len(seen)) for column in table.T.contiguous()]
    return table[:, [order.index(kind) for kind in range(len(seen))]], torch.tensor(order)


def _buffer(lowering: Lowering, table: Tensor) -> Traced:
    """A table of fewer numbers."""
    value = Traced("made", (1, *table.shape), "float32")
    sines = sinusoids(table, is_exact=False) if table.dim() == 2 else None
    numbers = told(table) if sines is None else None
    if sines is None and numbers is None:
        raise NoForm(f"numbers of the shape {tuple(table.shape)} are too many to be written into a spec")
    word, arguments = ("Buffer", {"value": numbers}) if sines is None else ("Sinusoids", sines)
    item = PlacedItem(word, None, (value,), {**arguments, "persistent": False})
    item.numbers = table
    lowering.items.append(item)
    lowering.forms[value] = Form()
    return value
