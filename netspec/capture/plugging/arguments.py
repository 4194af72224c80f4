"""Where a module keeps the arguments that it was made with, and what a layer's field for one takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from torch import nn

from netspec.capture.graph import NotCaptured
from netspec.capture.modules.layers import at
from netspec.capture.plugging.trials import Bench, ModuleCall, numbers_of, others_of, quiet, with_number
from netspec.capture.running.named import named_modules
from netspec.excerpts import given_text


class KeptField(NamedTuple):
    """An argument of a layer."""

    name: str
    type: str
    default: Any
    """`REQUIRED` where its module's class has none that a spec may say."""
    place: str
    """The path in the module under which it is kept; empty where it is in no place, and always at its default."""
    lengths: int | None
    """Of a list, how many numbers it has."""


REQUIRED: Final = object()


def fields_of(bench: Bench, calls: Sequence[ModuleCall]) -> list[KeptField]:
    """The arguments that a layer of a class has, which are not those that follow from its input. Others are left at the
    defaults of the class.

    Raises:
        NotCaptured: an argument is in no place of the module, and not at its default, or nothing that a spec says.
    """
    kind = type(bench.call.module)
    found: list[KeptField] = []
    for name, parameter in inspect.signature(kind).parameters.items():
        if name in bench.ties or name not in bench.call.arguments:
            continue
        values = [call.arguments.get(name, parameter.default) for call in calls]
        default: Any = REQUIRED if parameter.default is parameter.empty else parameter.default
        place = _place(bench, calls, name) if all(map(is_plain, values)) else None
        is_default = default is not REQUIRED and all(is_same(value, default) for value in values)
        type_ = None if place is None and not is_default else _type(values, default, parameter.annotation)
        if is_default and place is None and any(hasattr(call.module, name) for call in calls):
            continue  # a layer would read another thing there
        if type_ is None:
            if is_default:
                continue
            raise NotCaptured(_unsaid(bench.call.module, name, values))
        if not is_plain(default) and default is not REQUIRED:
            default = REQUIRED
        lengths = {len(several) for several in map(numbers_of, values) if several is not None}
        if len(lengths) > 1:
            raise NotCaptured(
                f"no layer can be made of `{kind.__qualname__}`: its argument `{name}` has "
                f"{' and '.join(map(str, sorted(lengths)))} numbers, and a layer's has as many in all places: write "
                "its layer by hand: docs/plugins.md"
            )
        found.append(KeptField(name, type_, default, place or "", lengths.pop() if lengths else None))
    return found


def _unsaid(module: nn.Module, name: str, values: Sequence[Any]) -> str:
    kept, given = getattr(module, name, None), given_text(values[0])
    if not all(map(is_plain, values)):
        why = f"is {given}, and a spec has numbers, truths and texts: make it in a class of your own"
    elif kept is not None and not is_same(kept, values[0]):
        told = given_text(kept) if is_plain(kept) else f"a `{type(kept).__name__}`"
        why = (
            f"is {given}, and the module keeps {told} under this name, where a layer reads it: keep it there as "
            "it is given, and what is made of it under another name"
        )
    else:
        why = f"is {given}, which the module keeps nowhere: `self.{name} = {name}` in its `__init__` keeps it"
    return f"no layer can be made of `{type(module).__qualname__}`: its argument `{name}` {why}"


def is_plain(value: Any) -> bool:
    """Whether a spec can say it: a number, a truth, a text, nothing, or whole numbers."""
    several = numbers_of(value)
    if several is not None:
        return bool(several) and all(type(each) is int for each in several)
    return value is None or type(value) in (bool, int, float, str)


def is_same(value: Any, other: Any) -> bool:
    """Whether an argument is the same with both; a list is what a tuple of its numbers is."""
    several = numbers_of(value)
    if several is not None:
        return several == numbers_of(other)
    if value is other:
        return True
    numbers = type(value) in (int, float) and type(other) in (int, float)
    return (numbers or type(value) is type(other)) and is_plain(value) and value == other


# ---- places


def _place(bench: Bench, calls: Sequence[ModuleCall], name: str) -> str | None:
    """The path of an argument in each of the modules, the attribute of its name before all others."""
    tried: tuple[nn.Module | None, Any] | None = None
    for path, value in _kept(bench.call.module, name):
        if not is_same(value, bench.call.arguments[name]):
            continue
        if not all(is_same(at(call.module, path), call.arguments.get(name)) for call in calls):
            continue
        if path == name:
            return path
        tried = tried or _made_otherwise(bench, name)
        if tried[0] is None or is_same(at(tried[0], path), tried[1]):
            return path
    return None


def _made_otherwise(bench: Bench, name: str) -> tuple[nn.Module | None, Any]:
    """A module that is made with another value of an argument, and the value."""
    value = bench.call.arguments[name]
    others: list[Any] = []
    if type(value) is bool:
        others = [not value]
    elif type(value) is int:
        others = list(others_of(value))
    elif type(value) is float:
        others = [value / 2 + 0.0625, value + 1]
    elif numbers_of(value):
        others = [with_number(value, 0, number) for number in others_of(value[0])]
    for other in others:
        try:
            with quiet():
                return type(bench.call.module)(**bench.call.arguments | {name: other}), other
        except Exception:  # whatever it raises
            continue
    return None, value


def _kept(module: nn.Module, name: str) -> Iterator[tuple[str, Any]]:
    """What is plain in a module and its parts, and the sizes of its parameters."""
    yield name, getattr(module, name, None)
    for path, part in named_modules(module).items():
        inside = f"{path}." if path else ""
        for own, value in vars(part).items():
            if not own.startswith("_") and own != "training" and is_plain(value) and value is not None:
                yield f"{inside}{own}", value
    for key, parameter in module.named_parameters():
        for axis, size in enumerate(parameter.shape):
            yield f"{key}.shape.{axis}", size


# ---- types


def _type(values: Sequence[Any], default: Any, annotation: Any) -> str | None:
    """The type of a field for these values; None where there is none."""
    plain = [value for value in (*values, default) if value is not REQUIRED and value is not None and is_plain(value)]
    kinds: set[type] = {type(value) for value in plain}
    may_be_none = any(value is None for value in (*values, default))
    numbers = [number for value in plain for number in (numbers_of(value) or [value])]
    if kinds and kinds <= {tuple, list}:
        lengths = {len(value) for value in plain}
        each = lengths.pop() if len(lengths) == 1 else 0
        word = f"Counts{each}" if each in (1, 2, 3) else "Counts"
        word = word if min(numbers) >= 1 else "Integers"
    elif kinds == {bool} or kinds == {str}:
        word = kinds.pop().__name__
    elif kinds == {float} or kinds == {int, float} or (kinds == {int} and annotation in (float, "float")):
        word = "Real"
    elif kinds == {int}:
        word = "Count" if min(numbers) >= 1 else "Natural" if min(numbers) >= 0 else "Integer"
    else:
        return None
    return f"{word} | None" if may_be_none else word


def written(arguments: Mapping[str, Any]) -> str:
    """Arguments as a dict of Python's."""
    return "{" + ", ".join(f"{quoted(name)}: {literal(value)}" for name, value in arguments.items()) + "}"


def quoted(text: str) -> str:
    """A text in double quotes, as the rest of a file has it."""
    return f'"{text}"' if '"' not in text and "\\" not in text and text.isprintable() else repr(text)


def literal(value: Any) -> str:
    """A plain value as Python has it."""
    if isinstance(value, str):
        return quoted(value)
    numbers = numbers_of(value)
    if numbers is not None:
        return f"({', '.join(map(str, numbers))}{',' if len(numbers) == 1 else ''})"
    return repr(value)
