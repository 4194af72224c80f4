"""Mends of branches that do not fit together, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.language.clues import JoinClue
from netspec.language.flow import LayerOrigin
from netspec.language.spec import Spec
from netspec.layers.base import TensorType, shape_text
from netspec.mends.edits import put_beside, replace, set_argument
from netspec.mends.finding import item_at
from netspec.mends.shapes import with_argument
from netspec.net import Leaf, leaves
from netspec.text.source import Source


def mends_of_join(clue: JoinClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """What would make the branches fit."""
    x = clue.flow.type
    types = [end.type for end in clue.ends if end.type is not None]
    if x is None or len(types) < len(clue.ends):
        return
    if not all(isinstance(size, int) for one in (x, *types) for size in one.shape):
        return
    yield from _padding_that_keeps_the_size(clue, types, source, spec)
    yield from _one_layer_that_differs(clue, types, source, spec)
    yield from _shortcut(clue, x, types, source)


def _padding_that_keeps_the_size(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """Convolutions of a branch that were meant to keep the size: each gets half its kernel as padding."""
    edits: dict[Edit, Leaf] = {}
    for branch in clue.branches:
        for leaf in leaves(branch):
            kernel = getattr(leaf.layer, "kernel_size", None)
            if not isinstance(kernel, int) or kernel % 2 == 0 or getattr(leaf.layer, "padding", None) != 0:
                continue
            if leaf.input.shape[1:] == leaf.output.shape[1:] or getattr(leaf.layer, "stride", None) != 1:
                continue
            item = item_at(spec, source, leaf.span)
            edit = None if item is None else set_argument(source, item, "padding", str(kernel // 2), leaf.layer.scalar)
            if edit is None:
                return
            edits[edit] = leaf
    if edits:
        one = next(iter(edits.values()))
        padded = with_argument(one.layer, "padding", getattr(one.layer, "kernel_size") // 2, one.input)  # noqa: B009  # fields of some layers
        if padded is not None:
            title = f"`padding: {getattr(one.layer, 'kernel_size') // 2}` keeps the size, {shape_text(padded.shape)}"  # noqa: B009  # likewise
            yield Fix(title, tuple(edits))


_VARIED: Final = ("output_padding", "ceil_mode", "padding")
"""Arguments by which a layer's map may be one longer or shorter."""


def _one_layer_that_differs(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """A layer that set a size that does not fit, with an argument that makes it the other branch's."""
    ranks = {len(one.shape) for one in types}
    if len(ranks) != 1:
        return
    for here, end in enumerate(clue.ends):
        for axis in range(1, len(types[here].shape)):
            origin = end.origins[axis]
            wanted = {one.shape[axis] for one in types} - {types[here].shape[axis]}
            if len(wanted) != 1 or not isinstance(origin, LayerOrigin):
                continue
            yield from _varied(origin.leaf, axis, next(iter(wanted)), source, spec)
            break


def _varied(leaf: Leaf, axis: int, wanted: object, source: Source, spec: Spec) -> Iterator[Fix]:
    item = item_at(spec, source, leaf.span)
    if item is None:
        return
    for name in _VARIED:
        old = getattr(leaf.layer, name, None)
        if isinstance(old, bool):
            values: tuple[int, ...] = (not old,)
        elif isinstance(old, int):
            values = tuple(value for value in (old + 1, old - 1, old + 2) if value >= 0)
        else:
            continue
        for value in values:
            y = with_argument(leaf.layer, name, value, leaf.input)
            if y is not None and len(y.shape) > axis and y.shape[axis] == wanted:
                text = str(value).lower()
                edit = set_argument(source, item, name, text, leaf.layer.scalar)
                if edit is not None:
                    turns = f"turns {shape_text(leaf.input.shape)} into {shape_text(y.shape)}"
                    yield Fix(f"`{name}: {text}` of `{leaf.type}` (line {leaf.span.line}) {turns}", (edit,))


def _shortcut(clue: JoinClue, x: TensorType, types: list[TensorType], source: Source) -> Iterator[Fix]:
    """A 1×1 convolution on the side that skips the body."""
    written = clue.joining.shortcut_for(x, types)
    if written is None:
        return
    given = clue.item.options.get("shortcut")
    if given is None:
        edit = put_beside(source, clue.item, "shortcut", f"[{written}]")
    else:
        edit = replace(source, given, f"[{written}]")
    if edit is not None:
        title = f"`shortcut: [{written}]` turns {shape_text(x.shape)} into {shape_text(types[0].shape)}"
        yield Fix(title, (edit,))
