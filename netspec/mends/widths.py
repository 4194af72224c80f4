"""Mends of a width that is stated otherwise than it flows, where what stands around tells which one is meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from netspec.combinators.elementwise import Add
from netspec.combinators.sums import Residual
from netspec.diagnostics import Fix
from netspec.dims import Size
from netspec.language.clues import JoinClue, LayerClue
from netspec.language.flow import LayerOrigin, Origin
from netspec.language.spec import Spec
from netspec.layers.base import TensorType, shape_text
from netspec.mends.edits import put_before, set_argument
from netspec.mends.finding import item_at, items_behind
from netspec.text.source import MapNode, ScalarNode, Source

_GIVEN: Final = {"in_channels": "out_channels", "in_features": "out_features"}
"""The argument for what comes in, and that for what goes out."""
_KEEPS: Final = ("num_features", "num_channels", "normalized_shape")
"""Arguments of layers that give as many channels as they state."""


class StatedWidths(NamedTuple):
    """The widths that an item states."""

    into: int
    out: int | None


def widths_behind(spec: Spec, at: int) -> Iterator[StatedWidths]:
    """What the items behind one state of the width that it gives, up to the first that gives another."""
    for item in items_behind(spec, at):
        entries = item.value.entries if isinstance(item.value, MapNode) else ()
        said = {key.text: value.value for key, value in entries if isinstance(value, ScalarNode)}
        into = next((said[name] for name in (*_GIVEN, *_KEEPS) if type(said.get(name)) is int), None)
        out = next((said[name] for name in _GIVEN.values() if name in said), None)
        if isinstance(into, int):
            yield StatedWidths(into, out if isinstance(out, int) else None)
        if out is not None:
            return


def other_way_round(clue: LayerClue, stated: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """`Linear: {in_features: 256, out_features: 784}` where 784 come in. It is certain where 256 are stated behind."""
    into = clue.layer.width
    out = _GIVEN.get(into or "")
    width = clue.x.shape[clue.layer.width_axis]
    if into is None or out is None or not isinstance(width, int) or getattr(clue.layer, out) != width:
        return
    turned = set_argument(source, clue.item, into, str(width), clue.layer.scalar)
    edit = set_argument(source, clue.item, out, str(stated), clue.layer.scalar)
    if turned is not None and edit is not None:
        behind = next(widths_behind(spec, clue.item.head.start), None)
        if behind == (stated, width):  # the same again: there is one number that is wrong everywhere
            return
        title = f"write `{into}: {width}, {out}: {stated}`: the two stand the other way round"
        yield Fix(title, (turned, edit), behind is not None and behind.into == stated)


def misspelt_in_front(clue: LayerClue, stated: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """A width in front that has the digits of the stated one in another order, or against which several stand."""
    axis = clue.layer.width_axis
    origin = clue.flow.origins[axis] if clue.flow.origins else None
    width = clue.x.shape[axis]
    item = item_at(spec, source, origin.span) if isinstance(origin, LayerOrigin) else None
    if item is None or origin is None:
        return
    behind = [said.into for said in widths_behind(spec, item.head.start)]
    several = behind.count(stated) > 1 and width not in behind
    if several or sorted(str(width)) == sorted(str(stated)):
        yield from let_give(origin, width, stated, source, spec)


def along_another_axis(clue: LayerClue, stated: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """`Linear: {in_features: 196}` on 196 × 768: along the steps, as in an MLP-Mixer."""
    x = clue.x
    if clue.layer.width_axis != -1 or len(x.shape) != 2 or x.shape[0] != stated:
        return
    moved = TensorType((x.shape[1], x.shape[0]), x.dtype)
    pattern = "Rearrange: n l c -> n c l"
    title = f"put `{pattern}` in front, which turns {shape_text(x.shape)} into {shape_text(moved.shape)}"
    edit = put_before(source, clue.item, pattern)
    if edit is not None:
        yield Fix(title, (edit,), certain=False)


def width_of_a_body(
    clue: JoinClue, x: TensorType, types: Sequence[TensorType], source: Source, spec: Spec
) -> Iterator[Fix]:
    """A `residual` whose body gives nearly the width that comes in: neither a part of it nor a multiple, as where a
    network widens."""
    if not isinstance(clue.joining, Residual) or "shortcut" in clue.item.options or len(types[0].shape) != len(x.shape):
        return
    differing = [axis for axis, pair in enumerate(zip(types[0].shape, x.shape, strict=True)) if pair[0] != pair[1]]
    if len(differing) != 1:
        return
    origin = clue.ends[0].origins[differing[0]]
    given, wanted = types[0].shape[differing[0]], x.shape[differing[0]]
    if isinstance(given, int) and isinstance(wanted, int) and max(given, wanted) % min(given, wanted):
        yield from let_give(origin, given, wanted, source, spec, ", as what flows around it")


def let_give(origin: Origin, width: Size, wanted: int, source: Source, spec: Spec, why: str = "") -> Iterator[Fix]:
    """Let the layer that a width comes from give another one, where it states it itself."""
    item = item_at(spec, source, origin.span) if isinstance(origin, LayerOrigin) else None
    if item is None or not isinstance(origin, LayerOrigin):
        return
    leaf = origin.leaf
    for name in _GIVEN.values():
        if getattr(leaf.layer, name, None) == width:
            edit = set_argument(source, item, name, str(wanted), leaf.layer.scalar)
            if edit is not None:
                yield Fix(f"let {origin.named()} give {wanted}{why}", (edit,), certain=False)


def width_of_a_branch(clue: JoinClue, types: Sequence[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """Two values that are added, one of them of another width: that of a layer may be the other's."""
    if not isinstance(clue.joining, Add) or len(types) != 2 or len(types[0].shape) != len(types[1].shape):
        return
    differing = [i for i, pair in enumerate(zip(types[0].shape, types[1].shape, strict=True)) if pair[0] != pair[1]]
    for own, other in ((1, 0), (0, 1)) if len(differing) == 1 else ():
        wanted, origin = types[other].shape[differing[0]], clue.ends[own].origins[differing[0]]
        if isinstance(wanted, int):
            given = types[own].shape[differing[0]]
            yield from let_give(origin, given, wanted, source, spec, ", as the other branch")


BY_WHAT_STANDS_AROUND: Final = (other_way_round, misspelt_in_front, along_another_axis)
