"""Concatenation of branches along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from netspec.arguments import invalid
from netspec.combinators.base import Bracketed, Ends, Joining, Made, Option, WorkedExample
from netspec.dims import need, same
from netspec.kinds import FieldKind
from netspec.layers.base import TensorType, TorchCall, shape_text, sum_sizes
from netspec.writing import shown


def _chunks(value: object) -> object:
    if type(value) is int and value >= 1:
        return value
    raise invalid(f"wants an integer{' of at least 1' if type(value) is int else ''}, not {shown(value)}")


_CHUNKS: Final = FieldKind("an integer of at least 1", {"type": "integer", "minimum": 1}, make=_chunks)


class Concat(Joining):
    """The branches' outputs, concatenated along the channels or along `dim`; all other sizes must be equal. With
    `split: n` each branch gets one of n equal chunks of the input.
    """

    word = "concat"
    value = "concatenation, along channels unless `dim`; `split` gives each branch its chunk"
    several = True
    cut_by = "split"
    target = "Concat"
    repeats = True
    examples = (
        WorkedExample(
            "- concat:\n    - [Conv2d: {out_channels: 8, kernel_size: 1}]\n"
            "    - [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, ReLU]\n    - []",
            (16, 32, 32),
            (32, 32, 32),
        ),
        WorkedExample("- concat: [[Linear: 8], []]\n  dim: -1", (5, 16), (5, 24)),
        WorkedExample("- concat: [[Linear: 8], [Linear: 4]]\n  dim: -1\n  split: 2", (16,), (12,)),
    )
    options: ClassVar[dict[str, Option]] = {
        "dim": Option(
            "dim",
            "The axis along which the branches are joined. It counts the batch axis as 0, as torch does; 1, the "
            "channels, if left out.",
            WorkedExample(
                "- concat: [[], [MaxPool2d: {kernel_size: 3, stride: 1, padding: 1}]]\n  dim: 2",
                (16, 32, 32),
                (16, 64, 32),
            ),
        ),
        "split": Option(
            "split: n",
            "Each branch gets one of this many equal chunks of the input along `dim`, in place of the whole. It must "
            "divide the size, and be the number of branches.",
            WorkedExample(
                "- concat: [[], [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}]]\n  split: 2",
                (16, 32, 32),
                (16, 32, 32),
            ),
        ),
    }

    dim: int = 1
    split: Annotated[int | None, _CHUNKS] = None

    @property
    def chunks(self) -> int | None:
        """The number of chunks that the input is split into; None if each branch gets the whole input."""
        return self.split if self.knows("split") else None

    def check_branches(self, count: int) -> None:
        chunks = self.chunks
        need(
            chunks is None or chunks == count,
            lambda: f"`split: {chunks}` cuts the input into {chunks} chunks, but there are {count} branches",
            code="split-mismatch",
            at="split",
        )

    def part(self, x: TensorType) -> Made | None:
        chunks = self.chunks
        if chunks is None:
            return Made(x)
        if not self.knows("dim"):
            return None
        axis = self._axis(len(x.shape), "the input")
        size = x.shape[axis]
        need(
            same(size % chunks, 0),
            lambda: f"`split: {chunks}` must divide the input, but {{given}}",
            code="split-mismatch",
            at="split",
            axis=axis,
        )
        return Made(TensorType((*x.shape[:axis], size // chunks, *x.shape[axis + 1 :]), x.dtype), axis)

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        if not self.knows("dim"):
            return None
        first, names, told = ends.types[0], ends.names, ends.told
        rank = len(first.shape)
        # If the ranks differ, the axis does not matter: the difference is reported below.
        axis = self._joined_axis(x, rank) if all(len(branch.shape) == rank for branch in ends.types) else 0
        for i, branch in enumerate(ends.types[1:], 1):
            need(
                len(branch.shape) == rank,
                lambda i=i: (
                    f"`concat` joins equal ranks, but {names[0]}: {told(0, None)}, and {names[i]}: {told(i, None)}"
                ),
                code="branch-mismatch",
            )
            for other, (a, b) in enumerate(zip(first.shape, branch.shape, strict=True)):
                need(
                    other == axis or same(a, b),
                    lambda i=i, other=other, branch=branch: (
                        f"`concat` joins along axis {axis + 1} only, but {names[0]} is {shape_text(first.shape)} "
                        f"({told(0, other)}) and {names[i]} is {shape_text(branch.shape)} ({told(i, other)})"
                    ),
                    code="branch-mismatch",
                    help="pad or pool one of the branches until the other axes agree",
                )
            self.need_one_dtype(first, branch, names[0], names[i])
        total = sum_sizes(branch.shape[axis] for branch in ends.types)
        joined = TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)
        return Made(joined, axis, " + ".join(str(branch.shape[axis]) for branch in ends.types))

    def settled(self, y: TensorType) -> Concat:
        """The same with a non-negative `dim`."""
        return self if self.dim > 0 else self.model_copy(update={"dim": len(y.shape) + 1 + self.dim})

    def call_over_batch(self, constant: tuple[int, ...]) -> TorchCall:
        options = self.call().arguments
        return TorchCall("ConcatOverBatch", {"constant": constant, **options}, "netspec.torch.modules")

    def written(self, operands: Sequence[str]) -> Bracketed | None:
        if self.split is not None:
            return None
        return Bracketed("torch.cat(", (Bracketed("[", tuple(operands), "]"), f"dim={self.dim}"), ")")

    def remark(self) -> str:
        return "" if self.split is None else f", each its chunk of {self.split}"

    def part_text(self) -> str:
        return "" if self.split is None else f", in {self.split} chunks"

    def recorded(self) -> dict[str, Any]:
        return {"dim": self.dim - 1, "split": self.split}

    def _axis(self, rank: int, what: str) -> int:
        """The axis, batch excluded, that `dim` means in a shape of this rank; `what` names the shape in the message.

        Raises:
            Unmet: `dim` is the batch axis or out of range.
        """
        axis = (self.dim if self.dim >= 0 else rank + 1 + self.dim) - 1
        why = "is the batch axis" if axis == -1 else f"is no axis of {what}, which has {rank} behind the batch axis"
        need(
            0 <= axis < rank,
            lambda: f"`dim: {self.dim}` {why}",
            code="invalid-argument",
            at="dim",
            help="`dim` counts the batch axis as 0, as in torch: channels are 1",
        )
        return axis

    def _joined_axis(self, x: TensorType, rank: int) -> int:
        """The axis, batch excluded, along which branches of this rank are concatenated.

        Raises:
            Unmet: it is not the axis that `split` cuts in the input, since a negative `dim` counts from the end.
        """
        axis = self._axis(rank, "what the branches give")
        cut = axis if self.chunks is None else self._axis(len(x.shape), "the input")
        need(
            axis == cut,
            lambda: (
                f"`dim: {self.dim}` is axis {cut + 1} of the input, which `split` cuts, "
                f"but axis {axis + 1} of what the branches give"
            ),
            code="invalid-argument",
            at="dim",
            help="count from the front, so that it is the same axis on both sides",
        )
        return axis
