"""Branches beside each other along a new axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from netspec.combinators.base import Bracketed, Ends, Joining, Made, Option, WorkedExample
from netspec.dims import is_known, need, same
from netspec.layers.base import TensorType, TorchCall, shape_text


class Stack(Joining):
    """The branches' outputs beside each other along a new axis, the first unless `dim` says another. All shapes must be
    equal.
    """

    word = "stack"
    value = "a new axis with one place for each branch, the first unless `dim`"
    several = True
    keeps_rank = False
    target = "Stack"
    repeats = True
    examples = (
        WorkedExample("- stack: [[Linear: 8], [Linear: 8, Tanh], [Linear: 8, Sigmoid]]", (16,), (3, 8)),
        WorkedExample("- stack: [[], [ReLU]]\n  dim: -1", (4, 6), (4, 6, 2)),
    )
    options: ClassVar[dict[str, Option]] = {
        "dim": Option(
            "dim",
            "For `stack` it is the place of the new axis in the result: 1, in front of the channels, if left out.",
            WorkedExample("- stack: [[], [ReLU]]\n  dim: 2", (4, 6), (4, 2, 6)),
        )
    }

    dim: int = 1

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        if not self.knows("dim"):
            return None
        first, names, told = ends.types[0], ends.names, ends.told
        for i, branch in enumerate(ends.types[1:], 1):
            need(
                len(branch.shape) == len(first.shape),
                lambda i=i: (
                    f"`stack` wants equal shapes, but {names[0]}: {told(0, None)}, and {names[i]}: {told(i, None)}"
                ),
                code="branch-mismatch",
            )
            for axis, (a, b) in enumerate(zip(first.shape, branch.shape, strict=True)):
                need(
                    same(a, b),
                    lambda i=i, axis=axis, branch=branch: (
                        f"`stack` wants equal shapes, but {names[0]} is {shape_text(first.shape)} ({told(0, axis)}) "
                        f"and {names[i]} is {shape_text(branch.shape)} ({told(i, axis)})"
                    ),
                    code="branch-mismatch",
                )
            self.need_one_dtype(first, branch, names[0], names[i])
        axis = self._axis(len(first.shape))
        shape = next((branch.shape for branch in ends.types if is_known(branch.shape)), first.shape)
        return Made(TensorType((*shape[:axis], len(ends.types), *shape[axis:]), first.dtype), axis)

    def _axis(self, rank: int) -> int:
        """The place, batch excluded, of the new axis among those of a shape of this rank."""
        place = (self.dim if self.dim >= 0 else rank + 2 + self.dim) - 1
        why = "is the batch axis" if place == -1 else f"is no place among the {rank} axes behind the batch axis"
        need(
            0 <= place <= rank,
            lambda: f"`dim: {self.dim}` {why}",
            code="invalid-argument",
            at="dim",
            help=f"`dim` counts the batch axis as 0, as in torch: the new axis may be 1 to {rank + 1}",
        )
        return place

    def settled(self, y: TensorType) -> Stack:
        """With a `dim` that counts from the front."""
        return self if self.dim > 0 else self.model_copy(update={"dim": len(y.shape) + 1 + self.dim})

    def call_over_batch(self, constant: tuple[int, ...]) -> TorchCall:
        options = self.call().arguments
        return TorchCall("StackOverBatch", {"constant": constant, **options}, "netspec.torch.modules")

    def written(self, operands: Sequence[str]) -> Bracketed:
        return Bracketed("torch.stack(", (Bracketed("[", tuple(operands), "]"), f"dim={self.dim}"), ")")

    def recorded(self) -> dict[str, Any]:
        return {"dim": self.dim - 1}
