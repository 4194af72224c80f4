"""How the axes of a tensor lie in the value of a spec, and what moves them.

A spec's value has the batch first and alone. A program may have it elsewhere, `(L, N, D)`, or merged with other axes,
`(N · windows, L, D)`: then the value is (N, L, D), and (N, windows, L, D). What is computed of parameters alone may
have no batch at all, `(L, D)`: then the value is (1, L, D).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final, NamedTuple

from netspec.excerpts import given_text


class NoForm(Exception):
    """A call that a spec cannot say; why, as a sentence without its place."""

    @classmethod
    def of_given(cls, value: object, what: str = "") -> NoForm:
        """It is given what it cannot be given here."""
        return cls(f"it is given {given_text(value)}{what}")


class Form(NamedTuple):
    """Where the batch of a tensor is."""

    at: int = 0
    """Which of the tensor's axes has it; -1 of a tensor without one, which is the same for all examples."""
    inner: tuple[int, ...] = ()
    """Sizes that are merged with it in that axis, behind it."""

    @property
    def plain(self) -> bool:
        """Whether the value is the tensor."""
        return self.at == 0 and not self.inner

    def axis(self, dim: int, rank: int) -> int | None:
        """The axis of the value for one of the tensor; None for that of the batch."""
        dim %= rank
        if dim == self.at:
            return None
        if self.at < 0:
            return dim + 1
        return (dim if dim > self.at else dim + 1) + len(self.inner)

    def shape(self, tensor: Sequence[int], batch: int) -> tuple[int, ...]:
        """The shape of the value, for one of the tensor."""
        return (batch if self.at >= 0 else 1, *self.inner, *(size for i, size in enumerate(tensor) if i != self.at))

    def told(self, sizes: Sequence[Any]) -> str:
        """The axes of a tensor of these sizes, with N for the batch: `(5, N, 16)`, `(N · 5, 16)`."""
        batch = " · ".join(["N", *map(str, self.inner)])
        return f"({', '.join(batch if i == self.at else str(size) for i, size in enumerate(sizes))})"


FIXED: Final = Form(-1)
"""That of a tensor without a batch."""


class Axis:
    """A part of an axis."""

    __slots__ = ("is_batch", "size")

    def __init__(self, size: int, *, is_batch: bool = False) -> None:
        self.size = size
        self.is_batch = is_batch


Groups = list[list[Axis]]


class Unmovable(Exception):
    """An axis is cut where none of its parts end, or the batch is."""


class AxisMoves:
    """A value's axes as they were, and as a tensor of the program has them now."""

    __slots__ = ("left", "right")

    def __init__(self, left: Groups, right: Groups) -> None:
        self.left = left
        """Those of the value, the batch first."""
        self.right = right
        """Those of the tensor."""

    @classmethod
    def of(cls, tensor: Sequence[int], form: Form, batch: int) -> AxisMoves:
        """That of a tensor and its value, before anything is moved."""
        first = Axis(batch, is_batch=True)
        merged = [Axis(size) for size in form.inner]
        right: Groups = [[first, *merged] if i == form.at else [Axis(size)] for i, size in enumerate(tensor)]
        others = [group for i, group in enumerate(right) if i != form.at]
        return cls([[first], *([axis] for axis in merged), *(list(group) for group in others)], right)

    @classmethod
    def fixed(cls, tensor: Sequence[int], form: Form) -> AxisMoves:
        """That of a tensor that is the same for all examples; if it has a first axis of 1 for them, that of its value
        is no axis of the tensor's."""
        right: Groups = [[] if i == form.at else [Axis(size)] for i, size in enumerate(tensor)]
        return cls([[Axis(1, is_batch=True)], *(list(group) for i, group in enumerate(right) if i != form.at)], right)

    def copied(self) -> AxisMoves:
        """The same with groups of its own; the axes are the same."""
        return AxisMoves([list(group) for group in self.left], [list(group) for group in self.right])

    def permuted(self, dims: Sequence[int]) -> None:
        """Order the tensor's axes anew."""
        rank = len(self.right)
        self.right = [self.right[dim % rank] for dim in dims]

    def reshaped(self, shape: Sequence[int]) -> None:
        """Cut and merge the tensor's axes.

        Raises:
            Unmovable: an axis is cut where none of its parts end.
        """
        waiting = [axis for group in self.right for axis in group if axis.size != 1 or axis.is_batch]
        found: Groups = []
        for size in shape:
            group: list[Axis] = []
            left = size
            while left > 1 or (size == 1 and waiting and waiting[0].is_batch and waiting[0].size == 1):
                if not waiting:
                    raise Unmovable
                axis = waiting.pop(0)
                if left % axis.size == 0:
                    group.append(axis)
                    left //= axis.size
                    continue
                if axis.is_batch or axis.size % left:
                    raise Unmovable
                first, second = self._cut(axis, left)
                group.append(first)
                waiting.insert(0, second)
                left = 1
            found.append(group)
        if waiting:
            raise Unmovable
        self.right = found

    def _cut(self, axis: Axis, size: int) -> tuple[Axis, Axis]:
        first, second = Axis(size), Axis(axis.size // size)
        for group in self.left:
            if axis in group:
                at = group.index(axis)
                group[at : at + 1] = [first, second]
        return first, second

    def with_batch(self) -> AxisMoves:
        """Those of a tensor without a batch, to which an axis of 1 in front of its own is added."""
        layout = self.copied()
        layout.right.insert(0, list(layout.left[0]))
        return layout

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of the value behind the batch."""
        return tuple(prod(axis.size for axis in group) for group in self.left[1:])

    def form(self) -> Form:
        """Where the batch is now."""
        for at, group in enumerate(self.right):
            if group and group[0].is_batch:
                return Form(at, tuple(axis.size for axis in group[1:] if axis.size != 1))
        raise Unmovable

    def order(self) -> Groups:
        """The axes of the value behind the batch, as they are now."""
        form = self.form()
        merged = [[axis] for axis in self.right[form.at][1:] if axis.size != 1]
        return [*merged, *(group for i, group in enumerate(self.right) if i != form.at)]

    def item(self) -> tuple[str, dict[str, Any]] | None:
        """The layer that moves the axes so, and its arguments; None where nothing moves."""
        left, right = _long(self.left[1:]), _long(self.order())
        if left == right:
            return None
        same_order = [a for group in left for a in group] == [a for group in right for a in group]
        if same_order:
            simple = self._simple(left, right)
            if simple is not None:
                return simple
        return self._pattern(left, right)

    def _simple(self, left: Groups, right: Groups) -> tuple[str, dict[str, Any]] | None:
        """One merging of axes, or one cut."""
        if len(right) == 1 and len(left) > 1:
            return "Flatten", {}
        start = 0
        while start < min(len(left), len(right)) and left[start] == right[start]:
            start += 1
        end = 0
        while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
            end += 1
        before, after = left[start : len(left) - end], right[start : len(right) - end]
        if len(after) == 1 and len(before) > 1 and all(len(group) <= 1 for group in before):
            dims = {"start_dim": start + 1, "end_dim": start + len(before)}
            if end == 0:
                del dims["end_dim"]
            if start == 0:
                del dims["start_dim"]
            return "Flatten", dims
        if len(before) == 1 and len(after) > 1:
            sizes = [prod(axis.size for axis in group) for group in after]
            return "Unflatten", {"dim": start + 1, "unflattened_size": sizes}
        return None

    def rearranged(self) -> tuple[str, dict[str, Any]]:
        """The same as a `Rearrange`, also where no more than axes of 1 come or go."""
        return self._pattern(_long(self.left[1:]), _long(self.order()))

    def _pattern(self, left: Groups, right: Groups) -> tuple[str, dict[str, Any]]:
        names = _names(left)
        sizes: dict[str, int] = {}
        for group in left:
            open_one = max(group, key=lambda axis: axis.size, default=None)
            sizes.update({names[axis]: axis.size for axis in group if axis is not open_one})
        pattern = " -> ".join(" ".join(("n", *(_written(group, names) for group in side))) for side in (left, right))
        return "Rearrange", {"pattern": pattern} | ({"sizes": sizes} if sizes else {})


def _long(groups: Groups) -> Groups:
    """The axes without those of 1."""
    return [[axis for axis in group if axis.size != 1] for group in groups]


_LETTERS = {1: "c", 2: "ld", 3: "chw", 4: "cthw"}


def _names(left: Groups) -> dict[Axis, str]:
    names: dict[Axis, str] = {}
    usual = _LETTERS.get(len(left), "abcdefghijkl")
    free = iter(letter for letter in "abefgijkmopqrstuvxyz" if letter not in usual)
    for letter, group in zip(usual, left, strict=False):
        if len(group) == 1:
            names[group[0]] = letter
        else:
            names.update({axis: letter if i == 0 else next(free) for i, axis in enumerate(group)})
    return names


def _written(group: list[Axis], names: dict[Axis, str]) -> str:
    if not group:
        return "1"
    text = " ".join(names[axis] for axis in group)
    return text if len(group) == 1 else f"({text})"
