"""Networks with a fault that no spec could have: what finds such faults is tested on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netspec.net import Leaf, Net


def doctored(net: Net, index: int, **wrong: Any) -> Net:
    """The network with other values in a layer of its outermost chain."""
    children = list(net.root.children)
    leaf = children[index]
    assert isinstance(leaf, Leaf)
    children[index] = leaf._replace(**wrong)
    return replace(net, root=net.root._replace(children=tuple(children)))
