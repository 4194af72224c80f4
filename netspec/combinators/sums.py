"""The sum of a body and of what skips it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from netspec.combinators.base import Ends, Joining, Made, Option, WorkedExample
from netspec.dims import is_known, need, same
from netspec.layers.base import TensorType, shape_text


class Residual(Joining):
    """body(x) + shortcut(x): the list is the body, and beside it `shortcut` may hold a list for the other side; without
    one it is x itself. Both sides must have equal shapes: nothing is broadcast.
    """

    word = "residual"
    value = "body(x) + shortcut(x); identity without one"
    sides = ("shortcut",)
    sign = infix = "+"
    equal_shapes = True
    still_needed = "the other side of the sum still needs"
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

    def output(self, x: TensorType, ends: Ends) -> Made:
        (first, second), (one, other), told = ends.types, ends.names, ends.told
        need(
            len(second.shape) == len(first.shape),
            lambda: f"`residual` adds equal shapes, but {one}: {told(0, None)}, and {other}: {told(1, None)}",
            code="branch-mismatch",
        )
        for axis, (a, b) in enumerate(zip(first.shape, second.shape, strict=True)):
            need(
                same(a, b),
                lambda axis=axis: (
                    f"`residual` adds equal shapes, but {one} is {shape_text(first.shape)} ({told(0, axis)}) "
                    f"and {other} is {shape_text(second.shape)} ({told(1, axis)})"
                ),
                code="branch-mismatch",
            )
        self.need_one_dtype(first, second, one, other)
        best = next((side for side in ends.types if is_known(side.shape)), first)
        return Made(TensorType(best.shape, first.dtype))

    def names(self, count: int, stated: Collection[str]) -> list[str]:
        return ["the body", "the shortcut" if "shortcut" in stated else "the skip"]

    def shortcut_for(self, x: TensorType, ends: Sequence[TensorType]) -> str | None:
        """The 1×1 convolution with the right channels and stride, or an upsampling and one where there are other
        channels; None if none does, or if the input is not (channels, height, width) in numbers.
        """
        body = ends[0]
        if len(x.shape) != 3 or len(body.shape) != 3 or not all(isinstance(n, int) for n in (*x.shape, *body.shape)):
            return None
        factors = {
            b // a if b % a == 0 else 0
            for a, b in zip(x.shape[1:], body.shape[1:], strict=True)
            if isinstance(a, int) and isinstance(b, int) and a
        }
        if len(factors) == 1 and (factor := factors.pop()) > 1:
            up = f"Upsample: {{scale_factor: {factor}}}"
            same = x.shape[0] == body.shape[0]
            return up if same else f"{up}, Conv2d: {{out_channels: {body.shape[0]}, kernel_size: 1}}"
        strides = {
            -(-a // b)
            for a, b in zip(x.shape[1:], body.shape[1:], strict=True)
            if isinstance(a, int) and isinstance(b, int) and b
        }
        if len(strides) != 1 or (stride := strides.pop()) < 1:
            return None
        tail = f", stride: {stride}" if stride != 1 else ""
        return f"Conv2d: {{out_channels: {body.shape[0]}, kernel_size: 1{tail}}}"
