"""The server that forks worker processes, without the program around: only where there is such a server."""

from __future__ import annotations

import sys
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any


class Worker(ForkServerProcess):
    """A process that knows nothing of the program around: imported once more, one without the customary
    `if __name__ == "__main__"` would begin to train in each worker."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # the name is multiprocessing's
        program, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process_obj)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]  # left untyped
        finally:
            sys.modules["__main__"] = program


class Server(ForkServerContext):
    """Where such processes are started."""

    Process = Worker
