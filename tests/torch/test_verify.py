"""Verification against real tensors: it agrees where netspec is right, and says where it is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import netspec
from netspec.dims import Shape
from netspec.layers.base import TensorType
from netspec.layers.linear import Linear
from netspec.torch.verify import VerificationError, verify
from tests.doctored import doctored

NET = """
name: small
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - BatchNorm2d
  - residual: [{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}, ReLU]
  - aux: [Flatten, {Linear: 2}]
  - Flatten
  - Linear: 10
"""


def test_agreement_reports_what_was_compared():
    found = verify(netspec.loads(NET))
    assert (found.layers, found.params, found.disagreements) == (8, 3_352, ())
    version = torch.__version__.partition("+")[0]
    assert str(found).startswith(f"8 layers, 3,352 parameters agree with torch {version} (")


EMBEDDING = """
input: {shape: [7], dtype: int64}
layers:
  - Embedding: {num_embeddings: 3, embedding_dim: 5}
  - Linear: 2
"""


def test_integer_inputs_are_indices_that_the_embedding_has():
    assert verify(netspec.loads(EMBEDDING)).layers == 2


def _wrong(monkeypatch: pytest.MonkeyPatch, method: str, result: Any) -> VerificationError:
    net = netspec.loads(NET)
    monkeypatch.setattr(Linear, method, lambda self, x: result)
    with pytest.raises(VerificationError) as caught:
        verify(net)
    assert caught.value.exit_status == 70
    return caught.value


def test_a_wrong_parameter_shape_is_a_defect_that_names_layer_expected_and_found(monkeypatch: pytest.MonkeyPatch):
    wrong: dict[str, Shape] = {"weight": (10, 255), "bias": (10,)}
    error = _wrong(monkeypatch, "parameters", wrong)
    assert "`5` (Linear): parameters inferred as weight 10 × 255, bias 10, in torch weight 10 × 256, bias 10" in str(
        error
    )
    assert "the network: parameters inferred as" in str(error)


def test_a_wrong_shape_is_found_where_it_arises():
    net = doctored(netspec.loads(NET), 0, output=TensorType((4, 8, 9)))
    with pytest.raises(
        VerificationError, match=r"`0` \(Conv2d\): output inferred as 2 × 4 × 8 × 9, in torch 2 × 4 × 8 × 8"
    ):
        verify(net)


def test_a_wrong_dtype_is_found():
    net = doctored(netspec.loads(NET), 1, output=TensorType((4, 8, 8), "int64"))
    with pytest.raises(
        VerificationError, match=r"`1` \(BatchNorm2d\): output dtype inferred as int64, in torch float32"
    ):
        verify(net)


def test_a_layer_that_torch_refuses_to_run_is_named_with_torchs_reason(monkeypatch: pytest.MonkeyPatch):
    def forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(nn.BatchNorm2d, "forward", forward)
    with pytest.raises(VerificationError, match=r"`1` \(BatchNorm2d\): forward in train mode.*refused: no such thing"):
        verify(netspec.loads(NET))


def test_layers_that_run_in_another_order_are_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nn.Sequential, "forward", _backwards)
    with pytest.raises(VerificationError, match=r"step 1 of the execution inferred as 0, in torch 1"):
        verify(netspec.loads("name: r\ninput: [3]\nlayers: [ReLU, Sigmoid]\n"))


def _backwards(self: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    for module in reversed(list(self)):
        x = module(x)
    return x
