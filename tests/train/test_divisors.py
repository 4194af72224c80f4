"""Losses with class weights and ignored targets: torch's mean over the whole set, the whole step, all processes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import netspec
from netspec.diagnostics import ResourceError
from netspec.net import Net
from netspec.trainer.data.splits import Batch
from netspec.trainer.machine.processes import World
from netspec.trainer.measure import own
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from tests import forking
from tests.train.programs import ROOT, environment
from tests.train.small_runs import finish, last_checkpoint, run_until, whole_state
from tests.train.test_survival import free_port

pytestmark = pytest.mark.usefixtures("replay")

WEIGHT = [0.1, 1.0, 5.0, 0.2]
LOSSES: dict[str, dict[str, Any]] = {
    "ignored": {"CrossEntropyLoss": {}},
    "weights": {"CrossEntropyLoss": {"weight": WEIGHT, "ignore_index": 7}},
    "both, smoothed": {"CrossEntropyLoss": {"weight": WEIGHT, "ignore_index": 255, "label_smoothing": 0.1}},
    "a class of the net's": {"CrossEntropyLoss": {"ignore_index": 1}},
    "focal": {"FocalLoss": {"weight": WEIGHT, "ignore_index": 7, "gamma": 1.5}},
    "likelihood": {"NLLLoss": {"weight": WEIGHT, "ignore_index": -1}},
}
SPEC = """
name: counted
input: [4, 3, 3]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 1}
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: 4, kernel_size: 1}
  - {Flatten: {}, when: flat}
  - {Linear: 4, when: flat}
  - LogSoftmax: {dim: 1}
vars: {flat: false}
train:
  data: {tensors: {train: DIR/train.safetensors, test: DIR/test.safetensors}}
  batch_size: 8
  epochs: 2
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.3, momentum: 0.9}}
"""


def ignore_index(loss: dict[str, Any]) -> int:
    (arguments,) = loss.values()
    return arguments.get("ignore_index", -100)


def made(folder: Path, loss: dict[str, Any], *, flat: bool, empty: slice = slice(0)) -> Net:
    """A net, and its data in a folder: of 40 examples a third of the targets is ignored, and all those of `empty`."""
    generator = torch.Generator().manual_seed(1)
    for name in ("train", "test"):
        x = torch.randn(40, 4, 3, 3, generator=generator)
        y = x.argmax(1) if not flat else x.mean((2, 3)).argmax(1)
        y[torch.rand(y.shape, generator=generator) < 0.3] = ignore_index(loss)
        y[empty] = ignore_index(loss)
        save_file({"x": x, "y": y}, folder / f"{name}.safetensors")
    return netspec.loads(SPEC.replace("DIR", str(folder)), set={"train.loss": loss, "flat": flat})


def oracle(loss: dict[str, Any]) -> nn.Module:
    """torch's loss, or that which torch lacks, in float64."""
    (name, arguments), *_ = loss.items()
    values = {k: torch.tensor(v, dtype=torch.float64) if isinstance(v, list) else v for k, v in arguments.items()}
    return getattr(nn, name, getattr(own, name, None))(**values)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("flat", [True, False])
def test_a_set_is_measured_as_torch_measures_it_at_once_whatever_the_batch(
    name: str, flat: bool, tmp_path: Path
) -> None:
    loss = LOSSES[name]
    record = finish(made(tmp_path, loss, flat=flat), tmp_path / "run").records[-1]
    trained = open_trained(tmp_path / "run", device="cpu")
    data = load_file(tmp_path / "test.safetensors")
    x, y = data["x"], data["y"]
    with torch.no_grad():
        output = trained.model.double()(x.double())
    trained.model.float()
    counted = y != ignore_index(loss)
    right = (output.argmax(1) == y)[counted].double().mean().item()
    for batch in (1, 7, 40):
        score = inspect(replace(trained, recipe=trained.recipe._replace(batch_size=batch)), "test").score
        assert score.loss == pytest.approx(oracle(loss)(output, y).item(), rel=1e-5)
        assert score.accuracy == pytest.approx(right, abs=1e-12)
        assert record.test_loss == pytest.approx(score.loss, rel=1e-6)
        assert record.test_accuracy == score.accuracy


@pytest.mark.slow
def test_the_confusion_and_the_mistakes_hold_no_target_that_is_ignored(tmp_path: Path) -> None:
    loss = LOSSES["both, smoothed"]
    finish(made(tmp_path, loss, flat=True), tmp_path / "run", report=True)
    found = inspect(open_trained(tmp_path / "run", device="cpu"), "test").examination
    y = load_file(tmp_path / "test.safetensors")["y"]
    assert found is not None
    assert found.confusion.sum(1).tolist() == torch.bincount(y[y != 255], minlength=4).tolist()
    assert all(y[mistake.position] != 255 for mistake in found.worst)


# ---- a step over several batches


def first_step(net: Net, **options: Any) -> tuple[Trainer, Tensor, Tensor]:
    """A trainer after one optimiser step, and all that the step was made of."""
    trainer = assemble(net, Options(device="cpu", **options), World(), "cpu")
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    for number, batch in enumerate(trainer.batches(0, 0)):
        phase = trainer.phase(number, 0)
        trainer.driver(trainer.buffers(batch, number, ()), phase)
        xs.append(batch.x)
        ys.append(batch.y)
        if phase.last:
            break
    return trainer, torch.cat(xs), torch.cat(ys)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(("batch", "accumulate"), [(20, 1), (5, 4), (1, 20)])
def test_an_accumulated_step_is_that_of_torchs_loss_over_all_its_targets(
    name: str, flat: bool, batch: int, accumulate: int, tmp_path: Path
) -> None:
    loss = LOSSES[name]
    net = made(tmp_path, loss, flat=flat)
    text = netspec.expand(net).replace("- BatchNorm2d\n", "- Identity\n")  # which would see the batches apart
    net = netspec.loads(text, set={"train.batch_size": batch, "train.accumulate": accumulate})
    trainer, x, y = first_step(net)
    model = netspec.build(net, seed=0).double()
    model.load_state_dict(
        {k: v.double() for k, v in assemble(net, Options(), World(), "cpu").model.state_dict().items()}
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    value = oracle(loss)(model(x.double()), y)
    value.backward()
    optimizer.step()
    for ours, theirs in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-6)
    assert trainer.sums.read().loss == pytest.approx(value.item(), rel=1e-5)


def test_fp16_scales_such_a_loss_too(tmp_path: Path) -> None:
    loss = LOSSES["both, smoothed"]
    net = made(tmp_path, loss, flat=False)
    trainers = [
        first_step(netspec.loads(netspec.expand(net), set={"train.precision": p, "train.accumulate": 2}))[0]
        for p in ("fp32", "fp16")
    ]
    for a, b in zip(*(t.model.parameters() for t in trainers), strict=True):
        torch.testing.assert_close(a, b, rtol=0.02, atol=2e-3)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "RMSprop"])
@pytest.mark.parametrize("driver", ["eager", "replay"])
def test_a_step_without_a_target_changes_nothing_and_the_schedule_goes_on(
    optimizer: str, driver: str, accumulate: int, tmp_path: Path
) -> None:
    net = made(tmp_path, LOSSES["ignored"], flat=False, empty=slice(8, 40))
    settings = {
        "batch_size": 8 // accumulate, "accumulate": accumulate, "ema": 0.5, "epochs": 5,
        "optimizer": {optimizer: {"lr": 0.1, "weight_decay": 0.1}}, "scheduler": "CosineAnnealingLR",
        "schedule_by": "step",
    }  # fmt: skip
    net = netspec.loads(netspec.expand(net), set={f"train.{k}": v for k, v in settings.items()})
    trainer = assemble(net, Options(device="cpu", driver=driver), World(), "cpu")
    assert trainer.average is not None
    x, y = (load_file(tmp_path / "train.safetensors")[k] for k in ("x", "y"))
    size, moved = 8 // accumulate, 0
    for step in range(8):
        full = step % 2 == 0
        before = state(trainer)
        rate = float(trainer.optimization.optimizer.param_groups[0]["lr"])
        trainer.sums.reset()
        for number in range(accumulate):
            rows = slice(number * size + 16 * (not full), (number + 1) * size + 16 * (not full))
            buffers = trainer.buffers(Batch(x[rows], y[rows]), number, ())
            trainer.follow(step)
            trainer.driver(buffers, trainer.phase(number, step))
        trainer.schedule.after_step()
        assert float(trainer.optimization.optimizer.param_groups[0]["lr"]) < rate
        same = all(torch.equal(a, b) for a, b in zip(before, state(trainer), strict=False))
        assert same == (not full)
        assert math.isfinite(trainer.sums.read().loss) == full
        moved += not same
    assert moved == 4
    assert not trainer.step.failures.ever


def state(trainer: Trainer) -> list[Tensor]:
    """Copies of all that a step may change: model, statistics, average, optimiser."""
    assert trainer.average is not None
    models = (*trainer.model.state_dict().values(), *trainer.average.module.state_dict().values())
    return [t.clone() for t in (*models, *trainer.optimization.state_on(torch.device("cpu")))]


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["eager", "replay"])
def test_a_run_with_batches_of_nothing_else_is_finite_resumes_to_the_bit_and_counts_none_of_them(
    driver: str, tmp_path: Path
) -> None:
    net = made(tmp_path, LOSSES["ignored"], flat=True, empty=slice(10, 40))
    net = netspec.loads(netspec.expand(net), set={"train.batch_size": 2})
    result = finish(net, tmp_path / "whole", driver=driver)
    last = result.records[-1]
    assert last.step == 40
    assert math.isfinite(last.train_loss)
    run_until(net, tmp_path / "parts", 27, driver=driver)
    finish(net, tmp_path / "parts", driver=driver)
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")


def test_a_resume_may_be_forced_to_a_loss_with_weights_within_an_epoch(tmp_path: Path) -> None:
    net = made(tmp_path, {"CrossEntropyLoss": {"ignore_index": 9}}, flat=True)
    plain = {"x": torch.randn(40, 4, 3, 3), "y": torch.arange(40) % 4}
    for name in ("train", "test"):
        save_file(plain, tmp_path / f"{name}.safetensors")
    run_until(net, tmp_path / "run", 3)
    other = netspec.loads(netspec.expand(net), set={"train.loss": LOSSES["weights"]})
    assert len(finish(other, tmp_path / "run", force=True).records) == 2
    assert last_checkpoint(tmp_path / "run").state["progress"]["step"] == 10


# ---- several processes


RANKS = """
import os, sys
import netspec.cli.train, netspec.trainer.loop  # once, for all that are forked
from netspec.cli import main

for rank in range(2):
    if os.fork() == 0:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        main()
sys.exit(any([os.wait()[1] for rank in range(2)]))
"""
"""`torchrun` without itself, which imports torch three times: the ranks of `netspec ARGUMENTS`."""


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    loss = LOSSES["both, smoothed"]
    net = made(tmp_path, loss, flat=True)
    text = netspec.expand(net).replace("- BatchNorm2d\n", "- Identity\n")
    text = netspec.expand(netspec.loads(text, set={"train.accumulate": 2, "train.batch_size": 4}))
    (tmp_path / "spec.yaml").write_text(text)
    arguments = ("train", str(tmp_path / "spec.yaml"), "--run", str(tmp_path / "two"), "--no-report", "--device", "cpu")
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    child = forking.run("-c", RANKS, *arguments, cwd=ROOT, env=environment(world), torch=True)
    assert child.returncode == 0, child.stderr
    one = finish(netspec.loads(text), tmp_path / "one", device="cpu")
    two = open_trained(tmp_path / "two", device="cpu")
    for key, value in load_file(tmp_path / "one" / "model.safetensors").items():
        torch.testing.assert_close(two.model.state_dict()[key], value, rtol=1e-4, atol=1e-6)
    records = last_checkpoint(tmp_path / "two").state["progress"]["records"]
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert records[-1][name] == pytest.approx(getattr(one.records[-1], name), rel=1e-4)


# ---- data


def test_targets_that_the_loss_ignores_may_be_any_number_and_no_other_may(tmp_path: Path) -> None:
    net = made(tmp_path, LOSSES["both, smoothed"], flat=True)
    data = load_file(tmp_path / "train.safetensors")
    data["y"][:3] = torch.tensor([255, -100, 255])
    save_file(data, tmp_path / "train.safetensors")
    with pytest.raises(ResourceError, match=r"is -100, but classes count from 0; CrossEntropyLoss ignores 255 alone"):
        finish(net, tmp_path / "run")


def test_a_part_without_any_target_that_counts_is_refused(tmp_path: Path) -> None:
    net = made(tmp_path, LOSSES["ignored"], flat=True, empty=slice(0, 40))
    with pytest.raises(ResourceError, match=r"every train target of .* is -100, which CrossEntropyLoss ignores"):
        finish(net, tmp_path / "run")
