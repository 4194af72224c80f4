"""Build the recipe's optimizer for a model: parameter groups, learning rates as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import signature, unwrap
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.recipe.resolved import Recipe
from netspec.recipe.settings import Group
from netspec.trainer.machine.divided import is_divided, local, sample
from netspec.trainer.step.parameters import Thawing, levels, matches, named, unmatched

Owners = Mapping[nn.Parameter, Sequence[tuple[str, nn.Module]]]
"""Keys and modules of each trainable parameter; several if it is tied."""


def _owners(model: nn.Module) -> Owners:
    owners: dict[nn.Parameter, list[tuple[str, nn.Module]]] = {}
    for key, parameter, module in named(model):
        if parameter.requires_grad:
            owners.setdefault(parameter, []).append((key, module))
    return owners


class Grouped(NamedTuple):
    """A group of the optimizer."""

    values: dict[str, Any]
    """Its parameters, and what the recipe says of them, as torch's optimizers take it."""
    scale: float = 1.0
    """By what its learning rate is multiplied, whatever the schedule makes of it."""


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[Grouped]:
    """The trainable parameters as groups of the optimizer. A parameter belongs to the first group of the recipe that
    matches it, by any of its keys if it is tied.

    Raises:
        UsageError: a pattern matches nothing, no parameter is trainable, or two groups match a tied parameter by
            different keys.
    """
    owners = _owners(model)
    if not owners:
        raise UsageError("nothing to train: the net has no parameters, or all of them are frozen")
    for where, pattern in [("groups", p) for g in recipe.groups for p in g.parameters] + [
        ("no_decay", p) for p in recipe.no_decay
    ]:
        if not any(matches(pattern, key, module) for key, _, module in named(model)):
            raise UsageError(unmatched(where, pattern, list(named(model))))
    behind = levels(model) if recipe.layer_decay != 1 else {}
    found: dict[tuple[float, tuple[tuple[str, float], ...]], list[nn.Parameter]] = {}
    for parameter, keys in owners.items():
        scale = recipe.layer_decay ** behind.get(parameter, 0)
        found.setdefault((scale, tuple(_own_values(keys, recipe))), []).append(parameter)
    return [Grouped({"params": members, **dict(values)}, scale) for (scale, values), members in found.items()]


def thawing(model: nn.Module, recipe: Recipe, *, alone: bool) -> Thawing:
    """What freezes the parameters of the recipe's groups for the first epochs; the first epoch is set.

    Raises:
        UsageError: nothing trains in the first epoch.
    """
    owners = _owners(model)
    groups = {parameter: _group(keys, recipe) for parameter, keys in owners.items()}
    waits = {parameter: group.freeze for parameter, group in groups.items() if group is not None and group.freeze}
    if len(waits) == len(owners):
        raise UsageError(
            "nothing trains in the first epoch: the groups of `train.groups` with `freeze` have all parameters that "
            "are not frozen for good; leave `freeze` out of one"
        )
    found = Thawing(model, waits, alone=alone)
    found.begin(0)
    return found


def _own_values(keys: Sequence[tuple[str, nn.Module]], recipe: Recipe) -> Iterator[tuple[str, float]]:
    """What the recipe says of a parameter with these keys: several if it is tied."""
    group = _group(keys, recipe)
    if group is not None and group.lr is not None:
        yield "lr", group.lr
    if group is not None and group.weight_decay is not None:
        yield "weight_decay", group.weight_decay
    elif any(matches(p, key, module) for p in recipe.no_decay for key, module in keys):
        yield "weight_decay", 0.0


def _group(keys: Sequence[tuple[str, nn.Module]], recipe: Recipe) -> Group | None:
    """The first group of the recipe that matches a parameter, by any of its keys."""
    matching = [
        (group, [key for key, module in keys if any(matches(p, key, module) for p in group.parameters)])
        for group in recipe.groups
    ]
    matching = [(group, by) for group, by in matching if by]
    if not matching:
        return None
    first, known = matching[0]
    for other, by in matching[1:]:
        if not set(by) & set(known):  # else it matches a key of the first one's, too, and comes too late
            raise UsageError(
                f"`train.groups`: `{known[0]}` and `{by[0]}` are one parameter, which is tied, but one group matches "
                f"it by the one key ({_patterns(first)}) and another by the other ({_patterns(other)}); name it in one "
                "of them"
            )
    return first


def _patterns(group: Group) -> str:
    return ", ".join(f"`{pattern}`" for pattern in group.parameters)


@dataclass(frozen=True)
class Optimization:
    """An optimizer and its capabilities."""

    optimizer: torch.optim.Optimizer
    fused: bool
    """True if the optimizer is a fused kernel, which skips the update if its tensor `found_inf` is 1."""
    tensor_lr: bool
    """True if the learning rates are tensors on the device, which a recorded step reads at each replay."""
    labels: tuple[str, ...]
    """What tells the learning rate of each group apart: the first pattern of the recipe's group that says it; empty for
    that of the optimizer."""
    scales: tuple[float, ...]
    """By what the learning rate of each group is multiplied."""

    def step(self) -> None:
        """Update the parameters.

        That is what `optimizer.step()` calls in the end. On the way torch opens a range for its profiler and calls
        hooks, of which there are none: on a CPU more than a third of the time of a small net's update.
        """
        with torch.no_grad():
            unwrap(type(self.optimizer).step)(self.optimizer)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters of the optimizer."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def state_on(self, device: torch.device) -> list[Tensor]:
        """The tensors of the optimizer's state that are on a device; of divided ones this process's part."""
        kept = (value for state in self.optimizer.state.values() for value in state.values())
        return [mine for v in kept if isinstance(v, Tensor) and (mine := local(v)).device == device]

    def set_lr(self, rates: Sequence[float]) -> None:
        """Set the learning rate of each group, in place if it is a tensor."""
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def set_momentum(self, momenta: Sequence[dict[str, Any]]) -> None:
        """Set `momentum` or `betas` of each group, for schedules that cycle them."""
        for group, values in zip(self.optimizer.param_groups, momenta, strict=True):
            group.update(values)


def build_optimizer(model: nn.Module, recipe: Recipe, device: torch.device) -> Optimization:
    """Build the recipe's optimizer, fused if torch has a fused kernel of it for the device.

    Raises:
        UsageError: see `parameter_groups`; or the model is divided, and torch's optimizer cannot update such.
    """
    kind: Any = getattr(torch.optim, type(recipe.optimizer).__name__)
    arguments = dict(recipe.optimizer)
    grouped = parameter_groups(model, recipe)
    groups = [group.values for group in grouped]
    labels = tuple(_label(recipe, group.get("lr")) for group in groups)
    known = signature(kind).parameters
    # fp16 may skip the first step, after which a fused kernel would read uninitialised state
    unready = recipe.precision == "fp16" and recipe.optimizer.first_step_differs
    example = next(parameter for group in groups for parameter in group["params"])
    fused = "fused" in known and not unready and _fuses(kind, device)
    if is_divided(example):
        fused = fused and _refusal(kind, sample(example), {"lr": torch.ones((), device=device), "fused": True}) is None
        if not fused and (why := _refusal(kind, sample(example), arguments)) is not None:
            raise UsageError(
                f"`{recipe.optimizer.name()}` cannot update a net that is divided among processes (torch: {why}); take "
                f"another optimizer, or leave out {option('shard', True)}"
            )
    capturable = device.type == "cuda" and "capturable" in known
    tensor_lr = fused or capturable
    if tensor_lr:
        for group in groups:
            rate = group.get("lr", arguments["lr"])
            group["lr"] = torch.tensor(rate, dtype=torch.float32, device=device)
        arguments["lr"] = torch.tensor(arguments["lr"], dtype=torch.float32, device=device)
    extra = {"fused": True} if fused else {"foreach": True} if capturable else {}
    if capturable:
        extra["capturable"] = True
    optimizer: torch.optim.Optimizer = kind(groups, **arguments, **extra)
    _start_from_zeros(optimizer, recipe.optimizer.from_zeros)
    return Optimization(optimizer, fused, tensor_lr, labels, tuple(group.scale for group in grouped))


def _label(recipe: Recipe, rate: float | None) -> str:
    """What tells the learning rate of a group apart."""
    return next((group.parameters[0] for group in recipe.groups if rate is not None and group.lr == rate), "")


@cache
def _fuses(kind: Any, device: torch.device) -> bool:
    """Whether torch has a fused kernel of an optimizer for a device. That depends on the release (Adagrad of 2.11 has
    one for the CPU only), and an error is raised by `step` only, so a step is tried."""
    return _refusal(kind, torch.zeros(1, device=device), {"lr": torch.ones((), device=device), "fused": True}) is None


def _refusal(kind: Any, values: Tensor, arguments: Mapping[str, Any]) -> str | None:
    """Why an optimizer cannot make a step with such values, in torch's words; None if it can."""
    parameter = nn.Parameter(values)
    parameter.grad = torch.zeros_like(parameter)
    try:
        kind([parameter], **arguments).step()
    except RuntimeError as error:
        return next(iter(str(error).splitlines()), type(error).__name__).partition(". ")[0].rstrip(".")
    return None


def _start_from_zeros(optimizer: torch.optim.Optimizer, names: Sequence[str]) -> None:
    """Initialise states with zeros, where the updates are then the same.

    torch creates them in the first step. But if that step is skipped (as with fp16, whose loss scale starts too large),
    a fused kernel leaves them uninitialised; and a recorded first step would create them again at every replay.
    """
    for group in optimizer.param_groups if names else ():
        for parameter in group["params"]:
            optimizer.state[parameter].update({name: torch.zeros_like(parameter) for name in names})
