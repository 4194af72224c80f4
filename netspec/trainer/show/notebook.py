"""The reporter for notebooks: one output with a progress bar, a line per epoch and the curves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from typing import Any

from netspec.trainer.measure.metrics import Scores
from netspec.trainer.run.records import Record
from netspec.trainer.show.curves import curves_image
from netspec.trainer.show.pace import Pace


def in_notebook() -> bool:
    """True in Jupyter and similar notebooks: IPython is loaded and has a kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class Notebook:
    """A `Reporter` with one output that is updated in place. Plain HTML, so that no widgets need to be installed."""

    def __init__(self, memory: Callable[[], str], followed: str = "") -> None:
        self._pace, self._followed = Pace(memory), followed
        self._records: list[Record] = []
        self._notes: list[str] = []
        self._bar = self._curves = ""
        self._shown: Any = None

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """Show the bar."""
        self._pace.begin(epochs, steps, examples, epoch)
        self._set_bar(0, "")

    def step(self, step: int, score: Callable[[], Scores], examples: int) -> None:
        """Update the bar, at most `PER_SECOND` times a second."""
        if self._pace.due():
            self._set_bar(step, self._pace.facts(step, score(), examples))

    def doing(self, what: str) -> None:
        """Show a full bar with a text beside it."""
        self._set_bar(self._pace.steps, what)

    def epoch(self, record: Record) -> None:
        """Add a line for the epoch, and update the curves."""
        self._pace.epoch = record.epoch
        self._records.append(record)
        self._curves = curves_image(self._records)
        self._set_bar(0, "")

    def note(self, text: str) -> None:
        """Add a text above the lines."""
        self._notes.append(text)
        self._draw()

    def end(self) -> None:
        """Remove the bar."""
        self._bar = ""
        self._draw()

    def _set_bar(self, step: int, facts: str) -> None:
        pace = self._pace
        self._bar = f'<p>{pace.title} <progress value="{step}" max="{pace.steps}"></progress> {escape(facts)}</p>'
        self._draw()

    def _draw(self) -> None:
        lines = escape("\n".join([*self._notes, *(record.line_for(self._followed) for record in self._records)]))
        display: Any = sys.modules["IPython"].display
        page = display.HTML(f'<pre style="white-space: pre-wrap">{lines}</pre>{self._bar}{self._curves}')
        if self._shown is None:
            self._shown = display.display(page, display_id=True)
        else:
            self._shown.update(page)
