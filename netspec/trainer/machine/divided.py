"""Tensors of which each process holds a part: DTensors, as FSDP2 makes them of parameters.

Everything else of the trainer asks here, so that it need not know which tensors are divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def _parts(tensor: Tensor) -> DTensor | None:
    """The tensor if it is divided; else None."""
    if type(tensor) in (Tensor, nn.Parameter) or not dist.is_available():
        return None
    from torch.distributed.tensor import DTensor  # not every build of torch has it

    return tensor if isinstance(tensor, DTensor) else None


def is_divided(tensor: Tensor) -> bool:
    """True if this process holds only its part of the tensor."""
    return _parts(tensor) is not None


def local(tensor: Tensor) -> Tensor:
    """This process's part of a tensor, which shares its memory; the tensor itself if it is not divided."""
    parts = _parts(tensor)
    return tensor if parts is None else parts.to_local()


def whole(tensor: Tensor) -> Tensor:
    """The whole tensor, on the device of its part. A collective call if it is divided."""
    parts = _parts(tensor)
    return tensor if parts is None else parts.full_tensor()


def divided_as(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, which all processes have, divided as another of the same shape; itself if that is not divided."""
    return value if is_divided(value) or value.shape != like.shape else _divided(value, like)


def sample(like: Tensor) -> Tensor:
    """A small matrix of zeros that is placed, and divided, as another tensor is."""
    return _divided(torch.zeros(4, 4, device=local(like).device), like)


def _divided(value: Tensor, like: Tensor) -> Tensor:
    parts = _parts(like)
    if parts is None:
        return value
    from torch.distributed.tensor import distribute_tensor

    moved = value.to(local(like).device)
    return distribute_tensor(moved, parts.device_mesh, parts.placements, src_data_rank=None)
