"""Layers that choose values by other values: where a mask is true, and at the places that numbers name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netspec.arguments import Integer, Real
from netspec.dims import Size, need, same
from netspec.layers.base import DType, Example, Layer, Saved, TensorType, TorchCall, counted, shape_text
from netspec.layers.shape import axis_of

_OWN: Final = "netspec.torch.choosing"

_TRUTHS: Final = "an input of truth values, `[16, bool]`, or what `NotEqual: 0` gives"
_TRUE: Final = f"where `m` is {_TRUTHS}"


def _the(layer: Layer, name: str, others: Mapping[str, tuple[TensorType, ...]], written: str) -> TensorType:
    """The one value that a layer is given by a name.

    Raises:
        Unmet: there is none, or there are several.
    """
    given = others.get(name, ())
    need(
        len(given) == 1,
        lambda: (
            f"`{type(layer).__name__}` wants a value as `{name}`" + (f", not {len(given)} of them" if given else "")
        ),
        code="value-kind" if given else "missing-argument",
        help=f"for example {written}",
    )
    return given[0]


def _need_beside(x: TensorType, name: str, found: TensorType, dtype: DType, what: str) -> None:
    """Require a value of a dtype with the axes of the input, each of its size or 1.

    Raises:
        Unmet: it has another dtype, or other sizes.
    """
    need(
        found.dtype == dtype,
        lambda: f"`{name}` {what}, but what is given is {found.dtype}",
        code="wrong-dtype", at=name, help=f"for example {_TRUTHS}" if dtype == "bool" else None,
    )  # fmt: skip
    pairs = zip(found.shape, x.shape, strict=False)
    for condition in (
        len(found.shape) == len(x.shape),
        *(True if size == 1 else same(size, own) for size, own in pairs),
    ):
        need(
            condition,
            lambda: f"`{name}` has the sizes of the input or 1: it is {shape_text(found.shape)}, but {{given}}",
            code="shape-mismatch", at=name, axis="every", help=_axes_of_1(x, found),
        )  # fmt: skip


def _axes_of_1(x: TensorType, found: TensorType) -> str | None:
    """How a value that has the first axes of the input, or the last ones, gets those that it lacks."""
    rank, lacking = len(found.shape), len(x.shape) - len(found.shape)
    if rank == 0 or lacking < 1:
        return None
    names, ones = " ".join("abcdefgh"[:rank]), " ".join("1" for _ in range(lacking))
    for own, moved in ((x.shape[:rank], f"{names} {ones}"), (x.shape[lacking:], f"{ones} {names}")):
        if all(same(a, b) for a, b in zip(found.shape, own, strict=True)):
            return f"`Rearrange: n {names} -> n {moved}` gives it {counted(lacking)} of 1, which is repeated"
    return None


class MaskedFill(Layer):
    """(*) → (*): the value where the mask is true, the input elsewhere, as `torch.Tensor.masked_fill`.

    `MaskedFill: {mask: m}` on 5 × 16 gives 5 × 16, with 0 where the value `m` of truth values is true. The mask has as
    many axes as the input, each with its size or 1. What stands below it has no gradient. Of int64 numbers the value is
    whole. It is finite: -1e9 takes a score out of a softmax as −∞ does.
    """

    family = "shape"
    several = True
    tensors = ("mask",)
    broadcast = ("mask",)
    examples = (
        Example({}, (5, 16), (5, 16), others={"mask": (5, 16)}, others_dtype="bool"),
        Example({"value": -1.5}, (3, 4), (3, 4), others={"mask": (1, 4)}, others_dtype="bool"),
        Example({"value": 2}, (16,), (16,), "int64", others={"mask": (16,)}, others_dtype="bool"),
    )

    value: Real = 0.0

    def output(self, x: TensorType) -> TensorType:
        if x.dtype != "int64":
            self.need_float(x)
        need(
            x.dtype != "int64" or self.value == int(self.value),
            lambda: f"`value: {self.value}` is no whole number, but the input is int64",
            code="invalid-argument", at="value", help="torch would have to round it",
        )  # fmt: skip
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        self.output(x)
        mask = _the(self, "mask", others, f"`MaskedFill: {{mask: m}}`, {_TRUE}")
        _need_beside(x, "mask", mask, "bool", "is of truth values")
        return (x,)

    def saved(self, x: TensorType) -> Saved:
        return Saved(others=("mask",)) if x.dtype == "float32" else Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("MaskedFill", self.arguments(x), _OWN)


class Where(Layer):
    """(*) → (*): the input where the condition is true, other's values elsewhere, as `torch.where`.

    `Where: {condition: m, other: y}` on 5 × 16 gives 5 × 16, of each place the input's value where the value `m` of
    truth values is true, and that of `y` where it is false. Both have as many axes as the input, each with its size
    or 1, and `y` has its dtype. A gradient goes to the one whose value is taken.
    """

    family = "shape"
    several = True
    tensors = ("condition", "other")
    broadcast = ("condition", "other")
    examples = (
        Example(
            {}, (5, 16), (5, 16),
            others={"condition": (5, 16), "other": (5, 16)}, others_dtype={"condition": "bool", "other": "float32"},
        ),
        Example(
            {}, (5, 16), (5, 16),
            others={"condition": (5, 1), "other": (1, 16)}, others_dtype={"condition": "bool", "other": "float32"},
        ),
        Example(
            {}, (7,), (7,), "int64",
            others={"condition": (7,), "other": (7,)}, others_dtype={"condition": "bool", "other": "int64"},
        ),
    )  # fmt: skip

    def output(self, x: TensorType) -> TensorType:
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        written = f"`Where: {{condition: m, other: y}}`, {_TRUE}"
        condition = _the(self, "condition", others, written)
        _need_beside(x, "condition", condition, "bool", "is of truth values")
        _need_beside(x, "other", _the(self, "other", others, written), x.dtype, f"is of {x.dtype} as the input is")
        return (x,)

    def saved(self, x: TensorType) -> Saved:
        return Saved(others=("condition",)) if x.dtype == "float32" else Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Where", self.arguments(x), _OWN)


class Gather(Layer):
    """(n, *) → (*index, *): the places of the first axis that each example names for itself: y[i] = x[index[i]].

    `Gather: {index: i}` on 16 × 64 gives 64 where the value `i` is one int64 number of each example, such as the place
    of its last word, and 3 × 64 where it has three. Places count from 0, negative ones from the end; one outside the
    axis is an error when the network runs. In PyTorch this is `x[torch.arange(len(x)), index]`, and `torch.gather` with
    an index that is repeated along all further axes. `IndexSelect` takes places that are the same for all examples.
    """

    family = "shape"
    several = True
    tensors = ("index",)
    examples = (
        Example({}, (16, 64), (64,), others={"index": ()}, others_dtype="int64"),
        Example({}, (16, 64), (3, 64), others={"index": (3,)}, others_dtype="int64"),
        Example({}, (5,), (2, 2), "int64", others={"index": (2, 2)}, others_dtype="int64"),
    )

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 1, "(places, …)")
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        self.need_rank_from(x, 1, "(places, …)")
        index = _the(self, "index", others, "`Gather: {index: i}`, where `i` is what `ArgMax` gives, or an input")
        need(
            index.dtype == "int64",
            lambda: f"`index` of `Gather` is of int64 numbers of places, but what is given is {index.dtype}",
            code="wrong-dtype", at="index", help="`ArgMax` gives such numbers, or an input of them, `[3, int64]`",
        )  # fmt: skip
        return (TensorType((*index.shape, *x.shape[1:]), x.dtype),)

    def places(self, x: TensorType) -> Size | None:
        return x.shape[0]

    def saved(self, x: TensorType) -> Saved:
        return Saved(indices=1, others=("index",)) if x.dtype == "float32" else Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Gather", self.arguments(x), _OWN)


class ArgMax(Layer):
    """(*) → (*), of int64: the place of the largest value along dim, the first one of equal ones. The axis disappears,
    or with keepdim has size 1.

    `ArgMax: 1` on 16 × 10 gives 10 int64 numbers from 0 to 15. No gradient flows through it. The dim counts the batch
    axis, which is 0.
    """

    family = "pooling"
    scalar = "dim"
    examples = (
        Example({"dim": 1}, (16, 10), (10,), gives_dtype="int64"),
        Example({"dim": -1, "keepdim": True}, (3, 4), (3, 1), gives_dtype="int64"),
        Example({"dim": 1}, (16,), (), "int64", gives_dtype="int64"),
    )

    dim: Integer
    keepdim: bool = False

    def output(self, x: TensorType) -> TensorType:
        need(
            x.dtype != "bool",
            lambda: "`ArgMax` compares numbers, but its input is bool",
            code="wrong-dtype",
            help="`use: m * 1` makes numbers of the truth values `m`",
        )
        axis = axis_of(x, self.dim, "dim")
        middle = (1,) if self.keepdim else ()
        return TensorType((*x.shape[:axis], *middle, *x.shape[axis + 1 :]), "int64")

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("ArgMax", self.arguments(x), _OWN)
