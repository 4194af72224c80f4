"""Functions that cut axes into windows which overlap, put windows together again, or turn the order of an axis."""

from __future__ import annotations

from typing import Final

import torch

from netspec.capture.functions.repeats import chosen_along, windows
from netspec.capture.graph import TracedCall
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound, several
from netspec.capture.numbers.tables import told


def _flip(lowering: Lowering, call: TracedCall) -> None:
    """Slices along axes in the opposite order."""
    value = next(call.reads())
    for dim in several(call):
        size = value.shape[dim]
        index = told(torch.arange(size - 1, -1, -1))
        value = chosen_along(lowering, value, dim % len(value.shape), index, (size,))
    lowering.is_same(call.results[0], value)


def _unfold(lowering: Lowering, call: TracedCall) -> None:
    """`x.unfold(dim, size, step)`, which puts the places of a window behind all other axes; torch's function of the
    name takes maps and is another one."""
    source = next(call.reads())
    if call.function is not torch.Tensor.unfold:
        _columns(lowering, call)
        return
    given = bound(call, "input dimension size step")
    rank = len(source.shape)
    dim = given["dimension"] % rank
    found = windows(lowering, source, dim, given["size"], given["step"])
    order = [*range(dim + 1), *range(dim + 2, rank + 1), dim + 1]
    lowering.move(found, call.results[0], lambda layout: layout.permuted(order))


def _columns(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input kernel_size dilation=1 padding=0 stride=1")
    lowering.layered(call, "Unfold", lowering.taken(given.pop("input")), given)


def _fold(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input output_size kernel_size dilation=1 padding=0 stride=1")
    lowering.layered(call, "Fold", lowering.taken(given.pop("input")), given)


HANDLERS: Final[dict[str, Handler]] = {"flip": _flip, "unfold": _unfold, "fold": _fold}
