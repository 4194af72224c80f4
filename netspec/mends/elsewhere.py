"""Mends of items of other libraries that netspec writes as another item: `Reshape`, `Permute`, `TimeDistributed`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.meant import TAKEN
from netspec.mends.edits import offset, put_before, replace
from netspec.mends.finding import items_around, nodes
from netspec.mends.values import mends_of_values
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_SHAPES: Final = frozenset(("reshape", "view"))
_ORDERS: Final = frozenset(("permute", "transpose", "swapaxes"))


def mends_of_strangers(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other items for the item that a finding is about."""
    at = offset(source, d.span.line, d.span.column)
    if d.code == "duplicate-key":
        yield from _twice(d, at, source)
    yield from _nested(at, source, spec)
    yield from _swallowed(at, source, spec)
    item = next(items_around(spec, at), None)
    if item is None:
        return
    item = _as_item(item)
    word = item.head.text.lower().replace("_", "").rpartition(".")[2]
    if word in _SHAPES:
        yield from _reshape(item, source)
    if word in _ORDERS:
        yield from _order(item, word, source)
    if word == "lambda":
        yield from _lambda(item, source)
    if word in ("timedistributed", "wrapper"):
        yield from _inside(item, source)
    if word in TAKEN and isinstance(item.value, ScalarNode) and item.value.text in spec.named_values:
        yield Fix(f"write `use: {item.value.text}`", (replace(source, item.head, "use"),))
    yield from _taken(at, item, source, spec)
    yield from mends_of_values(item, source, spec)


def _as_item(item: Item) -> Item:
    """`Reshape((8, 16))`, a call with sizes or axes, as a head with its value; any other item as it is."""
    head = item.head
    called = re.fullmatch(r"((?:\w+\.)*[A-Z]\w*)\(([(\[]?[-\d, ]+[)\]]?)\)", head.text)
    word = "" if called is None else called[1].lower().rpartition(".")[2]
    if called is None or item.value is not None or word not in (*_SHAPES, *_ORDERS):
        return item
    given = called[2].strip("()[]").strip(" ,")
    value = ScalarNode(given, given, False, head.end, head.end)
    return Item(item.kind, ScalarNode(called[1], called[1], False, head.start, head.end), value, {}, item.node)


_ENTRY: Final = re.compile(r"(?P<key>[\w.]+): *(?P<value>[^,{}\[\]\n#]+|\[[^\[\]{}\n]*\]|\{[^\[\]{}\n]*\})")


def _twice(d: Diagnostic, at: int, source: Source) -> Iterator[Fix]:
    """A key that is set twice: the second goes; for certain if both have the same value."""
    second = _ENTRY.match(source.text, at)
    first = next((_ENTRY.match(source.text, offset(source, one.span.line, one.span.column)) for one in d.related
                  if one.span.file == source.name), None)  # fmt: skip
    if first is None or second is None:
        return
    begin, stop = second.start(), second.end()
    before = source.text[:begin].rstrip()
    if before.endswith(","):
        begin = len(before) - 1
    elif source.text[source.text.rfind("\n", 0, begin) + 1 : begin].strip() or source.text[stop : stop + 1] != "\n":
        return
    else:
        begin, stop = source.text.rfind("\n", 0, begin) + 1, stop + 1
    same = first["value"].strip() == second["value"].strip()
    title = f"leave out the second `{second[0].strip()}`" + ("" if same else f": the first is `{first[0].strip()}`")
    yield Fix(title, (Edit(source.between(begin, stop), ""),), certain=same)


def _swallowed(at: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """`- ReLU` further in than the bare item above it, of which it then is a part."""
    for node in nodes(spec):
        if not isinstance(node, ScalarNode) or node.start != at or node.quoted or " - " not in node.text:
            continue
        begin = source.text.rfind("\n", 0, node.start) + 1
        lead = source.text[begin : node.start]
        starts = [found.start(1) for found in re.finditer(r"\n( +)- ", source.text[: node.end]) if found.start() > at]
        if lead.strip() == "-" and starts:
            dash = lead.index("-")
            edits = [Edit(source.between(start, source.text.index("-", start)), " " * dash) for start in starts]
            yield Fix("write the item in the column of the one above", tuple(edits))


def _values(node: Node | None) -> list[object] | None:
    """The numbers of a list, or of the only list in a mapping; None for something else."""
    while isinstance(node, MapNode) and len(node.entries) == 1:  # `{target_shape: [1, 28, 28]}`
        node = node.entries[0][1]
    if isinstance(node, ScalarNode) and re.fullmatch(r"\(?-?\d+(\s*,\s*-?\d+)*\)?", node.text):
        return [int(part) for part in node.text.strip("()").split(",")]
    if not isinstance(node, ListNode):
        return None
    return [item.value if isinstance(item, ScalarNode) else None for item in node.items]


def _reshape(item: Item, source: Source) -> Iterator[Fix]:
    """`Reshape: [1, 28, 28]`, `View: [-1, 784]`: perhaps with the batch axis, perhaps with the channels last."""
    sizes = _values(item.value)
    if sizes is None or not sizes:
        return
    if len(sizes) > 1 and (sizes[0] is None or sizes[0] in (-1, "N", "n", "B", "batch")):
        sizes = sizes[1:]
    if not all(isinstance(size, int) for size in sizes):
        return
    if len(sizes) == 1:
        yield Fix("write `Flatten`", (_whole(item, source, ["Flatten"]),))
        return
    last = sizes[-1]
    if len(sizes) > 2 and last in (1, 3) and sizes[0] not in (1, 3):
        sizes = [last, *sizes[:-1]]
    maps = f"Unflatten: {{dim: 1, unflattened_size: [{', '.join(map(str, sizes))}]}}"
    yield Fix(f"write `{maps}`", (_whole(item, source, [maps]),))
    yield Fix(f"write `Flatten` and `{maps}`", (_whole(item, source, ["Flatten", maps]),))


def _order(item: Item, word: str, source: Source) -> Iterator[Fix]:
    """`Permute: [0, 2, 1]`, as torch counts; `Permute: [2, 1]`, as Keras does."""
    found = _values(item.value) or []
    axes = [axis for axis in found if isinstance(axis, int)]
    if len(axes) != len(found) or not axes:
        return
    if word != "permute":
        rank = max(3, max(axes) + 1)
        first, second = (axis % rank for axis in (*axes, *axes)[:2])
        axes = [second if at == first else first if at == second else at for at in range(rank)]
    elif 0 not in axes:
        axes = [0, *axes]
    if axes[0] != 0 or len(axes) > 6 or sorted(axes) != list(range(len(axes))):
        return
    names = ["n", *"abcde"[: len(axes) - 1]]
    pattern = f"Rearrange: {' '.join(names)} -> {' '.join(names[axis] for axis in axes)}"
    yield Fix(f"write `{pattern}`", (_whole(item, source, [pattern]),))


def _lambda(item: Item, source: Source) -> Iterator[Fix]:
    """`Lambda: x * 2`: arithmetic over what stands there."""
    if not isinstance(item.value, ScalarNode):
        return
    found = re.fullmatch(r"(?:lambda\s+(\w+)\s*:\s*)?([\w\s.+*/()-]+)", item.value.text)
    words = set(re.findall(r"[A-Za-z_]\w*", found[2])) if found is not None else set[str]()
    if found is None or len(words) != 1:
        return
    name = words.pop()
    if found[1] in (None, name):
        items = [f"as: {name}", f"use: {found[2].strip()}"]
        yield Fix(f"write `{items[0]}` and `{items[1]}`", (_whole(item, source, items),))


_BY_POSITION: Final = frozenset(("Dense", "Linear", "ReLU", "Dropout", "LayerNorm", "Activation", "LayerNormalization"))


def _inside(item: Item, source: Source) -> Iterator[Fix]:
    """`TimeDistributed: {Dense: 8}`: a layer along the last axis is applied at each position anyway."""
    value = item.value
    if isinstance(value, MapNode) and len(value.entries) == 1 and value.entries[0][0].text in _BY_POSITION:
        key, given = value.entries[0]
        text = source.text[given.start : given.end]
        if "\n" not in text:
            name = "Linear" if key.text == "Dense" else key.text
            yield Fix(f"write `{name}: {text}`, which is applied at each position",
                      (_whole(item, source, [f"{name}: {text}"]),))  # fmt: skip


def _whole(item: Item, source: Source, items: list[str]) -> Edit:
    """Other items in the place of one."""
    node = item.node
    begin = source.text.rfind("\n", 0, node.start) + 1
    lead = source.text[begin : node.start]
    if lead.strip() == "-":
        return replace(source, node, f"\n{' ' * lead.index('-')}- ".join(items))
    return replace(source, node, ", ".join(one if ":" not in one or "{" in one else f"{{{one}}}" for one in items))


def _taken(at: int, item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`from: a` among the arguments of an item or beside it: `use: a` in front of it."""
    for holder in (item.value, item.node):
        entries = holder.entries if isinstance(holder, MapNode) else []
        for i, (key, value) in enumerate(entries):
            if key.start != at or key.text not in TAKEN or key is item.head or not isinstance(value, ScalarNode):
                continue
            before = put_before(source, item, f"use: {value.text}")
            if value.text not in spec.named_values or before is None or not isinstance(holder, MapNode):
                continue
            cut = _cut(item, holder, i, source)
            yield Fix(f"put `use: {value.text}` in front: an item takes what stands there", (before, cut))


def _cut(item: Item, holder: MapNode, i: int, source: Source) -> Edit:
    """Leave an entry out; a mapping with nothing in it goes with its colon."""
    key, value = holder.entries[i]
    if holder is item.value and len(holder.entries) == 1:
        return Edit(source.between(item.head.end, holder.end), "")
    if holder.flow and i == 0:
        return Edit(source.between(key.start, holder.entries[1][0].start), "")
    if i == 0:
        return Edit(source.between(key.start, holder.entries[1][0].start), "")
    return Edit(source.between(holder.entries[i - 1][1].end, value.end), "")


def _nested(at: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """A list in the place of an item: its items belong into the list around it."""
    inner = next((n for n in nodes(spec) if isinstance(n, ListNode) and n.start == at and n.items), None)
    around = next((n for n in nodes(spec) if isinstance(n, ListNode) and inner in n.items), None)
    if inner is None or around is None or around.flow:
        return
    begin = source.text.rfind("\n", 0, inner.start) + 1
    lead = source.text[begin : inner.start]
    if lead.strip() != "-":
        return
    dash, shift = lead.index("-"), inner.start - begin - lead.index("-")
    title = "write the items into the list around it"
    if inner.flow:
        texts = [source.text[one.start : one.end] for one in inner.items]
        yield Fix(title, (replace(source, inner, f"\n{' ' * dash}- ".join(texts)),))
        return
    edits = [Edit(source.between(begin + dash, begin + dash + shift), "")]
    edits += [
        Edit(source.between(start, start + shift), "")
        for start in source.line_starts
        if begin < start < inner.end and source.text[start : start + shift] == " " * shift
    ]
    yield Fix(title, tuple(edits))
