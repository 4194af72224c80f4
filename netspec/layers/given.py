"""The sequences that torch's own transformers take: the one that flows in, and the one given beside it."""

from __future__ import annotations

from netspec.dims import expect, need, same
from netspec.layers.base import Layer, TensorType, shape_text


def check_sequence(layer: Layer, x: TensorType, heads: int) -> None:
    """Require a sequence of vectors as the input of a layer, whose features its heads share.

    Raises:
        Unmet: it has another dtype, other axes, another width than is stated, or one that the heads do not divide.
    """
    layer.need_float(x)
    layer.need_rank(x, 2, "(length, features)")
    features = layer.check_width(x)
    expect(
        same(features % heads, 0),
        lambda: f"`nhead: {heads}` does not divide the features: {{given}}",
        code="shape-mismatch", at="nhead", axis=-1, help="every head works on an equal share of the features",
    )  # fmt: skip


def given_sequence(
    name: str, argument: str, x: TensorType, given: tuple[TensorType, ...], *, missing: str, wider: str,
    integers: str | None = None,
) -> TensorType:  # fmt: skip
    """Require one sequence of vectors with the features of the input.

    Args:
        name: the layer.
        argument: what it calls the sequence.
        x: the input, length × features.
        given: what it is given.
        missing: what to write where it is given none or several.
        wider: what to do where it has other features.
        integers: what to do where it is one of integers.

    Raises:
        Unmet: there is none or are several, or it has another dtype or other axes.
    """
    need(
        len(given) == 1,
        lambda: f"`{name}` wants a value as `{argument}`" + (f", not {len(given)} of them" if given else ""),
        code="value-kind" if given else "missing-argument", help=missing,
    )  # fmt: skip
    found = given[0]
    need(
        len(found.shape) == 2 and found.dtype == "float32",
        lambda: (
            f"`{argument}` of `{name}` is float32 of length × features, but what it is given is "
            f"{shape_text(found.shape)} of {found.dtype}"
        ),
        code="wrong-rank" if found.dtype == "float32" else "wrong-dtype", at=argument,
        help=integers if found.dtype == "int64" else None,
    )  # fmt: skip
    expect(
        same(found.shape[1], x.shape[1]),
        lambda: (
            f"`{argument}` of `{name}` has the features of the input: it is {shape_text(found.shape)}, but {{given}}"
        ),
        code="width-mismatch", at=argument, axis=-1, help=wider,
    )  # fmt: skip
    return found
