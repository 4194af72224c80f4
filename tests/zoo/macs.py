"""Multiply-accumulates: netspec's rules against torch's `FlopCounterMode`, which counts each as two operations.

Torch counts products of matrices, convolutions, and attention, by the kernel that multiplies matrices. What adds, looks
up, normalises, multiplies elements or goes through a function counts as nothing there and in netspec's rules. So a net
and the module that is built of it are equal, layer by layer. Another module of the same network may say a product of
matrices as one of elements and a sum, or compute what it throws away: then its test states the number and the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

import netspec
from netspec.net import Net
from netspec.torch.measured import counting_flops
from tests.zoo import proof


def _without_batch_norm() -> AbstractContextManager[Any]:
    """On the meta device it takes half of the time, and gives a shape."""
    return patch.object(torch, "batch_norm", lambda x, *_: torch.empty_like(x))


def counted(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """The multiply-accumulates of a forward pass in eval mode of one example.

    A copy without data runs, on the meta device, where tensors that it makes on its way are, too.
    """
    model = proof.without_data(module)
    with torch.device("meta"), _without_batch_norm(), counting_flops() as counter:
        model.eval()(*(value.to("meta") for value in inputs))
    return counter.get_total_flops() // 2


def differing(net: Net) -> list[str]:
    """Where torch counts something else in the module of a net than the net says: the whole, and layer by layer.

    The module has no data, so that any size is counted at once.
    """
    model = netspec.build(net, device="meta").eval()
    inputs = without_data(net)
    with _without_batch_norm(), counting_flops() as counter:
        model(*inputs)
    total = counter.get_total_flops() // 2
    if total == net.macs:
        return []
    counts = counter.get_flop_counts()
    name = type(model).__name__
    said = [f"torch counts {total:,} multiply-accumulates, the net says {net.macs:,}"]
    for leaf in net.layers:
        found = sum(counts.get(f"{name}.{leaf.path}", {}).values()) // 2
        if found != leaf.macs:
            said.append(f"layer {leaf.path}, {leaf.type}: torch counts {found:,}, its rule {leaf.macs:,}")
    return said


def without_data(net: Net) -> tuple[Tensor, ...]:
    """One example of each input, on the meta device."""
    with torch.device("meta"):
        return tuple(
            torch.empty([1, *(int(size) for size in value.type.shape)], dtype=getattr(torch, value.type.dtype))  # type: ignore[arg-type]
            for value in net.inputs
        )
