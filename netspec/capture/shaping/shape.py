"""Where the items stand: the names and indices of their modules, so that the keys of the `state_dict` stay."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from netspec.capture.items import BRANCH, PlacedItem, has_keys, is_numbered, is_within
from netspec.capture.shaping.packing import ListHabits, Packed, packed
from netspec.combinators import HEADS
from netspec.language.names import MODULE_ATTRIBUTES

_NO_MODULES = frozenset(("use", "as"))
"""Words that take up no index."""

_MOST_GAPS: Final = 64
"""Places that are filled so that a module keeps its number; one with a larger number gets a name."""


def shaped(items: list[PlacedItem], habits: ListHabits, path: str = "") -> list[PlacedItem]:
    """The items of the module at a path, with names, in nested lists where the module has nested ones.

    Args:
        items: those of the module.
        habits: how lists of modules are written; what the lists here show is noted there.
        path: of the module.
    """
    numbered = is_numbered(items, path)
    found = [one for item in items for one in _spliced(item, path, habits, in_numbers=numbered)]
    found = _containers(found, path, habits)
    return _named(found, path)


def share(items: list[PlacedItem]) -> list[str]:
    """Mark the modules that run more than once, and name those that a spec cannot say: they run in several bodies."""
    counts: Counter[tuple[str, ...]] = Counter()
    homes: dict[tuple[str, ...], set[int]] = {}
    names: dict[tuple[str, ...], str] = {}
    trouble: list[str] = []

    def visit(body: list[PlacedItem], home: int) -> None:
        for item in body:
            if has_keys(item) and not item.is_inline and item.word != BRANCH:
                counts[identity(item)] += 1
                homes.setdefault(identity(item), set()).add(home)
            if item.body is not None and counts[identity(item)] < 2:
                visit(item.body, home if item.is_combinator or item.word == BRANCH else id(item.body))

    def mark(body: list[PlacedItem]) -> None:
        for item in body:
            if counts[identity(item)] > 1 and has_keys(item) and not item.is_inline and item.word != BRANCH:
                item.shared = True
                own = item.name or _identifier(item.path.rpartition(".")[2])
                item.name = names.setdefault(identity(item), own)  # each time by the name of the first
                if len(homes[identity(item)]) > 1:
                    trouble.append(item.path)
            if item.body is not None:
                mark(item.body)

    visit(items, id(items))
    mark(items)
    return list(dict.fromkeys(trouble))


def identity(item: PlacedItem) -> tuple[str, ...]:
    """What is equal of two items that are one module."""
    return (
        (item.path or str(id(item)), "body") if item.body is not None else (item.path, item.word, *item.keys.values())
    )


def takes_index(item: PlacedItem) -> bool:
    """Whether an item is a module of the list that it stands in."""
    return item.word not in _NO_MODULES


def _own_name(item: PlacedItem, path: str) -> list[str]:
    """The path of an item below a module, in parts; none if it is not below it."""
    if not item.path:
        return []
    if not path:
        return item.path.split(".")
    return item.path.removeprefix(f"{path}.").split(".") if item.path.startswith(f"{path}.") else []


def _spliced(item: PlacedItem, path: str, habits: ListHabits, *, in_numbers: bool) -> Iterator[PlacedItem]:
    """An item, or those in it where no module of a spec is needed for it."""
    if item.body is None:
        if not item.path and item.keys:
            item.path = _common(item)
        yield item
        return
    if item.is_combinator:
        for branch in item.body:
            branch.body = shaped(branch.body or [], habits, branch.path or path)
        yield item
        return
    if item.body and item.path and not any(_within(one, item.path) for one in item.body):
        for one in item.body:  # the module only runs others
            yield from _spliced(one, path, habits, in_numbers=in_numbers)
        return
    item.body = shaped(item.body, habits, item.path)
    if item.word == HEADS:
        yield item
        return
    keyed = [one for one in item.body if has_keys(one)]
    numbered = (_own_name(item, path) or [""])[-1].isdigit()
    if not keyed and in_numbers and not numbered and item.path:  # what is in it would take up numbers
        yield item
        return
    if not keyed and (not numbered or len(item.body) == 1):
        yield from item.body
        return
    if len(keyed) == 1 and keyed[0].path == item.path and (not numbered or len(item.body) == 1):
        keyed[0].name = None  # it has the place of the module, or its name
        yield from item.body  # the parameters are the module's own, as in a norm with axes moved around it
        return
    yield item


def _within(item: PlacedItem, path: str) -> bool:
    """Whether an item is a module below a path, or no module, or holds one."""
    return not item.path or is_within(item.path, path)


def _common(item: PlacedItem) -> str:
    """The path that the keys of an item have in common, where it has them under its own names; else empty."""
    name, key = next(iter(item.keys.items()))
    path = key.removesuffix(name)
    if not all(other == f"{path}{one}" for one, other in item.keys.items()):
        return ""
    return path.removesuffix(".")


def _containers(items: list[PlacedItem], path: str, habits: ListHabits) -> list[PlacedItem]:
    """Put what stands in a list of modules, which is run through by hand, into one."""
    found: list[PlacedItem] = []
    rest = list(items)
    while rest:
        parts = _own_name(rest[0], path)
        if len(parts) < 2 or not has_keys(rest[0]):
            found.append(rest.pop(0))
            continue
        last = max(i for i, item in enumerate(rest) if _own_name(item, path)[:1] == parts[:1])
        group, after = rest[: last + 1], rest[last + 1 :]
        outer = f"{path}.{parts[0]}" if path else parts[0]
        inside = [has_keys(item) and _own_name(item, path)[:1] != parts[:1] for item in group]
        again = any(_own_name(item, path)[:1] == parts[:1] for item in found)
        is_apart = any(inside) or again or habits.of(outer) in habits.apart
        done = None if is_apart else _packed(group, found, after, outer, habits)
        if done is None:
            habits.apart.add(habits.of(outer))
            found.append(rest.pop(0))
            continue
        if done.leading:
            del found[-done.leading :]
        body = _named(_containers(done.inside, outer, habits), outer)
        takes = done.inside[0].takes
        gives = list(dict.fromkeys(value for item in reversed(done.inside) for value in item.gives))
        found.append(PlacedItem("sequential", takes, tuple(gives), body=body, path=outer, place=group[0].place))
        found += done.behind
        rest = after[done.trailing :]
    return found


def _packed(
    group: list[PlacedItem], before: list[PlacedItem], after: list[PlacedItem], outer: str, habits: ListHabits
) -> Packed | None:
    """The places of a list of modules. One whose modules have names has no numbers to keep."""
    if not all(name[0].isdigit() for name in (_own_name(item, outer) for item in group) if name):
        return Packed(group, [], 0, 0)
    deeper = {tuple(name) for name in (_own_name(item, outer) for item in group) if len(name) > 1}
    if deeper:  # lists of lists
        rest = _last_round(group, after, outer, habits)
        return Packed([*group, *rest], [], 0, len(rest))

    def number(item: PlacedItem) -> int | None:
        name = _own_name(item, outer) if has_keys(item) else []
        return int(name[0]) if name else None

    def is_numbered(item: PlacedItem) -> bool:
        return any(has_keys(inner) and inner.name is None for inner in item.body or ())

    return packed(group, before, after, number, is_numbered, habits, outer)


def _last_round(group: list[PlacedItem], after: list[PlacedItem], outer: str, habits: ListHabits) -> list[PlacedItem]:
    """What stands behind a list of lists as it does behind each list in it but the last, which so is as the others."""
    rounds: dict[str, list[PlacedItem]] = {}
    for item in group:
        name = _own_name(item, outer) if has_keys(item) else []
        rounds.setdefault(name[0] if name else next(reversed(rounds), ""), []).append(item)
    first, last = next(iter(rounds.values())), rounds[next(reversed(rounds))]
    if len(rounds) > 1:
        model = first[len(last) :]
        words = tuple(item.word for item in model)
        if any(a.word != b.word for a, b in zip(first, last, strict=False)):
            return []
    else:
        model, words = [], habits.rounds.get(habits.of(outer), ())
    rest = after[: len(words)]
    known = {value for item in (*last, *rest) for value in item.gives} | {last[0].takes}
    if not rest or tuple(item.word for item in rest) != words or any(map(has_keys, rest)):
        return []
    if any(a.arguments != b.arguments for a, b in zip(model, rest, strict=False)):
        return []
    if any(value not in known for item in rest for value in item.read_values()):
        return []  # it is of something else: what is added to the input of the network
    habits.rounds[habits.of(outer)] = words
    return rest


def _named(items: list[PlacedItem], path: str) -> list[PlacedItem]:
    """Give the items their names, and fill the places in front of those that have a number."""
    found: list[PlacedItem] = []
    index = 0
    numbered = any(has_keys(item) and (_own_name(item, path) or [""])[-1].isdigit() for item in items)
    taken: set[str] = set()
    for item in items:
        name = ".".join(_own_name(item, path))
        if not numbered and item.body is None and not item.gives:  # it does nothing, and keeps no place
            continue
        if has_keys(item) and name.isdigit() and int(name) <= index + _MOST_GAPS:
            while index < int(name):
                found.append(PlacedItem("Identity"))
                index += 1
        elif not numbered and item.is_combinator and not item.path:  # no module of the program's
            pass
        elif (has_keys(item) or _is_named_part(item, name, in_numbers=numbered)) and not item.is_inline:
            is_whole = item.path == path and (path or all(key == name for name, key in item.keys.items()))
            own = item.word.lower() if is_whole else item.path
            item.name = _identifier(name or own or _key_of(item))
            if item.name in taken:
                item.name = None
            taken.add(item.name or "")
        found.append(item)
        index += takes_index(item)
    return found


def _is_named_part(item: PlacedItem, name: str, *, in_numbers: bool) -> bool:
    """Whether a list without parameters has a name, among modules that have numbers."""
    return in_numbers and item.body is not None and bool(name) and not name.isdigit()


def _key_of(item: PlacedItem) -> str:
    """The name that a parameter gives to the layer that reads it."""
    return next(iter(item.keys.values()), "part")


def _identifier(text: str) -> str:
    """A name that a module may have."""
    plain = re.sub(r"\W+", "_", text).strip("_")
    if not plain.isidentifier() or plain in MODULE_ATTRIBUTES or keyword.iskeyword(plain):
        plain = f"m_{plain}"
    return plain
