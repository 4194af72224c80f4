"""A finished run's `model.safetensors` holds the best weights where there is a best, and `last.safetensors` the
last."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.cli import cli
from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.trainer.run.checkpoint import read_checkpoint
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.records import figure_text
from netspec.trainer.show.reporters import Quiet
from netspec.trainer.trained.opening import open_trained
from tests.commands import invoke
from tests.train.small_runs import EVERYTHING, PLAIN, finish, run_until, small_net

if TYPE_CHECKING:
    from pathlib import Path


def rising(**settings: Any) -> Net:
    """A net whose validation loss is best after its first epoch: then the steps are so long that it rises."""
    return small_net(
        PLAIN, validation=0.3, best="validation_loss", optimizer={"SGD": {"lr": 0.01}},
        scheduler={"MultiStepLR": {"milestones": [1], "gamma": 3000.0}}, **settings,
    )  # fmt: skip


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_the_best_and_the_last_stand_beside_each_other(tmp_path: Path) -> None:
    result = finish(rising(), tmp_path / "run")
    losses = [record.validation_loss for record in result.records]
    assert losses[0] == min(losses)  # type: ignore[type-var]
    at = tmp_path / "run" / "checkpoints"
    saved = {path.name: read_checkpoint(path).model for path in at.glob("step-*")}
    assert same(load_file(tmp_path / "run" / "model.safetensors"), saved[(at / "best").read_text().strip()])
    assert same(load_file(tmp_path / "run" / "last.safetensors"), saved[(at / "latest").read_text().strip()])
    opened = netspec.open_run(tmp_path / "run")
    assert opened.evaluate(split="validation")["loss"] == pytest.approx(losses[0])
    assert netspec.open_run(tmp_path / "run", last=True).evaluate(split="validation")["loss"] == pytest.approx(
        losses[-1], rel=1e-4
    )


def confusion(run: Path, *words: str) -> list[int]:
    """What `netspec eval` counts, row by row."""
    found = json.loads(invoke(cli, "eval", run, "--format", "json", *words).stdout)
    return [count for row in found["confusion"] for count in row]


def shown_confusion(page: str) -> list[int]:
    return [int(count or 0) for count in re.findall(r"<td style=[^>]*>(\d*)</td>", page)]


@pytest.mark.slow
def test_the_report_and_the_last_lines_are_of_the_best_weights_and_of_the_last_and_say_so(tmp_path: Path) -> None:
    result = finish(rising(), tmp_path / "run", report=True)
    best, last = result.records[0], result.records[-1]
    words = f"validation acc {best.validation_accuracy:.3f}, test acc {best.test_accuracy:.3f}"
    assert result.best_line == f"best weights, of epoch 1: {words}"
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    head, *answers = re.split("<h2>(?:Curves|Confusion|Worst mistakes|Ranks|Network)</h2>", page)
    first, second = head.split("<p>Epoch ")[1:]
    for told, record, said in (
        (first, best, "1, the best by validation loss. Its weights are in model.safetensors.</p>"),
        (second, last, f"{last.epoch}, the last. Its weights are in last.safetensors.</p>"),
    ):
        assert told.startswith(said)
        assert f"<b>{figure_text(record.test_loss or 0, 3)}</b><span>test loss</span>" in told
    assert all(part.split("</p>")[0].endswith("Test data, best weights, of epoch 1") for part in answers[1:4])
    of_best, of_last = (confusion(tmp_path / "run", *words) for words in ([], ["--last"]))
    assert shown_confusion(page) == of_best != of_last
    invoke(cli, "eval", tmp_path / "run", "--report", "--last")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert shown_confusion(page) == of_last
    assert "Test data, weights at the end" in page


@pytest.mark.slow
def test_a_run_whose_last_epoch_is_its_best_says_so_once(tmp_path: Path) -> None:
    falling = small_net(PLAIN, validation=0.3, best="validation_loss", optimizer={"SGD": {"lr": 0.01}})
    result = finish(falling, tmp_path / "run", report=True)
    assert result.best_line is None
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    end = len(result.records)
    assert (
        f"<p>Epoch {end}, the best by validation loss and the last. Its weights are in model.safetensors.</p>" in page
    )
    assert page.count('<ul class="figures">') == 1


def test_of_a_moving_average_the_average_is_kept(tmp_path: Path) -> None:
    finish(small_net(EVERYTHING, epochs=3), tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    found = netspec.open_run(run.path).evaluate(split="validation")["accuracy"]
    best = netspec.open_run(run.path, best=True).evaluate(split="validation")["accuracy"]
    records = netspec.open_run(run.path).records
    assert found == best == max(record.validation_accuracy for record in records)  # type: ignore[type-var]
    assert run.best_epoch == next(r.epoch for r in records if r.validation_accuracy == found)


def test_without_validation_the_weights_are_those_at_the_end_alone(tmp_path: Path) -> None:
    finish(small_net(PLAIN), tmp_path / "run")
    assert not (tmp_path / "run" / "last.safetensors").exists()
    assert open_trained(tmp_path / "run").origin == "weights at the end"
    assert open_trained(tmp_path / "run", last=True).origin == "weights at the end"


def test_the_commands_take_the_best_and_say_so_and_the_last_if_asked(tmp_path: Path) -> None:
    finish(rising(), tmp_path / "run")
    for words, says in (
        ([], "best weights, of epoch 1"), (["--last"], "weights at the end"), (["--best"], "best checkpoint, step-"),
    ):  # fmt: skip
        done = invoke(cli, "eval", tmp_path / "run", "--format", "json", *words)
        assert json.loads(done.stdout)["weights"].startswith(says)
    done = invoke(cli, "predict", tmp_path / "run", "--split", "test", "--best", "--last")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "`--best` and `--last` ask for two checkpoints; give one of them"


@pytest.mark.slow
def test_a_run_trained_further_has_new_ones_and_none_that_it_should_not_have(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    finish(rising(), run.path)
    run_until(rising(epochs=5), run.path, 16, force=True)
    assert open_trained(run.path).origin == "unfinished run, step-00000016"
    assert open_trained(run.path, last=True).origin == "unfinished run, step-00000016"
    finish(small_net(PLAIN, epochs=5), run.path, force=True)  # which validates no more
    assert sorted(path.name for path in run.path.glob("*.safetensors")) == ["model.safetensors"]
    assert open_trained(run.path).origin == "weights at the end"


@pytest.mark.parametrize("name", ["model.safetensors", "last.safetensors"])
def test_a_damaged_file_is_noticed_and_written_anew_by_a_resume(name: str, tmp_path: Path) -> None:
    finish(rising(), tmp_path / "run")
    file = tmp_path / "run" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ResourceError, match=f"{name}` is damaged: its SHA-256 is not the one"):
        open_trained(tmp_path / "run", last=name.startswith("last"))
    finish(rising(), tmp_path / "run")
    assert file.read_bytes() == whole


def test_where_the_best_checkpoint_is_lost_the_weights_are_the_last_and_that_is_noted(tmp_path: Path) -> None:
    notes: list[str] = []

    class Notes(Quiet):
        def note(self, text: str) -> None:
            notes.append(text)

    run_until(rising(), tmp_path / "run", 9)
    at = tmp_path / "run" / "checkpoints"
    best = at / (at / "best").read_text().strip()
    (best / "model.safetensors").write_bytes(b"nothing")
    finish(rising(), tmp_path / "run", reporter=Notes())
    (note,) = (text for text in notes if "for want of the best" in text)
    assert "of epoch 1" in note
    assert not (tmp_path / "run" / "last.safetensors").exists()
    assert open_trained(tmp_path / "run").origin == "weights at the end"


def test_a_run_of_before_has_the_weights_at_the_end(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    finish(rising(), run.path)
    noted = run.checkpoints / "model.safetensors.sha256"
    run.last.replace(run.weights)
    (run.checkpoints / "last.safetensors.sha256").replace(noted)
    assert len(noted.read_text().split()) == 2
    assert open_trained(run.path).origin == "weights at the end"
    before = run.weights.read_bytes()
    finish(rising(), run.path)
    assert run.weights.read_bytes() == before and not run.last.exists()
