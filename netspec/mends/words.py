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
from netspec.mends.behind import layer_behind
from netspec.mends.calls import call_text
from netspec.mends.edits import (
    add_entries,
    add_entry,
    leave_all_out,
    leave_out,
    offset,
    put_after,
    put_before,
    replace,
)
from netspec.mends.finding import items_around
from netspec.mends.heads import activation
from netspec.mends.inputs import sizes_of_first
from netspec.mends.paddings import paddings
from netspec.mends.stands import is_true, stands_behind
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def mends_of_words(item: Item, name: str, layer: type[Layer], source: Source, spec: Spec) -> Iterator[Fix]:
    """The layer and its arguments under their own names; an `activation` becomes a layer behind."""
    ways = paddings(item, layer, source)
    words = _Words(item, name, layer, source, spec, padded=bool(ways and ways[0].edits))
    if not all(words.take(node) for node in (item.value, item.node) if isinstance(node, MapNode)):
        return
    words.take_defaults()
    for way in ways:
        edits, said = [*words.edits, *way.edits], [*words.said, *filter(None, [way.said])]
        if words.behind:
            after = layer_behind(source, item, words.behind, edits, ("activation",))
            if after is None:
                return
            edits += after[0]
            said.append(f"`{words.behind}` {after[1]}")
        if edits:
            fix = Fix(
                f"write {', '.join(dict.fromkeys(said))}", tuple(edits), words.sure and way.certain, words.says_all
            )
            yield from _by_channels(item, name, fix, source, spec)


class _Words:
    """An item in netspec's words: what is rewritten, said of it, and goes behind it."""

    def __init__(self, item: Item, name: str, layer: type[Layer], source: Source, spec: Spec, *, padded: bool) -> None:
        self._item, self._name, self._layer, self._source, self._spec = item, name, layer, source, spec
        self._padded = padded
        """Whether its `padding` is rewritten elsewhere."""
        self.edits = [] if item.head.text == name else [replace(source, item.head, name)]
        self.said = [f"`{name}`"] if self.edits else []
        self.behind: str | None = None
        self.sure = True
        self.says_all = False
        """Whether what is left out is known to say nothing."""
        steps = _last_step(item, layer, source)
        self.edits += steps
        last = "`returns: last`, as Keras has it"
        self.said += [last if "last" in edit.text else "no `return_sequences`" for edit in steps]
        if isinstance(item.value, ScalarNode) and layer.scalar:
            self._take_value(item.value, layer.scalar)

    def take(self, holder: MapNode) -> bool:
        """Rewrite the arguments, or what stands beside the head; False where one cannot be written here."""
        item, within = self._item, holder is self._item.value
        gone: list[int] = []
        for i, (key, value) in enumerate(holder.entries):
            if (key is item.head and not within) or key.text == "return_sequences":
                continue
            if key.text == "activation" and isinstance(value, ScalarNode) and key.text not in self._layer.model_fields:
                if not self._take_activation(value):
                    return False
                gone += [i] if within or not self.behind else []  # else what goes behind takes it away
            elif within and key.text == "input_shape":
                shape = sizes_of_first(item, value, self._source, self._spec)
                if shape is not None:
                    gone.append(i)
                    self.edits += shape[0]
                    self.said.append(shape[1])
            elif within and key.text == "input_length" and self._is_length(value):
                gone.append(i)
                self.says_all = True
                self.said.append("no `input_length`, which `input` says")
            elif within and not self._take_argument(key, value, holder):
                return False
        if within and len(gone) == len(holder.entries):
            self.edits.append(Edit(self._source.between(item.head.end, holder.end), ""))
        else:
            self.edits += leave_all_out(holder, gone, self._source)
        return True

    def _is_length(self, value: Node) -> bool:
        """Whether the length that a first layer states is that of the input."""
        listed, given = self._spec.layers, self._spec.input
        if (
            not isinstance(listed, ListNode)
            or listed.items[:1] != [self._item.node]
            or not isinstance(value, ScalarNode)
        ):
            return False
        scalars = (
            [one.value for one in given.items if isinstance(one, ScalarNode)] if isinstance(given, ListNode) else []
        )
        return [size for size in scalars if isinstance(size, int)] == [value.value]  # beside a dtype

    def _take_activation(self, value: ScalarNode) -> bool:
        theirs = self._item.head.text not in self._spec.offer.layers
        self.behind = activation(value.text, self._spec, theirs=theirs)
        if self.behind == "Softmax: -1" and self._layer.family == "convolution":
            self.behind = "Softmax: 1"
        self.sure = theirs or self.behind not in ("LeakyReLU", "Softmax: 1")
        self.said += [] if self.behind else ["no `activation`"]
        return self.behind is not None

    def _take_argument(self, key: ScalarNode, value: Node, holder: MapNode) -> bool:
        source, fields = self._source, self._layer.model_fields
        if (other := argument_elsewhere(self._item.head.text, key.text)) is not None:
            argument, convert = other
            text = convert(source.text[value.start : value.end])
            if text is None:
                return False
            self.edits += [replace(source, key, argument), replace(source, value, text)]
            self.said.append(f"`{argument}: {text}`")
        elif key.text not in fields:
            argument = argument_meant(key.text, fields)
            if argument is None or holder.get(argument) is not None:
                return False
            self.edits.append(replace(source, key, argument))
            self.said.append(f"`{argument}`")
        if isinstance(value, ScalarNode) and not (self._padded and key.text == "padding"):
            self._take_value(value, argument_meant(key.text, fields) or key.text)
        return True

    def _take_value(self, value: ScalarNode, argument: str) -> None:
        text = _value(value, self._layer, argument)
        if text is not None:
            self.edits.append(replace(self._source, value, text))
            self.said.append(f"`{text}`")

    def take_defaults(self) -> None:
        """Write what Keras has for the arguments that a norm under its name leaves out."""
        item, source, defaults = self._item, self._source, _defaults(self._item)
        if not defaults:
            return
        if isinstance(item.value, MapNode):
            self.edits += filter(None, [add_entries(source, item.value, defaults)])
        else:
            colon = source.text[item.head.end : item.head.end + 1] == ":"
            whole = source.between(item.head.start, item.head.end + colon)
            self.edits[0] = Edit(whole, call_text(self._name, defaults))
        texts = ", ".join(f"{key}: {text}" for key, text in defaults)
        self.said.append(f"`{texts}`, Keras's default{'s' * (len(defaults) > 1)}")


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
        before = put_before(source, item, "Flatten")
        if before is not None:
            title = f"{fix.title}, behind `Flatten`: it takes the whole map"
            yield Fix(title, (before, *fix.edits), certain=False)
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
