"""The result of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from netspec.trainer.run.records import Record, figure_text


@dataclass(frozen=True)
class RunResult:
    """The result of a training run."""

    run: Path
    """The run directory."""
    records: list[Record] = field(repr=False)
    """One per epoch."""
    examples_per_second: float
    """By the wall time of training, waiting for data included, evaluation not. Measured in this process; over all
    epochs if the run was finished before."""
    computing_per_second: float | None
    """By d2l's timer, which starts when a batch has arrived; None if this process did not train."""
    memory: int
    """Peak memory in bytes: of the GPU, or of the process on a CPU."""

    @property
    def line(self) -> str:
        """The last epoch as d2l prints it: `loss 0.465, train acc 0.826, test acc 0.800`; without accuracies, the
        losses of all splits, and of text the perplexities."""
        last = self.records[-1]
        quantity = last.quantity
        word = "acc" if quantity == "accuracy" else quantity
        measured = {name: last.figure(f"{name}_{quantity}") for name in ("train", "validation", "test")}
        figures = [f"{name} {word} {figure_text(value, 3)}" for name, value in measured.items() if value is not None]
        return ", ".join(figures if quantity == "loss" else [f"loss {figure_text(last.train_loss, 3)}", *figures])

    @property
    def speed(self) -> str | None:
        """The speed as text of at most 80 columns; None if this process did not train."""
        if self.computing_per_second is None:
            return None
        return (
            f"{self.examples_per_second:,.1f} examples/sec, waiting for data included; "
            f"{self.computing_per_second:,.1f} by d2l's timer"
        )
