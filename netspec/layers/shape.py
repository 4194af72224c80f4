"""Layers that merge and split axes. Their dims count the batch axis as 0, as torch's do."""

from __future__ import annotations

from pydantic import model_validator

from netspec.arguments import Integer, SplitSizes, invalid
from netspec.dims import need, product, same
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.writing import shown


class Flatten(Layer):
    """(C, H, W) → (C · H · W): the axes from start_dim to end_dim become one.

    `Flatten` on 256 × 5 × 5 gives 6400 = 256 × 5 × 5. The dims count the batch axis, which is 0: with `start_dim: 2`,
    768 × 14 × 14 becomes 768 × 196.
    """

    family = "shape"
    keeps_values = True
    examples = (
        Example({}, (256, 5, 5), (6400,)),
        Example({"start_dim": 2}, (768, 14, 14), (768, 196)),
        Example({"start_dim": -3, "end_dim": -2}, (6, 4, 5, 3), (6, 20, 3)),
    )

    start_dim: Integer = 1
    end_dim: Integer = -1

    def output(self, x: TensorType) -> TensorType:
        start, end = self._range(x)
        return TensorType((*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :]), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True

    def derivation(self, x: TensorType, axis: int) -> str | None:
        start, end = self._range(x)
        rank = len(x.shape) - (end - start)
        if axis % rank != start or end == start:
            return None
        return " × ".join(str(size) for size in x.shape[start : end + 1])

    def _range(self, x: TensorType) -> tuple[int, int]:
        """The first and last of the axes to merge, batch excluded.

        Raises:
            Unmet: the dims are not in order or out of range.
        """
        start = axis_of(x, self.start_dim, "start_dim")
        end = axis_of(x, self.end_dim, "end_dim")
        need(
            start <= end,
            lambda: (
                f"`start_dim: {self.start_dim}` is axis {start + 1} and lies behind `end_dim: {self.end_dim}`, "
                f"axis {end + 1}, but {{given}}"
            ),
            code="wrong-rank",
            at="start_dim",
            axis="every",
        )
        return start, end


def axis_of(x: TensorType, dim: int, name: str) -> int:
    """The axis, batch excluded, that a torch dim means: 1 is axis 0, −1 the last one. `name` is the argument.

    Raises:
        Unmet: the dim is outside the input, or is the batch axis.
    """
    rank = len(x.shape)
    axis = dim - 1 if dim >= 0 else dim + rank
    if 0 <= axis < rank:
        return axis
    need(
        axis != -1,
        lambda: f"`{name}: {dim}` is the batch axis, and a layer works on each example alone",
        code="batch-axis",
        at=name,
        help="the dims count the batch axis, which is 0: the first axis of an example is 1",
    )
    need(
        False,
        lambda: (
            f"`{name}: {dim}` is outside the input: {{given}}, with the batch {rank + 1} axes, "
            f"so the dims go from {-rank - 1} to {rank}"
        ),
        code="wrong-rank",
        at=name,
        axis="every",
    )
    return axis


class Unflatten(Layer):
    """(*, n, *) → (*, *unflattened_size, *): the axis dim becomes several; one size may be −1 and follows from the
    rest.

    `Unflatten: {dim: 1, unflattened_size: [3, -1]}` on 12 gives 3 × 4, and on 12 × 7 it gives 3 × 4 × 7. The dim
    counts the batch axis, which is 0.
    """

    family = "shape"
    keeps_values = True
    sets_axis = None
    examples = (
        Example({"dim": 1, "unflattened_size": (256, 5, 5)}, (6400,), (256, 5, 5)),
        Example({"dim": 1, "unflattened_size": (3, -1)}, (12, 7), (3, 4, 7)),
    )

    dim: Integer
    unflattened_size: SplitSizes

    @model_validator(mode="after")
    def _one_open_size(self) -> Unflatten:
        if self.unflattened_size.count(-1) > 1:
            raise invalid(f"`unflattened_size: {shown(self.unflattened_size)}` has more than one -1")
        return self

    def output(self, x: TensorType) -> TensorType:
        axis = axis_of(x, self.dim, "dim")
        size = x.shape[axis]
        known = product(n for n in self.unflattened_size if n != -1)
        fits = same(size % known, 0) if -1 in self.unflattened_size else same(size, known)
        need(
            fits,
            lambda: (
                f"`unflattened_size: {shown(self.unflattened_size)}` "
                f"{'cannot divide' if -1 in self.unflattened_size else f'holds {known} values, not those of'} "
                f"axis {axis + 1}: {{given}}"
            ),
            at="unflattened_size",
            axis=axis,
        )
        parts = (size // known if n == -1 else n for n in self.unflattened_size)
        return TensorType((*x.shape[:axis], *parts, *x.shape[axis + 1 :]), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True

    def derivation(self, x: TensorType, axis: int) -> str | None:
        split = axis_of(x, self.dim, "dim")
        place = axis % (len(x.shape) + len(self.unflattened_size) - 1) - split
        if not 0 <= place < len(self.unflattened_size) or self.unflattened_size[place] != -1:
            return None
        return f"{x.shape[split]} // {product(n for n in self.unflattened_size if n != -1)}"
