"""Net + recipe → a run directory. torch is imported here and in `netspec.torch` only, and not before it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netspec.trainer.jobs.training import RunResult as RunResult
    from netspec.trainer.jobs.training import train as train


def __getattr__(name: str) -> Any:
    if name in ("RunResult", "train"):
        return getattr(import_module("netspec.trainer.jobs.training"), name)
    raise AttributeError(f"module 'netspec.trainer' has no attribute {name!r}")
