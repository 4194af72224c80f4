"""The learning rate stands in the records: that of the epoch's last step, and of each group with one of its own."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

import netspec
from netspec.trainer.run.overview import find_runs
from netspec.trainer.run.picked import sorted_runs
from netspec.trainer.run.records import read_records
from tests.train.small_runs import PLAIN, finish, run_until, small_net, whole_state

if TYPE_CHECKING:
    from pathlib import Path

GROUPS: Any = [{"parameters": ["bias"], "lr": 0.3}, {"parameters": ["3.weight"], "lr": 0.3}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0.1, 0.1, 0.1]),
        ({"scheduler": {"ExponentialLR": 0.5}}, [0.1, 0.05, 0.025]),
        ({"warmup": {"steps": 8, "start_factor": 0.2}}, [0.1 * (0.2 + 0.8 * 4 / 8), 0.1, 0.1]),
        ({"scheduler": {"LinearLR": {"start_factor": 0.5, "total_iters": 10}}, "schedule_by": "step"},
         [0.1 * (0.5 + 0.05 * 4), 0.1 * (0.5 + 0.05 * 9), 0.1]),
    ],
)  # fmt: skip
def test_it_is_that_of_the_last_step_of_the_epoch(
    settings: dict[str, Any], expected: list[float], tmp_path: Path
) -> None:
    taken: list[tuple[float, ...]] = []

    class Before(netspec.Callback):
        def after_step(self, event: netspec.Event) -> None:
            taken.append(event.learning_rates)  # those of the next step

    records = finish(small_net(PLAIN, **settings), tmp_path / "run", callbacks=Before()).records
    assert [record.rates for record in records] == [{"learning_rate": pytest.approx(rate)} for rate in expected]
    assert records[1].rates["learning_rate"] == taken[8][0]  # of the tenth step, told behind the ninth
    assert read_records(tmp_path / "run") == records
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [float(row["learning_rate"]) for row in csv.DictReader(file)] == pytest.approx(expected)


@pytest.mark.slow
def test_groups_with_a_rate_of_their_own_have_a_column_each(tmp_path: Path) -> None:
    net = small_net(PLAIN, groups=GROUPS, scheduler={"ExponentialLR": 0.5})
    last = finish(net, tmp_path / "run", report=True).records[-1]
    assert last.rates == {"learning_rate/bias": pytest.approx(0.075), "learning_rate": pytest.approx(0.025)}
    assert last.parts == {}
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<th>learning rate/bias</th>" in page
    assert "<td>0.075</td>" in page


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, 5, 7, 10])
def test_it_is_the_same_in_a_run_that_is_resumed(step: int, tmp_path: Path) -> None:
    net = small_net(PLAIN, scheduler={"OneCycleLR": {"max_lr": 0.4}}, optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}})
    whole = finish(net, tmp_path / "whole").records
    run_until(net, tmp_path / "run", step)
    assert [record.rates for record in finish(net, tmp_path / "run").records] == [record.rates for record in whole]
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")


@pytest.mark.slow
def test_runs_are_not_ordered_by_it_as_by_a_figure_of_which_more_is_better(tmp_path: Path) -> None:
    paths = [tmp_path / "slow", tmp_path / "fast"]
    for path, rate in zip(paths, (0.01, 0.2), strict=True):
        finish(small_net(PLAIN, epochs=1, optimizer={"SGD": {"lr": rate}}), path)
    runs = find_runs(paths, tmp_path)
    assert [run.path for run in sorted_runs(runs[::-1], "learning_rate")] == paths


def test_tensorboard_has_it(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    finish(small_net(PLAIN, groups=GROUPS), tmp_path / "run", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    for tag, rate in (("learning_rate", 0.1), ("learning_rate/bias", 0.3)):
        assert [(event.step, event.value) for event in events.Scalars(tag)] == [
            (epoch, pytest.approx(rate)) for epoch in (1, 2, 3)
        ]
