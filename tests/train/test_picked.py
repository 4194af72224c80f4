"""Runs are found by the figures of their records without the part of the data, and conditions are told as such."""

from __future__ import annotations

from pathlib import Path

import pytest

import netspec
from netspec.cli.runs import command
from netspec.diagnostics import UsageError
from netspec.trainer.run.overview import Run, find_runs
from netspec.trainer.run.picked import picked, sorted_runs, value_of
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
    return [run.records[-1].figure(column) or 0.0 for run in runs]


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
