"""Keras's `padding: same` where torch has not the word: with a stride, in a transposed convolution, in a pool."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.diagnostics import Edit
from netspec.layers.base import Layer
from netspec.mends.edits import replace
from netspec.text.source import MapNode, Node, ScalarNode, Source

Written = tuple[list[Edit], str]
"""Edits, and what they write, for people."""


def same_padding(arguments: MapNode, layer: type[Layer], source: Source) -> Written | None:
    """The edits, and what they write, that give `padding: same` what it is in Keras; none where torch knows the word.
    None where torch has no such padding, as with a stride and an even kernel: Keras pads one side more."""
    known: Mapping[str, Node] = {key.text: value for key, value in arguments.entries}
    padding = known.get("padding")
    if not isinstance(padding, ScalarNode) or padding.text.lower() != "same" or "kernel_size" not in layer.model_fields:
        return [], ""
    strides = known.get("stride", known.get("strides"))
    kernel = _number(known.get("kernel_size", known.get("pool_size")))
    pools, transposed = "ceil_mode" in layer.model_fields, "output_padding" in layer.model_fields
    if kernel is not None and kernel % 2 and not transposed and (pools or _number(strides, 1) != 1):
        half = str(kernel // 2)
        return [replace(source, padding, half)], f"`padding: {half}`, half the kernel"
    if pools:
        key = next(key for key, value in arguments.entries if value is padding)
        return [replace(source, key, "ceil_mode"), replace(source, padding, "true")], "`ceil_mode: true`"
    stride = _number(strides, 1)
    if not transposed:
        return ([], "") if stride == 1 else None
    if kernel is None or stride is None or kernel < stride:
        return None
    if (kernel - stride) % 2:
        half = str((kernel - stride + 1) // 2)
        if stride == 1 or not arguments.flow or "output_padding" in known:
            return None
        edit = replace(source, padding, f"{half}, output_padding: 1")
        return [edit], f"`padding: {half}, output_padding: 1`, which gives {stride} times the size"
    half = str((kernel - stride) // 2)
    return [replace(source, padding, half)], f"`padding: {half}`, which gives {stride} times the size"


def _number(node: Node | None, omitted: int | None = None) -> int | None:
    if node is None:
        return omitted
    return node.value if isinstance(node, ScalarNode) and type(node.value) is int else None
