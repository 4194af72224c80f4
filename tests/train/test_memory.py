"""Running out of memory ends with figures and a batch that fits; it never changes the recipe."""

from __future__ import annotations

import re

import pytest
import torch

from netspec.diagnostics import ResourceError
from netspec.trainer.machine.processes import World
from netspec.trainer.setup import memory
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import estimated, largest_batch, out_of_memory
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from tests.train.small_runs import PLAIN, small_net


@pytest.fixture
def trainer() -> Trainer:
    """A run with batches of 32 of 36 examples."""
    return assemble(small_net(PLAIN, batch_size=32), Options(), World(), "cpu")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["python", "gpu", "cpu"],
)
def test_the_message_has_the_estimate_the_measured_figure_and_a_batch_that_fits(
    error: BaseException, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = estimated(trainer, 8)
    monkeypatch.setattr(memory, "device_memory", lambda _: int(room / 0.9) + 1)
    with pytest.raises(ResourceError) as told, out_of_memory(trainer):
        raise error
    assert told.value.exit_status == 5
    assert re.search(r"a batch of 32 needs about [\d.,]+ [KM]iB by estimate, [\d.,]+ [MG]iB of", str(told.value))
    assert "`set={'train.batch_size': 8}` should fit; with `set={'train.accumulate': 4}`" in str(told.value)


def test_a_batch_that_failed_is_never_proposed_again(trainer: Trainer) -> None:
    assert largest_batch(trainer, 2**50) == 16


def test_a_net_that_cannot_fit_is_said_to(trainer: Trainer) -> None:
    assert largest_batch(trainer, 100) == 0


def test_other_errors_pass(trainer: Trainer) -> None:
    with pytest.raises(RuntimeError, match="shapes"), out_of_memory(trainer):
        raise RuntimeError("shapes differ")


def test_memory_that_runs_out_while_training_is_caught(trainer: Trainer, tmp_path: object) -> None:
    """For real: a tensor that no machine has room for."""
    with pytest.raises(ResourceError, match="out of memory on cpu"), out_of_memory(trainer):
        torch.empty(2**60, dtype=torch.uint8)
