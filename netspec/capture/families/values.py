"""Values that differ in the members of a family, as they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final, cast

Value = str | tuple["Value", ...] | None
"""A number or a word as it is written, several of them, or None where its item is not there."""
Column = Sequence[Value]

_SIZE: Final = 16
"""From where on equal numbers are no chance."""
_FACTORS: Final = (2, 3, 4, 6, 8)
_DIGITS: Final = 12
"""Letters of a number that was computed."""
_MOST: Final = 64
"""Heads, of which each has a share of the width."""
_OF_FILE: Final = {"out": "width", "outs": "widths", "all_outs": "all_widths", "n": "size", "ns": "sizes"}


def known(column: Iterable[Value]) -> list[Value]:
    """The values that there are, each once."""
    return list(dict.fromkeys(value for value in column if value is not None))


def value_text(value: Value) -> str:
    """A value as it is written."""
    return value or "" if not isinstance(value, tuple) else f"[{', '.join(map(value_text, value))}]"


def is_alone(front: str, behind: str) -> bool:
    """Whether a value is no part of an expression, by what stands in front of it and behind it."""
    return bool(re.search(r"(: |[\[,({] ?|in )$", front) and re.match(r"$|\n|[\],)}]", behind))


def plural(name: str) -> str:
    """What several of a name are called.

    >>> plural("depth"), plural("out_2"), plural("heads"), plural("all_heads")
    ('depths', 'outs_2', 'all_heads', 'heads_lists')
    """
    base, number = cast("re.Match[str]", re.fullmatch(r"(.*?)(_\d+)?", name)).groups(default="")
    if base.startswith("all_"):
        return f"{base.removeprefix('all_')}_lists{number}"
    return f"all_{base}{number}" if base.endswith("s") else f"{base}s{number}"


def of_file(name: str) -> str:
    """What a number of a layer is called as one of the whole file."""
    base, number = cast("re.Match[str]", re.fullmatch(r"(.*?)(_\d+)?", name)).groups(default="")
    return f"{_OF_FILE.get(base, base)}{number}"


def fits(column: Column, values: Column) -> bool:
    """Whether values stand for a column, of which some may not be needed."""
    return all(a is None or a == b for a, b in zip(column, values, strict=True))


def by_chance(values: Sequence[Value]) -> bool:
    """Whether two columns may have these values without meaning the same."""
    return not all(isinstance(value, str) and value.isdigit() and int(value) >= _SIZE for value in values)


def multiple(name: str, values: Sequence[Value], others: Sequence[Value]) -> str:
    """Values as a multiple of those that have a name; empty if they are none."""
    if by_chance(values) or by_chance(others):
        return ""
    mine, theirs = whole(values), whole(others)
    assert mine is not None
    assert theirs is not None
    return next((f"{factor} * {name}" for factor in _FACTORS if mine == [factor * value for value in theirs]), "")


def root(name: str, values: Sequence[Value], others: Sequence[Value]) -> str:
    """Values as the roots of those that have a name, of multiples or of shares of them, or as 1 through these; empty if
    they are none.

    >>> root("width", ["4.0", '"32 ** 0.5"'], ["16", "32"]), root("width", ['"8 ** -0.5"', "0.25"], ["32", "64"])
    ('width ** 0.5', '(width / 4) ** -0.5')
    >>> root("width", ["0.1", "0.2"], ["24", "96"])
    ''
    """
    mine, theirs = [_number(value) for value in values], whole(others)
    if theirs is None or by_chance(others) or not all(mine) or not any(map(_is_computed, values)):
        return ""
    for power in (0.5, -0.5):
        square = cast("float", mine[0]) ** (1 / power) / theirs[0]
        factor, share = round(square), round(1 / square) if square < 1 else 1
        if factor > _MOST or share > _MOST:
            continue
        term = f"({name} / {share})" if share > 1 else name if factor == 1 else f"({factor} * {name})"
        roots = [(other / share if share > 1 else factor * other) ** power for other in theirs]
        if all(math.isclose(a, b, rel_tol=1e-15) for a, b in zip(cast("list[float]", mine), roots, strict=True)):
            return f"{term} ** {power}"
    return ""


def _is_computed(value: Value) -> bool:
    """Whether a number is one that nobody types: with more digits than a rate has."""
    return isinstance(value, str) and ("**" in value or len(value) >= _DIGITS)


def _number(value: Value) -> float | None:
    """A number with a point, or one that is written as a root of a whole one; None for any other value."""
    if not isinstance(value, str) or value.isdigit():
        return None
    if (found := re.fullmatch(r"\"?(\d+) \*\* (-?0\.5)\"?", value)) is not None:
        return int(found[1]) ** float(found[2])
    return float(value) if re.fullmatch(r"\d+\.\d+(e-?\d+)?", value) else None


def whole(values: Sequence[Value]) -> list[int] | None:
    """Whole numbers; None if they are none."""
    if not all(isinstance(value, str) and value.isdigit() for value in values):
        return None
    return [int(cast("str", value)) for value in values]
