"""Runs of a module by itself, made with other arguments and given other sizes: what comes out then."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn

from netspec.capture.running.trace import dtype_of
from netspec.capture.running.users import passing
from netspec.torch.measured import buffers_of, counting_flops, kept, parameters_of

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]


class KeptMemory(NamedTuple):
    """What autograd keeps for the backward pass."""

    input: bool
    output: bool
    bytes: int
    """Of other tensors, for each example."""
    fixed: int
    """Bytes whatever the batch."""


class TrialOutcome(NamedTuple):
    """What a module gives for one example."""

    outputs: Shapes
    dtypes: tuple[str, ...]
    is_tuple: bool
    parameters: dict[str, Shape]
    buffers: dict[str, Shape]
    macs: int
    shares: bool
    """Whether it gives the memory of what it is given."""
    kept: KeptMemory | None
    """None where it does not train, or is given several tensors."""


class ModuleCall(NamedTuple):
    """A module of a network as it was made and called."""

    module: nn.Module
    arguments: dict[str, Any]
    """Those of its `__init__`."""
    inputs: tuple[Tensor, ...]
    """Its tensors, the batch first, in the order of `forward`."""
    names: tuple[str, ...]
    """Their names in `forward`."""

    @property
    def shapes(self) -> Shapes:
        """Those of one example."""
        return tuple(tuple(tensor.shape[1:]) for tensor in self.inputs)


class AxisRange(NamedTuple):
    """Axes of the first tensor that is given, of whose sizes an argument is the product."""

    first: int
    last: int


_BATCH: Final = 3
_MOST: Final = 2**20
"""Numbers of an example that is tried."""


class Bench:
    """Makes a module anew, and runs it.

    Args:
        call: as it was made and called.
    """

    def __init__(self, call: ModuleCall) -> None:
        self.call = call
        self.ties: dict[str, AxisRange] = {}
        """Arguments that follow from the sizes of the input."""
        self._known: dict[Any, TrialOutcome | None] = {}

    def outcome(
        self, shapes: Shapes, arguments: Mapping[str, Any] | None = None, ties: Mapping[str, AxisRange] | None = None
    ) -> TrialOutcome | None:
        """What comes out for tensors of these shapes; None where the module is not made so, or does not take them."""
        given = self.call.arguments | dict(arguments or {})
        for name, (first, last) in (self.ties if ties is None else ties).items():
            given[name] = product(shapes[0][first:last])
        key = (shapes, tuple(map(repr, given.values())))
        if key not in self._known:
            self._known[key] = self._run(shapes, given)
        return self._known[key]

    @passing
    def _run(self, shapes: Shapes, arguments: dict[str, Any]) -> TrialOutcome | None:
        pairs = list(zip(shapes, self.call.inputs, strict=True))
        large = max(product(shape) for shape in shapes) > _MOST and shapes != self.call.shapes
        if large or any(size < 1 for shape in shapes for size in shape):
            return None
        inputs = [_like(tensor, shape) for shape, tensor in pairs]
        try:
            with torch.no_grad(), quiet():
                module = type(self.call.module)(**arguments).eval()
                with counting_flops() as counter:
                    result: Any = module(*inputs)
        except Exception:  # whatever the module raises that does not take them
            return None
        several = numbers_of(result)
        parts = [result] if several is None else several
        if not parts or not all(isinstance(part, Tensor) and part.shape[:1] == (_BATCH,) for part in parts):
            return None
        macs, rest = divmod(counter.get_total_flops(), 2 * _BATCH)
        memory = inputs[0].untyped_storage().data_ptr()
        return TrialOutcome(
            tuple(tuple(part.shape[1:]) for part in parts), tuple(map(dtype_of, parts)), several is not None,
            parameters_of(module), buffers_of(module), -1 if rest else macs,
            parts[0].untyped_storage().data_ptr() == memory, _kept(module, inputs),
        )  # fmt: skip


@passing
def _kept(module: nn.Module, inputs: Sequence[Tensor]) -> KeptMemory | None:
    """What is kept, by two batches."""
    if len(inputs) > 1 or not inputs[0].is_floating_point():
        return None
    found: list[tuple[bool, bool, int]] = []
    for batch in (_BATCH, _BATCH - 1):
        x = inputs[0][:batch].clone().requires_grad_().clone()
        try:
            with torch.enable_grad(), quiet():
                storages, y = kept(module, x)
        except Exception:  # whatever the module raises in training mode
            return None
        ends = [one.untyped_storage().data_ptr() for one in (x, y)]
        flags = (ends[0] in storages, ends[1] in storages and ends[1] != ends[0])
        rest = sum(size for at, size in storages.items() if at not in ends)
        found.append((*flags, rest))
    (first, last, more), (_, _, less) = found
    each = more - less
    if more < _BATCH * each:  # where examples meet, it grows faster than the batch
        return None
    return KeptMemory(first, last, each, more - _BATCH * each)


@contextmanager
def quiet() -> Generator[None]:
    """What a program says each time that it makes or runs a module is said once, when the network is made."""
    with warnings.catch_warnings(action="ignore"), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        yield


def _like(tensor: Tensor, shape: Shape) -> Tensor:
    """Random numbers of the kind that a module was given."""
    if tensor.is_floating_point():
        return torch.randn(_BATCH, *shape)
    if tensor.dtype == torch.bool:
        return torch.rand(_BATCH, *shape) < 0.5
    return torch.randint(int(tensor.min()), int(tensor.max()) + 1, (_BATCH, *shape))


def product(sizes: Sequence[int]) -> int:
    """How many numbers a tensor of these sizes has."""
    found = 1
    for size in sizes:
        found *= size
    return found


# ---- what moves what

Axis = tuple[int, int]
"""Of which tensor, and which of its axes behind the batch."""


class TrialSymbol(NamedTuple):
    """A size that may be another: of axes that are equal, or of an argument."""

    axes: tuple[Axis, ...]
    argument: str
    """Empty of axes."""
    values: tuple[Any, ...]
    """With which the module runs; that which was seen is the first."""
    at: int | None = None
    """Of an argument of several numbers, which of them it is."""


_SMALL: Final = 16


def others_of(size: int) -> list[int]:
    """Sizes to be tried in the place of one."""
    large = [size // 2, size - 2, size + 8, size - 1, size + 16, size - 5, size // 2 + 3] if size > 64 else []
    small = [size + 1, size * 2, size + 2, size * 3, size - 1, size + 3, size // 2, size + 5, size * 2 + 3, size + 7]
    small += [size * 4, size - 2, size * 2 + 7, size + 13, *([size * 8 + 1] if size <= _SMALL else [])]
    return [each for each in dict.fromkeys(large or small) if each >= 1]


def moved(shapes: Shapes, axes: Sequence[Axis], size: int) -> Shapes:
    """Shapes of which these axes have another size."""
    return tuple(
        tuple(size if (i, k) in axes else old for k, old in enumerate(shape)) for i, shape in enumerate(shapes)
    )


def tie(bench: Bench, seen: Sequence[Shapes], made: Sequence[Mapping[str, Any]]) -> None:
    """Find the arguments that follow from the sizes of the input: another size takes another argument.

    Args:
        bench: where they are noted.
        seen: the shapes with which modules of the class were called.
        made: the arguments with which these were made.
    """
    shapes = bench.call.shapes
    rank = len(shapes[0])
    ranges = [AxisRange(i, j) for i in range(rank) for j in range(i + 1, rank + 1)]
    ranges.sort(key=lambda each: (each.last - each.first, -each.last))
    for name, value in bench.call.arguments.items():
        if type(value) is not int or name in bench.ties:
            continue
        for found in ranges:
            if any(one.get(name) != product(s[0][found.first : found.last]) for s, one in zip(seen, made, strict=True)):
                continue
            alike = {n for n, other in bench.call.arguments.items() if type(other) is int and other == value}
            for names in ({name}, alike):
                ties = bench.ties | dict.fromkeys(names, found)
                if any(_moves(bench, (0, axis), ties) for axis in range(found.first, found.last)):
                    bench.ties = ties
                    break
            if name in bench.ties:
                break


def _moves(bench: Bench, axis: Axis, ties: Mapping[str, AxisRange]) -> bool:
    """Whether an axis may have another size with these ties, and not without."""
    shapes = bench.call.shapes
    for axes in groups(shapes, axis):
        for size in others_of(shapes[axis[0]][axis[1]]):
            other = moved(shapes, axes, size)
            if bench.outcome(other, ties=ties) is not None:
                return bench.outcome(other) is None
    return False


def groups(shapes: Shapes, axis: Axis) -> list[tuple[Axis, ...]]:
    """An axis alone, with one other of its size, and with all of them."""
    size = shapes[axis[0]][axis[1]]
    alike = [(i, k) for i, shape in enumerate(shapes) for k, old in enumerate(shape) if old == size and (i, k) != axis]
    found = [(axis,), *((axis, other) for other in alike), (axis, *alike)]
    return [tuple(sorted(group)) for group in dict.fromkeys(found)]


def variables(bench: Bench, arguments: Sequence[str]) -> list[TrialSymbol]:
    """The sizes that may be others, and the whole numbers among these arguments."""
    shapes = bench.call.shapes
    found: list[TrialSymbol] = []
    for axis in [(i, k) for i, shape in enumerate(shapes) for k in range(len(shape))]:
        if any(axis in one.axes for one in found):
            continue
        old = shapes[axis[0]][axis[1]]
        for axes in groups(shapes, axis):
            taken = [size for size in others_of(old) if bench.outcome(moved(shapes, axes, size)) is not None]
            if taken:
                found.append(TrialSymbol(axes, "", (old, *taken)))
                break
    for name in arguments:
        value = bench.call.arguments[name]
        several = numbers_of(value)
        for at in [None] if several is None else range(len(several)):
            old: Any = value if several is None or at is None else several[at]
            tried = [with_number(value, at, n) for n in others_of(old)] if type(old) is int else []
            taken = [other for other in tried if bench.outcome(shapes, {name: other}) is not None]
            if taken:
                found.append(TrialSymbol((), name, (value, *taken[:4]), at))
    return found


def numbers_of(value: Any) -> list[Any] | None:
    """What is in a tuple or a list; None of anything else."""
    return list(cast("Sequence[Any]", value)) if isinstance(value, (tuple, list)) else None


def with_number(value: Any, at: int | None, number: int) -> Any:
    """An argument with another number, of a tuple at one of its places."""
    return number if at is None else type(value)([*value[:at], number, *value[at + 1 :]])
