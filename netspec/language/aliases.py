"""Names of layers without their dimensions, and those that other frameworks use: what is most likely meant by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from netspec.combinators import COMBINATORS
from netspec.layers import MODULE_OF

_OTHERS: Final = {
    "dense": "Linear",
    "fc": "Linear",
    "fullyconnected": "Linear",
    "affine": "Linear",
    "convolution": "Conv",
    "convtransposed": "ConvTranspose",
    "deconv": "ConvTranspose",
    "deconvolution": "ConvTranspose",
    "maxpooling": "MaxPool",
    "averagepooling": "AvgPool",
    "averagepool": "AvgPool",
    "globalaveragepooling": "AdaptiveAvgPool",
    "globalaveragepool": "AdaptiveAvgPool",
    "globalavgpool": "AdaptiveAvgPool",
    "globalmaxpooling": "AdaptiveMaxPool",
    "globalmaxpool": "AdaptiveMaxPool",
    "batchnormalization": "BatchNorm",
    "layernormalization": "LayerNorm",
    "groupnormalization": "GroupNorm",
    "lrn": "LocalResponseNorm",
    "zeropadding": "ZeroPad",
    "upsampling": "Upsample",
    "spatialdropout": "Dropout",
    "swish": "SiLU",
    "lrelu": "LeakyReLU",
    "leaky": "LeakyReLU",
    "parametricrelu": "PReLU",
    "hswish": "Hardswish",
    "hsigmoid": "Hardsigmoid",
    "droppath": "StochasticDepth",
    "registerbuffer": "Buffer",
    "registerparameter": "Parameter",
    "globalresponsenorm": "GRN",
    "positionalencoding": "Sinusoids",
    "sinusoidalpositionalencoding": "Sinusoids",
    "sinusoidalpositionembedding": "Sinusoids",
    "relshift": "RelativeShift",
    "gather": "IndexSelect",
    "take": "IndexSelect",
    "permutechannels": "IndexSelect",
    "relativeattentionbias": "RelativePositionBias",
    "t5relativepositionbias": "RelativePositionBias",
    "multiheadattention": "SelfAttention",
    "multiheadselfattention": "SelfAttention",
    "bn": "BatchNorm",
    "ln": "LayerNorm",
    "gap": "AdaptiveAvgPool",
    "conv": "Conv",
} | {name: word for word, listed in COMBINATORS.items() for name in listed.elsewhere}
"""Words of Keras, Caffe, ONNX and timm, lowercase and without dimensions; combinators are this language's."""


def _one_minus(text: str) -> str | None:
    try:
        return f"{1 - float(text):.6g}"
    except ValueError:
        return None


_ARGUMENTS: Final[dict[tuple[str, str], tuple[str, Callable[[str], str | None]]]] = {
    ("upsampling", "size"): ("scale_factor", str),
    ("batchnormalization", "momentum"): ("momentum", _one_minus),
    ("dropout", "keep_prob"): ("p", _one_minus),
}
"""Arguments that have our name and another meaning in Keras: its `size` of an upsampling is a factor, its `momentum`
the share of the old mean, ours that of the new one. By the layer there, and the argument; and how to convert it."""

_PARTS: Final = re.compile(r"([A-Za-z]+?)(?:([123])[dD](Transpose)?)?")


def argument_elsewhere(head: str, argument: str) -> tuple[str, Callable[[str], str | None]] | None:
    """What an argument of a stranger's layer is called here and how its value is converted, if our argument of that
    name is another thing."""
    return _ARGUMENTS.get((_family(head), argument))


_DEFAULTS: Final = {
    "batchnormalization": (("eps", "0.001"), ("momentum", "0.01")),
    "layernormalization": (("eps", "0.001"),),
    "groupnormalization": (("eps", "0.001"),),
}
"""Our arguments that Keras has other values for where they are left out, by the layer there."""
_AXES: Final = ("dense",)
"""Layers that work on the last axis there and here, which is that of the channels there."""


def defaults_elsewhere(head: str) -> tuple[tuple[str, str], ...]:
    """Our arguments, and the values that a stranger's layer has for them where they are left out, if ours has
    others."""
    return _DEFAULTS.get(_family(head), ())


def is_otherwise(head: str) -> bool:
    """Whether a stranger's layer is another one than ours that does the same: by an argument of the same name, by what
    is so where one is left out, or by the axis that it works on."""
    family = _family(head)
    return family in _AXES or family in _DEFAULTS or family in {family for family, _ in _ARGUMENTS}


def _family(head: str) -> str:
    return re.sub(r"[123]d$", "", head.rpartition(".")[2].replace("_", "").lower())


def meant_by(name: str, dimensions: int, layers: Iterable[str] = MODULE_OF) -> str | None:
    """The layer or combinator that a stranger's name stands for, or None: `Dense` is `Linear`, `Conv` is `Conv2d`.

    Args:
        name: as written.
        dimensions: spatial axes of the input, for a name that does not say them.
        layers: the names of the layers that there are.
    """
    by_folded = {known.lower(): known for known in layers}
    name = name.replace("_", "")
    found = _PARTS.fullmatch(name)
    own = by_folded.get(name.lower())
    if found is None or (own is not None and (name in (own, name.lower()) or name.lower() not in _OTHERS)):
        return own  # `MultiHeadAttention` is Keras's, `multiheadattention` torch's in small letters
    word, digit, transposed = found.groups()
    family = "ConvTranspose" if transposed else _OTHERS.get(word.lower(), word)
    sized = f"{family}{digit or min(max(dimensions, 1), 3)}d"
    return by_folded.get(sized.lower()) or (family if word.lower() in _OTHERS else None)
