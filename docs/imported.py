"""The table in `docs/importing.md` of what became of the networks of libraries: from tests/imports/outcomes/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OUTCOMES: Final = Path(__file__).resolve().parent.parent / "tests" / "imports" / "outcomes"
_KINDS: Final = ("proven with blocks", "proven but flat", "refused", "wrong")


def imported_table() -> str:
    """A row for each library: how many of its networks were tried, and what became of them."""
    head = ["", "networks", *_KINDS, "not tried"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in _rows()]
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[list[str]]:
    for file in sorted(_OUTCOMES.glob("*.txt")):
        first, *rest = file.read_text(encoding="utf-8").splitlines()
        what, _, count = first.removeprefix("# ").rpartition(": ")
        found = Counter(line.partition(": ")[2].partition(",")[0] for line in rest)
        unknown = found.keys() - set(_KINDS)
        if unknown:
            raise ValueError(f"{file}: {', '.join(sorted(unknown))}")
        yield [what, count, *(str(found[kind]) for kind in _KINDS), str(int(count) - found.total())]
