"""Layers that take several tensors, or give several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from netspec.capture.functions.repeats import one_for_all
from netspec.capture.functions.transformers import TRANSFORMERS, sequence
from netspec.capture.graph import Traced, TracedCall, values_in
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
    states = list(values_in(given["hx"]))
    if states and not _are_zeros(states):
        more["reads"] = {"hx": tuple(_state(lowering, state) for state in states)}
    first = bool(getattr(call.layer, "batch_first", True))
    value = sequence(lowering, given["input"], batch_first=first)
    forms = (Form(0 if first else 1), *(Form(1) for _ in call.results[1:]))
    lowering.add(call, type(layer).__name__, value, layers.written(layer), forms=forms, **more)


def _cell(lowering: Lowering, call: TracedCall, layer: Layer, more: dict[str, Any]) -> None:
    """One step of a recurrent layer, and its states."""
    value, *given = call.args
    states = list(values_in((given, call.kwargs)))
    if states and not _are_zeros(states):
        found = (lowering.taken(one) if one.varies else one_for_all(lowering, one, 0) for one in states)
        more["reads"] = {"hx": tuple(found)}
    lowering.add(call, type(layer).__name__, lowering.taken(value), layers.written(layer), **more)


def _state(lowering: Lowering, state: Traced) -> Traced:
    """A state, (layers and directions, batch, features), with the batch first."""
    if state.varies:
        value, form = lowering.anywhere(state)
        if form != Form(1):
            raise NoForm("the batch is not the second axis of the states that a recurrent layer is given")
        return value
    return one_for_all(lowering, state, 1)


def _are_zeros(states: Sequence[Traced]) -> bool:
    """Whether the states are those with which a recurrent layer begins by itself."""
    return all(value.kind == "numbers" and value.tensor is not None and not value.tensor.any() for value in states)


CALLS: Final[dict[str, LayerHandler]] = {
    **TRANSFORMERS,
    "RNN": _recurrent,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _cell),
}
