"""The modules that torch lacks: joins of branches, auxiliary heads, and frozen norms.

`values` are what the branches read of values that have names (`graphs.py`); in a chain there are none. `build.py` makes
the modules, and `emit/python/` copies the source of those that a network uses into the file that it
writes. So each class stands on its own, imports torch alone, and reads well outside of netspec.
"""

from __future__ import annotations

import string
from collections import OrderedDict
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn


class Again(nn.Module):
    """Runs a module that stands elsewhere in the network, with its parameters."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._module = (module,)  # in a tuple: its parameters have one key each

    def forward(self, *inputs: Tensor) -> Any:
        """What that module gives."""
        return self._module[0](*inputs)


class Residual(nn.Module):
    """body(x) + shortcut(x), or body(x) + x without a shortcut. Both terms have the same shape."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The sum; the body runs first."""
        y = self.body(x, *values)
        return y + (x if self.shortcut is None else self.shortcut(x, *values))


class Add(nn.Module):
    """The sum of what the branches make of the same x; one may have size 1 along some axes of another."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The sum, from the first branch to the last."""
        first, *others = self.branches
        y = first(x, *values)
        for branch in others:
            y = y + branch(x, *values)
        return y


class Multiply(nn.Module):
    """The product of what the branches make of the same x; one may have size 1 along some axes of another."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The product, from the first branch to the last."""
        first, *others = self.branches
        y = first(x, *values)
        for branch in others:
            y = y * branch(x, *values)
        return y


class Each(nn.Module):
    """What the body makes of every slice along `dim` (the batch is dim 0): the slices are examples of one batch."""

    def __init__(self, body: nn.Module, dim: int = 1) -> None:
        super().__init__()
        self.body = body
        self.dim = dim

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The results, the axis where it was."""
        slices = x.movedim(self.dim, 1)
        y = self.body(slices.flatten(0, 1), *values)
        return y.reshape(-1, slices.shape[1], *y.shape[1:]).movedim(1, self.dim)


class Mixture(nn.Module):
    """The sum of what the `top` branches with the highest scores make of each vector: (…, D) → (…, F).

    The router gives (…, branches) of x. The weights are the softmax of the chosen scores; of all scores where they are
    not to be normalized. A branch runs once, on the vectors that chose it, which may be none.
    """

    def __init__(self, *branches: nn.Module, router: nn.Module, top: int, normalize: bool = True) -> None:
        super().__init__()
        self.router = router
        self.branches = nn.ModuleList(branches)
        self.top = top
        self.normalize = normalize

    def counts(self, chosen: Tensor) -> list[int]:
        """How many vectors each branch runs on; where there are no values, as if all chose the first branches."""
        if chosen.is_meta:
            return [chosen.shape[0] if i < self.top else 0 for i in range(len(self.branches))]
        counts = torch.bincount(chosen.flatten(), minlength=len(self.branches))
        return [int(count) for count in counts.cpu().unbind()]

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The weighted sums."""
        scores = self.router(x, *values).flatten(0, -2)
        if self.normalize:
            weights, chosen = scores.topk(self.top)
            weights = weights.softmax(-1)
        else:
            weights, chosen = scores.softmax(-1).topk(self.top)
        order = chosen.flatten().argsort(stable=True)  # branch by branch
        parts = torch.split_with_sizes(x.flatten(0, -2)[order // self.top], self.counts(chosen))
        y = torch.cat([branch(part, *values) for branch, part in zip(self.branches, parts, strict=True)])
        y = y[order.argsort()].view(*chosen.shape, y.shape[-1])
        return (y * weights.to(y.dtype).unsqueeze(-1)).sum(1).view(*x.shape[:-1], y.shape[-1])


class Concat(nn.Module):
    """What the branches make of x, joined along `dim` (the batch is dim 0).

    With `split`, x is cut into that many equal chunks along the same dim, one for each branch.
    """

    def __init__(self, *branches: nn.Module, dim: int = 1, split: int | None = None) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.dim = dim
        self.split = split

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The joined results, in the branches' order."""
        inputs = [x] * len(self.branches) if self.split is None else x.chunk(self.split, self.dim)
        results = [branch(part, *values) for branch, part in zip(self.branches, inputs, strict=True)]
        return torch.cat(results, self.dim)


class ConcatOverBatch(nn.Module):
    """As `Concat`, where the results of the branches `constant` may have a batch axis of 1, and are then repeated for
    each example."""

    def __init__(self, *branches: nn.Module, constant: tuple[int, ...], dim: int = 1, split: int | None = None) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.constant = constant
        self.dim = dim
        self.split = split

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The joined results, in the branches' order."""
        inputs = [x] * len(self.branches) if self.split is None else x.chunk(self.split, self.dim)
        results = [branch(part, *values) for branch, part in zip(self.branches, inputs, strict=True)]
        batch = max(y.shape[0] for y in results)
        for i in self.constant:
            results[i] = results[i].expand(batch, *results[i].shape[1:])
        return torch.cat(results, self.dim)


class Stack(nn.Module):
    """What the branches make of x, all of one shape, beside each other along a new axis `dim` (the batch is dim 0)."""

    def __init__(self, *branches: nn.Module, dim: int = 1) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.dim = dim

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The stacked results, in the branches' order."""
        return torch.stack([branch(x, *values) for branch in self.branches], self.dim)


class StackOverBatch(nn.Module):
    """As `Stack`, where the results of the branches `constant` have a batch axis of 1 and are repeated for each
    example."""

    def __init__(self, *branches: nn.Module, constant: tuple[int, ...], dim: int = 1) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.constant = constant
        self.dim = dim

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The stacked results, in the branches' order."""
        results = [branch(x, *values) for branch in self.branches]
        batch = max(y.shape[0] for y in results)
        for i in self.constant:
            results[i] = results[i].expand(batch, *results[i].shape[1:])
        return torch.stack(results, self.dim)


class Einsum(nn.Module):
    """What the branches make of x, multiplied and summed by a pattern of named axes: `"n i d, n j d -> n i j"`.

    The first result is contracted with the second, what comes of it with the third, and so on. An axis is summed as
    soon as neither a later branch nor the result has it.
    """

    def __init__(self, *branches: nn.Module, pattern: str) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.pattern = pattern
        inputs, result = pattern.split("->")
        left, *others = (operand.split() for operand in inputs.split(","))
        letters = dict(zip(dict.fromkeys(inputs.replace(",", " ").split()), string.ascii_letters, strict=False))
        self.equations: list[str] = []
        for i, right in enumerate(others):
            later = {*result.split(), *(name for names in others[i + 1 :] for name in names)}
            order = dict.fromkeys([name for name in left if name in right] + left + right)
            kept = [name for name in order if name in later] if i < len(others) - 1 else result.split()
            a, b, y = ("".join(letters[name] for name in names) for names in (left, right, kept))
            self.equations.append(f"{a},{b}->{y}")
            left = kept

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The contraction, from the first branch to the last."""
        first, *others = self.branches
        y = first(x, *values)
        for branch, equation in zip(others, self.equations, strict=True):
            y = torch.einsum(equation, y, branch(x, *values))
        return y


class Gate(nn.Module):
    """x · body(x), where body(x) may have size 1 along some axes."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The input, scaled."""
        return x * self.body(x, *values)


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

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """The input itself."""
        if self.training:
            self.result = self.body(x, *values)
        return x

    def take(self) -> Tensor | None:
        """The head's last result, which is then forgotten: nothing outlives the step that made it."""
        result, self.result = self.result, None
        return result


class AuxiliarySequential(nn.Sequential):
    """A Sequential with `Auxiliary` heads inside: it gives `Outputs` in training, a plain tensor in eval."""

    def forward(self, input: Tensor) -> Tensor | Outputs:
        """The output, in training together with the results of the heads, in the order in which they ran."""
        output = input
        for module in self:
            output = module(output)
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


class Layers(nn.Module):
    """Modules under the keys that an `nn.Sequential` gives them; a subclass says in `forward` what goes where.

    None leaves a number out, for what `forward` does without a module.
    """

    def __init__(self, *modules: nn.Module | OrderedDict[str, nn.Module] | None) -> None:
        super().__init__()
        for index, module in enumerate(modules):
            if isinstance(module, OrderedDict):
                for key, inner in module.items():
                    self.add_module(key, inner)
            elif module is not None:
                self.add_module(str(index), module)

    def __getitem__(self, key: int | str) -> nn.Module:
        """The module of this key."""
        return self.get_submodule(str(key))


class Chain(Layers):
    """A branch that is given values from outside: its layers begin with one of them, or with x where there is no start.

    `start` is the number of the value, counted from 0.
    """

    def __init__(self, *modules: nn.Module | OrderedDict[str, nn.Module], start: int | None = None) -> None:
        super().__init__(*modules)
        self._start = start

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """What the layers make of the value; the value itself without layers."""
        y = x if self._start is None else values[self._start]
        for layer in self.children():
            y = layer(y)
        return y
