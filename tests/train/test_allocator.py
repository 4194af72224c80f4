"""Freed memory is used again while training and given back afterwards."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import nullcontext

import pytest

from netspec.trainer.machine.processes import World
from netspec.trainer.setup import memory
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.train.small_runs import PLAIN, small_net

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")

PROGRAM = """
import resource, torch
from netspec.trainer.machine.allocator import kept_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20

def faults(size):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(size << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with kept_memory():
    faults(200)
    print(faults(200), resident())
print(faults(200), resident())
"""


def test_memory_is_kept_only_where_there_is_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = assemble(small_net(PLAIN), Options(), World(), "cpu")
    needed = memory.estimated(trainer, trainer.recipe.batch_size)
    for available, kept in ((2 * needed - 1, False), (2 * needed + 1, True)):
        monkeypatch.setattr(memory, "device_memory", lambda _, available=available: available)
        assert isinstance(memory.spare_memory(trainer), nullcontext) is not kept


@pytest.mark.slow
def test_large_tensors_meet_no_new_pages_within_and_are_given_back_after() -> None:
    """In a process of its own, since the settings are the process's."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    (within, held), (after, left) = ([int(word) for word in line.split()] for line in done.stdout.splitlines())
    pages = 10 * 200 * 2**20 // 4096
    assert within < 0.01 * pages < 0.05 * pages < after  # huge pages make several faults one
    assert held - left > 150  # MiB
