"""Two nets as people see them, side by side: which blocks and layers of the one are which of the other.

The layers of `changes.py` are held against each other one by one. Here the items of a picture are: a block of which
there are more is one that is repeated more often, and a block that differs inside is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from netspec.comparison.alignment import Pairs, best_pairs, equal_ends, gaps, in_a_hurry
from netspec.comparison.changes import key
from netspec.layers.base import TensorType
from netspec.net import As, Leaf, Net, Node, Scope, Sequential, Use, leaves, walk
from netspec.views.describe import term_text
from netspec.views.fold import Item, Join, LayerGroup, Unit, fold, stacked

Kind = Literal["same", "changed", "replaced", "added", "removed"]

_MOST_CELLS: Final = 400_000
"""PairLayout of items up to which the best alignment is looked for; beyond, equal ones are aligned in a hurry."""
_SAME_PATH: Final = 1e-6
"""What one path makes two parts more like each other: less than any difference, however many there are."""


@dataclass(frozen=True, slots=True)
class BranchOf:
    """One of several branches of a combinator."""

    label: str
    join: Join


@dataclass(frozen=True, slots=True)
class Portion:
    """An item of a net with what is in it."""

    item: Item | BranchOf
    parts: tuple[Portion, ...]
    key: int
    """Equal for what is the same in both nets, wherever it stands and whatever it is called."""
    kin: Hashable
    """Equal for layers of one type, joins of one kind, calls of one block."""
    contents: Hashable
    """What a group or a join holds, by kin: equal for what may be versions of each other, whatever they are called."""
    family: Hashable
    """Equal for layers that may stand in each other's place."""
    layers: Counter[Hashable]
    """The layers inside, those of all repetitions."""

    @property
    def path(self) -> str:
        """Where it stands, or where the first of its repetitions does; empty for a named value."""
        return next((leaf.path for node in nodes_of(self.item) for leaf in leaves(node)), "")


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What stands side by side: a part of either net, or of one alone."""

    kind: Kind
    a: Portion | None
    b: Portion | None
    inside: tuple[SideBySide, ...] = ()
    """The pairs in a block that differs inside; else it is shown as one."""


def pairs_of(a: Net, b: Net) -> tuple[SideBySide, ...]:
    """The items of two nets, aligned from the input to the output.

    Two parts are the same if their layers are, with arguments and order; they are changed if they are layers of one
    type, calls of one block or joins of one kind, and replaced if they are layers of one family.
    """
    maker = _Maker()
    return tuple(_pairs(maker.parts(a), maker.parts(b)))


def marks_of(pairs: Iterable[SideBySide]) -> dict[int, Kind]:
    """What differs, for a picture of both nets: by the `id` of a layer, combinator or value, how it does."""
    found: dict[int, Kind] = {}
    for pair in pairs:
        if pair.kind == "same":
            continue
        if pair.inside:
            found |= marks_of(pair.inside)
            continue
        items = (portion.item for portion in (pair.a, pair.b) if portion is not None)
        found |= {id(inner): pair.kind for item in items for node in nodes_of(item) for inner in walk(node)}
    return found


@dataclass(slots=True)
class _Maker:
    """Makes parts of nets with keys that are equal across them."""

    numbers: dict[Hashable, int] = field(default_factory=dict[Hashable, int])

    def parts(self, net: Net) -> tuple[Portion, ...]:
        return self.chain(stacked(fold(net)))

    def number(self, what: Hashable) -> int:
        return self.numbers.setdefault(what, len(self.numbers))

    def chain(self, items: Sequence[Item]) -> tuple[Portion, ...]:
        """The parts of a chain. Values that only get a name are left out."""
        return tuple(self.part(item) for item in items if not (isinstance(item, As) and item.term is None))

    def part(self, item: Item) -> Portion:
        match item:
            case Leaf():
                return self.part(Unit((item,)))
            case Unit():
                keys = tuple(self.number(key(leaf)) for leaf in item.layers)
                first = item.layers[0]
                layers = Counter[Hashable](keys)
                return Portion(item, (), self.number(("unit", keys)), first.type, None, first.family, layers)
            case LayerGroup():
                return self.grouped(item, self.chain(item.items))
            case Join():
                return self.join(item)
            case As() | Use():
                text = "" if item.term is None else term_text(item.term)
                kind = type(item).__name__
                return Portion(item, (), self.number((kind, text)), kind, None, kind, Counter())

    def grouped(self, group: LayerGroup, parts: tuple[Portion, ...]) -> Portion:
        found = self.number(("group", group.count, tuple(part.key for part in parts)))
        kin = ("group", block_of(group) or group.label)
        layers = Counter({one: count * group.count for one, count in _layers(parts).items()})
        return Portion(group, parts, found, kin, _contents(parts), "group", layers)

    def join(self, join: Join) -> Portion:
        node = join.combinator
        chains = [(label, self.chain(items)) for label, items in join.branches]
        inside = tuple(tuple(part.key for part in parts) for _, parts in chains)
        branches = tuple(self.branch(BranchOf(label, join), parts) for label, parts in chains if parts)
        found = self.number(("join", repr(node.joining), inside))
        return Portion(join, branches, found, ("join", node.kind), None, "join", _layers(branches))

    def branch(self, branch: BranchOf, parts: tuple[Portion, ...]) -> Portion:
        found = self.number(("branch", tuple(part.key for part in parts)))
        return Portion(branch, parts, found, "branch", None, "branch", _layers(parts))


def _layers(parts: Iterable[Portion]) -> Counter[Hashable]:
    layers = Counter[Hashable]()
    for part in parts:
        layers.update(part.layers)
    return layers


def _contents(parts: Sequence[Portion]) -> Hashable:
    return tuple(part.kin for part in parts)


def block_of(group: LayerGroup) -> str:
    """The name of the block that a group is a call of; empty if it is none."""
    first = group.nodes[0]
    return first.block or "" if isinstance(first, Scope | Sequential) else ""


def nodes_of(item: Item | BranchOf) -> tuple[Node, ...]:
    """The nodes that an item stands for, those of all repetitions."""
    match item:
        case Unit():
            return item.layers
        case LayerGroup():
            return item.nodes
        case Join():
            return (item.combinator,)
        case BranchOf():
            return (dict(item.join.combinator.branches)[item.label],)
        case _:
            return (item,)


def output_of(item: Item | BranchOf) -> TensorType:
    """What an item gives."""
    match item:
        case Join():
            return item.combinator.output
        case BranchOf():
            return dict(item.join.combinator.branches)[item.label].output
        case As():
            return item.type
        case _:
            return item.output


# ---- which is which


def _pairs(a: Sequence[Portion], b: Sequence[Portion]) -> Iterator[SideBySide]:
    """The pairs of two chains: equal ends of equal paths first, which most comparisons have, and the best alignment
    between."""
    start, end = equal_ends(len(a), len(b), lambda i, j: _is_same(a[i], b[j]))
    inner_a, inner_b = a[start : len(a) - end], b[start : len(b) - end]
    yield from (SideBySide("same", old, new) for old, new in zip(a[:start], b[:start], strict=True))
    found = _best(inner_a, inner_b) if len(inner_a) * len(inner_b) <= _MOST_CELLS else _hurried(inner_a, inner_b)
    for alone_a, alone_b, pair in gaps(found, len(inner_a), len(inner_b)):
        yield from (SideBySide("removed", inner_a[i], None) for i in alone_a)
        yield from (SideBySide("added", None, inner_b[j]) for j in alone_b)
        if pair is not None:
            yield _pair(inner_a[pair[0]], inner_b[pair[1]])
    yield from (SideBySide("same", old, new) for old, new in zip(a[len(a) - end :], b[len(b) - end :], strict=True))


def _best(a: Sequence[Portion], b: Sequence[Portion]) -> Pairs:
    """The pairing in order of the greatest likeness, and of parts that are as like, of those of one path."""
    likeness = [[_likeness(old, new) for new in b] for old in a]
    places = {part.path: j for j, part in enumerate(b)}
    for row, old in zip(likeness, a, strict=True):
        if (j := places.get(old.path)) is not None and row[j]:
            row[j] += _SAME_PATH
    return best_pairs(likeness, len(b))


def _hurried(a: Sequence[Portion], b: Sequence[Portion]) -> Pairs:
    """Equal parts, and between them parts of one kin."""
    return list(in_a_hurry([(part.key, part.kin) for part in a], [(part.key, part.kin) for part in b]))


def _likeness(a: Portion, b: Portion) -> float:
    """How much two parts are one: the number of layers that both have, more if they are the same; 0 if they have
    nothing to do with each other."""
    if a.key == b.key:
        return 2.0 + a.layers.total()
    if _akin(a, b):
        return 0.6 + 0.9 * (a.layers & b.layers).total()
    return 0.5 if a.family == b.family and isinstance(a.item, Unit) else 0.0


def _is_same(a: Portion, b: Portion) -> bool:
    return a.key == b.key and a.path == b.path


def _akin(a: Portion, b: Portion) -> bool:
    return a.kin == b.kin or (a.family == b.family == "group" and a.contents == b.contents)


def _pair(a: Portion, b: Portion) -> SideBySide:
    if a.key == b.key:
        return SideBySide("same", a, b)
    if not _akin(a, b):
        return SideBySide("replaced", a, b)
    inside = tuple(_pairs(a.parts, b.parts))
    same = all(pair.kind == "same" for pair in inside)
    return SideBySide("changed", a, b, () if same else inside)
