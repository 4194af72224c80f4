"""What a person sees while a net trains: a bar on a terminal, one line per epoch elsewhere, nothing with `-q`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from netspec.trainer.measure.metrics import Score
from netspec.trainer.run.records import Record
from netspec.trainer.show.notebook import Notebook, in_notebook
from netspec.trainer.show.pace import PER_SECOND, Pace

if TYPE_CHECKING:
    from rich.progress import BarColumn, Progress, TaskID

_WITH_COUNTER = 70
"""Columns from which on the bar says the number of the step too."""


class Reporter(Protocol):
    """Follows a run. Every method returns at once."""

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """The run starts or resumes in `epoch` (from 0): that many epochs of so many steps and examples."""
        ...

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """`step` steps of this epoch are done; `examples` since the process started."""
        ...

    def doing(self, what: str) -> None:
        """All steps of the epoch are done, and what comes now takes a while: `evaluating test`."""
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


def say(text: str, stream: TextIO | None) -> None:
    """A line for whoever reads the stream; a run goes on where nobody can, or where what is told finds no room."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            print(text, file=stream, flush=True)


class Quiet:
    """Says nothing but warnings."""

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Nothing."""

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """Nothing."""

    def doing(self, what: str) -> None:
        """Nothing."""

    def epoch(self, record: Record) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """A line on standard error."""
        say(text, sys.stderr)

    def end(self) -> None:
        """Nothing."""


class Lines(Quiet):
    """One line per epoch on standard output; warnings on standard error."""

    def epoch(self, record: Record) -> None:
        """The record on a line."""
        say(record.line, sys.stdout)


class Bar:
    """A bar for the epoch: loss, accuracy, examples/s, time left for the run, memory; a line per epoch above it.

    The bar is as wide as the terminal tells, whatever stands beside it, so that it never jumps; of the facts there are
    as many as fit.
    """

    def __init__(self, memory: Callable[[], str]) -> None:
        self._pace = Pace(memory)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._bar: BarColumn | None = None

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Show the bar."""
        from rich.console import Console  # a run without a terminal never needs it
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

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """Move the bar, a few times a second at most."""
        if self._pace.due():
            self._show(step, lambda room: self._pace.facts(step, score(), examples, room))

    def doing(self, what: str) -> None:
        """Fill the bar and put the words beside it."""
        self._show(self._pace.steps, lambda _: what)
        if self._progress is not None:
            self._progress.refresh()  # what comes may hold the interpreter for long

    def _show(self, step: int, facts: Callable[[int], str]) -> None:
        """Set the bar to a step and write beside it what `facts` has to say in so many characters."""
        if self._progress is None or self._task is None or self._bar is None:
            return
        width = self._progress.console.width
        count = f"{step:>{len(str(self._pace.steps))}}/{self._pace.steps} " if width >= _WITH_COUNTER else ""
        self._bar.bar_width = min(40, max(10, width // 7))
        room = width - len(self._pace.title) - 1 - self._bar.bar_width - 1 - len(count)
        self._progress.update(self._task, completed=step, facts=count + facts(room))

    def epoch(self, record: Record) -> None:
        """Put a line above the bar and start it anew."""
        self._pace.epoch = record.epoch
        if self._progress is not None and self._task is not None:
            self._progress.console.print(record.line, highlight=False)
            self._progress.update(self._task, description=self._pace.title)
            self._show(0, lambda _: "")

    def note(self, text: str) -> None:
        """Put the text above the bar."""
        if self._progress is None:
            say(text, sys.stderr)
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
    stderr: TextIO | None = sys.stderr  # None where it was closed
    return Bar(memory) if stderr is not None and stderr.isatty() else Lines()
