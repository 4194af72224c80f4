"""A third of timm 1.0.31's architectures, drawn with `random.Random(17)` before any was imported: `timm.txt`."""

from __future__ import annotations

from pathlib import Path

_LIST = Path(__file__).with_name("timm.txt")


def drawn() -> list[str]:
    """The names, in the order in which they were drawn."""
    return _LIST.read_text(encoding="utf-8").split()
