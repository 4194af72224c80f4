"""The options beside an item that are single values: `when`, `freeze`, `dim`, `split`, `repeat`."""

from __future__ import annotations

from netspec.arguments import shown
from netspec.dims import UNKNOWN, Dim
from netspec.language.items import Item
from netspec.text.source import Node
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
        reader.report("invalid-argument", f"`{option}` wants true or false, not {shown(value)}", node)
        return None
    return value


def integer(item: Item, option: str, default: int | None, reader: Reader) -> int | None:
    """An integer option, or its default; None likewise."""
    node = item.options.get(option)
    if node is None:
        return default
    value = reader.value(node)
    if value is FAILED or value is UNKNOWN:
        return None
    if isinstance(value, Dim):
        reader.needs_number(option, value, node, item.name)
        return None
    if type(value) is not int:
        reader.report("invalid-argument", f"`{option}` wants an integer, not {shown(value)}", node)
        return None
    return value


def repeat_count(node: Node, reader: Reader) -> int | None:
    """How often a loop goes round; None likewise."""
    value = reader.value(node)
    if value is FAILED or value is UNKNOWN:
        return None
    if isinstance(value, Dim):
        reader.needs_number("repeat", value, node, None)
        return None
    if type(value) is not int or value < 0:
        reader.report("invalid-argument", f"`repeat` wants an integer of at least 0, not {shown(value)}", node)
        return None
    return value
