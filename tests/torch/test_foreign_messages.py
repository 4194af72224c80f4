"""The words of torch's messages that netspec looks for, as torch says them: a release that changes one fails here.

libyaml's messages are in `test_syntax.py`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from netspec.torch.foreign import holds_objects, lacks_host_memory, lacks_memory, lost_peer, waited_in_vain


def test_the_allocator_of_the_cpu_calls_itself_by_its_name() -> None:
    """By it a lack of memory is told from other faults: in training, and where a module is made."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert lacks_host_memory(caught.value)
    assert lacks_memory(caught.value)


def test_a_file_of_objects_is_told_from_one_that_is_damaged(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1), "path": tmp_path}, tmp_path / "objects.pt")
    (tmp_path / "damaged.pt").write_bytes((tmp_path / "objects.pt").read_bytes()[:200])
    for name, objects in (("objects.pt", True), ("damaged.pt", False)):
        with pytest.raises(Exception) as caught:  # whatever torch raises: its class says nothing
            torch.load(tmp_path / name, weights_only=True)
        assert holds_objects(caught.value) == objects


PEERS = """
import os, sys
from datetime import timedelta
import torch
import torch.distributed as dist

rank, how, meeting = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2, timeout=timedelta(minutes=5))
dist.barrier()
group = dist.new_group(timeout=timedelta(seconds=5 if how == "silent" else 300))
if rank == 1:
    if how == "silent":
        sys.stdin.read()  # until the other has given up
    os._exit(0)
try:
    dist.all_reduce(torch.zeros(3), group=group)
except RuntimeError as error:
    print(error, flush=True)
    os._exit(0)  # leaving the group would wait for the other
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "late"), [("gone", False), ("silent", True)])
def test_a_peer_that_is_gone_or_silent_is_told_in_the_words_that_are_looked_for(
    how: str, late: bool, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PEERS]
    with subprocess.Popen([*command, "1", how, str(tmp_path / "meeting")], stdin=subprocess.PIPE):
        run = subprocess.run(
            [*command, "0", how, str(tmp_path / "meeting")], capture_output=True, text=True, check=True
        )
    assert run.stdout
    assert lost_peer(RuntimeError(run.stdout))
    assert waited_in_vain(RuntimeError(run.stdout)) == late
