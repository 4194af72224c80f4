"""One line of a text that cannot be read as it was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

WORD: Final = r"[A-Za-z_]\w*"
"""A name."""
END: Final = r"(?=\s*(?:[,}\])]|$))"
"""Where a value ends, as a place in front of what follows."""


class Line(NamedTuple):
    """A line of a text, without its comment, and the lines around it."""

    text: str
    lines: Sequence[str]
    """All of the text."""
    n: int
    """Which of them it is."""

    @property
    def indent(self) -> int:
        """The column, from 0, where it begins."""
        return len(self.text) - len(self.text.lstrip())

    def dash(self) -> int | None:
        """The column of the dash of the nearest item, above or else below, that is not further in than this line."""
        for i in (*range(self.n - 1, -1, -1), *range(self.n + 1, len(self.lines))):
            found = re.match(r"( *)- ", self.lines[i])
            if found and len(found[1]) <= self.indent:
                return len(found[1])
        return None
