"""Calls of Keras's layers, `Conv2D(32, 3, activation='relu')`, as items of a spec."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from netspec.language.aliases import defaults_elsewhere, meant_by
from netspec.meant import argument_meant
from netspec.mends.calls import (
    Manner,
    NoChain,
    Theirs,
    WrittenItem,
    call_text,
    called_name,
    folded,
    is_stateful,
    text_of,
    unparsed,
)
from netspec.writing import flow, written

KERAS: Final[Mapping[str, tuple[str, str]]] = {
    "Dense": ("Linear", "units activation use_bias"),
    **{f"Conv{n}D": (f"Conv{n}d", "filters kernel_size strides padding data_format dilation_rate") for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": (f"ConvTranspose{n}d", "filters kernel_size strides padding") for n in (1, 2, 3)},
    **{f"MaxPooling{n}D": (f"MaxPool{n}d", "pool_size strides padding") for n in (1, 2, 3)},
    **{f"MaxPool{n}D": (f"MaxPool{n}d", "pool_size strides padding") for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": (f"AvgPool{n}d", "pool_size strides padding") for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": (f"AdaptiveAvgPool{n}d", "") for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": (f"AdaptiveMaxPool{n}d", "") for n in (1, 2, 3)},
    **{f"SpatialDropout{n}D": (f"Dropout{n}d", "rate") for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": (f"ZeroPad{n}d", "padding") for n in (1, 2, 3)},
    **{f"UpSampling{n}D": (f"Upsample{n}d", "scale_factor") for n in (1, 2, 3)},
    "Dropout": ("Dropout", "rate"),
    "Flatten": ("Flatten", ""),
    "BatchNormalization": ("BatchNorm2d", "axis momentum epsilon"),
    "LayerNormalization": ("LayerNorm", "axis epsilon"),
    "Embedding": ("Embedding", "input_dim output_dim"),
    "LSTM": ("LSTM", "units"),
    "GRU": ("GRU", "units"),
    "SimpleRNN": ("RNN", "units"),
    "Activation": ("", "activation"),
    "LeakyReLU": ("LeakyReLU", "negative_slope"),
    "ELU": ("ELU", "alpha"),
    "PReLU": ("PReLU", ""),
    "Reshape": ("Unflatten", "target_shape"),
    "Softmax": ("Softmax", "axis"),
    "Bidirectional": ("", "layer"),
    "TimeDistributed": ("", "layer"),
}
"""Keras's layers: torch's name, and Keras's arguments in their order."""
_ONLY_KERAS: Final = frozenset(KERAS) - {
    "Dropout",
    "Flatten",
    "Embedding",
    "LSTM",
    "GRU",
    "Softmax",
    "Reshape",
    "LeakyReLU",
    "ELU",
    "PReLU",
}
_OF_KERAS: Final = frozenset(("return_sequences", "input_shape"))
"""Arguments that Keras alone has."""
_UNSAID: Final = frozenset(
    (
        "input_shape", "input_dim", "batch_input_shape", "data_format", "name", "kernel_initializer",
        "bias_initializer", "padding", "return_sequences", "axis", "kernel_regularizer", "input_length",
        "seed",
    )
)  # fmt: skip
"""Keras's arguments that are read by themselves, or say what is so here anyway, or belong to the recipe."""


def is_keras(tree: ast.AST) -> bool:
    """Whether a text calls layers by names that Keras alone has, or with arguments that it alone has."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = {(called_name(node.func), keyword.arg) for node in calls for keyword in node.keywords}
    return any(called_name(node.func) in _ONLY_KERAS for node in calls) or any(
        name in KERAS and argument in _OF_KERAS for name, argument in given
    )


def keras_entries(
    node: ast.Call, name: str, names: Mapping[str, Any], manner: Manner, more: Sequence[tuple[str, str]] = ()
) -> list[WrittenItem]:
    """The items that a call of one of Keras's layers stands for; with an `activation` there is one more.

    Args:
        more: further arguments, in netspec's words.

    Raises:
        NoChain: its arguments are none of netspec's.
    """
    if name in ("Bidirectional", "TimeDistributed"):
        return _around(node, name, names, manner)
    head, order = KERAS.get(name, (name, ""))
    if len(node.args) > len(order.split()):
        raise NoChain(f"`{unparsed(node)}`, whose values have no names", node.lineno)
    given = dict(zip(order.split(), node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}
    if head == "Unflatten":
        return [_reshaped(given.get("target_shape"), names, node.lineno)]
    if head == "PReLU":
        return [_slopes(node, given, names)]
    inside = _inside(node, head, given, names)
    activation = given.pop("activation", None)
    behind = [] if activation is None else _activation(activation, manner)
    if head == "":
        return behind
    found = manner.offer.layer_class(re.sub(r"^Upsample\dd$", "Upsample", head))
    pairs: list[tuple[str, str]] = []
    for key, value in given.items():
        if key in _UNSAID and not (key == "input_dim" and head == "Embedding"):
            continue
        own = argument_meant(key, found.model_fields)
        if own is None:
            raise NoChain(f"`{unparsed(node)}`, whose argument `{key}` no `{head}` here has", node.lineno)
        pairs.append((own, _momentum(value, names) if key == "momentum" else text_of(value, names, manner)))
    if head.startswith(("MaxPool", "AvgPool")) and "pool_size" not in given:
        pairs.append(("kernel_size", "2"))
    pairs += [(key, text) for key, text in _defaults(name) if key not in dict(pairs)]
    if head.startswith("ZeroPad"):
        pairs = [("padding", _zeros(given.get("padding"), names, int(head[-2]), node))]
    if "returns" in found.model_fields and not (
        "return_sequences" in given and folded(given["return_sequences"], names) is True
    ):
        pairs.append(("returns", "last"))
    pairs += [*inside, *more]
    theirs = Theirs(head, tuple(pairs), *_padding(given, head, names), line=node.lineno)
    return [WrittenItem(call_text(head, pairs), stateful=is_stateful(found), theirs=theirs), *behind]


def _defaults(name: str) -> tuple[tuple[str, str], ...]:
    """What Keras has where an argument is left out, and torch has another value."""
    return (("negative_slope", "0.3"),) if name == "LeakyReLU" else defaults_elsewhere(name)


def _momentum(node: ast.expr, names: Mapping[str, Any]) -> str:
    """Keras's momentum is the share of the old mean, torch's that of the new one."""
    value = folded(node, names)
    if not isinstance(value, int | float):
        raise NoChain(f"`{unparsed(node)}`, which is no number", node.lineno)
    return f"{1 - value:.6g}"


def _inside(node: ast.Call, head: str, given: dict[str, ast.expr], names: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a recurrent layer has inside: the activation that torch's has, too, and no dropout, which torch's has
    between layers.

    Raises:
        NoChain: it has another one.
    """
    if head not in ("LSTM", "GRU", "RNN"):
        return []
    activation = given.pop("activation", None)
    word = "tanh" if activation is None else folded(activation, names)
    dropout = next((given[key] for key in ("dropout", "recurrent_dropout") if key in given), None)
    if dropout is not None and folded(dropout, names) != 0:
        what = f"`{unparsed(node)}`, which drops values of what comes to it"
        raise NoChain(what, node.lineno, "a `Dropout` in front of it drops others at each step")
    if word == "relu" and head == "RNN":
        return [("nonlinearity", "relu")]
    if word != "tanh":
        raise NoChain(f"`{unparsed(node)}`, a recurrent layer with `{word}` inside, which torch has not", node.lineno)
    return []


def _reshaped(node: ast.expr | None, names: Mapping[str, Any], line: int) -> WrittenItem:
    """`Reshape`, whose axes are in Keras's order."""
    sizes: Any = [] if node is None else folded(node, names)
    if not isinstance(sizes, list) or not all(isinstance(size, int) for size in cast(list[Any], sizes)):
        raise NoChain("a change of shape to sizes that are not written as numbers", line)
    return WrittenItem("Flatten", theirs=Theirs("Unflatten", sizes=tuple(cast(list[int], sizes)), line=line))


def _slopes(node: ast.Call, given: Mapping[str, ast.expr], names: Mapping[str, Any]) -> WrittenItem:
    """`PReLU`, which has a slope for each value, shared along some axes."""
    others = given.keys() - {"shared_axes", "name"}
    if others:
        raise NoChain(f"`{unparsed(node)}`, whose argument `{min(others)}` no `PReLU` here has", node.lineno)
    axes: Any = folded(given["shared_axes"], names) if "shared_axes" in given else []
    shared = tuple(one for one in cast(list[Any], axes if isinstance(axes, list) else [axes]) if isinstance(one, int))
    return WrittenItem("PReLU", stateful=True, theirs=Theirs("PReLU", sizes=shared, line=node.lineno))


def _zeros(node: ast.expr | None, names: Mapping[str, Any], axes: int, call: ast.Call) -> str:
    """Keras's padding with zeros, an amount for each axis or for each of its sides; torch has the last axis first."""
    value = 1 if node is None else folded(node, names)
    if isinstance(value, int):
        return str(value)
    listed = cast(list[Any], value if isinstance(value, list) else [])
    if axes == 1 and all(isinstance(one, int) for one in listed):
        listed = [listed]
    sides = [cast(list[Any], one) if isinstance(one, list) else [one, one] for one in listed]
    flat = [number for side in reversed(sides) for number in side]
    if len(sides) != axes or len(flat) != 2 * axes or not all(isinstance(one, int) for one in flat):
        raise NoChain(f"`{unparsed(call)}`, whose sides are not written as numbers", call.lineno)
    return flow(flat, written)


def _around(node: ast.Call, name: str, names: Mapping[str, Any], manner: Manner) -> list[WrittenItem]:
    """A layer around a layer: both directions of a recurrent one, or the same at each position, as it is anyway."""
    inner = node.args[0] if len(node.args) == 1 else None
    merged = next((k.value for k in node.keywords if k.arg == "merge_mode"), None)
    others = [k.arg for k in node.keywords if k.arg not in ("merge_mode", "input_shape", "name")]
    if not isinstance(inner, ast.Call) or others or (merged is not None and folded(merged, names) != "concat"):
        raise NoChain(f"`{unparsed(node)}`, which is no layer of netspec", node.lineno)
    within = called_name(inner.func) or ""
    recurrent = KERAS.get(within, ("", ""))[0] in ("LSTM", "GRU", "RNN")
    if recurrent if name == "TimeDistributed" else not recurrent:
        raise NoChain(f"`{unparsed(node)}`, which is no layer of netspec", node.lineno)
    if name == "TimeDistributed" and within not in ("Dense", "Dropout", "Activation", "LayerNormalization"):
        raise NoChain(f"`{unparsed(node)}`, which netspec applies to no part of a sequence", node.lineno)
    return keras_entries(inner, within, names, manner, [("bidirectional", "true")] if recurrent else [])


_Window = tuple[Sequence[int] | None, Sequence[int] | None, Sequence[int] | None]


def _padding(given: Mapping[str, ast.expr], head: str, names: Mapping[str, Any]) -> tuple[str | None, _Window]:
    """Keras's word for a padding, and the window that it is about."""
    word = folded(given["padding"], names) if "padding" in given and not head.startswith("ZeroPad") else None
    if not isinstance(word, str) or word.lower() == "valid":
        return None, (None, None, None)
    kernel, stride, dilation = (
        _sizes(next((given[word] for word in words if word in given), None), names)
        for words in (("kernel_size", "pool_size"), ("strides",), ("dilation_rate",))
    )
    return word.lower(), (kernel, stride, dilation)


def _sizes(node: ast.expr | None, names: Mapping[str, Any]) -> list[int] | None:
    """The numbers of an argument, one or one for each axis; None where it is left out."""
    value = None if node is None else folded(node, names)
    listed = cast(list[Any], value if isinstance(value, list) else [value])
    return None if value is None else [one for one in listed if isinstance(one, int)]


_ACTIVATIONS: Final = {"softmax": "Softmax", "swish": "SiLU"}


def _activation(node: ast.expr, manner: Manner) -> list[WrittenItem]:
    word = node.value if isinstance(node, ast.Constant) else called_name(node)
    if not isinstance(word, str) or word == "linear":
        return []
    if word == "leaky_relu":  # a function, whose slope is another one than the layer's
        return [WrittenItem("LeakyReLU: {negative_slope: 0.2}")]
    found = _ACTIVATIONS.get(word, meant_by(word.replace("_", ""), 2, manner.offer.layers))
    if found is None:
        raise NoChain(f"the activation `{word}`, which is no layer of netspec", node.lineno)
    return [WrittenItem(found, theirs=Theirs(found, line=node.lineno))]
