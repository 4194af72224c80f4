"""Layers nearer to the input learn more slowly (`layer_decay`), or begin to learn later (`freeze` of a group)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.step.parameters import levels
from tests.train.small_runs import EVERYTHING, PLAIN, finish, run_until, small_net, whole_state

DEEP = """
name: deep
input: [1, 6, 6]
blocks:
  part(width):
    - residual: [Linear: width, ReLU, Linear: width]
layers:
  - Flatten
  - {Linear: 16, name: stem}
  - LayerNorm
  - {repeat: 2, name: parts, do: [part: 16]}
  - LayerNorm
  - {Linear: 3, name: head}
train:
  data: {synthetic: {train: 36, test: 12}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
"""
"""A stem with a norm, a loop of two, a norm that belongs to its end, a head: four layers."""

NORMED = """
name: normed
input: [1, 6, 6]
layers:
  - {Conv2d: {out_channels: 4, kernel_size: 3}, name: stem}
  - {BatchNorm2d: , name: norm}
  - ReLU
  - Flatten
  - {Linear: 8, name: middle}
  - ReLU
  - {Linear: 3, name: head}
train:
  data: {synthetic: {train: 40, test: 12}}
  batch_size: 8
  epochs: 4
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1, momentum: 0.9, weight_decay: 0.01}}
  groups:
    - {parameters: [stem.*, norm.*], freeze: 2}
    - {parameters: [middle.*], freeze: 1, lr: 0.05}
"""
"""Five steps an epoch. The middle begins to train in the second epoch, the rest in the third."""


def assembled(net: netspec.Net) -> Trainer:
    return assemble(net, Options(), World(), "cpu")


def test_a_layer_is_an_item_of_the_list_or_a_turn_of_a_loop_with_the_norm_behind_it() -> None:
    model = netspec.build(small_net(DEEP))
    behind = levels(model)
    found: dict[int, list[str]] = {}
    for key, parameter in model.named_parameters():
        found.setdefault(behind[parameter], []).append(key.partition(".")[0])
    assert {depth: sorted(set(names)) for depth, names in found.items()} == {
        3: ["2", "stem"], 2: ["parts"], 1: ["4", "parts"], 0: ["head"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scheduler", "base"),
    [
        ({}, [0.1, 0.1, 0.1]),
        ({"scheduler": {"ExponentialLR": 0.5}}, [0.1, 0.05, 0.025]),
        ({"scheduler": {"LinearLR": {"start_factor": 0.5, "total_iters": 2}}}, [0.05, 0.075, 0.1]),
        ({"warmup": {"epochs": 1, "start_factor": 0.2}}, [0.1 * (0.2 + 0.8 * 4 / 5), 0.1, 0.1]),
    ],
)
def test_the_rate_of_a_layer_is_a_share_of_that_of_the_layer_behind_it(
    scheduler: dict[str, Any], base: list[float], tmp_path: Path
) -> None:
    """Also where a schedule sets the rates of all groups; a record has that of the last layers."""
    net = small_net(DEEP, layer_decay=0.5, **scheduler)
    trainer = assembled(net)
    start = trainer.schedule.rates[-1]
    assert trainer.schedule.rates == pytest.approx([start / 8, start / 4, start / 2, start])
    records = finish(net, tmp_path / "run").records
    assert [record.rates for record in records] == [{"learning_rate": pytest.approx(rate)} for rate in base]


def test_a_schedule_that_sets_one_rate_for_all_groups_keeps_the_shares() -> None:
    trainer = assembled(small_net(DEEP, layer_decay=0.5, scheduler={"OneCycleLR": {"max_lr": 0.8}}))
    for _ in range(5):
        trainer.schedule.after_step()
        rates = trainer.schedule.rates
        assert rates == pytest.approx([rates[-1] / 8, rates[-1] / 4, rates[-1] / 2, rates[-1]])
    assert rates[-1] > 0.5


def test_it_multiplies_the_rates_of_groups() -> None:
    net = small_net(DEEP, layer_decay=0.5, groups=[{"parameters": ["bias"], "lr": 0.4}])
    trainer = assembled(net)
    own = {
        parameter: rate
        for group, rate in zip(trainer.optimization.optimizer.param_groups, trainer.schedule.rates, strict=True)
        for parameter in group["params"]
    }
    for key, parameter in trainer.model.named_parameters():
        base = 0.4 if key.endswith("bias") else 0.1
        assert own[parameter] == pytest.approx(base * 0.5 ** levels(trainer.model)[parameter]), key


def plain_program(net: netspec.Net, trainer: Trainer) -> dict[str, Tensor]:
    """The recipe of `NORMED` as a program of torch's: the same batches, parts that wait require no gradient."""
    model: Any = netspec.build(net, seed=0)
    optimizer = torch.optim.SGD(
        [{"params": [*model.stem.parameters(), *model.norm.parameters(), *model.head.parameters()]},
         {"params": [*model.middle.parameters()], "lr": 0.05}],
        lr=0.1, momentum=0.9, weight_decay=0.01,
    )  # fmt: skip
    waits: list[tuple[nn.Module, int]] = [(model.stem, 2), (model.norm, 2), (model.middle, 1)]
    for epoch in range(4):
        model.train()
        for part, epochs in waits:
            part.requires_grad_(epoch >= epochs)
            part.train(epoch >= epochs)
        for batch in trainer.batches(epoch, 0):
            optimizer.zero_grad()
            F.cross_entropy(model(batch.x), batch.y).backward()
            optimizer.step()
    return model.state_dict()


def test_parts_that_begin_to_train_later_end_where_a_program_of_torchs_ends(tmp_path: Path) -> None:
    net = small_net(NORMED)
    expected = plain_program(net, assembled(net))
    finish(net, tmp_path / "run", channels_last=False)
    found = netspec.open_run(tmp_path / "run").model.state_dict()
    assert found.keys() == expected.keys()
    for key in found:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_what_waits_does_not_change_and_then_does(tmp_path: Path) -> None:
    net = small_net(NORMED)
    states: list[dict[str, Tensor]] = [netspec.build(net, seed=0).state_dict()]
    for step in (5, 10, 15):
        run_until(net, tmp_path / "run", step)
        states.append(netspec.open_run(tmp_path / "run").model.state_dict())
    changed = [
        {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}
        for before, after in pairwise(states)
    ]
    assert changed == [{"head"}, {"head", "middle"}, {"head", "middle", "stem", "norm"}]


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, 5, 6, 9, 10, 11, 14])
@pytest.mark.parametrize("settings", [{}, {"optimizer": {"AdamW": {"lr": 0.01}}, "accumulate": 2, "ema": 0.9}])
def test_a_run_resumes_to_the_bit_before_and_after_something_begins_to_train(
    settings: dict[str, Any], step: int, tmp_path: Path
) -> None:
    step = step if not settings else (step + 1) // 2
    net = small_net(NORMED, layer_decay=0.7, **settings)
    run_until(net, tmp_path / "cut", step)
    finish(net, tmp_path / "cut")
    finish(net, tmp_path / "whole")
    assert whole_state(tmp_path / "cut") == whole_state(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.usefixtures("replay")
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_recorded_step_is_recorded_anew_when_something_begins_to_train(accumulate: int, tmp_path: Path) -> None:
    groups = [{"parameters": ["0.*", "1.*"], "freeze": 2}]
    net = small_net(EVERYTHING, groups=groups, layer_decay=0.5, accumulate=accumulate)
    finish(net, tmp_path / "eager", driver="eager")
    finish(net, tmp_path / "replay", driver="replay")
    assert whole_state(tmp_path / "eager") == whole_state(tmp_path / "replay")


def test_a_recipe_in_which_nothing_trains_at_first_is_refused() -> None:
    groups = [{"parameters": ["1.*"], "freeze": 2}, {"parameters": ["3.*"], "freeze": 1}]
    with pytest.raises(UsageError, match=r"nothing trains in the first epoch: the groups of `train\.groups`"):
        assembled(small_net(PLAIN, groups=groups))
    assembled(small_net(PLAIN, groups=groups[:1]))
