"""Tables of too many numbers to be written into a spec, as what they are made of: fewer numbers, and layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor

from netspec.capture.forms import Form, NoForm
from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, made
from netspec.capture.lifted import lift, lifted_value
from netspec.capture.slices import Attempt
from netspec.capture.tables import told

if TYPE_CHECKING:
    from netspec.capture.lowering import Lowering


def composed(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """Numbers that a program has, as a value in this shape, behind a batch axis of 1; None where they have no such form.

    Args:
        lowering: what writes them.
        source: the numbers.
        wanted: their shape without the batch.
    """
    if source.tensor is None or source.dtype != "float32":
        return None
    found = _of_places(lowering, source, wanted) or _computed(lowering, source, wanted)
    if found is not None:
        lowering.parameters[source, wanted] = found
    return found


# ---- what a program computes


def _computed(lowering: Lowering, source: Traced, wanted: tuple[int, ...]) -> Traced | None:
    """Numbers that a function has made of others: what it does is written."""
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
        found = lifted_value(lowering, source, (1, *wanted)) if same is None else lowering.constant(same, (1, *wanted))
    except NoForm:
        found = None
    lowering.composes = outer
    if found is None:
        before.undo()
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
    table = source.tensor.reshape([size for size in wanted if size != 1])
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
    return result


_WINDOWS: Final = 3
"""Axes of a table of windows, queries and keys."""


def _pairs_of(table: Tensor) -> _Pairs | None:
    """What a table (windows, queries, keys) of two numbers is made of; of several forms the one of fewest numbers."""
    values = table.flatten().unique()
    if values.numel() != 2 or not bool(values.isfinite().all()):
        return None
    no, yes = float(values[0]), float(values[1])
    found = [each for one, other in ((yes, no), (no, yes)) for each in _factored(table == one, one, other)]
    found = [each for each in found if each.yes - each.no + each.no == each.yes]
    return min(found, key=lambda pairs: pairs.rows.numel() + pairs.columns.numel(), default=None)


def _factored(truth: Tensor, yes: float, no: float) -> Iterator[_Pairs]:
    windows, queries, keys = truth.shape
    for down in _divisors(windows):
        for above in _divisors(queries):
            for below in _divisors(keys):
                places = truth.reshape(down, -1, above, queries // above, below, keys // below)
                rows, columns = places.amax((1, 3, 5)), places.amax((0, 2, 4))
                both = rows[:, None, :, None, :, None] & columns[None, :, None, :, None, :]
                if rows.numel() + columns.numel() < truth.numel() and torch.equal(both, places):
                    yield _Pairs(yes, no, rows.float(), columns.float())


def _divisors(size: int) -> list[int]:
    return [part for part in range(1, size + 1) if size % part == 0]


def _short(number: float) -> float:
    """A whole number without its point."""
    return int(number) if number == int(number) else number


def _buffer(lowering: Lowering, table: Tensor) -> Traced:
    numbers = told(table)
    if numbers is None:
        raise NoForm(f"numbers of the shape {tuple(table.shape)} are too many to be written into a spec")
    value = Traced("made", (1, *table.shape), "float32")
    item = PlacedItem("Buffer", None, (value,), {"value": numbers, "persistent": False})
    lowering.items.append(item)
    lowering.forms[value] = Form()
    return value
