"""Networks in which a module runs twice, or a parameter belongs to two layers, are trained, kept and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.net import Net
from tests.train.small_runs import finish, last_checkpoint, run_until, whole_state

NETS = {
    "shared": """
input: [12]
layers:
  - {Linear: 12, shared: step}
  - Tanh
  - residual: [{Linear: 12, shared: step}, Dropout: 0.1]
  - {repeat: 2, do: [Linear: 12, ReLU], shared: twice}
  - Linear: 3
""",
    "tied": """
input: [10, int64]
layers:
  - {Embedding: {num_embeddings: 9, embedding_dim: 8}, name: tokens}
  - Mean: {dim: 1}
  - {Linear: {out_features: 9, bias: false}, name: head, tie: {weight: tokens.weight}}
""",
}
TRAIN = """
train:
  data: {synthetic: {train: 60, test: 12}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {AdamW: {lr: 0.01}}
  ema: 0.9
"""


def net_of(name: str) -> Net:
    data = {"synthetic": {"train": 60, "test": 12, "vocabulary": 9}} if name == "tied" else {}
    return netspec.loads(f"name: {name}{NETS[name]}{TRAIN}", set={"train.data": data} if data else {})


@pytest.mark.parametrize("name", NETS)
def test_a_run_goes_on_to_the_bit(name: str, tmp_path: Path) -> None:
    net = net_of(name)
    finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "parts", 11)
    finish(net, tmp_path / "parts")
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")


def test_a_tied_parameter_is_written_under_both_keys_and_stays_one(tmp_path: Path) -> None:
    net = net_of("tied")
    finish(net, tmp_path / "run")
    written = load_file(tmp_path / "run" / "model.safetensors")
    assert torch.equal(written["tokens.weight"], written["head.weight"])
    saved = last_checkpoint(tmp_path / "run").model
    assert torch.equal(saved["tokens.weight"], saved["head.weight"])
    model = netspec.build(net)
    model.load_state_dict(written)
    assert model.tokens.weight is model.head.weight
    assert sum(parameter.numel() for parameter in model.parameters()) == net.params == 72
