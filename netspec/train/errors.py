"""How a training run ends early. Each error knows the exit status of the command line."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch

from netspec.diagnostics import NetspecError, ResourceError


class NonFinite(NetspecError):
    """Training produced a value that is not finite. The parameters are those from before the step that did."""

    exit_status = 4


class Interrupted(NetspecError):
    """A signal ended the run after a checkpoint was written. `run` is its directory, `step` where it stands."""

    exit_status = 75

    def __init__(self, signal: str, run: Path, step: int) -> None:
        self.run = run
        self.step = step
        super().__init__(
            f"{signal}: stopped after step {step}, checkpoint written; go on with `netspec train --resume {run}`"
        )


REFUSALS = (RuntimeError, ValueError, IndexError, ArithmeticError)
"""What torch raises where a net, a loss and data do not go together."""


def refused(doing: str, error: Exception) -> NetspecError | None:
    """torch's refusal in words; None if the error is another: memory, or a process that is gone."""
    if isinstance(error, (NetspecError, torch.OutOfMemoryError)):
        return None
    if "DefaultCPUAllocator" in str(error):
        return None if "step" in doing else ResourceError(f"{doing}: the machine has no more memory")
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return None
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return ResourceError(f"{doing}: torch refuses it: {reason}. The net, the loss and the data do not go together")


@contextmanager
def refusals(doing: str) -> Generator[None]:
    """Turn torch's refusals into errors that say what was being done."""
    try:
        yield
    except REFUSALS as error:
        told = refused(doing, error)
        if told is None:
            raise
        raise told from error
