"""Modules that are combinators: branches of one input, and at the end their sum, product, or what joins them.

A module with `body` and perhaps `shortcut`, or with a list `branches`, whose results meet in one join is `residual`,
`gate`, `add`, `concat` and so on with the branches inside, as `build` makes them: what it computes and where its
modules are decides, not its class.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from netspec.capture.graph import Traced
from netspec.capture.items import BRANCH, PlacedItem, leaves_of, read_counts
from netspec.capture.running.own import SIDES

_JOINS: Final = frozenset(("add", "mul", "concat", "stack", "einsum", "attend", "mixture"))
_GROWING: Final = frozenset(("add", "mul", "einsum"))
"""Joins of two that are one of several where one is a branch of the next."""
_BRANCH: Final = re.compile(r"branches\.\d+|body|shortcut|mask|bias|router")
_SIDE: Final = re.compile(rf"(?:{_BRANCH.pattern})(?=\.)")
_NUMBERED: Final = re.compile(r"branches\.(\d+)")


_OF_THE_INPUT: Final = frozenset(("gate", "residual"))


class _Parts(NamedTuple):
    """A list that ends with a join."""

    whole: PlacedItem
    regions: dict[str, PlacedItem]
    """The nested lists, by their paths below the module."""
    operands: tuple[Traced, ...]
    """What is joined."""
    join: PlacedItem
    chunks: tuple[Traced, ...]
    """What the input is cut into, where each branch gets a part."""


def combined(items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
    """Turn nested lists that are combinators into such, in a list and those in it."""
    _combine(items, read_counts(items, outputs))


def _combine(items: list[PlacedItem], counts: Counter[Traced]) -> None:
    for i, item in enumerate(items):
        if item.body is None:
            continue
        parts = _parts(item, counts)
        _combine(item.body, counts)
        found = None if parts is None else _combinator(parts)
        if found is not None:
            items[i] = found


def _parts(whole: PlacedItem, counts: Counter[Traced]) -> _Parts | None:
    """What a nested list consists of; None where it is more than branches and a join."""
    body = whole.body or []
    if whole.word != "sequential" or whole.takes is None or len(whole.gives) != 1 or not body or not whole.path:
        return None
    if len(body) == 1 and _NUMBERED.fullmatch(_below(body[0], whole)) and body[0].gives == whole.gives:
        alone = PlacedItem("add", None, whole.gives, branches=whole.gives)  # a sum of one
        return _Parts(whole, {_below(body[0], whole): body[0]}, whole.gives, alone, ())
    body = [item for item in body if not _is_nothing(item, whole)]
    if not body:
        return None
    *others, join = body
    sides = {side: value for side, value in join.options.items() if side in SIDES}
    if join.word not in _JOINS or join.body is not None or join.gives != whole.gives or any(_valued(join, sides)):
        return None
    join, used = _whole(join, others, counts)
    operands = (*join.branches, *sides.values())
    chunk = others[0] if others and others[0].word == "Chunk" and others[0].takes is whole.takes else None
    regions = {_below(item, whole): item for item in others if item.word == "sequential"}
    numbers = [int(name.rpartition(".")[2]) for name in regions if _NUMBERED.fullmatch(name)]
    if numbers != sorted(numbers):  # in another order they would draw other random numbers
        return None
    regions |= _constants(others, whole)
    if len(regions) + len(used) + (chunk is not None) != len(others) or "" in regions:
        return None
    if not all(_is_closed(region, counts) for region in regions.values()):
        return None
    return _Parts(whole, regions, operands, join, () if chunk is None else chunk.gives)


def _constants(others: Sequence[PlacedItem], whole: PlacedItem) -> dict[str, PlacedItem]:
    """Branches that are a parameter or numbers, which stand where they are read, as nested lists."""
    found: dict[str, PlacedItem] = {}
    for item in others:
        name = _SIDE.match(_below(item, whole))
        if item.body is None and item.takes is None and len(item.gives) == 1 and not any(item.values()) and name:
            path = f"{whole.path}.{name[0]}"
            found[name[0]] = PlacedItem("sequential", whole.takes, item.gives, body=[item], path=path)
    return found


def _is_nothing(item: PlacedItem, whole: PlacedItem) -> bool:
    """Whether a branch is no more than a module that changes nothing: it is empty in a spec."""
    return item.body is None and not item.gives and _BRANCH.fullmatch(_below(item, whole)) is not None


def _whole(
    join: PlacedItem, others: Sequence[PlacedItem], counts: Counter[Traced]
) -> tuple[PlacedItem, list[PlacedItem]]:
    """A join with those before it of which its first operand is made, as one, and the joins that it stands for."""
    used: list[PlacedItem] = []
    before = {item.gives[0]: item for item in others if item.word == join.word and item.word in _GROWING and item.gives}
    while join.branches and join.branches[0] in before and counts[join.branches[0]] == 1:
        first = before[join.branches[0]]
        options = join.options if join.word != "einsum" else _contracted(first, join)
        if first.body is not None or options is None:
            break
        used.append(first)
        join = replace(join, branches=(*first.branches, *join.branches[1:]), options=options)
    return join, used


def _contracted(first: PlacedItem, then: PlacedItem) -> dict[str, Any] | None:
    """The pattern of two products of which the second has the result of the first as its first operand; None where an
    axis that only the first has is summed by the second."""
    inputs, result = (side.strip() for side in str(first.options["pattern"]).split("->"))
    (left, *others), last = (
        [part.split() for part in side.split(",")] for side in str(then.options["pattern"]).split("->")
    )
    if not {axis for axis in left if not any(axis in names for names in others)} <= {*last[0]}:
        return None
    known = dict(zip(left, result.split(), strict=True))
    free = (letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in {*re.findall(r"\w+", inputs)})
    for axis in (axis for names in others for axis in names):
        if axis not in known:
            known[axis] = axis if axis not in {*re.findall(r"\w+", inputs), *known.values()} else next(free)
    renamed = [" ".join(known[axis] for axis in names) for names in (*others, *last)]
    return {**then.options, "pattern": f"{', '.join((inputs, *renamed[:-1]))} -> {renamed[-1]}"}


def _is_closed(region: PlacedItem, counts: Counter[Traced]) -> bool:
    """Whether nothing reads what is made in a nested list but the list itself, and once what it gives."""
    if len(region.gives) != 1:
        return False
    leaves = list(leaves_of([region]))
    inside = read_counts([region], ())
    made = {value for leaf in leaves for value in leaf.gives}
    return all(counts[value] == inside[value] + (value is region.gives[0]) for value in made)


def _combinator(parts: _Parts) -> PlacedItem | None:
    regions, operands = parts.regions, parts.operands
    if any(value in region.gives[:1] for region in regions.values() for value in (parts.whole.takes,)):
        return None
    if all(_NUMBERED.fullmatch(name) or name in SIDES for name in regions):
        return _of_branches(parts)
    if parts.chunks or len(operands) != 2 or not regions.keys() <= {"body", "shortcut"} or "body" not in regions:
        return None
    body, shortcut = regions["body"], regions.get("shortcut")
    first = body.gives[0]
    if parts.join.word == "mul" and shortcut is None and operands == (parts.whole.takes, first):
        return _made(parts, "gate", [_branch(body)])
    other = operands[1]
    if parts.join.word != "add" or operands[0] is not first or other.shape[1:] != first.shape[1:]:
        return None
    if shortcut is None:
        parts.whole.takes = other  # what it adds is its input, whatever else it reads by name
        return _made(parts, "residual", [_branch(body), _empty(parts, other, "shortcut")])
    is_ordered = list(regions) == ["body", "shortcut"]  # in another order they would draw other random numbers
    if not is_ordered or other is not shortcut.gives[0]:
        return None
    return _made(parts, "residual", [_branch(body), _branch(shortcut)])


def _of_branches(parts: _Parts) -> PlacedItem | None:
    """A combinator whose branches have numbers."""
    regions, operands, chunks = parts.regions, parts.operands, parts.chunks
    if not operands or (chunks and len(chunks) != len(operands)):
        return None
    sides = [side for side in parts.join.options if side in SIDES]
    count = len(operands) - len(sides)
    names = [*(f"branches.{i}" for i in range(count)), *sides]
    if not regions.keys() <= set(names):
        return None
    branches: list[PlacedItem] = []
    for i, (name, operand) in enumerate(zip(names, operands, strict=True)):
        region, flows = regions.get(name), chunks[i] if chunks else parts.whole.takes
        if region is None:
            if chunks and operand is not flows:
                return None
            branches.append(_empty(parts, operand, name))
            continue
        if region.gives[0] is not operand or (chunks and region.takes is not flows):
            return None
        branches.append(_branch(region))
    for branch, chunk in zip(branches, chunks, strict=False):
        branch.takes = chunk
    if "router" in sides:  # it runs first, and is first in the network
        branches = [branches[-1], *branches[:-1]]
    made = _made(parts, parts.join.word, branches)
    if chunks:
        made.options = {**made.options, "split": len(chunks)}
    return made


def _made(parts: _Parts, word: str, branches: list[PlacedItem]) -> PlacedItem:
    whole = parts.whole
    takes = whole.takes if parts.chunks or word in _OF_THE_INPUT or _reads_input(whole, branches) else None
    options = {name: value for name, value in parts.join.options.items() if name not in SIDES}
    for branch in branches:
        if not parts.chunks:
            branch.takes = takes
    return PlacedItem(
        word, takes, whole.gives, body=branches, options=options, path=whole.path,
        class_name=whole.class_name, kind=whole.kind, made_with=whole.made_with, place=whole.place,
    )  # fmt: skip


def _reads_input(whole: PlacedItem, branches: Sequence[PlacedItem]) -> bool:
    """Whether a branch reads what flows in."""
    read = (value for branch in branches for leaf in leaves_of(branch.body or []) for value in leaf.read_values())
    return any(branch.gives[0] is whole.takes for branch in branches) or any(value is whole.takes for value in read)


def _branch(region: PlacedItem) -> PlacedItem:
    region.word, region.class_name, region.kind = BRANCH, "", None
    return region


def _empty(parts: _Parts, value: Traced, name: str) -> PlacedItem:
    """A branch without modules: what flows in, or another value."""
    return PlacedItem(BRANCH, parts.whole.takes, (value,), body=[], path=f"{parts.whole.path}.{name}")


def _below(item: PlacedItem, whole: PlacedItem) -> str:
    """The path of an item below that of a module; empty if it is not below it."""
    return item.path.removeprefix(f"{whole.path}.") if item.path.startswith(f"{whole.path}.") else ""


def _valued(item: PlacedItem, sides: Collection[str]) -> Iterator[Traced]:
    """The values beside a join, other than its sides."""
    yield from (value for name, value in item.options.items() if isinstance(value, Traced) and name not in sides)
    yield from (value for values in item.reads.values() for value in values)
