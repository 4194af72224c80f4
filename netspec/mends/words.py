"""Mends of layers under the words of other libraries: their names, their arguments, an `activation` among those."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.kinds import kinds_of
from netspec.language.aliases import argument_elsewhere, defaults_elsewhere
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.layers.base import Layer
from netspec.meant import argument_meant
from netspec.mends.calls import call_text
from netspec.mends.edits import add_entries, add_entry, leave_out, offset, put_after, put_before, replace
from netspec.mends.finding import items_around
from netspec.mends.heads import activation
from netspec.mends.paddings import paddings
from netspec.mends.stands import is_true, stands_behind
from netspec.text.source import ListNode, MapNode, ScalarNode, Source


def mends_of_words(item: Item, name: str, layer: type[Layer], source: Source, spec: Spec) -> Iterator[Fix]:
    """The layer and its arguments under their own names; an `activation` becomes a layer behind."""
    edits = [] if item.head.text == name else [replace(source, item.head, name)]
    said = [f"`{name}`"] if edits else []
    steps = _last_step(item, layer, source)
    edits += steps
    said += ["`returns: last`, as Keras has it" if "last" in edit.text else "no `return_sequences`" for edit in steps]
    behind: str | None = None
    is_theirs, sure = item.head.text not in spec.offer.layers, True
    holders: list[MapNode] = [node for node in (item.value, item.node) if isinstance(node, MapNode)]
    share = _value(item.value, layer, layer.scalar) if isinstance(item.value, ScalarNode) and layer.scalar else None
    if share is not None and isinstance(item.value, ScalarNode):
        edits.append(replace(source, item.value, share))
        said.append(f"`{share}`")
    ways = paddings(item, layer, source)
    padded = bool(ways and ways[0].edits)
    for holder in holders:
        for i, (key, value) in enumerate(holder.entries):
            if (holder is item.node and key is item.head) or key.text == "return_sequences":
                continue
            if key.text == "activation" and isinstance(value, ScalarNode) and "activation" not in layer.model_fields:
                behind = activation(value.text, spec, theirs=is_theirs)
                if behind is None:
                    return
                behind = "Softmax: 1" if behind == "Softmax: -1" and layer.family == "convolution" else behind
                sure = is_theirs or behind not in ("LeakyReLU", "Softmax: 1")
                edits.append(leave_out(holder, i, source))
                said.append(f"`{behind}` behind it" if behind else "no `activation`")
            elif holder is item.value and (other := argument_elsewhere(item.head.text, key.text)) is not None:
                argument, convert = other
                text = convert(source.text[value.start : value.end])
                if text is None:
                    return
                edits += [replace(source, key, argument), replace(source, value, text)]
                said.append(f"`{argument}: {text}`")
            elif holder is item.value and key.text not in layer.model_fields:
                argument = argument_meant(key.text, layer.model_fields)
                if argument is not None and holder.get(argument) is None:
                    edits.append(replace(source, key, argument))
                    said.append(f"`{argument}`")
            if holder is item.value and isinstance(value, ScalarNode) and not (padded and key.text == "padding"):
                text = _value(value, layer, argument_meant(key.text, layer.model_fields) or key.text)
                if text is not None:
                    edits.append(replace(source, value, text))
                    said.append(f"`{text}`")
    defaults = _defaults(item)
    if defaults and isinstance(item.value, MapNode):
        edits.append(add_entries(item.value, defaults, source))
    elif defaults:
        colon = source.text[item.head.end : item.head.end + 1] == ":"
        edits[0] = Edit(source.between(item.head.start, item.head.end + colon), call_text(name, defaults))
    if defaults:
        texts = ", ".join(f"{key}: {text}" for key, text in defaults)
        said.append(f"`{texts}`, Keras's default{'s' * (len(defaults) > 1)}")
    if behind:
        after = put_after(source, item, behind)
        if after is None:
            return
        edits.append(after)
    for way in ways:
        if edits or way.edits:
            title = f"write {', '.join(dict.fromkeys([*said, *filter(None, [way.said])]))}"
            fix = Fix(title, (*edits, *way.edits), certain=sure and way.certain)
            yield from _by_channels(item, name, fix, source, spec)


def _by_channels(item: Item, name: str, fix: Fix, source: Source, spec: Spec) -> Iterator[Fix]:
    """A mend of a layer that in Keras works on the last axis, the channels, which torch has first."""
    where = stands_behind(item, spec)
    if item.head.text == name:
        yield fix
    elif name == "BatchNorm1d" and where == "features":
        yield from _over_features(item, fix, source)
    elif name == "LayerNorm" and where == "map":
        yield from _between(item, fix, source, "n c h w", "n h w c", "the channels are the last axis in Keras")
        yield fix._replace(title=f"{fix.title}; it normalises along the width", certain=False)
    elif name == "Linear" and where == "map" and len(fix.edits) == 1 and isinstance(item.value, ScalarNode):
        width = source.text[item.value.start : item.value.end]
        text = f"Conv2d: {{out_channels: {width}, kernel_size: 1}}"
        whole = Edit(source.between(item.head.start, item.value.end), text)
        yield Fix(f"write `{text}`: in Keras it works along the channels", (whole,), certain=False)
        yield fix._replace(title=f"{fix.title}; it works along the width", certain=False)
    elif name.endswith("1d") and re.search(r"1D(?:Transpose)?$", item.head.text) and _has_steps_first(item, spec):
        before = put_before(source, item, "Rearrange: n l c -> n c l")
        if before is not None:
            title = f"{fix.title}, behind `Rearrange: n l c -> n c l`: the channels are the last axis in Keras"
            yield Fix(title, (before, *fix.edits), certain=False)
        yield fix._replace(title=f"{fix.title}; it has the channels first", certain=False)
    else:
        yield fix


def _defaults(item: Item) -> list[tuple[str, str]]:
    """Our arguments, and what Keras has for them where a norm under Keras's name leaves them out, if torch has another
    value."""
    value = item.value
    if isinstance(value, MapNode):
        given = {key.text for key, _ in value.entries}
        if not value.flow:
            return []
    elif value is None or (isinstance(value, ScalarNode) and value.value is None):
        given = set[str]()
    else:
        return []
    given |= {"eps"} if "epsilon" in given else set()
    return [(key, text) for key, text in defaults_elsewhere(item.head.text) if key not in given]


def _has_steps_first(item: Item, spec: Spec) -> bool:
    """Whether the channels may be the last axis of the sequence that comes to an item, as Keras has them."""
    if stands_behind(item, spec) == "features":
        return True
    sizes = spec.input.items if isinstance(spec.input, ListNode) else []
    numbers = [one.value for one in sizes if isinstance(one, ScalarNode) and isinstance(one.value, int)]
    first = isinstance(spec.layers, ListNode) and spec.layers.items[:1] == [item.node]
    return first and len(sizes) == len(numbers) == 2 and numbers[0] > numbers[1]


def _over_features(item: Item, fix: Fix, source: Source) -> Iterator[Fix]:
    """A batch norm of a sequence: torch's is over axis 0, the channels; Keras's over the last one, the features."""
    yield fix._replace(title=f"{fix.title}; it takes the steps for channels", certain=False)
    yield from _between(item, fix, source, "n t c", "n c t", "the features are the channels")


def _between(item: Item, fix: Fix, source: Source, axes: str, order: str, why: str) -> Iterator[Fix]:
    """The layer between a change of the order of the axes, and its inverse."""
    before = put_before(source, item, f"Rearrange: {axes} -> {order}")
    after = put_after(source, item, f"Rearrange: {order} -> {axes}")
    if before is not None and after is not None:
        title = f"{fix.title}, between `Rearrange: {axes} -> {order}` and its inverse: {why}"
        yield Fix(title, (before, *fix.edits, after), certain=False)


def mends_of_axis_of_map(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`axis: -1` behind a map, which is Keras's word: the channels, which it has last. Both readings are legal."""
    at = offset(source, *d.span[1:3])
    item = next(items_around(spec, at), None) if d.code == "unknown-argument" else None
    layer = spec.offer.layer_class(item.head.text) if item and item.head.text in spec.offer.layers else None
    if item is None or layer is None or "dim" not in layer.model_fields or not isinstance(item.value, MapNode):
        return
    key = next((key for key, _ in item.value.entries if key.text in ("axis", "axes") and key.start == at), None)
    moved = None if key is None else _channels_first(item, source)
    if key is None or moved is None or stands_behind(item, spec) != "map":
        return
    name = replace(source, key, "dim")
    yield Fix(f"write `dim: {moved.text}`, as Keras counts with the channels last", (name, moved), certain=False)
    yield Fix("write `dim`, as torch counts with the channels first", (name,), certain=False)


def _channels_first(item: Item, source: Source) -> Edit | None:
    """The axis of a map that Keras's `axis` means, which counts the channels as the last; None if none is given."""
    value = item.value.get("axis") or item.value.get("axes") if isinstance(item.value, MapNode) else None
    if isinstance(value, ScalarNode) and value.value in _MOVED:
        return replace(source, value, str(_MOVED[value.value]))
    if isinstance(value, ListNode) and value.flow:
        axes = [one.value if isinstance(one, ScalarNode) else None for one in value.items]
        if all(axis in _MOVED for axis in axes):
            return replace(source, value, f"[{', '.join(str(_MOVED[axis]) for axis in axes)}]")
    return None


_MOVED: Final[Mapping[object, int]] = {-1: 1, 3: 1, 1: 2, 2: 3, -2: 3, -3: 2}
"""Keras's axes of a map, and torch's."""


def _last_step(item: Item, layer: type[Layer], source: Source) -> list[Edit]:
    """What Keras's arguments say of the steps that a recurrent layer gives: the last alone, unless
    `return_sequences: true`."""
    value = item.value
    if "returns" not in layer.model_fields or not isinstance(value, MapNode) or value.get("returns") is not None:
        return []
    for i, (key, all_steps) in enumerate(value.entries):
        if key.text == "return_sequences":
            last = Edit(source.between(key.start, all_steps.end), "returns: last")
            return [leave_out(value, i, source) if is_true(all_steps) else last]
    added = None if value.get("units") is None else add_entry(source, value, "returns", "last")
    return [] if added is None else [added]


def mends_of_axis(item: Item, name: str, layer: type[Layer], source: Source, spec: Spec) -> Iterator[Fix]:
    """`Softmax` without an axis: the last one, or else the channels of a map. `Mean` takes an axis away: that of the
    steps of a sequence as a rule, or the last one."""
    field = layer.model_fields.get("dim")
    if field is None or not field.is_required() or layer.scalar != "dim" or item.value is not None:
        return
    on_map = stands_behind(item, spec) == "map"
    takes_away = "keepdim" in layer.model_fields
    if on_map or takes_away:
        first = "channels" if on_map else "first axis of an example"
        yield Fix(f"write `{name}: 1`, over the {first}", (replace(source, item.head, f"{name}: 1"),), certain=False)
    title = f"write `{name}: -1`, over the last axis" + ", the width" * on_map
    yield Fix(title, (replace(source, item.head, f"{name}: -1"),), certain=not on_map and not takes_away)


def _value(node: ScalarNode, layer: type[Layer], argument: str) -> str | None:
    """The word of a field that is written in capitals or in quotes of another kind; `false` for no value at all."""
    kind = kinds_of(layer).get(argument)
    if kind is None:
        return None
    if kind.words == () and isinstance(node.value, int) and not kind.takes(node.value) and 1 < node.value <= 100:
        share = f"{node.value / 100:.12g}"
        return share if kind.takes(float(share)) else None  # 50 for 50 %
    if node.value is None and node.text and kind.words == () and layer.model_fields[argument].annotation is bool:
        return "false"
    bare = node.text.strip("“”‘’'\"").lower()
    known: Mapping[str, str] = {word.lower(): word for word in kind.words}
    return known[bare] if bare in known and known[bare] != node.text else None
