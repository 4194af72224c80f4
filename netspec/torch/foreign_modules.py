"""The module classes of plugins' layers: found by the name that the layer's call gives, and made with care."""

from __future__ import annotations

from importlib import import_module

from torch import nn

from netspec.diagnostics import PluginError
from netspec.layers.base import Layer, TorchCall
from netspec.plugins.asking import roots, told


def module_class(call: TorchCall, cls: type[Layer]) -> type[nn.Module]:
    """The module class that a call of a plugin's layer names.

    Raises:
        PluginError: its module cannot be imported, or has no such class.
    """
    named = f"`{call.module}.{call.target}`, which `call` of `{cls.__name__}` names"
    try:
        namespace = import_module(call.module)
    except (Exception, SystemExit) as error:  # the import runs the plugin's code
        raise PluginError(f"{named}, cannot be imported: {told(error, roots([cls]))}") from None
    found = getattr(namespace, call.target, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        what = "is not there" if found is None else f"is {found!r}, no subclass of `torch.nn.Module`"
        raise PluginError(f"{named}, {what}")
    return found


def refused(layer: Layer, error: Exception, place: str) -> PluginError:
    """What a constructor's refusal of the arguments that a plugin's layer gives it is reported as."""
    return PluginError(
        f"the module of `{type(layer).__name__}` at {place} cannot be made: {told(error, roots([type(layer)]))}; "
        "`netspec.probe` holds a layer against the module that it builds"
    )
