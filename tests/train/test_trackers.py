"""Runs are logged to Weights & Biases and MLflow, where these are installed; a resumed run goes on in the same one."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from netspec.cli import cli
from netspec.diagnostics import MissingExtra, UsageError
from netspec.trainer.show.trackers import TRACKERS
from tests.commands import invoke
from tests.train.small_runs import PLAIN, finish, run_until, small_net, whole_state

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = [{"parameters": ["*.bias"], "lr": 0.3}]


def test_mlflow_has_figures_rates_and_recipe_of_a_run_and_of_its_continuation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    from mlflow.tracking import MlflowClient  # type: ignore[import-not-found]

    uri = (tmp_path / "mlruns").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    net = small_net(PLAIN, groups=GROUPS)
    run_until(net, tmp_path / "run", 7, log=["mlflow"])
    records = finish(net, tmp_path / "run").records
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("plain")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "run" and run.info.status == "FINISHED"
    assert run.data.params["optimizer.SGD.lr"] == "0.1"
    for key, column in (("train_loss", "train_loss"), ("learning_rate._.bias", "learning_rate/*.bias")):
        found = sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, key))
        assert found == [(record.epoch, pytest.approx(record.figure(column))) for record in records]
    finish(net, tmp_path / "plain")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "plain")


def test_wandb_takes_a_run_offline_and_its_continuation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    net = small_net(PLAIN)
    run_until(net, tmp_path / "run", 7, log=["wandb"])
    identity = json.loads((tmp_path / "run" / "trackers.json").read_text())["wandb"]
    finish(net, tmp_path / "run")
    files = list((tmp_path / "run" / "wandb").glob(f"offline-run-*/run-{identity}.wandb"))
    assert len(files) == 2
    until = time.monotonic() + 20  # its own process writes the end of a file a moment later
    while not all(b"train_loss" in file.read_bytes() for file in files):
        assert time.monotonic() < until, files
        time.sleep(0.1)
    finish(net, tmp_path / "plain")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "plain")


def test_what_is_not_there_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(PLAIN)
    line = ("train", tmp_path / "net.yaml", "--run", tmp_path / "run", "--quiet", "--log")
    done = invoke(cli, *line, "wandbb")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "`--log wandbb`: a run is not logged there; did you mean `wandb`?"
    for name in TRACKERS:
        if find_spec(name) is None:
            done = invoke(cli, *line, name)
            assert isinstance(done.exception, MissingExtra)
            assert f"[{name}]" in str(done.exception)
    assert not (tmp_path / "run").exists()
