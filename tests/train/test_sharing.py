"""Networks in which a module runs twice, or a parameter belongs to two layers, are trained, kept and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.trainer.step.optim import parameter_groups
from netspec.trainer.step.parameters import freeze
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


@pytest.mark.slow
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


def test_a_tied_parameter_belongs_to_the_group_that_matches_any_of_its_keys() -> None:
    for pattern in ("tokens.*", "head.*", "Linear", "Embedding"):
        net = netspec.loads(
            f"name: tied{NETS['tied']}{TRAIN}", set={"train.groups": [{"parameters": [pattern], "lr": 0.5}]}
        )
        assert net.recipe is not None
        model = netspec.build(net)
        ((group, _),) = parameter_groups(model, net.recipe)
        assert (group["lr"], [id(p) for p in group["params"]]) == (0.5, [id(model.tokens.weight)])


def test_two_groups_that_match_a_tied_parameter_by_different_keys_are_refused_with_both() -> None:
    def grouped(*patterns: list[str]) -> list[object]:
        groups = [{"parameters": each, "lr": 0.1 * n} for n, each in enumerate(patterns, 1)]
        net = netspec.loads(f"name: tied{NETS['tied']}{TRAIN}", set={"train.groups": groups})
        assert net.recipe is not None
        return [group["lr"] for group, _ in parameter_groups(netspec.build(net), net.recipe)]

    with pytest.raises(UsageError) as refusal:
        grouped(["head.*"], ["tokens.*"])
    assert "`head.weight` and `tokens.weight` are one parameter" in str(refusal.value)
    assert "(`head.*`)" in str(refusal.value)
    assert "(`tokens.*`)" in str(refusal.value)
    assert grouped(["head.*"], ["*.weight"]) == [0.1]  # the first that matches wins, as everywhere


def test_a_pattern_freezes_a_tied_parameter_by_any_of_its_keys() -> None:
    for pattern in ("tokens.weight", "head.weight"):
        model = netspec.build(net_of("tied"))
        freeze(model, [pattern])
        assert [p.requires_grad for p in model.parameters()] == [False]
