"""What torch says of one module on real tensors: operations, parameters, buffers, and the memory that autograd keeps.

Layers are held against it: netspec's own by the tests, a plugin's by `netspec.probe`.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from netspec.layers.base import Saved, TensorType

BATCH: Final = 2


def batch_of(shape: tuple[int, ...], dtype: str, indices: int = 2) -> Tensor:
    """Two examples: random numbers, or integers below `indices`."""
    if dtype == "int64":
        return torch.randint(0, max(indices, 1), (BATCH, *shape))
    values = torch.rand(BATCH, *shape)
    return values < 0.5 if dtype == "bool" else values


@contextmanager
def counting_flops() -> Generator[FlopCounterMode]:
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


def further(others: Mapping[str, tuple[TensorType, ...]]) -> tuple[Tensor, ...]:
    """Batches of the further tensors that a layer is given, by their types, of which each size is a number."""
    return tuple(
        batch_of(cast("tuple[int, ...]", type_.shape), type_.dtype) for types in others.values() for type_ in types
    )


def first(result: Any) -> Tensor:
    """The first of several results, or the one."""
    return result[0] if isinstance(result, tuple) else result  # pyright: ignore[reportUnknownVariableType]  # any tuple


def macs_of(module: nn.Module, shape: tuple[int, ...], dtype: str, indices: int = 2, *others: Tensor) -> float:
    """Multiply-accumulates that torch counts in one example's forward pass: half its floating-point operations."""
    with counting_flops() as counter:
        module.train()(batch_of(shape, dtype, indices), *others)
    return counter.get_total_flops() / 2 / BATCH


def parameters_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter."""
    return {name: tuple(value.shape) for name, value in module.named_parameters()}


def buffers_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every persistent buffer."""
    persistent = module.state_dict()
    return {name: tuple(value.shape) for name, value in module.named_buffers() if name in persistent}


def kept(module: nn.Module, *inputs: Tensor) -> tuple[dict[int, int], Tensor]:
    """Storage → bytes of all that a forward pass in training keeps for the backward pass, parameters and buffers
    excepted; and the output, the first of several."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    found: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no two storages have the same address

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        alive.append(tensor)
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = module.train()(*inputs)
    return found, first(y)


def kept_by_rule(saved: Saved, x: Tensor, y: Tensor) -> int:
    """Bytes that a rule says are kept for the backward pass of a batch on a CPU."""
    per_example: Any = 4 * (saved.extra + saved.mask + saved.cpu) + 8 * saved.indices
    whole: Any = 4 * saved.statistics
    return saved.input * x.nbytes + saved.output * y.nbytes + len(x) * per_example + whole
