"""`parametrize` beside a layer: of what its weight is computed."""

from __future__ import annotations

from netspec.net import Leaf
from netspec.text.source import Node
from netspec.validation import Reader


def parametrized(leaf: Leaf, node: Node, reader: Reader) -> Leaf:
    """A layer with what its item says that its weight is computed of; as it is once that is refused."""
    from netspec.layers.parametrizations import PARAMETRIZATIONS  # few specs have one

    found = reader.call(
        node, dict.fromkeys(PARAMETRIZATIONS, ""), PARAMETRIZATIONS.__getitem__, kind="parametrization",
        unknown="unknown-parametrization",
    )  # fmt: skip
    if found is None:
        return leaf
    shape = leaf.layer.parameters(leaf.input).get("weight")
    if shape is None or len(shape) < 2:
        has = "has no `weight` here" if shape is None else "has a weight of one axis"
        refusal = f"{has}, and it takes a weight that is a matrix or more"
    else:
        refusal = found.refusal(leaf.layer, shape)
    if refusal is not None:
        reader.report("not-parametrizable", f"`{found.word}` is not for this layer: `{leaf.type}` {refusal}", node)
        return leaf
    return leaf._replace(parametrization=found)
