"""Divide a model among the processes (FSDP2), so that each holds a part of the parameters and of what belongs to them.

The units are the spec's own blocks: a unit is whole in every process while it runs, and its parts are elsewhere while
it does not. Source: https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import nn

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.torch.modules import Again
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.options import Options

_SMALL, _LARGE = 1 / 100, 1 / 8
"""Of all values of the parameters: a block with a smaller share is no unit of its own, and one with a larger share is
divided further, as far as it has blocks."""


def check_division(options: Options, world: World) -> None:
    """Require what dividing a net needs.

    Raises:
        UsageError: there is one process, or another option does not go with it.
    """
    asked = option("shard", True)
    if world.alone:
        raise UsageError(
            f"{asked} divides a net among the processes of a run, and here is one (so are a dry run and autotuning): "
            f"start several with `torchrun`, or say {option('shard', False)}"
        )
    for name, meaning in (("compile", "a compiled net"), ("channels_last", "parameters with channels last")):
        if getattr(options, name):
            raise UsageError(f"{asked}: {meaning} cannot be divided; leave out {option(name, True)}")


def divide(model: nn.Module, net: Net, world: World, device: torch.device) -> None:
    """Divide a model in place; its parameters become DTensors, and it moves to the device part by part.

    Args:
        model: the model of the net, on the CPU.
        net: the net.
        world: the processes.
        device: the device of this process.
    """
    from torch.distributed.device_mesh import init_device_mesh  # not every build of torch has them
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (world.size,))
    for unit in [*units(model, {leaf.path for leaf in net.layers}), model]:
        fully_shard(unit, mesh=mesh, reshard_after_forward=True)


def units(model: nn.Module, leaves: set[str]) -> list[nn.Module]:
    """The modules of a model that are gathered and let go of as one.

    A parameter that several modules read belongs to none of them but to the model, and so is there all the time.

    Args:
        model: the model.
        leaves: the paths of its layers, which are not taken apart.
    """
    bound = _bound(model)
    total = sum(parameter.numel() for parameter in model.parameters())
    return list(_below(model, "", leaves, bound, total))


def _below(module: nn.Module, path: str, leaves: set[str], bound: set[nn.Parameter], total: int) -> Iterator[nn.Module]:
    for name, child in module.named_children():
        place = f"{path}.{name}" if path else name
        parameters = list(child.parameters())
        share = sum(parameter.numel() for parameter in parameters) / max(total, 1)
        if share < _SMALL:
            continue
        opens = place not in leaves and bool(list(child.children()))
        called = not isinstance(child, nn.ModuleList | nn.ModuleDict)
        if called and not bound.intersection(parameters) and (share <= _LARGE or not opens):
            yield child
        elif opens:
            yield from _below(child, place, leaves, bound, total)


def _bound(model: nn.Module) -> set[nn.Parameter]:
    """The parameters that several modules read: those that are tied, and those of modules that run again elsewhere."""
    modules = list(model.modules())
    owned = Counter(parameter for module in modules for parameter in module.parameters(recurse=False))
    found = {parameter for parameter, count in owned.items() if count > 1}
    for module in modules:
        if isinstance(module, Again):
            found.update(cast("tuple[Any, ...]", vars(module)["_module"])[0].parameters())
    return found
