"""A layer that goes behind another one, with what stands beside that one: `repeat` and `when` hold of both, `as` names
what comes of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from netspec.diagnostics import Edit
from netspec.language.items import Item
from netspec.mends.edits import leave_all_out, places, put_after
from netspec.text.source import MapNode, Source

OF_BOTH: Final = ("repeat", "when")
"""Options that hold of a layer and of what goes behind it."""
_OF_THE_END: Final = ("as",)
"""Options that are about what comes of both."""


def layer_behind(
    source: Source, item: Item, layer: str, edits: Sequence[Edit], left_out: Collection[str] = ()
) -> tuple[list[Edit], str] | None:
    """Edits that put a layer, a text, behind an item, and where it then stands, in words; None where the list's style
    leaves no room for it.

    Args:
        edits: what is rewritten within the item, beside that.
        left_out: the keys beside the item's head that go.
    """
    node = item.node
    if not isinstance(node, MapNode):
        after = put_after(source, item, layer)
        return None if after is None else ([after], "behind it")
    beside = {key.text: value for key, value in node.entries if key is not item.head and key.text not in left_out}
    texts = {key: source.text[value.start : value.end] for key, value in beside.items()}
    around = next((key for key in beside if key in OF_BOTH), None)
    ends = [key for key in beside if key in _OF_THE_END]
    if around is None and not ends:
        after = put_after(source, item, layer)
        return None if after is None else ([*_without(node, left_out, source), after], "behind it")
    if any("\n" in text for text in texts.values()):
        return None
    if around is None:
        given = f"{{{layer}, " if ":" in layer else f"{{{layer}: , "
        after = put_after(source, item, given + ", ".join(f"{key}: {texts[key]}" for key in ends) + "}")
        cut = _without(node, (*left_out, *ends), source)
        return None if after is None else ([*cut, after], f"behind it, and `{ends[0]}: {texts[ends[0]]}` beside that")
    inside = [key for key in beside if key not in OF_BOTH and key not in _OF_THE_END]
    cut = _without(node, (*left_out, around, *inside), source)
    opening = f"{around}: {texts[around]}"
    beside_it = [f"{key}: {texts[key]}" for key in inside]
    made = _around(source, item, opening, beside_it, layer, [*edits, *cut])
    return [*cut, *made], f"behind it, both under `{opening}`"


def _around(
    source: Source, item: Item, opening: str, inside: Sequence[str], layer: str, edits: Sequence[Edit]
) -> list[Edit]:
    """Edits that put an item and what goes behind it into the body of an option. `edits` are the others within it."""
    node, start = item.node, item.head.start
    assert isinstance(node, MapNode)
    end = item.value.end if item.value is not None else item.head.end
    colon = "" if item.value is not None and item.value.end > item.head.end else ":"
    more = "".join(f", {option}" for option in inside)
    if "\n" not in source.text[start:end]:
        behind = f"{{{layer}}}" if ":" in layer else layer
        separator = ", " if node.flow else f"\n{' ' * _column(source, node)}"
        before = Edit(source.between(start, start), f"{opening}{separator}do: [{{")
        return [before, Edit(source.between(end, end), f"{colon}{more}}}, {behind}]")]
    indent = " " * _column(source, node)
    before = Edit(source.between(start, start), f"{opening}\n{indent}do:\n{indent}  - ")
    behind = "".join(f"\n{indent}    {option}" for option in inside) + f"\n{indent}  - {layer}"
    taken = places(source, edits) or []
    moved = [
        Edit(source.between(at, at), "    ")
        for at in (i + 1 for i in range(start, end) if source.text[i] == "\n")
        if not any(a < at <= b for a, b, _ in taken) and source.text[at : at + 1] not in "\r\n"
    ]
    return [before, *moved, Edit(source.between(end, end), behind)]


def _column(source: Source, node: MapNode) -> int:
    return node.start - source.text.rfind("\n", 0, node.start) - 1


def _without(node: MapNode, keys: Collection[str], source: Source) -> list[Edit]:
    """Leave options beside a layer out."""
    gone = [i for i, (key, _) in enumerate(node.entries) if key.text in keys and i > 0]
    return leave_all_out(node, gone, source)
