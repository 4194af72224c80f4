"""Worker processes that decode examples ahead of time: how they start, what ends them, and what becomes of their loss.

They are forked from a clean server process, since a fork of one with CUDA or threads may hang. The server is their
parent, so neither it nor they would notice that the process which trains has been killed: each worker waits for the
end of that one by itself, and the server ends with its last worker.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any, cast

from torch import Tensor
from torch.utils.data import get_worker_info

from netspec.diagnostics import ResourceError
from netspec.trainer.machine.signals import STOPPING

_WITHOUT = "`--workers 0` decodes in the process that trains"


def worker_context() -> BaseContext:
    """How worker processes start: forked from a server that has imported the loader and torch once."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from netspec.trainer.data.server import start_server  # what it is made of is not there on other systems

    return start_server(["netspec.trainer.data.streamed"])


def begin_worker(_number: int) -> None:
    """The first thing that a worker does.

    What is sent to all processes of the run is answered by the one that trains, which still wants examples up to the
    end of its step.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()  # its end of a pipe is closed by the system, however it ends
    os._exit(1)


def shared(batch: Tensor) -> Tensor | str:
    """A batch where other processes can read it, or why it cannot be there; in the process that trains, the batch.

    Left to the queue, a lack of shared memory would show in a thread of the worker, and the batch be waited for for
    ever.
    """
    if get_worker_info() is None:
        return batch
    try:
        batch.share_memory_()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
        return batch
    except (RuntimeError, OSError) as error:
        return (
            f"a batch of {batch.nbytes:,} bytes does not fit into the shared memory through which worker processes "
            f"send it ({str(error).splitlines()[0]}); make /dev/shm larger, or do without workers: {_WITHOUT}"
        )


@contextmanager
def losses(iterator: Iterable[Any] | None) -> Generator[None]:
    """Turn the loss of a worker, or the failure to start one, into an error that says what happened.

    Args:
        iterator: the loader's, which knows its workers; None while it is made.

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
                f"a worker process that decodes examples ended: {how}. Where memory is short, fewer `--workers` need "
                f"less; {_WITHOUT}"
            ) from error
        if isinstance(error, RuntimeError):
            raise
        raise ResourceError(f"worker processes cannot be used ({error or type(error).__name__}); {_WITHOUT}") from error


def _exit_codes(iterator: Iterable[Any] | None) -> list[int | None]:
    workers = cast("list[Any]", getattr(iterator, "_workers", []))  # the loader tells no other way
    wait([worker.sentinel for worker in workers], timeout=1.0)  # what a worker sent may break off before it has ended
    return [worker.exitcode for worker in workers]


def _ending(code: int) -> str:
    """An exit code in words: `killed by SIGKILL`."""
    if code >= 0:
        return f"with status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
