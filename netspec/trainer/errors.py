"""Errors that end a training run early, with the exit status of the command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import torch

from netspec.asked import option
from netspec.diagnostics import Code, NetspecError, ResourceError, UsageError
from netspec.torch.foreign import lacks_memory


class NonFinite(NetspecError):
    """Training computed a value that is not finite. The parameters are those from before that step."""

    exit_status = 4
    code: Code = "not-finite"


class Interrupted(NetspecError):
    """A signal ended the run after a checkpoint was written. `run` is its directory, `step` its optimizer steps,
    `resume` the command that goes on with it, and `by_signal` is False if it was `max_steps` or a callback."""

    exit_status = 75
    code: Code = "run-interrupted"

    def __init__(self, signal: str, run: Path, step: int, resume: str, *, by_signal: bool = False) -> None:
        self.run = run
        self.step = step
        self.by_signal = by_signal
        super().__init__(f"{signal}: stopped after step {step}, checkpoint written; go on with `{resume}`")


class AnotherRun(UsageError):
    """What is to go on with a run differs from what the run was trained with: `path` is its directory, `differences`
    say in what."""

    def __init__(self, path: Path, differences: Sequence[str]) -> None:
        self.path, self.differences = path, tuple(differences)
        super().__init__(
            f"{path} is not this run:\n{self.listed}\n"
            f"resume with what it was trained with, start a new run, or insist with {option('force', True)}"
        )

    @property
    def listed(self) -> str:
        """The differences, a line each."""
        return "\n".join(f"  {text}" for text in self.differences)


class CallbackFailed(UsageError):
    """A callback of the program raised. The state from before it is saved, and the run can go on."""

    code: Code = "callback-failed"


_REFUSALS = (RuntimeError, ValueError, IndexError, ArithmeticError)
"""What torch raises if net, loss and data do not fit together."""
_MISMATCH = "The net, the loss and the data do not go together"


def alike() -> str:
    """The advice for errors of torch in a deterministic run."""
    asked = option("deterministic", True)
    return f"Under {asked} torch refuses what it has no reproducible kernel for: if that is the reason, leave it out"


class Refusals:
    """A reusable context manager that converts torch's errors to a `ResourceError` with context.

    Out-of-memory errors pass, since `setup/memory.py` handles them; so do all errors of a distributed run, since
    `machine/processes.py` recognises the loss of a process by them.

    Args:
        doing: returns what was being done, as the beginning of the message.
        mend: what to do about it, as the end of the message.
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
