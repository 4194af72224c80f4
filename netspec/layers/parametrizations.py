"""Weights that are computed of other parameters, as `parametrize` beside a layer says.

What torch registers below `parametrizations.weight` of a module is what stands here, name for name.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import model_validator

from netspec.arguments import Arguments, Count, Natural, NonNegative, Positive, invalid
from netspec.dims import Shape, Size, product
from netspec.layers.base import Layer, TorchCall, counted

_TORCHS: Final = "torch.nn.utils.parametrizations"
_PREFIX: Final = "parametrizations.weight."


class Parametrization(Arguments):
    """The base class of the parametrisations: what a weight of some shape is computed of."""

    word: ClassVar[str]
    """As a spec names it; torch's function has the name."""
    module: ClassVar[str] = _TORCHS
    """The module that has the function."""

    def refusal(self, layer: Layer, shape: Shape) -> str | None:
        """Why a layer whose weight has this shape cannot have it, to end a sentence that begins with its name; None
        if it can."""
        return None

    def parameters(self, layer: Layer, shape: Shape) -> dict[str, Shape]:
        """What is learned in the place of a weight of this shape, in torch's order."""
        raise NotImplementedError

    def buffers(self, layer: Layer, shape: Shape) -> dict[str, Shape]:
        """The persistent buffers that come with it."""
        return {}

    def kept(self, layer: Layer, shape: Shape) -> Size:
        """Elements that autograd keeps for the backward pass in each use of the layer, the weight itself included."""
        raise NotImplementedError

    def instead_of(self, layer: Layer, parameters: dict[str, Shape]) -> dict[str, Shape]:
        """The parameters of the module, of those that the layer has without it."""
        others = {name: shape for name, shape in parameters.items() if name != "weight"}
        own = self.parameters(layer, parameters["weight"])
        return others | {_PREFIX + name: shape for name, shape in own.items()}

    def added_to(self, layer: Layer, buffers: dict[str, Shape], shape: Shape) -> dict[str, Shape]:
        """The buffers of the module, of those that the layer has without it and the shape of its weight."""
        return buffers | {_PREFIX + name: size for name, size in self.buffers(layer, shape).items()}

    def call(self) -> TorchCall:
        """The function that parametrises a module, with the arguments that differ from torch's defaults."""
        return TorchCall(self.word, self.stated(), self.module)

    def written(self) -> dict[str, dict[str, Any]]:
        """As a spec writes it, with what differs from the defaults."""
        return {self.word: self.stated()}

    def stated(self) -> dict[str, Any]:
        """The arguments that differ from their defaults."""
        fields = type(self).model_fields.items()
        return {name: value for name, field in fields if (value := getattr(self, name)) != field.default}


def _outside(name: str, dim: int | None, shape: Shape) -> str | None:
    if dim is None or dim < len(shape):
        return None
    return f"has a weight of {counted(len(shape))}, so `{name}` is from 0 to {len(shape) - 1}, not {dim}"


class WeightNorm(Parametrization):
    """weight = g · v / ‖v‖, with the norm over all axes but `dim`, or over all if it is null: length and direction are
    learned apart. v begins as the weight that the layer has without it, and g as its norms.

    Source: Salimans and Kingma 2016, "Weight Normalization"; `torch.nn.utils.parametrizations.weight_norm`.
    """

    word: ClassVar[str] = "weight_norm"

    dim: Natural | None = 0

    def refusal(self, layer: Layer, shape: Shape) -> str | None:
        return _outside("dim", self.dim, shape)

    def parameters(self, layer: Layer, shape: Shape) -> dict[str, Shape]:
        if self.dim is None:
            return {"original0": (), "original1": shape}
        return {"original0": tuple(n if i == self.dim else 1 for i, n in enumerate(shape)), "original1": shape}

    def kept(self, layer: Layer, shape: Shape) -> Size:
        weight = product(shape)
        if self.dim is None:
            return weight + 2
        norms = shape[self.dim]
        return weight + norms if self.dim in (0, len(shape) - 1) else 2 * (weight + norms)

    def call(self) -> TorchCall:
        if self.dim is None:
            return TorchCall(self.word, {"dim": -1}, self.module)  # torch's own stand-in, which its type admits
        return super().call()


class SpectralNorm(Parametrization):
    """weight = w / σ(w), where σ is the largest singular value of w as a matrix, found by steps of the power method:
    each forward pass in training goes `n_power_iterations` further. The rows of the matrix are axis `dim` of the
    weight, its outputs if nothing is said. w begins as the weight that the layer has without it.

    Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks";
    `torch.nn.utils.parametrizations.spectral_norm`.
    """

    word: ClassVar[str] = "spectral_norm"

    n_power_iterations: Count = 1
    eps: Positive = 1e-12
    dim: Natural | None = None

    def refusal(self, layer: Layer, shape: Shape) -> str | None:
        return _outside("dim", self.dim, shape)

    def parameters(self, layer: Layer, shape: Shape) -> dict[str, Shape]:
        return {"original": shape}

    def buffers(self, layer: Layer, shape: Shape) -> dict[str, Shape]:
        rows = self._rows(layer)
        return {"0._u": (shape[rows],), "0._v": (product(n for i, n in enumerate(shape) if i != rows),)}

    def kept(self, layer: Layer, shape: Shape) -> Size:
        rows = self._rows(layer)
        height, width = shape[rows], product(n for i, n in enumerate(shape) if i != rows)
        return product(shape) + height + width + 1

    def _rows(self, layer: Layer) -> int:
        return self.dim if self.dim is not None else layer.outputs_axis


class WeightStandardization(Parametrization):
    """weight = (w − mean) / √(variance + eps), mean and variance over the weights of one output. w begins as the weight
    that the layer has without it.

    With `gain: true` the result is multiplied by gain · gamma / √fan_in, with a learned gain for each output that
    begins as 1, as in NFNet. Source: Qiao et al. 2019, "Micro-Batch Training with Batch-Channel Normalization and
    Weight Standardization"; without gain the `StdConv2d` of timm (BiT), with it its `ScaledStdConv2d`.
    """

    word: ClassVar[str] = "weight_standardization"
    module: ClassVar[str] = "netspec.torch.units"

    eps: NonNegative = 1e-6
    gain: bool = False
    gamma: Positive = 1.0

    @model_validator(mode="after")
    def _scaled(self) -> WeightStandardization:
        if self.gamma != 1 and not self.gain:
            raise invalid(f"`gamma: {self.gamma}` multiplies the gain: write `gain: true` beside it")
        return self

    def refusal(self, layer: Layer, shape: Shape) -> str | None:
        if layer.outputs_axis != 0:
            return "has its outputs on the second axis of the weight, and one output's weights are what is standardised"
        if product(shape[1:]) == 1:
            return "has one weight for each output, which has no variance"
        return None

    def parameters(self, layer: Layer, shape: Shape) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"original": shape}
        return weight | {"0.gain": (shape[0], *(1 for _ in shape[1:]))} if self.gain else weight

    def kept(self, layer: Layer, shape: Shape) -> Size:
        return product(shape) + shape[0] * (3 if self.gain else 2)


PARAMETRIZATIONS: Final[dict[str, type[Parametrization]]] = {
    cls.word: cls for cls in (WeightNorm, SpectralNorm, WeightStandardization)
}
"""What `parametrize` may name."""
