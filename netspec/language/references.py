"""`$act`, `$block: [64, 2]`: what a name in the place of a head stands for."""

from __future__ import annotations

from netspec.diagnostics import did_you_mean, is_slip
from netspec.dims import UNKNOWN
from netspec.expressions.operations import kind
from netspec.expressions.values import Family, Value
from netspec.language.items import Item
from netspec.language.scope import BlockName, LayerName, Template
from netspec.validation import FAILED, Reader


def referent(item: Item, reader: Reader) -> LayerName | BlockName | Template | None:
    """The layer, block or template that the head of an item names; None once reported or where it is not known."""
    name = item.name[1:]
    names = reader.names
    if not name.isidentifier():
        reader.report("wrong-form", f"`{item.name}` names nothing", item.head, help="write `$name`")
        return None
    try:
        value = names[name]
    except KeyError:
        near = did_you_mean(name, names.known())
        reader.report(
            "unknown-name",
            f"there is no variable or parameter `{name}` here",
            item.head,
            help=f"did you mean `${near}`?" if near else None,
            fix=reader.replace(f"write `${near}`", item.head, f"${near}")
            if near and not item.head.quoted and is_slip(name, near)
            else None,
        )
        return None
    if isinstance(value, (LayerName, BlockName, Template)):
        return value
    if isinstance(value, (Value, Family)):
        reader.report(
            "wrong-form", f"`${name}` is {kind(value)}, neither a layer nor a block", item.head,
            help=f"`use: {name}` puts a value in the place of the one that stands here",
        )  # fmt: skip
    elif value is not UNKNOWN and value is not FAILED:
        reader.report("wrong-form", f"`${name}` is {value!r}, neither a layer nor a block", item.head)
    return None
