"""One body on every slice of an axis."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.combinators.base import Ends, Joining, Made, Option, Slices, WorkedExample
from netspec.dims import need
from netspec.layers.base import TensorType


class Each(Joining):
    """The body on every slice of an axis, the first unless `dim` says another: one module with one set of parameters,
    whose multiply-accumulates count for each slice. The axis stands in the result where `dim` says. The slices go
    through the body at once, as examples of a batch that is so many times as large: dropout draws for each, and what a
    `BatchNorm2d` takes its mean of is all slices of all examples. The body reads no value from outside.
    """

    word = "each"
    value = "the body on every slice of an axis, the first unless `dim`"
    keeps_rank = False
    target = "Each"
    examples = (
        WorkedExample(
            "- each:\n    - Conv2d: {out_channels: 8, kernel_size: 3}\n    - ReLU\n    - Mean: {dim: [2, 3]}",
            (5, 3, 12, 12),
            (5, 8),
        ),
    )
    options: ClassVar[dict[str, Option]] = {
        "dim": Option(
            "dim",
            "For `each` it is the axis of the slices: 1, the first of an example, if left out.",
            WorkedExample("- each: [Linear: 4, Tanh]\n  dim: 2", (6, 3), (4, 3)),
        )
    }

    dim: int = 1

    def part(self, x: TensorType) -> Made | None:
        if not self.knows("dim"):
            return None
        need(
            not x.constant,
            lambda: "`each` slices values that an example has of its own, and what stands here is the same for all",
            code="constant-value",
        )
        axis = self._axis(len(x.shape))
        return Made(TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype), tuple(range(len(x.shape) - 1)))

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        if not self.knows("dim"):
            return None
        y = ends.types[0]
        need(
            not y.constant,
            lambda: f"the body of `each` gives the same for every slice: {ends.told(0, None)}",
            code="constant-value",
        )
        count = self.sliced(x).per_example
        rank = len(y.shape) + 1
        axis = self.dim - 1 if self.dim > 0 else rank + self.dim
        need(
            0 <= axis < rank,
            lambda: (
                f"`dim: {self.dim}` is where the slices stand in the result, too, which has {rank} axes behind the "
                f"batch axis: {ends.told(0, None)}, and their own"
            ),
            code="wrong-rank",
            at="dim",
            help="a negative `dim` counts from the end, and a `Rearrange` moves axes: `n c h t -> n t c h`",
        )
        return Made(TensorType((*y.shape[:axis], count, *y.shape[axis:]), y.dtype), axis)

    def sliced(self, x: TensorType) -> Slices:
        axis = self._axis(len(x.shape))
        return Slices(x.shape[axis], "the body of `each` runs on one slice of them", copied=axis != 0)

    def _axis(self, rank: int) -> int:
        """The axis, batch excluded."""
        axis = (self.dim if self.dim >= 0 else rank + 1 + self.dim) - 1
        why = "is the batch axis" if axis == -1 else f"is none of the {rank} axes behind the batch axis"
        need(
            0 <= axis < rank,
            lambda: f"`dim: {self.dim}` {why}",
            code="batch-axis" if axis == -1 else "wrong-rank",
            at="dim",
            help=f"`dim` counts the batch axis as 0, as in torch: an axis may be 1 to {rank}",
        )
        return axis

    def remark(self) -> str:
        return "" if self.dim == 1 else f": dim {self.dim}"

    def box_text(self) -> str:
        return self.word + self.remark()

    def recorded(self) -> dict[str, Any]:
        return {"dim": self.dim - 1 if self.dim > 0 else self.dim}
