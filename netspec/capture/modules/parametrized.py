"""Weights that are computed of others: `parametrize` in a spec. Torch's parametrizations, its older hooks, and weights
that a program standardises by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.weight_norm import WeightNorm as WeightHook

from netspec.capture.graph import Traced
from netspec.capture.modules.binding import bound
from netspec.net import PARAMETRIZED
from netspec.torch.units import WeightStandardization as StandardizedWeight

_TORCHS: Final[Any] = parametrizations
_WEIGHT: Final = f"{PARAMETRIZED}weight."


class ParametrizedWeight(NamedTuple):
    """How a weight is computed."""

    option: str | dict[str, dict[str, Any]]
    """What `parametrize` says."""
    names: Mapping[str, str]
    """For each name in the module, below the layer, that in the spec's layer, where it is another."""


def parametrized(module: nn.Module) -> ParametrizedWeight | None:
    """How the weight of a layer is computed, where a spec says that too; None if it does not."""
    if hasattr(module, "parametrizations"):
        lists: Any = module.parametrizations
        if list(lists) != ["weight"] or len(lists["weight"]) != 1:
            return None
        return _of_torch(lists["weight"][0], module)
    inside: dict[str, Any] = vars(module)
    hooks: list[Any] = list(inside["_forward_pre_hooks"].values())
    if inside["_forward_hooks"] or len(hooks) != 1:
        return None
    hook = hooks[0]
    if isinstance(hook, WeightHook) and hook.name == "weight":
        names = {"weight_g": f"{_WEIGHT}original0", "weight_v": f"{_WEIGHT}original1"}
        return ParametrizedWeight(_option("weight_norm", dim=(_dim(hook.dim), 0)), names)
    return None  # the older hook of the spectral norm steps in another order


def _of_torch(part: Any, module: nn.Module) -> ParametrizedWeight | None:
    if isinstance(part, _TORCHS._WeightNorm):
        return ParametrizedWeight(_option("weight_norm", dim=(_dim(part.dim), 0)), {})
    if isinstance(part, _TORCHS._SpectralNorm):
        return ParametrizedWeight(_spectral(part, module), {})
    if isinstance(part, StandardizedWeight):
        original: Any = module.get_parameter(f"{_WEIGHT}original")
        gain = part.gain is not None
        gamma = round(part.scale * original[0].numel() ** 0.5, 12) if gain else 1.0
        option = _option("weight_standardization", eps=(part.eps, 1e-6), gain=(gain, False), gamma=(gamma, 1.0))
        return ParametrizedWeight(option, {})
    return None


def _spectral(part: Any, module: nn.Module) -> str | dict[str, dict[str, Any]]:
    usual = 1 if isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)) else 0
    dim = None if part.dim == usual else part.dim
    return _option(
        "spectral_norm", n_power_iterations=(part.n_power_iterations, 1), eps=(part.eps, 1e-12), dim=(dim, None)
    )


def _dim(dim: int | None) -> int | None:
    """Torch's -1 is no axis at all."""
    return None if dim == -1 else dim


def _option(word: str, **given: tuple[Any, Any]) -> str | dict[str, dict[str, Any]]:
    """What `parametrize` says, without the values that are the defaults."""
    found = {name: value for name, (value, default) in given.items() if value != default}
    return {word: found} if found else word


# ---- by a program


class ComputedWeight(NamedTuple):
    """A weight that a program standardises."""

    weight: Traced
    option: str | dict[str, dict[str, Any]]
    keys: dict[str, str]


_MOVES: Final = frozenset(("reshape", "reshape_as", "view", "view_as"))


def standardized(weight: Traced) -> ComputedWeight | None:
    """The parameter of a weight that has mean 0 and variance 1 for each output, as timm's `StdConv2d` does it."""
    norm = _moved(weight).maker
    if norm is None or norm.name != "batch_norm":
        return None
    given = bound(
        norm, "input running_mean running_var weight=None bias=None training=False momentum=0.1 eps=1e-5 cudnn=True"
    )
    source = _moved(given["input"])
    alone = given["running_mean"] is None and given["bias"] is None and bool(given["training"])
    if not alone or source.kind != "parameter" or given["input"].shape[:2] != (1, weight.shape[0]):
        return None
    keys = {f"{_WEIGHT}original": source.key}
    gain, gamma = None, 1.0
    if given["weight"] is not None:
        found = _gain(_moved(given["weight"]))
        if found is None:
            return None
        gain, factor = found
        gamma = round(factor * math.prod(weight.shape[1:]) ** 0.5, 12)
        keys[f"{_WEIGHT}0.gain"] = gain.key
    option = _option(
        "weight_standardization", eps=(given["eps"], 1e-6), gain=(gain is not None, False), gamma=(gamma, 1.0)
    )
    return ComputedWeight(source, option, keys)


def _moved(value: Traced) -> Traced:
    """What a tensor was before its shape was changed."""
    while value.maker is not None and value.maker.name in _MOVES:
        value = next(value.maker.reads())
    return value


def _gain(value: Traced) -> tuple[Traced, float] | None:
    """A parameter, and the number that it is multiplied by."""
    if value.kind == "parameter":
        return value, 1.0
    call = value.maker
    if call is None or call.name not in ("mul", "__mul__", "__rmul__", "multiply"):
        return None
    read = [each for each in call.reads() if each.kind == "parameter"]
    numbers = [each for each in call.args if isinstance(each, (int, float))]
    return (read[0], float(numbers[0])) if len(read) == len(numbers) == 1 else None
