"""Warnings about several layers together: what is legal in torch, and hardly ever meant."""

from __future__ import annotations

from netspec.language.branches import writes
from netspec.layers.base import shape_text
from netspec.net import Combinator, Net
from netspec.remarks.maps import Maps
from netspec.remarks.stretches import Stretch, is_low_rank, tell_of_dropout, tell_of_pair, tell_of_softmaxes
from netspec.remarks.walk import Telling, role_of, straight
from netspec.text.source import Node
from netspec.validation import Reports


def find_warnings(net: Net, layers: Node | None, reports: Reports) -> None:
    """Warn of what a net without errors hardly means.

    Args:
        net: the net.
        layers: what the spec has under `layers`.
        reports: takes the warnings.
    """
    if not net.root.children:
        if layers is not None:
            _no_layers(net, layers, reports)
        return
    tell = Telling(reports, "warning")
    deciding: list[Combinator] = []
    maps, stretch, last = Maps(net, tell, deciding), Stretch(net), None
    inplace = False
    for fresh, leaf in straight(net, deciding):
        if fresh:
            stretch.begin()
            last = None
        if leaf is None:
            maps.lose()
            continue
        role = role_of(type(leaf.layer))
        if role.may_turn:
            maps.look(leaf)
        if role.is_matrix:
            pair = stretch.pair(leaf, role)
            if pair is not None and not pair.normed and not is_low_rank(pair):
                tell_of_pair(pair, tell, "nothing-between")
        elif stretch.dropout is not None and stretch.straight and leaf.layer.over_batch:
            tell_of_dropout(stretch.dropout, leaf, tell, "dropout-before-norm")
        if role.is_share:
            if last is not None and not fresh:
                tell_of_softmaxes(last, leaf, tell)
            last = leaf
        elif not role.keeps_values:
            last = None
        stretch.add(leaf, role)
        inplace = inplace or (role.may_write and writes(leaf.layer))
    if inplace:
        from netspec.remarks.inplace import find_overwriting  # imported here: few nets write in place

        find_overwriting(net, tell, reports)
    if deciding:
        from netspec.remarks.routers import find_routers  # imported here: few nets have experts

        find_routers(deciding, tell, reports)


def _no_layers(net: Net, layers: Node, reports: Reports) -> None:
    reports.report(
        "no-layers",
        f"the network has no layers: it gives its input, {shape_text(net.input.shape)}, as it is",
        layers,
        severity="warning",
        help="write its layers under `layers`, as in `- Linear: 10`",
    )
