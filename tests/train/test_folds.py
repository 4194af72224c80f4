"""Cross-validation: each example is held out once, in proportion to its class, and what is interrupted is completed."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import netspec
from netspec.cli import cli
from netspec.diagnostics import UsageError
from netspec.trainer.data.splits import hold_out
from netspec.trainer.jobs.training import train
from tests.commands import invoke
from tests.train.small_runs import PLAIN, finish, run_until, small_net

SPEC = PLAIN.replace("train: 36", "train: 30")


@given(count=st.integers(2, 200), folds=st.integers(2, 12), classes=st.integers(1, 5), seed=st.integers(0, 50))
def test_each_example_is_held_out_once_and_classes_keep_their_share(
    count: int, folds: int, classes: int, seed: int
) -> None:
    if count < folds:
        return
    labels = torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))
    held = [hold_out(labels, 1 / folds, seed, fold)[1] for fold in range(1, folds + 1)]
    assert torch.equal(torch.cat(held).sort().values, torch.arange(count))
    sizes = [len(rows) for rows in held]
    assert max(sizes) - min(sizes) <= 1
    for fold, rows in enumerate(held, 1):
        kept = hold_out(labels, 1 / folds, seed, fold)[0]
        assert sorted([*kept.tolist(), *rows.tolist()]) == list(range(count))
        for label in range(classes):
            share = (labels == label).sum() / folds
            assert abs(int((labels[rows] == label).sum()) - float(share)) < 2


def test_the_first_fold_is_what_validation_alone_holds_out() -> None:
    labels = torch.arange(50) % 3
    for one, other in zip(hold_out(labels, 0.2, 4), hold_out(labels, 0.2, 4, 1), strict=True):
        assert torch.equal(one, other)


@pytest.mark.slow
def test_each_fold_is_the_run_that_one_would_write_by_hand(tmp_path: Path) -> None:
    net = small_net(SPEC)
    found = netspec.cross_validate(net, folds=3, run=tmp_path / "cv", quiet=True, report=False)
    for number, fold in enumerate(found.folds, 1):
        alone = finish(small_net(SPEC, validation=1 / 3, fold=number), tmp_path / f"alone-{number}")
        assert fold.run == tmp_path / "cv" / f"fold-{number}"
        assert (fold.run / "model.safetensors").read_bytes() == (alone.run / "model.safetensors").read_bytes()
        evaluated = netspec.open_run(fold.run).evaluate(split="validation")
        assert evaluated["loss"] == pytest.approx(fold.records[-1].validation_loss, rel=1e-6)
    values = [fold.records[-1].validation_accuracy or 0.0 for fold in found.folds]
    assert found.figures["validation_accuracy"] == (mean(values), stdev(values))
    rows = list(csv.DictReader((tmp_path / "cv" / "folds.csv").read_text().splitlines()))
    assert [row["fold"] for row in rows] == ["1", "2", "3", "mean", "deviation"]
    assert float(rows[3]["validation_accuracy"]) == mean(values)


@pytest.mark.slow
def test_what_was_interrupted_is_completed_by_the_same_command(tmp_path: Path) -> None:
    spec = tmp_path / "plain.yaml"
    spec.write_text(SPEC)
    whole = netspec.cross_validate(netspec.load(spec), folds=3, run=tmp_path / "whole", quiet=True, report=False)
    place = tmp_path / "parts"
    net = netspec.load(spec)
    assert net.recipe is not None
    first = replace(net, recipe=small_net(SPEC, validation=1 / 3, fold=1).recipe)
    train(first, run=place / "fold-1", quiet=True, report=False)
    run_until(replace(net, recipe=small_net(SPEC, validation=1 / 3, fold=2).recipe), place / "fold-2", 4, report=False)
    before = (place / "fold-1" / "model.safetensors").stat().st_mtime_ns
    told = invoke(cli, "train", spec, "--folds", "3", "--run", place, "-q", "--no-report")
    assert told.exit_code == 0, told.output
    assert (place / "fold-1" / "model.safetensors").stat().st_mtime_ns == before
    for number in (1, 2, 3):
        mine, theirs = (of / f"fold-{number}" / "model.safetensors" for of in (place, whole.run))
        assert mine.read_bytes() == theirs.read_bytes()
    lines = told.output.splitlines()
    assert lines[-1] == str(place)
    assert any(line.startswith("validation accuracy  ") and " ± " in line for line in lines)


@pytest.mark.parametrize(
    ("spec", "folds", "words"),
    [
        (SPEC, 1, "1 folds are none"),
        (SPEC.partition("train:\n")[0], 3, "has no `train:` recipe"),
        (SPEC.replace("synthetic: {train: 30, test: 12}", "folder: {path: x, validation: val, classes: 3}"), 3,
         "names validation data of its own"),
    ],
)  # fmt: skip
def test_what_has_no_folds_is_refused(spec: str, folds: int, words: str, tmp_path: Path) -> None:
    if "folder" in spec:
        spec = spec.replace("input: [1, 6, 6]", "input: [3, 6, 6]")
        spec = spec.replace("  epochs: 3", "  transforms: [Resize: {size: [6, 6]}]\n  epochs: 3")
    with pytest.raises(UsageError, match=words):
        netspec.cross_validate(netspec.loads(spec), folds=folds, run=tmp_path / "cv")
    assert not (tmp_path / "cv").exists()


def test_options_that_are_for_one_run_are_refused_beside_folds(tmp_path: Path) -> None:
    spec = tmp_path / "plain.yaml"
    spec.write_text(SPEC)
    for words in (("--max-steps", "3"), ("--dry-run",), ("--force",)):
        told = invoke(cli, "train", spec, "--folds", "3", *words)
        assert isinstance(told.exception, UsageError) and "--folds" in str(told.exception)


def rows_in(path: Path, count: int) -> None:
    rows = torch.rand(count, 3, generator=torch.Generator().manual_seed(0)).tolist()
    path.write_text("a,b,price\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))


TABLE = """input: [2]
layers: [Linear: 1]
train:
  data: {table: {train: a.csv, target: price}}
  batch_size: 8
  epochs: 1
  optimizer: SGD
  loss: MSELoss
"""


@pytest.mark.slow
def test_folds_of_another_training_are_refused_with_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("polars")
    monkeypatch.chdir(tmp_path)
    rows_in(Path("a.csv"), 20)
    Path("s.yaml").write_text(TABLE)

    def told(folds: int, *words: str) -> str:
        done = invoke(cli, "train", "s.yaml", "--folds", folds, "--run", "cv", "-q", "--no-report", *words)
        return str(done.exception or "")

    assert told(4) == ""
    table = Path("cv/folds.csv").read_text()
    assert "`cv` holds more folds than `--folds 3`, such as `fold-4`" in told(3)
    assert "`train.validation` was 0.25 and is 0.2" in told(5)
    assert not Path("cv/folds.csv").exists()  # as those of five there are none
    assert told(4) == "" and Path("cv/folds.csv").read_text() == table
    assert "`train.epochs` was 1 and is 2" in told(4, "--set", "train.epochs=2")
    rows_in(Path("a.csv"), 24)
    shutil.rmtree("cv/fold-1")
    message = told(4)
    assert message.startswith("`cv/fold-2` is a fold of another training:\n  the data set's content is another\n")
    assert message.endswith("or in another directory, by `--run`")
    assert sorted(path.name for path in Path("cv").iterdir()) == ["fold-2", "fold-3", "fold-4"]


@pytest.mark.slow
def test_a_directory_of_folds_is_no_run_but_holds_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    netspec.cross_validate(small_net(SPEC), folds=3, run="cv", quiet=True, report=False)
    for words in (("predict", "cv", "--split", "test"), ("eval", "cv"), ("train", "--resume", "cv")):
        told = str(invoke(cli, *words).exception)
        listed = "`cv/fold-1`, `cv/fold-2`, `cv/fold-3`; `netspec runs --in cv` lists them"
        assert told.endswith(f", but it holds runs: give one of them, {listed}")
    assert "fold-2" in invoke(cli, "runs", "--in", "cv").output
    assert invoke(cli, "predict", "cv/fold-1", "--split", "test").exit_code == 0
