"""Runs are logged to Weights & Biases and MLflow, where these are installed; a resumed run goes on in the same one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import pytest

from netspec.cli import cli
from netspec.diagnostics import MissingExtra, ResourceError, UsageError
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


@contextmanager
def unreachable(
    library: object, name: str, run: Path, known: str | None, settings: Mapping[str, Any], *, from_: str
) -> Generator[tuple[Callable[[Mapping[str, float], int], None], str]]:
    """A service that fails at its beginning, in its second epoch, or at its end."""

    def log(figures: Mapping[str, float], epoch: int) -> None:
        if from_ == "epoch" and epoch > 1:
            raise ConnectionError("refused\nby the server")

    if from_ == "begin":
        raise ConnectionError("refused\nby the server")
    yield log, "a name"
    if from_ == "end":
        raise ConnectionError("refused\nby the server")


@pytest.mark.slow
@pytest.mark.parametrize("from_", ["begin", "epoch", "end"])
def test_a_service_that_fails_is_told_and_ends_no_training(
    from_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast("dict[str, Any]", TRACKERS), "json", partial(unreachable, from_=from_))
    (tmp_path / "net.yaml").write_text(PLAIN)
    done = invoke(cli, "train", tmp_path / "net.yaml", "--run", tmp_path / "run", "--quiet", "--log", "json")
    if from_ == "begin":
        assert isinstance(done.exception, ResourceError)
        assert str(done.exception) == (
            "`--log json`: json does not take the run: refused by the server; nothing is trained, so "
            f"`{tmp_path / 'run'}` may be removed"
        )
        monkeypatch.delitem(cast("dict[str, Any]", TRACKERS), "json")
        line = ("train", tmp_path / "net.yaml", "--run", tmp_path / "run", "--quiet", "--auto-resume")
        assert invoke(cli, *line).exception is None  # as by a scheduler, which need not remove it
        return
    assert done.exception is None
    said = {"epoch": "epoch 2, and training goes on: refused by the server; `", "end": "the end of the run: refused by"}
    assert done.stderr.count("does not take") == 1
    assert f"note: json does not take {said[from_]}" in done.stderr
    finish(small_net(PLAIN), tmp_path / "plain")
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
