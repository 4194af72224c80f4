"""Memory as torch measures it: the storages that autograd keeps."""

from __future__ import annotations

import torch
from torch import nn


def kept(module: nn.Module, *inputs: torch.Tensor) -> tuple[dict[int, int], torch.Tensor]:
    """Storage → bytes of all that a forward pass in training keeps for the backward pass, parameters and buffers
    excepted; and the output."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    found: dict[int, int] = {}
    alive: list[torch.Tensor] = []  # so that no two storages have the same address

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        alive.append(tensor)
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = module.train()(*inputs)
    return found, y
