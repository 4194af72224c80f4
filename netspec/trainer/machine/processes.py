"""Distributed training: the processes that `torchrun` starts for one run.

Each process trains on its share of every global batch. DistributedDataParallel averages the gradients, and each process
weights its loss by the size of its share, so the result is that of one process with the whole batch. It differs, by
design, for BatchNorm, which normalises over the share of its process (SyncBatchNorm over the whole batch), and for
dropout, which draws differently in each process. Only the first process writes files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from itertools import count
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from netspec.asked import option
from netspec.diagnostics import ResourceError, UsageError
from netspec.torch.foreign import lost_peer, waited_in_vain
from netspec.trainer.machine.host import floats

TIMEOUT = timedelta(seconds=20)
"""The timeout of collective operations. Copying the state for a checkpoint, which the others wait for, takes less."""
JOINING = timedelta(minutes=5)
"""The timeout of waiting for all processes to have started: a busy file system may take that long to give torch."""
PATIENCE = timedelta(hours=12)
"""The timeout of waiting while the first process downloads data or writes the report."""
GRACE = 20.0
"""Seconds that leaving the process group may take; after that, the process exits."""


@dataclass(frozen=True)
class World:
    """The processes of a run, and this process's rank among them."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    patient: dist.ProcessGroup | None = None
    """A second process group with a long timeout. It still reports the loss of a process at once."""

    @property
    def first(self) -> bool:
        """True for the process with rank 0, which writes files."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """True if there is only this process."""
        return self.size == 1

    @property
    def shard(self) -> tuple[int, int]:
        """Rank and number of processes, the argument `shard` of `Split.batches`."""
        return self.rank, self.size

    def largest(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The element-wise maximum of values over the processes. A collective call."""
        return floats(self.largest_(torch.tensor(values, dtype=torch.float64, device=device)))

    def sum_(self, values: Tensor) -> Tensor:
        """Sum a tensor over the processes, in place. A collective call."""
        if not self.alone:
            dist.all_reduce(values)
        return values

    def largest_(self, value: Tensor) -> Tensor:
        """The maximum of a tensor over the processes, in place and without host synchronisation. A collective call."""
        if not self.alone:
            dist.all_reduce(value, dist.ReduceOp.MAX)
        return value

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank. A collective call."""
        if self.alone:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def tell(self, value: Any) -> Any:
        """Broadcast the first process's value to all. A collective call."""
        if self.alone:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def barrier(self) -> None:
        """Wait for all processes."""
        if not self.alone:
            dist.barrier()

    def wait_for_first(self) -> None:
        """Wait for all processes, up to `PATIENCE` for the first one. If that one dies, torchrun ends the others."""
        if not self.alone:
            dist.barrier(self.patient)

    def wrap(self, model: nn.Module, device: torch.device, *, whole: bool = True) -> nn.Module:
        """The module to call in training: with several processes, wrapped to average the gradients.

        Args:
            model: the model.
            device: the device of this process.
            whole: every parameter has a gradient: no output of the model is left unread.
        """
        if self.alone:
            return model
        devices = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices, find_unused_parameters=not whole)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the first one's values of tensors, in place. A collective call."""
        for tensor in () if self.alone else tensors:
            dist.broadcast(tensor, 0)

    def beside(self, model: nn.Module) -> Callable[..., Any]:
        """What to call in training in the place of a model that averages gradients by itself, since it is divided: as
        with `wrap`, all processes begin with the first one's buffers."""
        buffers = list(model.buffers())

        def forward(*inputs: Tensor) -> Any:
            self.share(buffers)
            return model(*inputs)

        return forward


def speaks() -> bool:
    """True for the process that prints messages: the only one, or the first of those that `torchrun` started."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


@contextmanager
def world(device: str) -> Generator[tuple[World, str]]:
    """Join the process group if `torchrun` started this process. Yields the `World` and this process's device.

    A process group that the program has joined before is used, and not left afterwards.

    Raises:
        UsageError: variables of torchrun are missing or wrong, or there are more processes than GPUs on this machine.
        ResourceError: another process ended or does not respond.
    """
    joined = dist.is_available() and dist.is_initialized()
    place = World(dist.get_rank(), dist.get_world_size(), _local_rank(dist.get_rank())) if joined else _place()
    if place.alone:
        yield place, device
        return
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_gpu and place.local_rank >= torch.cuda.device_count():
        raise UsageError(
            f"{place.size} processes, but process {place.rank} finds {torch.cuda.device_count()} GPUs here: "
            f"start one process per GPU, or say {option('device', 'cpu')}"
        )
    device = f"cuda:{place.local_rank}" if on_gpu else device
    with torch.cuda.device(place.local_rank) if on_gpu else nullcontext():
        if not joined:
            _join(place, device if on_gpu else None)
        yield from _joined(place, device, leaving=not joined)


def _joined(place: World, device: str, *, leaving: bool) -> Generator[tuple[World, str]]:
    """Yield the world, convert the loss of another process to a `ResourceError`, and leave the group at the end."""
    done = False
    try:
        patient: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        yield replace(place, patient=patient), device
        done = True
    except RuntimeError as error:  # the type that torch.distributed raises if a process is lost
        if not lost_peer(error):
            raise
        why = f"does not answer within {TIMEOUT.seconds} s" if waited_in_vain(error) else "ended"
        raise ResourceError(
            f"process {place.rank} of {place.size}: another process {why}; go on from the last checkpoint with "
            f"{option('resume')}"
        ) from None
    finally:
        if leaving:
            _leave(0 if done else 5)


_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def _place() -> World:
    """The world by the environment variables of `torchrun`.

    Raises:
        UsageError: variables are missing or wrong.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return World()
    if missing := [name for name in _NEEDED if not os.environ.get(name)]:
        raise UsageError(
            f"the environment says WORLD_SIZE={os.environ['WORLD_SIZE']}, but has no {', '.join(missing)}: "
            "start the processes with `torchrun`, which sets them all, or unset WORLD_SIZE to train in one"
        )
    rank, size = _number("RANK"), _number("WORLD_SIZE")
    if rank >= size:
        raise UsageError(f"the environment says RANK={rank}, but WORLD_SIZE={size}: ranks go from 0 to {size - 1}")
    return World(rank, size, _local_rank(rank))


def _local_rank(rank: int) -> int:
    return _number("LOCAL_RANK") if os.environ.get("LOCAL_RANK") else rank


def _number(name: str) -> int:
    text = os.environ[name]
    if not text.isdecimal():
        raise UsageError(f"the environment says {name}={text!r}, which is no number: `torchrun` sets it, or unset it")
    return int(text)


_joins = count()


@lru_cache(maxsize=1)
def _store(address: str, port: str, rank: int, size: int) -> Any:
    """Where processes meet, by the environment; the arguments say which one is kept."""
    torch_distributed: Any = dist
    return next(torch_distributed.rendezvous("env://", rank, size, timeout=JOINING))[0]


def _join(place: World, gpu: str | None) -> None:
    """Initialise the process group.

    The store is kept for a program that joins several times: another process may be there for the next group while this
    one still leaves the last, and if the store went with that, so would what the other has said. Its keys have a prefix
    per call, so that keys of an earlier group are not read.

    Raises:
        ResourceError: another process has not started in time, or the address cannot be reached.
    """
    os.environ.setdefault("TORCH_NCCL_DUMP_ON_TIMEOUT", "0")  # a dump takes a minute, longer than torchrun waits
    torch_distributed: Any = dist  # its types lack documented functions
    number = next(_joins)
    try:
        kept = _store(os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"], place.rank, place.size)
        store = torch_distributed.PrefixStore(f"netspec/{number}", kept)
        store.set(f"here/{place.rank}", "")
        store.wait([f"here/{rank}" for rank in range(place.size)], JOINING)
    except torch_distributed.DistError as error:
        _store.cache_clear()
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        why = next(iter(str(error).splitlines()), "")
        raise ResourceError(
            f"process {place.rank} of {place.size}: not all processes have met at {where} within "
            f"{JOINING.seconds // 60} minutes ({why}); "
            "see that each machine runs its `torchrun` and reaches that address"
        ) from None
    backend, bound = ("gloo", None) if gpu is None else ("nccl", torch.device(gpu))
    dist.init_process_group(
        backend, store=store, rank=place.rank, world_size=place.size, timeout=TIMEOUT, device_id=bound
    )


def _leave(status: int) -> None:
    """Leave the process group. If that blocks, as it may after the loss of a process, exit with `status`."""
    timer = threading.Timer(GRACE, os._exit, (status,))
    timer.daemon = True
    timer.start()
    dist.destroy_process_group()
    timer.cancel()
    timer.join()
