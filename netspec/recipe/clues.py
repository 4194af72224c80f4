"""What was at hand where data and net disagree, kept for those who look for a mend once all is read."""

from __future__ import annotations

from typing import NamedTuple


class DataClue(NamedTuple):
    """Images that are not what the net's input says."""

    transforms: str | None
    """The list of transforms that makes them so, as a spec writes it."""
    input: str | None
    """The input that they would suit, as a spec writes it."""


class ScoresClue(NamedTuple):
    """An output that has other scores than one for each class of the data: another number, or several of each."""

    classes: int | None
    """What the data have; None where that is not what is wrong."""
    sure: bool
    """Whether the data have one class for each example, and not one for each step of it."""
