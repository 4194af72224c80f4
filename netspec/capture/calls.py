"""Layers that take several tensors, or give several."""

from __future__ import annotations

from typing import Any, Final

from netspec.capture import layers
from netspec.capture.forms import Form
from netspec.capture.graph import TracedCall
from netspec.capture.lowering import LayerHandler, Lowering, NoForm
from netspec.layers.base import Layer


def _attention(lowering: Lowering, call: TracedCall, layer: Layer, more: dict[str, Any]) -> None:
    """`nn.MultiheadAttention` of one sequence on itself or on another, without masks."""
    names = (
        "query",
        "key",
        "value",
        "key_padding_mask",
        "need_weights",
        "attn_mask",
        "average_attn_weights",
        "is_causal",
    )
    given = dict(zip(names, call.args, strict=False)) | call.kwargs
    query, key, value = (lowering.find(given.get(name, given["query"])) for name in names[:3])
    if any(given.get(name) is not None for name in ("key_padding_mask", "attn_mask")) or given.get("is_causal"):
        raise NoForm("`MultiheadAttention` with a mask has no form yet")
    if call.result is not None and len(call.results) > 1:
        call.results[:] = call.results[:1]
    arguments = layers.written(layer)
    if query is key and key is value:
        lowering.add(call, "SelfAttention", lowering.taken(query), arguments, **more)
        return
    reads = {"key": (lowering.taken(key),), "value": (lowering.taken(value),)}
    lowering.add(call, "MultiheadAttention", lowering.taken(query), arguments, reads=reads, **more)


def _recurrent(lowering: Lowering, call: TracedCall, layer: Layer, more: dict[str, Any]) -> None:
    """A recurrent layer and its states. A program has the layers of the states in front, a spec the batch."""
    further = [*call.args[1:], *call.kwargs.values()]
    states = further[0] if further else None
    if states is not None:
        raise NoForm("a recurrent layer that is given its states has no form yet")
    value = lowering.taken(next(iter(call.args), None))
    item = lowering.add(call, type(layer).__name__, value, layers.written(layer), **more)
    for value in item.gives[1:]:
        lowering.forms[value] = Form(1)


CALLS: Final[dict[str, LayerHandler]] = {
    "SelfAttention": _attention,
    "RNN": _recurrent,
    "LSTM": _recurrent,
    "GRU": _recurrent,
}
