"""The members of a family, side by side, as the lines of one spec."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netspec.capture.families.aligning import END, Element, Row, Symbol
from netspec.capture.families.columns import LoopScope, Scope, Value, head, is_alone
from netspec.capture.shaping.folding import Entry, beside, loop_entry, repeat_entry

_FEWEST = 3
"""LoopScope that differ and are a loop."""
_SMALL = 4
"""Items of a round that is written once more where there are fewer."""


def entries(rows: Sequence[Row | None], scope: Scope) -> list[Entry]:
    """The entries of a list.

    Args:
        rows: what the list is each time that it is met, with the same symbols; None where it is not there.
        scope: where it stands.
    """
    found: list[Entry] = []
    some = next(row for row in rows if row is not None)
    for at, element in enumerate(some):
        places = [None if row is None else row[at] for row in rows]
        if element.is_loop():
            found += _loop([[] if place is None else place.rounds or [] for place in places], scope)
            continue
        for symbol in _merged([list(place.before) for place in places if place is not None]):
            found.append(_perhaps([None if place is None else place.before.get(symbol) for place in places], scope))
        if element.symbol is not END:
            found.append(_item(places, scope))
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


def _perhaps(places: Sequence[Element | None], scope: Scope) -> Entry:
    """An item that is not there each time."""
    entry = _item(places, scope)
    there: list[Value] = ["false" if place is None else "true" for place in places]
    flag = scope.text(there, _flag_name("\n".join(entry)))
    return entry if flag == "true" else beside(entry, f"when: {flag}")


def _flag_name(text: str) -> str:
    """What it is called that says whether an item is there."""
    named = re.search(r'name: "?([A-Za-z_]+)', text)
    word = re.search(r"[A-Za-z_]+", text)
    found = named[1] if named else word[0] if word else "part"
    return f"has_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', found).lower().strip('_')}"


def _item(places: Sequence[Element | None], scope: Scope) -> Entry:
    """An item, with names in the place of what differs."""
    nodes = [None if place is None else place.node for place in places]
    some = next(node for node in nodes if node is not None)
    texts: list[tuple[int, int, str]] = []
    for at, opening in enumerate(some.openings):
        text = scope.text([None if node is None else node.openings[at].text for node in nodes], opening.name)
        if opening.kind == "i" and not text.isdigit():
            text = f"{{{text}}}"
        elif " " in text and not is_alone(some.text[: opening.start], some.text[opening.end :]):
            text = f"({text})"
        elif opening.kind == "@" and text not in [node.openings[at].text for node in nodes if node is not None]:
            text = f"${text}"
        texts.append((opening.start, opening.end, text))
    for at, (start, end) in enumerate(some.marks):
        inner = entries([None if place is None else place.lists[at] for place in places], scope)
        margin = start - some.text.rfind("\n", 0, start) - 1
        lines = [line for entry in inner for line in entry]
        texts.append((start, end, ("\n" + " " * margin).join(lines)))
    found, last = "", 0
    for start, end, text in sorted(texts):
        found, last = f"{found}{some.text[last:start]}{text}", end
    found += some.text[last:]
    return tuple(re.sub(r"name: (\w*\{[^{}\n]+\}\w*)", r'name: "\1"', found).split("\n"))


def _loop(met: Sequence[Sequence[Row]], scope: Scope, done: int = 0) -> list[Entry]:
    """A loop, or its rounds one by one where that says as much.

    Args:
        met: the rounds that it has each time that it is met.
        scope: where it stands.
        done: how many rounds stand in front of it.
    """
    if not any(met):
        return []
    counts = {len(rounds) for rounds in met}
    is_equal = all(len({key(row) for row in rounds}) <= 1 for rounds in met)
    is_short = not is_equal and max(counts) < _FEWEST and all(_size(row) <= _SMALL for row in met[0])
    if len(counts) == 1 and (counts == {1} or is_short):
        return [entry for i in range(len(met[0])) for entry in entries([rounds[i] for rounds in met], scope)]
    if (
        not is_equal
        and counts != {2}
        and all(met)
        and all(len({key(row) for row in rounds[1:]}) <= 1 for rounds in met)
    ):
        return [*entries([rounds[0] for rounds in met], scope), *_loop([rounds[1:] for rounds in met], scope, done + 1)]
    inside = LoopScope(scope, [len(rounds) for rounds in met])
    body = entries([row for rounds in met for row in rounds], inside)
    first = head(inside, done)
    if not inside.columns:
        return [repeat_entry(body, first.removeprefix("repeat: "))]
    return [loop_entry(f"- {first}", [line for entry in body for line in entry])]


def _size(row: Row) -> int:
    """How many items there are in a list, with all in them."""
    return sum(1 + sum(map(_size, element.lists)) + sum(map(_size, element.rounds or ())) for element in row)


def key(row: Row) -> tuple[object, ...]:
    """Equal for rounds that are the same."""
    return tuple(
        (
            element.symbol,
            () if element.node is None else tuple(opening.text for opening in element.node.openings),
            tuple(map(key, element.lists)),
            tuple(map(key, element.rounds or ())),
            tuple((symbol, key([one])) for symbol, one in element.before.items()),
        )
        for element in row
    )
