"""Runs are found by the figures of their records without the part of the data, and conditions are told as such."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

import netspec
from netspec.cli.runs import command
from netspec.diagnostics import UsageError
from netspec.trainer.run.following import best_epoch
from netspec.trainer.run.overview import Run, compare_text, find_runs, list_text
from netspec.trainer.run.picked import picked, sorted_runs, value_of
from netspec.trainer.run.records import Record, figure_text
from netspec.trainer.trained.opening import open_trained
from tests.commands import invoke
from tests.train.small_runs import PLAIN

pytest.importorskip("torchmetrics")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("picked")
    for number in range(3):
        text = PLAIN + f"  validation: 0.25\n  metrics: [MatthewsCorrCoef, CalibrationError]\n  seed: {number}\n"
        netspec.train(netspec.loads(text), run=place / f"run-{number}", quiet=True, report=False)
    return place


def figures(runs: list[Run], column: str) -> list[float]:
    return [run.measured.figure(column) or 0.0 for run in runs if run.measured is not None]


@pytest.mark.slow
def test_the_part_of_the_data_may_be_left_out_of_a_figure(place: Path) -> None:
    runs = find_runs((), place)
    assert [value_of(run, "mcc") for run in runs] == figures(runs, "validation_mcc")
    best_first = figures(sorted_runs(runs, "mcc"), "validation_mcc")
    assert best_first == sorted(best_first, reverse=True) and len(set(best_first)) > 1
    least_first = figures(sorted_runs(runs, "calibration_error"), "validation_calibration_error")
    assert least_first == sorted(least_first)
    middle = sorted(best_first)[1]
    assert len(picked(runs, [f"mcc>={middle}"])) == 2
    listed = invoke(command, "--in", place, "--sort", "mcc")
    assert listed.exit_code == 0 and listed.stdout.count("run-") == 3


def test_a_key_of_the_recipe_comes_before_a_figure_without_its_part(place: Path) -> None:
    assert value_of(find_runs((), place)[0], "batch_size") == 8
    assert value_of(find_runs((), place)[0], "validation") == 0.25


@pytest.mark.parametrize("condition", ["lr==", "lr<", "==3", "lr", "lr=>3", "lr 3", "<", "lr= ="])
def test_what_is_no_condition_is_told_with_what_one_is(condition: str, place: Path) -> None:
    with pytest.raises(UsageError) as caught:
        picked(find_runs((), place), [condition])
    assert str(caught.value).startswith(f"--where '{condition}': this is no condition, which is a key, a comparison")


def test_the_conditions_that_a_message_names_are_conditions(place: Path) -> None:
    runs = find_runs((), place)
    assert len(picked(runs, ["params<100000", "optimizer.SGD.lr==0.1"])) == 3
    with pytest.raises(UsageError, match=r"--where 'lr==x': `x` is no number, and a run has 0\.1 there"):
        picked(runs, ["lr==x"])


def test_the_metrics_of_recipes_are_columns_and_what_fits_least_is_left_out_first(place: Path) -> None:
    runs = find_runs((), place)
    wide = list_text(runs, place, 200).splitlines()
    assert wide[1].split().count("mcc") == wide[1].split().count("calibration_error") == 2
    assert figure_text(runs[0].records[-1].figure("test_mcc")) in wide[2]
    narrow = list_text([replace(run, path=Path(run.path.name)) for run in runs], place, 70).splitlines()
    assert max(map(len, narrow)) <= 70
    assert "mcc" in narrow[1] and "calibration_error" not in narrow[1] and "examples/s" not in narrow[1]
    rows = compare_text(runs, 100).splitlines()
    assert any(line.startswith("validation calibration_error ") for line in rows)


@pytest.mark.slow
def test_a_report_marks_the_best_epoch(tmp_path: Path) -> None:
    text = PLAIN.replace("epochs: 3", "epochs: 6") + "  validation: 0.25\n  metrics: [CalibrationError]\n"
    run = netspec.train(
        netspec.loads(text + "  best: validation_calibration_error\n"), run=tmp_path / "run", quiet=True, report=True
    )
    values = [record.figure("validation_calibration_error") or 0.0 for record in run.records]
    best = 1 + values.index(min(values))
    page = (run.run / "report.html").read_text(encoding="utf-8")
    assert f"The best epoch by validation calibration_error is {best}." in page
    assert re.findall(r'<tr><td class="best">(\d+)</td>', page) == [str(best)]
    assert open_trained(run.run, best=True).origin.endswith(f"step-{run.records[best - 1].step:08}")


def test_of_equal_epochs_the_first_is_the_best() -> None:
    net = netspec.loads(PLAIN + "  validation: 0.25\n  best: validation_loss\n")
    nothing = dict.fromkeys(("train_accuracy", "validation_accuracy", "test_loss", "test_accuracy"))
    records = [
        Record(epoch=epoch, step=epoch, train_loss=1.0, validation_loss=loss, seconds=1.0, examples_per_second=1.0,
               **nothing)
        for epoch, loss in enumerate((math.nan, 0.5, 0.25, 0.25), 1)
    ]  # fmt: skip
    assert best_epoch(records, net.recipe) == 3
    assert best_epoch(records[:1], net.recipe) == 1 and best_epoch([], net.recipe) is None


def test_a_run_that_keeps_its_best_weights_is_listed_with_their_figures(place: Path) -> None:
    run, *others = (replace(each, best_epoch=None) for each in find_runs((), place))
    first, last = replace(run.records[0], epoch=1, validation_loss=0.25), replace(run.records[-1], epoch=2)
    kept = replace(run, records=[first, replace(last, validation_loss=0.75)], best_epoch=1)
    heads, words, row, *_ = list_text([kept, *others], place, 400).splitlines()
    assert "best" in heads and "epoch" in words
    assert "0.250" in row and "0.750" not in row
    assert value_of(kept, "validation_loss") == 0.25
    compared = compare_text([kept, others[0]], 100)
    assert re.search(r"^best epoch +1 +—$", compared, re.MULTILINE)
    told = kept.to_dict()
    assert (told["best"]["validation_loss"], told["last"]["validation_loss"]) == (0.25, 0.75)
    assert "best" not in run.to_dict() and "best epoch" not in compare_text(others, 100)
