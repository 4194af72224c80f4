"""Items as the lines of a spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from netspec.capture.graph import Traced
from netspec.capture.items import Names, PlacedItem
from netspec.writing import flow, written

_LONGEST: Final = 116


class ExpressionText(str):
    """A text that is an expression of the spec, and no value."""

    __slots__ = ()


def lines(items: Sequence[PlacedItem], names: Names, indent: str) -> Iterator[str]:
    """The lines of a list of items."""
    for item in items:
        yield from (indent + line for line in _item(item, names))


def value_text(value: Any) -> str:
    """A value of an argument in flow style."""
    return flow(value, text=lambda text: written(text))


def _item(item: PlacedItem, names: Names) -> Iterator[str]:
    head, beside = _head(item, names), list(_beside(item))
    if item.body is not None and item.word == "sequential":
        if not item.body:
            yield _one_line("sequential: []", beside)
            return
        yield "- sequential:"
        yield from lines(item.body, names, "    ")
        yield from (f"  {option}" for option in beside)
        return
    line = _one_line(head, beside)
    if len(line) <= _LONGEST or not beside:
        yield line
        return
    yield f"- {head}"
    yield from (f"  {option}" for option in beside)


def _one_line(head: str, beside: Sequence[str]) -> str:
    if not beside:
        return f"- {head.removesuffix(':').rstrip()}" if head.endswith(":") else f"- {head}"
    return f"- {{{', '.join((head + ' ' if head.endswith(':') else head, *beside))}}}"


def _head(item: PlacedItem, names: Names) -> str:
    match item.word:
        case "use":
            return f"use: {_expression(item, names)}"
        case "as":
            return f"as: {item.labels[0]}"
        case "add" | "mul" | "concat" | "stack" | "einsum" | "attend":
            branches = ["[]" if value is item.takes else names[value] for value in item.branches]
            return f"{item.word}: [{', '.join(branches)}]"
        case _:
            return f"{item.word}:{_arguments(item, names)}"


def _expression(item: PlacedItem, names: Names) -> str:
    parts = [
        names[term] if isinstance(term, Traced) else term if isinstance(term, str) else flow(term)
        for term in item.terms
    ]
    return written(" ".join(parts))


def _arguments(item: PlacedItem, names: Names) -> str:
    found = dict(item.arguments)
    for name, values in item.reads.items():
        found[name] = ExpressionText(names[values[0]])
    if not found:
        return ""
    scalar = _scalar(item.word)
    if (
        scalar is not None
        and list(found) == [scalar]
        and isinstance(found[scalar], (int, float, str))
        and not isinstance(found[scalar], bool)
    ):
        return f" {value_text(found[scalar])}"
    if item.word in ("Parameter", "Buffer") and len(found) == 1:
        return f" {value_text(next(iter(found.values())))}"
    return f" {value_text(found)}"


def _scalar(word: str) -> str | None:
    from netspec.capture.layers import layer_class
    from netspec.layers import MODULE_OF

    return layer_class(word).scalar if word in MODULE_OF else None


def _beside(item: PlacedItem) -> Iterator[str]:
    for name, value in item.options.items():
        yield f"{name}: {value_text(value)}"
    if item.name is not None:
        yield f"{'shared' if item.shared else 'name'}: {written(item.name)}"
    if item.word != "as" and any(item.labels):
        labels = [label or "_" for label in item.labels]
        several = len(item.labels) > 1 and item.body is None
        yield f"as: [{', '.join(labels)}]" if several else f"as: {next(label for label in item.labels if label)}"
