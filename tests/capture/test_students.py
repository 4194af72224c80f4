"""Networks as students write them become specs as a person would write them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from netspec.capture.importing import from_torch
from tests.capture.gpts import NanoGPT
from tests.capture.students import (
    Autoencoder,
    Branches,
    Configured,
    Digits,
    EinsumAttention,
    LastStep,
    Sentiment,
    Siamese,
    SqueezeExcite,
    Variational,
)
from tests.capture.test_from_torch import equal, imported, refusal


def test_states_of_zeros_are_those_that_a_recurrent_layer_begins_with() -> None:
    module = LastStep()
    found = imported(module, (28, 28))
    assert "- {LSTM: {hidden_size: 32, num_layers: 2}, name: lstm}\n  - Select: {dim: 1, index: -1}" in found.text
    assert equal(module, found, (28, 28))


def test_layers_that_hold_for_two_inputs_are_shared() -> None:
    module = Siamese()
    found = imported(module, (1, 28, 28), (1, 28, 28))
    assert "input: {input1: [1, 28, 28], input2: [1, 28, 28]}" in found.text
    assert found.text.count("shared: cnn") == 2
    assert found.keeps_keys
    assert equal(module, found, (1, 28, 28), (1, 28, 28))


def test_what_a_spec_takes_for_granted_is_not_written() -> None:
    found = from_torch(Sentiment(), torch.randint(0, 100, (2, 12)))
    assert "GRU: {hidden_size: 24, num_layers: 2, dropout: 0.3, bidirectional: true}" in found.text


def test_a_list_of_neighbouring_indices_is_a_slice() -> None:
    found = from_torch(NanoGPT(), torch.randint(0, 50, (2, 10)))
    assert "Slice: {dim: 1, start: -1}" in found.text


def test_a_list_that_a_loop_makes_is_a_list_with_repeats() -> None:
    found = imported(Configured(), (3, 32, 32))
    assert found.text.count("repeat: 2") == 2
    assert found.keeps_keys


@pytest.mark.parametrize(
    ("kind", "shape", "lines"),
    [
        (Digits, (1, 28, 28), 18),
        (Branches, (3, 16, 16), 18),
        (Autoencoder, (1, 28, 28), 22),
        (SqueezeExcite, (3, 8, 8), 16),
    ],
)
def test_functions_and_views_are_layers(kind: Any, shape: tuple[int, ...], lines: int) -> None:
    module = kind()
    found = imported(module, shape)
    assert len(found.text.splitlines()) <= lines
    assert found.keeps_keys
    assert equal(module, found, shape)


def test_numbers_that_are_drawn_in_both_modes_are_refused_with_what_a_spec_has() -> None:
    told = refusal(Variational(), (1, 28, 28))
    assert re.search(r"students.py:\d+: `randn_like` draws random numbers, which a spec does", told)
    assert "`GaussianSample`" in told


def test_roots_of_whole_numbers_are_written_as_that() -> None:
    found = imported(EinsumAttention(), (7, 32), (7, 32), (7, 32))
    assert 'scale: "32 ** -0.5"' in found.text
