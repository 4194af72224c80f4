"""Sweeps that take seconds: trials that finish, are rejected, pruned, killed and gone on with; a grid; runs drawn."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from netspec.cli.runs import command as runs_command
from netspec.cli.sweep import command as sweep_command
from netspec.diagnostics import MissingExtra, ResourceError, UsageError
from netspec.sweeps import storage as storages
from netspec.sweeps.tally import NoValidTrial
from netspec.trainer.errors import Interrupted
from netspec.trainer.run.overview import find_runs
from netspec.trainer.run.picked import differences, picked, sorted_runs, value_of
from netspec.trainer.show.sweep_plot import draw_runs
from tests.commands import invoke
from tests.sweeps.killing import Scene
from tests.sweeps.test_section import SPEC

OVER = (
    "  over: {width: [2, 4, 8], kernel: {from: 5, to: 11, step: 2}, act: [ReLU, {LeakyReLU: 0.2}],"
    " train.optimizer.SGD.lr: {from: 0.01, to: 0.3, log: true}}\n"
)
GRID = "  sampler: grid\n  over: {width: [2, 4], kernel: [7, 9]}\n"
_ = torch  # trains


@pytest.fixture
def optuna() -> Any:
    return pytest.importorskip("optuna")


def written(place: Path, section: str, spec: str = SPEC) -> Path:
    file = place / "s.yaml"
    file.write_text(spec + section, encoding="utf-8")
    return file


@pytest.mark.slow
def test_a_study_has_as_many_finished_trials_as_are_wanted_whatever_is_rejected(tmp_path: Path, optuna: Any) -> None:
    spec = written(tmp_path, "  limit: {params: 900}\n" + OVER)
    said: list[str] = []
    tally = netspec.sweep(spec, trials=4, runs=tmp_path / "runs", say=said.append)
    assert len(tally.finished) == 4
    assert tally.rejected
    assert all(trial.run.joinpath("model.safetensors").is_file() for trial in tally.finished)
    assert len([line for line in said if "/4" in line]) == 4
    study = optuna.load_study(study_name="s-sweep", storage=f"sqlite:///{tmp_path / 'runs' / 'study.db'}")
    for trial in study.trials:
        if trial.user_attrs.get("ended") == "rejected":
            assert trial.state.name == "PRUNED"
            assert max(trial.constraints.values()) > 0
    more = netspec.sweep(spec, trials=5, runs=tmp_path / "runs")
    assert len(more.finished) == 5
    assert more.finished[:4] == tally.finished


def test_a_sweep_stops_where_all_of_the_space_is_invalid_and_says_why(tmp_path: Path, optuna: Any) -> None:
    with pytest.raises(NoValidTrial, match="all 4 points") as caught:
        netspec.sweep(written(tmp_path, "  over: {kernel: [9, 11], width: [2, 4]}\n"), runs=tmp_path / "runs")
    assert caught.value.tally.rejected == {"shape-mismatch": 4}
    with pytest.raises(NoValidTrial, match="all 4 points"):
        netspec.sweep(tmp_path / "s.yaml", runs=tmp_path / "grid", grid=True)
    assert not (tmp_path / "grid").exists()


@pytest.mark.slow
def test_a_small_space_ends_when_all_of_it_is_done_and_no_point_is_tried_twice(tmp_path: Path, optuna: Any) -> None:
    said: list[str] = []
    spec = written(tmp_path, "  over: {width: [2, 4], kernel: [7, 9]}\n")
    tally = netspec.sweep(spec, trials=9, runs=tmp_path / "runs", say=said.append)
    assert [trial.point["width"] for trial in sorted(tally.finished, key=lambda t: t.point["width"])] == [2, 4]
    assert any("all 4 points" in line for line in said)


@pytest.mark.slow
def test_a_trial_that_is_stopped_goes_on_to_the_same_bits(tmp_path: Path, optuna: Any) -> None:
    spec = written(tmp_path, "  over: {width: [4, 6, 8]}\n")
    with pytest.raises(Interrupted):
        netspec.sweep(spec, trials=1, runs=tmp_path / "runs", max_steps=4)
    tally = netspec.sweep(spec, trials=1, runs=tmp_path / "runs")
    (trial,) = tally.finished
    alone = netspec.train(netspec.load(spec, set=dict(trial.point)), run=tmp_path / "alone", quiet=True)
    assert trial.run == tmp_path / "runs" / "trial-0000"
    assert (trial.run / "model.safetensors").read_bytes() == (alone.run / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_trial_is_pruned_by_its_metric_and_does_not_count(tmp_path: Path, optuna: Any) -> None:
    text = SPEC.replace("epochs: 2", "epochs: 3")
    spec = written(tmp_path, f"  pruner: median\n{OVER}", text)
    tally = netspec.sweep(spec, trials=7, runs=tmp_path / "runs")
    assert len(tally.finished) == 7
    assert tally.pruned > 0
    states = {value_of(run, "state") for run in find_runs((), tmp_path / "runs")}
    assert states == {"finished", "pruned"}


@pytest.mark.slow
def test_a_study_of_another_space_or_spec_is_refused(tmp_path: Path, optuna: Any) -> None:
    spec = written(tmp_path, "  trials: 1\n  over: {width: [2, 4]}\n")
    netspec.sweep(spec, runs=tmp_path / "runs")
    written(tmp_path, "  trials: 1\n  over: {width: [2, 4, 8]}\n")
    with pytest.raises(UsageError, match="another space"):
        netspec.sweep(spec, runs=tmp_path / "runs")
    written(tmp_path, "  trials: 1\n  over: {width: [2, 4]}\n", SPEC.replace("Linear: 4", "Linear: 3"))
    with pytest.raises(UsageError, match="another spec"):
        netspec.sweep(spec, runs=tmp_path / "runs")
    written(tmp_path, "  trials: 1\n  over: {width: [2, 4]}  # a comment\n")
    assert len(netspec.sweep(spec, runs=tmp_path / "runs").finished) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode", "told"), [("ext4", "wal", False), ("nfs4", "delete", True)])
def test_sqlite_writes_ahead_where_its_file_is_on_a_disk_of_this_machine(
    tmp_path: Path, optuna: Any, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str, told: bool
) -> None:
    """A trial is a score of writes; each waited for the disk, and a rejection took a third of a second."""
    monkeypatch.setattr(storages, "_file_system", lambda path: kind)
    spec, said = written(tmp_path, OVER), list[str]()
    netspec.sweep(spec, trials=1, storage=tmp_path / "study.db", runs=tmp_path / "runs", say=said.append)
    with closing(sqlite3.connect(tmp_path / "study.db")) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == (mode,)
    assert any("network disk (nfs4)" in line for line in said) == told


def test_a_storage_that_cannot_be_used_is_an_error_without_its_password(tmp_path: Path, optuna: Any) -> None:
    spec = written(tmp_path, OVER)
    with pytest.raises(UsageError, match="journal"):
        netspec.sweep(spec, storage=tmp_path / "study.txt")
    (tmp_path / "broken.db").write_bytes(b"no database, and longer than a header of one would be" * 20)
    with pytest.raises(ResourceError, match="not a database"):
        netspec.sweep(spec, storage=tmp_path / "broken.db")
    assert storages.shown("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


@pytest.mark.slow
def test_without_optuna_the_extra_is_named_and_a_grid_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    spec = written(tmp_path, OVER)
    with pytest.raises(MissingExtra, match=r"\[sweep\]"):
        netspec.sweep(spec, runs=tmp_path / "runs")
    tally = netspec.sweep(written(tmp_path, GRID), runs=tmp_path / "grid")
    assert [(trial.number, trial.point) for trial in tally.finished] == [
        (0, {"width": 2, "kernel": 7}), (2, {"width": 4, "kernel": 7}),
    ]  # fmt: skip
    assert tally.rejected == {"shape-mismatch": 2}


@pytest.mark.slow
def test_a_grid_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    spec = written(tmp_path, GRID)
    with pytest.raises(Interrupted):
        netspec.sweep(spec, runs=tmp_path / "runs", max_steps=4)
    tally = netspec.sweep(spec, runs=tmp_path / "runs")
    assert len(tally.finished) == 2
    alone = netspec.train(netspec.load(spec, set=dict(tally.finished[0].point)), run=tmp_path / "alone", quiet=True)
    assert (alone.run / "model.safetensors").read_bytes() == (tally.finished[0].run / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="has no end"):
        netspec.sweep(written(tmp_path, OVER), grid=True)


def test_a_trial_that_diverges_does_not_count(tmp_path: Path) -> None:
    tally = netspec.sweep(
        written(tmp_path, "  sampler: grid\n  over: {train.optimizer.SGD.lr: [1e30, 0.1]}\n"), runs=tmp_path / "runs"
    )
    assert (len(tally.finished), tally.diverged) == (1, 1)


@pytest.mark.slow
def test_runs_are_sorted_picked_compared_and_drawn(tmp_path: Path) -> None:
    spec = written(tmp_path, "  sampler: grid\n  over: {width: [2, 4], act: [ReLU, Tanh]}\n")
    netspec.sweep(spec, runs=tmp_path / "runs")
    runs = find_runs((), tmp_path / "runs")
    accuracies = [value_of(run, "validation_accuracy") for run in sorted_runs(runs, "validation_accuracy")]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [value_of(run, "width") for run in sorted_runs(runs, "width")] == [2, 2, 4, 4]
    assert next(run.params for run in sorted_runs(runs, "params", reverse=True)) == max(run.params or 0 for run in runs)
    assert len(picked(runs, ["width<4", "act = Tanh"])) == 1
    assert list(differences(runs)) == ["width", "act"]
    for bad in ("width", "widht < 4", "width < x"):
        with pytest.raises(UsageError):
            picked(runs, [bad])
    for name in ("a.png", "a.svg", "a.pdf"):
        assert draw_runs(runs, tmp_path / name) == 4
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert ">width<" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert draw_runs(runs, tmp_path / "b.svg", against=("width", "params", "act")) == 4
    ticks = [word for word in re.findall(r">([\d.,]+)<", (tmp_path / "b.svg").read_text()) if not word.startswith("0.")]
    assert {"2", "3", "4"} <= set(ticks)  # widths are whole
    assert all(re.fullmatch(r"\d{1,3}(,\d{3})*", word) for word in ticks)
    with pytest.raises(UsageError, match="ends with"):
        draw_runs(runs, tmp_path / "a.jpeg")
    listed = invoke(runs_command, "--in", tmp_path / "runs", "--sort", "validation_accuracy", "--differ")
    assert next(line.split()[0] for line in listed.stdout.splitlines()) == "run"
    assert "width" in listed.stdout


def test_a_dry_run_says_how_much_of_the_space_is_valid(tmp_path: Path) -> None:
    done = invoke(sweep_command, written(tmp_path, GRID), "--dry-run")
    assert "a space of 4 points" in done.stdout
    assert "2 of 4 may be trained (50 %)" in done.stdout
    assert "shape-mismatch" in done.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "s.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["study.db", "study.journal"])
def test_a_process_that_is_killed_loses_no_trial_and_counts_none_twice(
    tmp_path: Path, optuna: Any, storage: str
) -> None:
    text = SPEC.replace("epochs: 2", "epochs: 30").replace("train: 64", "train: 512")
    spec = written(tmp_path, "  limit: {params: 900}\n" + OVER, text)
    scene = Scene(spec, tmp_path, 5, 2, 1, ("--device", "cpu"), storage)
    scene.play(patience=240)
    assert scene.check()["finished"] == 5
    (number,) = scene.interrupted
    alone = scene.again(number, tmp_path / "alone", {"device": "cpu"})
    kept = scene.runs / f"trial-{number:04}" / "model.safetensors"
    assert (alone / "model.safetensors").read_bytes() == kept.read_bytes()


@pytest.mark.slow
def test_runs_stand_with_the_least_error_first_where_less_of_their_metric_is_better(tmp_path: Path) -> None:
    for number, rate in enumerate(("0.1", "0.0001", "0.02")):
        text = (
            "name: net\ninput: [4]\nlayers: [Linear: 1]\ntrain:\n  data: {synthetic: {train: 40, test: 20}}\n"
            f"  batch_size: 8\n  epochs: 2\n  optimizer: {{SGD: {{lr: {rate}}}}}\n  loss: MSELoss\n"
            "  metrics: [MeanAbsoluteError]\n"
        )
        netspec.train(netspec.loads(text), run=tmp_path / "runs" / f"net-{number}", quiet=True, report=False)
    runs = find_runs((), tmp_path / "runs")
    values = [run.records[-1].figure("test_mae") or 0.0 for run in sorted_runs(runs, "test_mae")]
    assert values == sorted(values) and len(set(values)) == 3
