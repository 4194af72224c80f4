"""Mends of a recipe: of its keys and their dashes, data of another size, classes without a score."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.meant import argument_meant, meant_call
from netspec.mends.block_calls import written
from netspec.mends.edits import (
    add_entries,
    add_entry,
    leave_all_out,
    offset,
    put_after,
    put_before,
    replace,
    set_argument,
)
from netspec.mends.finding import item_at, item_before, items
from netspec.mends.transforms import mends_of_transforms
from netspec.recipe import aliases
from netspec.recipe.clues import DataClue, ScoresClue
from netspec.recipe.examples import VALUES
from netspec.recipe.read import KEYS, REQUIRED
from netspec.recipe.tables import OPTIMIZERS, Tables, tables_of
from netspec.recipe.tables import optimizer as optimizer_class
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


def mends_of_omitted(spec: Spec, source: Source) -> Iterator[Fix]:
    """`FashionMNIST: {root: …, download: true}`: what torchvision's data sets take and a recipe has no use for."""
    data = spec.train.get("data") if isinstance(spec.train, MapNode) else None
    if not isinstance(data, MapNode) or len(data.entries) != 1:
        return
    head, given = data.entries[0]
    kind = tables_of(spec.offer).calls["data"]
    model = kind.load(head.text) if head.text in kind.names else None
    if model is None or not isinstance(given, MapNode):
        return
    texts = [(key.text, source.text[value.start : value.end]) for key, value in given.entries]
    gone = [i for i, (name, text) in enumerate(texts) if model.says_nothing(name, text)]
    if gone:
        names = ", ".join(f"`{texts[i][0]}`" for i in gone)
        yield Fix(f"leave {names} out", tuple(leave_all_out(given, gone, source)), says_all=True)


def _what_is_missing(d: Diagnostic, source: Source, train: MapNode) -> Iterator[Fix]:
    """The keys that every recipe has, each with what it is in most; whose data those are is not guessed."""
    missing = [name for name in REQUIRED if train.get(name) is None] if d.code == "missing-key" else []
    if not missing or "data" in missing or train.flow:
        return
    edit = add_entries(source, train, [(name, VALUES[name]) for name in missing])
    if edit is not None:
        title = " and ".join(f"`{name}: {VALUES[name]}`" for name in missing)
        yield Fix(f"write {title}", (edit,), certain=False)


def mends_of_recipe(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other ways to write what a finding in a recipe is about."""
    at = offset(source, d.span.line, d.span.column)
    train = spec.train
    yield from _without_dashes(d, source, train)
    known = tables_of(spec.offer)
    if isinstance(train, MapNode):
        yield from mends_of_transforms(d, source, train, known.transform)
        yield from _beside_the_data(d, source, train, known)
        yield from _what_is_missing(d, source, train)
        yield from _arguments_of(at, source, train, known)
        if d.code == "unknown-argument" and _holds(train.get("data"), at):
            yield from mends_of_omitted(spec, source)
        if d.code == "unknown-key":
            yield from _of_the_optimizer(at, source, train)


def _holds(node: Node | None, at: int) -> bool:
    return node is not None and node.start <= at < node.end


def _beside_the_data(d: Diagnostic, source: Source, train: MapNode, known: Tables) -> Iterator[Fix]:
    """`data: {name: FashionMNIST, batch_size: 64}`: keys of the recipe among the arguments of its data."""
    for name, kind in known.calls.items():
        node = train.get(name)
        at = offset(source, *d.span[1:3])
        if not isinstance(node, MapNode) or not (d.code == "missing-key" or _holds(node, at)):
            continue
        inner = node.entries[0][1] if len(node.entries) == 1 else node
        fields = kind.load(node.entries[0][0].text).model_fields if node.entries[0][0].text in kind.names else {}
        entries = inner.entries if isinstance(inner, MapNode) and inner.flow else []
        own = [i for i, (key, _) in enumerate(entries) if key.text in KEYS and key.text not in fields]
        own = [i for i in own if train.get(entries[i][0].text) is None]
        pairs = [(entries[i][0].text, source.text[entries[i][1].start : entries[i][1].end]) for i in own]
        if own and isinstance(inner, MapNode) and not any("\n" in text for _, text in pairs):
            added = add_entries(source, train, pairs)
            listed = " and ".join(f"`{key}: {text}`" for key, text in pairs)
            edits = (*leave_all_out(inner, own, source), *filter(None, [added]))
            yield Fix(f"write {listed} beside `{name}`", edits)


def _arguments_of(at: int, source: Source, train: MapNode, known: Tables) -> Iterator[Fix]:
    """`{ImageFolder: {root: x}}`: a stranger's name, and arguments that have other names here, too."""
    for name, kind in known.calls.items():
        node = train.get(name)
        if not isinstance(node, MapNode) or not _holds(node, at) or len(node.entries) != 1:
            continue
        head, given = node.entries[0]
        meant = meant_call(head.text, kind.names, kind.load, aliases.NAMES[kind.word]).name
        if meant is None or not isinstance(given, MapNode) or head.start != at or head.text in kind.names:
            continue
        fields = kind.load(meant).model_fields
        renamed = [(key, argument_meant(key.text, fields)) for key, _ in given.entries if key.text not in fields]
        if renamed and all(own is not None for _, own in renamed):
            edits = [replace(source, key, own) for key, own in [(head, meant), *renamed] if own is not None]
            yield Fix(f"write {', '.join(f'`{edit.text}`' for edit in edits)}", tuple(edits))


def _of_the_optimizer(at: int, source: Source, train: MapNode) -> Iterator[Fix]:
    """`optimizer: SGD` with `lr: 0.1` beside it: the argument belongs under the optimizer, with others like it."""
    optimizer = train.get("optimizer")
    head, given = optimizer, None
    if isinstance(optimizer, MapNode) and len(optimizer.entries) == 1:
        head, given = optimizer.entries[0]
    if optimizer is None or not isinstance(head, ScalarNode) or head.text not in OPTIMIZERS:
        return
    fields = optimizer_class(head.text).model_fields
    taken = {key.text for key, _ in given.entries} if isinstance(given, MapNode) else set[str]()
    moved: dict[int, tuple[str, str]] = {}
    for i, (key, value) in enumerate(train.entries):
        argument = None if key.text in KEYS else argument_meant(key.text, fields)
        text = source.text[value.start : value.end]
        if argument is not None and argument not in taken and "\n" not in text:
            moved[i] = argument, text
            taken.add(argument)
    if not any(train.entries[i][0].start == at for i in moved):
        return
    pairs = ", ".join(f"{argument}: {text}" for argument, text in moved.values())
    if given is None:
        edits = [replace(source, optimizer, f"{{{head.text}: {{{pairs}}}}}")]
    elif isinstance(given, MapNode) and (added := add_entries(source, given, list(moved.values()))) is not None:
        edits = [added]
    else:
        return
    yield Fix(f"write `{pairs}` under `{head.text}`", (*edits, *leave_all_out(train, list(moved), source)))


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
        flat = _flattened(clue.input, node, source, spec)
        if flat is not None:
            edits = (replace(source, node, clue.input), flat)
            yield Fix(f"write `input: {clue.input}`, and `Flatten` in front", edits)
        yield Fix(f"write `input: {clue.input}`", (replace(source, node, clue.input),), certain=False)


def _flattened(images: str, node: Node, source: Source, spec: Spec) -> Edit | None:
    """`Flatten` as the first item of a net whose input is as long as an image has values."""
    first = next(items(spec), None)
    sizes = node.items if isinstance(node, ListNode) else []
    width = sizes[0].value if len(sizes) == 1 and isinstance(sizes[0], ScalarNode) else None
    if first is None or prod(int(size) for size in images.strip("[]").split(",")) != width:
        return None
    return put_before(source, first, "Flatten")


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
