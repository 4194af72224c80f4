"""A sample of `python -m tests.nodes` on loopback addresses: two `torchrun`s, of which one is killed and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.trainer.run.records import read_records
from tests.nodes import LOOPBACK, STEPS, Job, alone, difference, killed_and_started_again, prepare
from tests.train.test_survival import free_port


@pytest.mark.slow
def test_a_node_that_is_killed_comes_back_and_two_nodes_end_where_one_process_ends(tmp_path: Path) -> None:
    prepare(tmp_path)
    job = Job(LOOPBACK, "c10d", free_port(), tmp_path, tmp_path / "two", pause=0.1)
    killed_and_started_again(job, rank=1)
    one = alone(tmp_path)
    assert [record.step for record in read_records(job.run)] == [4, 8, 12, 16, STEPS]
    assert difference(one, job.run) < 1e-6
    losses = [[record.train_loss for record in read_records(run)] for run in (one, job.run)]
    assert max(abs(a - b) for a, b in zip(*losses, strict=True)) < 1e-6
