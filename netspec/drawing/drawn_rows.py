"""The rows of a picture of two networks: what each says of either, and which lie in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from netspec.comparison.parts import BranchOf, Kind, Portion, SideBySide, nodes_of, output_of
from netspec.dims import Size
from netspec.drawing.closing import label_of
from netspec.drawing.language import layers_text
from netspec.drawing.parts import PieceMaker
from netspec.drawing.scene import Phrase
from netspec.drawing.short import Voice, place_text, tip_text
from netspec.net import Leaf, Node, leaves, multiplying, total
from netspec.views.describe import container_text, count_text, shape_text, term_text
from netspec.views.fold import Join, LayerGroup, Unit

_FOLDED: Final = 3
"""So many equal rows, or more, are one."""
_ALONE: Final = ("added", "removed")


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row says of one of the networks."""

    runs: tuple[Phrase, ...]
    tip: str
    shape: str = ""
    params: Size = 0
    macs: Size = 0


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A row. One that `opens` a frame is its heading, and the rows of the frame follow it."""

    kind: Kind
    level: int
    a: Cell | None
    b: Cell | None
    opens: int = 0
    """The number of rows in the frame."""


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Makes rows of pairs."""

    voice: Voice
    depth: int
    """Levels of blocks to open."""
    brief: int = 0
    """1 if several added rows are one, too, and several removed ones; 2 if all rows between equal ones are."""

    def rows(self, pairs: Sequence[SideBySide], level: int = 0) -> list[DrawnRow]:
        """The rows of a chain, those in frames among them."""
        found: list[DrawnRow] = []
        for _, run in groupby(pairs, key=lambda pair: pair.kind == "same" if self.brief > 1 else pair.kind):
            same = list(run)
            kind = same[0].kind
            if len(same) >= _FOLDED and (self.brief > 1 or kind == "same" or (self.brief and kind in _ALONE)):
                sides = [[part for part in (getattr(pair, side) for pair in same) if part] for side in "ab"]
                a, b = (self.several(parts) if parts else None for parts in sides)
                whole: Kind = (
                    kind if kind == "same" else "removed" if b is None else "added" if a is None else "replaced"
                )
                found.append(DrawnRow(whole, level, a, b))
                continue
            for pair in same:
                found += self.pair(pair, level)
        return found

    def pair(self, pair: SideBySide, level: int) -> list[DrawnRow]:
        """The row of a pair; those of what is in it, if it is opened."""
        a, b = (None if part is None else self.cell(part) for part in (pair.a, pair.b))
        if pair.kind == "changed" and a is not None and b is not None and a.runs == b.runs:
            # what differs is among the arguments that a picture leaves out
            all_said = replace(self, voice=replace(self.voice, everything=True))
            a, b = (None if part is None else all_said.cell(part) for part in (pair.a, pair.b))
        if not pair.inside or level >= self.depth:
            return [DrawnRow(pair.kind, level, a, b)]
        inside = self.rows(_bare(pair.inside), level + 1)
        return [DrawnRow(pair.kind, level, a, b, len(inside)), *inside]

    def cell(self, part: Portion) -> Cell:
        """One part."""
        nodes = nodes_of(part.item)
        shape = shape_text(output_of(part.item).shape)
        params = total(leaf.params for node in nodes for leaf in leaves(node))
        return Cell(self.runs(part), _tip(part, params), shape, params, _macs(nodes))

    def several(self, parts: Sequence[Portion]) -> Cell:
        """SeveralNets parts as one: the first and the last, and how many layers there are."""
        nodes = [node for part in parts for node in nodes_of(part.item)]
        inside = [leaf for node in nodes for leaf in leaves(node)]
        first, last = (self.runs(part)[0].words for part in (parts[0], parts[-1]))
        runs = (Phrase(f"{first} … {last}"), Phrase(f"· {layers_text(len(inside), self.voice.language)}", "quiet"))
        tip = "\n".join("".join(run.words + " " for run in self.runs(part)).strip() for part in parts)
        shape = shape_text(output_of(parts[-1].item).shape)
        return Cell(runs, tip, shape, total(leaf.params for leaf in inside), _macs(nodes))

    def runs(self, part: Portion) -> tuple[Phrase, ...]:
        """The words of a part."""
        item = part.item
        match item:
            case Unit():
                return PieceMaker(self.voice).runs(item)
            case LayerGroup():
                name = label_of(item) or ", ".join(self.runs(inner)[0].words for inner in part.parts)
                words = f"{name} ×{item.count}" if item.count > 1 else name
                return Phrase(words, bold=True), Phrase(
                    f"· {layers_text(len(list(item.leaves)), self.voice.language)}", "quiet"
                )
            case Join():
                inside = len(list(leaves(item.combinator)))
                words = Phrase(container_text(item.combinator), bold=True)
                return (words, Phrase(f"· {layers_text(inside, self.voice.language)}", "quiet")) if inside else (words,)
            case BranchOf():
                return (Phrase(_branch_text(item), bold=True),)
            case Leaf():
                return PieceMaker(self.voice).runs(Unit((item,)))
            case _:
                return (Phrase("" if item.term is None else term_text(item.term), bold=True),)


def depth_of(pairs: Sequence[SideBySide]) -> int:
    """How many levels of blocks can be opened."""
    return max((1 + depth_of(_bare(pair.inside)) for pair in pairs if pair.inside), default=0)


def _bare(pairs: Sequence[SideBySide]) -> Sequence[SideBySide]:
    """The pairs in a join; if one branch alone has any, those in it."""
    if len(pairs) == 1 and pairs[0].inside and pairs[0].a is not None and isinstance(pairs[0].a.item, BranchOf):
        return pairs[0].inside
    return pairs


def _branch_text(branch: BranchOf) -> str:
    name, _, number = branch.label.rpartition(".")
    return f"branch {int(number) + 1}" if name and number.isdecimal() else branch.label


def _macs(nodes: Sequence[Node]) -> Size:
    return total(found.macs for node in nodes for found in multiplying(node))


def _tip(part: Portion, params: Size) -> str:
    match part.item:
        case Unit():
            return "\n\n".join(tip_text(leaf) for leaf in part.item.layers)
        case Leaf():
            return tip_text(part.item)
        case BranchOf():
            return place_text(part.item.join.combinator.span)
        case _:
            first = nodes_of(part.item)[0]
            shapes = shape_text(output_of(part.item).shape)
            lines = [f"→ {shapes}", *([f"{count_text(params)} parameters"] if params != 0 else [])]
            return "\n".join([*lines, place_text(first.span)])
