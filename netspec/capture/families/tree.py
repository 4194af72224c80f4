"""The lines of a network as a tree: each list of items with its items, each item with its numbers and inner lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from netspec.capture.modules.offered import is_known, layer_class
from netspec.capture.shaping.folding import Entry
from netspec.capture.shaping.places import SHORT, UNITS
from netspec.capture.shaping.slots import NAME, NUMBER, name_at

_LIST: Final = re.compile(r"- \x00(\d+)")
_COMPUTED: Final = re.compile(rf'"1 / \d+"|"\d+ \*\* -?0\.5"|(?<![\w.])\d+ \*\* -?0\.5(?![\w.])|{NUMBER.pattern}')
"""A number, also as what it is computed of: `1 / 30`, `64 ** -0.5`."""
_OWN: Final = re.compile(r'\b(?:name|shared): "?([A-Za-z_]\w*)')
_WORD: Final = re.compile(r"^- (?:\{|sequential: \[)?\$?([A-Za-z_]\w*)")
_TEXT: Final = re.compile(r'"[^"\n]*->[^"\n]*"|(?<=pattern: ).*')
"""What is text, in which a number is no number."""


class ListRecorder:
    """Takes lists of items as they are written, the innermost first, and puts a mark in the place of each."""

    def __init__(self) -> None:
        self.lists: list[list[tuple[Entry, str]]] = []
        """The entries of each, and what their modules are called in those around them."""

    def folded(self, entries: Sequence[Entry], attributes: Sequence[str], /) -> list[Entry]:
        """A mark for a list."""
        self.lists.append(list(zip(entries, attributes, strict=True)))
        return [(f"- \0{len(self.lists) - 1}",)]


class Opening(NamedTuple):
    """A place in the text of an item where items that are alike may differ."""

    start: int
    end: int
    kind: str
    """`#` of a number, `i` of one at the end of a name, `@` of a word in front of its arguments, `=` of a word that is
    one of them."""
    name: str
    """What the value is called."""
    text: str


@dataclass(eq=False)
class Node:
    """An item."""

    text: str
    """Its lines, with a mark for each list in it."""
    mask: str
    """Equal for items that are alike."""
    openings: list[Opening]
    lists: list[MemberList]
    marks: list[tuple[int, int]]
    """Where the lists stand."""
    attribute: str = ""
    """What its module is called in that around it."""

    @property
    def name(self) -> str:
        """The name that it has in the file; empty where it has none."""
        found = _OWN.search(self.text)
        return "" if found is None else found[1]

    @property
    def word(self) -> str:
        """The layer, the block or the combinator that it is."""
        found = _WORD.search(self.text)
        return "" if found is None else found[1]


@dataclass(eq=False)
class MemberList:
    """The items of a list."""

    member: int
    """Of which network of the family it is."""
    nodes: list[Node] = field(default_factory=list[Node])


def read(recorder: ListRecorder, number: int, member: int, parameters: Mapping[str, Sequence[str]]) -> MemberList:
    """A recorded list as a tree.

    Args:
        recorder: has the lists.
        number: of the list.
        member: of which network it is.
        parameters: of each block, the names of what it is given.
    """
    words = re.compile(
        rf"(?<![\w.$\"])({'|'.join(sorted(map(re.escape, {*parameters, *UNITS}), reverse=True))})(?![\w.])"
    )
    found = MemberList(member)
    for entry, attribute in recorder.lists[number]:
        text = "\n".join(entry)
        marks = list(_LIST.finditer(text))
        lists = [read(recorder, int(mark[1]), member, parameters) for mark in marks]
        opaque = [match.span() for match in _TEXT.finditer(text)]
        openings = sorted(
            opening
            for opening in _openings(text, words, parameters)
            if not any(a <= opening.start < b for a, b in (*opaque, *(mark.span() for mark in marks)))
        )
        mask, last = "", 0
        places = [*((h.start, h.end, h.kind) for h in openings), *((*mark.span(), "- \0") for mark in marks)]
        for start, end, sign in sorted(places):
            mask, last = f"{mask}{text[last:start]}{sign}", end
        found.nodes.append(Node(text, mask + text[last:], openings, lists, [mark.span() for mark in marks], attribute))
    return found


def _name(text: str, at: int, parameters: Mapping[str, Sequence[str]]) -> str:
    """What a number is called; one that stands alone behind a layer by the argument that it is."""
    name = name_at(text, at, parameters)
    layer = re.search(r"([A-Z]\w*): $", text[:at])
    if layer is None or not is_known(layer[1]):
        return name
    scalar = layer_class(layer[1]).scalar or name
    return SHORT.get(scalar, scalar)


def _openings(text: str, words: re.Pattern[str], parameters: Mapping[str, Sequence[str]]) -> list[Opening]:
    found = [
        Opening(*match.span(), "#", _name(text, match.start(), parameters), match[0])
        for match in _COMPUTED.finditer(text)
    ]
    found += [Opening(*match.span(2), "i", "i", match[2]) for match in NAME.finditer(text)]
    for match in words.finditer(text):
        is_head = re.search(r"(^- |^- \{|sequential: \[)$", text[: match.start()]) is not None
        name = "block" if match[1] in parameters else "act"
        if is_head or name == "act":
            found.append(Opening(*match.span(), "@" if is_head else "=", name, match[1]))
    return found
