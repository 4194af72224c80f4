"""Calls of Keras's layers, `Conv2D(32, 3, activation='relu')`, as items of a spec."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from netspec.language.aliases import meant_by
from netspec.meant import argument_meant
from netspec.mends.calls import (
    Manner,
    NoChain,
    WrittenItem,
    call_text,
    called_name,
    folded,
    is_stateful,
    shaped,
    text_of,
    unparsed,
)
from netspec.mends.paddings import same_in_torch
from netspec.writing import flow, written

KERAS: Final[Mapping[str, tuple[str, str]]] = {
    "Dense": ("Linear", "units activation use_bias"),
    **{f"Conv{n}D": (f"Conv{n}d", "filters kernel_size strides padding data_format dilation_rate") for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": (f"ConvTranspose{n}d", "filters kernel_size strides padding") for n in (2, 3)},
    **{f"MaxPooling{n}D": (f"MaxPool{n}d", "pool_size strides padding") for n in (1, 2, 3)},
    **{f"MaxPool{n}D": (f"MaxPool{n}d", "pool_size strides padding") for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": (f"AvgPool{n}d", "pool_size strides padding") for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": (f"AdaptiveAvgPool{n}d", "") for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": (f"AdaptiveMaxPool{n}d", "") for n in (1, 2, 3)},
    **{f"SpatialDropout{n}D": (f"Dropout{n}d", "rate") for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": (f"ZeroPad{n}d", "padding") for n in (1, 2, 3)},
    "UpSampling2D": ("Upsample", "scale_factor"),
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
}
_UNSAID: Final = frozenset(
    (
        "input_shape", "input_dim", "batch_input_shape", "data_format", "name", "kernel_initializer",
        "bias_initializer", "padding", "return_sequences", "axis", "kernel_regularizer", "momentum",
        "input_length",
    )
)  # fmt: skip
"""Keras's arguments that are read by themselves, or say what is so here anyway, or belong to the recipe."""


def is_keras(tree: ast.AST) -> bool:
    """Whether a text calls layers by names that Keras alone has."""
    return any(isinstance(n, ast.Call) and called_name(n.func) in _ONLY_KERAS for n in ast.walk(tree))


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
    activation = given.pop("activation", None)
    behind = None if activation is None else _activation(activation, manner)
    if head == "":
        return [WrittenItem(behind)] if behind else []
    if head == "Unflatten":
        shape = folded(given["target_shape"], names) if "target_shape" in given else None
        return shaped(shape, node.lineno, channels_last=True)
    found = manner.offer.layer_class(head)
    pairs: list[tuple[str, str]] = []
    for key, value in given.items():
        if key in _UNSAID and not (key == "input_dim" and head == "Embedding"):
            continue
        own = argument_meant(key, found.model_fields)
        if own is None:
            raise NoChain(f"`{unparsed(node)}`, whose argument `{key}` no `{head}` here has", node.lineno)
        pairs.append((own, text_of(value, names, manner)))
    if head.startswith(("MaxPool", "AvgPool")) and "pool_size" not in given:
        pairs.append(("kernel_size", "2"))
    if head == "LeakyReLU" and not pairs:
        pairs.append(("negative_slope", "0.3"))  # Keras's default
    pairs += _padding(given, head, names, manner)
    if "returns" in found.model_fields and not (
        "return_sequences" in given and folded(given["return_sequences"], names) is True
    ):
        pairs.append(("returns", "last"))
    pairs += more
    entries = [WrittenItem(call_text(head, pairs), stateful=is_stateful(found))]
    if head.startswith("Adaptive"):
        entries = [WrittenItem(f"{head}: 1"), WrittenItem("Flatten")]
    return [*entries, WrittenItem(behind)] if behind else entries


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


def norms_by_axes(entries: Sequence[WrittenItem], given: Sequence[int] | None) -> tuple[WrittenItem, ...]:
    """The items, each batch norm by the axes of what comes to it: Keras has one for all.

    Args:
        given: the shape of the input, channels first, where the text says it.
    """
    axes = 2 if given is None else max(len(given) - 1, 1)
    found: list[WrittenItem] = []
    for entry in entries:
        head = entry.call.partition(":")[0]
        spatial = re.fullmatch(r"\w+?([123])d", head)
        if head == "BatchNorm2d":
            found.append(entry._replace(call=f"BatchNorm{axes}d{entry.call.removeprefix('BatchNorm2d')}"))
            continue
        if spatial is not None:
            axes = int(spatial[1])
        elif head in ("Flatten", "Linear"):
            axes = 1
        found.append(entry)
    return tuple(found)


def _padding(
    given: Mapping[str, ast.expr], head: str, names: Mapping[str, Any], manner: Manner
) -> list[tuple[str, str]]:
    """Keras's `same` as torch says it."""
    if "padding" not in given:
        return []
    padding = folded(given["padding"], names)
    if head.startswith("ZeroPad"):
        return [("padding", flow(padding, written))]
    if not isinstance(padding, str) or padding.lower() != "same":
        return []
    sizes = [
        _sizes(next((given[word] for word in words if word in given), None), names)
        for words in (("kernel_size", "pool_size"), ("strides",), ("dilation_rate",))
    ]
    made = same_in_torch(manner.offer.layer_class(head), *sizes)
    if made is None:
        found = f"`padding='same'` of a `{head}` whose two sides differ in Keras, which torch has not"
        raise NoChain(found, given["padding"].lineno, "a layer of padding in front of it pads one side more")
    return list(made.items())


def _sizes(node: ast.expr | None, names: Mapping[str, Any]) -> list[int] | None:
    """The numbers of an argument, one or one for each axis; None where it is left out."""
    value = None if node is None else folded(node, names)
    listed = cast(list[Any], value if isinstance(value, list) else [value])
    return None if value is None else [one for one in listed if isinstance(one, int)]


_ACTIVATIONS: Final = {"linear": "", "softmax": "Softmax: -1", "swish": "SiLU"}


def _activation(node: ast.expr, manner: Manner) -> str | None:
    word = node.value if isinstance(node, ast.Constant) else called_name(node)
    if not isinstance(word, str):
        return None
    found = _ACTIVATIONS.get(word, meant_by(word.replace("_", ""), 2, manner.offer.layers))
    if found is None:
        raise NoChain(f"the activation `{word}`, which is no layer of netspec", node.lineno)
    return found
