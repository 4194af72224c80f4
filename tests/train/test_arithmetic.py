"""What the precision decides: where losses are computed, which kernels update, how much is evaluated at once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from netspec.diagnostics import ResourceError
from netspec.trainer import tune
from netspec.trainer.processes import World
from netspec.trainer.rehearsal import rehearse
from netspec.trainer.setup import Options, assemble
from tests.train.small_runs import PLAIN, finish, small_net

CPU = torch.device("cpu")


def test_a_loss_is_computed_outside_of_autocast() -> None:
    """Autocast forbids BCELoss on a GPU, and no loss gains from it."""
    seen: list[bool] = []
    trainer = assemble(small_net(PLAIN, precision="bf16"), Options(), World(), "cpu")

    def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return trainer.loss(output, y)

    trainer.step.loss = loss
    trainer.step(trainer.buffers(next(trainer.batches(0, 0)), 0, ()))
    assert seen == [False]


@pytest.mark.parametrize(
    "optimizer", [{"Adafactor": {"lr": 0.01}}, {"SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}}, {"Rprop": {}}]
)
def test_fp16_trains_with_optimisers_whose_kernels_cannot_skip_a_step(optimizer: Any, tmp_path: Path) -> None:
    result = finish(small_net(PLAIN, precision="fp16", optimizer=optimizer), tmp_path / "run")
    assert all(math.isfinite(record.train_loss) for record in result.records)


def test_a_first_step_that_overflows_leaves_no_momentum_behind_that_nobody_wrote() -> None:
    net = small_net(PLAIN, precision="fp16", optimizer={"SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}})
    trainer = assemble(net, Options(), World(), "cpu")
    assert trainer.step.scale is not None
    trainer.step.scale.scale.fill_(2.0**40)
    batches = trainer.batches(0, 0)
    trainer.step(trainer.buffers(next(batches), 0, ()))
    assert not trainer.optimization.optimizer.state
    trainer.step.scale.scale.fill_(256.0)
    trainer.step(trainer.buffers(next(batches), 1, ()))
    for parameter, state in trainer.optimization.optimizer.state.items():
        assert torch.equal(state["momentum_buffer"], parameter.grad)  # the first, undamped


def test_evaluation_takes_larger_batches_of_small_examples_on_a_gpu_alone() -> None:
    trainer = assemble(small_net(PLAIN), Options(), World(), "cpu")
    assert trainer.evaluation_batch == 8
    trainer.arithmetic = replace(trainer.arithmetic, device=torch.device("cuda"))  # a name, no tensor goes there
    assert trainer.evaluation_batch == 32
    trainer.recipe = replace(trainer.recipe, batch_size=2**15)
    assert trainer.evaluation_batch == 2**15


def test_what_cannot_be_timed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> float:
        raise RuntimeError("no compiler\nmore lines")

    monkeypatch.setattr(tune, "seconds_per_step", fail)
    with pytest.raises(ResourceError, match=r"no choice could be timed:\n  channels first: no compiler\n"):
        tune.autotune(small_net(PLAIN), {"device": "cpu"})


def test_a_rehearsal_takes_the_precision_that_was_asked_for() -> None:
    assert ", bf16, eager steps" in rehearse(small_net(PLAIN), {"device": "cpu", "precision": "bf16"})
