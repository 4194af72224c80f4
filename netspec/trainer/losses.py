"""The recipe's loss as a function of output and target."""

from __future__ import annotations

import torch
from torch import nn

from netspec.recipe.base import Loss
from netspec.trainer.step import LossFunction


def build_loss(loss: Loss, device: torch.device) -> LossFunction:
    """The loss's torch module with mean reduction, on `device`; class weights become a tensor there."""
    kind: type[nn.Module] = getattr(nn, type(loss).__name__)
    arguments = {
        name: torch.tensor(value, dtype=torch.float32) if isinstance(value, tuple) else value for name, value in loss
    }
    return kind(**arguments, reduction="mean").to(device)
