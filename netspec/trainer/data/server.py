"""The server that forks worker processes, without the program around: only where there is such a server."""

from __future__ import annotations

import sys
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from netspec.trainer.machine.signals import held


class Worker(ForkServerProcess):
    """A process that knows nothing of the program around: imported once more, one without the customary
    `if __name__ == "__main__"` would begin to train in each worker."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # the name is multiprocessing's
        _start()
        program, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process_obj)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]  # left untyped
        finally:
            sys.modules["__main__"] = program


class Server(ForkServerContext):
    """Where such processes are started."""

    Process = Worker


def start_server(preload: list[str]) -> Server:
    """The server, running.

    Args:
        preload: modules that it imports once, for all processes that it forks.
    """
    context = Server()
    context.set_forkserver_preload(preload)
    _start()
    return context


def _start() -> None:
    """Start what runs beside the workers, unless it runs: the tracker of Python's own and the server.

    They must outlive a signal that is sent to all processes of the run. With the server the workers would be lost to
    the process that trains, and with the tracker the names of what they share, while a checkpoint is still to come.
    """
    with held():
        resource_tracker.ensure_running()  # which, having started, lifts this hold in part
    with held():
        forkserver.ensure_running()
