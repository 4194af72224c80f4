"""How often a module's output has the batch: a layer gives it once, whatever it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.lacking import BEYOND
from netspec.capture.running.modes import as_it_was
from netspec.capture.running.named import named_modules
from netspec.capture.running.runs import all_resized, tensors_of

_BATCHES: Final = (2, 3)


def check_batch(kind: type[nn.Module], module: nn.Module, example: Sequence[Tensor]) -> None:
    """Require that what the modules of a class give has the batch once.

    Args:
        kind: the class.
        module: the network in which they are.
        example: its arguments.

    Raises:
        NotCaptured: the sizes of an output grow with the batch in two axes, or in none.
    """
    for less, more in zip(*(_sizes(kind, module, example, batch) for batch in _BATCHES), strict=False):
        grown = [i for i, (a, b) in enumerate(zip(less, more, strict=False)) if a != b]
        if len(grown) == 1 or len(less) != len(more):
            continue
        sizes = [_told(size, is_grown=i in grown) for i, size in enumerate(less)]
        raise NotCaptured(
            f"no layer can be made of `{kind.__qualname__}`: it gives ({', '.join(sizes)}), N for the batch, which it "
            f"has {'in several axes' if grown else 'nowhere'}",
            mend=BEYOND,
        )


def _told(size: int, *, is_grown: bool) -> str:
    if not is_grown:
        return str(size)
    times, rest = divmod(size, _BATCHES[0])
    return "N" if times == 1 and not rest else f"N · {times}" if not rest else "N …"


def _sizes(kind: type[nn.Module], module: nn.Module, example: Sequence[Tensor], batch: int) -> list[tuple[int, ...]]:
    """The shapes of all tensors that modules of a class give in a run, in order."""
    found: list[tuple[int, ...]] = []

    def after(part: nn.Module, args: Any, result: Any) -> None:
        found.extend(tuple(tensor.shape) for tensor in tensors_of(result))

    hooks = [part.register_forward_hook(after) for part in named_modules(module).values() if type(part) is kind]
    try:
        with as_it_was(module), torch.no_grad():
            module.eval()(*all_resized(example, batch))
    finally:
        for hook in hooks:
            hook.remove()
    return found
