"""Mends of items whose head is a layer elsewhere and none here: `Activation`, `Bidirectional`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.language.aliases import meant_by
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.calls import call_text
from netspec.text.source import MapNode, Node, ScalarNode, Source

ACTIVATIONS: Final = {"linear": "", "none": "", "null": "", "": "", "swish": "SiLU", "lrelu": "LeakyReLU",
                      "softmax": "Softmax: -1"}  # fmt: skip
"""What Keras and Caffe call an activation, in small letters, as an item; nothing for none."""


def mends_of_head(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """The item that does what a stranger's layer does."""
    node = item.node
    make = _HEADS.get(item.head.text.lower().rpartition(".")[2])
    if make is None or item.value is None or not isinstance(node, MapNode) or len(node.entries) > 1:
        return
    text = make(item.value, source, spec)
    if text is not None:
        yield Fix(f"write `{text}`", (Edit(source.between(node.start, node.end), text),))


def activation(word: str, spec: Spec) -> str | None:
    """The item of an activation's name: `relu` is `ReLU`; an empty text for none."""
    bare = word.rpartition(".")[2].removesuffix("()").strip("'\"")
    found = ACTIVATIONS.get(bare.lower())
    if found is not None:
        return found
    layer = meant_by(bare, 2, spec.offer.layers)
    return layer if layer in spec.offer.layers else None


def _activation(value: Node, source: Source, spec: Spec) -> str | None:
    return activation(value.text, spec) or None if isinstance(value, ScalarNode) else None


def _bidirectional(value: Node, source: Source, spec: Spec) -> str | None:
    """`Bidirectional: {LSTM: 64}`."""
    if not isinstance(value, MapNode) or len(value.entries) != 1:
        return None
    head, given = value.entries[0]
    if head.text not in spec.offer.layers or "bidirectional" not in spec.offer.layer_class(head.text).model_fields:
        return None
    scalar = spec.offer.layer_class(head.text).scalar
    text = source.text[given.start : given.end]
    if isinstance(given, MapNode) and given.flow:
        return f"{head.text}: {text[:-1]}, bidirectional: true}}"
    if isinstance(given, ScalarNode) and scalar is not None and given.value is not None:
        return call_text(head.text, [(scalar, text), ("bidirectional", "true")])
    return None


_HEADS: Final[dict[str, Callable[[Node, Source, Spec], str | None]]] = {
    "activation": _activation, "bidirectional": _bidirectional,
}  # fmt: skip
