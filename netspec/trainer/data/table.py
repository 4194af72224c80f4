"""Tables in files of CSV and Parquet: their columns learned, and rows made examples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.datasets.table import Table, listed
from netspec.trainer.data.columns import CategoryColumn, Column, NumberColumn, TableColumns, columns_of
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.frames import (
    Frame,
    check_finite,
    column_of,
    first_text,
    numbers_of,
    places_of,
    read_frame,
    tensor_of,
    texts_of,
    without_point,
)  # fmt: skip
from netspec.trainer.data.odd_columns import check_texts
from netspec.trainer.data.parts import Part, Parts, Request, located
from netspec.trainer.data.splits import hold_out
from netspec.trainer.data.table_targets import classes_of, of_classes, targets_of
from netspec.trainer.machine.host import ints
from netspec.views.describe import plural

_FAR = 100
"""How many deviations, or how many times 1, a target may be away from 0 before a run mentions it."""
_NAMED = 5
"""So many values of a column are named."""
_MOST = 1000
"""The most categories of a column: what has more is a text or a number of the row."""


def read(data: Table, request: Request) -> Parts:
    """Load the files that a recipe names under `table:`.

    Raises:
        MissingExtra: Polars is not installed.
        ResourceError: a file is missing or damaged, lacks a column, or has values that cannot be used; or the rows do
            not fit the net.
    """
    files = {name: located(path, request.base) for name, path in _files(data).items()}
    frames = {name: read_frame(path, data) for name, path in files.items()}
    recipe, train = request.recipe, frames["train"]
    field = request.fields[0] if request.fields else None
    if request.kept is not None:
        columns = columns_of(request.kept.read_text(encoding="utf-8"), str(request.kept))
        y = targets_of(train, columns, data, field, str(files["train"]))
    else:
        classes = classes_of(train, data, field, str(files["train"]))
        y = targets_of(train, TableColumns((), data.targets, classes), data, field, str(files["train"]))
        rows = hold_out(y, recipe.validation, recipe.seed, recipe.fold)[0] if _divides(request, y) else None
        columns = TableColumns(_learned(train, data, rows, str(files["train"])), data.targets, classes)
    _check_width(columns, request, str(files["train"]))
    parts: dict[str, Part] = {}
    for name, frame in frames.items():
        origin = str(files[name])
        x = examples_of(frame, columns, origin)
        target = y if name == "train" else targets_of(frame, columns, data, field, origin)
        parts[name] = Part(x, target, (columns.width,), f"`{origin}`")
    names = columns.classes if columns.classes is not None and field is not None and of_classes(field) else None
    return Parts(
        parts["train"], parts.get("test"), parts.get("validation"), names=names or (),
        classes=None if names is None else len(names), kept=columns.text(),
        notes=(*_notes(data, columns, frames), *_about_scale(data, columns, y)),
        hash=lambda: hash_of_files(files["train"], {name: {"": path} for name, path in files.items()}),
    )  # fmt: skip


def read_rows(path: Path, data: Table, kept: Path) -> tuple[Part, list[str]]:
    """The examples of a file by what a run keeps, without targets; and warnings of categories that it has not seen.

    Raises:
        MissingExtra: Polars is not installed.
        ResourceError: as of `read`.
    """
    frame = read_frame(path, data)
    columns = columns_of(kept.read_text(encoding="utf-8"), str(kept))
    x = examples_of(frame, columns, str(path))
    return Part(x, torch.empty(len(x), 0), (columns.width,), f"`{path}`"), _unseen(frame, columns, str(path))


def _unseen(frame: Frame, columns: TableColumns, origin: str) -> list[str]:
    """Warnings of categories that no training row has, each with its count."""
    warnings = list[str]()
    for seen in columns.seen:
        if not isinstance(seen, CategoryColumn):
            continue
        there = frame[seen.name].drop_nulls()
        strange = there.filter(places_of(there, seen.values, origin).is_null())
        if not len(strange):
            continue
        counted = Counter(map(str, strange.to_list())).most_common()
        told = ", ".join(f"`{value[:40]}` in {plural(count, 'row')}" for value, count in counted[:_NAMED])
        more = f", and {plural(len(counted) - _NAMED, 'other')}" if len(counted) > _NAMED else ""
        warnings.append(
            f"warning: the column `{seen.name}` of `{origin}` has what no training row has: {told}{more}; the net is "
            "told of none of its categories there"
        )
    return warnings


def _files(data: Table) -> dict[str, str]:
    named = {"train": data.train, "test": data.test, "validation": data.validation}
    return {name: path for name, path in named.items() if path is not None}


def _divides(request: Request, y: Tensor) -> bool:
    return request.recipe.validation > 0 and len(y) > 1


# ---- columns


def _learned(frame: Frame, data: Table, rows: Tensor | None, origin: str) -> tuple[Column, ...]:
    """The columns that a net sees, by the rows that are trained on.

    Raises:
        ResourceError: one is not there, or cannot be used.
    """
    left_out = {*data.targets, *listed(data.drop)}
    for name in (*listed(data.drop), *listed(data.categories)):
        column_of(frame, name, origin)
    names = listed(data.columns) or tuple(name for name in frame.columns if name not in left_out)
    if not names:
        raise ResourceError(f"`{origin}` has no column that the net could see, but only {', '.join(sorted(left_out))}")
    whole = None if rows is None else ints(rows)
    return tuple(_learn(column_of(frame, name, origin), whole, data, origin) for name in names)


def _learn(column: Any, rows: list[int] | None, data: Table, origin: str) -> Column:
    numbers = None if column.name in listed(data.categories) else numbers_of(column)
    if numbers is None:
        return _learn_categories(column, rows, listed(data.categories), origin)
    check_finite(numbers, origin)
    seen = (numbers if rows is None else numbers[rows]).drop_nulls()
    mean = float(seen.mean()) if len(seen) else 0.0
    deviation = float(seen.std(ddof=0)) if len(seen) else 0.0
    if not data.normalize:
        return NumberColumn(column.name, 0.0, 1.0, mean)
    return NumberColumn(column.name, mean, deviation or 1.0, mean)


def _learn_categories(column: Any, rows: list[int] | None, named: tuple[str, ...], origin: str) -> CategoryColumn:
    if column.dtype.is_temporal():
        raise ResourceError(
            f"the column `{column.name}` of `{origin}` is of {column.dtype}, neither of numbers nor of categories; "
            f"leave it out with `drop: {column.name}`, or make numbers of it"
        )
    texts = texts_of(column, origin)
    seen = texts if rows is None else texts[rows]
    if column.name in named:
        seen = without_point(seen)
    values = sorted(seen.drop_nulls().unique().to_list())
    if column.name not in named:
        check_texts(texts, values, origin)
    if len(values) > _MOST:
        raise ResourceError(
            f"the column `{column.name}` of `{origin}` has {len(values):,} different texts, such as "
            f"`{values[0][:40]}`, more than the {_MOST:,} that categories may be; leave it out with "
            f"`drop: {column.name}`, or, if these are numbers, say what is missing with `missing:`"
        )
    return CategoryColumn(column.name, tuple(values), bool(seen.null_count()))


def examples_of(frame: Frame, columns: TableColumns, origin: str) -> Tensor:
    """The rows as examples, float32 (N, width).

    Raises:
        ResourceError: a column is not there, or has texts in place of numbers.
    """
    made = torch.zeros(frame.height, columns.width)
    at = 0
    for seen in columns.seen:
        column = column_of(frame, seen.name, origin)
        if isinstance(seen, NumberColumn):
            numbers = numbers_of(column)
            if numbers is None:
                raise ResourceError(
                    f"the column `{seen.name}` of `{origin}` has texts, such as {first_text(column)}, and is one of "
                    "numbers in the training rows; mend it, or let `missing` say what stands for no value"
                )
            check_finite(numbers, origin)
            scaled = (numbers.fill_null(seen.fill) - seen.mean) / seen.deviation
            check_finite(scaled, origin)
            made[:, at] = tensor_of(scaled).float()
        else:
            found = places_of(column, seen.values, origin)
            place = tensor_of(found.fill_null(-1))
            if seen.missing:
                empty = tensor_of(column.is_null())
                place = torch.where(empty, len(seen.values), place)
            rows = (place >= 0).nonzero().squeeze(1)
            made[rows, at + place[rows]] = 1.0
        at += seen.width
    return made


# ---- messages


def _check_width(columns: TableColumns, request: Request, origin: str) -> None:
    shape = request.input.shape
    if shape == (columns.width,):
        return
    numbers = sum(isinstance(column, NumberColumn) for column in columns.seen)
    categories = [column for column in columns.seen if isinstance(column, CategoryColumn)]
    told = [plural(numbers, "column") + " of numbers"] if numbers else []
    if categories:
        whole = sum(column.width for column in categories)
        told.append(f"{plural(len(categories), 'column')} of categories with {whole} in all")
    raise ResourceError(
        f"a row of `{origin}` gives {columns.width} numbers ({', '.join(told)}), but the net's input is "
        f"{' × '.join(map(str, shape))}: write `input: [{columns.width}]`"
    )


def _notes(data: Table, columns: TableColumns, frames: Mapping[str, Frame]) -> tuple[str, ...]:
    """Notes for the user: words that stand for 0 and 1, numbers of rows, categories that training has not seen."""
    notes = list[str]()
    if columns.classes is not None and len(data.targets) == 1 and len(columns.classes) == 2:
        notes.append(f"note: of `{data.targets[0]}`, 0 is `{columns.classes[0]}` and 1 is `{columns.classes[1]}`")
    rows = frames["train"].height
    train = frames["train"]
    for column in columns.seen:
        if column.name in train.columns and train[column.name].null_count() == rows:
            notes.append(f"note: no row has a `{column.name}`, which tells the net nothing: `drop` it")
        if isinstance(column, CategoryColumn) and len(column.values) == rows > 2:
            notes.append(f"note: every row has a `{column.name}` of its own, which tells the net nothing: `drop` it")
        if not isinstance(column, CategoryColumn):
            continue
        for part in ("validation", "test"):
            frame = frames.get(part)
            if frame is None or column.name not in frame.columns:
                continue
            given = frame[column.name].drop_nulls()
            count = int(places_of(given, column.values, part).null_count())
            if count:
                notes.append(f"note: {plural(count, 'row')} of {part} has a `{column.name}` that no training row has")
    return tuple(notes)


def _about_scale(data: Table, columns: TableColumns, y: Tensor) -> list[str]:
    """Notes on targets that are far from what a net gives at first, which is about 0 with a deviation of about 1."""
    if columns.classes is not None or not y.numel():
        return []
    notes = list[str]()
    for name, values in zip(data.targets, y.double().reshape(len(y), -1).T, strict=False):
        mean, deviation = float(values.mean()), float(values.std(correction=0))
        size = (mean**2 + deviation**2) ** 0.5
        if size > _FAR:
            unit = 10.0 ** math.floor(math.log10(size))
            way = f"write it in another unit, such as {name} / {unit:,.0f}"
        elif deviation > 0 and abs(mean) > _FAR * deviation:
            way = f"take a number near {mean:.4g} off it"
        else:
            continue
        notes.append(
            f"note: `{name}` is {mean:,.4g} in the mean, with a deviation of {deviation:.4g}, and targets are not "
            f"scaled: a net begins near 0, and takes long to get there; {way}"
        )
    return notes
