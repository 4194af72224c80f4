"""Layers that take several tensors, or give several."""

from __future__ import annotations

from typing import Any, Final

from netspec.capture.functions.transformers import TRANSFORMERS, sequence
from netspec.capture.graph import TracedCall, values_in
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lowering import LayerHandler, Lowering
from netspec.capture.modules import layers
from netspec.capture.modules.binding import bound
from netspec.layers.base import Layer


def _recurrent(lowering: Lowering, call: TracedCall, layer: Layer, more: dict[str, Any]) -> None:
    """A recurrent layer and its states. A program has the layers of the states in front, a spec the batch."""
    if call.layer is not None and layers.is_own(call.layer):
        value, *states = (lowering.taken(each) for each in call.args if each is not None)
        if states:
            more["reads"] = {"hx": tuple(states)}
        lowering.add(call, type(layer).__name__, value, layers.written(layer), **more)
        return
    given = bound(call, "input hx=None")
    states = given["hx"]
    if states is not None and not _are_zeros(states):
        raise NoForm("a recurrent layer that is given its states, other than zeros, has no form yet")
    first = bool(getattr(call.layer, "batch_first", True))
    value = sequence(lowering, given["input"], batch_first=first)
    forms = (Form(0 if first else 1), *(Form(1) for _ in call.results[1:]))
    lowering.add(call, type(layer).__name__, value, layers.written(layer), forms=forms, **more)


def _are_zeros(states: Any) -> bool:
    """Whether the states are those with which a recurrent layer begins by itself."""
    found = list(values_in(states))
    return all(value.kind == "numbers" and value.tensor is not None and not value.tensor.any() for value in found)


CALLS: Final[dict[str, LayerHandler]] = {
    **TRANSFORMERS,
    "RNN": _recurrent,
    "LSTM": _recurrent,
    "GRU": _recurrent,
}
