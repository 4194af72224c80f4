"""The modules that torch lacks: joins of branches, auxiliary heads, and frozen norms.

`build.py` uses them, and `emit/python/` copies the source of each class that a network uses, its docstrings included,
into the file that it writes. So a class depends on torch only, and not on other definitions of this module except for
its bases.
"""

# torch's stubs leave out Sequential.forward. Off for the whole file: a comment in a class would be copied with it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """body(x) + shortcut(x), or body(x) + x without a shortcut. Both terms have the same shape."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """The sum; the body runs first."""
        y = self.body(x)
        return y + (x if self.shortcut is None else self.shortcut(x))


class Add(nn.Module):
    """The sum of what the branches make of the same x, all of one shape."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """The sum, from the first branch to the last."""
        first, *others = self.branches
        y = first(x)
        for branch in others:
            y = y + branch(x)
        return y


class Concat(nn.Module):
    """What the branches make of x, joined along `dim` (the batch is dim 0).

    With `split`, x is cut into that many equal chunks along the same dim, one for each branch.
    """

    def __init__(self, *branches: nn.Module, dim: int = 1, split: int | None = None) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.dim = dim
        self.split = split

    def forward(self, x: Tensor) -> Tensor:
        """The joined results, in the branches' order."""
        inputs = [x] * len(self.branches) if self.split is None else x.chunk(self.split, self.dim)
        results = [branch(part) for branch, part in zip(self.branches, inputs, strict=True)]
        return torch.cat(results, self.dim)


class Gate(nn.Module):
    """x · body(x), where body(x) may have size 1 along some axes."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """The input, scaled."""
        return x * self.body(x)


class Outputs(NamedTuple):
    """What a network with auxiliary heads gives in training: its output, and that of each head in turn."""

    output: Tensor
    aux: tuple[Tensor, ...]


class Auxiliary(nn.Module):
    """Identity, with a head on the side that runs in training only.

    `AuxiliarySequential`, somewhere around it, takes the head's result and returns it.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.result: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The input itself."""
        if self.training:
            self.result = self.body(x)
        return x

    def take(self) -> Tensor | None:
        """The head's last result, which is then forgotten: nothing outlives the step that made it."""
        result, self.result = self.result, None
        return result


class AuxiliarySequential(nn.Sequential):
    """A Sequential with `Auxiliary` heads inside: it gives `Outputs` in training, a plain tensor in eval."""

    def forward(self, input: Tensor) -> Tensor | Outputs:
        """The output, in training together with the results of the heads, in the order in which they ran."""
        output = super().forward(input)
        if not self.training:
            return output
        heads = [module.take() for module in self.modules() if isinstance(module, Auxiliary)]
        return Outputs(output, tuple(result for result in heads if result is not None))


class Frozen(nn.Module):
    """A norm that holds still: no gradients, and its running statistics stay while the network trains."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stays in eval mode, whatever the mode."""
        return super().train(False)


class FrozenBatchNorm1d(Frozen, nn.BatchNorm1d):
    """A BatchNorm1d that holds still."""


class FrozenBatchNorm2d(Frozen, nn.BatchNorm2d):
    """A BatchNorm2d that holds still."""


class FrozenBatchNorm3d(Frozen, nn.BatchNorm3d):
    """A BatchNorm3d that holds still."""


class FrozenSyncBatchNorm(Frozen, nn.SyncBatchNorm):
    """A SyncBatchNorm that holds still."""


class FrozenInstanceNorm1d(Frozen, nn.InstanceNorm1d):
    """An InstanceNorm1d that holds still."""


class FrozenInstanceNorm2d(Frozen, nn.InstanceNorm2d):
    """An InstanceNorm2d that holds still."""


class FrozenInstanceNorm3d(Frozen, nn.InstanceNorm3d):
    """An InstanceNorm3d that holds still."""
