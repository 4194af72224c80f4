"""Processes that share a study see each other's trials while they are being made."""

from __future__ import annotations

from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import torch

from netspec.sweeps.running import based
from netspec.sweeps.shared import SharedSweep
from tests.sweeps.test_section import SPEC

_ = torch  # trains


@pytest.fixture
def optuna() -> Any:
    return pytest.importorskip("optuna")


@pytest.mark.parametrize("same", [True, False])
def test_a_trial_is_held_against_an_earlier_one_once_that_has_all_of_its_parameters(
    same: bool, tmp_path: Path, optuna: Any
) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text(SPEC + "  over: {width: [2, 4], kernel: [7, 9]}\n", encoding="utf-8")
    base = based(str(spec), None, {})
    study = optuna.create_study()
    ours = SharedSweep(study, base, base.sweep(), 4, tmp_path, {}, beat=60, retries=1, say=lambda line: None)
    for kernel in (7 if same else 9, 7):
        study.enqueue_trial({"width": 2, "kernel": kernel})
    first, second = study.ask(), study.ask()
    first.suggest_categorical("width", [2, 4])  # another process draws it, and is on its way
    second.suggest_categorical("width", [2, 4])
    second.suggest_categorical("kernel", [7, 9])
    timer = Timer(0.3, first.suggest_categorical, ("kernel", [7, 9]))
    timer.start()
    net = ours._accepted(second)  # pyright: ignore[reportPrivateUsage]  # its one question, without a training
    timer.join()
    assert (net is None) == same
    assert study.trials[1].user_attrs.get("ended") == ("repeated" if same else None)
