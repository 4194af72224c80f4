"""Callbacks: where they are called, what they may end, and that they change nothing."""

from __future__ import annotations

import random
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer import Event
from netspec.trainer.errors import CallbackFailed
from netspec.trainer.run.directory import find_run
from tests.train.given import Rows, net_of, off, rows, squares, trained
from tests.train.small_runs import whole_state

BOTH = {"data": {"train": rows(), "validation": Rows(9)}, "loss": squares}


class Told(netspec.Callback):
    """Writes down what it is told, and answers `answer` at a point and step."""

    def __init__(self, point: str = "", step: int = 0, answer: Any = True) -> None:
        self.events: list[tuple[str, Event]] = []
        self.at, self.answer = (point, step), answer

    def _note(self, point: str, event: Event) -> Any:
        self.events.append((point, event))
        if (point, event.step) != self.at:
            return None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def after_step(self, event: Event) -> Any:
        return self._note("step", event)

    def after_evaluation(self, event: Event) -> Any:
        return self._note("evaluation", event)

    def after_epoch(self, event: Event) -> Any:
        return self._note("epoch", event)


def test_they_are_called_after_each_step_evaluation_and_epoch(tmp_path: Path) -> None:
    told, lines = Told(), list[str]()
    calls = [told, lambda event: lines.append(event.record.line)]
    made = trained(net_of(epochs=2), tmp_path / "run", metrics=[off], callbacks=calls, **BOTH)
    assert made is not None
    an_epoch = [*["step"] * 5, "evaluation", "epoch"]
    assert [point for point, _ in told.events] == an_epoch * 2
    assert [(event.epoch, event.step) for _, event in told.events] == [
        *[(1, step) for step in (1, 2, 3, 4, 5, 5, 5)],
        *[(2, step) for step in (6, 7, 8, 9, 10, 10, 10)],
    ]
    evaluation, epoch = told.events[-2][1], told.events[-1][1]
    assert evaluation.part == "validation"
    assert set(evaluation.figures) == {"loss", "off"}
    assert evaluation.figures["loss"] == evaluation.loss == made.records[-1].validation_loss
    assert epoch.record == made.records[-1]
    assert epoch.loss == made.records[-1].train_loss
    assert lines == [record.line for record in made.records]
    assert all(event.run == tmp_path / "run" for _, event in told.events)
    assert all(event.learning_rates == pytest.approx((0.1,)) for _, event in told.events)
    assert find_run(tmp_path / "run").given["callbacks"][0] == "Told"


def test_the_loss_after_a_step_is_the_mean_of_the_epoch_so_far(tmp_path: Path) -> None:
    seen: list[float] = []

    class Losses(netspec.Callback):
        def after_step(self, event: Event) -> None:
            seen.append(event.loss)

    made = trained(net_of(epochs=1), tmp_path / "run", callbacks=Losses(), **BOTH)
    assert made is not None
    assert seen[-1] == pytest.approx(made.records[0].train_loss)
    assert len(set(seen)) == 5


def test_they_cannot_change_the_run(tmp_path: Path) -> None:
    class Meddler(netspec.Callback):
        def after_step(self, event: Event) -> None:
            torch.manual_seed(event.step)
            torch.rand(3)
            random.seed(0)
            np.random.seed(0)

        def after_evaluation(self, event: Event) -> None:
            with pytest.raises(FrozenInstanceError):
                event.step = 0  # type: ignore[misc]
            with pytest.raises(TypeError):
                event.figures["loss"] = 0.0  # type: ignore[index]

        def after_epoch(self, event: Event) -> None:
            with pytest.raises(FrozenInstanceError):
                event.record.train_loss = 0.0  # type: ignore[misc, union-attr]
            with pytest.raises(TypeError):
                event.record.parts["more"] = 0.0  # type: ignore[index, union-attr]
            torch.rand(7)

    trained(net_of(), tmp_path / "alone", metrics=[off], **BOTH)
    trained(net_of(), tmp_path / "beside", metrics=[off], callbacks=Meddler(), **BOTH)
    assert whole_state(tmp_path / "alone") == whole_state(tmp_path / "beside")


@pytest.mark.parametrize(
    ("point", "step", "epochs"), [("step", 3, 1), ("step", 5, 1), ("evaluation", 10, 2), ("epoch", 5, 1)]
)
def test_one_may_end_the_training_which_is_then_finished(
    point: str, step: int, epochs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(point, step, "it is enough")
    made = trained(net_of(), tmp_path / "run", callbacks=told, **BOTH)
    assert made is not None
    assert [record.epoch for record in made.records] == [*range(1, epochs + 1)]
    assert made.records[-1].step == step
    assert made.records[-1].validation_loss is not None
    assert find_run(tmp_path / "run").finished
    assert f"by the callback `Told.after_{point}`: it is enough" in capsys.readouterr().err
    again = trained(net_of(), tmp_path / "run", callbacks=told, **BOTH)
    assert again is not None
    assert again.records == made.records
    message = capsys.readouterr().err
    assert "is finished" in message
    assert "force=True" in message
    further = trained(net_of(), tmp_path / "run", force=True, **BOTH)  # what the message advises
    assert further is not None
    assert len(further.records) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("point", "step"), [("step", 3), ("step", 5), ("evaluation", 5), ("epoch", 10)])
def test_one_that_fails_is_named_and_the_run_goes_on_from_there_to_the_bit(
    point: str, step: int, tmp_path: Path
) -> None:
    trained(net_of(), tmp_path / "whole", **BOTH)
    message = rf"the callback `Told.after_{point}` failed after step {step}: ZeroDivisionError: by zero; a checkpoint"
    with pytest.raises(CallbackFailed, match=message) as found:
        trained(net_of(), tmp_path / "run", callbacks=Told(point, step, ZeroDivisionError("by zero")), **BOTH)
    assert isinstance(found.value.__cause__, ZeroDivisionError)
    made = trained(net_of(), tmp_path / "run", **BOTH)
    assert made is not None
    assert whole_state(tmp_path / "whole") == whole_state(tmp_path / "run")


def test_an_answer_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CallbackFailed, match="returns None, or True or a text to end the training, and this one"):
        trained(net_of(), tmp_path / "run", callbacks=lambda _: 0.5, **BOTH)


@pytest.mark.parametrize(
    ("callback", "message"), [(netspec.Callback, "is a class"), (netspec.Callback(), "can do nothing")]
)
def test_what_can_be_no_callback_is_refused(callback: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        trained(net_of(), tmp_path / "run", callbacks=[callback], **BOTH)
