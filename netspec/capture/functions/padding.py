"""Pads: of maps as layers, of other axes as maps that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Final, NamedTuple

from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import FIXED, AxisMoves, Form, NoForm
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound
from netspec.capture.modules.layers import made as layer_made
from netspec.capture.modules.layers import written

_KINDS: Final = {
    "constant": "ConstantPad",
    "reflect": "ReflectionPad",
    "replicate": "ReplicationPad",
    "circular": "CircularPad",
}
_AXES: Final = 3
"""Of the largest layer that pads."""


class _Pad(NamedTuple):
    """What a layer that pads is called, without its number of axes, and its arguments beside the amounts."""

    word: str
    arguments: Mapping[str, Any]


def _pad(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input pad mode='constant' value=None")
    source: Traced = given["input"]
    amounts = [int(amount) for amount in given["pad"]]
    if not any(amounts):
        lowering.is_same(call.results[0], lowering.find(source))
        return
    if given["mode"] == "constant" and given["value"] == float("-inf"):
        lowering.lowest[call.results[0]] = (source, tuple(amounts))
        return
    number = given["value"] or 0.0
    word = "ZeroPad" if given["mode"] == "constant" and not number else _KINDS[given["mode"]]
    pad = _Pad(word, {"value": number} if word == "ConstantPad" else {})
    value, form = lowering.anywhere(source)
    axes = len(form.shape(source.shape, lowering.batch)) - 2
    if (form.plain or form == FIXED) and len(amounts) <= 2 * axes <= 2 * _AXES:
        amounts += [0] * (2 * axes - len(amounts))
        lowering.layered(call, f"{pad.word}{axes}d", value, {"padding": tuple(amounts), **pad.arguments}, form=form)
        return
    if not source.varies:
        raise NoForm(f"a pad of {len(amounts) // 2} axes on a tensor of {len(source.shape)} has no form in a spec")
    _around(lowering, call, source, pad, _sides(amounts, form, len(source.shape)))


def _sides(amounts: list[int], form: Form, rank: int) -> dict[int, tuple[int, int]]:
    """For each axis of the value that is padded, by how much in front of it and behind it."""
    found: dict[int, tuple[int, int]] = {}
    for i, pair in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        axis = form.axis(rank - 1 - i, rank)
        if any(pair):
            if axis is None:
                raise NoForm("a pad of the batch adds examples")
            found[axis] = pair
    if len(found) > _AXES:
        raise NoForm(f"a pad of {len(found)} axes has no form in a spec")
    return dict(sorted(found.items()))


def _around(
    lowering: Lowering, call: TracedCall, source: Traced, pad: _Pad, sides: Mapping[int, tuple[int, int]]
) -> None:
    """Pad any axes of a value: they are moved behind all others, which become the channels, and back again."""
    value, form = lowering.anywhere(source)
    result = call.results[0]
    before, after = (form.shape(tensor.shape, lowering.batch) for tensor in (source, result))
    order = [*(axis for axis in range(len(before)) if axis not in sides), *sides]
    others, turned = order[: -len(sides)], [before[axis] for axis in order]

    def to_maps(layout: AxisMoves) -> None:
        layout.permuted(order)
        layout.reshaped(maps.shape)

    def back(layout: AxisMoves) -> None:
        layout.reshaped([after[axis] for axis in order])
        layout.permuted([order.index(axis) for axis in range(len(order))])

    start, whole = made(before, source), made(after, result)
    maps = made((lowering.batch, prod(turned[1 : len(others)]), *turned[len(others) :]), source)
    padded = made((*maps.shape[:2], *(after[axis] for axis in sides)), result)
    lowering.is_same(start, value)
    lowering.forms[start] = Form()
    lowering.move(start, maps, to_maps)
    amounts = tuple(amount for axis in reversed(list(sides)) for amount in sides[axis])
    word = f"{pad.word}{len(sides)}d"
    layer = layer_made(word, {"padding": amounts, **pad.arguments})
    if layer is None:
        raise NoForm(f"`{word}` does not take {amounts}")
    lowering.items.append(PlacedItem(word, lowering.taken(maps), (padded,), written(layer), place=call.place))
    lowering.forms[padded] = Form()
    lowering.move(padded, whole, back)
    lowering.is_same(result, lowering.ready(whole))
    lowering.forms[result] = form


HANDLERS: Final[dict[str, Handler]] = {"pad": _pad}
