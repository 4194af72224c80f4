"""LSTM, GRU and RNN of ONNX: other orders of gates and axes than torch's."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.reading import OnnxNode
from netspec.capture.onnx.values import KnownNumbers, plain

RECURRENT: Final = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""For each operator where its gates are, in the order of torch's."""
_KINDS: Final = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
_UNITS: Final = {"LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"], "RNN": ["tanh"]}


def recurrent(node: OnnxNode, x: list[Any]) -> tuple[nn.Module, dict[str, Tensor]]:
    """The layer, whose batch is first, and its weights.

    Raises:
        NoForm: it does what torch's does not.
    """
    own, order = node.attributes, RECURRENT[node.op]
    values = [*x, *[None] * (8 - len(x))]
    if not all(isinstance(value, KnownNumbers) for value in values[1:3]):
        raise NoForm("its weights are no numbers of the file")
    w, r = plain(values[1]), plain(values[2])
    gates = len(order)
    if w.ndim != 3 or r.ndim != 3 or r.shape[1] != gates * r.shape[2] or w.shape[:2] != r.shape[:2]:
        raise NoForm(f"its weights have the sizes {tuple(w.shape)} and {tuple(r.shape)}")
    ways, hidden = r.shape[0], r.shape[2]
    _check(node, values, ways)
    b = torch.zeros(ways, 2 * gates * hidden) if values[3] is None else plain(values[3])
    if tuple(b.shape) != (ways, 2 * gates * hidden):
        raise NoForm(f"its biases have the sizes {tuple(b.shape)}")
    options: dict[str, Any] = {"batch_first": True, "bidirectional": ways == 2, "bias": values[3] is not None}
    if node.op == "RNN":
        options["nonlinearity"] = _units(own, node.op)[0]
    module = _KINDS[node.op](w.shape[2], hidden, device="meta", **options)
    weights: dict[str, Tensor] = {}
    for way, suffix in zip(range(ways), ("", "_reverse"), strict=False):

        def turned(rows: Tensor) -> Tensor:
            return torch.cat([rows.unflatten(0, (gates, hidden))[gate] for gate in order])

        weights[f"weight_ih_l0{suffix}"], weights[f"weight_hh_l0{suffix}"] = turned(w[way]), turned(r[way])
        if values[3] is not None:
            half = gates * hidden
            weights[f"bias_ih_l0{suffix}"], weights[f"bias_hh_l0{suffix}"] = (
                turned(b[way][:half]),
                turned(b[way][half:]),
            )
    return module, weights


def _units(own: dict[str, Any], op: str) -> list[str]:
    return [name.lower() for name in own.get("activations") or _UNITS[op]]


def _check(node: OnnxNode, values: list[Any], ways: int) -> None:
    own = node.attributes
    wanted = {1: "forward", 2: "bidirectional"}.get(ways)
    if own.get("direction", "forward") != wanted:
        raise NoForm(f"it runs {own.get('direction', 'forward')!r} with weights for {ways} directions")
    if own.get("layout", 0) or own.get("clip") or own.get("input_forget", 0):
        raise NoForm("it has `layout`, `clip` or `input_forget`, which torch's has not")
    if node.op == "GRU" and not own.get("linear_before_reset", 0):
        raise NoForm(
            "it resets before the product with the state (`linear_before_reset=0`), where torch's resets after"
        )
    known = [_UNITS[node.op] * ways, ["relu"] * ways if node.op == "RNN" else _UNITS[node.op] * ways]
    if own.get("activations") and _units(own, node.op) not in known:
        raise NoForm(f"its activations are {own['activations']}")
    if isinstance(values[4], Tensor) or (
        values[4] is not None and bool((plain(values[4]) != values[0].shape[0]).any())
    ):
        raise NoForm("its sequences have lengths of their own")
    for state in values[5:7]:
        if isinstance(state, Tensor) or (state is not None and bool(plain(state).any())):
            raise NoForm("it begins with a state other than 0")
    if values[7] is not None and bool(plain(values[7]).any()):
        raise NoForm("it has peepholes")


def run_recurrent(node: OnnxNode, layer: nn.Module, x: list[Any]) -> Any:
    """All states, (length, directions, batch, width), and the last ones, as ONNX gives them."""
    found, last = layer(x[0].transpose(0, 1))
    batch, length = found.shape[:2]
    ways = 2 if node.attributes.get("direction", "forward") == "bidirectional" else 1
    states = found.transpose(0, 1).reshape(length, batch, ways, -1).transpose(1, 2)
    return (states, *(last if isinstance(last, tuple) else (last,)))
