"""Layers that write over what the layer in front of them keeps, or over the network's input."""

from __future__ import annotations

from netspec.language.branches import writes
from netspec.net import Leaf, Net
from netspec.remarks.walk import Telling, at, straight
from netspec.validation import Reports


def find_overwriting(net: Net, tell: Telling, reports: Reports) -> None:
    """Warn of layers in place that write over the output which a layer in front keeps for its gradient, and of one that
    writes over what the network is given.

    What has a name and what several branches read is looked after elsewhere (`inplace-in-branch`).
    """
    keeper: Leaf | None = None
    given, learns = True, False
    for fresh, leaf in straight(net):
        if fresh:
            keeper = None
            given = given and leaf is net.layers[0]
        if leaf is None:
            continue
        x = leaf.input
        overwrites = writes(leaf.layer) and leaf.layer.shares(x)
        if overwrites and not reports.has("inplace-in-branch", leaf.span):
            if given:
                tell(
                    "inplace-corrupts",
                    f"`{leaf.type}` with `inplace: true` writes over the network's input: whoever gives it finds it "
                    "changed afterwards",
                    leaf,
                    "leave `inplace` out here",
                )
            elif keeper is not None and learns:
                tell(
                    "inplace-corrupts",
                    f"`{leaf.type}` with `inplace: true` writes over what {at(keeper)} gives and keeps for its "
                    "gradient: training ends at its first backward pass",
                    leaf,
                    "leave `inplace` out here",
                    keeper,
                )
        shares = leaf.layer.shares(x)
        given = given and shares and not overwrites
        learns = learns or (not leaf.frozen and bool(leaf.layer.parameters(x)))
        if leaf.layer.saved(x).output:
            keeper = leaf
        elif not shares or overwrites:
            keeper = None
