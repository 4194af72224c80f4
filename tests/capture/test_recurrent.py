"""Recurrent layers: alone, with their states as results, and with first states that are learned or computed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.importing import FromTorch
from tests.capture.modules import around
from tests.capture.test_from_torch import equal, imported, refusal

STATES = "output 2 of the module is (2, N, 6), N for the batch, and that of the spec (N, 2, 6): the same numbers"


@pytest.mark.parametrize(
    "module",
    [
        nn.GRU(4, 6, 2, batch_first=True),
        nn.LSTM(4, 6, 2, batch_first=True),
        nn.RNN(4, 6, batch_first=True, bidirectional=True, nonlinearity="relu"),
    ],
    ids=lambda module: type(module).__name__,
)
def test_a_recurrent_layer_is_a_module_by_itself(module: nn.Module) -> None:
    found = imported(module, (5, 4))
    assert STATES in found.notes
    x, model = torch.randn(3, 5, 4), with_weights(module, found)
    with torch.no_grad():
        y, *states = model(x)
        theirs = module.eval()(x)
    assert torch.allclose(y, theirs[0], atol=1e-6)
    wanted = theirs[1] if isinstance(theirs[1], tuple) else (theirs[1],)
    assert all(torch.allclose(a, b.transpose(0, 1), atol=1e-6) for a, b in zip(states, wanted, strict=True))


def with_weights(module: nn.Module, found: FromTorch) -> nn.Module:
    """The network of a spec with the weights of its module."""
    model = netspec.build(found.net)
    model.load_state_dict({own: module.state_dict()[key] for own, key in found.keys.items()})
    return model.eval()


def test_states_that_a_module_gives_are_values_with_the_batch_first() -> None:
    def forward(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        y, h = self.a(x)
        return self.b(y), h

    found = imported(around(forward, nn.GRU(4, 6, 2, batch_first=True), nn.Linear(6, 3)), (5, 4))
    assert found.notes[0] == STATES
    assert [own.shape for value in found.net.outputs for own in value.types] == [(5, 3), (2, 6)]


def test_states_that_a_module_turns_itself_are_as_they_are() -> None:
    def forward(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        y, h = self.a(x)
        return self.b(y), h.transpose(0, 1)

    found = imported(around(forward, nn.GRU(4, 6, 2, batch_first=True), nn.Linear(6, 3)), (5, 4))
    assert not any("N for the batch" in note for note in found.notes)


def test_an_output_whose_batch_is_merged_has_it_alone_in_the_spec() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.b(self.a(x)[0].reshape(-1, 6))

    found = imported(around(forward, nn.GRU(4, 6, batch_first=True), nn.Linear(6, 3)), (5, 4))
    assert "what the module gives is (N · 5, 3), N for the batch, and that of the spec (N, 5, 3): the same numbers" in (
        found.notes
    )


def expanded(self: Any, x: Tensor) -> Tensor:
    y, _ = self.a(x, self.h.expand(-1, x.size(0), -1).contiguous())
    return self.b(y)


def repeated(self: Any, x: Tensor) -> Tensor:
    _, h = self.a(x, self.h.repeat(1, x.size(0), 1))
    return self.b(h[-1])


def computed(self: Any, x: Tensor) -> Tensor:
    return self.b(self.a(x, torch.tanh(self.h).expand(-1, len(x), -1).contiguous())[0])


@pytest.mark.parametrize("forward", [expanded, repeated, computed], ids=lambda forward: forward.__name__)
def test_first_states_may_be_learned(forward: Any) -> None:
    module = around(forward, nn.GRU(4, 6, 2, batch_first=True), nn.Linear(6, 3))
    module.h = nn.Parameter(torch.randn(2, 1, 6))
    found = imported(module, (5, 4))
    assert ("hx: x_2}" if forward is computed else "hx: h}") in found.text
    assert equal(module, found, (5, 4))


def test_a_first_state_may_be_a_vector() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.a(x, self.h.expand(1, x.shape[0], 6))[0]

    module = around(forward, nn.GRU(4, 6, batch_first=True))
    module.h = nn.Parameter(torch.randn(6))
    assert equal(module, imported(module, (5, 4)), (5, 4))


def test_first_states_may_be_computed_of_another_input() -> None:
    def forward(self: Any, x: Tensor, picture: Tensor) -> Tensor:
        state = torch.tanh(self.b(picture)).unsqueeze(0)
        return self.a(x, (state, torch.zeros_like(state)))[0]

    module = around(forward, nn.LSTM(4, 6, batch_first=True), nn.Linear(7, 6))
    assert equal(module, imported(module, (5, 4), (7,)), (5, 4), (7,))


def test_the_states_of_one_layer_may_begin_another() -> None:
    def forward(self: Any, source: Tensor, target: Tensor) -> Tensor:
        _, states = self.a(source)
        return self.b(target, states)[0]

    module = around(forward, nn.LSTM(4, 6, 2, batch_first=True), nn.LSTM(3, 6, 2, batch_first=True))
    found = imported(module, (5, 4), (7, 3))
    assert "hx: [" in found.text
    assert found.keeps_keys


def test_a_slice_behind_a_chosen_place_is_that_of_its_own_axis() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y, _ = self.a(x)
        return self.b(torch.cat([y[:, -1, :6], y[:, 0, 6:]], dim=1))

    module = around(forward, nn.GRU(4, 6, batch_first=True, bidirectional=True), nn.Linear(12, 3))
    assert equal(module, imported(module, (5, 4)), (5, 4))


def test_states_that_no_run_repeats_for_each_example_are_refused() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.a(x, self.h)[0]

    module = around(forward, nn.GRU(4, 6, batch_first=True))
    module.h = nn.Parameter(torch.randn(1, 2, 6))
    assert re.search(r"test_recurrent.py:\d+: it is not one tensor for all examples", refusal(module, (5, 4)))


# ---- cells


def test_a_loop_over_steps_with_a_cell_is_a_loop() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        h, c, found = x.new_zeros(x.size(0), 6), x.new_zeros(x.size(0), 6), list[Tensor]()
        for t in range(x.size(1)):
            h, c = self.a(x[:, t], (h, c))
            found.append(h)
        return self.b(torch.stack(found, 1))

    module = around(forward, nn.LSTMCell(4, 6), nn.Linear(6, 3))
    found = imported(module, (5, 4))
    assert '{LSTMCell: {hidden_size: 6, hx: ["h[index - 1]", c]}, shared: a, as: ["h[index]", c]}' in found.text
    assert found.keeps_keys
    assert equal(module, found, (5, 4))


def test_a_cell_may_read_what_it_gave() -> None:
    def forward(self: Any, h: Tensor, y: Tensor) -> Tensor:
        found: list[Tensor] = []
        for _ in range(4):
            h = self.a(torch.relu(self.b(y)), h)
            y = self.c(h)
            found.append(y)
        return torch.stack(found, 1)

    module = around(forward, nn.GRUCell(5, 6), nn.Linear(3, 5), nn.Linear(6, 3))
    found = imported(module, (6,), (3,))
    assert "for: i in range(3)" in found.text
    assert equal(module, found, (6,), (3,))


def test_the_first_states_of_a_cell_may_be_learned() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        h, c = self.h.expand(x.shape[0], -1), self.h.repeat(x.shape[0], 1)
        for step in x.unbind(1):
            h, c = self.a(step, (h, c))
        return h

    module = around(forward, nn.LSTMCell(4, 6))
    module.h = nn.Parameter(torch.randn(1, 6))
    assert equal(module, imported(module, (3, 4)), (3, 4))


@pytest.mark.parametrize("module", [nn.RNNCell(4, 6, nonlinearity="relu"), nn.LSTMCell(4, 6, bias=False)], ids=str)
def test_a_cell_is_a_module_by_itself(module: nn.Module) -> None:
    found = imported(module, (4,))
    assert f"name: {type(module).__name__.lower()}" in found.text.splitlines()[5]


class _Listed(nn.Module):
    """A cell of a list, and a layer of it, in a loop over steps."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.GRUCell(4, 4), nn.Linear(4, 4)])

    def forward(self, x: Tensor) -> Tensor:
        h = None
        for t in range(x.shape[1]):
            h = self.parts[1](self.parts[0](x[:, t], h))
        return h  # pyright: ignore[reportReturnType]  # there are steps


def test_parts_of_a_list_that_run_again_have_one_name() -> None:
    module = _Listed()
    found = imported(module, (4, 4))
    assert "shared: parts_0" in found.text
    assert equal(module, found, (4, 4))
