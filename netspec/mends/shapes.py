"""Mends of a layer that does not take what stands in front of it, the likeliest first.

A number that is stated is evidence of what was meant: where it is the product of all axes a `Flatten` was forgotten,
where it is another axis the axes are in another order. What a mend leads to is computed by the layers' own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from netspec.diagnostics import Edit, Fix
from netspec.dims import product
from netspec.language.clues import LayerClue
from netspec.language.flow import LayerOrigin
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.layers.base import Layer, TensorType, shape_text
from netspec.layers.recurrent import Recurrent
from netspec.layers.shape import Flatten
from netspec.meant import argument_meant
from netspec.mends.edits import add_entry, offset, put_before, replace, set_argument, take_out
from netspec.mends.finding import item_at, item_before, items_behind
from netspec.mends.inputs import CHANNELS, input_sizes
from netspec.mends.orders import (
    accepted,
    axes_in_another_order,
    channels_of_a_map,
    offered,
    pictures_further_up,
    pictures_with_channels_last,
    stated_width,
)
from netspec.mends.widths import BY_WHAT_STANDS_AROUND, let_give
from netspec.text.source import ListNode, MapNode, Source


def mends_of_layer(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """What would make the layer take its input."""
    x = clue.x
    if not all(isinstance(size, int) for size in x.shape):
        return
    for make in _FOR.get(clue.problem.code, ()):
        yield from make(clue, source, spec)


# ---- a stated width


def _forgotten_flatten(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    x, stated = clue.x, stated_width(clue)
    if stated is None or len(x.shape) < 2 or product(x.shape) != stated:
        return
    flat = TensorType((stated,), x.dtype)
    if accepted(clue.layer, flat) is not None:
        title = f"put `Flatten` in front, which turns {shape_text(x.shape)} into {stated}"
        yield from offered(title, put_before(source, clue.item, "Flatten"))


def _forgotten_pool(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A width that is the number of channels in front of the `Flatten`: the map was meant to be pooled to one value."""
    stated, flatten = stated_width(clue), clue.flow.origins[-1] if clue.flow.origins else None
    if stated is None or not isinstance(flatten, LayerOrigin):
        return
    leaf = flatten.leaf
    if not leaf.layer.keeps_values or len(leaf.input.shape) < 3 or leaf.input.shape[0] != stated:
        return
    pool = f"AdaptiveAvgPool{len(leaf.input.shape) - 1}d: 1"
    at = offset(source, leaf.span.line, leaf.span.column)
    line = source.text.rfind("\n", 0, at) + 1
    begin = source.text[line:at]
    if begin.strip() != "-" or leaf.span.file != source.name:
        return
    dash = line + begin.index("-")
    text = f"- {pool}\n{' ' * (dash - line)}"
    title = f"put `{pool}` in front of `{leaf.type}`, which leaves one value of each of the {stated} channels"
    yield Fix(title, (Edit(source.between(dash, dash), text),))


def _pooled_to_another_size(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A width that is the channels times a power: the pool before the `Flatten` was meant to leave another size."""
    stated, flatten = stated_width(clue), clue.flow.origins[-1] if clue.flow.origins else None
    if stated is None or not isinstance(flatten, LayerOrigin) or not flatten.leaf.layer.keeps_values:
        return
    channels, *sizes = flatten.leaf.input.shape
    pool = item_before(spec, source, flatten.span)
    if pool is None or not pool.head.text.startswith("Adaptive") or not sizes or not isinstance(channels, int):
        return
    for size in range(1, 33):
        if channels * size ** len(sizes) == stated:
            edit = set_argument(source, pool, "output_size", str(size), "output_size")
            left = shape_text((channels, *(size for _ in sizes)))
            yield from offered(f"write `{pool.head.text}: {size}`, which leaves {left}", edit, certain=False)


def _by_what_stands_around(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    stated = stated_width(clue)
    if stated is not None:
        for make in BY_WHAT_STANDS_AROUND:
            yield from make(clue, stated, source, spec)


def _channels_of_the_input(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A stated number of channels that the recipe's data have, and `input` has not."""
    stated = stated_width(clue)
    if not clue.of_input or stated is None or clue.layer.width_axis != 0 or spec.train is None:
        return
    sizes = input_sizes(spec)
    if sizes is not None and len(sizes) == len(clue.x.shape):
        shape = [str(stated), *(source.text[size.start : size.end] for size in sizes[1:])]
        yield Fix(f"write `input: [{', '.join(shape)}]`, as the data have it", (replace(source, sizes[0], shape[0]),))


# ---- the number of axes


def _first_axis(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """`start_dim: 0`, `dim: 0`: the first axis behind the batch is 1."""
    name = clue.problem.at
    if name is not None and getattr(clue.layer, name, None) == 0:
        y = with_argument(clue.layer, name, 1, clue.x)
        if y is not None:
            title = f"write `{name}: 1`, which turns {shape_text(clue.x.shape)} into {shape_text(y.shape)}"
            yield from offered(title, set_argument(source, clue.item, name, "1", clue.layer.scalar), certain=False)


def _flattened_too_early(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A layer of maps behind a `Flatten`, which goes in front of the next layer of features."""
    origin = clue.flow.origins[-1] if clue.flow.origins else None
    if not isinstance(origin, LayerOrigin) or not isinstance(origin.leaf.layer, Flatten):
        return
    flatten = item_at(spec, source, origin.span)
    y = accepted(clue.layer, origin.leaf.input)
    if flatten is None or y is None or isinstance(flatten.value, MapNode):
        return
    gone = take_out(source, flatten.node)
    turns = f"`{clue.item.name}` turns {shape_text(origin.leaf.input.shape)} into {shape_text(y.shape)}"
    features = next((one for one in items_behind(spec, clue.item.head.start) if _takes_features(one, spec)), None)
    if features is not None:
        title = f"put `Flatten` further down, in front of the next `{features.name}`: {turns}"
        yield from offered(title, gone, put_before(source, features, "Flatten"), certain=False)
    yield from offered(f"leave `Flatten` (line {origin.span.line}) out: {turns}", gone, certain=False)


def _takes_features(item: Item, spec: Spec) -> bool:
    """Whether an item is a layer that reads the last axis, all of which it wants of one size."""
    layer = spec.offer.layer_class(item.name) if item.name in spec.offer.layers else None
    return layer is not None and layer.width is not None and layer.width_axis == -1


def _video(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """`[3, 16, 112, 112]` into `Conv2d`: three channels of sixteen pictures, not a batch of three."""
    shape = clue.x.shape
    if len(shape) == 4 and shape[0] in CHANNELS and shape[1] not in CHANNELS:
        yield from _another_rank(clue, source, spec)


def _another_rank(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """The layer of the same name for as many axes as there are: `Conv3d` on a map is `Conv2d`, and `Dropout2d` on
    features is `Dropout`."""
    name = clue.item.name
    if name[-2:] not in ("1d", "2d", "3d"):
        return
    for rank in ("1d", "2d", "3d", ""):
        other = name[:-2] + rank
        if other == name or other not in spec.offer.layers:
            continue
        layer = _same_arguments(clue.layer, spec.offer.layer_class(other))
        y = None if layer is None else accepted(layer, clue.x)
        if y is not None and (rank != "1d" or len(clue.x.shape) == 1 or not _spatial(clue.layer)):
            title = f"write `{other}`, which turns {shape_text(clue.x.shape)} into {shape_text(y.shape)}"
            yield from offered(title, replace(source, clue.item.head, other), certain=not _has_batch(clue))


def _has_batch(clue: LayerClue) -> bool:
    """Whether an input looks like one picture with the batch's axis: `[1, 3, 32, 32]`."""
    return clue.of_input and len(clue.x.shape) == 4 and clue.x.shape[0] == 1 and clue.x.shape[1] in CHANNELS


def _spatial(layer: Layer) -> bool:
    return hasattr(layer, "kernel_size")


def _same_arguments(layer: Layer, other: type[Layer]) -> Layer | None:
    given: dict[str, Any] = {}
    for name in layer.model_fields_set:
        value = getattr(layer, name)
        given[name] = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value  # pyright: ignore[reportUnknownArgumentType]  # any values
    try:
        return other.model_validate(given)
    except ValueError:
        return None


def _axis_for_channels(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """An input without its axis of channels: `[32, 32]` into `Conv2d`."""
    sizes = input_sizes(spec)
    if not clue.of_input or clue.layer.width_axis == -1 or sizes is None or len(sizes) != len(clue.x.shape):
        return
    channels = stated_width(clue) or 1
    whole = TensorType((channels, *clue.x.shape), clue.x.dtype)
    if accepted(clue.layer, whole) is not None:
        texts = [str(channels), *(source.text[size.start : size.end] for size in sizes)]
        title = f"write `input: [{', '.join(texts)}]`: the first axis is that of the channels"
        yield Fix(title, (Edit(source.between(sizes[0].start, sizes[0].start), f"{channels}, "),))


def _batch_axis(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """An input with the batch's axis: `[64, 3, 32, 32]` into `Conv2d`. Where the first size is as good a number of
    channels and the second is none, as in the `[3, 16, 112, 112]` of a video, another layer is as likely."""
    sizes = input_sizes(spec)
    if not clue.of_input or sizes is None or len(sizes) != len(clue.x.shape) or len(sizes) < 2:
        return
    one = TensorType(clue.x.shape[1:], clue.x.dtype)
    drop = Edit(source.between(sizes[0].start, sizes[1].start), "")
    if accepted(clue.layer, one) is None and _has_batch(clue):
        yield from _batch_axis_and_width(clue, one, drop, source)
    if accepted(clue.layer, one) is not None:
        texts = [source.text[size.start : size.end] for size in sizes[1:]]
        title = f"write `input: [{', '.join(texts)}]`: one example, without the batch axis"
        first, second = clue.x.shape[0], clue.x.shape[1]
        sure = stated_width(clue) is not None or first not in CHANNELS or (len(sizes) > 3 and second in CHANNELS)
        if clue.layer.width_axis == -1 and len(sizes) == 3:  # of a sequence, which a map may become
            sure = False
        yield Fix(title, (drop,), sure)
        if not sure and len(sizes) == 3 and accepted(clue.layer, TensorType((product(clue.x.shape[1:]), first))):
            pattern = "Rearrange: n c h w -> n (h w) c"
            yield from offered(f"put `{pattern}` in front: a sequence of the places of a map",
                            put_before(source, clue.item, pattern), certain=False)  # fmt: skip


def _batch_axis_and_width(clue: LayerClue, one: TensorType, drop: Edit, source: Source) -> Iterator[Fix]:
    """One picture with the batch's axis into a layer that states another number of channels."""
    width, channels = clue.layer.width, one.shape[0]
    if width is None or not isinstance(channels, int) or with_argument(clue.layer, width, channels, one) is None:
        return
    title = f"`{shape_text(one.shape)}` is one example, without the batch axis, and `{width}: {channels}`"
    edit = set_argument(source, clue.item, width, str(channels), clue.layer.scalar)
    yield from offered(title, drop, edit, certain=False)


def _sequence_of_map(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A layer for sequences behind a map: its columns may be the steps, as those of a line of text, or its places."""
    if clue.of_input or len(clue.x.shape) != 3 or clue.layer.width_axis != -1:
        return
    c, h, w = clue.x.shape
    orders = [("n c h w -> n (h w) c", h * w, c), ("n c h w -> n w (c h)", w, c * h)]
    for pattern, length, width in reversed(orders) if isinstance(clue.layer, Recurrent) else orders:
        sequence = TensorType((length, width), clue.x.dtype)
        if accepted(clue.layer, sequence) is not None:
            title = f"put `Rearrange: {pattern}` in front, which makes {length} steps of {width} of the map"
            yield from offered(title, put_before(source, clue.item, f"Rearrange: {pattern}"), certain=False)


def _integers(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """An input that the layer looks up: it holds integers."""
    if not clue.of_input or accepted(clue.layer, TensorType(clue.x.shape, "int64")) is None:
        return
    node = spec.input
    if isinstance(node, MapNode) and node.get("shape") is not None:
        dtype = node.get("dtype")
        edit = add_entry(source, node, "dtype", "int64") if dtype is None else replace(source, dtype, "int64")
        yield from offered("write `dtype: int64`: the values are numbers of rows", edit)
    elif isinstance(node, ListNode) and node.flow and node.items:
        end = node.items[-1].end
        said = f"[{source.text[node.items[0].start : end]}, int64]"
        title = f"write `input: {said}`: the values are numbers of rows"
        yield Fix(title, (Edit(source.between(end, end), ", int64"),))


# ---- windows, groups, and whatever has a number at fault


def _nearest(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """The nearest values of the argument at fault that the layer's rule takes, below it first."""
    name = clue.problem.at
    value = None if name is None else getattr(clue.layer, name, None)
    if name is None or not isinstance(value, int) or isinstance(value, bool):
        return
    given = clue.item.value  # which may have it under a stranger's name: that is to be mended first
    keys = [key.text for key, _ in given.entries] if isinstance(given, MapNode) else []
    if name not in keys and any(argument_meant(key, type(clue.layer).model_fields) == name for key in keys):
        return
    for tried in (range(value - 1, max(value - 65, -1), -1), range(value + 1, value + 65)):
        for near in tried:
            y = with_argument(clue.layer, name, near, clue.x)
            if y is None or (near == 1 and y == clue.x and not clue.layer.parameters(clue.x)):  # it would do nothing
                continue
            title = f"write `{name}: {near}`, which turns {shape_text(clue.x.shape)} into {shape_text(y.shape)}"
            yield from offered(
                title, set_argument(source, clue.item, name, str(near), clue.layer.scalar), certain=False
            )
            break


def _width_at_its_origin(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """The nearest widths that the layer takes, where another layer states its own: below it first."""
    axis = clue.problem.axis
    if not isinstance(axis, int) or not clue.flow.origins:
        return
    origin, width = clue.flow.origins[axis], clue.x.shape[axis]
    if not isinstance(width, int) or not isinstance(origin, LayerOrigin):
        return
    for tried in (range(width - 1, 0, -1), range(width + 1, width + 65)):
        for near in tried:
            shape = list(clue.x.shape)
            shape[axis] = near
            if accepted(clue.layer, TensorType(tuple(shape), clue.x.dtype)) is not None:
                yield from let_give(origin, width, near, source, spec)
                break


def values_that_fit(clue: LayerClue) -> str | None:
    """The values of the argument at fault that the layer's rule takes, where they are not all up to one of them."""
    name = clue.problem.at
    value = None if name is None else getattr(clue.layer, name, None)
    if clue.problem.code != "shape-mismatch" or name is None or not isinstance(value, int) or isinstance(value, bool):
        return None
    sizes = [size for size in clue.x.shape if isinstance(size, int)]
    most = min(max(sizes, default=value), 2048)
    fit = [near for near in range(1, most + 1) if with_argument(clue.layer, name, near, clue.x) is not None]
    if len(fit) < 3 or fit == list(range(fit[0], fit[0] + len(fit))):
        return None
    listed = ", ".join(map(str, fit[:12])) + (" …" if len(fit) > 12 else "")
    return f"`{name}` may be {listed}"


def with_argument(layer: Layer, name: str, value: int, x: TensorType) -> TensorType | None:
    """What the layer gives with another value of an argument; None if that is none or the input is not taken."""
    given = {field: getattr(layer, field) for field in layer.model_fields_set} | {name: value}
    try:
        other = type(layer).model_validate(given)
    except ValueError:
        return None
    return accepted(other, x)


Make = Callable[[LayerClue, Source, Spec], Iterable[Fix]]

_FOR: Final[dict[str, tuple[Make, ...]]] = {
    "width-mismatch": (
        _forgotten_flatten, _forgotten_pool, _pooled_to_another_size, axes_in_another_order, channels_of_a_map,
        _channels_of_the_input, _by_what_stands_around,
    ),
    "wrong-rank": (
        _axis_for_channels, _flattened_too_early, _video, _batch_axis, _forgotten_flatten, _sequence_of_map,
        _another_rank,
    ),
    "batch-axis": (_batch_axis, _first_axis),
    "shape-mismatch": (pictures_with_channels_last, pictures_further_up, _nearest, _width_at_its_origin),
    "wrong-dtype": (_integers,),
}  # fmt: skip
"""What may be meant, by the code of the finding, the likeliest first."""
