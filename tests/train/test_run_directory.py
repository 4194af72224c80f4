"""A run directory that somebody has changed, and two who want the same one."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import netspec
from netspec.cli import cli
from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.trainer.errors import NonFinite
from netspec.trainer.jobs.dry_run import rehearse
from netspec.trainer.run.checkpoint import checkpoints, newest
from netspec.trainer.run.directory import create_run, find_run
from netspec.trainer.run.overview import compare_text, find_runs
from netspec.trainer.run.records import Record, read_records, write_records
from netspec.trainer.setup.options import Options
from netspec.trainer.show.reporters import Quiet
from netspec.trainer.trained.opening import open_trained
from tests.commands import invoke
from tests.train.small_runs import PLAIN, finish, run_until, small_net


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("finished") / "run"
    finish(small_net(PLAIN), path)
    return path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


ODD = ["", "[]", "null", "3", '{"options": null, "data": null}', '{"data": []}', '{"data": {"names": ["a"]}}',
       '{"options": {"examples": "x", "driver": "zz", "precision": 3, "compile": "no"}}', "[" * 100_000]  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_environment_of_any_shape_hinders_nobody(text: str, run: Path) -> None:
    (run / "environment.json").write_text(text)
    assert open_trained(run).names == ["0", "1", "2"]
    assert Options().remembered(find_run(run).options) == Options()
    assert len(finish(small_net(PLAIN), run).records) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"files": {"state.pt": 3}}'])
def test_a_manifest_of_any_shape_is_damage(text: str, run: Path) -> None:
    first, second = checkpoints(run / "checkpoints")
    (first / "manifest.json").write_text(text)
    told: list[str] = []
    assert newest(run / "checkpoints", told.append)[0] == second
    assert "manifest.json` is damaged" in told[0]


@pytest.mark.parametrize("damage", ["cut", "nul", "words", "keys", "types"])
def test_damaged_metrics_hinder_nobody_and_a_resume_writes_them_anew(damage: str, run: Path) -> None:
    metrics = run / "metrics.jsonl"
    whole = metrics.read_text()
    first, rest = whole.split("\n", 1)
    bad = {"cut": first[:40], "nul": "\0" * 30, "words": "nothing", "keys": "{}", "types": first.replace("5", '"five"')}
    metrics.write_text(f"{bad[damage]}\n{rest}")
    assert [len(found.records) for found in find_runs([run], run)] == [2]
    finish(small_net(PLAIN), run)
    assert metrics.read_text() == whole


def test_figures_that_are_not_finite_are_null_in_json(tmp_path: Path) -> None:
    record = Record(1, 5, 0.5, 0.5, None, None, float("nan"), 0.1, 1.0, float("inf"))
    write_records(tmp_path, [record])
    row = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=pytest.fail)
    assert (row["test_loss"], row["examples_per_second"]) == (None, None)
    assert math.isnan(read_records(tmp_path)[0].examples_per_second)


def test_a_flipped_bit_in_the_weights_is_seen_and_a_resume_writes_them_anew(run: Path) -> None:
    weights = run / "model.safetensors"
    whole = weights.read_bytes()
    data = bytearray(whole)
    data[-3] ^= 4
    weights.write_bytes(data)
    with pytest.raises(ResourceError, match=r"is damaged: its SHA-256 is not .*`netspec train --resume .*writes it"):
        open_trained(run)
    finish(small_net(PLAIN), run)
    assert weights.read_bytes() == whole


def test_a_run_whose_spec_lost_its_recipe_says_so(run: Path) -> None:
    spec = run / "spec.yaml"
    spec.write_text(spec.read_text().partition("train:")[0])
    with pytest.raises(UsageError, match="has no `train:` recipe any more"):
        open_trained(run)


def test_a_comparison_of_runs_names_the_options_that_made_the_difference(finished: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    finish(small_net(PLAIN), few, examples=16, weights=finished)
    text = compare_text(find_runs([finished, few], tmp_path), 200)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert rows["--examples"] == ["—", "16"]
    assert rows["--weights"] == ["—", str(finished)]


# ---- who may train it

HOLD = """
import sys, time
from pathlib import Path
from netspec.trainer.run.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_two_processes_never_train_the_same_run_and_a_death_lets_go(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=rf"is being trained by another process \({other.pid}\)"):
            finish(small_net(PLAIN), tmp_path / "run")
        os.kill(other.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert len(finish(small_net(PLAIN), tmp_path / "run").records) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_a_directory_where_another_process_trains_is_not_to_be_removed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=rf"another process \({other.pid}\) trains there; name a new directory$"):
            create_run("plain", run)
        os.kill(other.pid, signal.SIGKILL)
    time.sleep(0.1)
    with pytest.raises(UsageError, match="name a new one, or remove this one, which has no checkpoint"):
        create_run("plain", run)
    with pytest.raises(UsageError, match=r"not empty, and holds no run; name a new one$"):
        create_run("plain", mine)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_is_not_told_as_another_process(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    lock = tmp_path / "run" / "checkpoints" / ".lock"
    lock.unlink()
    lock.symlink_to("/dev/full")
    with pytest.raises(ResourceError, match=r"no space for .*\.lock"):
        finish(small_net(PLAIN), tmp_path / "run")


# ---- what must not be kept, and what torch refuses


def test_an_update_that_overflows_is_never_kept(tmp_path: Path) -> None:
    """Loss and gradient are finite; lr times weight decay is not."""
    net = small_net(PLAIN, epochs=1, batch_size=36, optimizer={"SGD": {"lr": 1e38, "weight_decay": 3e38}})
    with pytest.raises(NonFinite, match=r"every loss and gradient was finite, but `1\.weight` no longer is; no check"):
        finish(net, tmp_path / "run")
    assert not checkpoints(tmp_path / "run" / "checkpoints")
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_what_torch_refuses_is_told_with_the_step_and_is_no_defect(tmp_path: Path) -> None:
    text = PLAIN.replace("loss: CrossEntropyLoss", "loss: BCELoss")
    with pytest.raises(NetspecError, match=r"step 1 \(epoch 1, batch 1\): torch refuses it: .*between 0 and 1") as stop:
        finish(netspec.loads(text), tmp_path / "run")
    assert stop.value.exit_status == 5


def test_a_net_with_symbols_asks_for_their_numbers(tmp_path: Path) -> None:
    text = PLAIN.replace("[1, 6, 6]", "[1, H, W]").replace("  - Flatten\n", "  - {AdaptiveAvgPool2d: 2}\n  - Flatten\n")
    with pytest.raises(UsageError, match=r"training needs them: `--set H=… --set W=…`"):
        finish(netspec.loads(text), tmp_path / "run")
    finish(netspec.loads(text, set={"H": 6, "W": 6}), tmp_path / "run")


@pytest.mark.slow
@pytest.mark.usefixtures("replay")
def test_a_step_that_cannot_be_replayed_runs_eagerly_and_says_why(tmp_path: Path) -> None:
    text = PLAIN.replace("[1, 6, 6]", "[6, 6]").replace("  - Flatten\n", "  - LSTM: 4\n  - Flatten\n")
    notes: list[str] = []

    class Notes(Quiet):
        def note(self, text: str) -> None:
            notes.append(text)

    replayed = finish(netspec.loads(text), tmp_path / "replay", driver="replay", reporter=Notes())
    eager = finish(netspec.loads(text), tmp_path / "eager")
    assert "note: running eagerly: the step cannot be replayed" in notes[0]
    assert replayed.records[-1].train_loss == pytest.approx(eager.records[-1].train_loss)


# ---- what is asked for


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        (
            {"epochs": 2},
            TypeError,
            r"no option `epochs`; of the recipe it is set with `netspec.load\(…, set=.'train.ep",
        ),
        ({"devise": "cpu"}, TypeError, "did you mean `device`"),
        ({"driver": "grapf"}, UsageError, "there is no driver `grapf`; say auto, eager, graph"),
        ({"fresh": ("1.*",)}, UsageError, "`fresh` says which parameters `weights` leaves alone"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    options: Any, kind: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=words):
        finish(small_net(PLAIN), tmp_path / "run", **options)


def test_a_path_or_a_module_in_place_of_a_net_is_answered_with_what_to_write() -> None:
    train: Any = netspec.train
    with pytest.raises(TypeError, match=r"netspec.train wants a net, as `netspec.load\('a.yaml'\)` gives one"):
        train("a.yaml")
    with pytest.raises(TypeError, match=r"as `netspec.from_torch\(module, example\).net` gives one, not Linear"):
        train(nn.Linear(2, 2))


def test_a_name_that_is_taken_is_answered_in_the_words_of_who_called(run: Path) -> None:
    """A cell that is run a second time is Python; a command has its options."""
    with pytest.raises(UsageError) as caught:
        netspec.train(small_net(PLAIN), run=run, quiet=True)
    taken = "the directory is not empty; name a new one, or go on with"
    assert str(caught.value) == f"`run='{run}'`: {taken} `resume='{run}'`"
    told = invoke(cli, "train", run / "spec.yaml", "--run", run, "--device", "cpu", "-q")
    assert str(told.exception) == f"`--run {run}`: {taken} `--resume {run}`"


def test_a_resumed_run_takes_no_other_weights(run: Path) -> None:
    with pytest.raises(UsageError, match="`weights` starts a new run; `resume` goes on"):
        finish(small_net(PLAIN), run, weights=run)


@pytest.mark.slow
def test_the_rehearsal_of_a_resume_counts_what_is_left(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 4, examples=16)
    told = rehearse(small_net(PLAIN), {"device": "cpu"}, tmp_path / "run")
    assert "for 2 steps, evaluation not counted" in told
    assert "for 2 epochs" in told.splitlines()[-1]
