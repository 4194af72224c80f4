"""How a training run ends early. Each error knows the exit status of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import torch

from netspec.diagnostics import Code, NetspecError, ResourceError
from netspec.torch.foreign import lacks_memory


class NonFinite(NetspecError):
    """Training produced a value that is not finite. The parameters are those from before the step that did."""

    exit_status = 4
    code: Code = "not-finite"


class Interrupted(NetspecError):
    """A signal ended the run after a checkpoint was written. `run` is its directory, `step` where it stands."""

    exit_status = 75
    code: Code = "run-interrupted"

    def __init__(self, signal: str, run: Path, step: int) -> None:
        self.run = run
        self.step = step
        super().__init__(
            f"{signal}: stopped after step {step}, checkpoint written; go on with `netspec train --resume {run}`"
        )


_REFUSALS = (RuntimeError, ValueError, IndexError, ArithmeticError)
"""What torch raises where a net, a loss and data do not go together."""
_MISMATCH = "The net, the loss and the data do not go together"
ALIKE = (
    "Under `--deterministic` torch refuses what it has no reproducible kernel for: if that is the reason, leave "
    "`--deterministic` out"
)
"""What to do about a refusal in a run that is to give the same bits every time."""


class Refusals:
    """Turns torch's refusals into errors that say what was being done; to be entered again and again.

    Left alone are a lack of memory, which has words of its own, and what comes of a process that is gone.

    Args:
        doing: gives what was being done, as the beginning of the message.
        mend: what to do about it, as its end.
    """

    def __init__(self, doing: Callable[[], str], mend: str = _MISMATCH) -> None:
        self._doing, self._mend = doing, mend

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not isinstance(error, _REFUSALS) or isinstance(error, NetspecError) or lacks_memory(error):
            return
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ResourceError(f"{self._doing()}: torch refuses it: {reason}. {self._mend}") from error
