"""Numbers that a module computes of nothing that is saved or given, with 64 bits: with 32 they are rounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from torch import Tensor, nn

from netspec.capture.graph import NotCaptured, Trace
from netspec.capture.items import PlacedItem, layers_of
from netspec.capture.patterns.rotary import angles_of, uncertain
from netspec.capture.proving.proof import ROUNDED, WideNumbers, WideTable, kept_numbers, placed, refined
from netspec.capture.proving.unused import and_more
from netspec.capture.running.copying import copied
from netspec.capture.running.named import named_modules
from netspec.capture.running.precision import in_64_bits
from netspec.capture.running.runs import run
from netspec.capture.texts import WrittenTrace
from netspec.net import Net


def wide_numbers(
    module: nn.Module,
    example: Sequence[Tensor],
    net: Net,
    written: WrittenTrace,
    again: Callable[[Trace], Sequence[PlacedItem]],
) -> WideNumbers:
    """Such numbers as a spec has them.

    Args:
        module: the module.
        example: its arguments, the batch first.
        net: the network of the spec.
        written: that spec.
        again: gives the layers of another run, in order.
    """
    turns = [item.numbers for item in layers_of(written.items) if item.word == "attend" and item.numbers is not None]
    tables = [table for each in turns for table in _tables(each, module, written.left_out)]
    computed = {path: item for path, item in placed(net, written.layers) if _is_computed(item)}
    if not computed:
        return WideNumbers({}, tables)
    with in_64_bits(draws=True):
        try:
            other = list(again(run(copied(module).double(), example, 2, training=written.training)))
        except NotCaptured:
            return WideNumbers({}, tables)
    pairs = list(zip(written.layers, other, strict=False))
    if any(old.word != new.word and not {old.word, new.word} <= _NUMBERS for old, new in pairs):
        return WideNumbers({}, tables)
    wide = {id(old): new.numbers for old, new in pairs if new.numbers is not None}
    found = {f"{path}.value": wide[id(item)] for path, item in computed.items() if id(item) in wide}
    return WideNumbers(found, tables)


def wide_note(wide: WideNumbers, module: nn.Module, left_out: Collection[str]) -> Iterator[str]:
    """That a spec has such numbers, with the names of those that the module keeps."""
    if not wide.buffers and not wide.tables:
        return
    tables = [*wide.tables, *(WideTable(numbers, ROUNDED) for numbers in wide.buffers.values())]
    paths = {part: path for path, part in named_modules(module).items()}
    names = [
        f"{paths[part]}.{name}".lstrip(".")
        for part, name, kept in kept_numbers(module, left_out)
        if any(refined(kept, table) is not kept for table in tables)
    ]
    told = "the module computes numbers of neither its input nor its weights"
    if names:
        told = f"the numbers of {and_more(names)} are not saved with the weights"
    yield (
        f"{told}: the spec has them, or what computes them, and loading weights does not change them; they were "
        "compared with 64 bits"
    )


def _tables(turns: Tensor, module: nn.Module, left_out: Collection[str]) -> Iterator[WideTable]:
    """The turns of attention, and their cosines and sines for as many positions as a module keeps."""
    yield WideTable(turns, ROUNDED)
    size = len(turns)
    found = {
        (kept.numel() // width, width)
        for _, _, kept in kept_numbers(module, left_out)
        for width in kept.shape[-1:]
        if width
    }
    for length, width in sorted(each for each in found if each[1] in (size, 2 * size)):
        angles = angles_of(turns, length).repeat(1, width // size)
        yield from (WideTable(table, uncertain(length)) for table in (angles.cos(), angles.sin()))


_NUMBERS: Final[frozenset[str]] = frozenset(("Buffer", "Sinusoids"))
"""The layers that have numbers, by the same name."""


def _is_computed(item: PlacedItem) -> bool:
    """Whether an item has numbers of floats that no weights have."""
    return item.word in _NUMBERS and not item.keys and item.numbers is not None and item.numbers.is_floating_point()
