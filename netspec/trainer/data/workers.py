"""Worker processes that decode examples ahead of time: how they start and end, and errors if one is lost.

They are forked from a separate server process, since forking a process with CUDA or threads can deadlock. The server is
their parent in the operating system, so they are not told when the training process is killed. Each worker therefore
waits in a thread for the end of the training process; the server ends with its last worker.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any, TypeVar, cast

from torch import Tensor
from torch.utils.data import get_worker_info

from netspec.asked import option
from netspec.diagnostics import ResourceError
from netspec.trainer.machine.allocator import keep_memory
from netspec.trainer.machine.signals import STOPPING

T = TypeVar("T")


def _without() -> str:
    return f"{option('workers', 0)} decodes in the process that trains"


def worker_context() -> BaseContext:
    """The multiprocessing context of workers: on Linux a fork server that has imported torch and the loader once."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from netspec.trainer.data.server import start_server  # imports modules that other systems lack

    return start_server(["netspec.trainer.data.streamed"])


def begin_worker(_number: int) -> None:
    """Initialise a worker: ignore the signals that stop a run, watch the training process, and use freed memory again:
    a fifth of the time of a photograph went into fresh pages.

    Such signals are sent to all processes of a run. The training process handles them, and still needs examples up to
    the end of its step.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_memory()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()  # waits for the end of a pipe, which the system closes however the process ends
    os._exit(1)


def shared(batch: T, tensors: Sequence[Tensor]) -> T | str:
    """Move the tensors of a batch to shared memory, in a worker.

    The DataLoader's queue would do this in a thread of the worker, where a lack of shared memory is only logged, and
    the training process would wait for the batch forever.

    Returns:
        The batch, or a message if it does not fit into shared memory. In the training process, the batch unchanged.
    """
    if get_worker_info() is None:
        return batch
    try:
        for tensor in tensors:
            tensor.share_memory_()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
    except (RuntimeError, OSError) as error:
        size = sum(tensor.nbytes for tensor in tensors)
        return NoRoom(
            f"a batch of {size:,} bytes does not fit into the shared memory through which worker processes "
            f"send it ({str(error).splitlines()[0]}); make /dev/shm larger, or do without workers"
        )
    return batch


class NoRoom(str):
    """What a worker says of a batch that does not fit into shared memory."""


def from_worker(message: str) -> str:
    """What a worker says, for whoever started the run, of whom a worker knows nothing."""
    return f"{message}: {_without()}" if isinstance(message, NoRoom) else message


@contextmanager
def losses(iterator: Iterable[Any] | None) -> Generator[None]:
    """Convert the loss of a worker, or a failure to start one, to a `ResourceError` with the reason.

    Args:
        iterator: the loader's iterator, which has the workers; None before it exists.

    Raises:
        ResourceError: a worker ended, or the system refused to start one.
    """
    try:
        yield
    except (OSError, EOFError, RuntimeError) as error:
        codes = [code for code in _exit_codes(iterator) if code is not None]
        if codes:
            how = ", ".join(sorted({_ending(code) for code in codes}))
            raise ResourceError(
                f"a worker process that decodes examples ended: {how}. Where memory is short, fewer "
                f"{option('workers')} need less; {_without()}"
            ) from error
        if isinstance(error, RuntimeError):
            raise
        raise ResourceError(
            f"worker processes cannot be used ({error or type(error).__name__}); {_without()}"
        ) from error


def _exit_codes(iterator: Iterable[Any] | None) -> list[int | None]:
    workers = cast("list[Any]", getattr(iterator, "_workers", []))  # there is no public attribute
    wait([worker.sentinel for worker in workers], timeout=1.0)  # its pipe may break before its exit code is known
    return [worker.exitcode for worker in workers]


def _ending(code: int) -> str:
    """An exit code as text: `with status 1`, `killed by SIGKILL`."""
    if code >= 0:
        return f"with status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
