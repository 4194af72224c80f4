"""The result of a training run."""

from __future__ import annotations

from collections.abc import Sequence
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
    best_epoch: int | None = None
    """The epoch, from 1, of the weights in `model.safetensors`, which are the best; None where they are the last."""

    @property
    def line(self) -> str:
        """The last epoch as d2l prints it: `loss 0.465, train acc 0.826, test acc 0.800`; without accuracies, the
        losses of all splits, and of text the perplexities."""
        last = self.records[-1]
        figures = _figures(last, ("train", "validation", "test"))
        return figures if last.quantity == "loss" else f"loss {figure_text(last.train_loss, 3)}, {figures}"

    @property
    def best_line(self) -> str | None:
        """What was measured with the best weights, where they are not those of the last epoch: `best weights, of epoch
        3: validation acc 0.933, test acc 0.917`; else None."""
        best = next((record for record in self.records[:-1] if record.epoch == self.best_epoch), None)
        return (
            None if best is None else f"best weights, of epoch {best.epoch}: {_figures(best, ('validation', 'test'))}"
        )

    @property
    def speed(self) -> str | None:
        """The speed as text of at most 80 columns; None if this process did not train."""
        if self.computing_per_second is None:
            return None
        return (
            f"{self.examples_per_second:,.1f} examples/sec, waiting for data included; "
            f"{self.computing_per_second:,.1f} by d2l's timer"
        )


def _figures(record: Record, parts: Sequence[str]) -> str:
    quantity = record.quantity
    word = "acc" if quantity == "accuracy" else quantity
    measured = {name: record.figure(f"{name}_{quantity}") for name in parts}
    return ", ".join(f"{name} {word} {figure_text(value, 3)}" for name, value in measured.items() if value is not None)
