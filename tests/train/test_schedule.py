"""Learning rates are those of torch's own schedulers, step by step, behind a linear warm-up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netspec.diagnostics import UsageError
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.train.small_runs import PLAIN, small_net

STEPS, EPOCHS = 5, 6


def rates(**settings: Any) -> list[float]:
    """The learning rate of each step of a run."""
    trainer = assemble(small_net(PLAIN, epochs=EPOCHS, **settings), Options(), World(), "cpu")
    found: list[float] = []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            found.append(float(trainer.optimization.optimizer.param_groups[0]["lr"]))
            trainer.schedule.after_step()
        trainer.schedule.after_epoch(None)
    return found


SCHEDULES: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1, 4]},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 6},
    "LinearLR": {"total_iters": 3},
    "PolynomialLR": {"total_iters": 5},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_by_epochs_is_torchs(name: str) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **SCHEDULES[name])
    wanted: list[float] = []
    for _ in range(EPOCHS):
        wanted += [optimizer.param_groups[0]["lr"]] * STEPS
        optimizer.step()
        scheduler.step()
    assert rates(scheduler={name: SCHEDULES[name]}) == pytest.approx(wanted, rel=1e-6)


def test_a_schedule_by_steps_is_torchs_and_its_length_follows_from_the_run() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS * EPOCHS)
    wanted: list[float] = []
    for _ in range(STEPS * EPOCHS):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates(scheduler="CosineAnnealingLR", schedule_by="step") == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_warm_up_rises_linearly_and_the_schedule_begins_behind_it() -> None:
    found = rates(scheduler={"StepLR": {"step_size": 1, "gamma": 0.5}}, warmup={"steps": 5, "start_factor": 0.2})
    assert found[:6] == pytest.approx([0.02, 0.036, 0.052, 0.068, 0.084, 0.1], rel=1e-6)
    assert found[5:15] == pytest.approx([0.1] * 5 + [0.05] * 5, rel=1e-6)


def test_a_warm_up_longer_than_the_run_is_refused_with_both_numbers() -> None:
    with pytest.raises(UsageError, match=r"takes 99 steps, but the run has 30 = 6 epochs × 5"):
        assemble(small_net(PLAIN, epochs=EPOCHS, warmup={"steps": 99}), Options(), World(), "cpu")


def test_a_schedule_that_cycles_the_momentum_does_so() -> None:
    settings: dict[str, Any] = {
        "optimizer": {"SGD": {"lr": 0.1, "momentum": 0.9}},
        "scheduler": {"OneCycleLR": {"max_lr": 0.5}},
    }
    trainer = assemble(small_net(PLAIN, epochs=EPOCHS, **settings), Options(), World(), "cpu")
    before = trainer.optimization.optimizer.param_groups[0]["momentum"]
    for _ in range(5):
        trainer.schedule.after_step()
    assert trainer.optimization.optimizer.param_groups[0]["momentum"] < before == 0.95
