"""Recurrent layers that hand on one tensor, so that they fit a chain.

Torch's return a pair, the outputs of every step and the last states. The parameters keep torch's names, so a
`state_dict` of `nn.LSTM` fits. `emit/python` copies the classes that a network uses, so each stands on its own.
"""

# A forward that returns one tensor is what these classes are for; torch declares a pair, and leaves out some types. Off
# for the whole file: a comment in a class would be copied with it.
# pyright: reportIncompatibleMethodOverride=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn


class ChainRNN(nn.RNN):
    """An `nn.RNN` that returns one tensor: the outputs of every step, or the top layer's last state."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if returns not in ("sequence", "last"):
            raise ValueError(f"returns is 'sequence' or 'last', not {returns!r}")
        self.returns = returns

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, I) → (N, L, D·H) for a sequence, (N, D·H) for the last state; D directions of H features."""
        steps, state = super().forward(x)
        if self.returns == "sequence":
            return steps
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]


class ChainLSTM(nn.LSTM):
    """An `nn.LSTM` that returns one tensor: the outputs of every step, or the top layer's last hidden state."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if returns not in ("sequence", "last"):
            raise ValueError(f"returns is 'sequence' or 'last', not {returns!r}")
        self.returns = returns

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, I) → (N, L, D·H) for a sequence, (N, D·H) for the last state; D directions of H features."""
        steps, (state, _) = super().forward(x)
        if self.returns == "sequence":
            return steps
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]


class ChainGRU(nn.GRU):
    """An `nn.GRU` that returns one tensor: the outputs of every step, or the top layer's last state."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if returns not in ("sequence", "last"):
            raise ValueError(f"returns is 'sequence' or 'last', not {returns!r}")
        self.returns = returns

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, I) → (N, L, D·H) for a sequence, (N, D·H) for the last state; D directions of H features."""
        steps, state = super().forward(x)
        if self.returns == "sequence":
            return steps
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]
