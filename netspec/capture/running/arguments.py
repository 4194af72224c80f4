"""What the source of a module has names for: its arguments, and what it keeps of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from torch import nn

from netspec.capture.running.making import made_with
from netspec.capture.running.users import passing

_MOST: Final = 512
"""Values of a list, or of a config."""
_DEEPEST: Final = 4
"""Lists in lists."""


def named_values(module: nn.Module, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The plain values that a module's source has names for: its arguments, what it keeps as attributes, and what is in
    a config of either.

    Args:
        module: any.
        given: the arguments that its factory was called with, which come first.
    """
    own = {name: value for name, value in vars(module).items() if not name.startswith("_") and name != "training"}
    found: dict[str, Any] = {}
    for name, value in (pair for each in (given or {}, made_with(module) or {}, own) for pair in _spread(each)):
        try:
            found.setdefault(name, _plain(value))
        except TypeError:  # nothing that a spec says
            continue
    return found


def _spread(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Named values, and behind them those that are in one of them: in a config, or a dictionary of arguments."""
    yield from values.items()
    for value in values.values():
        if isinstance(value, (nn.Module, type)) or callable(value):
            continue
        yield from ((name, each) for name, each in _held(value) if isinstance(name, str) and not name.startswith("_"))


@passing
def _held(value: Any) -> list[tuple[Any, Any]]:
    """What is in a config or a dictionary; nothing where that is not open, or is a vocabulary."""
    try:
        inner: Any = cast("Any", value if isinstance(value, Mapping) else getattr(value, "__dict__", {}))
        return list(inner.items()) if len(inner) <= _MOST else []
    except Exception:  # whatever a config of a user's raises, which nobody has asked for
        return []


def _plain(value: Any, depth: int = 0) -> Any:
    """A value of a spec; lists are tuples, and a class is its name.

    Raises:
        TypeError: a spec has no such values.
    """
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, (list, tuple)):
        several = cast("list[Any] | tuple[Any, ...]", value)
        if len(several) > _MOST or depth == _DEEPEST:
            raise TypeError("too long a list, or one that may be in itself")
        return tuple(_plain(each, depth + 1) for each in several)
    if value is None or type(value) in (str, bool, int, float):
        return value
    raise TypeError(f"a value of type `{type(value).__name__}`")
