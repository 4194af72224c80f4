"""Keras's `padding: same` where torch has not the word: with a stride, in a transposed convolution, in a pool.

Keras gives as many values as there are strides in the input, ⌈n / stride⌉, a transposed convolution stride · n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.diagnostics import Edit
from netspec.layers.base import Layer
from netspec.mends.edits import replace
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

Written = tuple[list[Edit], str]
"""Edits, and what they write, for people."""
Sizes = Sequence[int]
"""A number for each axis, or one for all."""


def same_padding(arguments: MapNode, layer: type[Layer], source: Source) -> Written | None:
    """The edits, and what they write, that give `padding: same` what it is in Keras; none where torch knows the word.
    None where torch has no such padding, as with a stride and an even kernel: Keras pads one side more."""
    known: Mapping[str, Node] = {key.text: value for key, value in arguments.entries}
    padding = known.get("padding")
    if not isinstance(padding, ScalarNode) or padding.text.lower() != "same" or "kernel_size" not in layer.model_fields:
        return [], ""
    given = [
        _numbers(next((known[word] for word in words if word in known), None))
        for words in (("kernel_size", "pool_size"), ("stride", "strides"), ("dilation", "dilation_rate"))
    ]
    made = same_in_torch(layer, *given)
    if made is None or any(key in known for key in made if key != "padding"):
        return None
    if made == {"padding": "same"}:
        return [], ""
    if len(made) > 1 and not arguments.flow:
        return None
    key = next(key for key, value in arguments.entries if value is padding)
    first, value = next(iter(made.items()))
    written = [f"{name}: {text}" for name, text in made.items()]
    edits = [] if first == "padding" else [replace(source, key, first)]
    edits.append(replace(source, padding, ", ".join([value, *written[1:]])))
    return edits, f"`{', '.join(written)}`{_why(made, layer, given[1])}"


def _why(made: Mapping[str, str], layer: type[Layer], stride: Sizes | None) -> str:
    if "output_padding" in layer.model_fields:
        times = set(stride or (1,))
        return ", which keeps the size" if times == {1} else (
            f", which gives {times.pop()} times the size" if len(times) == 1 else ""
        )  # fmt: skip
    return ", half the kernel" if "padding" in made and "ceil_mode" not in made else ""


def same_in_torch(
    layer: type[Layer], kernel: Sizes | None, stride: Sizes | None, dilation: Sizes | None
) -> dict[str, str] | None:
    """The arguments by which a layer of torch's gives what Keras's `same` does; None if none do.

    Args:
        layer: a convolution, transposed or not, or a pool.
        kernel: sizes of the window; empty if it is not known, None if it is left out.
        stride: the same of the stride.
        dilation: the same of the distance between a window's values.
    """
    pools = "ceil_mode" in layer.model_fields
    if not pools and "output_padding" not in layer.model_fields and set(stride or (1,)) == {1} and stride != ():
        return {"padding": "same"}
    unsaid = (2,) if pools else None  # Keras's window
    kernel = unsaid if kernel is None else kernel
    if kernel == () and stride is None and dilation is None and pools:
        return {"ceil_mode": "true"}  # whatever the window is, the next one begins where it ends
    stride = stride if stride is not None else kernel if pools else (1,)
    dilation = (1,) if dilation is None else dilation
    if not kernel or not stride or not dilation:
        return None
    axes = max(map(len, (kernel, stride, dilation)))
    sizes = [tuple(one) * axes if len(one) == 1 else one for one in (kernel, stride, dilation)]
    each = [_of_axis(layer, *one) for one in zip(*sizes, strict=True)] if {*map(len, sizes)} == {axes} else [None]
    found = [one for one in each if one is not None]
    if len(found) < len(each) or len({one.get("ceil_mode") for one in found}) > 1:
        return None
    keys = dict.fromkeys(key for one in found for key in one)
    return {key: "false" if key == "count_include_pad" else _text([one.get(key, 0) for one in found]) for key in keys}


def _of_axis(layer: type[Layer], kernel: int, stride: int, dilation: int) -> dict[str, int | bool] | None:
    """Arguments for one axis; None if torch has none."""
    reach = dilation * (kernel - 1) + 1
    if "output_padding" in layer.model_fields:
        odd = (reach - stride) % 2
        if reach < stride or (odd and stride == 1):
            return None
        return {"padding": (reach - stride + odd) // 2} | ({"output_padding": 1} if odd else {})
    if "ceil_mode" not in layer.model_fields:
        return {"padding": reach // 2} if reach % 2 else None
    counted: dict[str, int | bool] = {}
    if "count_include_pad" in layer.model_fields:
        counted["count_include_pad"] = False
    if reach <= stride:
        return {"ceil_mode": True}
    half = reach // 2 if reach % 2 else (reach - stride) // 2
    if half > kernel // 2 or (reach % 2 == 0 and (reach - stride) % 2):
        return None
    return {"padding": half, **({} if reach % 2 else {"ceil_mode": True}), **counted}


def _text(values: Sequence[int | bool]) -> str:
    """One value for all axes, or a list."""
    texts = [str(value).lower() for value in values]
    return texts[0] if len(set(texts)) == 1 else f"[{', '.join(texts)}]"


def _numbers(node: Node | None) -> Sizes | None:
    """Whole numbers as they are written; none of them where something else stands there."""
    if node is None:
        return None
    listed = node.items if isinstance(node, ListNode) else [node]
    values = [one.value for one in listed if isinstance(one, ScalarNode) and type(one.value) is int]
    return tuple(values) if len(values) == len(listed) else ()
