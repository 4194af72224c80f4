"""With which arguments the members of a family were made, as values of a spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from torch import nn

from netspec.capture.families.values import Value
from netspec.writing import flow

_MOST = 512
"""Values of a list."""


def arguments_of(module: nn.Module, given: Mapping[str, Any] | None = None) -> dict[str, Value]:
    """The arguments of a module by name, with what it keeps under a name of its own, and what is in a config of either.

    Args:
        module: a member of a family.
        given: the arguments that it was made with; those that it keeps if left out.
    """
    own = {name: value for name, value in vars(module).items() if not name.startswith("_") and name != "training"}
    found: dict[str, Value] = {}
    for name, value in [*_spread(given or {}), *_spread(own)]:
        try:
            found.setdefault(name, _value(value))
        except TypeError:  # nothing that a spec says
            continue
    return found


def _spread(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Named values, and behind them those that are in one of them: in a config, or a dictionary of arguments."""
    yield from values.items()
    for value in values.values():
        if isinstance(value, (nn.Module, type)) or callable(value):
            continue
        inner: Any = cast("Any", value if isinstance(value, Mapping) else getattr(value, "__dict__", {}))
        for name, each in inner.items():
            if isinstance(name, str) and not name.startswith("_"):
                yield name, each


def _value(value: Any) -> Value:
    """A value as it is written; None stays None.

    Raises:
        TypeError: a spec has no such values.
    """
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, (list, tuple)):
        several = cast("list[Any] | tuple[Any, ...]", value)
        if len(several) > _MOST:
            raise TypeError("too long a list")
        return tuple(_value(each) for each in several)
    if value is None or type(value) is str:
        return value
    if type(value) in (bool, int, float):
        return flow(value)
    raise TypeError(f"a value of type `{type(value).__name__}`")
