"""What `from_torch` is given, and the state of torch in which it works, whatever the program around it has set."""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.graph import Traced
from netspec.diagnostics import UsageError


def check_given(module: Any, example: Sequence[Any]) -> None:
    """Refuse what is no module, and what a spec has no input for.

    Raises:
        TypeError: the module is none.
        UsageError: an argument is no tensor with a batch, or of another dtype.
    """
    if not isinstance(module, nn.Module):
        what = f"the class `{module.__name__}`" if isinstance(module, type) else f"a `{type(module).__name__}`"
        raise TypeError(f"netspec.from_torch wants a module of torch's, not {what}")
    if not example:
        raise UsageError("from_torch runs the module: give it an example, the batch first, behind the module")
    for number, value in enumerate(example, 1):
        trouble = _trouble(value)
        if trouble:
            raise UsageError(f"argument {number} of the example is {trouble}")


def _trouble(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"a `{type(value).__name__}` and no tensor: {TAKES_TENSORS}"
    if value.dim() == 0:
        return "one number, and has no axis for the batch"
    if not value.is_floating_point() and value.dtype not in (torch.int64, torch.bool):
        return f"of {str(value.dtype).removeprefix('torch.')}, which no spec has: float32, int64 or bool"
    return ""


TAKES_TENSORS: Final = (
    "a spec's network takes tensors; a module that takes a dict, a list or a number is given it by a module of yours "
    "around it, whose `forward` takes each tensor by itself"
)


def title_of(name: str) -> str:
    """A name that a spec may have, of one that a class or a file has."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:64] or "network"


def given_names(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[Traced, str]:
    """What the `forward` of a module calls the tensors that it is given."""
    try:
        bound = inspect.signature(module.forward).bind(*args, **kwargs)
    except (TypeError, ValueError):  # it has no signature that can be read, or is called otherwise
        return {}
    return {value: name for name, value in bound.arguments.items() if isinstance(value, Traced)}


@contextmanager
def usual_torch() -> Generator[None]:
    """With gradients, and with tensors that are made on the CPU, floats with 32 bits. What is drawn in here does not
    change what is drawn afterwards."""
    dtype, is_away = torch.get_default_dtype(), torch.get_default_device().type != "cpu"
    drawn, drawn_by_torch = random.getstate(), torch.get_rng_state()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.device("cpu") if is_away else nullcontext():
            yield
    finally:
        torch.set_default_dtype(dtype)
        random.setstate(drawn)
        torch.set_rng_state(drawn_by_torch)
