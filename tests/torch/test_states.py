"""Recurrent layers that are given states and give them, against torch's own: values, costs, what is built of them."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.torch.measured import counting_flops
from tests.emitted import emitted

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
CASES = [
    (kind, layers, both, returns, given)
    for kind, layers, both, returns, given in itertools.product(
        KINDS, (1, 2), (False, True), ("sequence", "last"), (False, True)
    )
]


def spec(kind: str, layers: int, both: bool, returns: str, given: bool, projected: int = 0) -> str:
    states = layers * (2 if both else 1)
    features = projected or 5
    cell = kind == "LSTM"
    arguments = f"hidden_size: 5, num_layers: {layers}, bidirectional: {str(both).lower()}, returns: {returns}"
    arguments += f", proj_size: {projected}" if projected else ""
    arguments += (f", hx: {'[h0, c0]' if cell else 'h0'}") if given else ""
    inputs = f"h0: [{states}, {features}]" + (f", c0: [{states}, 5]" if cell else "")
    return (
        f"input: {{x: [6, 4]{', ' + inputs if given else ''}}}\n"
        f"layers:\n  - {kind}: {{{arguments}}}\n    as: [y, h{', c' if cell else ''}]\n"
        f"output: {{y: y, h: h{', c: c' if cell else ''}}}\n"
    )


def expected(module: nn.Module, x: Tensor, states: list[Tensor], returns: str, both: bool) -> list[Tensor]:
    """What torch gives, with its states in the order of netspec's."""
    turned = [state.transpose(0, 1).contiguous() for state in states]
    hx: Any = None if not turned else turned[0] if len(turned) == 1 else tuple(turned)
    y, last = module(x, hx)
    found = [last] if isinstance(last, Tensor) else list(last)
    if returns == "last":
        y = torch.cat([found[0][-2], found[0][-1]], 1) if both else found[0][-1]
    return [y, *(state.transpose(0, 1) for state in found)]


@pytest.mark.parametrize(("kind", "layers", "both", "returns", "given"), CASES)
def test_states_are_torchs_with_the_batch_first(kind: str, layers: int, both: bool, returns: str, given: bool) -> None:
    net = netspec.loads(spec(kind, layers, both, returns, given))
    built = netspec.build(net).eval()
    reference = KINDS[kind](4, 5, layers, bidirectional=both, batch_first=True)
    reference.load_state_dict({key.removeprefix("0."): value for key, value in built.state_dict().items()})
    values = [torch.randn(3, *value.type.shape) for value in net.inputs]
    want = expected(reference, values[0], values[1:], returns, both)
    written = emitted(net).eval()
    written.load_state_dict(built.state_dict())
    for found in (built(*values), written(*values)):
        assert [tuple(part.shape) for part in found] == [(3, *value.types[0].shape) for value in net.outputs]
        for part, wanted in zip(found, want, strict=True):
            torch.testing.assert_close(part, wanted, rtol=0, atol=0)
    with counting_flops() as counter:
        built(*(value[:1] for value in values))
    assert counter.get_total_flops() == 2 * net.macs


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_projection_makes_the_two_states_differ() -> None:
    net = netspec.loads(spec("LSTM", 2, True, "sequence", True, projected=3))
    built = netspec.build(net).eval()
    reference = nn.LSTM(4, 5, 2, bidirectional=True, batch_first=True, proj_size=3)
    reference.load_state_dict({key.removeprefix("0."): value for key, value in built.state_dict().items()})
    values = [torch.randn(3, *value.type.shape) for value in net.inputs]
    want = expected(reference, values[0], values[1:], "sequence", True)
    assert [tuple(part.shape[1:]) for part in want] == [(6, 6), (4, 3), (4, 5)]
    for part, wanted in zip(built(*values), want, strict=True):
        torch.testing.assert_close(part, wanted, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:The tensor attributes")
def test_what_is_built_is_copied_pickled_exported_and_has_the_keys_of_torch() -> None:
    net = netspec.loads(spec("LSTM", 1, False, "sequence", True))
    built = netspec.build(net).eval()
    assert list(built.state_dict()) == [f"0.{key}" for key in nn.LSTM(4, 5).state_dict()]
    values = tuple(torch.randn(3, *value.type.shape) for value in net.inputs)
    want = built(*values)
    exported = torch.export.export(built, values).module()
    for copied in (copy.deepcopy(built), pickle.loads(pickle.dumps(built)), exported):
        for part, wanted in zip(copied(*values), want, strict=True):
            torch.testing.assert_close(part, wanted)


def test_the_flat_form_says_the_same() -> None:
    net = netspec.loads(spec("GRU", 2, False, "last", True))
    flat = netspec.loads(netspec.expand(net))
    assert [(x.call, x.output, [r.type for r in x.results]) for x in flat.layers] == [
        (x.call, x.output, [r.type for r in x.results]) for x in net.layers
    ]
    assert netspec.verify(net) is not None
