"""Values of a JSON document with the place where each stands, for what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, NoReturn, cast

from netspec.capture.graph import NotCaptured

_LARGEST: Final = 2**63
"""Integers of a program are below this."""


class JsonField(NamedTuple):
    """A value, and where it stands."""

    value: Any
    place: str

    def wrong(self, what: str) -> NoReturn:
        """Say what is wrong with it."""
        raise NotCaptured(f"{self.place}: {what}; the file is damaged, or of a torch that is not known")

    def _is(self, kind: type | tuple[type, ...], told: str) -> Any:
        if not isinstance(self.value, kind) or (isinstance(self.value, bool) and kind is not bool):
            self.wrong(f"{told} is expected, and there is {str(self.value)[:60]!r}")
        return cast("Any", self.value)

    def table(self) -> dict[str, Any]:
        """Names with values."""
        return self._is(dict, "an object")

    def at(self, name: str) -> JsonField:
        """The value under a name."""
        if name not in self.table():
            self.wrong(f"`{name}` is missing")
        return JsonField(self.value[name], f"{self.place}.{name}")

    def get(self, name: str) -> JsonField | None:
        """The value under a name; None if there is none, or it is null."""
        return None if self.table().get(name) is None else self.at(name)

    def items(self) -> Iterator[tuple[str, JsonField]]:
        """The names and their values."""
        for name in self.table():
            yield name, self.at(name)

    def each(self) -> list[JsonField]:
        """The values of a list."""
        found: list[Any] = self._is(list, "a list")
        return [JsonField(value, f"{self.place}[{i}]") for i, value in enumerate(found)]

    def text(self) -> str:
        """A text."""
        return self._is(str, "a text")

    def integer(self) -> int:
        """An integer of at most 63 bits."""
        found: int = self._is(int, "an integer")
        if not -_LARGEST <= found < _LARGEST:
            self.wrong(f"{str(found)[:30]} has more than 64 bits")
        return found

    def number(self) -> float:
        """A number; those that are not finite stand there as texts."""
        if isinstance(self.value, str) and self.value in _ENDLESS:
            return _ENDLESS[self.value]
        found: float = self._is((int, float), "a number")
        return float(found) if -_LARGEST <= found < _LARGEST or isinstance(found, float) else self.integer()

    def truth(self) -> bool:
        """Whether it is true."""
        return self._is(bool, "true or false")

    def only(self) -> tuple[str, JsonField]:
        """The name and the value of an object with one."""
        if len(self.table()) != 1:
            self.wrong(f"one name is expected, and there are {len(self.value)}")
        return next(self.items())


_ENDLESS: Final = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
