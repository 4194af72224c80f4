"""The members of a family, side by side, as the lines of one spec."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from netspec.capture.families.aligning import EDGE, Element, Row, Symbol
from netspec.capture.families.columns import LoopScope, Scope, head
from netspec.capture.families.naming import Site
from netspec.capture.families.tree import Node
from netspec.capture.families.values import Value, is_alone
from netspec.capture.modules.offered import is_known, layer_class
from netspec.capture.shaping.folding import Entry, beside, loop_entry, repeat_entry
from netspec.capture.shaping.places import flag_word
from netspec.capture.shaping.schedule import JOINS

_FEWEST = 3
"""LoopScope that differ and are a loop."""
_SMALL = 4
"""Items of a round that is written once more where there are fewer."""


def entries(rows: Sequence[Row | None], scope: Scope, home: str = "", *, is_round: bool = False) -> list[Entry]:
    """The entries of a list.

    Args:
        rows: what the list is each time that it is met, with the same symbols; None where it is not there.
        scope: where it stands.
        home: what the list is called in the module.
        is_round: it is one of a loop.
    """
    found: list[Entry] = []
    some = next(row for row in rows if row is not None)
    for at, element in enumerate(some):
        places = [None if row is None else row[at] for row in rows]
        if element.is_loop():
            found += _loop([[] if place is None else place.rounds or [] for place in places], scope, home)
            continue
        found += _perhaps([{} if place is None else place.before for place in places], scope, home)
        if element.symbol is not EDGE:
            found.append(_item(places, scope, home, is_round=is_round))
        found += _perhaps([{} if place is None else place.after for place in places], scope, home)
    return found


def _merged(orders: Sequence[Sequence[Symbol]]) -> list[Symbol]:
    """All symbols of several lists, in an order that each of them has, the first of each before the second of any."""
    rest = [list(order) for order in dict.fromkeys(map(tuple, orders))]
    found: list[Symbol] = []
    while any(rest):
        heads = dict.fromkeys(each[0] for each in rest if each)
        known = [head for head in heads if not any(head in each[1:] for each in rest)] or [*heads][:1]
        found += known
        rest = [[symbol for symbol in each if symbol not in known] for each in rest]
    return found


def _perhaps(held: Sequence[Mapping[Symbol, Element]], scope: Scope, home: str) -> list[Entry]:
    """Items that are not there each time, where all stand beside one item."""
    several = {symbol: [each.get(symbol) for each in held] for symbol in _merged([[*each] for each in held])}
    nodes = {symbol: [place.node for place in places if place and place.node] for symbol, places in several.items()}
    there: dict[Symbol, tuple[Value, ...]] = {
        symbol: tuple("false" if place is None else "true" for place in places) for symbol, places in several.items()
    }
    names = [_home(each) for each in nodes.values()]
    flags: dict[Symbol, str] = {}
    found: dict[Symbol, Entry] = {}
    for symbol in sorted(several, key=lambda each: _is_minor(nodes[each])):
        found[symbol] = _item(several[symbol], scope, home)
        flag = scope.presence(there[symbol], "\n".join(found[symbol]))
        if not flag and _is_minor(nodes[symbol]):
            flag = next((known for other, known in flags.items() if there[other] == there[symbol]), "")
        if not flag:
            name, node = _home(nodes[symbol]), nodes[symbol][0]
            called = name if names.count(name) == 1 else ""  # what is in the place of another is called as what it is
            site = Site(home, id(node), frozenset(filter(None, (name, _family(node.word)))))
            base = f"has_{flag_word(called if node.name else '', called, node.word)}"
            flag = scope.text(there[symbol], base, site)
        flags[symbol] = flag
        if flag != "true":
            found[symbol] = beside(found[symbol], f'when: "{flag}"' if ">" in flag else f"when: {flag}")
    return [found[symbol] for symbol in several]


def _is_minor(nodes: Sequence[Node]) -> bool:
    """Whether an item goes along with another that may be there: a join, a name, what a function does."""
    word = nodes[0].word
    return not _home(nodes) and (word in JOINS or word in ("as", "use") or _family(word) in ("shape", "activation"))


def _home(nodes: Sequence[Node]) -> str:
    """What an item is called in the module; empty where it has a number alone."""
    names = {node.name or node.attribute for node in nodes}
    name = names.pop() if len(names) == 1 else re.sub(r"_*\d+$", "", next(iter(names), ""))
    return name if name.isidentifier() else ""


def _family(word: str) -> str:
    """What kind of layer a word is; empty where it is none."""
    return layer_class(word).family if is_known(word) else ""


def _item(places: Sequence[Element | None], scope: Scope, home: str, *, is_round: bool = False) -> Entry:
    """An item, with names in the place of what differs."""
    nodes = [None if place is None else place.node for place in places]
    there = [node for node in nodes if node is not None]
    some, home = there[0], _home(there) or home
    site = Site(home, id(some))
    texts: list[tuple[int, int, str]] = []
    for at, opening in enumerate(some.openings):
        column = [None if node is None else node.openings[at].text for node in nodes]
        if is_round and opening.name == "i" and isinstance(scope, LoopScope):
            text = scope.number(column, site)
        else:
            text = scope.text(column, opening.name, site)
        if opening.kind == "i" and not text.isdigit():
            text = f"{{{text}}}"
        elif " " in text and not is_alone(some.text[: opening.start], some.text[opening.end :]):
            text = f"({text})"
        elif opening.kind == "@" and text not in [node.openings[at].text for node in there]:
            text = f"${text}"
        texts.append((opening.start, opening.end, text))
    for at, (start, end) in enumerate(some.marks):
        inner = entries([None if place is None else place.lists[at] for place in places], scope, home)
        margin = start - some.text.rfind("\n", 0, start) - 1
        lines = [line for entry in inner for line in entry]
        texts.append((start, end, ("\n" + " " * margin).join(lines)))
    found, last = "", 0
    for start, end, text in sorted(texts):
        found, last = f"{found}{some.text[last:start]}{text}", end
    found += some.text[last:]
    return tuple(re.sub(r"name: (\w*\{[^{}\n]+\}\w*)", r'name: "\1"', found).split("\n"))


def _loop(met: Sequence[Sequence[Row]], scope: Scope, home: str, done: int = 0) -> list[Entry]:
    """A loop, or its rounds one by one where that says as much.

    Args:
        met: the rounds that it has each time that it is met.
        scope: where it stands.
        home: what the list around it is called in the module.
        done: how many rounds stand in front of it.
    """
    if not any(met):
        return []
    counts = {len(rounds) for rounds in met}
    is_equal = all(len({key(row) for row in rounds}) <= 1 for rounds in met)
    is_short = not is_equal and max(counts) < _FEWEST and all(_size(row) <= _SMALL for row in met[0])
    if len(counts) == 1 and (counts == {1} or is_short or any(map(_is_mixed, met))):
        return [entry for i in range(len(met[0])) for entry in entries([rounds[i] for rounds in met], scope, home)]
    if (
        any(len({key(row, has_numbers=False) for row in rounds}) > 1 for rounds in met)
        and counts != {2}
        and all(met)
        and all(len({key(row) for row in rounds[1:]}) <= 1 for rounds in met)
    ):
        first = entries([rounds[0] for rounds in met], scope, home)
        return [*first, *_loop([rounds[1:] for rounds in met], scope, home, done + 1)]
    inside = LoopScope(scope, [len(rounds) for rounds in met])
    body = entries([row for rounds in met for row in rounds], inside, home, is_round=True)
    heading = head(inside, Site(home or _stem(met)), done)
    if not inside.columns:
        return [repeat_entry(body, heading.removeprefix("repeat: "))]
    return [loop_entry(f"- {heading}", [line for entry in body for line in entry])]


def _is_mixed(rounds: Sequence[Row]) -> bool:
    """Whether rounds call several blocks, which are given other things: their width, the width and a factor."""
    places = zip(*rounds, strict=False)
    nodes = [[element.node for element in place if element.node is not None] for place in places]
    return any(
        len({opening.text for node in each for opening in node.openings if opening.kind == "@"}) > 1
        and len({tuple(opening.name for opening in node.openings) for node in each}) > 1
        for each in nodes
    )


def _stem(met: Sequence[Sequence[Row]]) -> str:
    """What the first item of rounds that has a name is called, without its number."""
    names = (each.node.name for rounds in met for row in rounds for each in row if each.node is not None)
    return re.sub(r"_*\d+$", "", next(filter(None, names), ""))


def _size(row: Row) -> int:
    """How many items there are in a list, with all in them."""
    return sum(1 + sum(map(_size, element.lists)) + sum(map(_size, element.rounds or ())) for element in row)


def key(row: Row, *, has_numbers: bool = True) -> tuple[object, ...]:
    """Equal for rounds that are the same, in the numbers of names, too, unless these do not count."""
    return tuple(
        (
            element.symbol,
            tuple(o.text for o in (element.node.openings if element.node else ()) if has_numbers or o.name != "i"),
            tuple(key(one, has_numbers=has_numbers) for one in (*element.lists, *(element.rounds or ()))),
            tuple(
                (symbol, key([one], has_numbers=has_numbers))
                for held in (element.before, element.after)
                for symbol, one in held.items()
            ),
        )
        for element in row
    )
