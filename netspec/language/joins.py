"""The shape rules of the combinators: how the branches of `residual`, `add`, `concat` and `gate` join."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netspec.dims import Shape, Size, is_known, need, same
from netspec.layers.base import TensorType, sum_sizes

Told = Callable[[int, int | None], str]
"""`told(branch, axis)` says what gives a branch's size, as in "`Conv2d` (line 9) gives 128"; axis None: its shape."""


def shape_text(shape: Shape) -> str:
    """`256 × 5 × 5`; `scalar` for no axes."""
    return " × ".join(str(size) for size in shape) or "a single value"


def join_sum(kind: str, branches: Sequence[TensorType], told: Told, names: Sequence[str]) -> TensorType:
    """The sum of branches of exactly equal shapes and dtypes; sums never broadcast here."""
    first = branches[0]
    for i, branch in enumerate(branches[1:], 1):
        equal_rank = len(branch.shape) == len(first.shape)
        need(
            equal_rank,
            lambda i=i: f"`{kind}` adds equal shapes, but {names[0]}: {told(0, None)}, and {names[i]}: {told(i, None)}",
            code="branch-mismatch",
        )
        for axis, (a, b) in enumerate(zip(first.shape, branch.shape, strict=True)):
            need(
                same(a, b),
                lambda i=i, axis=axis, branch=branch: (
                    f"`{kind}` adds equal shapes, but {names[0]} is {shape_text(first.shape)} ({told(0, axis)}) "
                    f"and {names[i]} is {shape_text(branch.shape)} ({told(i, axis)})"
                ),
                code="branch-mismatch",
            )
        _same_dtype(kind, first, branch, names[0], names[i])
    best = next((b for b in branches if is_known(b.shape)), first)
    return TensorType(best.shape, first.dtype)


def join_concat(branches: Sequence[TensorType], axis: int, told: Told, names: Sequence[str]) -> TensorType:
    """The branches one after the other along `axis` (batch excluded); all other axes must be equal."""
    first = branches[0]
    for i, branch in enumerate(branches[1:], 1):
        need(
            len(branch.shape) == len(first.shape),
            lambda i=i: f"`concat` joins equal ranks, but {names[0]}: {told(0, None)}, and {names[i]}: {told(i, None)}",
            code="branch-mismatch",
        )
        for other, (a, b) in enumerate(zip(first.shape, branch.shape, strict=True)):
            if other == axis:
                continue
            need(
                same(a, b),
                lambda i=i, other=other, branch=branch: (
                    f"`concat` joins along axis {axis + 1} only, but {names[0]} is {shape_text(first.shape)} "
                    f"({told(0, other)}) and {names[i]} is {shape_text(branch.shape)} ({told(i, other)})"
                ),
                code="branch-mismatch",
                help="pad or pool one of the branches until the other axes agree",
            )
        _same_dtype("concat", first, branch, names[0], names[i])
    total: Size = sum_sizes(branch.shape[axis] for branch in branches)
    return TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


def join_gate(x: TensorType, body: TensorType, told: Told) -> TensorType:
    """x · f(x), where f(x) has the rank of x and each of its sizes is that of x or 1."""
    need(
        len(x.shape) == len(body.shape),
        lambda: (
            f"`gate` multiplies its input by its body, but the input is {shape_text(x.shape)} "
            f"and the body: {told(0, None)}"
        ),
        code="branch-mismatch",
        help="the body of a gate keeps the rank: pool to 1 × 1 and use 1×1 convolutions instead of Flatten and Linear",
    )
    for axis, (a, b) in enumerate(zip(x.shape, body.shape, strict=True)):
        if b == 1:
            continue
        need(
            same(a, b),
            lambda axis=axis, a=a: (
                f"`gate` multiplies its input by its body: along axis {axis + 1} the body must have "
                + ("1, as the input has" if a == 1 else f"{a} as the input has, or 1")
                + f", but {told(0, axis)}"
            ),
            code="branch-mismatch",
        )
    _same_dtype("gate", x, body, "the input", "the body")
    return x


def split_axis(x: TensorType, axis: int, parts: int, given: Callable[[], str]) -> TensorType:
    """One of `parts` equal chunks of the input along `axis`."""
    size = x.shape[axis]
    need(
        same(size % parts, 0),
        lambda: f"`split: {parts}` must divide the input, but {given()}",
        code="split-mismatch",
        at="split",
        axis=axis,
    )
    return TensorType((*x.shape[:axis], size // parts, *x.shape[axis + 1 :]), x.dtype)


def _same_dtype(kind: str, a: TensorType, b: TensorType, first: str, second: str) -> None:
    need(
        a.dtype == b.dtype,
        lambda: f"`{kind}` joins one dtype, but {first} is {a.dtype} and {second} is {b.dtype}",
        code="wrong-dtype",
    )
