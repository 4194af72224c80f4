"""What a finished run gave, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from netspec.trainer.run.records import Record, figure_text


@dataclass(frozen=True)
class RunResult:
    """What a finished run gave."""

    run: Path
    """The run directory."""
    records: list[Record] = field(repr=False)
    """One per epoch."""
    examples_per_second: float
    """Wall time of training with data, evaluation not: of this process, or, if the run was finished, of all epochs."""
    computing_per_second: float | None
    """The same by d2l's timer, which starts when a batch has arrived; None if this process trained nothing."""
    memory: int
    """Peak bytes: on a GPU of its memory, on the CPU of the process."""

    @property
    def line(self) -> str:
        """The last epoch in d2l's words: `loss 0.465, train acc 0.826, test acc 0.800`; the losses of all parts where
        there is no accuracy."""
        last = self.records[-1]
        quantity, word = ("loss", "loss") if last.train_accuracy is None else ("accuracy", "acc")
        measured = {name: getattr(last, f"{name}_{quantity}") for name in ("train", "validation", "test")}
        figures = [f"{name} {word} {figure_text(value, 3)}" for name, value in measured.items() if value is not None]
        return ", ".join(figures if quantity == "loss" else [f"loss {figure_text(last.train_loss, 3)}", *figures])

    @property
    def speed(self) -> str | None:
        """How fast it trained, in at most 80 columns; None if this process trained nothing."""
        if self.computing_per_second is None:
            return None
        return (
            f"{self.examples_per_second:,.1f} examples/sec, waiting for data included; "
            f"{self.computing_per_second:,.1f} by d2l's timer"
        )
