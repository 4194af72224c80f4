"""Processes that train several times meet each time, although one is there before the other has left."""

from __future__ import annotations

import os
from pathlib import Path

from tests import forking
from tests.train.test_survival import free_port

ROOT = Path(__file__).parents[2]

RANKS = """
import os, sys, time
from netspec.trainer.machine import processes

rank = 1 if os.fork() == 0 else 0
os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
leave = processes._leave

def late(status):
    time.sleep(0.5)  # the other one comes to the next meeting before this one has left the last
    leave(status)

if rank == 0:
    processes._leave = late

def meet(number):
    with processes.world("cpu") as (place, _):
        assert place.gather(number) == [number, number]

for number in range(3):
    meet(number)
if rank == 0:
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_process_that_is_early_at_the_next_meeting_waits_for_the_other() -> None:
    """It reached the place of the last one, which went when the other left, and with it that this one was there."""
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    done = forking.run("-c", RANKS, cwd=ROOT, env=os.environ | world | {"PYTHONPATH": str(ROOT)}, torch=True)
    assert done.returncode == 0, done.stdout + done.stderr
