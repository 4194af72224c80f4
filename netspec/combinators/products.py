"""The product of the input with the output of a branch."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.combinators.base import Ends, Joining, Kept, Made, WorkedExample
from netspec.dims import need, same
from netspec.layers.base import TensorType, shape_text


class Gate(Joining):
    """x · f(x), where the list is f. The sizes of f(x) are those of x, or 1, which is broadcast: squeeze and
    excitation.
    """

    word = "gate"
    value = "x · f(x), where f(x) may broadcast"
    sign = "×"
    infix = "*"
    input_joins = True
    target = "Gate"
    examples = (
        WorkedExample(
            "- gate:\n    - AdaptiveAvgPool2d: 1\n    - Conv2d: {out_channels: 16, kernel_size: 1}\n    - Sigmoid",
            (16, 32, 32),
            (16, 32, 32),
        ),
    )

    def output(self, x: TensorType, ends: Ends) -> Made:
        body, told = ends.types[0], ends.told
        need(
            len(x.shape) == len(body.shape),
            lambda: (
                f"`gate` multiplies its input by its body, but the input is {shape_text(x.shape)} "
                f"and the body: {told(0, None)}"
            ),
            code="branch-mismatch",
            help="the body of a gate keeps the rank: pool to 1 × 1 and use 1×1 convolutions instead of Flatten and "
            "Linear",
        )
        for axis, (a, b) in enumerate(zip(x.shape, body.shape, strict=True)):
            need(
                b == 1 or same(a, b),
                lambda axis=axis, a=a: (
                    f"`gate` multiplies its input by its body: along axis {axis + 1} the body must have "
                    + ("1, as the input has" if a == 1 else f"{a} as the input has, or 1")
                    + f", but {told(0, axis)}"
                ),
                code="branch-mismatch",
            )
        self.need_one_dtype(x, body, "the input", "the body")
        return Made(x)

    def saved(self, x: TensorType, ends: Sequence[TensorType]) -> Kept:
        return Kept(input=True, branches=True)
