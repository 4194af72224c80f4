"""The arguments of a call by name. torch's functions are written in C++ and have no signatures to be asked for."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from typing import Any, cast

from netspec.capture.graph import TracedCall

_OTHER_NAMES = {"self": "input", "axis": "dim", "keepdims": "keepdim", "x": "input"}


def bound(call: TracedCall, signature: str) -> dict[str, Any]:
    """The arguments of a call by name, those that are not given at their defaults: `"input dim=-1"`."""
    names, defaults = _parsed(signature)
    found = dict(defaults)
    found.update(zip(names, call.args, strict=False))
    found.update({_OTHER_NAMES.get(name, name): value for name, value in call.kwargs.items()})
    return found


def in_order(call: TracedCall) -> tuple[Any, ...]:
    """The arguments of a layer's call in the order in which its `forward` has them, those behind that are left out or
    at their defaults not counted."""
    assert call.layer is not None
    parameters = list(inspect.signature(call.layer.forward).parameters.values())
    named = dict(zip((each.name for each in parameters), call.args, strict=False)) | call.kwargs
    known = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    if len(call.args) > len(known) or call.kwargs.keys() - {each.name for each in known}:
        return (*call.args, *call.kwargs.values())
    while known and (known[-1].name not in named or named[known[-1].name] is known[-1].default):
        known.pop()
    return tuple(named.get(each.name, each.default) for each in known)


def several(call: TracedCall, first: int = 1) -> tuple[int, ...]:
    """Sizes or dims that are given as one tuple, or one by one: `x.view(2, -1)` and `x.view((2, -1))`."""
    rest: tuple[Any, ...] = call.args[first:]
    for name in ("size", "shape", "dims", "sizes"):
        if name in call.kwargs:
            rest = (call.kwargs[name],)
    if len(rest) == 1 and isinstance(rest[0], tuple):
        rest = cast("tuple[Any, ...]", rest[0])
    return tuple(int(size) for size in rest)


@cache
def _parsed(signature: str) -> tuple[list[str], dict[str, Any]]:
    names: list[str] = []
    defaults: dict[str, Any] = {}
    for part in signature.split():
        name, _, default = part.partition("=")
        names.append(name)
        if default:
            defaults[name] = ast.literal_eval(default)
    return names, defaults
