"""When the garbage of readings is collected: while nobody types, since a collection of all objects takes longer than a
reading of a long spec.

A net has cycles, so what is known of one version of a text is garbage once the next is read. Python collects young
objects as ever, and all of them where typing pauses, or after so many readings without a pause.
"""

from __future__ import annotations

import gc
from typing import Final

MOST: Final = 40
"""Readings without a pause."""
_NEVER: Final = 1_000_000


class Collector:
    """Collects the garbage of one server."""

    def __init__(self) -> None:
        self._readings = 0

    def begin(self) -> None:
        """Keep what is there, the modules, for good, and collect all objects no more unasked."""
        gc.collect()
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER)
        gc.enable()

    def read(self) -> None:
        """Count a reading."""
        self._readings += 1
        if self._readings >= MOST:
            self.rest()

    def rest(self) -> None:
        """Collect, where something was read: nobody types."""
        if self._readings:
            self._readings = 0
            gc.collect()
