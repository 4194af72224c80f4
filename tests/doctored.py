"""Networks with errors that no spec can cause, for tests of the checks that find them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netspec.net import Leaf, Net


def doctored(net: Net, index: int, **wrong: Any) -> Net:
    """A copy of the network with some fields of one layer replaced.

    Args:
        index: the layer's index in the outermost chain.
        wrong: the new values, by the name of the field of `Leaf`.
    """
    children = list(net.root.children)
    leaf = children[index]
    assert isinstance(leaf, Leaf)
    children[index] = leaf._replace(**wrong)
    return replace(net, root=net.root._replace(children=tuple(children)))
