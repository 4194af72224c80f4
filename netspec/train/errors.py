"""How a training run ends early. Each error knows the exit status of the command line."""

from __future__ import annotations

from pathlib import Path

from netspec.diagnostics import NetspecError


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
