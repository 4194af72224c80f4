"""Mends of a recipe: of its keys and their dashes, data of another size, classes without a score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.meant import argument_meant
from netspec.mends.block_calls import written
from netspec.mends.edits import (
    add_entries,
    add_entry,
    leave_all_out,
    leave_out,
    offset,
    put_after,
    put_before,
    replace,
    set_argument,
    take_out,
)
from netspec.mends.finding import item_at, item_before, items
from netspec.recipe import tables
from netspec.recipe.clues import DataClue, ScoresClue
from netspec.recipe.examples import VALUES
from netspec.recipe.read import REQUIRED
from netspec.recipe.unoffered import DONE_ANYWAY
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def _without_dashes(d: Diagnostic, source: Source, train: Node | None) -> Iterator[Fix]:
    """A recipe as a list of its keys."""
    if d.code != "wrong-form" or not isinstance(train, ListNode) or train.flow:
        return
    edits: list[Edit] = []
    for item in train.items:
        dash = source.text.rfind("-", 0, item.start)
        if not isinstance(item, MapNode) or item.flow or source.text[dash + 1 : item.start].strip():
            return
        edits.append(Edit(source.between(dash, dash + 1), " "))
    yield Fix("leave out the dashes: a recipe has one value for each of its keys", tuple(edits))


def _list_of_arguments(d: Diagnostic, at: int, source: Source, train: MapNode) -> Iterator[Fix]:
    """`Normalize: [[0.5], [0.25]]`: the arguments in the order of torch's signature."""
    for word in ("transforms", "augment"):
        listed = train.get(word)
        for item in listed.items if isinstance(listed, ListNode) else ():
            if not isinstance(item, MapNode) or len(item.entries) != 1:
                continue
            head, given = item.entries[0]
            if d.code != "list-argument" or not isinstance(given, ListNode) or given.start != at:
                continue
            if head.text not in tables.TRANSFORMS:
                return
            fields = tables.TRANSFORM.load(head.text).model_fields
            needed = [name for name, field in fields.items() if field.is_required()]
            texts = [source.text[one.start : one.end] for one in given.items]
            if len(needed) == len(texts) and len(needed) > 1 and given.flow:
                pairs = ", ".join(f"{name}: {text}" for name, text in zip(needed, texts, strict=True))
                sure = all(isinstance(one, ListNode) for one in given.items)
                yield Fix(f"write `{head.text}: {{{pairs}}}`", (replace(source, given, f"{{{pairs}}}"),), sure)


def mends_of_omitted(spec: Spec, source: Source) -> Iterator[Fix]:
    """`FashionMNIST: {root: …, download: true}`: what torchvision's data sets take and a recipe has no use for."""
    data = spec.train.get("data") if isinstance(spec.train, MapNode) else None
    if not isinstance(data, MapNode) or len(data.entries) != 1:
        return
    head, given = data.entries[0]
    model = tables.data_set(head.text) if head.text in tables.DATA_SETS else None
    if model is None or not model.omitted_says_nothing or not isinstance(given, MapNode):
        return
    gone = [i for i, (key, _) in enumerate(given.entries) if key.text in model.omitted]
    names = ", ".join(f"`{given.entries[i][0].text}`" for i in gone)
    yield Fix(f"leave {names} out", tuple(leave_all_out(given, gone, source)))


def _done_anyway(at: int, source: Source, train: MapNode) -> Iterator[Fix]:
    """`ToTensor` among the transforms: images are tensors when those begin."""
    for i, (_, listed) in enumerate(train.entries):
        if not isinstance(listed, ListNode):
            continue
        for item in listed.items:
            head = item.entries[0][0] if isinstance(item, MapNode) and item.entries else item
            if head.start != at or not isinstance(head, ScalarNode) or head.text not in DONE_ANYWAY:
                continue
            edit = take_out(source, item) if len(listed.items) > 1 else leave_out(train, i, source)
            if edit is not None:
                yield Fix(f"leave `{head.text}` out", (edit,))


def _one_for_each_channel(d: Diagnostic, at: int, source: Source, train: MapNode) -> Iterator[Fix]:
    """`Normalize: {mean: 0.5, std: 0.25}`: a list has one number for each channel."""
    for _, listed in train.entries if d.code == "invalid-argument" else ():
        for item in listed.items if isinstance(listed, ListNode) else ():
            given = item.entries[0][1] if isinstance(item, MapNode) and len(item.entries) == 1 else None
            values = [value for _, value in given.entries] if isinstance(given, MapNode) else []
            bare = [value for value in values if isinstance(value, ScalarNode) and isinstance(value.value, int | float)]
            if any(value.start == at for value in bare):
                edits = tuple(replace(source, value, f"[{value.text}]") for value in bare)
                yield Fix("write a list: a number for each channel", edits)


def _what_is_missing(d: Diagnostic, source: Source, train: MapNode) -> Iterator[Fix]:
    """The keys that every recipe has, each with what it is in most; whose data those are is not guessed."""
    missing = [name for name in REQUIRED if train.get(name) is None] if d.code == "missing-key" else []
    if not missing or "data" in missing or train.flow:
        return
    edit = add_entries(source, train, [(name, VALUES[name]) for name in missing])
    if edit is not None:
        title = " and ".join(f"`{name}: {VALUES[name]}`" for name in missing)
        yield Fix(f"write {title}", (edit,), certain=False)


def mends_of_drawn(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`RandomCrop` under `transforms`: what is drawn anew belongs under `augment`."""
    train = spec.train
    listed = train.get("transforms") if isinstance(train, MapNode) else None
    if not isinstance(train, MapNode) or not isinstance(listed, ListNode) or train.get("augment") is not None:
        return
    at = offset(source, d.span.line, d.span.column)
    if not any(item.start <= at < item.end for item in listed.items):
        return
    drawn = [item for item in listed.items if (name := _transform(item)) and tables.transform(name).random]
    title = "write under `augment` what is drawn anew"
    if len(drawn) == len(listed.items):
        key = next(key for key, value in train.entries if value is listed)
        yield Fix(title, (replace(source, key, "augment"),), certain=False)
        return
    texts = [source.text[item.start : item.end] for item in drawn]
    under = add_entry(source, train, "augment", f"[{', '.join(texts)}]")
    out = [take_out(source, item) for item in drawn]
    cut = [edit for edit in (under, *out) if edit is not None]
    if len(cut) == len(drawn) + 1 and not any("\n" in text for text in texts):
        yield Fix(title, tuple(cut), certain=False)


def _transform(item: Node) -> str | None:
    head = item.entries[0][0] if isinstance(item, MapNode) and item.entries else item
    return head.text if isinstance(head, ScalarNode) and head.text in tables.TRANSFORMS else None


def mends_of_recipe(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`optimizer: SGD` with `lr: 0.1` beside it: the argument belongs under the optimizer."""
    at = offset(source, d.span.line, d.span.column)
    train = spec.train
    yield from _without_dashes(d, source, train)
    if isinstance(train, MapNode):
        yield from _list_of_arguments(d, at, source, train)
        yield from _done_anyway(at, source, train)
        yield from _one_for_each_channel(d, at, source, train)
        yield from _what_is_missing(d, source, train)
    if d.code != "unknown-key" or not isinstance(train, MapNode) or train.flow:
        return
    optimizer = train.get("optimizer")
    entry = next(((key, value) for key, value in train.entries if key.start == at), None)
    if entry is None or optimizer is None:
        return
    key, value = entry
    head, given = optimizer, None
    if isinstance(optimizer, MapNode) and len(optimizer.entries) == 1:
        head, given = optimizer.entries[0]
    if not isinstance(head, ScalarNode) or head.text not in tables.OPTIMIZERS:
        return
    argument = argument_meant(key.text, tables.optimizer(head.text).model_fields)
    if argument is None:
        return
    if isinstance(given, MapNode) and given.get(argument) is not None:
        return
    text = source.text[value.start : value.end]
    if given is None:
        edit: Edit | None = replace(source, optimizer, f"{{{head.text}: {{{argument}: {text}}}}}")
    elif isinstance(given, MapNode):
        edit = add_entry(source, given, argument, text)
    else:
        edit = None
    if edit is not None:
        begin = source.text.rfind("\n", 0, key.start) + 1
        stop = source.text.find("\n", value.end) + 1 or len(source.text)
        title = f"write `{argument}: {text}` under `{head.text}`"
        yield Fix(title, (edit, Edit(source.between(begin, stop), "")))


def mends_of_data(clue: DataClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """Transforms that make the images what the net takes, or an input that takes them: either may be meant."""
    train = spec.train
    if clue.transforms is not None and isinstance(train, MapNode):
        written = train.get("transforms")
        if written is None:
            edit = add_entry(source, train, "transforms", clue.transforms)
        else:
            edit = replace(source, written, clue.transforms)
        if edit is not None:
            yield Fix(f"write `transforms: {clue.transforms}`", (edit,), certain=False)
    node = spec.input
    if isinstance(node, MapNode):
        node = node.get("shape")
    if clue.input is not None and node is not None:
        yield Fix(f"write `input: {clue.input}`", (replace(source, node, clue.input),), certain=False)


_WIDTHS: Final = ("out_features", "out_channels")
"""Arguments that say how many scores a last layer gives."""


def mends_of_scores(clue: ScoresClue, d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """A recurrent layer gives its last step alone; the scores stand on the first axis; the last layer gives a score for
    each class, or the variable that says how many it gives is as many."""
    yield from _last_step(clue, source, spec)
    for place in d.related:
        item = item_at(spec, source, place.span)
        if item is None or item.head.text not in spec.offer.layers:
            continue
        layer = spec.offer.layer_class(item.head.text)
        name = next((name for name in _WIDTHS if name in layer.model_fields), None)
        for linear in _row_of_linears(item, source, spec) if clue.sure and layer.by_position else ():
            flat = put_before(source, linear, "Flatten")
            if flat is not None:
                line = source.span(linear.head).line
                yield Fix(f"put `Flatten` in front of `{linear.head.text}` (line {line})", (flat,))
        if not clue.sure and d.code == "loss-mismatch":
            after = put_after(source, item, "Rearrange: n t c -> n c t")
            if after is not None:
                title = "put `Rearrange: n t c -> n c t` behind it: a class for each step"
                yield Fix(title, (after,), certain=False)
        if name is None or clue.classes is None:
            continue
        text = str(clue.classes)
        variable = _variable(written(item, name), spec)
        if variable is not None:
            key, value = variable
            yield Fix(f"write `{key.text}: {text}`", (replace(source, value, text),), d.severity == "error")
            continue
        edit = set_argument(source, item, name, text, layer.scalar)
        if edit is not None:
            yield Fix(f"let `{item.head.text}` (line {place.span.line}) give {text}", (edit,), d.severity == "error")


def _row_of_linears(last: Item, source: Source, spec: Spec) -> list[Item]:
    """The layers along the last axis at the end of a list, with activations and dropout between them, the first one
    first: a map that is not flattened passes through all of them."""
    row = [last]
    before = item_before(spec, source, source.span(last.head))
    while before is not None and before.head.text in spec.offer.layers:
        layer = spec.offer.layer_class(before.head.text)
        if layer.by_position:
            row.append(before)
        elif layer.family not in ("activation", "dropout"):
            break
        before = item_before(spec, source, source.span(before.head))
    return row[::-1]


def _last_step(clue: ScoresClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """The last recurrent layer gives all steps, where one class is asked for."""
    known = (item for item in items(spec) if item.head.text in spec.offer.layers)
    layers = ((item, spec.offer.layer_class(item.head.text)) for item in known)
    steps = [(item, layer) for item, layer in layers if layer.family == "recurrent"]
    for item, layer in steps[-1:]:
        edit = set_argument(source, item, "returns", "last", layer.scalar)
        if edit is not None:
            line = source.span(item.head).line
            title = f"`returns: last` of `{item.head.text}` (line {line}): what the last step gives, alone"
            yield Fix(title, (edit,), certain=clue.sure)


def _variable(node: Node | None, spec: Spec) -> tuple[ScalarNode, ScalarNode] | None:
    """The variable that is written in a place, and its number, if it is one."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return None
    known = ((key, value) for key, value in spec.vars if key.text == node.text)
    return next(((key, value) for key, value in known if isinstance(value, ScalarNode)), None)
