"""The target of a table: classes, or values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.datasets.table import Table
from netspec.recipe.terms import TargetField
from netspec.trainer.data.columns import TableColumns
from netspec.trainer.data.frames import (
    Frame,
    check_finite,
    column_of,
    first_text,
    need_polars,
    numbers_of,
    places_of,
    tensor_of,
    texts_of,
    without_point,
)  # fmt: skip
from netspec.trainer.data.odd_columns import check_mixed
from netspec.views.describe import plural

_MOST = 1000
"""The most classes."""


def of_classes(field: TargetField) -> bool:
    """Whether a target is compared as classes."""
    return field.loss.target == "classes"


def classes_of(frame: Frame, data: Table, field: TargetField | None, origin: str) -> tuple[str, ...] | None:
    """The values of the target that are classes, or the two words of a target of 0 and 1; None for numbers.

    Raises:
        ResourceError: the target is not there, or cannot be one.
    """
    if field is None:
        return None
    if of_classes(field) and len(data.targets) > 1:
        raise ResourceError(
            f"`{field.loss.name()}` has one class for each example, but `target` names {len(data.targets)} columns"
        )
    if len(data.targets) > 1:
        return None
    column = column_of(frame, next(iter(data.targets)), origin)
    numbers = numbers_of(column)
    polars = need_polars()
    if of_classes(field):
        texts = without_point(texts_of(column, origin)) if numbers is not None else texts_of(column, origin)
        found = texts.drop_nulls().unique().to_list()
        if len(found) > _MOST:
            raise ResourceError(
                f"the target `{column.name}` of `{origin}` has {len(found):,} different values, too many for classes; "
                "numbers are for a loss of values, such as `MSELoss`"
            )
        whole = numbers is not None and column.dtype != polars.Boolean
        return tuple(sorted(found, key=float) if whole and _are_floats(found) else sorted(found))
    if numbers is not None:
        return None
    found = sorted(texts_of(column, origin).drop_nulls().unique().to_list())
    if len(found) == 1:
        raise ResourceError(
            f"the target `{column.name}` of `{origin}` is `{found[0]}` in every row: there is nothing to learn"
        )
    if len(found) != 2:
        check_mixed(texts_of(column, origin), origin, "and remove such rows")
        raise ResourceError(
            f"the target `{column.name}` of `{origin}` has texts, such as `{found[0]}`, but `{field.loss.name()}` "
            "compares numbers; for classes write `loss: CrossEntropyLoss`, with an output for each"
        )
    return tuple(found)


def _are_floats(texts: Sequence[str]) -> bool:
    try:
        return bool(list(map(float, texts)))
    except ValueError:  # true and false
        return False


def targets_of(frame: Frame, columns: TableColumns, data: Table, field: TargetField | None, origin: str) -> Tensor:
    """The targets of the rows: classes int64 (N,), or values float32 of the shape that the loss compares.

    Raises:
        ResourceError: a column is not there, or a value is missing, or another than those that are known.
    """
    if field is None:
        return torch.empty(frame.height, 0)
    made = [_target(column_of(frame, name, origin), columns, origin) for name in data.targets]
    if of_classes(field):
        return made[0].long()
    wanted = field.loss.target_shape(field.output.shape)
    if wanted == () and len(made) == 1:
        return made[0].float()
    if tuple(wanted) != (len(made),):
        raise ResourceError(
            f"`target` names {plural(len(made), 'column')}, but `{field.loss.name()}` compares with "
            f"{' × '.join(map(str, wanted)) or 'one value'} for each example: let its last layer give {len(made)}"
        )
    return torch.stack(made, 1).float()


def _target(column: Any, columns: TableColumns, origin: str) -> Tensor:
    empty = column.is_null().arg_true()
    if len(empty):
        raise ResourceError(
            f"the target `{column.name}` of `{origin}` is missing in {plural(len(empty), 'row')}, the first of them "
            f"row {int(empty[0]) + 1}; remove such rows"
        )
    if columns.classes is None:
        numbers = numbers_of(column)
        if numbers is None:
            raise ResourceError(
                f"the target `{column.name}` of `{origin}` has texts, such as {first_text(column)}, among numbers; "
                "mend them"
            )
        check_finite(numbers, origin)
        return tensor_of(numbers)
    found = places_of(column, columns.classes, origin)
    strange = found.is_null().arg_true()
    if len(strange):
        row = int(strange[0])
        raise ResourceError(
            f"the target `{column.name}` of `{origin}` is `{column[row]}` in row {row + 1}, which no training row has: "
            "what is not trained cannot be tested"
        )
    return tensor_of(found)
