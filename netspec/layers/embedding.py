"""Embeddings: integers are replaced by vectors of a table."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from netspec.arguments import Count, Integer, Real, invalid
from netspec.dims import Shape, need
from netspec.layers.base import Example, Layer, Saved, TensorType

_PRIVATE = {
    "_weight": "it is private to torch; weights are loaded from a file",
    "_freeze": "it is private to torch; `freeze: true` beside the layer does it",
}


class Table(Layer):
    """Base of the embeddings, which have a table of vectors."""

    family = "embedding"
    sets_axis = -1
    omitted: ClassVar[dict[str, str]] = _PRIVATE

    num_embeddings: Count
    embedding_dim: Count

    def need_integers(self, x: TensorType) -> None:
        """Require an int64 input: its values are indices into the table."""
        need(
            x.dtype == "int64",
            lambda: f"`{type(self).__name__}` looks up integers, but its input is {x.dtype}",
            code="wrong-dtype",
            help="an input of integers is written `input: {shape: [128], dtype: int64}`",
        )

    @property
    def integers(self) -> int | None:
        return self.num_embeddings

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}


def _checked_padding(rows: int, index: int | None) -> None:
    if index is not None and not -rows <= index < rows:
        raise invalid(f"`padding_idx: {index}` is outside the table, which has `num_embeddings: {rows}`")


class Embedding(Table):
    """(*) → (*, embedding_dim): each integer is replaced by its row of a table of num_embeddings rows.

    `Embedding: {num_embeddings: 10000, embedding_dim: 64}` on 128 integers from 0 to 9999 gives 128 × 64.

    Parameters: num_embeddings · embedding_dim.
    """

    examples = (
        Example({"num_embeddings": 10000, "embedding_dim": 64}, (128,), (128, 64), "int64"),
        Example(
            {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": -1, "max_norm": 1.0}, (2, 7), (2, 7, 3), "int64"
        ),
    )

    padding_idx: Integer | None = None
    max_norm: Real | None = None
    norm_type: Real = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False

    @model_validator(mode="after")
    def _padding_is_a_row(self) -> Embedding:
        _checked_padding(self.num_embeddings, self.padding_idx)
        return self

    def output(self, x: TensorType) -> TensorType:
        self.need_integers(x)
        return TensorType((*x.shape, self.embedding_dim))


class EmbeddingBag(Table):
    """(L) → (embedding_dim): the mean, the sum or the maximum of the rows that L integers name in a table of
    num_embeddings rows.

    `EmbeddingBag: {num_embeddings: 10000, embedding_dim: 64}` on 128 integers, in any order, gives 64 features.

    Parameters: num_embeddings · embedding_dim.
    """

    omitted: ClassVar[dict[str, str]] = _PRIVATE | {
        "include_last_offset": "it belongs to `offsets`, a second input; here every example is one bag"
    }
    examples = (
        Example({"num_embeddings": 10000, "embedding_dim": 64}, (128,), (64,), "int64"),
        Example({"num_embeddings": 5, "embedding_dim": 3, "mode": "sum", "padding_idx": 0}, (7,), (3,), "int64"),
    )

    max_norm: Real | None = None
    norm_type: Real = 2.0
    scale_grad_by_freq: bool = False
    mode: Literal["sum", "mean", "max"] = "mean"
    sparse: bool = False
    padding_idx: Integer | None = None

    @model_validator(mode="after")
    def _arguments_agree(self) -> EmbeddingBag:
        _checked_padding(self.num_embeddings, self.padding_idx)
        if self.mode == "max" and (self.scale_grad_by_freq or self.sparse):
            name = "scale_grad_by_freq" if self.scale_grad_by_freq else "sparse"
            raise invalid(f"`mode: max` has no gradient that `{name}` could apply to")
        return self

    def output(self, x: TensorType) -> TensorType:
        self.need_integers(x)
        self.need_rank(x, 1, "(length)")
        return TensorType((self.embedding_dim,))

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, indices=x.shape[0] + 3)
