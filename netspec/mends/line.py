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
    above: Sequence[str]
    below: Sequence[str]

    @property
    def indent(self) -> int:
        """The column, from 0, where it begins."""
        return len(self.text) - len(self.text.lstrip())

    def dash(self) -> int | None:
        """The column of the dash of the nearest item, above or else below, that is not further in than this line."""
        for line in (*reversed(self.above), *self.below):
            found = re.match(r"( *)- ", line)
            if found and len(found[1]) <= self.indent:
                return len(found[1])
        return None
