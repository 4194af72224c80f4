"""Branches joined value by value: sums and products."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from netspec.combinators.base import Ends, Joining, Kept, Made, WorkedExample
from netspec.dims import UNKNOWN, Shape, Size, need, product, same
from netspec.layers.base import TensorType, shape_text, sum_sizes


class Elementwise(Joining):
    """What joins branches value by value: one has the whole shape, the others have its sizes or 1s in their place."""

    verb: ClassVar[str]
    """What it does with the branches, for messages: "adds"."""
    several = True
    equal_shapes = True

    def output(self, x: TensorType, ends: Ends) -> Made:
        whole = _whole([branch.shape for branch in ends.types])
        for i in range(len(ends.types)):
            if i != whole:
                self._fit(ends, whole, i)
        shape = _joined([ends.types[whole].shape, *(branch.shape for branch in ends.types)])
        # a size that the first branch does not have is the join's: messages name the first branch for the others
        decided = tuple(axis for axis, size in enumerate(shape) if size != ends.types[0].shape[axis])
        return Made(TensorType(shape, ends.types[0].dtype), decided or None)

    def _fit(self, ends: Ends, whole: int, other: int) -> None:
        """Require that one branch has the sizes of that with the whole shape, or 1s."""
        first, second = sorted((whole, other))
        a, b = ends.types[first], ends.types[second]
        names, told = ends.names, ends.told
        need(
            len(a.shape) == len(b.shape),
            lambda: (
                f"`{self.word}` {self.verb} shapes of equal rank, but {names[first]}: {told(first, None)}, "
                f"and {names[second]}: {told(second, None)}"
            ),
            code="branch-mismatch",
        )
        for axis, (size, part) in enumerate(zip(ends.types[whole].shape, ends.types[other].shape, strict=True)):
            need(
                part == 1 or same(size, part),
                lambda axis=axis: (
                    f"`{self.word}` {self.verb} equal shapes, or 1s beside the sizes of one branch, but {names[first]} "
                    f"is {shape_text(a.shape)} ({told(first, axis)}) and {names[second]} is {shape_text(b.shape)} "
                    f"({told(second, axis)})"
                ),
                code="branch-mismatch",
                help="along each axis all branches have one size, or some of them 1",
            )
        self.need_one_dtype(a, b, names[first], names[second])


def _whole(shapes: Sequence[Shape]) -> int:
    """Which branch has the whole shape; where none has, the first of those with the fewest 1s."""
    kinds: dict[Shape, int] = {}
    for i, shape in enumerate(shapes):
        kinds.setdefault(shape, i)  # of many branches few have a shape of their own
    covering = (i for shape, i in kinds.items() if all(_covers(shape, other) for other in kinds))
    return next(covering, min(kinds.values(), key=lambda i: sum(size == 1 for size in shapes[i])))


def _covers(shape: Shape, other: Shape) -> bool:
    return len(shape) == len(other) and all(map(_reaches, shape, other))


def _reaches(size: Size, part: Size) -> bool:
    """Whether a size may stand for another in the whole shape; of a symbol only its own condition says more."""
    if part == 1 or part is UNKNOWN or size is UNKNOWN:
        return True
    equal = same(size, part)
    return size != 1 and (equal if isinstance(equal, bool) else equal.decided is not False)


def _joined(shapes: Sequence[Shape]) -> Shape:
    """The sizes of the first shape, and in place of those that are 1 or unknown the others'."""
    return tuple(_widest(sizes) for sizes in zip(*shapes, strict=True))


def _widest(sizes: Sequence[Size]) -> Size:
    known = next((size for size in sizes if size != 1 and size is not UNKNOWN), None)
    return known if known is not None else UNKNOWN if UNKNOWN in sizes else 1


class Add(Elementwise):
    """The sum of branches, each a list of layers that gets the same input. `[]` is a branch that changes nothing. The
    shapes must be equal; a branch may have 1 in place of a size of the others, which is broadcast.
    """

    word = "add"
    value = "the sum of the branches"
    verb = "adds"
    sign = infix = "+"
    still_needed = "the other side of the sum still needs"
    target = "Add"
    examples = (
        WorkedExample(
            "- add:\n    - [Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}]\n    - []",
            (16, 32, 32),
            (16, 32, 32),
        ),
        WorkedExample("- add: [[MaxPool2d: 2], [AvgPool2d: 2], [AvgPool2d: 2, Sigmoid]]", (3, 8, 8), (3, 4, 4)),
        WorkedExample("- add: [[AdaptiveAvgPool2d: 1], []]", (3, 8, 8), (3, 8, 8)),
    )


class Multiply(Elementwise):
    """The product of branches, value by value, each a list of layers that gets the same input. `[]` is a branch that
    changes nothing. The shapes must be equal; a branch may have 1 in place of a size of the others, which is broadcast.
    """

    word = "mul"
    value = "the product of the branches, value by value"
    verb = "multiplies"
    sign = "×"
    infix = "*"
    still_needed = "the other side of the product still needs"
    target = "Multiply"
    examples = (
        WorkedExample("- mul: [[Linear: 8], [Linear: 8, Sigmoid]]", (16,), (8,)),
        WorkedExample(
            "- mul: [[AdaptiveAvgPool2d: 1], [], [AdaptiveAvgPool2d: {output_size: [1, null]}]]", (3, 8, 6), (3, 8, 6)
        ),
        WorkedExample(
            "- mul: [[Mean: {dim: 2, keepdim: true}], [Mean: {dim: 3, keepdim: true}], [], [Sigmoid]]",
            (3, 8, 6),
            (3, 8, 6),
        ),
    )

    def saved(self, x: TensorType, ends: Sequence[TensorType]) -> Kept:
        # each product needs both of its sides: the branches, and the products between them
        shapes = [branch.shape for branch in ends]
        products = list(accumulate(shapes, lambda one, other: _joined([one, other])))
        return Kept(branches=len(shapes) > 1, extra=sum_sizes(map(product, products[1:-1])))
