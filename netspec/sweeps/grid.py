"""A grid without Optuna: every point of the space in order, each in a run directory of its number.

What is to be done follows from the space alone, and what is done from the run directories, so that several processes
need nothing else: each takes the next point whose lock is free. A lock is free, too, where its process was killed.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netspec.net import Net
from netspec.space.axes import Point
from netspec.space.section import Sweep
from netspec.sweeps.fitting import Base, Rejection
from netspec.sweeps.tally import NoValidTrial, Tally, Trial, line

if TYPE_CHECKING:
    from netspec.sweeps.trial import Outcome

_LOOKS: Final = 0.3


@dataclass
class GridSweep:
    """A process's part in a grid.

    Args:
        base: what all points have in common.
        sweep: the sweep, whose space can be counted.
        wanted: how many valid points are tried, the first of them; None for all.
        parent: where the run directories are.
        study: the name of the sweep.
        options: those of `netspec.train`.
        say: takes a line for each trial.
        width: columns of such a line.
    """

    base: Base
    sweep: Sweep
    wanted: int | None
    parent: Path
    study: str
    options: Mapping[str, Any]
    say: Callable[[str], None]
    width: int = 100

    def run(self) -> Tally:
        """Train every valid point that no other process trains; return once all of them are done.

        Raises:
            NoValidTrial: none is valid.
            NetspecError: whatever ends a training, which goes on when the sweep is begun again.
        """
        valid: dict[int, Point] = {}
        rejected: Counter[str] = Counter()
        examples: dict[str, str] = {}
        done: dict[int, Outcome] = {}
        for number, point in enumerate(self.sweep.space.points()):
            if self.wanted is not None and len(valid) >= self.wanted:
                break
            net = self.base.tried(point, self.sweep)
            if isinstance(net, Rejection):
                rejected[net.code] += 1
                examples.setdefault(net.code, net.why)
                continue
            valid[number] = point
            self._take(number, point, net, done)
        if not valid:
            raise NoValidTrial(Tally(self.sweep.measure, [], rejected, examples), all=True)
        self._wait(valid, done)
        finished = [
            Trial(number, valid[number], outcome.value, self._path(number))
            for number, outcome in sorted(done.items())
            if outcome.value is not None
        ]
        return Tally(self.sweep.measure, finished, rejected, examples, diverged=len(done) - len(finished))

    def _wait(self, valid: Mapping[int, Point], done: dict[int, Outcome]) -> None:
        """Go over what other processes train until all is done: where one is killed, this one goes on."""
        told = False
        while missing := [number for number in valid if number not in done]:
            for number in missing:
                net = self.base.tried(valid[number], self.sweep)
                assert isinstance(net, Net)
                self._take(number, valid[number], net, done)
            if any(number not in done for number in valid):
                if not told:
                    self.say("waiting for the trials of other processes")
                told = True
                time.sleep(_LOOKS)

    def _take(self, number: int, point: Point, net: Net, done: dict[int, Outcome]) -> None:
        """Train a point, unless another process does at the moment."""
        from netspec.sweeps.trial import carried_out  # here, after the first network that is valid

        with _claimed(self.parent / ".claims" / f"{number:04}") as mine:
            if not mine:
                return
            began = time.monotonic()
            done[number] = outcome = carried_out(
                net, self._path(number), point, self.sweep.measure, self.options,
                study=self.study, number=number, note=lambda epoch, value: False,
            )  # fmt: skip
        told = "diverged" if outcome.value is None else f"{self.sweep.measure.column} {outcome.value:.4f}"
        self.say(line(number, point, f"{told}  {time.monotonic() - began:.1f} s ", self.width))

    def _path(self, number: int) -> Path:
        return self.parent / f"trial-{number:04}"


@contextmanager
def _claimed(file: Path) -> Generator[bool]:
    """Whether a point is this process's until the end of the block: by a lock, which ends with the process."""
    if sys.platform == "win32":  # has no flock
        yield True
        return
    import fcntl

    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        yield False
        return
    try:
        yield True
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)
