"""Mends of a recipe: arguments of the optimizer that stand beside it."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.spec import Spec
from netspec.meant import argument_meant
from netspec.mends.edits import add_entry, offset, replace
from netspec.recipe import tables
from netspec.text.source import MapNode, ScalarNode, Source


def mends_of_recipe(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`optimizer: SGD` with `lr: 0.1` beside it: the argument belongs under the optimizer."""
    at = offset(source, d.span.line, d.span.column)
    train = spec.train
    if d.code != "unknown-key" or not isinstance(train, MapNode) or train.flow:
        return
    optimizer = train.get("optimizer")
    entry = next(((key, value) for key, value in train.entries if key.start == at), None)
    if entry is None or optimizer is None:
        return
    key, value = entry
    head, given = optimizer, None
    if isinstance(optimizer, MapNode) and len(optimizer.entries) == 1:
        head, given = optimizer.entries[0]
    if not isinstance(head, ScalarNode) or head.text not in tables.OPTIMIZERS:
        return
    argument = argument_meant(key.text, tables.optimizer(head.text).model_fields)
    if argument is None:
        return
    if isinstance(given, MapNode) and given.get(argument) is not None:
        return
    text = source.text[value.start : value.end]
    if given is None:
        edit: Edit | None = replace(source, optimizer, f"{{{head.text}: {{{argument}: {text}}}}}")
    elif isinstance(given, MapNode):
        edit = add_entry(source, given, argument, text)
    else:
        edit = None
    if edit is not None:
        begin = source.text.rfind("\n", 0, key.start) + 1
        stop = source.text.find("\n", value.end) + 1 or len(source.text)
        title = f"write `{argument}: {text}` under `{head.text}`"
        yield Fix(title, (edit, Edit(source.between(begin, stop), "")))
