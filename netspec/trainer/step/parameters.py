"""Which parameters train, when, and in which layer they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from torch import nn

from netspec.diagnostics import UsageError

NORMS = (
    nn.modules.batchnorm._NormBase,  # pyright: ignore[reportPrivateUsage]  # the one base of all batch and instance norms
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Path and module of every module in a model, the model itself first."""
    yield from cast("Iterator[tuple[str, nn.Module]]", model.named_modules())  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped


def named(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    """Key, parameter and owning module of every parameter, in the order of the state dict."""
    for path, module in modules(model):
        for name, parameter in module.named_parameters(recurse=False):
            yield (f"{path}.{name}" if path else name), parameter, module


def matches(pattern: str, key: str, module: nn.Module) -> bool:
    """Whether a recipe's pattern matches a parameter with this key and owner: see `netspec.recipe.settings.Group`."""
    if "." in pattern:
        return fnmatchcase(key, pattern)
    if pattern == "norm":
        return isinstance(module, NORMS)
    return pattern in (key.rpartition(".")[2], type(module).__name__) or fnmatchcase(key, pattern)


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Set `requires_grad` to False for the parameters that match a pattern.

    Raises:
        UsageError: a pattern matches nothing.
    """
    parameters = list(named(model))
    for pattern in patterns:
        chosen = [parameter for key, parameter, module in parameters if matches(pattern, key, module)]
        if not chosen:
            raise UsageError(unmatched("freeze", pattern, parameters))
        for parameter in chosen:
            parameter.requires_grad_(False)


def train_mode(model: nn.Module, waiting: Collection[nn.Parameter] = ()) -> None:
    """Set train mode; but norms with only frozen parameters get eval mode, which freezes their statistics, too.

    Args:
        model: the model.
        waiting: parameters that are frozen for now, whether or not they require a gradient.
    """
    model.train()
    for module in model.modules():
        parameters = list(module.parameters(recurse=False))
        if (
            isinstance(module, NORMS)
            and parameters
            and not any(p.requires_grad and p not in waiting for p in parameters)
        ):
            module.eval()


def levels(model: nn.Module) -> dict[nn.Parameter, int]:
    """How many layers with weights stand behind that of each parameter, along the network's list: 0 for the last one.

    A layer is an item of the list, a turn of a loop too; a named body is taken apart into its items, and a block with
    branches is one. A normalisation belongs to the layer before it. A tied parameter belongs to the first layer that
    has it.
    """
    found: dict[nn.Parameter, int] = {}
    depth = -1
    for layer in _items(model):
        own = [parameter for parameter in layer.parameters() if parameter not in found]
        if not own:
            continue
        if depth < 0 or not isinstance(layer, NORMS):
            depth += 1
        found.update(dict.fromkeys(own, depth))
    return {parameter: depth - own for parameter, own in found.items()}


def _items(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if isinstance(child, nn.Sequential):
            yield from _items(child)
        else:
            yield child


class Thawing:
    """Freezes parameters for the first epochs of a run.

    They are parameters of the optimizer from the start, which leaves alone what has no gradient. With one process they
    require none; with several, whose exchange of gradients is fixed once, theirs are computed and dropped.

    Args:
        model: the model.
        waits: for how many epochs a parameter is frozen.
        alone: there is one process.
    """

    def __init__(self, model: nn.Module, waits: Mapping[nn.Parameter, int], *, alone: bool) -> None:
        self._model, self._waits, self._alone = model, waits, alone
        self.waiting: frozenset[nn.Parameter] = frozenset()
        """The parameters that do not train now."""
        self.stage = 0
        """How many times parameters have begun to train since the first epoch."""

    def begin(self, epoch: int) -> None:
        """Set what trains in an epoch, counted from 0."""
        waiting = frozenset(parameter for parameter, epochs in self._waits.items() if epoch < epochs)
        self.stage = len({epochs for epochs in self._waits.values() if epochs <= epoch})
        if waiting == self.waiting:
            return
        self.waiting = waiting
        if self._alone:
            for parameter in self._waits:
                parameter.requires_grad_(parameter not in waiting)
        for parameter in waiting:
            parameter.grad = None
        train_mode(self._model, waiting)

    def drop(self) -> None:
        """Drop the gradients of what does not train."""
        for parameter in self.waiting:
            parameter.grad = None


def unmatched(where: str, pattern: str, parameters: Iterable[tuple[str, Any, nn.Module]]) -> str:
    """A message about a pattern of the recipe that matches no parameter."""
    keys = [key for key, _, _ in parameters]
    shown = ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
    return f"`train.{where}`: the pattern `{pattern}` matches no parameter; there are {shown}"
