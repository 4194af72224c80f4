"""The other side of the comparison: real torch modules on real CPU tensors.

Callers silence torch's warnings: many of them say that what is tried here will be refused one day.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import nn

from netspec.layers.base import TorchCall
from netspec.torch.measured import BATCH as BATCH
from netspec.torch.measured import batch_of as example
from netspec.torch.measured import buffers_of as buffers_of
from netspec.torch.measured import counting_flops as counting_flops
from netspec.torch.measured import macs_of as macs_of
from netspec.torch.measured import parameters_of as parameters_of


class Verdict(NamedTuple):
    """What torch made of a configuration: the output's shape and dtype without the batch, or the reason why not."""

    module: nn.Module | None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    reason: str = ""

    @property
    def accepted(self) -> bool:
        return self.module is not None


def construct(call: TorchCall) -> nn.Module:
    """The module that a call makes."""
    arguments = {
        name: construct(value) if isinstance(value, TorchCall) else value for name, value in call.arguments.items()
    }
    return getattr(import_module(call.module), call.target)(**arguments)


def first_of(result: Any) -> Any:
    """What flows on of what a module gives: the first, where it hands on its states, too."""
    return result[0] if isinstance(result, tuple) and all(isinstance(x, torch.Tensor) for x in result) else result


def judge(call: TorchCall, shape: tuple[int, ...], dtype: str, indices: int = 2) -> Verdict:
    """Build the module and run it in train and in eval mode."""
    try:
        module = construct(call)
        shapes: list[Any] = []
        for training in (True, False):
            result: Any = module.train(training)(example(shape, dtype, indices))
            shapes.append(getattr(result, "shape", None))
    except Exception as error:  # every refusal of torch's counts, whatever its type
        return Verdict(None, reason=f"{type(error).__name__}: {error}")
    if shapes[0] != shapes[1]:
        return Verdict(None, reason=f"gives {shapes[0]} in training and {shapes[1]} else")
    result = first_of(result)
    if not isinstance(result, torch.Tensor):
        return Verdict(None, reason=f"returns a {type(result).__name__}")
    return Verdict(module, tuple(result.shape), str(result.dtype).removeprefix("torch."))


def run(
    call: TorchCall, values: tuple[torch.Tensor, torch.Tensor]
) -> tuple[Verdict, tuple[torch.Tensor, torch.Tensor]]:
    """Build the module and run it on two given batches, the first in train mode, the second in eval mode.

    Returns the verdict on the second, and both results; the batches come back where that fails.
    """
    try:
        module = construct(call)
        # some layers write into their input
        trained = first_of(module.train()(values[0].clone())).detach()
        result = first_of(module.eval()(values[1].clone())).detach()
    except Exception as error:  # every refusal of torch's counts, whatever its type
        return Verdict(None, reason=f"{type(error).__name__}: {error}"), values
    if trained.shape != result.shape:
        return Verdict(None, reason=f"gives {tuple(trained.shape)} in training and {tuple(result.shape)} else"), values
    return Verdict(module, tuple(result.shape), str(result.dtype).removeprefix("torch.")), (trained, result)
