"""Numbers that a module computes of nothing that is saved or given, with 64 bits: with 32 they are rounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from netspec.capture.graph import NotCaptured, Trace
from netspec.capture.items import PlacedItem, layers_of
from netspec.capture.precision import in_64_bits
from netspec.capture.proof import WideNumbers, copied, placed
from netspec.capture.runs import run
from netspec.net import Net

if TYPE_CHECKING:
    from netspec.capture.importing import WrittenTrace


def wide_numbers(
    module: nn.Module,
    example: Sequence[Tensor],
    net: Net,
    written: WrittenTrace,
    again: Callable[[Trace], WrittenTrace],
) -> WideNumbers:
    """Such numbers as a spec has them.

    Args:
        module: the module.
        example: its arguments, the batch first.
        net: the network of the spec.
        written: that spec.
        again: writes that of another run.
    """
    tables = [item.numbers for item in layers_of(written.items) if item.word == "attend" and item.numbers is not None]
    computed = {path: item for path, item in placed(net, written.layers) if _is_computed(item)}
    if not computed:
        return WideNumbers({}, tables)
    with in_64_bits(draws=True):
        try:
            other = again(run(copied(module).double(), example, 2, training=written.training))
        except NotCaptured:
            return WideNumbers({}, tables)
    pairs = list(zip(written.layers, other.layers, strict=False))
    if any(old.word != new.word for old, new in pairs):
        return WideNumbers({}, tables)
    wide = {id(old): new.numbers for old, new in pairs if new.numbers is not None}
    found = {f"{path}.value": wide[id(item)] for path, item in computed.items() if id(item) in wide}
    return WideNumbers(found, tables)


def _is_computed(item: PlacedItem) -> bool:
    """Whether an item has numbers of floats that no weights have."""
    return item.word == "Buffer" and not item.keys and item.numbers is not None and item.numbers.is_floating_point()
