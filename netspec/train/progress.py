"""What a person sees while a net trains: a bar on a terminal, one line per epoch elsewhere, nothing with `-q`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from netspec.train.metrics import Score
from netspec.train.notebook import Notebook, in_notebook
from netspec.train.pace import PER_SECOND, Pace
from netspec.train.records import Record

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Reporter(Protocol):
    """Follows a run. Every method returns at once."""

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """The run starts or resumes in `epoch` (from 0): that many epochs of so many steps and examples."""
        ...

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """`step` steps of this epoch are done; `examples` since the process started."""
        ...

    def epoch(self, record: Record) -> None:
        """An epoch is done."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        ...

    def end(self) -> None:
        """Nothing more comes."""
        ...


class Quiet:
    """Says nothing but warnings."""

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Nothing."""

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """Nothing."""

    def epoch(self, record: Record) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """A line on standard error."""
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nothing."""


class Lines(Quiet):
    """One line per epoch on standard output; warnings on standard error."""

    def epoch(self, record: Record) -> None:
        """The record on a line."""
        print(record.line, flush=True)


class Bar:
    """A bar for the epoch: loss, accuracy, examples/s, time left for the run, memory; a line per epoch above it."""

    def __init__(self, memory: Callable[[], str]) -> None:
        self._pace = Pace(memory)
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Show the bar."""
        from rich.console import Console  # a run without a terminal never needs it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._pace.begin(epochs, steps, examples, epoch)
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[facts]}"),
            console=Console(stderr=True), transient=True, refresh_per_second=PER_SECOND,
        )  # fmt: skip
        self._task = self._progress.add_task(self._pace.title, total=steps, facts="")
        self._progress.start()

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """Move the bar, a few times a second at most."""
        if self._progress is not None and self._task is not None and self._pace.due():
            self._progress.update(self._task, completed=step, facts=self._pace.facts(step, score(), examples))

    def epoch(self, record: Record) -> None:
        """Put a line above the bar and start it anew."""
        self._pace.epoch = record.epoch
        if self._progress is not None and self._task is not None:
            self._progress.console.print(record.line, highlight=False)
            self._progress.reset(self._task, total=self._pace.steps, description=self._pace.title, facts="")

    def note(self, text: str) -> None:
        """Put the text above the bar."""
        if self._progress is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._progress.console.print(text, highlight=False, markup=False)

    def end(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()


def choose_reporter(memory: Callable[[], str], quiet: bool) -> Reporter:
    """Nothing if `quiet`, the notebook's bar and curves in one, a bar where standard error is a terminal, else lines.

    Args:
        memory: gives the peak memory in words.
        quiet: show nothing but warnings.
    """
    if quiet:
        return Quiet()
    if in_notebook():
        return Notebook(memory)
    return Bar(memory) if sys.stderr.isatty() else Lines()
