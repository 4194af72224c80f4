"""Where a cursor is in a text that may be half typed: the keys above it, and what stands beside it.

The text up to the cursor is read by lines and brackets alone, so nothing behind it and no mistake in front of it matter
beyond its own line.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_KEY: Final = re.compile(r"""("[^"]*"|'[^']*'|[^\s\[\]{}#&*!|>'"%@`,][^:#\[\]{}]*?(?:\([^)]*\))?)\s*:(?:\s+|$)""")
_FLOW_KEY: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|[^\s\[\]{},:"'][^\[\]{},:]*?)\s*:(?:\s+|$)""")
ITEM: Final = "-"
"""What a list adds to a path."""


class _Level(NamedTuple):
    """A list or a mapping that is open at some place."""

    indent: int
    path: tuple[str, ...]
    keys: tuple[str, ...]
    """Those of a mapping so far."""
    is_list: bool
    flow: bool = False


class TypingPlace(NamedTuple):
    """Where a cursor is."""

    path: tuple[str, ...]
    """The keys above, the outermost first, with `-` for each list."""
    keys: tuple[str, ...]
    """The keys that stand in front in the same mapping."""
    is_value: bool
    """Whether a value is typed, of the last key of the path, and no key or item."""
    prefix: str
    """What is typed of the word."""


def cursor_at(text: str, offset: int) -> TypingPlace:
    """Where an offset is."""
    lines = re.split(r"\r\n|\r|\n", text[:offset])
    levels: list[_Level] = [_Level(0, (), (), False)]
    for line in lines[:-1]:
        if levels[-1].flow:
            _flow(line, levels)
        elif line.strip() and not line.lstrip().startswith("#"):
            _block(line, levels)
    return _last(lines[-1], levels)


def _block(line: str, levels: list[_Level]) -> str | None:
    """Take a line in block style. Returns what stands behind its last key, None if it has none."""
    column = len(line) - len(line.lstrip(" "))
    rest = line[column:]
    _leave(levels, column, is_item=re.match(r"-(\s|$)", rest) is not None)
    while (dash := re.match(r"-(?:\s+|$)", rest)) is not None:
        above = levels[-1]
        if not (above.is_list and above.indent == column):
            above = _Level(column, (*_opened(above), ITEM), (), True)
            levels.append(above)
        column += dash.end()
        rest = rest[dash.end() :]
        levels.append(_Level(column, above.path, (), False))
    key = _KEY.match(rest)
    if key is None:
        _flow(rest, levels)
        return None
    above = levels[-1]
    if above.is_list or (above.indent < column and above.keys):
        above = _Level(column, _opened(above), (), False)
        levels.append(above)
    levels[-1] = above._replace(indent=column, keys=(*above.keys, key[1].strip("\"'")))
    value = rest[key.end() :]
    _flow(value, levels)
    return value


def _leave(levels: list[_Level], column: int, *, is_item: bool) -> None:
    """Close what a line of this indentation is not in."""
    while len(levels) > 1:
        top = levels[-1]
        if top.flow or top.indent > column or (top.indent == column and top.is_list and not is_item):
            levels.pop()
        elif top.indent == column and is_item and not top.is_list and len(levels) > 1 and levels[-2].is_list:
            if levels[-2].indent == column:
                levels.pop()
            return
        else:
            return


def _opened(level: _Level) -> tuple[str, ...]:
    """The path of what stands under the last key of a level."""
    return (*level.path, level.keys[-1]) if level.keys and not level.is_list else level.path


def _flow(text: str, levels: list[_Level]) -> None:
    """Take text in which brackets open and close."""
    i = 0
    while i < len(text):
        c = text[i]
        if c in "\"'" and (end := text.find(c, i + 1)) > 0:
            i = end
        elif c == "#" and (i == 0 or text[i - 1] in " \t"):
            return
        elif c in "[{":
            path = _opened(levels[-1])
            levels.append(_Level(0, (*path, ITEM) if c == "[" else path, (), c == "[", True))
        elif c in "]}" and levels[-1].flow:
            while levels[-1].flow and levels[-1].is_list is (c == "}"):
                levels.pop()
            if levels[-1].flow:
                levels.pop()
            i += 1
            continue
        elif c == "," and levels[-1].flow and levels[-1].indent < 0:  # a pair in a list ends
            levels.pop()
        if levels[-1].flow and (key := _FLOW_KEY.match(text, i + 1 if c in "[{," else i)) is not None and c in "[{, ":
            top = levels[-1]
            if top.is_list:
                levels.append(_Level(-1, top.path, (key[1].strip("\"'"),), False, True))
            else:
                levels[-1] = top._replace(keys=(*top.keys, key[1].strip("\"'")))
            i = key.end()
            continue
        i += 1


def _last(line: str, levels: list[_Level]) -> TypingPlace:
    """The cursor at the end of the last line."""
    word = re.search(r"[$\w.-]*$", line)
    prefix = "" if word is None else word[0].lstrip("-.")
    before = line[: len(line) - len(prefix)]
    if levels[-1].flow:
        _flow(before, levels)
        return _in_flow(before, levels[-1], prefix)
    value = None
    if before.strip():
        value = _block(before, levels)
        if levels[-1].flow:
            return _in_flow(before, levels[-1], prefix)
    else:
        _leave(levels, len(before), is_item=False)
    top = levels[-1]
    if value is not None:
        return TypingPlace(_opened(top), (), True, prefix)
    if top.keys and len(before) > top.indent and not before.strip():
        return TypingPlace(_opened(top), (), False, prefix)
    return TypingPlace(top.path, top.keys, False, prefix)


def _in_flow(before: str, level: _Level, prefix: str) -> TypingPlace:
    if not level.is_list and re.search(r":\s+(?:[^,{}\[\]]*)$", before) and level.keys:
        return TypingPlace(_opened(level), (), True, prefix)
    return TypingPlace(level.path, level.keys, False, prefix)
