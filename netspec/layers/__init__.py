"""The table of layers, and what a layer is written with.

Each layer is a class; a module has related layers, and is imported when a spec first names one. The table is static, so
that suggesting names ("did you mean") need not import the classes.

`__all__` is what layers of one's own are written with (docs/plugins.md): these names stay where they are, with the
meaning that they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, NamedTuple

from netspec.arguments import (
    Arguments,
    Count,
    Counts,
    Counts1,
    Counts2,
    Counts3,
    CountsOfAxes,
    Integer,
    Integers,
    Natural,
    Naturals1,
    Naturals2,
    Naturals3,
    NonNegative,
    NonZero,
    Positive,
    Probability,
    Real,
    invalid,
    spread,
)
from netspec.dims import Shape, Size, expect, maximum, minimum, need, product, same, warn
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall, shape_text
from netspec.layers.unoffered import UNOFFERED as UNOFFERED

__all__ = [
    "Count",
    "Counts",
    "Counts1",
    "Counts2",
    "Counts3",
    "CountsOfAxes",
    "Example",
    "Integer",
    "Integers",
    "Layer",
    "Natural",
    "Naturals1",
    "Naturals2",
    "Naturals3",
    "NonNegative",
    "NonZero",
    "Positive",
    "Probability",
    "Real",
    "Saved",
    "Shape",
    "Size",
    "TensorType",
    "TorchCall",
    "expect",
    "invalid",
    "maximum",
    "minimum",
    "need",
    "product",
    "same",
    "shape_text",
    "spread",
    "warn",
]

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "convolution": ("Conv1d", "Conv2d", "Conv3d"),
    "transposed": ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    "pooling": ("MaxPool1d", "MaxPool2d", "MaxPool3d"),
    "unpooling": ("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"),
    "average_pooling": ("AvgPool1d", "AvgPool2d", "AvgPool3d"),
    "adaptive": (
        "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d",
        "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d",
    ),
    "power_pooling": ("LPPool1d", "LPPool2d", "LPPool3d"),
    "fractional_pooling": ("FractionalMaxPool2d", "FractionalMaxPool3d"),
    "padding": (
        "ZeroPad1d", "ZeroPad2d", "ZeroPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
        "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
        "ReplicationPad3d", "CircularPad1d", "CircularPad2d", "CircularPad3d",
    ),
    "normalization": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
    "layer_normalization": ("LayerNorm", "RMSNorm"),
    "group_normalization": ("GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    "response_normalization": ("LocalResponseNorm", "CrossMapLRN2d", "GRN"),
    "linear": ("Linear", "NoisyLinear", "Identity"),
    "activation": ("ReLU", "LeakyReLU"),
    "sigmoids": ("Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink"),
    "smooth_units": ("GELU", "SiLU", "Mish", "Softplus"),
    "linear_units": ("PReLU", "RReLU", "ELU", "CELU", "SELU", "GLU"),
    "thresholds": ("ReLU6", "Hardsigmoid", "Hardswish", "Hardtanh", "Hardshrink", "Softshrink", "Threshold"),
    "softmax": ("Softmax", "LogSoftmax", "Softmin", "Softmax2d", "GumbelSoftmax"),
    "dropout": ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
    "alpha_dropout": ("AlphaDropout", "FeatureAlphaDropout"),
    "shape": ("Flatten", "Unflatten"),
    "rearrangement": ("PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "Unfold", "Fold"),
    "resampling": ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"),
    "embedding": ("Embedding", "EmbeddingBag"),
    "transformer": ("TransformerEncoderLayer", "TransformerEncoder"),
    "recurrent": ("RNN", "LSTM", "GRU"),
    "cells": ("RNNCell", "LSTMCell", "GRUCell"),
    "patterns": ("Rearrange",),
    "extra": ("Select", "Slice", "StochasticDepth", "LayerScale", "ClassToken", "PositionEmbedding"),
    "comparing": ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "CumSum"),
    "elementary": ("Scale", "Sin", "Cos", "Exp", "Log", "Abs", "Clamp"),
    "moves": ("Roll", "IndexSelect", "Tril", "Triu", "RelativeShift"),
    "choosing": ("MaskedFill", "Where", "Gather", "ArgMax"),
    "constants": ("Parameter", "Buffer", "Sinusoids", "RelativePositionBias"),
    "parts": ("Chunk", "Split", "GaussianSample"),
    "reductions": ("Mean", "Sum", "Max", "Min", "LogSumExp", "Norm", "Normalize"),
    "attention": ("SelfAttention",),
    "multihead": ("MultiheadAttention",),
    "decoder": ("TransformerDecoderLayer", "TransformerDecoder"),
    "encoder_decoder": ("Transformer",),
    "local_attention": ("WindowAttention", "GridAttention"),
}  # fmt: skip
"""Module of this package → the layers in it."""

MODULE_OF: Final[dict[str, str]] = {name: module for module, names in FAMILIES.items() for name in names}


class Plugin(NamedTuple):
    """Classes that are not netspec's own, and what they came from."""

    name: str
    """What `--plugin` takes: a module or a distribution."""
    version: str | None
    """What the module says of itself, the version of its distribution, or a hash of its files."""
    layers: tuple[type[Layer], ...]
    parts: tuple[type[Arguments], ...] = ()
    """What it has for recipes: classes derived from those of `netspec.recipe`."""

    @property
    def classes(self) -> tuple[type[Arguments], ...]:
        """All that it has."""
        return (*self.layers, *self.parts)


class Offer(NamedTuple):
    """What a spec may name: layers, and what plugins have for recipes beside `netspec.recipe.tables`."""

    layers: Mapping[str, str | type[Layer]]
    """Name → the class of a plugin, or the module of this package that has netspec's own."""
    plugins: tuple[Plugin, ...] = ()
    parts: Mapping[str, type[Arguments]] = {}
    """Name → the class of a plugin's that a recipe calls so."""

    def layer_class(self, name: str) -> type[Layer]:
        """The class of a layer, by its name.

        Raises:
            KeyError: there is no such layer.
        """
        found = self.layers[name]
        return layer_class(name) if isinstance(found, str) else found

    def of_plugin(self, name: str) -> bool:
        """Whether the layer of this name is a plugin's."""
        return not isinstance(self.layers.get(name, ""), str)


OWN: Final = Offer(MODULE_OF)
"""Without plugins."""

_loaded: dict[str, type[Layer]] = {}


def layer_class(name: str) -> type[Layer]:
    """The class of one of netspec's own layers, by its name.

    Raises:
        KeyError: there is no such layer in `MODULE_OF`.
    """
    found = _loaded.get(name)
    if found is None:
        module = import_module(f"netspec.layers.{MODULE_OF[name]}")
        found = _loaded[name] = getattr(module, name)
    return found
