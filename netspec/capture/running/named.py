"""The parts of a module, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from torch import nn

from netspec.capture.graph import NotCaptured


def named_modules(module: nn.Module) -> dict[str, nn.Module]:
    """The modules in a module, by path.

    Raises:
        NotCaptured: one is of a class without a hash, of which torch cannot tell the parts.
    """
    try:
        return dict(cast("Iterable[tuple[str, nn.Module]]", module.named_modules()))
    except TypeError:
        kind = next((kind for kind in _kinds(module) if kind.__hash__ is None), None)
        if kind is None:
            raise
        message = (
            f"modules of `{kind.__qualname__}` have no hash, without which torch finds no parts of them: the class "
            "compares them, by an `__eq__` or as a dataclass; give it `__hash__ = nn.Module.__hash__`"
        )
        raise NotCaptured(message) from None


def _kinds(module: nn.Module) -> Iterator[type[nn.Module]]:
    """The classes of a module and of what is in it."""
    yield type(module)
    for part in cast("dict[str, nn.Module | None]", vars(module)["_modules"]).values():
        if part is not None:
            yield from _kinds(part)
