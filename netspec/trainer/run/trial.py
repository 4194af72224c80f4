"""`trial.json` of a run that belongs to a sweep: which trial it is, and what became of it. Works without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from netspec.trainer.machine.disk import write_atomically


@dataclass(frozen=True)
class TrialFile:
    """The file, which may not be there."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Its contents; empty where it is not there or damaged."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}

    @property
    def point(self) -> dict[str, Any]:
        """The value of each key that the sweep goes over."""
        found = self.read().get("point")
        return dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}

    @property
    def pruned(self) -> int | None:
        """The epoch after which the trial was ended; None for one that was not."""
        found = self.read().get("pruned")
        return found if isinstance(found, int) else None

    def update(self, **values: Any) -> None:
        """Change some of its contents."""
        write_atomically(self.path, json.dumps(self.read() | values, indent=1, default=str) + "\n")
