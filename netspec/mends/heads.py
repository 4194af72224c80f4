"""Mends of items whose head is a layer elsewhere and none here: `Activation`, `Bidirectional`,
`DepthwiseConv2D`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from netspec.diagnostics import Edit, Fix, did_you_mean
from netspec.language.aliases import is_otherwise, meant_by
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.meant import argument_meant
from netspec.mends.calls import call_text
from netspec.mends.paddings import is_torchs
from netspec.mends.stands import is_true
from netspec.text.source import MapNode, Node, ScalarNode, Source

ACTIVATIONS: Final = {"linear": "", "none": "", "null": "", "": "", "swish": "SiLU", "lrelu": "LeakyReLU",
                      "softmax": "Softmax: -1"}  # fmt: skip
"""What Keras and Caffe call an activation, in small letters, as an item; nothing for none."""


def mends_of_head(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """The item that does what a stranger's layer does."""
    yield from _of_other_axes(item, source, spec)
    node = item.node
    make = _HEADS.get(item.head.text.lower().rpartition(".")[2])
    if make is None or item.value is None or not isinstance(node, MapNode) or len(node.entries) > 1:
        return
    text = make(item.value, source, spec)
    if text is not None:
        yield Fix(f"write `{text}`", (Edit(source.between(node.start, node.end), text),))


def _of_other_axes(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`Convd`, which is as near to `Conv1d` as to `Conv2d`: what flows tells them apart."""
    head = item.head.text
    known = head in spec.offer.layers or head in spec.blocks or re.search(r"[^A-Za-z]", head) is not None
    known = known or is_otherwise(head)
    near = None if known else did_you_mean(head, spec.offer.layers)
    found = None if near is None else re.fullmatch(r"(\D+)[123]d", near)
    for axes in "213" if found is not None else "":
        name = f"{found[1]}{axes}d" if found is not None else ""
        if name in spec.offer.layers:
            yield Fix(f"write `{name}`", (Edit(source.span(item.head), name),))


LEAKY: Final = "LeakyReLU: 0.2"
"""Keras's function `leaky_relu`, whose slope is another one than that of its layer, and of torch."""


def activation(word: str, spec: Spec, *, theirs: bool) -> str | None:
    """The item of an activation's name: `relu` is `ReLU`; an empty text for none.

    Args:
        theirs: whether it is Keras's.
    """
    bare = word.rpartition(".")[2].removesuffix("()").strip("'\"")
    if theirs and bare.lower() == "leaky_relu":
        return LEAKY
    found = ACTIVATIONS.get(bare.lower())
    if found is not None:
        return found
    layer = meant_by(bare, 2, spec.offer.layers)
    return layer if layer in spec.offer.layers else None


def _activation(value: Node, source: Source, spec: Spec) -> str | None:
    return activation(value.text, spec, theirs=True) or None if isinstance(value, ScalarNode) else None


def _bidirectional(value: Node, source: Source, spec: Spec) -> str | None:
    """`Bidirectional: {LSTM: 64}`, and Keras's `Bidirectional: {LSTM: {units: 64}}`, of the last step alone."""
    if not isinstance(value, MapNode) or len(value.entries) != 1:
        return None
    head, given = value.entries[0]
    if head.text not in spec.offer.layers or "bidirectional" not in spec.offer.layer_class(head.text).model_fields:
        return None
    layer = spec.offer.layer_class(head.text)
    text = source.text[given.start : given.end]
    if isinstance(given, MapNode) and given.flow:
        pairs = [(key.text, source.text[one.start : one.end]) for key, one in given.entries]
        steps = [("returns", "last")] if given.get("units") and not is_true(given.get("return_sequences")) else []
        named = [(argument_meant(key, layer.model_fields), one) for key, one in pairs if key != "return_sequences"]
        known = [(key, one) for key, one in named if key is not None]
        return call_text(head.text, [*known, ("bidirectional", "true"), *steps]) if len(known) == len(named) else None
    if isinstance(given, ScalarNode) and layer.scalar is not None and given.value is not None:
        return call_text(head.text, [(layer.scalar, text), ("bidirectional", "true")])
    return None


def _depthwise(value: Node, source: Source, spec: Spec) -> str | None:
    """`DepthwiseConv2D: {kernel_size: 3}`: a convolution with a group for each channel."""
    layer = spec.offer.layer_class("Conv2d")
    if isinstance(value, ScalarNode):
        entries = [("kernel_size", source.text[value.start : value.end])]
    elif isinstance(value, MapNode) and value.flow and is_torchs(value, layer):
        entries = [(key.text, source.text[given.start : given.end]) for key, given in value.entries]
    else:
        return None
    given = dict(entries)
    times = given.pop("depth_multiplier", "1")
    times = times if re.fullmatch(r"\w+", times) else f"({times})"
    width = "in_channels" if times == "1" else f"{times} * in_channels"
    pairs = [("out_channels", width), ("groups", "in_channels")]
    for key, text in given.items():
        own = argument_meant(key, layer.model_fields)
        if own is None or own in ("out_channels", "groups", "in_channels"):
            return None
        pairs.append((own, text.lower() if own == "padding" else text))
    return call_text("Conv2d", pairs)


_HEADS: Final[dict[str, Callable[[Node, Source, Spec], str | None]]] = {
    "activation": _activation, "bidirectional": _bidirectional, "depthwiseconv2d": _depthwise,
}  # fmt: skip
