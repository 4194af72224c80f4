"""Keras's activations, by name or as layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from netspec.importing.keras.changes import StoredTensor, turned
from netspec.importing.keras.step import KerasStep
from netspec.importing.keras.values import KerasValue

NAMED: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "celu": ("CELU", {}),
    "elu": ("ELU", {}),
    "exponential": ("Exp", {}),
    "gelu": ("GELU", {}),
    "hard_shrink": ("Hardshrink", {}),
    "hard_sigmoid": ("Hardsigmoid", {}),
    "hard_silu": ("Hardswish", {}),
    "hard_swish": ("Hardswish", {}),
    "hard_tanh": ("Hardtanh", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.2}),
    "log_sigmoid": ("LogSigmoid", {}),
    "log_softmax": ("LogSoftmax", {}),
    "mish": ("Mish", {}),
    "relu": ("ReLU", {}),
    "relu6": ("ReLU6", {}),
    "selu": ("SELU", {}),
    "sigmoid": ("Sigmoid", {}),
    "silu": ("SiLU", {}),
    "soft_shrink": ("Softshrink", {}),
    "softmax": ("Softmax", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "swish": ("SiLU", {}),
    "tanh": ("Tanh", {}),
    "tanh_shrink": ("Tanhshrink", {}),
}
"""For each name the layer and its arguments."""
_ALONG: Final = ("Softmax", "LogSoftmax")


def activated(step: KerasStep, x: KerasValue) -> KerasValue:
    """A value behind the activation that a layer has as an argument."""
    found = step.given.get("activation")
    if isinstance(found, dict):
        layer = cast("dict[str, Any]", found)
        if layer.get("module") == "builtins" and isinstance(layer.get("config"), str):
            step.given.refuse("activation", "is a function of somebody's own, whose code is not in the file")
        inner = step.given.inner("activation")
        if inner.kind not in LAYERS:
            step.given.refuse("activation", "is no activation that is known here", shown=inner.kind)
        made = LAYERS[inner.kind](step.within(inner, "activation", [x], "activation"))
        inner.finish()
        return made
    if found is None or found == "linear":
        return x
    if not isinstance(found, str) or found not in NAMED:
        step.given.refuse("activation", f"is none of {', '.join(f'`{name}`' for name in NAMED)}")
    head, arguments = NAMED[found]
    return step.put(head, {**_along(x), **arguments} if head in _ALONG else arguments, x)


def _along(x: KerasValue) -> dict[str, int]:
    """The axis of the channels, which is Keras's last."""
    return {"dim": 1 if x.first else -1}


def activation(step: KerasStep) -> KerasValue:
    """`Activation`."""
    return activated(step, step.x)


def relu(step: KerasStep) -> KerasValue:
    """`ReLU`, perhaps with a slope below 0 or an upper end."""
    given = step.given
    slope, top = given.number("negative_slope", 0.0), given.get("max_value")
    given.must("threshold", 0, why="lets values begin elsewhere than at 0, for which there is no layer")
    if top is None:
        return step.put("LeakyReLU", {"negative_slope": slope}, step.x) if slope else step.put("ReLU", {}, step.x)
    if slope:
        given.refuse("max_value", "beside a `negative_slope`, for which there is no layer")
    top = given.number("max_value")
    return step.put("ReLU6", {}, step.x) if top == 6 else step.put("Clamp", {"min": 0, "max": top}, step.x)


def leaky_relu(step: KerasStep) -> KerasValue:
    """`LeakyReLU`, whose slope is another one in Keras if nothing is said."""
    slope = step.given.number("negative_slope" if step.given.get("alpha") is None else "alpha", 0.3)
    return step.put("LeakyReLU", {"negative_slope": slope}, step.x)


def elu(step: KerasStep) -> KerasValue:
    """`ELU`."""
    alpha = step.given.number("alpha", 1.0)
    return step.put("ELU", {} if alpha == 1 else {"alpha": alpha}, step.x)


def softmax(step: KerasStep) -> KerasValue:
    """`Softmax`, along one axis."""
    axis = step.given.get("axis", -1)
    dim = step.x.dim(axis) if type(axis) is int else None
    if dim is None:
        step.given.refuse("axis", "is none of the axes of what it is given")
    return step.put("Softmax", {"dim": -1 if dim == step.x.rank else dim}, step.x)


def prelu(step: KerasStep) -> KerasValue:
    """A slope for each value, shared along some axes: torch has one for each channel."""
    x = step.to_first(step.x)
    shared: Any = step.given.get("shared_axes") or []
    listed = cast("list[Any]", shared if isinstance(shared, list) else [shared])
    if set(range(1, x.rank)) - {one for one in listed if type(one) is int} or x.rank in listed:
        step.given.refuse("shared_axes", "leaves more than a slope for each channel, and torch has one for each")
    size = step.length(x)
    parts = x.parts

    def change(array: Any) -> Any:
        return turned(parts)(array.reshape(-1))

    weights = {"weight": StoredTensor("vars/0", (*(1,) * (x.rank - 1), size), change)}
    return step.put("PReLU", {"num_parameters": size, "init": 0.0}, x, weights=weights)


LAYERS: Final = {
    "Activation": activation,
    "ELU": elu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "ReLU": relu,
    "Softmax": softmax,
}
