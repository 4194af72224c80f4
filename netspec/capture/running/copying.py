"""Copies of a module, in which a run may change what it likes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from types import CellType, FunctionType
from typing import Any, Final, cast

from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.running.making import note_copy
from netspec.capture.running.users import passing, told

_PROOF: Final = (
    "the module cannot be copied, which the proof needs: {}; `--unverified`, from Python `is_verified=False`, writes "
    "the spec without the proof"
)


@passing
def copied(module: nn.Module, why: str = _PROOF) -> nn.Module:
    """A copy of a module, in which nothing is what the module has. Tensors that it has computed and keeps, as weights
    of a norm's older hook are, are numbers in it.

    Args:
        module: the module.
        why: it is copied, and what else may be done, of which a format has the trouble.

    Raises:
        NotCaptured: it cannot be copied.
    """
    memo: dict[int, Any] = {id(kept): kept.detach().clone() for kept in _computed(module)}
    try:
        copied = copy.deepcopy(module, memo)
    except Exception as error:  # whatever the parts of a user's module raise
        raise NotCaptured(why.format(told(error))) from error
    for part, twin in zip(module.modules(), copied.modules(), strict=True):
        note_copy(twin, part)
        for name in (
            vars(twin).keys() - vars(part).keys()
        ):  # a copied decoder layer of torch's has `relu` before its unit
            vars(twin).pop(name)
        for name, value in vars(twin).items():
            if isinstance(value, FunctionType) and value.__closure__ is not None:
                vars(twin)[name] = _closed_over(value, value.__closure__, memo)
    for kept, twin in zip(module.parameters(), copied.parameters(), strict=True):
        for hook in dict(kept._backward_hooks or {}).values():  # a copy of a tensor has none
            twin.register_hook(hook)  # pyright: ignore[reportUnknownMemberType]  # torch's
    return copied


def _closed_over(function: FunctionType, cells: tuple[CellType, ...], memo: Mapping[int, Any]) -> FunctionType:
    """A function that a module has made, with the copies of what it reads: `self.f = lambda x: parts.act(x)`."""
    found = tuple(CellType(memo.get(id(cell.cell_contents), cell.cell_contents)) for cell in cells)
    return FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, found)


def _computed(module: nn.Module) -> Iterator[Tensor]:
    """The tensors that a module's parts keep and that were computed with gradients, of which torch makes no copies."""
    for part in module.modules():
        values: list[Any] = [*vars(part).values(), *part.buffers(recurse=False)]
        for value in values:
            several: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]  # of anything
            held = cast("Iterable[Any]", several) if isinstance(value, (dict, list, tuple)) else (value,)
            yield from (each for each in held if isinstance(each, Tensor) and not each.is_leaf)
