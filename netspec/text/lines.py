"""Search by lines in YAML text that could not be parsed into nodes. Places are offsets into the text."""

from __future__ import annotations

import re


def line_start(text: str, at: int) -> int:
    """Offset of the start of the line that contains `at`."""
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def line_end(text: str, at: int) -> int:
    """Offset of the end of the line that contains `at`, line break excluded."""
    match = re.compile(r"[\r\n]").search(text, at)
    return match.start() if match else len(text)


def content_end(text: str, at: int) -> int:
    """Offset of the end of the line's content, trailing blanks and comment excluded."""
    line = text[at : line_end(text, at)]
    return at + len(re.sub(r"(^|\s+)#.*$", "", line, count=1, flags=re.DOTALL).rstrip())


def previous_line(text: str, at: int) -> tuple[int, int] | None:
    """Start and end of the content of the nearest line above that has any, indentation excluded; None if none has."""
    start = line_start(text, at)
    while start > 0:
        start = line_start(text, start - 1 - (text[start - 2 : start] == "\r\n"))
        first = start + len(text[start : line_end(text, start)]) - len(text[start : line_end(text, start)].lstrip())
        if first < content_end(text, first):
            return first, content_end(text, first)
    return None


def item_around(text: str, at: int, floor: int) -> tuple[int, int]:
    """Start and end of the item of a flow collection around an offset, with balanced brackets, not before `floor`."""
    start, depth = at, 0
    while start > floor and text[start - 1] not in "\r\n":
        if text[start - 1] in "]})":
            depth += 1
        elif text[start - 1] in "[{(":
            depth -= 1
        if depth < 0 or (depth == 0 and (text[start - 1] == "," or text[start - 2 : start] == ": ")):
            break
        start -= 1
    depth, end = 0, at
    while end < len(text) and text[end] not in "\r\n":
        if text[end] in "[{(":
            depth += 1
        elif text[end] in "]})":
            if depth == 0:
                break
            depth -= 1
        elif text[end] == "," and depth == 0:
            break
        end += 1
    raw = text[start:end]
    return start + len(raw) - len(raw.lstrip()), start + len(raw.rstrip())


def indentation(text: str, at: int) -> int:
    """The number of spaces and tabs that the line of an offset begins with."""
    line = text[line_start(text, at) : line_end(text, at)]
    return len(line) - len(line.lstrip(" \t"))


def content_column(text: str, at: int) -> int:
    """The column, from 0, of the content of an offset's line after its indentation and list dashes (`- `)."""
    start = line_start(text, at)
    match = re.compile(r"[ \t]*(?:-[ \t]+)*").match(text, start)
    return match.end() - start if match else 0
