"""A module as it is before it runs: what could not be followed is refused, what is not there yet is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from netspec.capture.graph import NotCaptured
from netspec.capture.running.copying import copied
from netspec.capture.running.named import named_modules
from netspec.capture.running.users import passing, users_own
from netspec.capture.shaping.ties import check_memory


def check_followed(module: nn.Module) -> None:
    """Refuse a module that hides what it does.

    Raises:
        NotCaptured: it is compiled or quantised.
    """
    for path, part in named_modules(module).items():
        where = f"`{path}`" if path else "the module"
        if isinstance(part, torch.jit.ScriptModule):
            raise NotCaptured(
                f"{where} was compiled by `torch.jit`, which hides what it does: give the module before that"
            )
        if any(isinstance(value, torch.ScriptObject) for value in vars(part).values()):
            raise NotCaptured(
                f"{where} computes with packed weights, as quantised layers do, which no spec has: give the module "
                "before it is quantised"
            )
        if type(part).__module__.startswith("torch._dynamo"):
            raise NotCaptured(f"{where} was compiled by `torch.compile`: give the module before that, its `_orig_mod`")


def prepared(module: nn.Module, example: Sequence[Tensor]) -> nn.Module:
    """The module; a copy of it where its layers have their sizes from what they are given first, or where it computes
    with other floats than 32 bits, of which a spec says nothing.

    Raises:
        NotCaptured: it is compiled, or its parameters are not what they seem.
    """
    check_followed(module)
    if any(isinstance(value, (UninitializedParameter, UninitializedBuffer)) for value in _tensors(module)):
        module = _initialised(module, example)
    if any(value.is_inference() for value in _tensors(module)):
        raise NotCaptured(
            "the module was made in `torch.inference_mode`, in which nothing is followed: make it outside"
        )
    if any(value.dtype in _OTHER_FLOATS for value in _tensors(module)):
        module = copied(module, "the module cannot be copied to be run with 32 bits: {}").float()
    check_memory(module)
    return module


_OTHER_FLOATS: Final = (torch.float16, torch.bfloat16, torch.float64)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


@passing
def _initialised(module: nn.Module, example: Sequence[Tensor]) -> nn.Module:
    """A copy whose lazy layers have their sizes."""
    module = copied(module, "the module has lazy layers, and cannot be copied to give them sizes: {}")
    mode = module.training
    with torch.no_grad(), users_own("the module, whose lazy layers are given their sizes,"):
        module.eval()(*example)
    return module.train(mode)
