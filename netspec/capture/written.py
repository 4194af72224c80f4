"""Items as the lines of a spec."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, cast

from netspec.capture.graph import Traced
from netspec.capture.items import Names, PlacedItem
from netspec.capture.running.own import SIDES
from netspec.capture.shaping.folding import Entry
from netspec.layers.base import Layer
from netspec.writing import flow, written

_LONGEST: Final = 116
_LONG: Final = 12
"""Characters of a number that nobody has typed."""


class ExpressionText(str):
    """A text that is an expression of the spec, and no value."""

    __slots__ = ()


class ListFolding(Protocol):
    """Says lists of items in fewer lines."""

    def folded(self, entries: Sequence[Entry], attributes: Sequence[str], /) -> list[Entry]:
        """The entries of a list, the lists in which are folded already; what each is called in its module."""
        ...


def lines(items: Sequence[PlacedItem], names: Names, indent: str, folding: ListFolding | None = None) -> Iterator[str]:
    """The lines of a list of items."""
    entries = [tuple(_item(item, names, folding)) for item in items]
    attributes = [item.path.rpartition(".")[2] for item in items]
    for entry in entries if folding is None else folding.folded(entries, attributes):
        yield from (indent + line for line in entry)


def source_of(kind: type | None) -> str:
    """Where a class stands, for a comment: `torchvision/models/resnet.py:59`."""
    try:
        file = inspect.getsourcefile(kind) if kind is not None else None
        line = inspect.getsourcelines(kind)[1] if kind is not None else 0
    except (OSError, TypeError):
        return ""
    if file is None or kind is None:
        return ""
    depth = len(kind.__module__.split(".")) + file.endswith("__init__.py")
    return f"{'/'.join(Path(file).parts[-depth:])}:{line}"


def value_text(value: Any) -> str:
    """A value of an argument in flow style."""
    if isinstance(value, dict):
        value = {key: _rooted(each) for key, each in cast("dict[str, Any]", value).items()}
    return flow(_rooted(value), text=lambda text: written(text))


def _rooted(value: Any) -> Any:
    """A number that is one through a whole one, the root of one, or one through it, as that: 0.17677669529663687 is
    32 ** -0.5."""
    if not isinstance(value, float) or len(repr(value)) < _LONG or not 1e-4 < abs(value) < 1e4:
        return value
    part, square = round(1 / value), value**2
    if part > 1 and 1 / part == value:
        return ExpressionText(f"1 / {part}")
    for power, whole in ((0.5, round(square)), (-0.5, round(1 / square))):
        if (
            value > 0
            and whole > 1
            and math.isqrt(whole) ** 2 != whole
            and math.isclose(whole**power, value, rel_tol=1e-15)
        ):
            return ExpressionText(f"{whole} ** {power}")
    return value


def _item(item: PlacedItem, names: Names, folding: ListFolding | None) -> Iterator[str]:
    head, beside = _head(item, names), list(_beside(item, names))
    if item.call is not None:
        call = f"{item.word}:{_called(item.call, names)}".removesuffix(":")
        is_alone = item.name is not None or item.is_inline
        inside = f"{call}: " if call == item.word and is_alone and beside else call
        yield _one_line(inside if is_alone else f"sequential: [{call}]", beside)
        return
    if item.is_combinator:
        yield from _combinator(item, names, folding, beside)
        return
    if item.body is not None:
        if not item.body:
            yield _one_line("sequential: []", beside)
            return
        yield f"- {item.word}:"
        yield from lines(item.body, names, "    ", folding)
        yield from (f"  {option}" for option in beside)
        return
    line = _one_line(head, beside)
    if len(line) <= _LONGEST or not beside:
        yield line
        return
    yield f"- {head}"
    yield from (f"  {option}" for option in beside)


def _combinator(item: PlacedItem, names: Names, folding: ListFolding | None, beside: Sequence[str]) -> Iterator[str]:
    """A combinator with its branches; a branch that is a value by its name."""
    parts = {branch.path.rpartition(".")[2]: _branch(branch, names, folding) for branch in item.body or ()}
    sides = {side: parts.pop(side) for side in SIDES if side in parts}
    branches = list(parts.values())
    if item.word in _OF_A_BODY:
        body, *others = map(_as_list, branches)
        yield from _under(f"- {item.word}:", body, "    ")
        for side, inner in zip(_OF_A_BODY[item.word], others, strict=True):
            if inner != ["[]"]:
                yield from _under(f"  {side}:", inner, "    ")
    elif all(len(inner) == 1 and not inner[0].startswith("- ") for inner in branches):
        yield f"- {item.word}: [{', '.join(inner[0] for inner in branches)}]"
    else:
        yield f"- {item.word}:"
        for first, *rest in branches:
            yield f"    - {first}"
            yield from (f"      {line}" for line in rest)
    for side, inner in sides.items():
        yield from _under(f"  {side}:", inner, "    ")
    yield from (f"  {option}" for option in beside)


_OF_A_BODY: Final = {"residual": ("shortcut",), "gate": (), "each": ()}
"""Combinators of one body, and their sides."""


def _branch(branch: PlacedItem, names: Names, folding: ListFolding | None) -> list[str]:
    """The lines of a branch: `[]`, the name of a value, or items."""
    body = branch.body or []
    if not body:
        return ["[]"]
    if len(body) == 1 and body[0].word == "use" and len(body[0].terms) == 1:
        return [_expression(body[0], names)]
    return list(lines(body, names, "", folding))


def _as_list(inner: list[str]) -> list[str]:
    """The lines of a branch where no value may stand by its name alone."""
    return inner if inner == ["[]"] or inner[0].startswith("- ") else [f"[use: {inner[0]}]"]


def _under(head: str, inner: Sequence[str], indent: str) -> Iterator[str]:
    """A head with the items under it, or a value beside it."""
    if len(inner) == 1 and not inner[0].startswith("- "):
        yield f"{head} {inner[0]}"
    else:
        yield head
        yield from (f"{indent}{line}" for line in inner)


def _called(call: Sequence[Any], names: Names) -> str:
    """What a block is given: its values by name, its numbers."""
    given = [ExpressionText(names[each]) if isinstance(each, Traced) else each for each in call]
    if not given:
        return ""
    return f" {value_text(given[0] if len(given) == 1 and not isinstance(given[0], (list, tuple)) else given)}"


def _one_line(head: str, beside: Sequence[str]) -> str:
    if not beside:
        return f"- {head.removesuffix(':').rstrip()}" if head.endswith(":") else f"- {head}"
    return f"- {{{', '.join((head + ' ' if head.endswith(':') else head, *beside))}}}"


def _head(item: PlacedItem, names: Names) -> str:
    match item.word:
        case "use":
            return f"use: {_expression(item, names)}"
        case "output":
            return f"output: [{', '.join(written(names[value]) for value in item.branches)}]"
        case "as":
            return f"as: {written(item.labels[0] or '_')}"
        case "add" | "mul" | "concat" | "stack" | "einsum" | "attend":
            branches = ["[]" if value is item.takes else written(names[value]) for value in item.branches]
            family = _family([names.get(value, "") for value in item.branches], names)
            if family and item.takes not in item.branches:
                return f"{item.word}: {family}"
            return f"{item.word}: [{', '.join(branches)}]"
        case _:
            return f"{item.template or item.word}:{_arguments(item, names)}"


def _family(branches: Sequence[str], names: Names) -> str:
    """The family whose values, all of them and in their order, these are; empty if they are not."""
    family, bracket, _ = branches[0].partition("[") if branches else ("", "", "")
    whole = bracket and list(branches) == [f"{family}[{i}]" for i in range(len(branches))]
    return family if whole and f"{family}[{len(branches)}]" not in names.values() else ""


def _expression(item: PlacedItem, names: Names) -> str:
    parts = [
        names[term] if isinstance(term, Traced) else term if isinstance(term, str) else flow(term)
        for term in item.terms
    ]
    return written(" ".join(parts).replace("( ", "(").replace(" )", ")"))


def _arguments(item: PlacedItem, names: Names) -> str:
    found = dict(item.arguments)
    for name, values in item.reads.items():
        several = [ExpressionText(names[value]) for value in values]
        found[name] = several[0] if len(several) == 1 else several
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
    return layer.scalar if (layer := _layer(word)) is not None else None


def _gives_family(word: str) -> bool:
    return layer.gives_family if (layer := _layer(word)) is not None else False


def _layer(word: str) -> type[Layer] | None:
    from netspec.capture.modules.offered import is_known, layer_class

    return layer_class(word) if is_known(word) else None


def _beside(item: PlacedItem, names: Names) -> Iterator[str]:
    for name, value in item.options.items():
        if name != "freeze":
            yield f"{name}: {value_text(ExpressionText(names[value]) if isinstance(value, Traced) else value)}"
    if item.name is not None:
        yield f"{'shared' if item.shared else 'name'}: {written(item.name)}"
    if "freeze" in item.options:
        yield "freeze: true"
    if item.when is not None:
        yield f"when: {written(item.when)}"
    if _gives_family(item.word) and not any(item.labels):
        yield f"as: [{', '.join('_' for _ in item.gives)}]"  # the first of them flows on
    elif item.word != "as" and any(item.labels):
        labels = [written(label or "_") for label in item.labels]
        several = len(item.labels) > 1 and (item.body is None or item.call is not None)
        yield f"as: [{', '.join(labels)}]" if several else f"as: {next(label for label in labels if label != '_')}"
