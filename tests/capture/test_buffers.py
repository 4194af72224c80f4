"""Saved buffers of many numbers, of which a program uses a part, have their keys and no numbers in a spec."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.importing import FromTorch, from_torch
from tests.capture.lessons import PositionalEncoding
from tests.capture.test_from_torch import imported


def loads_by_keys(module: nn.Module, found: FromTorch, *shape: int) -> bool:
    """Whether the spec with the weights and buffers of the module gives the same."""
    model = netspec.build(found.net)
    state = module.state_dict()
    wanted = model.state_dict()
    model.load_state_dict({own: state[key].reshape(wanted[own].shape) for own, key in found.keys.items()})
    x = torch.randn(3, *shape)
    return torch.allclose(model.eval()(x), module.eval()(x), atol=1e-6)


def test_sines_of_positions_are_a_word() -> None:
    module = nn.Sequential(nn.Linear(8, 32), PositionalEncoding(32, 50))
    found = imported(module, (9, 8))
    assert '{Sinusoids: {positions: "range(50)", embed_dim: 32}, name: pe}' in found.text
    assert "Slice: {dim: 1, end: 9}" in found.text
    assert sorted(found.keys.values()) == sorted(module.state_dict())
    assert loads_by_keys(module, found, 9, 8)


class SecondPlace(nn.Module):
    """The encoding of torch's tutorial, for a batch in second place."""

    def __init__(self, d_model: int, max_len: int) -> None:
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        return (x + self.pe[: x.size(0)]).transpose(0, 1)


def test_sines_for_a_batch_in_second_place_are_the_same_word() -> None:
    module = nn.Sequential(nn.Linear(8, 16), SecondPlace(16, 40))
    found = imported(module, (7, 8))
    assert 'Sinusoids: {positions: "range(40)", embed_dim: 16}' in found.text
    assert "Slice: {dim: 1, end: 7}" in found.text
    assert loads_by_keys(module, found, 7, 8)


class Noisy(nn.Module):
    """A table of numbers that follow no rule; some of its first rows are added."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.randn(rows, 16))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


@pytest.mark.parametrize("rows", [6, 30])
def test_other_tables_are_parameters_that_do_not_train(rows: int) -> None:
    module = nn.Sequential(nn.Linear(8, 16), Noisy(rows))
    found = imported(module, (6, 8))
    if rows * 16 > 256:
        assert "- {Parameter: [30, 16], name: table}\n      - Slice: {dim: 1, end: 6}" in found.text
        assert found.net.trainable_params == 8 * 16 + 16
        assert found.keeps_keys is False
        assert not found.left_out
    assert found.net.params == 8 * 16 + 16 + (rows * 16 if rows * 16 > 256 else 0)
    assert loads_by_keys(module, found, 6, 8)


class _Windowed(nn.Module):
    """What is weighed with numbers that it has as a buffer, as an attribute, or makes in each run."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        if kept == "buffer":
            self.register_buffer("window", 0.3 * torch.hann_window(8), persistent=False)
        elif kept:
            self.window = 0.3 * torch.hann_window(8)
        self.kept = kept

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) * (self.window if self.kept else 0.3 * torch.hann_window(8, dtype=x.dtype))


@pytest.mark.parametrize("kept", ["buffer", "attribute", ""])
def test_a_note_names_the_numbers_that_are_not_saved(kept: str) -> None:
    found = from_torch(nn.Sequential(nn.Linear(4, 8), _Windowed(kept)), torch.randn(2, 4))
    told = "the numbers of `1.window` are not saved" if kept else "the module computes numbers of neither its input nor"
    (note,) = (note for note in found.notes if note.endswith("they were compared with 64 bits"))
    assert note.startswith(told)
    assert "Buffer" in found.text
