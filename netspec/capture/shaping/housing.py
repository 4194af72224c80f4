"""Modules that branches share, and that stand in the list around them: a block says in which, which has no other name.

What is `shared` stands in the body around it: in the network, in a `sequential`, or in a block. A combinator in the
branches of which it runs is a block of its own where there are several of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from netspec.capture.items import BRANCH, PlacedItem

Home = tuple[PlacedItem, list[tuple[PlacedItem, str | None]]]
"""A list without a module, and what is shared in it, with the name that it has in the network."""


def housed(items: list[PlacedItem], path: str = "") -> list[Home]:
    """Put combinators that share modules of the list around them into lists of their own, which may become blocks."""
    found: list[Home] = []
    for i, item in enumerate(items):
        inside = list(_shared(item.body or [], path)) if item.is_combinator and path else []
        if not inside:
            found += housed(item.body or [], item.path)
            continue
        home = PlacedItem("sequential", item.takes, item.gives, body=[item], class_name=item.word.title())
        home.is_inline, home.place = True, item.place
        items[i] = home
        found.append((home, [(one, one.name) for one in inside]))
        for one in inside:
            one.name = one.path.rpartition(".")[2]
    return found


def unhoused(homes: list[Home]) -> None:
    """Give back the names of what stands in no block."""
    for home, inside in homes:
        if home.call is None:
            for one, name in inside:
                one.name = name


def _shared(items: list[PlacedItem], path: str) -> Iterator[PlacedItem]:
    """What is shared of the modules of the list at a path."""
    for item in items:
        outer, _, name = item.path.rpartition(".")
        if item.shared and outer == path and name.isidentifier():
            yield item
        elif item.word == BRANCH or item.is_combinator:
            yield from _shared(item.body or [], path)
