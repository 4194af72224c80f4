"""The other side of the comparison: real torch modules on real CPU tensors.

Callers silence torch's warnings: many of them say that what is tried here will be refused one day.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from netspec.layers.base import TorchCall

BATCH = 2


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


def example(shape: tuple[int, ...], dtype: str, indices: int = 2) -> torch.Tensor:
    """A batch of examples: random numbers, or integers below `indices`."""
    if dtype == "int64":
        return torch.randint(0, max(indices, 1), (BATCH, *shape))
    return torch.rand(BATCH, *shape)


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
        trained = module.train()(values[0].clone()).detach()
        result = module.eval()(values[1].clone()).detach()
    except Exception as error:  # every refusal of torch's counts, whatever its type
        return Verdict(None, reason=f"{type(error).__name__}: {error}"), values
    if trained.shape != result.shape:
        return Verdict(None, reason=f"gives {tuple(trained.shape)} in training and {tuple(result.shape)} else"), values
    return Verdict(module, tuple(result.shape), str(result.dtype).removeprefix("torch.")), (trained, result)


@contextmanager
def counting_flops() -> Iterator[FlopCounterMode]:
    """Torch's count of the floating-point operations inside, with everything off of which it counts nothing.

    Up to torch 2.14 that is the CPU's kernel for flash attention and the fast path of `MultiheadAttention`, and in
    every torch oneDNN's recurrent layers: each is one opaque operation. Warnings are silenced, since turning oneDNN off
    gives one.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            torch.backends.mkldnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def macs_of(module: nn.Module, shape: tuple[int, ...], dtype: str, indices: int = 2) -> float:
    """Multiply-accumulates that torch counts in one example's forward pass: half its floating-point operations."""
    with counting_flops() as counter:
        module.train()(example(shape, dtype, indices))
    return counter.get_total_flops() / 2 / BATCH


def parameters_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter."""
    return {name: tuple(value.shape) for name, value in module.named_parameters()}


def buffers_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every persistent buffer."""
    persistent = module.state_dict()
    return {name: tuple(value.shape) for name, value in module.named_buffers() if name in persistent}
