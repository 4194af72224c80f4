"""What a run does and leaves behind, held against plain PyTorch where torch can say it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer.errors import Interrupted
from netspec.trainer.jobs.training import train
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.signals import interrupts
from netspec.trainer.run.records import read_records
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Lines, Quiet
from tests.train.small_runs import EVERYTHING, PLAIN, finish, last_checkpoint, small_net

COLUMNS = (
    "epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,test_accuracy,seconds,"
    "examples_per_second,learning_rate"
)


class Remarks(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def doing(self, what: str) -> None:
        self.done.append(what)


def by_hand(net: Any, epochs: int, lr: float) -> tuple[nn.Module, list[tuple[float, float]]]:
    """The recipe as a plain PyTorch loop over the same batches: the model, and each epoch's loss and accuracy."""
    trainer = assemble(net, Options(), World(), "cpu")
    model = netspec.build(net, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    figures: list[tuple[float, float]] = []
    for epoch in range(epochs):
        loss_sum, correct, count = 0.0, 0, 0
        for x, y in trainer.batches(epoch, 0):
            output = model(x)
            loss = F.cross_entropy(output, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(y)
            correct += int((output.argmax(1) == y).sum())
            count += len(y)
        figures.append((loss_sum / count, correct / count))
    return model, figures


def test_a_run_equals_the_loop_that_one_would_write_by_hand(tmp_path: Path) -> None:
    net = small_net(PLAIN)
    result = finish(net, tmp_path / "run")
    model, figures = by_hand(net, 3, 0.1)
    for record, (loss, accuracy) in zip(result.records, figures, strict=True):
        assert record.train_loss == pytest.approx(loss, rel=1e-6)
        assert record.train_accuracy == accuracy
    saved = load_file(tmp_path / "run" / "model.safetensors")
    for key, value in model.state_dict().items():
        torch.testing.assert_close(saved[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_run_directory_holds_what_the_contract_names(tmp_path: Path, curves: None) -> None:
    net = small_net(PLAIN, epochs=2)
    finish(net, tmp_path / "run", report=True)
    run = tmp_path / "run"
    names = {path.name for path in run.iterdir()}
    assert names == {
        "source.yaml", "spec.yaml", "netspec.json", "metrics.jsonl", "metrics.csv", "curves.svg", "environment.json",
        "checkpoints", "model.safetensors", "report.html",
    }  # fmt: skip
    assert (run / "source.yaml").read_text() == net.text
    again = netspec.load(run / "spec.yaml")
    assert [(leaf.path, leaf.type, leaf.args) for leaf in again.layers] == [
        (leaf.path, leaf.type, leaf.args) for leaf in net.layers
    ]
    assert again.recipe == net.recipe
    assert json.loads((run / "netspec.json").read_text())["format"] == "netspec.net/2"
    assert (run / "metrics.csv").read_text().splitlines()[0] == COLUMNS
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [COLUMNS.split(",")] * 2
    assert [row["epoch"] for row in rows] == [1, 2]
    with (run / "metrics.csv").open() as file:
        assert [float(row["train_loss"]) for row in csv.DictReader(file)] == [row["train_loss"] for row in rows]
    assert (run / "curves.svg").read_text().startswith("<?xml")
    facts = json.loads((run / "environment.json").read_text())
    assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]


@pytest.mark.slow
def test_runs_get_the_next_free_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = small_net(PLAIN, epochs=1)
    found = [train(net, reporter=Quiet(), report=False).run for _ in range(2)]
    (tmp_path / "runs" / "plain-7").mkdir()
    found.append(train(net, reporter=Quiet(), report=False).run)
    assert [str(path) for path in found] == ["runs/plain-1", "runs/plain-2", "runs/plain-8"]


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        train(small_net(PLAIN), run=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# ---- recipe


@pytest.mark.slow
def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    """36 examples as 8 + 8 + 8 + 8 + 4 in steps of three batches, against batches of 24 and 12."""
    finish(small_net(PLAIN, accumulate=3), tmp_path / "three")
    finish(small_net(PLAIN, batch_size=24), tmp_path / "one")
    three, one = (load_file(tmp_path / name / "model.safetensors") for name in ("three", "one"))
    for key in one:
        torch.testing.assert_close(three[key], one[key], rtol=1e-5, atol=1e-6)


def test_the_best_checkpoint_is_that_of_the_best_validation_metric(tmp_path: Path) -> None:
    net = small_net(PLAIN, validation=0.3, epochs=8, optimizer={"SGD": {"lr": 2.0}}, best="validation_loss")
    result = finish(net, tmp_path / "run")
    losses = [record.validation_loss or 0.0 for record in result.records]
    best = min(range(8), key=lambda i: losses[i])
    assert (tmp_path / "run" / "checkpoints" / "best").read_text() == f"step-{result.records[best].step:08d}\n"


def test_early_stopping_ends_after_its_patience(tmp_path: Path) -> None:
    net = small_net(PLAIN, validation=0.3, epochs=30, optimizer={"SGD": {"lr": 0.0}}, early_stopping={"patience": 2})
    said = Remarks()
    assert len(finish(net, tmp_path / "run", reporter=said).records) == 3
    assert said.notes == [
        "stopped early after epoch 3 of 30: `validation_accuracy` has not improved for 2 epochs;\n"
        f"the best is epoch 1 (`netspec eval {tmp_path / 'run'} --best`)"
    ]


def test_a_run_that_patience_leaves_at_its_last_epoch_has_not_stopped_early(tmp_path: Path) -> None:
    net = small_net(PLAIN, validation=0.3, epochs=3, optimizer={"SGD": {"lr": 0.0}}, early_stopping={"patience": 2})
    said = Remarks()
    assert len(finish(net, tmp_path / "run", reporter=said).records) == 3
    assert said.notes == []


@pytest.mark.slow
def test_early_stopping_by_another_metric_says_by_which_one_the_best_epoch_is(tmp_path: Path) -> None:
    stopping = {"patience": 1, "metric": "validation_loss", "min_delta": 5.0}
    said = Remarks()
    finish(small_net(PLAIN, validation=0.3, epochs=30, early_stopping=stopping), tmp_path / "run", reporter=said)
    (text,) = said.notes
    assert "epoch 2 of 30: `validation_loss` has not improved by more than 5 for 1 epoch;\n" in text
    assert re.search(r"the best by `validation_accuracy` is epoch [12] \(", text)


def test_frozen_parameters_stay_and_frozen_norms_keep_their_statistics(tmp_path: Path) -> None:
    net = small_net(EVERYTHING, freeze=["Conv2d", "BatchNorm2d"], ema=None, epochs=1)
    finish(net, tmp_path / "run")
    saved, start = load_file(tmp_path / "run" / "model.safetensors"), netspec.build(net, seed=0).state_dict()
    changed = {key for key in start if not torch.equal(saved[key], start[key])}
    assert changed == {"5.weight", "5.bias"}


def test_a_pattern_that_matches_nothing_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match=r"the pattern `Conv3d` matches no parameter; there are 0.weight, 0.bias"):
        assemble(small_net(EVERYTHING, freeze=["Conv3d"]), Options(), World(), "cpu")


def test_groups_have_their_own_rate_and_decay() -> None:
    settings: dict[str, Any] = {
        "groups": [{"parameters": ["5.*"], "lr": 0.5}, {"parameters": ["Linear"], "lr": 9.0}],
        "no_decay": ["norm", "bias"],
    }
    trainer = assemble(small_net(EVERYTHING, **settings), Options(), World(), "cpu")
    keys = {id(p): key for key, p in trainer.model.named_parameters()}
    found = {
        keys[id(p)]: (round(rate * 100, 6), group["weight_decay"])  # the warm-up starts at a hundredth
        for group, rate in zip(trainer.optimization.optimizer.param_groups, trainer.schedule.rates, strict=True)
        for p in group["params"]
    }
    assert found == {
        "0.weight": (0.1, 0.001), "0.bias": (0.1, 0.0), "1.weight": (0.1, 0.0), "1.bias": (0.1, 0.0),
        "5.weight": (0.5, 0.001), "5.bias": (0.5, 0.0),
    }  # fmt: skip


def test_the_average_follows_its_formula_and_is_what_is_evaluated(tmp_path: Path) -> None:
    net = small_net(PLAIN, ema=0.75, epochs=1)
    trainer = assemble(net, Options(), World(), "cpu")
    expected = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    for number, batch in enumerate(trainer.batches(0, 0)):
        trainer.follow(number)
        trainer.step(trainer.buffers(batch, number, ()), trainer.phase(number, number))
        expected = {k: 0.75 * v + 0.25 * trainer.model.state_dict()[k] for k, v in expected.items()}
    finish(net, tmp_path / "run")
    saved = load_file(tmp_path / "run" / "model.safetensors")
    for key, value in expected.items():
        torch.testing.assert_close(saved[key], value, rtol=1e-5, atol=1e-6)


def test_auxiliary_heads_count_with_their_weight() -> None:
    text = PLAIN.replace("  - Linear: 3\n", "  - aux: [{Linear: 3}]\n  - Linear: 3\n")
    trainer = assemble(small_net(text, aux_weight=0.5), Options(), World(), "cpu")
    batch = next(trainer.batches(0, 0))
    result: Any = trainer.model(batch.x)
    expected = F.cross_entropy(result.output, batch.y) + 0.5 * F.cross_entropy(result.aux[0], batch.y)
    expected.backward()  # pyright: ignore[reportUnknownMemberType]  # torch's own
    wanted = [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]
    trainer.optimization.set_lr([0.0])
    trainer.step(trainer.buffers(batch, 0, ()))
    for parameter, gradient in zip(trainer.model.parameters(), wanted, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("mix", [(0.3, 0.3, 0.0, 0.0, 0.0, 0.0), (1.0, 0.75, 2.0, 6.0, 1.0, 5.0)])
def test_mixed_batches_are_torchvisions(mix: tuple[float, ...]) -> None:
    """mixup and CutMix, as torchvision.transforms.v2 does them, whose loss takes mixed one-hot targets."""
    net = small_net(EVERYTHING.replace("  - Dropout: 0.3\n", ""), mixup=0.4, cutmix=1.0)
    trainer = assemble(net, Options(), World(), "cpu")
    batch = next(trainer.batches(0, 0))
    own_pixel, own, top, bottom, left, right = mix
    rolled = batch.x.roll(1, 0)
    x = own_pixel * batch.x + (1 - own_pixel) * rolled
    x[..., int(top) : int(bottom), int(left) : int(right)] = rolled[..., int(top) : int(bottom), int(left) : int(right)]
    onehot = F.one_hot(batch.y, 4).float()
    expected = F.cross_entropy(trainer.model(x), own * onehot + (1 - own) * onehot.roll(1, 0))
    trainer.step(trainer.buffers(batch, 0, mix))
    assert trainer.sums.read().loss == pytest.approx(expected.item(), rel=1e-5)


def test_a_loss_over_values_has_no_accuracy(tmp_path: Path) -> None:
    text = PLAIN.replace("loss: CrossEntropyLoss", "loss: MSELoss")
    result = finish(small_net(text), tmp_path / "run")
    assert result.records[-1].train_accuracy is None
    assert result.records[-1].train_loss < result.records[0].train_loss
    assert (
        result.line == f"train loss {result.records[-1].train_loss:.3f}, test loss {result.records[-1].test_loss:.3f}"
    )


def test_weights_of_another_run_are_a_start_and_fresh_ones_stay_as_initialised(tmp_path: Path) -> None:
    net = small_net(PLAIN, seed=5)
    finish(net, tmp_path / "first")
    saved = load_file(tmp_path / "first" / "model.safetensors")
    options = Options(weights=tmp_path / "first", fresh=("3.*",))
    model = assemble(small_net(PLAIN), options, World(), "cpu").model.state_dict()
    start = netspec.build(small_net(PLAIN), seed=0).state_dict()
    assert torch.equal(model["1.weight"], saved["1.weight"])
    assert torch.equal(model["3.weight"], start["3.weight"])


def test_weights_of_another_shape_are_refused_with_both_shapes(tmp_path: Path) -> None:
    finish(small_net(PLAIN), tmp_path / "first")
    other = small_net(PLAIN.replace("Linear: 8", "Linear: 9"))
    with pytest.raises(UsageError, match=r"`1\.weight` is 8 × 36 there and 9 × 36 in the net"):
        assemble(other, Options(weights=tmp_path / "first"), World(), "cpu")


# ---- signals


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_saves_at_the_step_boundary_and_leaves_with_75(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = Trainer.buffers, []

    def send(self: Trainer, batch: Any, index: int, mix: tuple[float, ...]) -> Any:
        calls.append(index)
        if len(calls) == 7:
            os.kill(os.getpid(), number)  # in the middle of a step
        return original(self, batch, index, mix)

    monkeypatch.setattr(Trainer, "buffers", send)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as stop:
        finish(small_net(PLAIN), tmp_path / "run")
    assert stop.value.exit_status == 75
    assert stop.value.step == 7
    assert last_checkpoint(tmp_path / "run").state["progress"]["step"] == 7
    assert f"netspec train --resume {tmp_path / 'run'}" in str(stop.value)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_was_ignored_at_the_start_stays_so(number: signal.Signals) -> None:
    """SIGHUP under `nohup`, SIGINT in the background of a script."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with interrupts() as caught:
            os.kill(os.getpid(), number)
            assert caught.pending is None
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_script_that_ignores_usr1_means_the_launcher_and_not_the_run() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with interrupts() as caught:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert caught.pending == "SIGUSR1"
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("heeded")
def test_a_second_ctrl_c_quits_at_once(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from netspec.trainer.machine.signals import interrupts\n"
        "with interrupts() as caught:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert caught.pending == 'SIGINT'\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")


# ---- what people see


def test_lines_say_loss_accuracy_time_and_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(small_net(PLAIN), run=tmp_path / "run", reporter=Lines(), report=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    record = read_records(tmp_path / "run")[2]
    assert lines[2].startswith(f"epoch   3  loss {record.train_loss:.4f} acc {record.train_accuracy:.4f}  test ")
    assert lines[2].endswith("examples/s")


def test_the_last_line_is_d2ls(tmp_path: Path) -> None:
    result = finish(small_net(PLAIN), tmp_path / "run")
    last = result.records[-1]
    assert (
        result.line
        == f"loss {last.train_loss:.3f}, train acc {last.train_accuracy:.3f}, test acc {last.test_accuracy:.3f}"
    )
    assert result.computing_per_second >= result.examples_per_second


def test_two_optimiser_steps_take_the_garbage_collector_nothing_to_do(tmp_path: Path, monkeypatch: Any) -> None:
    """The collector is off while training and on again afterwards."""
    import gc

    seen: list[bool] = []
    original = Trainer.draw_mix
    monkeypatch.setattr(Trainer, "draw_mix", lambda self: (seen.append(gc.isenabled()), original(self))[1])
    finish(small_net(PLAIN, epochs=1), tmp_path / "run")
    assert seen == [False] * 5
    assert gc.isenabled()


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "conv"), [([1, 8], "Conv1d"), ([1, 8, 8], "Conv2d"), ([1, 4, 4, 4], "Conv3d")])
def test_nets_of_any_rank_train_on_a_cpu(shape: list[int], conv: str, tmp_path: Path) -> None:
    text = PLAIN.replace("[1, 6, 6]", str(shape))
    text = text.replace("  - Flatten\n", f"  - {conv}: {{out_channels: 4, kernel_size: 3}}\n  - Flatten\n")
    text = text.replace("test: 12}", f"test: 12, shape: {shape}}}")
    assert len(finish(netspec.loads(text), tmp_path / "run").records) == 3
