"""How a factory is called that was called wrongly: an example with arguments of which a command line has the like."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import Parameter
from itertools import product
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from torch import nn

_NUMBERS: Final = (8, 64, 3, 2, 1)
"""What is tried for arguments of which nothing says what they are: widths first, that many groups and heads divide."""
_BY_TYPE: Final[Mapping[object, Any]] = {str: "name", bool: True, float: 0.5}


def signature_text(factory: Callable[..., Any]) -> str:
    """The parameters of a factory, `(width, depth=2)`."""
    try:
        return str(inspect.signature(factory))
    except (TypeError, ValueError):  # made by C++
        return "(…)"


def example_call(factory: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> str | None:
    """A call that makes a module, `(8, 8)`, which has been tried; None where none is found.

    Args:
        factory: makes a module.
        arguments: with which it was called; they stay, where it can be made with them.
        named: likewise.
    """
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return None
    try:
        given: Mapping[str, Any] = signature.bind_partial(*arguments, **named).arguments
    except TypeError:
        given = {}
    types = _types(factory)
    nothing: Mapping[str, Any] = {}
    for kept, number in product([given, nothing] if given else [nothing], _NUMBERS):
        positional, by_name = _filled(signature, kept, types, number)
        try:
            made = factory(*positional, **by_name)
        except Exception:  # of the program: other numbers may suit it
            continue
        text = ", ".join([*map(repr, positional), *(f"{name}={value!r}" for name, value in by_name.items())])
        if isinstance(made, nn.Module) and _is_read(text):
            return f"({text})"
    return None


def _is_read(text: str) -> bool:
    """Whether a command line can say these arguments."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        for each in (*call.args, *(one.value for one in call.keywords)):
            ast.literal_eval(each)
    except (SyntaxError, ValueError):
        return False
    return True


def _types(factory: Callable[..., Any]) -> dict[str, Any]:
    """What the program says of the arguments; nothing where that cannot be read."""
    try:
        return get_type_hints(factory.__init__ if isinstance(factory, type) else factory)
    except Exception:  # names of the program's that are there for type checkers alone
        return {}


def _filled(
    signature: inspect.Signature, given: Mapping[str, Any], types: Mapping[str, Any], number: int
) -> tuple[list[Any], dict[str, Any]]:
    """What was given, and a value for all that has to be."""
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    for each in _wanted(signature, given):
        value = given[each.name] if each.name in given else _value(types.get(each.name), number)
        if each.kind is Parameter.KEYWORD_ONLY or each.default is not Parameter.empty:
            by_name[each.name] = value
        else:
            positional.append(value)
    return positional, by_name


def _wanted(signature: inspect.Signature, given: Mapping[str, Any]) -> Iterator[Parameter]:
    for each in signature.parameters.values():
        if each.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        if each.default is Parameter.empty or (each.name in given and each.kind is not Parameter.POSITIONAL_ONLY):
            yield each


def _value(type_: Any, number: int) -> Any:
    """A value of a type, as far as it says one; else a number."""
    origin, inner = get_origin(type_), [one for one in get_args(type_) if one is not NoneType and one is not ...]
    if origin is None or not inner:
        kind = type_ if origin is None else origin
        many = isinstance(kind, type) and issubclass(kind, Sequence) and kind is not str
        return [number, number] if many else _BY_TYPE.get(type_, number)
    if origin is Literal:
        return inner[0]
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [_value(one, number) for one in (inner if origin is tuple and len(inner) > 1 else inner * 2)]
    return _value(inner[0], number)  # a union
