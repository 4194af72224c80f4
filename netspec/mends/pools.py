"""Mends of pools as Keras writes them: without a window, or over a whole map."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Edit, Fix
from netspec.language.items import Item
from netspec.layers.base import Layer
from netspec.mends.edits import put_after, replace
from netspec.text.source import MapNode, ScalarNode, Source


def window(item: Item, name: str, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """`MaxPooling2D` without a window, which Keras has of 2; torch asks for one."""
    window = layer.model_fields.get("kernel_size")
    if layer.family == "pooling" and window is not None and window.is_required() and isinstance(item.node, ScalarNode):
        keras = "pooling" in item.head.text.lower()
        edit = replace(source, item.head, f"{name}: 2")
        yield Fix(f"write `{name}: 2`" + ", Keras's window" * keras, (edit,), certain=keras)


def pooled(item: Item, name: str, source: Source, *, in_gate: bool) -> Iterator[Fix]:
    """`GlobalAveragePooling2D`, which leaves one value of each channel, and no map; a gate multiplies a map."""
    if not name.startswith("Adaptive") or item.head.text == name:
        return
    whole = (isinstance(item.value, ScalarNode) and item.value.value is not None) or isinstance(item.value, MapNode)
    after = put_after(source, item, "Flatten")
    head = Edit(source.between(item.head.start, item.head.end), name if whole else f"{name}: 1")
    if isinstance(item.node, MapNode) and not whole:  # `GAP:`, with its colon
        head = Edit(source.between(item.head.start, item.head.end), name)
        return
    if after is not None and not in_gate:
        yield Fix(f"write `{name}: 1` and `Flatten`", (head, after))
    yield Fix(f"write `{name}: 1`", (head,))
