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


def has_other_arguments(head: str) -> bool:
    """Whether some argument of a stranger's layer has the name of one of ours, and another meaning."""
    return _family(head) in {family for family, _ in _ARGUMENTS}


def _family(head: str) -> str:
    return re.sub(r"[123]d$", "", head.rpartition(".")[2].lower())


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
