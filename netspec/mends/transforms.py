"""Mends of the transforms of a recipe: lists of torchvision's in Python, mappings, arguments without their names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.spec import Spec
from netspec.meant import argument_meant, meant_call, python_call
from netspec.mends.edits import add_entry, leave_out, line_end, offset, replace, take_out
from netspec.recipe import aliases
from netspec.recipe.base import Named, Transform
from netspec.recipe.read import LISTS
from netspec.recipe.tables import Kind, tables_of
from netspec.recipe.unoffered import DONE_ANYWAY
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def mends_of_transforms(d: Diagnostic, source: Source, train: MapNode, kind: Kind) -> Iterator[Fix]:
    """Other ways to write the lists of transforms, or the item of one that a finding is about."""
    at = offset(source, d.span.line, d.span.column)
    for i, (key, listed) in enumerate(train.entries):
        if key.text in LISTS and listed.start <= at < max(listed.end, listed.start + 1):
            yield from _in_python(i, source, train, kind)
            yield from _as_mapping(listed, source, kind)
            yield from _named_behind(listed, at, source, kind)
    yield from _list_of_arguments(d, at, source, train, kind)
    yield from _done_anyway(at, source, train)
    yield from _one_for_each_channel(d, at, source, train)


def _in_python(i: int, source: Source, train: MapNode, kind: Kind) -> Iterator[Fix]:
    """`Compose([Resize(28), ToTensor()])`, `[ToTensor(), Normalize((0.5,), (0.5,))]`."""
    key, listed = train.entries[i]
    text = source.text[listed.start : listed.end]
    if "(" not in text or (isinstance(listed, ListNode) and not listed.flow):
        return
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    if isinstance(tree, ast.Call) and ast.unparse(tree.func).rpartition(".")[2] == _COMPOSE and len(tree.args) == 1:
        tree = tree.args[0]
    calls = [ast.unparse(one) for one in (tree.elts if isinstance(tree, ast.List) else [tree])]
    kept = [call for call in calls if python_call(call)[0] not in DONE_ANYWAY]
    names = aliases.NAMES[kind.word]
    meant = [meant_call(call, kind.names, kind.load, names) for call in kept]
    if not all(one.whole is not None and one.says_all for one in meant):
        return
    texts = [re.sub(r"^\{(.*)\}$", r"\1", one.whole or "") for one in meant]
    if not texts:
        title = f"leave `{key.text}` out: images are tensors when a recipe's transforms begin"
        yield Fix(title, (leave_out(train, i, source),), says_all=True)
        return
    whole = f"[{', '.join(texts)}]"
    yield Fix(f"write `{whole}`", (replace(source, listed, whole),), says_all=True)


_COMPOSE: Final = "Compose"


def _as_mapping(listed: Node, source: Source, kind: Kind) -> Iterator[Fix]:
    """`transforms: {Resize: 32, CenterCrop: 28}`: they are carried out in their order, so they are a list."""
    entries = listed.entries if isinstance(listed, MapNode) else []
    if not isinstance(listed, MapNode) or not entries or not all(key.text in kind.names for key, _ in entries):
        return
    bare = [key.end == value.start for key, value in entries]  # `RandomHorizontalFlip:`, without a value
    if listed.flow:
        edits = [Edit(source.between(listed.start, listed.start + 1), "["),
                 Edit(source.between(listed.end - 1, listed.end), "]")]  # fmt: skip
        yield Fix("write a list", tuple(edits))
    elif not any(bare):
        lines = range(source.text.count("\n", 0, listed.start), source.text.count("\n", 0, listed.end) + 1)
        starts = {source.text.count("\n", 0, key.start) for key, _ in entries}
        inserted: list[Edit] = []
        for line in lines:
            begin = source.offset(line + 1, 1)
            text = source.text[begin : line_end(source, begin)]
            at = begin + len(text) - len(text.lstrip(" "))
            if text.strip():
                inserted.append(Edit(source.between(at, at), "- " if line in starts else "  "))
        yield Fix("write a list", tuple(inserted))


def _named_behind(listed: Node, at: int, source: Source, kind: Kind) -> Iterator[Fix]:
    """`[RandomCrop: 32, padding=4]`: arguments behind a bare value, as in Python."""
    items = listed.items if isinstance(listed, ListNode) else []
    for i, item in enumerate(items):
        if not isinstance(item, MapNode) or len(item.entries) != 1 or item.entries[0][0].text not in kind.names:
            continue
        head, value = item.entries[0]
        model = kind.load(head.text)
        yield from _in_one_value(item, source, kind)
        behind: list[tuple[str, str]] = []
        last: Node = item
        for other in items[i + 1 :]:
            named = re.fullmatch(r"(\w+) *= *([\w.+-]+)", other.text) if isinstance(other, ScalarNode) else None
            key = None if named is None else argument_meant(named[1], model.model_fields)
            if named is None or key is None:
                break
            behind.append((key, named[2]))
            last = other
        if not behind or not item.start <= at < last.end or model.scalar is None or isinstance(value, MapNode):
            continue
        pairs = [(model.scalar, source.text[value.start : value.end]), *behind]
        written = f"{head.text}: {{{', '.join(f'{key}: {text}' for key, text in pairs)}}}"
        yield Fix(f"write `{written}`", (Edit(source.between(item.start, last.end), written),), says_all=True)


def _in_one_value(item: MapNode, source: Source, kind: Kind) -> Iterator[Fix]:
    """`- RandomCrop: 32, padding=4`, which is one text in block style."""
    head, value = item.entries[0]
    if not isinstance(value, ScalarNode) or value.quoted or not re.search(r",\s*\w+\s*=", value.text):
        return
    names = aliases.NAMES[kind.word]
    meant = meant_call(f"{head.text}({value.text})", kind.names, kind.load, names)
    if meant.says_all and meant.whole is not None:
        whole = re.sub(r"^\{(.*)\}$", r"\1", meant.whole)
        yield Fix(f"write `{whole}`", (replace(source, item, whole),), says_all=True)


def _list_of_arguments(d: Diagnostic, at: int, source: Source, train: MapNode, kind: Kind) -> Iterator[Fix]:
    """`Normalize: [[0.5], [0.25]]`: the arguments in the order of torch's signature."""
    for word in LISTS:
        listed = train.get(word)
        for item in listed.items if isinstance(listed, ListNode) else ():
            if not isinstance(item, MapNode) or len(item.entries) != 1:
                continue
            head, given = item.entries[0]
            if d.code != "list-argument" or not isinstance(given, ListNode) or given.start != at:
                continue
            if head.text not in kind.names:
                return
            fields = kind.load(head.text).model_fields
            needed = [name for name, field in fields.items() if field.is_required()]
            texts = [source.text[one.start : one.end] for one in given.items]
            if len(needed) == len(texts) and len(needed) > 1 and given.flow:
                pairs = ", ".join(f"{name}: {text}" for name, text in zip(needed, texts, strict=True))
                sure = all(isinstance(one, ListNode) for one in given.items)
                yield Fix(f"write `{head.text}: {{{pairs}}}`", (replace(source, given, f"{{{pairs}}}"),), sure)


def _done_anyway(at: int, source: Source, train: MapNode) -> Iterator[Fix]:
    """`ToTensor` among the transforms, or `transforms.ToTensor()`: images are tensors when those begin."""
    for i, (_, listed) in enumerate(train.entries):
        if not isinstance(listed, ListNode):
            continue
        for item in listed.items:
            head = item.entries[0][0] if isinstance(item, MapNode) and item.entries else item
            if head.start != at or not isinstance(head, ScalarNode):
                continue
            name = python_call(head.text)[0]
            edit = take_out(source, item) if len(listed.items) > 1 else leave_out(train, i, source)
            if name in DONE_ANYWAY and edit is not None:
                yield Fix(f"leave `{name}` out", (edit,), says_all=True)


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


def mends_of_drawn(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`RandomCrop` under `transforms`: what is drawn anew belongs under `augment`."""
    train = spec.train
    listed = train.get("transforms") if isinstance(train, MapNode) else None
    if not isinstance(train, MapNode) or not isinstance(listed, ListNode) or train.get("augment") is not None:
        return
    at = offset(source, d.span.line, d.span.column)
    if not any(item.start <= at < item.end for item in listed.items):
        return
    kind = tables_of(spec.offer).transform
    drawn = [item for item in listed.items if (name := _transform(item, kind)) and _is_random(kind.load(name))]
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


def _is_random(cls: type[Named]) -> bool:
    return issubclass(cls, Transform) and cls.random


def _transform(item: Node, kind: Kind) -> str | None:
    head = item.entries[0][0] if isinstance(item, MapNode) and item.entries else item
    return head.text if isinstance(head, ScalarNode) and head.text in kind.names else None
