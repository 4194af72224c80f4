"""The options beside an item that are single values: `when`, `freeze`, `repeat`, and those of combinators."""

from __future__ import annotations

from typing import Any, get_args

from netspec.arguments import Arguments
from netspec.dims import UNKNOWN, Dim
from netspec.expressions.values import described
from netspec.kinds import kinds_of
from netspec.language.items import Item
from netspec.text.source import Node, ScalarNode
from netspec.validation import FAILED, Reader


def flag(item: Item, option: str, default: bool, reader: Reader) -> bool | None:
    """A boolean option, or its default; None once reported or where it hangs on an unknown size."""
    node = item.options.get(option)
    if node is None:
        return default
    value = reader.value(node)
    if value is FAILED or value is UNKNOWN:
        return None
    if not isinstance(value, bool):
        reader.report("invalid-argument", f"`{option}` wants true or false, not {described(value)}", node)
        return None
    return value


def option_value(item: Item, option: str, model: type[Arguments], reader: Reader) -> Any:
    """An option that is a field of the head's model; UNKNOWN once reported or where it hangs on an unknown size."""
    node = item.options[option]
    annotation = model.model_fields[option].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Arguments):  # it has arguments of its own
            if isinstance(node, ScalarNode) and node.value is True:
                reader.report(
                    "invalid-argument", f"`{option}` wants a mapping, not true", node,
                    help=f"write `{option}: {{}}`, which leaves all at its defaults",
                    fix=reader.reports.replace(f"write `{option}: {{}}`", node, "{}"),
                )  # fmt: skip
                return UNKNOWN
            found = reader.arguments(kind, node, name=option, at=node)
            return UNKNOWN if found is None else found
    value = reader.scalar(node, kinds_of(model)[option], name=option, owner=item.name)
    return UNKNOWN if value is FAILED else value


def repeat_count(node: Node, reader: Reader) -> int | None:
    """How often a loop goes round; None likewise."""
    value = reader.value(node)
    if value is FAILED or value is UNKNOWN:
        return None
    if isinstance(value, Dim):
        reader.needs_number("repeat", value, node, None)
        return None
    if type(value) is not int or value < 0:
        below = type(value) is int and isinstance(node, ScalarNode) and isinstance(node.value, str)
        reader.report(
            "invalid-argument", f"`repeat` wants an integer of at least 0, not {described(value)}", node,
            help=f'`repeat: "max(0, {node.text.strip()})"` leaves the item out where there are fewer rounds than none'
            if below and isinstance(node, ScalarNode) else None,
        )  # fmt: skip
        return None
    return value
