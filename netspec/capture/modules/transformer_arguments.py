"""The arguments of torch's transformers, read from their parts; none where a part was replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.nn import functional as F

Reader = Callable[[Any], dict[str, Any] | None]


def _only(values: Iterable[Any]) -> Any:
    """The one value that all are; None if they differ."""
    found = list(values)
    return found[0] if all(value == found[0] for value in found) else None


def _activation(value: Any) -> str | None:
    if value is F.relu or type(value) is nn.ReLU:
        return "relu"
    if value is F.gelu or (type(value) is nn.GELU and value.approximate == "none"):
        return "gelu"
    return None


def one_layer(module: Any) -> dict[str, Any] | None:
    """Of a layer of an encoder or a decoder."""
    parts: list[Any] = list(module.children())
    attentions: list[Any] = [part for part in parts if type(part) is nn.MultiheadAttention]
    norms: list[Any] = [part for part in parts if type(part) is nn.LayerNorm]
    drops: list[Any] = [part for part in parts if type(part) is nn.Dropout]
    matrices: list[Any] = [part for part in parts if type(part) is nn.Linear]
    plain = len(attentions) + len(norms) + len(drops) + len(matrices)
    if plain + isinstance(module.activation, nn.Module) != len(parts):
        return None
    if any(part.in_proj_weight is None or part.bias_k is not None or part.add_zero_attn for part in attentions):
        return None
    if any(
        not norm.elementwise_affine or norm.normalized_shape != (module.norm1.normalized_shape[0],) for norm in norms
    ):
        return None
    biases = [part.bias is not None for part in (*norms, *matrices)]
    biases += [bias is not None for part in attentions for bias in (part.in_proj_bias, part.out_proj.bias)]
    found = {
        "nhead": _only(part.num_heads for part in attentions),
        "dim_feedforward": module.linear1.out_features,
        "dropout": _only([*(float(part.p) for part in drops), *(float(part.dropout) for part in attentions)]),
        "activation": _activation(module.activation),
        "layer_norm_eps": _only(norm.eps for norm in norms),
        "norm_first": module.norm_first,
        "bias": _only(biases),
    }
    first = _only(part.batch_first for part in attentions)
    return None if first is None or any(value is None for value in found.values()) else found


def stack(inner: str) -> Reader:
    """Of an encoder or a decoder, whose layers are `inner`."""

    def read(module: Any) -> dict[str, Any] | None:
        if module.norm is not None:
            return None
        return _stacked(module, inner)

    return read


def _stacked(module: Any, inner: str) -> dict[str, Any] | None:
    found = [
        one_layer(layer) if type(layer) in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer) else None
        for layer in module.layers
    ]
    if not found or found[0] is None or any(other != found[0] for other in found):
        return None
    return {inner: found[0], "num_layers": len(found)}


def whole(module: Any) -> dict[str, Any] | None:
    """Of a transformer with the encoder and the decoder that it makes by itself."""
    encoder, decoder = module.encoder, module.decoder
    if type(encoder) is not nn.TransformerEncoder or type(decoder) is not nn.TransformerDecoder:
        return None
    first, second = _stacked(encoder, "layer"), _stacked(decoder, "layer")
    if first is None or second is None or first["layer"] != second["layer"]:
        return None
    arguments = first["layer"]
    norms: list[Any] = [encoder.norm, decoder.norm]
    for norm in norms:
        if type(norm) is not nn.LayerNorm or norm.eps != arguments["layer_norm_eps"]:
            return None
        if (getattr(norm, "bias", None) is not None) != arguments["bias"]:
            return None
    return arguments | {"num_encoder_layers": first["num_layers"], "num_decoder_layers": second["num_layers"]}
