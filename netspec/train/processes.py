"""Several processes, one run: what `torchrun` starts finds its place here.

Each process trains on its share of every global batch; DistributedDataParallel averages the gradients, and each
process weighs its loss by the size of its share, so that the result is that of one process with the whole batch.
BatchNorm sees only its process's share (SyncBatchNorm sees all), and dropout draws differently in each process: there
the result differs by design. The first process alone writes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from netspec.diagnostics import ResourceError, UsageError
from netspec.train.host import floats

TIMEOUT = timedelta(seconds=20)
"""How long a process waits for the others within a run before it gives up; taking the state for a checkpoint stays
below it."""
PATIENCE = timedelta(hours=12)
"""How long it waits while the first one downloads data or writes the report."""
GRACE = 20.0
"""Seconds between a request to end and the end, if the others no longer answer."""


@dataclass(frozen=True)
class World:
    """This process's place among those of the run."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    patient: dist.ProcessGroup | None = None
    """The processes once more, for waiting long: a lost peer is still noticed at once."""

    @property
    def first(self) -> bool:
        """True for the process that writes."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """True if there is only this process."""
        return self.size == 1

    @property
    def shard(self) -> tuple[int, int]:
        """Rank and number of processes, as data splits take them."""
        return self.rank, self.size

    def largest(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The largest of each value over the processes. All must call it."""
        return floats(self.largest_(torch.tensor(values, dtype=torch.float64, device=device)))

    def sum_(self, values: Tensor) -> Tensor:
        """Add up a tensor over the processes, in place."""
        if not self.alone:
            dist.all_reduce(values)
        return values

    def largest_(self, value: Tensor) -> Tensor:
        """The largest over the processes, in place; without a read by the host."""
        if not self.alone:
            dist.all_reduce(value, dist.ReduceOp.MAX)
        return value

    def gather(self, value: Any) -> list[Any]:
        """One value from every process, by rank."""
        if self.alone:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def tell(self, value: Any) -> Any:
        """The first process's value, in all."""
        if self.alone:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def barrier(self) -> None:
        """Wait for all."""
        if not self.alone:
            dist.barrier()

    def wait_for_first(self) -> None:
        """Wait for all, however long the first takes; if it dies, torchrun ends the others."""
        if not self.alone:
            dist.barrier(self.patient)

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The module to call in training: gradients are averaged over the processes as they become ready."""
        if self.alone:
            return model
        return nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


@contextmanager
def world(device: str) -> Generator[tuple[World, str]]:
    """Join the other processes if `torchrun` started this one; gives the place and this process's device.

    Raises:
        UsageError: the environment names more processes on this machine than there are GPUs.
        ResourceError: another process ended or does not answer.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(), device
        return
    rank = int(os.environ["RANK"])
    place = World(rank, size, int(os.environ.get("LOCAL_RANK", rank)))
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        if place.local_rank >= torch.cuda.device_count():
            raise UsageError(
                f"{size} processes, but process {place.rank} finds {torch.cuda.device_count()} GPUs here: "
                "start one process per GPU, or say `--device cpu`"
            )
        device = f"cuda:{place.local_rank}"
        torch.cuda.set_device(place.local_rank)
    os.environ.setdefault("TORCH_NCCL_DUMP_ON_TIMEOUT", "0")  # a minute's dump would outlast what torchrun waits
    bound = torch.device(device) if on_gpu else None
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=TIMEOUT, device_id=bound)
    done = False
    try:
        patient: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        yield replace(place, patient=patient), device
        done = True
    except RuntimeError as error:  # what torch.distributed raises when a peer is gone
        if not isinstance(error, dist.DistError) and not _lost(error):
            raise
        why = f"does not answer within {TIMEOUT.seconds} s" if "imed out" in str(error) else "ended"
        raise ResourceError(
            f"process {place.rank} of {size}: another process {why}; go on from the last checkpoint with `--resume`"
        ) from None
    finally:
        _leave(0 if done else 5)


def _lost(error: RuntimeError) -> bool:
    return any(word in str(error) for word in ("onnection", "gloo", "NCCL", "imed out", "timeout", "peer"))


def _leave(status: int) -> None:
    """Leave the group; a peer that is gone must not hold this process back."""
    end_in(GRACE, status)
    dist.destroy_process_group()


def end_in(seconds: float, status: int) -> None:
    """End this process after so many seconds, whatever it then waits for; if it ends before, nothing happens."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()
