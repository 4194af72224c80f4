"""Train a net by its recipe into a run directory.

torch is imported in this package and in `netspec.torch` only; `__getattr__` delays it to the first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netspec.trainer.jobs.training import train as train
    from netspec.trainer.loop.callbacks import Callback as Callback
    from netspec.trainer.loop.callbacks import Event as Event
    from netspec.trainer.run.result import RunResult as RunResult
    from netspec.trainer.trained.opened import OpenedRun as OpenedRun
    from netspec.trainer.trained.opened import open_run as open_run

_OFFERED = {
    "Callback": "netspec.trainer.loop.callbacks",
    "Event": "netspec.trainer.loop.callbacks",
    "OpenedRun": "netspec.trainer.trained.opened",
    "RunResult": "netspec.trainer.run.result",
    "open_run": "netspec.trainer.trained.opened",
    "train": "netspec.trainer.jobs.training",
}


def __getattr__(name: str) -> Any:
    if name in _OFFERED:
        return getattr(import_module(_OFFERED[name]), name)
    raise AttributeError(f"module 'netspec.trainer' has no attribute {name!r}")
