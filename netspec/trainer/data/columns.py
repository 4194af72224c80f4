"""What a table's columns mean, learned from the rows that are trained on, and examples made by it.

It is kept as JSON: nothing in it is code. A number that is missing is the mean, which is 0 once it is normalised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from netspec.diagnostics import ResourceError

FORMAT = "netspec.table/1"


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, which becomes (value − mean) / deviation."""

    name: str
    mean: float
    deviation: float
    fill: float
    """What stands for a value that is missing: the mean of those that there are."""

    @property
    def width(self) -> int:
        """How many numbers of an example come of it."""
        return 1


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories, which becomes a 0 or 1 for each."""

    name: str
    values: tuple[str, ...]
    missing: bool
    """There is a place for what is missing, behind those of the values."""

    @property
    def width(self) -> int:
        """How many numbers of an example come of it."""
        return len(self.values) + self.missing


Column = NumberColumn | CategoryColumn


@dataclass(frozen=True)
class TableColumns:
    """The columns that a net sees, in their order, and what its targets are called."""

    seen: tuple[Column, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...] | None
    """The values of the target that are classes, in their order; of a loss of values the two words for 0 and 1. None
    for numbers."""

    @property
    def width(self) -> int:
        """How many numbers an example has."""
        return sum(column.width for column in self.seen)

    def text(self) -> str:
        """The file that a run keeps."""
        seen = [{"kind": "number" if isinstance(c, NumberColumn) else "category", **asdict(c)} for c in self.seen]
        whole = {"format": FORMAT, "columns": seen, "targets": self.targets, "classes": self.classes}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def columns_of(text: str, origin: str) -> TableColumns:
    """The columns of a file that a run keeps.

    Raises:
        ResourceError: it is damaged.
    """
    try:
        whole = json.loads(text)
        if whole["format"] != FORMAT:
            raise ValueError(whole["format"])
        classes: Any = whole["classes"]
        return TableColumns(
            tuple(_column(row) for row in whole["columns"]),
            _texts(whole["targets"]),
            None if classes is None else _texts(classes),
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ResourceError(
            f"`{origin}` is no {FORMAT} ({type(error).__name__}: {error}); a run writes it once, when it begins: "
            "train anew"
        ) from None


def _column(row: Mapping[str, Any]) -> Column:
    match row:
        case {"kind": "number", "name": str(name), "mean": m, "deviation": d, "fill": f}:
            return NumberColumn(name, float(m), float(d), float(f))
        case {"kind": "category", "name": str(name), "values": values, "missing": bool(missing)}:
            return CategoryColumn(name, _texts(values), missing)
        case _:
            raise ValueError(f"a column is {row!r}")


def _texts(given: Any) -> tuple[str, ...]:
    texts: Sequence[Any] = cast("Sequence[Any]", given) if isinstance(given, list) else ()
    if not isinstance(given, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{given!r} is no list of texts")
    return tuple(texts)
