"""Numbers in the lines of a spec, which may differ between two items that are alike, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from netspec.capture.shaping.meanings import WORDS
from netspec.language.reserved import reserved

NUMBER: Final = re.compile(r"(?<![\w.\"-])(-?\d+(?:\.\d+)?(?:e-?\d+)?|true|false)(?![\w.])")
NAME: Final = re.compile(r"(?<=name: )([A-Za-z_]\w*?)(\d+)(?=$|[,}])", re.MULTILINE)
_GIVEN_LIST: Final = re.compile(r"(?:(?<=: \[)|(?<=, ))(\[\d+(?:, \d+)+\])(?=[,\]])")
INDEX: Final = re.compile(r"[A-Za-z_]\w*\[$")
"""What stands in front of the place of a value in its family."""
_SHORT: Final = {"repeat": "times", "out_channels": "out", "kernel_size": "kernel", "out_features": "out"}


def matches(text: str) -> list[re.Match[str]]:
    """The numbers in a text, those at the end of names among them, and the lists of integers that blocks are given: the
    last group of each."""
    lists = [*_GIVEN_LIST.finditer(text)] if "[[" in text or ", [" in text else []
    lists = [match for match in lists if "for: " not in text[text.rfind("\n", 0, match.start()) + 1 : match.start()]]
    spans = [match.span(1) for match in lists]
    numbers = [*NUMBER.finditer(text), *NAME.finditer(text)]
    inside = {n for n, match in enumerate(numbers) if any(a < match.start() < b for a, b in spans)}
    found = [*lists, *(match for n, match in enumerate(numbers) if n not in inside)]
    return sorted(found, key=lambda match: match.start(match.lastindex or 1))


def name_at(text: str, at: int, parameters: Mapping[str, Sequence[str]]) -> str:
    """What the number at a place is called: the parameter of a block, or the argument that it is.

    Args:
        text: of an item.
        at: where the number begins.
        parameters: of each block, the names of what it is given.
    """
    before = _GIVEN_LIST.sub("_", text[:at])
    if INDEX.search(before) is not None:
        return "i"
    call = re.search(r"(\w+): \[([^\[\]]*)$", before)
    if call is not None and call[1] in parameters:
        place = call[2].count(",")
        given = parameters[call[1]]
        name = given[place] if place < len(given) else "n"
    else:
        key = re.search(r"(\w+): (?:[A-Za-z_]\w*?)?$", before)
        name = "i" if key is not None and key[1] == "name" else (key[1] if key is not None else "n")
        if key is not None and key[1] in parameters:
            name = parameters[key[1]][0]
        if name[:1].isupper():
            name = "n"
    name = _SHORT.get(name, name)
    return name if reserved(name) is None and name not in WORDS else f"{name}_"
