"""The table of combinators in docs/language.md, made from their classes."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.combinators import COMBINATORS, joining_class
from netspec.combinators.base import Joining


def combinator_table() -> str:
    """A Markdown table with a row for each combinator: its form in a spec, its value, the paths of its modules."""
    kinds = map(joining_class, COMBINATORS)
    rows = (f"| {_form(kind)} | {kind.value} | {', '.join(_paths(kind))} |" for kind in kinds)
    return "\n".join(["| form | value | module paths |", "|---|---|---|", *rows]) + "\n"


def _form(kind: type[Joining]) -> str:
    form = f"`{kind.word}: {'[[…], […], …]' if kind.several else '[...]'}`"
    needed = [name for name, field in kind.model_fields.items() if field.is_required()]
    if kind.decides:
        needed.insert(0, kind.decides)
    for names, word in ((needed, "with"), ([name for name in kind.options if name not in needed], "optional")):
        if names:
            form += f", {word} " + ", ".join(f"`{kind.options[name].form}`" for name in names)
    return form


def _paths(kind: type[Joining]) -> Iterator[str]:
    """The paths of the branches' modules below that of the combinator."""
    if not kind.joins:
        yield "indices"
    elif kind.several:
        yield from ("`branches.I`", *(f"`{side}`" for side in kind.sides))
    else:
        yield from (f"`{key}`" for key in ("body", *kind.sides))
