"""Lists of items side by side: the same loops in each, however often they run there.

What follows on itself anywhere in a list is a loop in all of them, with at least one round. What occurs in some members
of the family and nowhere in others stands in front of what follows it, as an item that may be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.capture.families.tree import MemberList, Node
from netspec.excerpts import excerpt

Symbol = tuple[object, ...]
"""Equal for items that are alike, with all in them."""
EDGE: Symbol = ("edge",)
"""Of an element in front of a list or behind it, which holds what others may have there."""

_MOST = 8
"""Items of one round of a loop."""


@dataclass(eq=False)
class Element:
    """A place in a list: an item, or a loop with its rounds."""

    symbol: Symbol
    node: Node | None = None
    """None at an edge of a list."""
    lists: list[list[Element]] = field(default_factory=list[list["Element"]])
    """Those in the item."""
    rounds: list[list[Element]] | None = None
    before: dict[Symbol, Element] = field(default_factory=dict[Symbol, "Element"])
    """Items in front of it that other members have not."""
    after: dict[Symbol, Element] = field(default_factory=dict[Symbol, "Element"])
    """Those behind it."""

    def is_loop(self) -> bool:
        """Whether it is no item."""
        return self.symbol[0] == "loop"


Row = list[Element]


def aligned(
    lists: Sequence[MemberList], *, from_end: bool = False, is_behind: bool = False
) -> tuple[list[int], list[Row]]:
    """For each list the class of lists that it is in, and its elements; those of one class have the same symbols.

    Args:
        lists: the lists.
        from_end: in `a b a b a` the loop is that of `b a`, and not that of `a b`.
        is_behind: what others have not is held by the item in front of it, and not by that behind it.
    """
    rows = _elements(lists, from_end=from_end, is_behind=is_behind)
    classes, found = _classes(_collapsed([list(row) for row in rows], from_end=from_end))
    members = {one.member for one in lists}
    if _cover(classes, lists, members):
        return classes, found
    reduced = _without_rare(rows, lists, members, is_behind=is_behind)
    if reduced is not None:
        others, shorter = _classes(_collapsed(reduced, from_end=from_end))
        if _cover(others, lists, members):
            return others, shorter
    return classes, found


def _cover(classes: Sequence[int], lists: Sequence[MemberList], members: set[int]) -> bool:
    """Whether each class has lists of each member."""
    homes: defaultdict[int, set[int]] = defaultdict(set)
    for one, each in zip(lists, classes, strict=True):
        homes[each].add(one.member)
    return all(home == members for home in homes.values())


def _elements(lists: Sequence[MemberList], *, from_end: bool, is_behind: bool) -> list[Row]:
    """The items of lists, of which the lists in them are aligned."""
    alike: defaultdict[str, list[Node]] = defaultdict(list)
    homes: dict[Node, int] = {}
    for one in lists:
        for node in one.nodes:
            alike[node.mask].append(node)
            homes[node] = one.member
    inner: defaultdict[Node, list[tuple[int, Row]]] = defaultdict(list)
    for nodes in alike.values():
        for at in range(len(nodes[0].lists)):
            classes, rows = aligned([node.lists[at] for node in nodes], from_end=from_end, is_behind=is_behind)
            for node, each, row in zip(nodes, classes, rows, strict=True):
                inner[node].append((each, row))
    return [
        [
            Element(("item", node.mask, *(each for each, _ in inner[node])), node, [row for _, row in inner[node]])
            for node in one.nodes
        ]
        for one in lists
    ]


def _collapsed(rows: list[Row], *, from_end: bool) -> list[Row]:
    """The lists with loops in the place of what follows on itself in any of them."""
    while (body := _repeated(rows, from_end=from_end)) is not None:
        rows = [_looped(row, body) for row in rows]
    return rows


def _repeated(rows: Sequence[Row], *, from_end: bool) -> tuple[Symbol, ...] | None:
    """The shortest part that follows on itself."""
    texts = [[element.symbol for element in row] for row in rows]
    for period in range(1, _MOST + 1):
        for text in texts:
            places = range(len(text) - 2 * period + 1)
            for at in reversed(places) if from_end else places:
                if text[at : at + period] == text[at + period : at + 2 * period]:
                    return tuple(text[at : at + period])
    return None


def _looped(row: Row, body: tuple[Symbol, ...]) -> Row:
    """A list with a loop in the place of each run of a part, one round or more."""
    found: Row = []
    at, size = 0, len(body)
    while at < len(row):
        rounds: list[Row] = []
        while tuple(element.symbol for element in row[at : at + size]) == body:
            rounds.append(row[at : at + size])
            at += size
        if rounds:
            found.append(Element(("loop", *body), rounds=rounds))
        else:
            found.append(row[at])
            at += 1
    return found


def _classes(rows: Sequence[Row]) -> tuple[list[int], list[Row]]:
    """Lists of the same elements have the same class; a loop may have no round."""
    order = sorted(range(len(rows)), key=lambda at: -len(rows[at]))
    patterns: list[Row] = []
    classes, found = [0] * len(rows), list(rows)
    for at in order:
        for number, pattern in enumerate(patterns):
            fitted = _fitted(rows[at], pattern)
            if fitted is not None:
                classes[at], found[at] = number, fitted
                break
        else:
            classes[at] = len(patterns)
            patterns.append(rows[at])
    return classes, found


def _fitted(row: Row, pattern: Row) -> Row | None:
    """A list with a loop of no round for each that another has more; None if that is not all."""
    found: Row = []
    rest = list(row)
    for element in pattern:
        if rest and rest[0].symbol == element.symbol:
            found.append(rest.pop(0))
        elif element.is_loop():
            found.append(Element(element.symbol, rounds=[]))
        else:
            return None
    return None if rest else found


def _without_rare(
    rows: Sequence[Row], lists: Sequence[MemberList], members: set[int], *, is_behind: bool
) -> list[Row] | None:
    """The lists with what some members have not at the item beside it; None if that cannot be said."""
    homes: defaultdict[Symbol, set[int]] = defaultdict(set)
    for row, one in zip(rows, lists, strict=True):
        for element in row:
            homes[element.symbol].add(one.member)
    rare = {symbol for symbol, home in homes.items() if home != members}
    if len({symbol[1] for symbol in rare}) < len(rare):
        return None  # members have the same item with other lists in it
    reduced: list[Row] = []
    for row in rows:
        kept = _held(row[::-1] if is_behind else row, rare)
        if kept is None or 2 * len(kept) < len(row):
            return None
        if is_behind:
            behind = [(element, dict([*held.items()][::-1])) for element, held in kept[::-1]]
            reduced.append([Element(e.symbol, e.node, e.lists, e.rounds, after=held) for e, held in behind])
        else:
            reduced.append([Element(e.symbol, e.node, e.lists, e.rounds, held) for e, held in kept])
    return reduced


def _held(row: Sequence[Element], rare: set[Symbol]) -> list[tuple[Element, dict[Symbol, Element]]] | None:
    """The elements of a list that are not rare, with the rare ones in front of each; None if one is there twice."""
    kept: list[tuple[Element, dict[Symbol, Element]]] = []
    held: dict[Symbol, Element] = {}
    for element in [*row, Element(EDGE)]:
        if element.symbol not in rare:
            kept.append((element, held))
            held = {}
        elif element.symbol in held:
            return None
        else:
            held[element.symbol] = element
    return kept


def difference(mine: Row, theirs: Row) -> tuple[str, str, str]:
    """The first item of each of two lists that are not of one class, empty behind the end of one; and in which module
    they are, empty at the top."""
    for a, b in zip(mine, theirs, strict=False):
        if a.symbol == b.symbol:
            continue
        while a.rounds:
            a = a.rounds[0][0]
        while b.rounds:
            b = b.rounds[0][0]
        if a.node is not None and b.node is not None and a.node.mask == b.node.mask:
            for one, other in zip(a.lists, b.lists, strict=True):
                if [e.symbol for e in one] != [e.symbol for e in other]:
                    *told, place = difference(one, other)
                    return told[0], told[1], ".".join(filter(None, (a.node.attribute or a.node.name, place)))
        return _told(a), _told(b), ""
    longer = mine if len(mine) > len(theirs) else theirs
    rest = longer[min(len(mine), len(theirs)) :]
    told = _told(rest[0]) if rest else ""
    return (told, "", "") if longer is mine else ("", told, "")


def _told(element: Element) -> str:
    while element.rounds:
        element = element.rounds[0][0]
    return "" if element.node is None else excerpt(element.node.text.partition("\n")[0].removeprefix("- "))
