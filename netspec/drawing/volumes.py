"""The style `volumes`: feature maps as boxes in perspective, as in the papers of LeNet and AlexNet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from netspec.diagnostics import UsageError
from netspec.dims import Shape
from netspec.drawing.closing import block_of, closed, closing_text, given, label_of, levels, opened
from netspec.drawing.heading import heading
from netspec.drawing.page import SMALLEST, Sheet, type_size
from netspec.drawing.scene import Scene, below
from netspec.drawing.short import Voice, place_text, tip_text
from netspec.drawing.solids import scale_of
from netspec.drawing.u_nets import u_scene
from netspec.drawing.volume import Volume, in_rows
from netspec.layers.base import TensorType
from netspec.net import As, Leaf, Net, Use, leaves, need_numbers
from netspec.views.describe import container_text, shape_text, term_text
from netspec.views.fold import Item, Join, LayerGroup, Unit, joins_values
from netspec.views.graph import is_auxiliary, takes_input
from netspec.wiring import Wiring

_MOST: Final = 32
"""So many volumes are drawn at most, unless a net has more at its coarsest."""
_MOST_APART: Final = 1 / 3
"""A larger share of values that are not made of the one in front is no line."""
_SHARES: Final = (1.0, 0.75, 0.5)
"""A U has a row for each size of maps: where a page is too low for them, sides are shorter, all by one share."""
_SUITS: Final = "`--style map` and `--style stack` draw it"


def layouts(nets: Sequence[Net], page: Sheet, depth: int | None = None) -> Iterator[tuple[Scene, str]]:
    """Layouts of nets, below each other, each with words for what it leaves out.

    Raises:
        UsageError: a net has no maps, or is no single line from one input to one output, by its ends or in between.
    """
    for net in nets:
        _check(net)
    every = list(_levels(nets, page, depth))
    shaped = [
        (scene, told)
        for lines_of, told in every
        for share in _SHARES
        if (scene := _as_u(nets, lines_of, page, share)) is not None
    ]
    readable = [each for each in shaped if type_size(each[0], page, (note(page),)) >= SMALLEST]
    if readable:
        yield from readable
        return
    for lines_of, told in every:
        scale = scale_of(page.scale, (volume.shape for line in lines_of for volume in line))
        for rows in range(1, 7):
            bodies = [in_rows(line, scale, -(-len(line) // rows)) for line in lines_of]
            yield _headed(nets, bodies, page), ", ".join(filter(None, (told, f"{rows} rows" if rows > 1 else "")))


def _levels(nets: Sequence[Net], page: Sheet, depth: int | None) -> Iterator[tuple[list[list[Volume]], str]]:
    """The lines of the nets with more and more blocks closed, each with words for that."""
    items = [_unwrapped(net) for net in nets]
    deepest = max(map(levels, items))
    for level in [depth] if depth is not None else range(deepest, -1, -1):
        lines_of = [_volumes(net, closed(inside, level), page.voice) for net, inside in zip(nets, items, strict=True)]
        for net, line in zip(nets, lines_of, strict=True):
            _check_axes(net, line)
        longest = max(map(len, lines_of))
        if depth is None and level and longest > _MOST:
            continue
        for net, line in zip(nets, lines_of, strict=True):
            _check_line(net, line)
        yield lines_of, "" if level >= deepest else closing_text(level)


def _as_u(nets: Sequence[Net], lines_of: Sequence[Sequence[Volume]], page: Sheet, share: float) -> Scene | None:
    """The nets with each U-Net as a U, with sides of a share of their length; None if none of them is one."""
    scale = replace(scale_of(page.scale, (volume.shape for line in lines_of for volume in line)), share=share)
    shaped = [u_scene(line, scale) for line in lines_of]
    if not any(shaped):
        return None
    bodies = [u or in_rows(line, scale, len(line)) for u, line in zip(shaped, lines_of, strict=True)]
    return _headed(nets, bodies, page)


def _headed(nets: Sequence[Net], bodies: Sequence[Scene], page: Sheet) -> Scene:
    parts = [below([heading(net, page.voice, body.width), body], 4) for net, body in zip(nets, bodies, strict=True)]
    return below(parts, 26)


def note(page: Sheet) -> str:
    """What the legend says of the scale."""
    name = page.voice.word("logarithmic scale" if page.scale == "log" else "linear scale")
    sides = ", ".join(page.voice.word(word) for word in ("channels", "height", "width"))
    return f"{page.voice.word('sides')}: {sides}; {name}"


def _unwrapped(net: Net) -> tuple[Item, ...]:
    """All items of a net. A block that is nearly all of it is the net itself, and no level of it."""
    items = opened(net)
    most = len(net.layers) / 2
    while any(isinstance(item, LayerGroup) and _is_net(item, most) for item in items):
        items = tuple(
            inner
            for item in items
            for inner in (item.items if isinstance(item, LayerGroup) and _is_net(item, most) else (item,))
        )
    return items


def _is_net(group: LayerGroup, most: float) -> bool:
    return not group.closed and group.count == 1 and len(list(group.leaves)) > most


def _check(net: Net) -> None:
    outputs = sum(len(value.types) for value in net.outputs)
    if len(net.inputs) != 1 or outputs != 1:
        raise UsageError(
            f"`--style volumes` draws one line from one input to one output, and {net.name} has "
            f"{len(net.inputs)} and {outputs}; {_SUITS}"
        )
    maps = [leaf for leaf in net.layers if len(leaf.output.shape) == 3]
    odd = next((leaf for leaf in net.layers if len(leaf.output.shape) > 3), None)
    if odd is not None:
        raise UsageError(
            f"`--style volumes` draws maps of height and width, and {odd.type} of {net.name} ({place_text(odd.span)}) "
            f"gives {shape_text(odd.output.shape)}; {_SUITS}"
        )
    if not maps:
        raise UsageError(
            f"`--style volumes` draws maps of channels, height and width, and {net.name} has none; {_SUITS}"
        )
    need_numbers(net, f"drawing volumes of `{net.name}`")  # last, since with numbers it must be drawn


def _check_axes(net: Net, line: Sequence[Volume]) -> None:
    """Refuse a line of maps whose channels stand last: what works on the last axis of a map that is one of them shows
    that. A block may turn maps around inside."""
    shapes = {volume.shape for volume in line}
    for leaf in net.layers:
        if leaf.family in ("linear", "attention") and len(leaf.input.shape) == 3 and leaf.input.shape in shapes:
            raise UsageError(
                f"`--style volumes` takes the first axis of a map for its channels, and {leaf.type} of {net.name} "
                f"({place_text(leaf.span)}) works on the last one of {shape_text(leaf.input.shape)}; {_SUITS}"
            )


def _check_line(net: Net, line: Sequence[Volume]) -> None:
    """Refuse what is no line: many values that are made of others than the one in front."""
    apart = sum(not volume.linked for volume in line[1:])
    if apart > _MOST_APART * len(line):
        raise UsageError(
            f"`--style volumes` draws one line, in which a value is made of the one in front of it, and of the "
            f"{len(line)} of {net.name} {apart} are made of others; {_SUITS}"
        )


# ---- the line of values


def _volumes(net: Net, items: Sequence[Item], voice: Voice) -> list[Volume]:
    first = _sizes(net.input.shape)
    found = [Volume(first, voice.word("input"), "end", "")]
    wiring = Wiring(net)
    for item in _in_line(items):
        if isinstance(item, As):
            said = f"{found[-1].words} → {item.name}"
            named = found[-1].named if item.term is not None else (*found[-1].named, item.slot)
            found[-1] = replace(found[-1], words=said, named=named)
        else:
            made = [volume for volume in _made(item, voice, wiring) if volume.shape]
            found += [replace(volume, reads=_reads(item, wiring)) for volume in made[:1]] + made[1:]
    return found


def _reads(item: Item, wiring: Wiring) -> tuple[int, ...]:
    """The named values that an item takes, by slot."""
    match item:
        case Unit():
            return wiring.across(item.layers).reads
        case LayerGroup():
            return wiring.across(item.nodes).reads
        case Join():
            return wiring.across([item.combinator]).reads
        case _:
            return wiring.across([item]).reads


def _in_line(items: Sequence[Item]) -> Iterator[Item]:
    """The items with those of blocks in their place that are lines of layers themselves."""
    for item in items:
        if isinstance(item, LayerGroup) and not item.closed and item.count == 1 and _is_line(item.items):
            yield from _in_line(item.items)
        else:
            yield item


def _is_line(items: Sequence[Item]) -> bool:
    return not any(
        (isinstance(item, Join) and not joins_values(item.combinator))
        or (isinstance(item, LayerGroup) and not item.closed and not _is_line(item.items))
        for item in items
    )


def _made(item: Item, voice: Voice, wiring: Wiring) -> Iterator[Volume]:
    """The values that an item gives, one for a layer; what only passes on is none."""
    match item:
        case Unit():
            leaf = item.layers[0]
            if leaf.output.shape != leaf.input.shape or leaf.params != 0:
                tip = "\n\n".join(tip_text(layer) for layer in item.layers)
                words = f"{leaf.name}: {voice.layer(leaf)}" if leaf.name else voice.layer(leaf)
                sizes, family = _sizes(item.output.shape), leaf.layer.family
                yield Volume(sizes, words, family, tip, _kernel(leaf), not leaf.layer.source)
        case LayerGroup() if is_auxiliary(item):
            return
        case LayerGroup():
            label = block_of(item) or label_of(item) or _inside(item, voice)
            words = f"{label} ×{item.count}" if item.count > 1 else label
            read = [wiring.names[slot] for slot in wiring.across(item.nodes).reads]
            words += f" ← {', '.join(read)}" if read else ""
            linked = takes_input(item.nodes)
            for name, type_ in _values(item, wiring):
                tip = f"{words}\n→ {shape_text(type_.shape)}\n{place_text(item.nodes[0].span)}"
                said = f"{words} → {name}" if name else words
                yield Volume(_sizes(type_.shape), said, _role(item.leaves), tip, None, linked)
                linked = False
        case Join():
            node = item.combinator
            if not node.joining.training_only:
                tip = f"{container_text(node)} → {shape_text(node.output.shape)}\n{place_text(node.span)}"
                values = [term_text(first.term) for _, (first, *_) in _begun(item) if isinstance(first, Use)]
                words = " ".join([container_text(node), ", ".join(values)]).strip()
                yield Volume(_sizes(node.output.shape), words, _role(leaves(node)), tip)
        case Use():
            yield Volume(_sizes(item.output.shape), term_text(item.term), "end", place_text(item.span), None, False)
        case _:
            pass


def _values(group: LayerGroup, wiring: Wiring) -> list[tuple[str, TensorType]]:
    """What a closed block gives: the value that flows on, or those that it names where none does."""
    flows = all(isinstance(size, int) for size in group.output.shape)
    return [("", group.output)] if flows else given(group, wiring)


def _begun(join: Join) -> list[tuple[str, tuple[Item, ...]]]:
    """The branches that are not empty."""
    return [(key, branch) for key, branch in join.branches if branch]


def _role(inside: Iterable[Leaf]) -> str:
    """The colour of several layers: that of the one with most parameters."""
    found = [(leaf.params if isinstance(leaf.params, int) else 0, leaf.layer.family) for leaf in inside]
    return max(found, key=lambda pair: pair[0], default=(0, "end"))[1]


def _inside(group: LayerGroup, voice: Voice) -> str:
    """What a repetition without a name repeats."""
    units = [inner for inner in group.items if isinstance(inner, Unit)]
    return ", ".join(voice.layer(unit.layers[0], brief=True) for unit in units)


def _sizes(shape: Shape) -> tuple[int, ...]:
    """The sizes of a value; none where a block gives named values and no other."""
    return tuple(size for size in shape if isinstance(size, int)) if shape else (1,)


def _kernel(leaf: Leaf) -> tuple[int, int] | None:
    """Height and width of a layer's window; None if it has none of two axes."""
    size = leaf.args.get("kernel_size")
    if isinstance(size, int):
        return size, size
    match size:
        case (int() as high, int() as wide):
            return high, wide
        case _:
            return None
