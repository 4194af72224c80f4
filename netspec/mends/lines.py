"""Slips of YAML, line by line: a missing dash, `-ReLU`, `{out_channels=6}`, a fence of Markdown around the whole.

A rewriting needs to be no more than plausible, since none is shown before the spec that comes of it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.text.source import Source

_BLANKS: Final = re.compile(r"[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")
_WORD: Final = r"[A-Za-z_]\w*"


class Place(NamedTuple):
    """A line and those above it."""

    text: str
    above: Sequence[str]

    def dash(self) -> int | None:
        """The column of the dash of the nearest item above that is not further in than this line."""
        indent = len(self.text) - len(self.text.lstrip())
        for line in reversed(self.above):
            found = re.match(r"( *)- ", line)
            if found and len(found[1]) <= indent:
                return len(found[1])
        return None


def _blanks(place: Place) -> str:
    return _BLANKS.sub(" ", place.text)


def _tabs(place: Place) -> str:
    return re.sub(r"^[ \t]*\t[ \t]*", lambda found: found[0].replace("\t", "  "), place.text)


def _quotes(place: Place) -> str:
    return re.sub(r"[“”„«»]", '"', re.sub(r"[‘’]", "'", place.text))


def _space_behind_dash(place: Place) -> str:
    return re.sub(r"^(\s*)[-–—•*](?=[A-Za-z{$])", r"\1- ", re.sub(r"^(\s*)[–—•*] ", r"\1- ", place.text))


def _missing_dash(place: Place) -> str:
    dash = place.dash()
    return place.text if dash is None else re.sub(r"^ *(?=[A-Z]\w)", " " * dash + "- ", place.text)


def _equals(place: Place) -> str:
    return re.sub(rf"({_WORD})\s*=\s*(?![=])", r"\1: ", place.text)


def _colon_in_list(place: Place) -> str:
    """`[Linear: 3, Exp:]`."""
    return re.sub(rf"(?<=[\[,\s])({_WORD}):(?=[\],])", r"\1", place.text)


def _space_behind_colon(place: Place) -> str:
    return re.sub(rf"\b({_WORD}):(?=[^\s:])", r"\1: ", place.text)


def _colon_before_brace(place: Place) -> str:
    return re.sub(rf"^(\s*- {_WORD})\s*(?=\{{)", r"\1: ", place.text)


def _parentheses_for_braces(place: Place) -> str:
    return re.sub(rf"^(\s*- {_WORD}):?\s*\((.*=.*|.*: .*)\)\s*,?$", r"\1: {\2}", place.text)


def _braces(place: Place) -> str:
    """`- Conv2d: out_channels: 6, kernel_size: 5`."""
    found = re.fullmatch(rf"(\s*- {_WORD}:) ({_WORD}: .*?),?\s*", place.text)
    return place.text if found is None or "{" in found[2] else f"{found[1]} {{{found[2]}}}"


def _closing(place: Place) -> str:
    text = place.text.rstrip().rstrip(",")
    stack = [{"{": "}", "[": "]"}[c] for c in text if c in "{["]
    closed = sum(c in "}]" for c in text)
    missing = "".join(reversed(stack[: len(stack) - closed])) if len(stack) > closed else ""
    return text + missing


def _comma(place: Place) -> str:
    return re.sub(r"[,;]\s*$", "", place.text)


def _tuple(place: Place) -> str:
    return re.sub(r":\s*\(\s*(\w+(?:\s*,\s*\w+)*)\s*,?\s*\)(?=\s*(?:$|[,}]))", r": [\1]", place.text)


def _times(place: Place) -> str:
    return re.sub(r"\b(\d+)\s?[x×X]\s?(\d+)(?:\s?[x×X]\s?(\d+))?\b",
                  lambda found: "[" + ", ".join(g for g in found.groups() if g) + "]", place.text)  # fmt: skip


def _square(place: Place) -> str:
    return re.sub(r"\b(\d+)\s?[x×X]\s?\1\b", r"\1", place.text)


def _none(place: Place) -> str:
    return re.sub(r"\b(bias|inplace|affine|batch_first|ceil_mode|nesterov):\s*(None|null|~|no|off|No|OFF|none)\b",
                  r"\1: false", place.text)  # fmt: skip


def _percent(place: Place) -> str:
    return re.sub(r"(?<=: )(\d+(?:\.\d+)?)\s?%", lambda found: f"{float(found[1]) / 100:.12g}", place.text)


def _times_of_repeat(place: Place) -> str:
    return re.sub(r"\brepeat: *[x×](\d+)|\brepeat: *(\d+)[x×]",
                  lambda found: f"repeat: {found[1] or found[2]}", place.text)  # fmt: skip


def _indentation(place: Place) -> str:
    """An item in the column of the one above."""
    bare = place.text.lstrip(" ")
    above = next((found for line in reversed(place.above) if (found := re.match(r"( *)- ", line))), None)
    return " " * len(above[1]) + bare if above is not None and bare.startswith("- ") else place.text


def _name_in_front(place: Place) -> str:
    """`- conv1: Conv2d: {…}`."""
    return re.sub(rf"^( *)- ({_WORD}): ([A-Z]\w*)(: .*)?$",
                  lambda found: f"{found[1]}- {found[3]}{found[4] or ':'}\n{found[1]}  name: {found[2]}",
                  place.text)  # fmt: skip


def _thousands(place: Place) -> str:
    return re.sub(r"(?<=: )(\d+)k\b", r"\g<1>000", place.text)


_REWRITINGS: Final[tuple[tuple[str, Callable[[Place], str]], ...]] = (
    ("write plain blanks", _blanks),
    ("write blanks for the tab", _tabs),
    ("write plain quotes", _quotes),
    ("write a blank behind the dash", _space_behind_dash),
    ("begin the item with `- `", _missing_dash),
    ("write `:` and a blank between an argument and its value", _equals),
    ("leave out the colon in front of `,` or `]`", _colon_in_list),
    ("write a blank behind the colon", _space_behind_colon),
    ("write `:` behind the name", _colon_before_brace),
    ("write braces around the arguments", _parentheses_for_braces),
    ("write braces around the arguments", _braces),
    ("close the brackets", _closing),
    ("leave out the comma at the end", _comma),
    ("write a list", _tuple),
    ("write one number for all axes", _square),
    ("write a list", _times),
    ("write `false`", _none),
    ("write the number out", _thousands),
    ("write the share", _percent),
    ("write the number", _times_of_repeat),
    ("write the item in the column of the one above", _indentation),
    ("write the name beside the layer", _name_in_front),
)


_ALONE: Final = (_closing, _missing_dash, _square, _indentation, _name_in_front)
"""Rewritings that are not tried together with others."""


def mends_of_lines(d: Diagnostic, source: Source) -> Iterator[Fix]:
    """Rewritings of the line of a finding, and of the one above: each that applies, and all together."""
    lines = re.split(r"\r\n?|\n", source.text)
    yield from _without_fences(lines, source)
    if d.code == "yaml-syntax":
        yield from _never_closed(lines, source)
    for number in dict.fromkeys((d.span.line, d.span.line - 1)):
        if not 1 <= number <= len(lines):
            continue
        place = Place(lines[number - 1], lines[: number - 1])
        titles: list[str] = []
        alone: dict[str, str] = {}
        text = place.text
        for title, rewrite in _REWRITINGS:
            once = rewrite(place)
            if once != place.text and once.strip():
                alone.setdefault(once, title)
            more = rewrite(Place(text, place.above)) if rewrite not in _ALONE else text
            if more != text:
                titles.append(title)
                text = more
        for changed, title in alone.items():
            yield Fix(title, (_edit(source, number, place.text, changed),))
        if len(titles) > 1 and text not in alone:
            yield Fix("; ".join(dict.fromkeys(titles)), (_edit(source, number, place.text, text),))


def _never_closed(lines: Sequence[str], source: Source) -> Iterator[Fix]:
    """Brackets that are open where the next item or key begins: they were to be closed before."""
    open_: list[str] = []
    for number, line in enumerate(lines):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"|(?<=\s)#.*|^#.*", "", line)
        if open_ and re.match(r"\s*(?:- |\w+:(?:\s|$))", line):
            last = next(n for n in range(number - 1, -1, -1) if lines[n].strip())
            end = source.line_starts[last] + len(lines[last].rstrip())
            closing = "".join({"{": "}", "[": "]", "(": ")"}[c] for c in reversed(open_))
            yield Fix("close the brackets", (Edit(source.between(end, end), closing),))
            return
        for c in bare:
            if c in "{[(":
                open_.append(c)
            elif c in "}])" and open_:
                open_.pop()


def _edit(source: Source, number: int, old: str, new: str) -> Edit:
    """The smallest edit that makes a line another one."""
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    start = source.line_starts[number - 1]
    return Edit(source.between(start + first, start + len(old) - last), new[first : len(new) - last])


def _without_fences(lines: Sequence[str], source: Source) -> Iterator[Fix]:
    fences = [number for number, line in enumerate(lines) if re.match(r"\s*(```|~~~)", line)]
    if not fences:
        return
    starts = [*source.line_starts, len(source.text)]
    edits = tuple(Edit(source.between(starts[n], starts[n + 1]), "") for n in fences)
    yield Fix("leave out the fences of Markdown", edits)
