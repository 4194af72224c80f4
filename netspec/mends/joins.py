"""Mends of branches that do not fit together, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, cast

from netspec.combinators.products import Gate
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.dims import Size, product
from netspec.language.clues import JoinClue
from netspec.language.flow import LayerOrigin
from netspec.language.spec import Block, Spec
from netspec.layers.base import Layer, TensorType, shape_text
from netspec.layers.linear import Linear
from netspec.layers.shape import Flatten
from netspec.mends.block_calls import given_in_call, written
from netspec.mends.edits import put_beside, replace, set_argument, take_out
from netspec.mends.finding import item_at, items
from netspec.mends.shapes import with_argument
from netspec.mends.widths import width_of_a_body, width_of_a_branch
from netspec.net import Leaf, Sequential, leaves
from netspec.net import Node as NetNode
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def mends_of_join(clue: JoinClue, d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """What would make the branches fit."""
    x = clue.flow.type
    types = [end.type for end in clue.ends if end.type is not None]
    if x is None or len(types) < len(clue.ends):
        return
    if not all(isinstance(size, int) for one in (x, *types) for size in one.shape):
        return
    yield from _linears_of_a_gate(clue, source, spec)
    yield from _last_width(clue, types, source, spec)
    yield from _parameter_without_the_batch(clue, types, source, spec)
    yield from _layer_of_the_shortcut(clue, types, source, spec)
    yield from _padding_that_keeps_the_size(clue, types, source, spec)
    yield from _one_layer_that_differs(clue, types, source, spec)
    yield from _stride_given_twice(clue, source, spec)
    yield from _padding_and_shortcut(clue, x, types, source, spec)
    yield from width_of_a_branch(clue, types, source, spec)
    yield from width_of_a_body(clue, x, types, source, spec)
    yield from _shortcut(clue, x, types, source, spec)
    yield from _call(clue, types, d, source, spec)


def _linears_of_a_gate(clue: JoinClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """Squeeze and excitation with `Linear`: on one value of each channel it is a convolution with a kernel of 1, which
    leaves a map for the gate."""
    if not isinstance(clue.joining, Gate):
        return
    edits: list[Edit | None] = []
    linears = 0
    for leaf in leaves(clue.branches[0]):
        item = item_at(spec, source, leaf.span)
        if item is None or not isinstance(leaf.layer, Flatten | Linear):
            continue
        if isinstance(leaf.layer, Flatten):
            edits.append(take_out(source, item.node) if set(leaf.input.shape[1:]) == {1} else None)
        elif isinstance(item.value, ScalarNode):
            width = source.text[item.value.start : item.value.end]
            whole = source.between(item.head.start, item.value.end)
            edits.append(Edit(whole, f"Conv2d: {{out_channels: {width}, kernel_size: 1}}"))
            linears += 1
        else:
            return
    if linears and None not in edits:
        made = "`Conv2d: {out_channels: …, kernel_size: 1}`"
        title = f"write {made} for each `Linear` in the gate: it works on the channels, and leaves a map"
        yield Fix(title, tuple(edit for edit in edits if edit is not None), certain=False)


def _last_width(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """The layer that set the last axis of a branch which the combinator wants of another size."""
    for number, wanted in clue.joining.misfits(types).items():
        origin = clue.ends[number].origins[-1] if types[number].shape else None
        if not isinstance(origin, LayerOrigin) or types[number].shape[-1] == wanted:
            continue
        leaf, item = origin.leaf, item_at(spec, source, origin.leaf.span)
        name = leaf.layer.scalar
        if item is None or name is None or getattr(leaf.layer, name) != leaf.output.shape[-1]:
            continue
        edit = set_argument(source, item, name, str(wanted), name)
        if edit is not None:
            yield Fix(f"`{name}: {wanted}` of `{leaf.type}` (line {leaf.span.line})", (edit,), certain=False)


def _padding_that_keeps_the_size(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """Convolutions of a branch that were meant to keep the size: each gets half its kernel as padding."""
    edits: dict[Edit, Leaf] = {}
    for branch in clue.branches:
        for leaf in leaves(branch):
            if getattr(leaf.layer, "stride", None) == 1 and leaf.input.shape[1:] != leaf.output.shape[1:]:
                padded = _padded(leaf, source, spec)
                if padded is not None:
                    edits[padded] = leaf
                elif _half(leaf) is not None:
                    return
    if edits:
        one = next(iter(edits.values()))
        padded = with_argument(one.layer, "padding", getattr(one.layer, "kernel_size") // 2, one.input)  # noqa: B009  # fields of some layers
        if padded is not None:
            title = f"`padding: {getattr(one.layer, 'kernel_size') // 2}` keeps the size, {shape_text(padded.shape)}"  # noqa: B009  # likewise
            yield Fix(title, tuple(edits))


def _half(leaf: Leaf) -> int | None:
    """Half the kernel of a layer that has no padding; None where it has one, or an even kernel."""
    kernel = getattr(leaf.layer, "kernel_size", None)
    if not isinstance(kernel, int) or kernel % 2 == 0 or kernel == 1 or getattr(leaf.layer, "padding", None) != 0:
        return None
    return kernel // 2


def _padded(leaf: Leaf, source: Source, spec: Spec) -> Edit | None:
    """Half the kernel as padding of a layer that has none."""
    half, item = _half(leaf), item_at(spec, source, leaf.span)
    return None if half is None or item is None else set_argument(source, item, "padding", str(half), leaf.layer.scalar)


def _parameter_without_the_batch(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """`Parameter: [1, 196, 64]` beside 196 × 64: torch's users give a parameter the batch's axis, of size 1."""
    ranks = {len(one.shape) for one in types if not one.constant}
    for end, one in zip(clue.ends, types, strict=True):
        if not one.constant or ranks != {len(one.shape) - 1} or one.shape[0] != 1:
            continue
        origin = end.origins[-1]
        item = item_at(spec, source, origin.leaf.span) if isinstance(origin, LayerOrigin) else None
        if item is None:
            continue
        value = item.value.get("shape") if isinstance(item.value, MapNode) else item.value
        if isinstance(value, ListNode) and len(value.items) == len(one.shape):
            batch = source.between(value.items[0].start, value.items[1].start)
            title = f"leave out the 1 of `{item.name}` (line {batch.line}): the batch's axis is part of no shape"
            yield Fix(title, (Edit(batch, ""),))


def _layer_of_the_shortcut(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """The only convolution of a `shortcut`: its width and its stride follow the body."""
    if "shortcut" not in clue.item.options or len(types) != 2 or len(types[0].shape) != len(types[1].shape):
        return
    body, skip = types
    convolutions = [leaf for leaf in leaves(clue.branches[1]) if isinstance(getattr(leaf.layer, "stride", None), int)]
    if len(convolutions) != 1:
        return
    leaf, item = convolutions[0], item_at(spec, source, convolutions[0].span)
    if item is None or not all(isinstance(size, int) for size in leaf.input.shape):
        return
    wanted: dict[str, int] = {}
    if body.shape[0] != skip.shape[0]:
        wanted["out_channels"] = cast("int", body.shape[0])
    if body.shape[1:] != skip.shape[1:]:
        if getattr(leaf.layer, "stride", 1) != 1:  # one that is stated may be right, and the body wrong
            return
        wanted["stride"] = -(-cast("int", leaf.input.shape[1]) // cast("int", body.shape[1]))
    edits = [set_argument(source, item, name, str(value), leaf.layer.scalar) for name, value in wanted.items()]
    if edits and len(edits) == len(known := tuple(edit for edit in edits if edit is not None)):
        said = ", ".join(f"`{name}: {value}`" for name, value in wanted.items())
        sure = wanted.get("stride") in (None, _strides(clue.branches[0]))
        yield Fix(f"{said} of the `{leaf.type}` of the `shortcut` gives {shape_text(body.shape)}", known, sure)


def _one_layer_that_differs(clue: JoinClue, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """A layer that set a size that does not fit, with an argument that makes it the other branch's."""
    if len({len(one.shape) for one in types}) > 1:
        return
    for end, own in zip(clue.ends, types, strict=True):
        for axis in range(1, len(own.shape)):
            origin = end.origins[axis]
            others = {one.shape[axis] for one in types} - {own.shape[axis]}
            if len(others) == 1 and isinstance(origin, LayerOrigin):
                yield from _of_size(others.pop(), axis, origin.leaf, source, spec)
                break


def _of_size(wanted: Size, axis: int, leaf: Leaf, source: Source, spec: Spec) -> Iterator[Fix]:
    """A layer with an argument a little changed, so that it gives an axis the size that is wanted."""
    item = item_at(spec, source, leaf.span)
    for name, value in _a_little_changed(leaf.layer) if item is not None else ():
        y = with_argument(leaf.layer, name, value, leaf.input)
        text = str(value).lower()
        edit = None if item is None else set_argument(source, item, name, text, leaf.layer.scalar)
        if edit is not None and y is not None and y.shape[axis : axis + 1] == (wanted,):
            turns = f"turns {shape_text(leaf.input.shape)} into {shape_text(y.shape)}"
            yield Fix(f"`{name}: {text}` of `{leaf.type}` (line {leaf.span.line}) {turns}", (edit,))


def _a_little_changed(layer: Layer) -> Iterator[tuple[str, int]]:
    """The arguments by which a layer's map may be a value longer or shorter, with values beside its own."""
    for name in ("output_padding", "ceil_mode", "padding"):
        own = getattr(layer, name, None)
        if isinstance(own, bool):
            yield name, not own
        elif isinstance(own, int):
            yield from ((name, value) for value in (own + 1, own - 1, own + 2) if value >= 0)


def _stride_given_twice(clue: JoinClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A block's stride that two of its layers have: one of them was meant to."""
    for branch in clue.branches:
        strided = [leaf for leaf in leaves(branch) if getattr(leaf.layer, "stride", 1) not in (1, (1, 1))]
        if len(strided) != 2:
            continue
        for leaf in reversed(strided):
            item = item_at(spec, source, leaf.span)
            node = None if item is None else written(item, "stride")  # a parameter of the block, as a rule
            if isinstance(node, ScalarNode):
                edit = replace(source, node, "1")
                other = strided[0] if leaf is strided[1] else strided[1]
                title = f"write `stride: 1`: `{other.type}` (line {other.span.line}) has the stride already"
                yield Fix(title, (edit,), certain=False)


def _strides(branch: NetNode) -> int | None:
    """By how much the layers of a branch divide the size, by their strides; None where they are no numbers."""
    found = 1
    for leaf in leaves(branch):
        stride: object = getattr(leaf.layer, "stride", 1)
        stride = getattr(leaf.layer, "kernel_size", 1) if stride is None else stride  # of a pool
        sizes = set(cast("tuple[object, ...]", stride)) if isinstance(stride, tuple) else {stride}
        size = sizes.pop()
        if sizes or not isinstance(size, int):
            return None
        found *= size
    return found


def _padding_and_shortcut(
    clue: JoinClue, x: TensorType, types: list[TensorType], source: Source, spec: Spec
) -> Iterator[Fix]:
    """A body of another width or with a stride, whose convolutions have no padding: padding, and a shortcut."""
    body, by = list(leaves(clue.branches[0])), _strides(clue.branches[0])
    plain = by == 1 and types[0].shape[:1] == x.shape[:1]  # padding alone keeps its shape
    if clue.item.options.get("shortcut") is not None or by is None or plain or not any(map(_half, body)):
        return
    sizes = [-(-size // by) for size in x.shape[1:] if isinstance(size, int)]
    layers = clue.joining.shortcut_for(x, [types[0]._replace(shape=(types[0].shape[0], *sizes)), x])
    beside = None if layers is None else put_beside(source, clue.item, "shortcut", f"[{layers}]")
    edits = [_padded(leaf, source, spec) for leaf in body if _half(leaf) is not None]
    known = [edit for edit in dict.fromkeys(edits) if edit is not None]
    if beside is not None and None not in edits:
        title = f"half the kernel as `padding` in the body, and `shortcut: [{layers}]`"
        yield Fix(title, (*known, beside), certain=False)


def _shortcut(clue: JoinClue, x: TensorType, types: list[TensorType], source: Source, spec: Spec) -> Iterator[Fix]:
    """A 1×1 convolution on the side that skips the body, with the parameters of the block that it stands in."""
    layers = clue.joining.shortcut_for(x, types)
    if layers is None or any(item.head.text == "shortcut" for item in items(spec)):  # one stands behind a dash
        return
    shown = ((name, _read(clue, name, value, source, spec)) for name, value in _NUMBER.findall(layers))
    named = [(name, text) for name, text in shown if text is not None]
    for name, text in named:
        layers = re.sub(rf"\b{name}: \d+", f"{name}: {text}", layers)
    around = _block_around(clue.item.node, spec)
    plain = around is None or not around.parameters  # numbers in a block that is called with others are a guess
    given = clue.item.options.get("shortcut")
    if given is None:
        edit = put_beside(source, clue.item, "shortcut", f"[{layers}]")
    else:
        edit = replace(source, given, f"[{layers}]")
    if edit is not None:
        title = f"`shortcut: [{layers}]` turns {shape_text(x.shape)} into {shape_text(types[0].shape)}"
        grows = product(types[0].shape[1:]) > product(x.shape[1:])  # by nearest neighbours, or by a layer that learns
        strided = next((int(value) for name, value in _NUMBER.findall(layers) if name == "stride"), 1)
        alike = strided == _strides(clue.branches[0])  # else another size of the body is meant
        certain = given is None and not named and not grows and plain and alike and not _is_pooled(clue.branches[0])
        yield Fix(title, (edit,), certain)


def _is_pooled(body: Sequential) -> bool:
    """Whether a layer without weights makes the map smaller: the other side may want the same one."""
    shrunk = (leaf for leaf in leaves(body) if getattr(leaf.layer, "stride", 1) != 1)
    return any(not leaf.params for leaf in shrunk)


_NUMBER: Final = re.compile(r"\b(out_channels|stride): (\d+)")


def _read(clue: JoinClue, name: str, value: str, source: Source, spec: Spec) -> str | None:
    """How the body writes the number that a layer of its has for an argument; None if it writes the number, or with
    parameters of another block, which mean nothing here."""
    here = _block_around(clue.item.node, spec)
    known = {p.name for p in here.parameters} if here is not None else set[str]()
    known |= {key.text for key, _ in spec.vars}
    for leaf in leaves(clue.branches[0]):
        item = item_at(spec, source, leaf.span)
        node = None if item is None or str(getattr(leaf.layer, name, None)) != value else written(item, name)
        if item is None or not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            continue
        if _block_around(item.node, spec) is here or known.issuperset(re.findall(r"[A-Za-z_]\w*", node.text)):
            return node.text
    return None


def _block_around(node: Node, spec: Spec) -> Block | None:
    """The block in whose body a node stands."""
    blocks = spec.blocks.values()
    return next((block for block in blocks if block.body.start <= node.start < block.body.end), None)


def _call(clue: JoinClue, types: list[TensorType], d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """The width that a block is called with: that of the other side."""
    origin, x = next(iter(clue.ends[0].origins), None), clue.flow.type
    item = item_at(spec, source, origin.span) if isinstance(origin, LayerOrigin) else None
    wanted = None if x is None else next(iter(x.shape), None)
    if item is None or clue.item.options.get("shortcut") is not None or not isinstance(wanted, int):
        return
    if types[0].shape[1:] == (x.shape[1:] if x is not None else ()):
        for name in ("out_channels", "out_features"):
            for fix in given_in_call(written(item, name), wanted, d, source, spec):
                yield fix._replace(certain=False)
