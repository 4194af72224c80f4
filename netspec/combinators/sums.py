"""Sums of branches: of a body and a shortcut (`residual`), and of any number of branches (`add`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from netspec.combinators.base import Ends, Joining, Made, Option, WorkedExample
from netspec.dims import is_known, need, same
from netspec.layers.base import TensorType, shape_text


class Elementwise(Joining):
    """Base of the combinators that join branches element by element: equal shapes and dtypes, no broadcasting."""

    verb: ClassVar[str]
    """The verb in messages: "adds"."""
    equal_shapes = True

    def output(self, x: TensorType, ends: Ends) -> Made:
        first, names, told = ends.types[0], ends.names, ends.told
        for i, branch in enumerate(ends.types[1:], 1):
            need(
                len(branch.shape) == len(first.shape),
                lambda i=i: (
                    f"`{self.word}` {self.verb} equal shapes, but {names[0]}: {told(0, None)}, "
                    f"and {names[i]}: {told(i, None)}"
                ),
                code="branch-mismatch",
            )
            for axis, (a, b) in enumerate(zip(first.shape, branch.shape, strict=True)):
                need(
                    same(a, b),
                    lambda i=i, axis=axis, branch=branch: (
                        f"`{self.word}` {self.verb} equal shapes, but {names[0]} is {shape_text(first.shape)} "
                        f"({told(0, axis)}) and {names[i]} is {shape_text(branch.shape)} ({told(i, axis)})"
                    ),
                    code="branch-mismatch",
                )
            self.need_one_dtype(first, branch, names[0], names[i])
        best = next((branch for branch in ends.types if is_known(branch.shape)), first)
        return Made(TensorType(best.shape, first.dtype))


class Sum(Elementwise):
    """Base of the combinators that add their branches."""

    verb = "adds"
    sign = "+"
    still_needed = "the other side of the sum still needs"


class Residual(Sum):
    """body(x) + shortcut(x): the list is the body, and beside it `shortcut` may hold a list for the other side; without
    one it is x itself. Both sides must have equal shapes: nothing is broadcast.
    """

    word = "residual"
    value = "body(x) + shortcut(x); identity without one"
    sides = ("shortcut",)
    target = "Residual"
    examples = (
        WorkedExample(
            "- residual:\n    - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}\n    - ReLU",
            (16, 32, 32),
            (16, 32, 32),
        ),
    )
    options: ClassVar[dict[str, Option]] = {
        "shortcut": Option(
            "shortcut: [...]",
            "The layers of the side that skips the body; identity if left out, or if all of its layers are left out by "
            "`when`.",
            WorkedExample(
                "- residual: [Conv2d: {out_channels: 32, kernel_size: 3, padding: 1}]\n"
                "  shortcut: [Conv2d: {out_channels: 32, kernel_size: 1}]",
                (16, 32, 32),
                (32, 32, 32),
            ),
        )
    }

    def names(self, count: int, stated: Collection[str]) -> list[str]:
        return ["the body", "the shortcut" if "shortcut" in stated else "the skip"]

    def advice(self, x: TensorType, ends: Sequence[TensorType], stated: Collection[str]) -> str | None:
        """The shortcut that would give both sides one shape: a 1×1 convolution with the right channels and stride.

        None if no such convolution does, or if the input is not (channels, height, width) in numbers.
        """
        body = ends[0]
        if len(x.shape) != 3 or len(body.shape) != 3 or not all(isinstance(n, int) for n in (*x.shape, *body.shape)):
            return None
        strides = {
            -(-a // b)
            for a, b in zip(x.shape[1:], body.shape[1:], strict=True)
            if isinstance(a, int) and isinstance(b, int) and b
        }
        if len(strides) != 1 or (stride := strides.pop()) < 1:
            return None
        tail = f", stride: {stride}" if stride != 1 else ""
        layer = f"Conv2d: {{out_channels: {body.shape[0]}, kernel_size: 1{tail}}}"
        verb = "give the shortcut this shape" if "shortcut" in stated else "give it a shortcut"
        return f"{verb}: `shortcut: [{layer}]` turns {shape_text(x.shape)} into {shape_text(body.shape)}"


class Add(Sum):
    """The sum of branches, each a list of layers that gets the same input. `[]` is a branch that changes nothing. All
    shapes must be equal.
    """

    word = "add"
    value = "the sum of the branches"
    several = True
    target = "Add"
    examples = (
        WorkedExample(
            "- add:\n    - [Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}]\n    - []",
            (16, 32, 32),
            (16, 32, 32),
        ),
        WorkedExample("- add: [[MaxPool2d: 2], [AvgPool2d: 2], [AvgPool2d: 2, Sigmoid]]", (3, 8, 8), (3, 4, 4)),
    )
