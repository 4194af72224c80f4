"""Where the weights of a layer stand in a Keras file, and what makes them torch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from netspec.importing.keras.values import Parts, order_of

Array = Any
"""One of NumPy's, which is not imported here."""


class StoredTensor(NamedTuple):
    """A tensor of the file."""

    at: str
    """The data set, below the group of the layer: `vars/0`."""
    shape: tuple[int, ...]
    """That it has in Keras."""
    change: Callable[[Array], Array] = lambda array: array


class FilledTensor(NamedTuple):
    """A tensor that Keras has not: one number everywhere, or a number for each channel."""

    value: float | Sequence[float]
    shape: tuple[int, ...]
    whole: bool = False
    """Whether it is of int64."""


Source = StoredTensor | FilledTensor


def turned(parts: Parts, axis: int = 0) -> Callable[[Array], Array]:
    """What brings an axis into the order of a flat vector."""

    def change(array: Array) -> Array:
        return array.take(order_of(parts), axis=axis) if parts else array

    return change


def dense(parts: Parts) -> Callable[[Array], Array]:
    """(in, out) → (out, in)."""
    return lambda array: turned(parts)(array).T


def pointwise(axes: int) -> Callable[[Array], Array]:
    """(in, out) → (out, in, 1, …)."""
    return lambda array: array.T.reshape(*array.T.shape, *(1,) * axes)


def kernel(axes: int) -> Callable[[Array], Array]:
    """(*kernel, in, out) → (out, in, *kernel); of a transposed convolution (*kernel, out, in) → (in, out, *kernel)."""
    return lambda array: array.transpose(axes + 1, axes, *range(axes))


def depthwise(axes: int) -> Callable[[Array], Array]:
    """(*kernel, in, times) → (in · times, 1, *kernel)."""
    return lambda array: array.transpose(axes, axes + 1, *range(axes)).reshape(-1, 1, *array.shape[:axes])


def projection(array: Array) -> Array:
    """(in, heads, size) → (heads · size, in)."""
    return array.reshape(array.shape[0], -1).T


def merged(array: Array) -> Array:
    """(heads, size, out) → (out, heads · size)."""
    return array.reshape(-1, array.shape[-1]).T


def flat(array: Array) -> Array:
    """(heads, size) → (heads · size)."""
    return array.reshape(-1)


def gates(order: Sequence[int], *, row: int | None = None) -> Callable[[Array], Array]:
    """(in, gates · units) → (gates · units, in), the gates in another order; with `row` that row, which is a bias."""

    def change(array: Array) -> Array:
        array = array if row is None or array.ndim == 1 else array[row]
        by_gate = array.reshape(*array.shape[:-1], len(order), -1).take(order, axis=-2)
        return by_gate.reshape(array.shape).T

    return change
