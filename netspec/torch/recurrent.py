"""Recurrent layers that return a single tensor, so that they can be used in an `nn.Sequential`, and those whose states
are values like any other, with the batch first.

torch's classes return a pair: the outputs of every step and the last states. The parameters have torch's names, so a
state dict of `nn.LSTM` can be loaded. `emit/python` copies the source of the classes that a network uses, so no class
depends on another definition of this module.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn


class ChainRNN(nn.RNN):
    """An `nn.RNN` that returns one tensor: the outputs of every step, or the top layer's last state."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        if returns not in ("sequence", "last"):
            raise ValueError(f"returns is 'sequence' or 'last', not {returns!r}")
        self.returns = returns

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # one of torch's two
        """(N, L, I) → (N, L, D·H) for a sequence, (N, D·H) for the last state; D directions of H features."""
        steps, state = super().forward(x)
        if self.returns == "sequence":
            return steps
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]


class ChainLSTM(nn.LSTM):
    """An `nn.LSTM` that returns one tensor: the outputs of every step, or the top layer's last hidden state."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        if returns not in ("sequence", "last"):
            raise ValueError(f"returns is 'sequence' or 'last', not {returns!r}")
        self.returns = returns

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # one of torch's two
        """(N, L, I) → (N, L, D·H) for a sequence, (N, D·H) for the last state; D directions of H features."""
        steps, (state, _) = super().forward(x)
        if self.returns == "sequence":
            return steps
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]


class ChainGRU(nn.GRU):
    """An `nn.GRU` that returns one tensor: the outputs of every step, or the top layer's last state."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        if returns not in ("sequence", "last"):
            raise ValueError(f"returns is 'sequence' or 'last', not {returns!r}")
        self.returns = returns

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # one of torch's two
        """(N, L, I) → (N, L, D·H) for a sequence, (N, D·H) for the last state; D directions of H features."""
        steps, state = super().forward(x)
        if self.returns == "sequence":
            return steps
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]


class StatefulRNN(nn.RNN):
    """An `nn.RNN` that is given its state with the batch first, and returns it so beside its output."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        self.returns = returns

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch has the batch of states in the middle
        self, x: Tensor, h: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(N, L, I) and (N, S, H) → the output and (N, S, H); S states, one for each layer and direction."""
        y, state = super().forward(x, None if h is None else h.transpose(0, 1).contiguous())
        if self.returns == "last":
            y = torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]
        return y, state.transpose(0, 1)


class StatefulLSTM(nn.LSTM):
    """An `nn.LSTM` that is given its states with the batch first, and returns them so beside its output."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        self.returns = returns

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch has the batch of states in the middle
        self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(N, L, I), (N, S, H) and (N, S, C) → the output and both states; S is one for each layer and direction."""
        given = None
        if h is not None and c is not None:
            given = h.transpose(0, 1).contiguous(), c.transpose(0, 1).contiguous()
        y, (h, c) = super().forward(x, given)
        if self.returns == "last":
            y = torch.cat([h[-2], h[-1]], dim=1) if self.bidirectional else h[-1]
        return y, h.transpose(0, 1), c.transpose(0, 1)


class StatefulGRU(nn.GRU):
    """An `nn.GRU` that is given its state with the batch first, and returns it so beside its output."""

    def __init__(self, *args: Any, returns: Literal["sequence", "last"] = "sequence", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        self.returns = returns

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch has the batch of states in the middle
        self, x: Tensor, h: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(N, L, I) and (N, S, H) → the output and (N, S, H); S states, one for each layer and direction."""
        y, state = super().forward(x, None if h is None else h.transpose(0, 1).contiguous())
        if self.returns == "last":
            y = torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]
        return y, state.transpose(0, 1)


class StatefulLSTMCell(nn.LSTMCell):
    """An `nn.LSTMCell` that is given its two states one by one."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch takes a pair
        self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(N, I), (N, H) and (N, H) → both states of the next step, (N, H)."""
        return super().forward(x, None if h is None or c is None else (h, c))
