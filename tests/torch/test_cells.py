"""Cells of recurrent layers in loops over steps, against torch's own."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.torch.measured import counting_flops
from tests.emitted import emitted

KINDS: dict[str, Any] = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def spec(kind: str) -> str:
    state, given = ("[h, c]", "h: [6], c: [6]") if kind == "LSTM" else ("h", "h: [6]")
    return (
        f"input: {{x: [5, 4], {given}}}\nlayers:\n  - for: t in range(5)\n    do:\n      - use: x\n"
        f"      - Select: {{dim: 1, index: t}}\n      - {{{kind}Cell: {{hidden_size: 6, hx: {state}}}, shared: cell, "
        f"as: {state}}}\n  - {{Linear: 3, name: fc}}\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_over_steps_is_the_recurrent_layer(kind: str) -> None:
    net = netspec.loads(spec(kind))
    built, written = netspec.build(net).eval(), emitted(net).eval()
    assert list(written.state_dict()) == list(built.state_dict())
    written.load_state_dict(built.state_dict())
    whole = KINDS[kind](4, 6, batch_first=True)
    whole.load_state_dict({f"{key}_l0": built.state_dict()[f"cell.{key}"] for key in cell_keys()})
    x, h, c = torch.randn(3, 5, 4), torch.randn(3, 6), torch.randn(3, 6)
    values: tuple[Tensor, ...] = (x, h, c) if kind == "LSTM" else (x, h)
    _, last = whole(x, (h[None], c[None]) if kind == "LSTM" else h[None])
    state = built.state_dict()
    wanted = nn.functional.linear((last[0] if kind == "LSTM" else last)[0], state["fc.weight"], state["fc.bias"])
    torch.testing.assert_close(built(*values), wanted)
    torch.testing.assert_close(written(*values), wanted)
    with counting_flops() as counter:
        built(*(value[:1] for value in values))
    assert counter.get_total_flops() == 2 * net.macs
    assert net.params == sum(p.numel() for p in built.parameters())


def cell_keys() -> tuple[str, ...]:
    return ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def test_without_states_a_cell_begins_with_zeros() -> None:
    net = netspec.loads("input: [4]\nlayers:\n  - {LSTMCell: 6, as: [h, c]}\noutput: [h, c]\n")
    built = netspec.build(net).eval()
    cell = nn.LSTMCell(4, 6)
    cell.load_state_dict({key: built.state_dict()[f"0.{key}"] for key in cell_keys()})
    x = torch.randn(3, 4)
    for part, wanted in zip(built(x), cell(x), strict=True):
        torch.testing.assert_close(part, wanted, rtol=0, atol=0)


def test_a_shared_cell_may_be_given_states_in_later_places_alone() -> None:
    net = netspec.loads(
        "input: [4]\nlayers:\n  - as: x\n  - {GRUCell: 6, shared: cell}\n  - as: h\n  - use: x\n"
        "  - {GRUCell: {hidden_size: 6, hx: h}, shared: cell}\n"
    )
    built, x = netspec.build(net), torch.randn(3, 4)
    cell = nn.GRUCell(4, 6)
    cell.load_state_dict({key: built.state_dict()[f"cell.{key}"] for key in cell_keys()})
    torch.testing.assert_close(built(x), cell(x, cell(x)), rtol=0, atol=0)


def test_a_shared_layer_that_gives_its_states_in_one_place_gives_them_in_all() -> None:
    text = (
        "input: {x: [5, 6], h0: [1, 6]}\nlayers:\n  - {GRU: 6, shared: g}\n"
        "  - {GRU: {hidden_size: 6, hx: h0}, shared: g}\n"
    )
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text)
    assert [found.code for found in caught.value.diagnostics] == ["shared-differs"]
    assert "its `GRU` takes and gives are here several and at first one" in caught.value.diagnostics[0].message
    net = netspec.loads(re.sub("(shared: g)", r"\1, as: [y, h]", text))
    built = netspec.build(net)
    assert built(torch.randn(3, 5, 6), torch.randn(3, 1, 6)).shape == (3, 5, 6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{LSTMCell: {hidden_size: 6, hx: h}}", "`hx` of `LSTMCell` takes 2, `h` and `c`, not 1"),
        ("{GRUCell: {hidden_size: 5, hx: h}}", "`h` of `hx` is 5 here, the `hidden_size`, but what it is given is 6"),
        ("{GRUCell: {input_size: 3, hidden_size: 6}}", "`input_size: 3`, but"),
    ],
)
def test_states_and_widths_that_do_not_fit_are_told(text: str, told: str) -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(f"input: {{x: [4], h: [6]}}\nlayers:\n  - {text}\n")
    assert [told in found.message for found in caught.value.diagnostics] == [True]


def test_a_shared_block_gives_its_cell_a_state_everywhere_or_nowhere() -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(
            "input: {x: [4], h: [4]}\nlayers:\n  - {sequential: [GRUCell: 4, ReLU], shared: s}\n"
            "  - {sequential: [GRUCell: {hidden_size: 4, hx: h}, ReLU], shared: s}\n"
        )
    assert [found.code for found in caught.value.diagnostics] == ["shared-differs"]
