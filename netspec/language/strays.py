"""Keys of a recipe that stand at the top of a spec, where `train` should hold them."""

from __future__ import annotations

import re
from collections.abc import Collection

from netspec.diagnostics import Edit, Fix
from netspec.language.spec import Report
from netspec.text.source import MapNode, Node, ScalarNode, Source

Entry = tuple[ScalarNode, Node]


def under_train(entries: list[Entry], strange: Collection[str], source: Source, report: Report) -> list[Entry]:
    """The entries of a document; keys of a recipe at its top are read as if they stood under `train`.

    Args:
        strange: the keys that are none of a spec.
    """
    train = next(((key, node) for key, node in entries if key.text == "train"), None)
    if train is not None and not isinstance(train[1], MapNode):
        return entries
    from netspec.recipe.read import KEYS as OF_RECIPES  # imported here: few specs have a key that is none

    moved = [entry for entry in entries if entry[0].text in OF_RECIPES and entry[0].text in strange]
    inside = train[1] if train is not None and isinstance(train[1], MapNode) else None
    if inside is not None:  # what it has twice is told by itself
        moved = [entry for entry in moved if inside.get(entry[0].text) is None]
    if not moved:
        return entries
    (first, _), (last, value) = moved[0], moved[-1]
    end = max(value.end, last.end)
    names = [f"`{key.text}`" for key, _ in moved]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "is a key of a recipe, which stands" if len(names) == 1 else "are keys of a recipe, which stand"
    together = entries[entries.index(moved[0]) :][: len(moved)] == moved
    fix = _above(first, end, source) if inside is None and together else None
    fix = _into(inside, moved, source) if inside is not None else fix
    told = "write `train:`, and them under it" if inside is None else "write them there"
    report("unknown-key", f"{listed} {verb} under `train`", first, help=told, fix=fix)
    kept = [entry for entry in entries if entry not in moved and entry is not train]
    key = ScalarNode("train", "train", False, first.start, first.end) if train is None else train[0]
    recipe = MapNode(moved, False, first.start, end)
    if inside is not None:
        recipe = MapNode([*inside.entries, *moved], inside.flow, inside.start, inside.end)
    return [*kept, (key, recipe)]


def _above(first: ScalarNode, end: int, source: Source) -> Fix | None:
    """`train:` above some lines, which are then indented."""
    if source.text[: first.start].rpartition("\n")[2]:
        return None
    region = re.sub(r"\n(?=[^\r\n])", "\n  ", source.text[first.start : end])
    edit = Edit(source.between(first.start, end), f"train:\n  {region}")
    return Fix("write `train:` above, and what follows under it", (edit,))


def _into(train: MapNode, moved: list[Entry], source: Source) -> Fix | None:
    """Entries in their lines at the end of the recipe."""
    text = source.text
    first = train.entries[0][0] if train.entries else None
    if first is None or train.flow or any(text[: key.start].rpartition("\n")[2] for key, _ in moved):
        return None
    indent = " " * (first.start - text.rfind("\n", 0, first.start) - 1)
    edits: list[Edit] = []
    lines: list[str] = []
    for key, value in moved:
        stop = text.find("\n", max(key.end, value.end))
        stop = len(text) if stop < 0 else stop
        lines += [f"{indent}{line}" if line.strip() else line for line in text[key.start : stop].split("\n")]
        edits.append(Edit(source.between(key.start, min(stop + 1, len(text))), ""))
    end = text.find("\n", train.end)
    end = len(text) if end < 0 else end
    if text[: train.end].endswith("\n"):  # a block scalar, which ends with its line
        return None
    edits.append(Edit(source.between(end, end), "".join(f"\n{line.rstrip()}" for line in lines)))
    names = [f"`{key.text}`" for key, _ in moved]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return Fix(f"write {listed} under `train`", tuple(edits))
