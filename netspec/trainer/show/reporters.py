"""Reporters show the progress of training: a bar on a terminal, else one line per epoch, nothing with `-q`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from netspec.trainer.measure.metrics import Scores
from netspec.trainer.run.records import Record
from netspec.trainer.show.notebook import Notebook, in_notebook
from netspec.trainer.show.pace import PER_SECOND, Pace

if TYPE_CHECKING:
    from rich.progress import BarColumn, Progress, TaskID

_WITH_COUNTER = 70
"""The least width of a terminal, in columns, for which the bar shows the number of the step."""


class Reporter(Protocol):
    """Is notified of the events of a run. No method may block, since the training loop calls them."""

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Training starts or resumes.

        Args:
            epochs: the epochs of the whole run.
            steps: the optimizer steps of an epoch.
            examples: the examples of an epoch.
            epoch: the epoch to begin with, from 0.
        """
        ...

    def step(self, step: int, score: Callable[[], Scores], examples: int) -> None:
        """Some steps are done. Not called after each step.

        Args:
            step: the steps of this epoch that are done.
            score: returns the metrics of the epoch so far.
            examples: the examples since the process started.
        """
        ...

    def doing(self, what: str) -> None:
        """A longer activity between epochs begins: `evaluating test`."""
        ...

    def epoch(self, record: Record) -> None:
        """An epoch is done and recorded."""
        ...

    def note(self, text: str) -> None:
        """A message for the user."""
        ...

    def end(self) -> None:
        """The run has ended."""
        ...


def say(text: str, stream: TextIO | None) -> None:
    """Print a line. Errors are ignored, since a closed pipe or a full disk for messages must not end a run."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            print(text, file=stream, flush=True)


class Quiet:
    """A `Reporter` that prints notes and nothing else."""

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Not shown."""

    def step(self, step: int, score: Callable[[], Scores], examples: int) -> None:
        """Not shown."""

    def doing(self, what: str) -> None:
        """Not shown."""

    def epoch(self, record: Record) -> None:
        """Not shown."""

    def note(self, text: str) -> None:
        """Print the message on standard error."""
        say(text, sys.stderr)

    def end(self) -> None:
        """No output to finish."""


class Lines(Quiet):
    """A `Reporter` that prints one line per epoch on standard output, and notes on standard error.

    Args:
        followed: the figure that the best epoch is chosen by, for the lines.
    """

    def __init__(self, followed: str = "") -> None:
        self._followed = followed

    def epoch(self, record: Record) -> None:
        """Print the record as a line."""
        say(record.line_for(self._followed), sys.stdout)


class Bar:
    """A `Reporter` with a progress bar for the epoch on standard error, and a line per finished epoch above it.

    Beside the bar are loss, accuracy, speed, remaining time and memory, as many as fit. The width of the bar depends on
    the terminal only and not on the texts, so that it does not change while they do.
    """

    def __init__(self, memory: Callable[[], str], followed: str = "") -> None:
        self._pace, self._followed = Pace(memory), followed
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._bar: BarColumn | None = None

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Show the bar."""
        from rich.console import Console  # imported here, since only a run on a terminal needs it
        from rich.progress import BarColumn, Progress, TextColumn

        self._pace.begin(epochs, steps, examples, epoch)
        self._bar = BarColumn()
        self._progress = Progress(
            TextColumn("{task.description}"), self._bar, TextColumn("{task.fields[facts]}", markup=False),
            console=Console(stderr=True), transient=True, refresh_per_second=PER_SECOND,
        )  # fmt: skip
        self._task = self._progress.add_task(self._pace.title, total=steps, facts="")
        self._show(0, lambda _: "")
        self._progress.start()

    def step(self, step: int, score: Callable[[], Scores], examples: int) -> None:
        """Update the bar, at most `PER_SECOND` times a second."""
        if self._pace.due():
            self._show(step, lambda room: self._pace.facts(step, score(), examples, room))

    def doing(self, what: str) -> None:
        """Show a full bar with a text beside it."""
        self._show(self._pace.steps, lambda _: what)
        if self._progress is not None:
            self._progress.refresh()  # the activity may hold the GIL, so that the thread of `rich` cannot refresh

    def _show(self, step: int, facts: Callable[[int], str]) -> None:
        """Set the bar to a step; `facts` returns the text beside it, given the number of characters that fit."""
        if self._progress is None or self._task is None or self._bar is None:
            return
        width = self._progress.console.width
        count = f"{step:>{len(str(self._pace.steps))}}/{self._pace.steps} " if width >= _WITH_COUNTER else ""
        self._bar.bar_width = min(40, max(10, width // 7))
        room = width - len(self._pace.title) - 1 - self._bar.bar_width - 1 - len(count)
        self._progress.update(self._task, completed=step, facts=count + facts(room))

    def epoch(self, record: Record) -> None:
        """Print the record above the bar, and reset the bar."""
        self._pace.epoch = record.epoch
        if self._progress is not None and self._task is not None:
            self._progress.console.print(record.line_for(self._followed), highlight=False)
            self._progress.update(self._task, description=self._pace.title)
            self._show(0, lambda _: "")

    def note(self, text: str) -> None:
        """Print the message above the bar."""
        if self._progress is None:
            say(text, sys.stderr)
        else:
            self._progress.console.print(text, highlight=False, markup=False)

    def end(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()


def choose_reporter(memory: Callable[[], str], quiet: bool, followed: str = "") -> Reporter:
    """The reporter for the environment: a notebook's output, a bar if standard error is a terminal, else lines.

    Args:
        memory: returns the peak memory as text.
        quiet: use `Quiet` in any case.
        followed: the figure that the best epoch is chosen by.
    """
    if quiet:
        return Quiet()
    if in_notebook():
        return Notebook(memory, followed)
    stderr: TextIO | None = sys.stderr  # None if it is closed
    return Bar(memory, followed) if stderr is not None and stderr.isatty() else Lines(followed)
