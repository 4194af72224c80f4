"""What carries out the classes of plugins: found by the name that the class's call gives, and made with care."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import nn

from netspec.arguments import Arguments
from netspec.diagnostics import PluginError
from netspec.layers.base import Layer, TorchCall
from netspec.plugins.asking import roots, told


def module_class(call: TorchCall, cls: type[Layer]) -> type[nn.Module]:
    """The module class that a call of a plugin's layer names.

    Raises:
        PluginError: its module cannot be imported, or has no such class.
    """
    found = _named(call, cls)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise PluginError(f"{_told(call, cls)}, is {found!r}, no subclass of `torch.nn.Module`")
    return found


def called(
    call: TorchCall,
    cls: type[Arguments],
    arguments: Mapping[str, Any],
    device: torch.device,
    suits: Callable[[Any], bool] = callable,
) -> Any:
    """What carries out a part of a recipe, made with these arguments: an instance of the class that its call names, a
    module on the device; or its function, which gets them at each call. `suits` says whether an instance can do it.

    Raises:
        PluginError: it is a plugin's, and is not there, refuses the arguments or has parameters.
    """
    if not cls.is_foreign():
        kind: Callable[..., Any] = getattr(import_module(call.module), call.target)
        return kind(**arguments).to(device)
    found = _named(call, cls)
    if not callable(found):
        raise PluginError(f"{_told(call, cls)}, is {found!r}, which cannot be called")
    if not isinstance(found, type):
        return partial(found, **arguments)
    try:
        made: Any = found(**arguments)
    except Exception as error:  # whatever the plugin's code raises
        raise PluginError(f"{_told(call, cls)}, cannot be made: {told(error, roots([cls]))}") from None
    if isinstance(made, nn.Module):
        if (own := untrained(made)) is not None:
            raise PluginError(f"{_told(call, cls)}, {own}")
        return made.to(device)
    if not suits(made):
        lacks = "cannot be called" if suits is callable else "has no `update`, `compute` and `reset`"
        raise PluginError(f"{_told(call, cls)}, makes {made!r}, which {lacks}")
    return made


def untrained(module: nn.Module) -> str | None:
    """Why a module beside the net will not do, as the predicate of a sentence: it has parameters, which nothing would
    train. None if it will."""
    own = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    if not own:
        return None
    return (
        f"has parameters of its own, `{own[0]}` among {len(own)}, which would not be trained: put them into the net, "
        "or set `requires_grad_(False)`"
    )


def _told(call: TorchCall, cls: type[Arguments]) -> str:
    return f"`{call.module}.{call.target}`, which `call` of `{cls.__name__}` names"


def _named(call: TorchCall, cls: type[Arguments]) -> Any:
    """What a call names.

    Raises:
        PluginError: its module cannot be imported, or has nothing of that name.
    """
    try:
        namespace = import_module(call.module)
    except (Exception, SystemExit) as error:  # the import runs the plugin's code
        raise PluginError(f"{_told(call, cls)}, cannot be imported: {told(error, roots([cls]))}") from None
    found: Any = getattr(namespace, call.target, None)
    if found is None:
        raise PluginError(f"{_told(call, cls)}, is not there")
    return found


def refused(layer: Layer, error: Exception, place: str) -> PluginError:
    """What a constructor's refusal of the arguments that a plugin's layer gives it is reported as."""
    return PluginError(
        f"the module of `{type(layer).__name__}` at {place} cannot be made: {told(error, roots([type(layer)]))}; "
        "`netspec.probe` holds a layer against the module that it builds"
    )
