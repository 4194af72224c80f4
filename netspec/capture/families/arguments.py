"""With which arguments the members of a family were made, as values of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from netspec.capture.families.values import Value
from netspec.capture.running.arguments import named_values
from netspec.writing import flow


def arguments_of(module: nn.Module, given: Mapping[str, Any] | None = None) -> dict[str, Value]:
    """The arguments of a member by name, as they are written; None stays None.

    Args:
        module: a member of a family.
        given: as of `named_values`.
    """
    return {name: _written(value) for name, value in named_values(module, given).items()}


def _written(value: Any) -> Value:
    if isinstance(value, tuple):
        return tuple(_written(each) for each in cast("tuple[Any, ...]", value))
    return value if value is None or isinstance(value, str) else flow(value)
