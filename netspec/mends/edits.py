"""Changes to the text of a spec: what to write where, in the style that stands there, and the text that comes of it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from netspec.diagnostics import Edit
from netspec.language.items import Item
from netspec.mends.calls import NoChain, folded
from netspec.text.source import MapNode, Node, ScalarNode, Source


class Changed(NamedTuple):
    """A text with edits applied."""

    text: str
    moved: Callable[[int], int]
    """Where an offset of the old text is in the new one; what was replaced is where its replacement begins."""
    lines: frozenset[int]
    """The lines of the new text that were touched, counted from 1."""


def offset(source: Source, line: int, column: int) -> int:
    """The offset of a place in the text of a file."""
    return source.offset(line, column)


def places(source: Source, edits: Sequence[Edit]) -> list[tuple[int, int, str]] | None:
    """Start, end and new text of edits by offsets, in their order; None if two of them overlap."""
    found: list[tuple[int, int, str]] = []
    for edit in edits:
        start = source.offset(*edit.span[1:3])
        end = start if edit.span[1:3] == edit.span[3:5] else source.offset(*edit.span[3:5], end=True)
        found.append((start, end, edit.text.replace("\n", "\r\n") if "\r\n" in source.text else edit.text))
    found.sort()
    return None if any(a[1] > b[0] for a, b in pairwise(found)) else found


def applied(source: Source, edits: Sequence[Edit]) -> Changed | None:
    """The text after the edits, which are all of this file; None if two of them overlap."""
    changes = places(source, edits)
    if changes is None:
        return None
    parts: list[str] = []
    done = 0
    lines: set[int] = set()
    written = 0
    for start, end, text in changes:
        before = source.text[done:start]
        parts += [before, text]
        first = 1 + "".join(parts[:-1]).count("\n")
        within = not text.endswith("\n") or source.text[end - 1 : end] != "\n"  # else the next line is as it was
        lines.update(range(first, first + text.count("\n") + within))
        written += len(before) + len(text)
        done = end
    parts.append(source.text[done:])

    def moved(at: int) -> int:
        shift = 0
        for start, end, text in changes:
            if at < start or (at == start and start == end and not text.endswith("\n")):
                break
            if start <= at < end:
                return start + shift
            shift += len(text) - (end - start)
        return at + shift

    return Changed("".join(parts), moved, frozenset(lines))


_NUMBER: Final = r"(?:(?<![\w.])|(?<=\b[x×X]))\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])"
"""A number by itself, or the one of `x3`."""
_QUOTED: Final = re.compile(r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
"""One text in quotes, in which no number is one and no sign begins a comment."""


def loses(edits: Sequence[Edit], source: Source) -> bool:
    """Whether edits take numbers, or a mark with what stands behind it, away with the text that they stand in. One that
    replaces a number alone may."""
    old: list[str] = []
    marks = 0
    for edit in edits:
        start = offset(source, *edit.span[1:3])
        text = source.text[start : offset(source, *edit.span[3:5])]
        text = re.sub(r"\b(\d+) ?[x×X] ?\1$", r"\1", text)  # a square that becomes one number
        if (text[:1].isalpha() or _QUOTED.fullmatch(text)) and _bare(text) == _bare(edit.text):  # `CIFAR-10`
            text = ""
        text = re.sub(r"\binput_shape: *\[[\d, ]*\]", "", text)  # which goes where `input` says it
        side = re.fullmatch(r" ?[x×X] ?(\d+)", text)
        if side is not None and re.search(rf"\b{side[1]}$", source.text[:start]):  # its second side alone
            text = ""
        if not re.fullmatch(f"-?{_NUMBER}", text.strip(" ,")):
            old.append(text)
        marks += len(re.findall(r"[=:]\S", text)) - len(re.findall(r"[=:]", edit.text))
    new = [edit.text for edit in edits]
    kept = _numbers(old) <= _numbers(new) or _numbers(map(_computed, old)) <= _numbers(map(_computed, new))
    return marks > 0 or not kept


def _numbers(texts: Iterable[str]) -> Counter[float]:
    return Counter(_plain(number) for text in texts for number in re.findall(_NUMBER, text))


def _bare(text: str) -> str:
    """The letters and digits of a text."""
    return "".join(re.findall(r"[^\W_]", text)).casefold()


def _computed(text: str) -> str:
    """A text in which arithmetic over numbers is what comes of it: `16 * 5 * 5` is 400."""

    def value(found: re.Match[str]) -> str:
        try:
            return str(folded(ast.parse(found[0], mode="eval").body, {}))
        except (SyntaxError, NoChain):
            return found[0]

    return re.sub(r"\d+(?:\s*(?:\*\*|//|[-+*/])\s*\d+)+", value, text)


def drops_comment(edits: Sequence[Edit], source: Source) -> bool:
    """Whether edits take a comment away with what stands around it."""
    texts = (source.text[offset(source, *edit.span[1:3]) : offset(source, *edit.span[3:5])] for edit in edits)
    old = (text for text in texts if not _QUOTED.fullmatch(text))
    said = [found for text in old for found in re.findall(r"(?:^|(?<=\s))#[^\r\n]*\w", text)]
    new = "\n".join(edit.text for edit in edits)
    return any(comment not in new for comment in said)


def with_comments(edits: Sequence[Edit], source: Source) -> tuple[Edit, ...]:
    """Edits that write another text each, above which the comments stand that it took away."""
    kept: list[Edit] = []
    for edit in edits:
        start = offset(source, *edit.span[1:3])
        lead = source.text[source.text.rfind("\n", 0, start) + 1 : start]
        old = source.text[start : offset(source, *edit.span[3:5])]
        said = [comment for comment in re.findall(r"(?:^|(?<=\s))#[^\r\n]*\w[^\r\n]*", old) if comment not in edit.text]
        lead = "" if lead.strip() else lead
        own = edit.text[: len(edit.text) - len(edit.text.lstrip(" "))]
        kept.append(edit._replace(text="".join(f"{own}{comment}\n{lead}" for comment in said) + edit.text))
    return tuple(kept)


def _plain(number: str) -> float:
    """A number; a share as what it is of a hundred, so that `50 %` is 0.5."""
    value = float(number)
    return value * 100 if 0 < value < 1 else value


# ---- what to write


def replace(source: Source, node: Node, text: str) -> Edit:
    """Write `text` in the place of a node."""
    return Edit(source.span(node), text)


def put_before(source: Source, item: Item, text: str) -> Edit | None:
    """Write an item in front of another one of the same list; None where the list's style leaves no room for it."""
    start = item.node.start
    begin = source.text.rfind("\n", 0, start) + 1
    dash = source.text.rfind("-", begin, start)
    if dash >= 0 and not source.text[dash + 1 : start].strip():
        place = source.between(dash, dash)
        return Edit(place, f"- {text}\n{' ' * (dash - begin)}")
    before = source.text[:start].rstrip()
    return Edit(source.between(start, start), f"{text}, ") if before[-1:] in ("[", ",") else None


def line_end(source: Source, at: int) -> int:
    """The offset where the line of an offset ends, its line break excluded."""
    stop = re.compile(r"\r?\n|\Z").search(source.text, at)
    assert stop is not None
    return stop.start()


def put_after(source: Source, item: Item, text: str) -> Edit | None:
    """Write an item behind another one of the same list; None where the list's style leaves no room for it."""
    start, end = item.node.start, item.node.end
    begin = source.text.rfind("\n", 0, start) + 1
    dash = source.text.rfind("-", begin, start)
    if dash >= 0 and not source.text[dash + 1 : start].strip():
        stop = line_end(source, end)
        line = f"{' ' * (dash - begin)}- {text}"
        return Edit(source.between(stop, stop), f"\n{line}")
    before = source.text[:start].rstrip()
    return Edit(source.between(end, end), f", {text}") if before[-1:] in ("[", ",") else None


def take_out(source: Source, item: Node) -> Edit | None:
    """Leave an item out of its list: with its lines, or with a comma; None where others would move with it."""
    text = source.text
    begin = text.rfind("\n", 0, item.start) + 1
    stop = line_end(source, item.end)
    behind = text[item.end : stop].strip()
    if text[begin : item.start].strip() == "-" and (not behind or behind.startswith("#")):
        after = re.compile(r"\r?\n|\Z").match(text, stop)
        return Edit(source.between(begin, stop if after is None else after.end()), "")
    before = text[: item.start].rstrip()
    if before[-1:] == ",":
        return Edit(source.between(len(before) - 1, item.end), "")
    comma = re.compile(r"\s*,[ \t]*").match(text, item.end)
    if before[-1:] == "[" and comma is not None:
        return Edit(source.between(item.start, comma.end()), "")
    return None


def leave_out(holder: MapNode, i: int, source: Source) -> Edit:
    """Leave an entry of a mapping out, with its comma or its line."""
    return leave_all_out(holder, (i,), source)[0]


def leave_all_out(holder: MapNode, gone: Collection[int], source: Source) -> list[Edit]:
    """Leave entries of a mapping out: each line in block style, runs of them with their commas in braces."""
    entries, count = holder.entries, len(holder.entries)
    edits: list[Edit] = []
    for i in sorted(gone):
        key, value = entries[i]
        if not holder.flow:
            begin = source.text.rfind("\n", 0, key.start)
            stop = source.text.find("\n", value.end)
            edits.append(Edit(source.between(max(begin, 0), len(source.text) if stop < 0 else stop), ""))
        elif i + 1 not in gone:
            first = next(k for k in range(i, -1, -1) if k - 1 not in gone)
            if i + 1 < count:
                edits.append(Edit(source.between(entries[first][0].start, entries[i + 1][0].start), ""))
            elif first:
                before = max(entries[first - 1][0].end, entries[first - 1][1].end)
                edits.append(Edit(source.between(before, value.end), ""))
            else:
                edits.append(Edit(source.between(entries[0][0].start, value.end), ""))
    return edits


def set_argument(source: Source, item: Item, name: str, text: str, scalar: str | None) -> Edit | None:
    """Give an argument of the item's layer a value, as text.

    Args:
        scalar: the argument that a bare value sets.

    Returns:
        None where the value is not written as itself, but computed, or comes from elsewhere.
    """
    value = item.value
    if value is None or (isinstance(value, ScalarNode) and value.value is None):
        head = item.head
        colon = source.text[head.end : head.end + 1] == ":"
        written = f" {{{name}: {text}}}" if colon else f": {{{name}: {text}}}"
        at = head.end + 1 if colon else head.end
        if not colon and not _may_be_mapping(source, item):
            return None
        return Edit(source.between(at, at), written)
    if isinstance(value, ScalarNode):
        if scalar is None or value.quoted or isinstance(value.value, str):
            return None
        if scalar == name:
            return replace(source, value, text)
        return replace(source, value, f"{{{scalar}: {source.text[value.start : value.end]}, {name}: {text}}}")
    if not isinstance(value, MapNode):
        return None
    known = value.get(name)
    if known is not None:
        computed = not isinstance(known, ScalarNode) or isinstance(known.value, str)
        return None if computed else replace(source, known, text)
    return add_entry(source, value, name, text)


def _may_be_mapping(source: Source, item: Item) -> bool:
    """Whether a bare name may become `name: {…}` where it stands: in a list it may."""
    before = source.text[: item.head.start].rstrip()
    return before[-1:] in ("-", "[", ",")


def add_entry(source: Source, node: MapNode, key: str, text: str) -> Edit | None:
    """Write another entry at the end of a mapping."""
    return add_entries(source, node, [(key, text)])


def add_entries(source: Source, node: MapNode, pairs: Sequence[tuple[str, str]]) -> Edit | None:
    """Write further entries at the end of a mapping; None where it has none, whose style they would have."""
    if not node.entries:
        return None
    texts = [f"{key}: {text}" for key, text in pairs]
    if node.flow:
        last = node.entries[-1][1]
        end = max(last.end, node.entries[-1][0].end)
        return Edit(source.between(end, end), "".join(f", {text}" for text in texts))
    first = node.entries[0][0]
    begin = source.text.rfind("\n", 0, first.start) + 1
    stop = line_end(source, node.end)
    return Edit(source.between(stop, stop), "".join(f"\n{' ' * (first.start - begin)}{text}" for text in texts))


def put_beside(source: Source, item: Item, option: str, text: str) -> Edit | None:
    """Write an option beside an item."""
    if isinstance(item.node, MapNode):
        if item.node.flow and source.text[item.node.start : item.node.start + 1] != "{":  # `[conv: 64]`, without braces
            return None
        return add_entry(source, item.node, option, text)
    return None
