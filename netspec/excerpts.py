"""Items and values as a message shows them: on one line, without the numbers of what is long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 60
"""Letters up to which a list or a text is shown as it is."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]|[^"\[\]{},]+')


def excerpt(line: str) -> str:
    """A line of a spec in which each long list is its shape, and each long text its beginning.

    >>> excerpt("Buffer: {value: [[" + "0.5, " * 15 + "0.5], [" + "1.5, " * 15 + "1.5]], persistent: false}")
    'Buffer: {value: [2 × 16 values], persistent: false}'
    >>> excerpt("IndexSelect: {dim: 1, index: [0, 0, 1, 1]}")
    'IndexSelect: {dim: 1, index: [0, 0, 1, 1]}'
    """
    return "".join(_pieces(line))


def given_text(value: object) -> str:
    """A value that a program gives, in Python's words and in at most about 60 letters.

    >>> given_text([0.5] * 100), given_text((1, 2)), len(given_text(tuple(range(1000))))
    ('[100 values]', '(1, 2)', 60)
    """
    text = repr(value)
    if len(text) > LONGEST:
        text = excerpt(" ".join(text.split()))
    return text if len(text) <= LONGEST else _cut(text)


def _pieces(line: str) -> Iterator[str]:
    depth, part = 0, ""
    for token in _TOKEN.findall(line):
        if depth == 0 and token != "[":
            yield token if len(token) <= LONGEST else _cut(token)
            continue
        depth += (token == "[") - (token == "]")
        part += token
        if depth == 0:
            yield part if len(part) <= LONGEST else _shaped(part)
            part = ""
    yield part if len(part) <= LONGEST else _cut(part)


def _cut(text: str) -> str:
    return f"{text[: LONGEST - 2]}…{text[-1]}"


def _shaped(text: str) -> str:
    """A list as `[2 × 16 values]`; one of lists that are not equally long as the number of them."""
    return f"[{' × '.join(map(str, _shape(text)))} values]"


def _shape(text: str) -> tuple[int, ...]:
    items = _items(text)
    inner = {_shape(item) if item.startswith("[") else () for item in items}
    return (len(items), *(inner.pop() if len(inner) == 1 else ()))


def _items(text: str) -> list[str]:
    """The items of a list as they are written."""
    depth, items = 0, [""]
    for token in _TOKEN.findall(text[1:-1]):
        depth += (token in "[{") - (token in "]}")
        if depth == 0 and token == ",":
            items.append("")
        else:
            items[-1] += token
    return [item.strip() for item in items]
