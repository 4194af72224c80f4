"""A step that is not finite changes nothing, ends the run soon, and is explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer.data.splits import Batch
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.step.feed import Phase
from tests.train.small_runs import EVERYTHING, PLAIN, finish, last_checkpoint, run_until, small_net

pytestmark = pytest.mark.usefixtures("replay")


def poison(monkeypatch: pytest.MonkeyPatch, step: int, value: float = float("nan")) -> list[int]:
    """Put a value into the `step`th batch (from 0) of every epoch; returns a list that counts batches given out."""
    given: list[int] = []
    batches = Trainer.batches

    def poisoned(self: Trainer, epoch: int, start: int) -> Iterator[Batch]:
        for number, picked in enumerate(batches(self, epoch, start), start):
            batch = picked.fetch()
            given.append(number)
            if epoch * 1000 + number == step:
                batch.x.view(-1)[0] = value
            yield batch

    monkeypatch.setattr(Trainer, "batches", poisoned)
    return given


LONG = PLAIN.replace("train: 36", "train: 640")  # 80 steps an epoch


@pytest.mark.parametrize(
    "step", [0, 1, 2, 15, 16, 17, 31, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 15)), 78]
)
@pytest.mark.parametrize(("driver", "after"), [("eager", 1), ("replay", 50)])
def test_a_nan_at_any_step_stops_within_fifty_with_the_parameters_of_before(
    step: int, driver: str, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps called one by one on a CPU are looked at one by one; recorded ones, as on a GPU, every sixteenth time."""
    net = small_net(LONG, optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}})
    if step:
        run_until(net, tmp_path / "before", step)
    given = poison(monkeypatch, step)
    seen: list[dict[str, torch.Tensor]] = []
    original = Trainer.draw_mix

    def remember(self: Trainer) -> tuple[float, ...]:
        seen.append({k: v.clone() for k, v in self.model.state_dict().items()})
        return original(self)

    monkeypatch.setattr(Trainer, "draw_mix", remember)
    with pytest.raises(NonFinite) as stop:
        finish(net, tmp_path / "run", driver=driver)
    assert stop.value.exit_status == 4
    assert f"step {step + 1} (epoch 1, batch {step + 1}): the batch itself holds a value" in str(stop.value)
    assert max(given) - step < after
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*"))
    assert all(torch.equal(seen[-1][key], seen[step][key]) for key in seen[step])
    if step:
        saved = last_checkpoint(tmp_path / "before").model
        assert all(torch.equal(seen[-1][key], saved[key]) for key in saved)


@pytest.mark.parametrize(
    ("layer", "place"),
    [("0", "layer `0` (Conv2d, whose weight is not finite)"), ("5", "layer `5` (Linear, whose weight is not finite)")],
)
def test_a_replay_names_the_first_layer(
    layer: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netspec.trainer.jobs import training

    def broken(*args: Any, **options: Any) -> Trainer:
        trainer = assemble(*args, **options)
        with torch.no_grad():
            trainer.model.get_parameter(f"{layer}.weight").view(-1)[3] = float("inf")
        return trainer

    monkeypatch.setattr(training, "assemble", broken)
    with pytest.raises(NonFinite) as stop:
        finish(small_net(EVERYTHING), tmp_path / "run")
    assert f"the output of {place} is the first that is not finite" in str(stop.value)


def test_a_learning_rate_that_is_too_large_ends_with_the_layer_and_the_remedies(tmp_path: Path) -> None:
    net = small_net(LONG, optimizer={"SGD": {"lr": 1e30}})
    with pytest.raises(NonFinite) as stop:
        finish(net, tmp_path / "run")
    assert "the output of layer `3` (Linear) is the first that is not finite" in str(stop.value)
    assert "no checkpoint had been written" in str(stop.value)
    assert "clip_grad_norm" in str(stop.value)


GIVEN = PLAIN.replace("data: {synthetic: {train: 36, test: 12}}", "data: given").replace("CrossEntropyLoss", "MSELoss")


@pytest.mark.parametrize(("at", "mend"), [("target", "look at the data"), ("loss", "No update was made before it")])
def test_a_loss_that_is_nan_at_once_is_named_and_no_learning_rate_is_to_mend_it(
    at: str, mend: str, tmp_path: Path
) -> None:
    def lost(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (output - target).square().mean() * float("nan")

    x, y = torch.rand(16, 1, 6, 6), torch.rand(16, 3)
    y[3, 1] = float("nan") if at == "target" else 0
    with pytest.raises(NonFinite) as stop:
        netspec.train(
            small_net(GIVEN), data=[*zip(x, y, strict=True)], loss=lost if at == "loss" else None, run=tmp_path / "r"
        )
    because = ": a target of the batch is not" if at == "target" else ""
    assert f"the loss is not finite, though every layer's output is{because}; no parameter" in str(stop.value)
    assert mend in str(stop.value) and "clip_grad_norm" not in str(stop.value)


@pytest.mark.parametrize("steps", [0, -1, "3", 2.0, True])
def test_a_number_of_steps_that_is_none_is_refused_before_anything_is_written(steps: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`max_steps` is a number of steps, at least 1, but is "):
        netspec.train(small_net(PLAIN), run=tmp_path / "run", max_steps=steps)
    assert not (tmp_path / "run").exists()


def test_the_checkpoints_before_the_failure_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, 1000)  # the first batch of the second epoch
    with pytest.raises(NonFinite, match=r"epoch 2, batch 1.*the last checkpoint is .*step-00000005"):
        finish(small_net(PLAIN), tmp_path / "run")
    assert last_checkpoint(tmp_path / "run").state["progress"]["step"] == 5


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop", "NAdam"])
@pytest.mark.parametrize("driver", ["eager", "replay"])
def test_no_kind_of_optimiser_moves_on_a_failed_step(optimizer: str, driver: str) -> None:
    net = small_net(PLAIN, optimizer={optimizer: {"lr": 0.1}}, ema=0.5)
    trainer = assemble(net, Options(driver=driver), World(), "cpu")
    batches = trainer.batches(0, 0)
    trainer.follow(0)
    trainer.step(trainer.buffers(next(batches), 0, ()), Phase(average=True))
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    assert trainer.average is not None
    average = {k: v.clone() for k, v in trainer.average.module.state_dict().items()}
    bad = next(batches).fetch()
    bad.x.fill_(float("nan"))
    trainer.step(trainer.buffers(bad, 1, ()), Phase(average=True))
    trainer.step(trainer.buffers(next(batches), 2, ()), Phase(average=True))  # a good one after it changes nothing too
    assert all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())
    assert all(torch.equal(v, average[k]) for k, v in trainer.average.module.state_dict().items())
    since = trainer.step.failures.since
    assert since is None if driver == "eager" else since == 2


def test_an_overflow_under_fp16_is_skipped_and_the_scale_gives_way() -> None:
    trainer = assemble(small_net(PLAIN, precision="fp16"), Options(), World(), "cpu")
    scale = trainer.step.scale
    assert scale is not None
    scale.scale.fill_(2.0**40)  # gradients of 1e-3 become infinite in fp16
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    batches = trainer.batches(0, 0)
    trainer.step(trainer.buffers(next(batches), 0, ()))
    assert all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())
    assert float(scale.scale) == 2.0**39
    assert not trainer.step.failures.ever
    scale.scale.fill_(256.0)
    trainer.step(trainer.buffers(next(batches), 1, ()))
    assert not all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())
