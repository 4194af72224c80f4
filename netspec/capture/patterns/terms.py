"""Arithmetic between the modules of a numbered list, which is `use`: only what is a module of it takes up a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from netspec.capture.graph import Traced
from netspec.capture.items import Operand, PlacedItem, has_keys, is_numbered, read_counts
from netspec.capture.shaping.shape import takes_index

_SIGNS: Final = {"add": "+", "mul": "*"}
_MOST: Final = 24
"""Values, numbers and operators of one expression: with the names of values it stays within 256 characters."""
_RANKS: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}


def with_terms(items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
    """Write sums, products and factors in numbered lists as `use`, and as one what is read by the next alone."""
    _in_list(items, "", read_counts(items, outputs))


def _in_list(items: list[PlacedItem], path: str, counts: Counter[Traced], *, is_branch: bool = False) -> None:
    for item in items:
        if item.body is not None and not item.is_combinator:
            _in_list(item.body, item.path, counts)
        for branch in item.body if item.is_combinator and item.body is not None else ():
            _in_list(branch.body or [], branch.path, counts, is_branch=True)
    if not is_numbered(items, path) and not (is_branch and not any(map(has_keys, items))):
        return
    modules = set(_modules(items, path, counts))
    for item in items:
        if item.path or item.body is not None or item.call is not None or len(item.gives) != 1 or item in modules:
            continue
        if item.word in _SIGNS and len(item.branches) == 2:
            a, b = item.branches
            item.word, item.branches, item.terms = "use", (), (a, _SIGNS[item.word], b)
        elif item.word == "Scale" and item.takes is not None and set(item.arguments) == {"factor"}:
            factor: float = item.arguments["factor"]
            item.word, item.terms, item.arguments = "use", (factor, "*", item.takes), {}
            item.takes = None
    _merge(items, counts)


def _modules(items: list[PlacedItem], path: str, counts: Counter[Traced]) -> Iterator[PlacedItem]:
    """The sums and products that are modules of a numbered list: only so those behind have their numbers. A sum of
    several is one module."""
    last, segment = -1, list[PlacedItem]()
    for item in list(items):
        number = item.path.removeprefix(f"{path}." if path else "")
        if not has_keys(item) or not number.isdigit():
            segment.append(item)
            continue
        joins, gone = _joins(segment, counts)
        if joins and len([one for one in segment if takes_index(one)]) - len(gone) == int(number) - last - 1:
            for join, branches in joins.items():
                join.branches = branches
            items[:] = [one for one in items if one not in gone]
            yield from joins
        last, segment = int(number), []


def _joins(
    items: list[PlacedItem], counts: Counter[Traced]
) -> tuple[dict[PlacedItem, tuple[Traced, ...]], set[PlacedItem]]:
    """The sums and products among items, each with all that is summed, and those that others stand for."""
    found: dict[PlacedItem, tuple[Traced, ...]] = {}
    gone: set[PlacedItem] = set()
    for item in items:
        if item.word not in _SIGNS or item.path or item.body is not None or len(item.gives) != 1:
            continue
        first = next((one for one in found if one.word == item.word and one.gives[0] is item.branches[0]), None)
        found[item] = item.branches
        if first is not None and counts[first.gives[0]] == 1:
            found[item] = (*found.pop(first), *item.branches[1:])
            gone.add(first)
    return found, gone


def _merge(items: list[PlacedItem], counts: Counter[Traced]) -> None:
    """Put what one `use` computes, and another alone reads, into that one."""
    made: dict[Traced, PlacedItem] = {}
    for item in list(items):
        if item.word != "use":
            continue
        for i in range(len(item.terms) - 1, -1, -1):
            term = item.terms[i]
            before = made.get(term) if isinstance(term, Traced) and counts[term] == 1 else None
            if before is not None and len(before.terms) + len(item.terms) <= _MOST:
                item.terms = (*item.terms[:i], *_put(before.terms, item.terms, i), *item.terms[i + 1 :])
                items.remove(before)
        if len(item.gives) == 1 and len(item.terms) > 1:
            made[item.gives[0]] = item


def _put(inner: tuple[Operand, ...], outer: tuple[Operand, ...], at: int) -> tuple[Operand, ...]:
    """Terms in the place of one of others, in parentheses where the order of the operations wants them."""
    rank = min(_outside(inner))
    left, right = (outer[i] if 0 <= i < len(outer) else None for i in (at - 1, at + 1))
    before = _RANKS.get(left, 0) if isinstance(left, str) else 0
    behind = _RANKS.get(right, 0) if isinstance(right, str) else 0
    is_plain = rank > before and (rank > behind or (rank == behind and rank < _RANKS["**"]))
    return inner if is_plain else ("(", *inner, ")")


def _outside(terms: tuple[Operand, ...]) -> list[int]:
    """The ranks of the operations that stand in no parentheses."""
    depth, found = 0, [_RANKS["**"] + 1]
    for i, term in enumerate(terms):
        if isinstance(term, str):
            depth += (term == "(") - (term == ")")
            if depth == 0 and term in _RANKS:
                found.append(_RANKS["*"] if term == "-" and i == 0 else _RANKS[term])
    return found
