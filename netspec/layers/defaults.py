"""The defaults of torch's constructors, which builder and emitter leave out."""

from __future__ import annotations

from typing import Any, Final

from netspec.layers.base import Layer, TorchCall

REQUIRED: Final = object()
"""The value in `torch_defaults` of an argument that must always be passed."""


def torch_defaults(layer: Layer, call: TorchCall) -> dict[str, Any]:
    """The default of each argument of a layer's call in torch's constructor; `REQUIRED` if it has none.

    Builder and emitter leave out arguments that equal their default. torchvision's constructors have other defaults,
    and nothing holds those of a plugin's fields against its constructors, so all arguments are passed to both.
    """
    if layer.is_foreign() or call.module.partition(".")[0] == "torchvision":
        return dict.fromkeys(call.arguments, REQUIRED)
    fields = {name: field for name, field in type(layer).model_fields.items() if name != layer.width}
    defaults = {name: REQUIRED if field.is_required() else field.default for name, field in fields.items()}
    return {name: defaults.get(name, REQUIRED) for name in call.arguments}
