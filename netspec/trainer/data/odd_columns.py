"""Columns of a table whose values are neither plain numbers nor categories, each told what it holds instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from netspec.diagnostics import ResourceError
from netspec.trainer.data.frames import need_polars

_MARKED: Final = re.compile(r"[-+]?[$€£]? ?\d[\d.,' \u00a0\u202f]*[.,]\d+ ?[%$€£]?|[-+]?[$€£]? ?\d+ ?[%$€£]?")
"""`1,234.50`, `12,5`, `$ 3`, `7 %`."""
_UNIT: Final = re.compile(r"[-+]?\d[\d.,' \u00a0\u202f]* ?([^\d\s.,'+-]{1,6})")
"""`12 kg`, `35°`."""
_DATE: Final = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})( \d{1,2}:\d{2}.*)?"
)
"""`2026-01-31`, `31.1.2026`, `1/31/26 10:15`."""


def check_texts(column: Any, values: Sequence[str], origin: str) -> None:
    """Require that a column of texts, which nobody called categories, holds such.

    Args:
        column: the column, of texts, with null where one is missing.
        values: its different values.
        origin: the file.

    Raises:
        ResourceError: they are dates, numbers in a form that is not read, or numbers but for a few.
    """
    if not values:
        return
    name, first = column.name, values[0]
    if all(_DATE.fullmatch(value) for value in values):
        raise ResourceError(
            f"the column `{name}` of `{origin}` has dates, such as `{first}`, which are neither numbers nor "
            f"categories; make numbers of them, such as the year or the days since one of them, or leave it out with "
            f"`drop: {name}`"
        )
    units = {found[1] if (found := _UNIT.fullmatch(value)) else None for value in values}
    if len(values) > 1 and len(units) == 1 and None not in units:
        raise ResourceError(
            f"the column `{name}` of `{origin}` has numbers with a unit, such as `{first}`; take away the "
            f"`{units.pop()}`, or say `categories: {name}`"
        )
    if all(_MARKED.fullmatch(value) for value in values):
        raise ResourceError(
            f"the column `{name}` of `{origin}` has numbers in a form that is not read, such as `{first}`; write them "
            f"as 1234.5, or say `categories: {name}`"
        )
    check_mixed(column, origin, f"or say `categories: {name}`")


def check_mixed(texts: Any, origin: str, otherwise: str) -> None:
    """Require that no more than half of a column of texts are numbers: the others are then slips, or gaps.

    Args:
        texts: the column, with null where one is missing.
        origin: the file.
        otherwise: what else may be done, to end the message.

    Raises:
        ResourceError: more than half are.
    """
    polars = need_polars()
    there = int(texts.is_not_null().sum())
    odd = (texts.cast(polars.Float64, strict=False).is_null() & texts.is_not_null()).arg_true()
    numbers = there - len(odd)
    if 2 * numbers <= there:
        return
    row = int(odd[0])
    raise ResourceError(
        f"in the column `{texts.name}` of `{origin}` {numbers:,} of {there:,} are numbers, but row {row + 1} has "
        f"`{texts[row][:40]}`; mend it, or let `missing` list it, if it stands for no value, {otherwise}"
    )
