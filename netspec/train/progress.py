"""What a person sees while a net trains: a bar on a terminal, one line per epoch elsewhere, nothing with `-q`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from netspec.train.curves import draw_curves
from netspec.train.metrics import Score
from netspec.train.records import Record

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_PER_SECOND = 5
"""How often a bar moves."""


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
        self._memory = memory
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._epochs = self._steps = self._epoch = self._examples = 0
        self._started, self._moved = time.perf_counter(), 0.0

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Show the bar."""
        from rich.console import Console  # a run without a terminal never needs it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._epochs, self._steps, self._epoch = epochs, steps, epoch
        self._examples, self._started = examples, time.perf_counter()
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[facts]}"),
            console=Console(stderr=True), transient=True, refresh_per_second=_PER_SECOND,
        )  # fmt: skip
        self._task = self._progress.add_task(self._title(), total=steps, facts="")
        self._progress.start()

    def _title(self) -> str:
        return f"epoch {min(self._epoch + 1, self._epochs)}/{self._epochs}"

    def step(self, step: int, score: Callable[[], Score], examples: int) -> None:
        """Move the bar, a few times a second at most."""
        now = time.perf_counter()
        if self._progress is None or self._task is None or now - self._moved < 1 / _PER_SECOND:
            return
        self._moved = now
        loss, accuracy = score()
        speed = examples / max(now - self._started, 1e-9)
        share = (self._steps - step) / self._steps + self._epochs - self._epoch - 1
        facts = [f"loss {loss:.3f}"]
        if accuracy is not None:
            facts.append(f"acc {accuracy:.3f}")
        facts += [f"{speed:,.0f} ex/s", f"{_clock(share * self._examples / max(speed, 1e-9))} left", self._memory()]
        self._progress.update(self._task, completed=step, facts="  ".join(facts))

    def epoch(self, record: Record) -> None:
        """Put a line above the bar and start it anew."""
        self._epoch = record.epoch
        if self._progress is not None and self._task is not None:
            self._progress.console.print(record.line, highlight=False)
            self._progress.reset(self._task, total=self._steps, description=self._title(), facts="")

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


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


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


def in_notebook() -> bool:
    """True in Jupyter and its like: IPython is loaded and has a kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class Notebook(Bar):
    """The same bar, which rich draws in a notebook too, and below it the curves, drawn anew after each epoch."""

    def __init__(self, memory: Callable[[], str]) -> None:
        super().__init__(memory)
        self._records: list[Record] = []
        self._shown: Any = None

    def epoch(self, record: Record) -> None:
        """Draw the curves anew."""
        shown: Any = sys.modules["IPython"].display
        super().epoch(record)
        self._records.append(record)
        picture = shown.SVG(draw_curves(self._records, "training"))
        if self._shown is None:
            self._shown = shown.display(picture, display_id=True)
        else:
            self._shown.update(picture)
