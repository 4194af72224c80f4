"""A fork server for worker processes that does not import the user's program. On systems with `forkserver` only.

multiprocessing's fork server is a process that forks on request. Two of its defaults are changed here: workers do not
import the main module, and neither the server nor the resource tracker is ended by the signals that stop a run.
"""

from __future__ import annotations

import sys
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from netspec.trainer.machine.signals import held


class Worker(ForkServerProcess):
    """A worker process with an empty main module.

    multiprocessing imports the main module again in each worker. A script without `if __name__ == "__main__":` would
    then start training in every worker.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # the name is multiprocessing's
        _start()  # the server may have been ended since the last worker
        program, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process_obj)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]  # left untyped
        finally:
            sys.modules["__main__"] = program


class Server(ForkServerContext):
    """The multiprocessing context whose processes are `Worker`s."""

    Process = Worker


def start_server(preload: list[str]) -> Server:
    """Start the fork server, and return its context.

    Args:
        preload: modules that the server imports once; workers inherit them by the fork.
    """
    context = Server()
    context.set_forkserver_preload(preload)
    _start()
    return context


def _start() -> None:
    """Start Python's resource tracker and the fork server with the stopping signals blocked, unless they run.

    Children inherit the blocked signals. A terminal sends Ctrl-C to all processes of a run, but the one that trains
    still finishes its step and writes a checkpoint: until then it needs its workers, which depend on the server, and
    the shared memory of their batches, which the tracker would remove when it ends.
    """
    with held():
        resource_tracker.ensure_running()  # unblocks some of the signals after the start, hence two blocks
    with held():
        forkserver.ensure_running()
