"""Mends of layers under the words of other libraries: their names, their arguments, an `activation` among those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.kinds import kinds_of
from netspec.language.aliases import argument_elsewhere, has_other_arguments
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.layers.base import Layer
from netspec.meant import argument_meant
from netspec.mends.edits import add_entry, leave_out, offset, put_after, put_before, replace
from netspec.mends.finding import items_around
from netspec.mends.heads import activation
from netspec.mends.paddings import Written, same_padding
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
    holders: list[MapNode] = [node for node in (item.value, item.node) if isinstance(node, MapNode)]
    share = _value(item.value, layer, layer.scalar) if isinstance(item.value, ScalarNode) and layer.scalar else None
    if share is not None and isinstance(item.value, ScalarNode):
        edits.append(replace(source, item.value, share))
        said.append(f"`{share}`")
    same: Written | None = ([], "")
    if isinstance(item.value, MapNode):
        same = same_padding(item.value, layer, source)
    if same is None:
        return
    for holder in holders:
        for i, (key, value) in enumerate(holder.entries):
            if (holder is item.node and key is item.head) or key.text == "return_sequences":
                continue
            if key.text == "activation" and isinstance(value, ScalarNode) and "activation" not in layer.model_fields:
                behind = activation(value.text, spec)
                if behind is None:
                    return
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
            if holder is item.value and isinstance(value, ScalarNode) and not (same[0] and key.text == "padding"):
                text = _value(value, layer, argument_meant(key.text, layer.model_fields) or key.text)
                if text is not None:
                    edits.append(replace(source, value, text))
                    said.append(f"`{text}`")
    edits += same[0]
    said += [same[1]] if same[0] else []
    if behind:
        after = put_after(source, item, behind)
        if after is None:
            return
        edits.append(after)
    if not edits:
        return
    fix = Fix(f"write {', '.join(dict.fromkeys(said))}{_defaults(item)}", tuple(edits))
    where = stands_behind(item, spec)
    if name == "BatchNorm1d" and item.head.text != name and where == "features":
        yield from _over_features(item, fix, source)
    else:
        yield fix


def _defaults(item: Item) -> str:
    """What Keras has in the place of torch's defaults, for a norm under Keras's name that leaves them."""
    if not has_other_arguments(item.head.text) or "norm" not in item.head.text.lower():
        return ""
    given = {key.text for key, _ in item.value.entries} if isinstance(item.value, MapNode) else set[str]()
    left = ["`eps: 0.001`"] * (not given & {"eps", "epsilon"}) + ["`momentum: 0.01`"] * ("momentum" not in given)
    return f", whose defaults are torch's: Keras has {' and '.join(left)}" if left else ""


def _over_features(item: Item, fix: Fix, source: Source) -> Iterator[Fix]:
    """A batch norm of a sequence: torch's is over axis 0, the channels; Keras's over the last one, the features."""
    yield fix._replace(title=f"{fix.title}; it takes the steps for channels", certain=False)
    before, after = put_before(source, item, "Rearrange: n t c -> n c t"), put_after(
        source, item, "Rearrange: n c t -> n t c")  # fmt: skip
    if before is not None and after is not None:
        title = "write `BatchNorm1d` between `Rearrange: n t c -> n c t` and its inverse: the features are the channels"
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
