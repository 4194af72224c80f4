"""Names that are each given once, as the values of a net need them when loops and blocks are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class FreeNames:
    """Gives each name once. A loop may ask for the same one ten thousand times, so it is known which are passed.

    Args:
        taken: names that are never given.
        separator: what stands between a name and its number.
    """

    def __init__(self, taken: Iterable[str], separator: str = "_") -> None:
        self._taken = set(taken)
        self._separator = separator
        self._passed: Counter[str] = Counter()

    def __call__(self, base: str) -> str:
        """The name itself, where it is free, else the first of `x_2`, `x_3` … that is."""
        while (name := self._numbered(base)) in self._taken:
            self._passed[base] += 1
        self._taken.add(name)
        return name

    def _numbered(self, base: str) -> str:
        passed = self._passed[base]
        return f"{base}{self._separator}{passed + 1}" if passed else base

    def take(self, name: str) -> None:
        """Never give this name from now on."""
        self._taken.add(name)
