"""Which of two sequences of layers stand for each other, in order: by what they are, and by what they are called.

A layer that has a name, and stands in both nets under the same path, is told to be in one net alone only where the
pairing would lose more layers by it: equal layers of a deeper net do not take each other's place.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_MOST_EQUAL: Final = 2_000_000
"""Pairs of equal things up to which difflib's alignment is exact."""
MOST_CELLS: Final = 1_000_000
"""Pairs of layers up to which the best alignment is looked for: about a second."""
_IN_BOTH: Final = 4
"""So many pairs are given up for a layer that is in both nets and would be told to be in one alone: a weight found by
trial, on nets that differ little. Where many unnamed layers stand in front of one net alone, it is too small."""


@dataclass(frozen=True, slots=True)
class ComparedLayer:
    """A layer for the alignment."""

    path: str
    type: str
    key: Hashable
    """Equal for layers of one type with equal arguments."""

    @property
    def is_named(self) -> bool:
        """Whether the path ends in a name. A number is a position, which another layer has where one is inserted."""
        return not self.path.rpartition(".")[2].isdecimal()

    @property
    def has_no_position(self) -> bool:
        """Whether every part of the path is a name."""
        return not any(part.isdecimal() for part in self.path.split("."))


Pairs = list[tuple[int, int]]
"""Indices in both sequences; both grow."""


def pairing(a: Sequence[ComparedLayer], b: Sequence[ComparedLayer]) -> Pairs:
    """Which layers of two nets are paired; only those of one type are.

    As few named layers as possible that are in both nets, and as few layers as possible, are left without a partner;
    then as many pairs as possible have equal arguments, then equal paths. Beyond a million pairs of layers it is the
    better of two quick ways, one that begins with the paths and one that begins with what the layers are.
    """
    weights = PairWeights(a, b)
    start, end = equal_ends(len(a), len(b), lambda i, j: a[i] == b[j])
    inner_a, inner_b = range(start, len(a) - end), range(start, len(b) - end)
    if len(inner_a) * len(inner_b) <= MOST_CELLS:
        found = best_pairs([weights.row(i, inner_b) for i in inner_a], len(inner_b))
    else:
        olds, news = a[start : len(a) - end], b[start : len(b) - end]
        ways = (list(_by_paths(olds, news)), list(_by_keys(olds, news)))
        found = max(ways, key=lambda way: sum(weights.of(i + start, j + start) for i, j in way))
    inner = [(i + start, j + start) for i, j in found]
    ends = zip(range(len(a) - end, len(a)), range(len(b) - end, len(b)), strict=True)
    return [*((i, i) for i in range(start)), *inner, *ends]


def equal_ends(rows: int, columns: int, is_same: Callable[[int, int], bool]) -> tuple[int, int]:
    """How many pairs are the same from the beginning of two sequences on, and how many of the rest from their end."""
    most = min(rows, columns)
    start = next((i for i in range(most) if not is_same(i, i)), most)
    rest = most - start
    return start, next((i for i in range(rest) if not is_same(rows - 1 - i, columns - 1 - i)), rest)


def gaps(pairs: Pairs, rows: int, columns: int) -> Iterator[tuple[range, range, tuple[int, int] | None]]:
    """What has no partner in front of each pair, in both sequences, and the pair; None behind the last."""
    i0 = j0 = 0
    for i, j in pairs:
        yield range(i0, i), range(j0, j), (i, j)
        i0, j0 = i + 1, j + 1
    yield range(i0, rows), range(j0, columns), None


class PairWeights:
    """How much is won by pairing two layers; 0 if they are of two types. A pair is worth more than all equal arguments
    together, and those more than all equal paths."""

    def __init__(self, a: Sequence[ComparedLayer], b: Sequence[ComparedLayer]) -> None:
        self.a, self.b = a, b
        self._unit = min(len(a), len(b)) + 1
        known_a, known_b = ({(one.path, one.type) for one in places if one.is_named} for places in (a, b))
        in_both = known_a & known_b
        # A layer that is in both nets and gets no partner is as bad as some pairs less: its weight goes to the pairs.
        self._of_a, self._of_b = (
            [_IN_BOTH if (one.path, one.type) in in_both else 0 for one in places] for places in (a, b)
        )  # fmt: skip
        self._by_type: defaultdict[str, list[int]] = defaultdict(list)
        for j, one in enumerate(b):
            self._by_type[one.type].append(j)

    def of(self, i: int, j: int) -> int:
        """The weight of the pair at these indices."""
        old, new = self.a[i], self.b[j]
        if old.type != new.type:
            return 0
        is_same_path = old.path == new.path
        pairs = 1 + self._of_a[i] + self._of_b[j] + (is_same_path and old.has_no_position)
        return (pairs * self._unit + (old.key == new.key)) * self._unit + is_same_path

    def row(self, i: int, inner: range) -> list[int]:
        """The weights of one layer with a stretch of the other net."""
        found = [0] * len(inner)
        of_type = self._by_type[self.a[i].type]
        for at in range(bisect_left(of_type, inner.start), bisect_left(of_type, inner.stop)):
            found[of_type[at] - inner.start] = self.of(i, of_type[at])
        return found


def best_pairs(weights: Sequence[Sequence[float]], columns: int) -> Pairs:
    """The pairing in order of the greatest sum of weights, by dynamic programming from the end. What has no weight is
    not paired."""
    rows = len(weights)
    best: list[list[float]] = [[0] * (columns + 1)] * (rows + 1)
    for i in range(rows - 1, -1, -1):
        below, weight = best[i + 1], weights[i]
        right: float = 0
        row = below.copy()
        for j in range(columns - 1, -1, -1):
            right = max(below[j], right, below[j + 1] + weight[j])
            row[j] = right
        best[i] = row
    found: Pairs = []
    i = j = 0
    while i < rows and j < columns:
        if weights[i][j] and best[i][j] == best[i + 1][j + 1] + weights[i][j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


# ---- quick ways


def _by_paths(a: Sequence[ComparedLayer], b: Sequence[ComparedLayer]) -> Iterator[tuple[int, int]]:
    """The most layers of one path and type whose order is the same, and between them as `_by_keys`."""
    where = {(one.path, one.type): j for j, one in enumerate(b)}
    common = [(i, where[one.path, one.type]) for i, one in enumerate(a) if (one.path, one.type) in where]
    for olds, news, pair in gaps(_growing(common), len(a), len(b)):
        inner = _by_keys(a[olds.start : olds.stop], b[news.start : news.stop])
        yield from ((olds.start + c, news.start + d) for c, d in inner)
        if pair is not None:
            yield pair


def _growing(pairs: Pairs) -> Pairs:
    """The longest selection in which the second index grows, as the first does."""
    ends: list[int] = []
    last: Pairs = []
    before: dict[tuple[int, int], tuple[int, int] | None] = {}
    for pair in pairs:
        at = bisect_left(ends, pair[1])
        before[pair] = last[at - 1] if at else None
        ends[at : at + 1], last[at : at + 1] = [pair[1]], [pair]
    found: Pairs = []
    one = last[-1] if last else None
    while one is not None:
        found.append(one)
        one = before[one]
    return found[::-1]


def _by_keys(a: Sequence[ComparedLayer], b: Sequence[ComparedLayer]) -> Iterator[tuple[int, int]]:
    """Equal layers first, then in each stretch between them those of one type."""
    return in_a_hurry([(one.key, one.type) for one in a], [(one.key, one.type) for one in b])


def in_a_hurry(
    a: Sequence[tuple[Hashable, Hashable]], b: Sequence[tuple[Hashable, Hashable]]
) -> Iterator[tuple[int, int]]:
    """Pairs of what is equal, by `difflib`, and in each stretch between them of what is of one kind.

    Args:
        a: what is equal for equal things, and the kind, of each.
        b: likewise.
    """
    for tag, a0, a1, b0, b1 in _aligned([key for key, _ in a], [key for key, _ in b]):
        if tag == "equal":
            yield from zip(range(a0, a1), range(b0, b1), strict=True)
            continue
        kinds = ([kind for _, kind in a[a0:a1]], [kind for _, kind in b[b0:b1]])
        for inner, c0, c1, d0, d1 in _aligned(*kinds):
            if inner == "equal":
                yield from zip(range(a0 + c0, a0 + c1), range(b0 + d0, b0 + d1), strict=True)


def _aligned(a: Sequence[Hashable], b: Sequence[Hashable]) -> Sequence[tuple[str, int, int, int, int]]:
    """difflib's opcodes. With many equal pairs, difflib's heuristic (`autojunk`) is used, since the time grows with
    their number: two nets of 10,000 equal layers have a hundred million."""
    often = Counter(b)
    pairs = sum(often[one] for one in a)
    return difflib.SequenceMatcher(None, a, b, autojunk=pairs > _MOST_EQUAL).get_opcodes()
