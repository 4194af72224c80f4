"""Slips of YAML, searched for by lines: a missing dash, a wrong indentation, brackets over several lines, a fence of
Markdown around the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.reading import KEYS
from netspec.layers import OWN
from netspec.mends.line import WORD, Line
from netspec.mends.pasted import readings
from netspec.mends.rewritings import REWRITINGS, Rewriting
from netspec.text.source import Source
from netspec.text.traps import OPTIONS

_LONGEST: Final = 1000
"""Characters of a line that is written anew: whoever writes by hand writes less."""
_COLUMNS: Final = 5
"""How many columns are tried for a line."""
_WIDTHS: Final = (2, 4, 8)
"""Blanks that a tab may stand for."""
_PAIRS: Final = {"{": "}", "[": "]", "(": ")"}


class Slip(NamedTuple):
    """A mend of a slip, and what it was."""

    fix: Fix
    wrong: str


class TextLines:
    """A text by its lines, counted from 0: what stands in each without its comment, and where it begins."""

    def __init__(self, source: Source) -> None:
        self.source: Final = source
        self.whole: Final = re.split(r"\r\n?|\n", source.text)
        self.texts: Final = [_without_comment(line) for line in self.whole]
        self.starts: Final = source.line_starts

    def indent(self, n: int) -> int:
        """The column, from 0, where a line begins."""
        return len(self.texts[n]) - len(self.texts[n].lstrip())

    def is_item(self, n: int) -> bool:
        """Whether a line begins with a dash."""
        return self.texts[n].lstrip().startswith("- ")

    def content(self, n: int) -> int:
        """The column of what stands behind the dashes."""
        found = re.match(r"\s*(?:- +)*", self.texts[n])
        return found.end() if found else 0

    def beside(self, n: int, step: int) -> int | None:
        """The nearest line above (-1) or below (1) in which something stands."""
        n += step
        while 0 <= n < len(self.texts) and not self.texts[n].strip():
            n += step
        return n if 0 <= n < len(self.texts) else None

    def above(self, n: int) -> int | None:
        """The nearest line above that begins further out."""
        return next(
            (i for i in range(n - 1, -1, -1) if self.texts[i].strip() and self.indent(i) < self.indent(n)), None
        )

    def at(self, n: int) -> Line:
        """A line with those around it."""
        return Line(self.texts[n], self.texts, n)

    def edit(self, n: int, new: str) -> Edit:
        """The smallest edit that makes a line another one."""
        old = self.texts[n]
        first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        last = 0
        while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
            last += 1
        start = self.starts[n]
        return Edit(self.source.between(start + first, start + len(old) - last), new[first : len(new) - last])

    def fix(self, title: str, changed: dict[int, str]) -> Fix:
        """A mend that makes some lines others."""
        return Fix(title, tuple(self.edit(n, new) for n, new in sorted(changed.items())))

    def run(self, n: int) -> range:
        """The lines of the same kind in the same column, from one on."""
        stop = n + 1
        while stop < len(self.texts) and self.texts[stop].strip():
            if self.indent(stop) != self.indent(n) or self.is_item(stop) != self.is_item(n):
                break
            stop += 1
        return range(n, stop)


def _without_comment(line: str) -> str:
    for found in re.finditer(r"(?<!\S)#", line):
        before = line[: found.start()]
        if before.count('"') % 2 == 0 and before.count("'") % 2 == 0:
            return before.rstrip()
    return line.rstrip()


def mends_of_lines(d: Diagnostic, source: Source) -> Iterator[Slip]:
    """Rewritings of the line of a finding and of those around it, the likeliest first."""
    lines = TextLines(source)
    n = source.text.count("\n", 0, source.offset(*d.span[1:3]))
    if "\r" in source.text and "\n" not in source.text:
        n = source.text.count("\r", 0, source.offset(*d.span[1:3]))
    yield from _without_fences(lines)
    if d.code not in ("yaml-syntax", "control-character"):
        yield from _dashes_before_arguments(lines, n)
        last = n + d.span.end_line - d.span.line
        for near in dict.fromkeys((min(last, len(lines.texts) - 1), n, max(n - 1, 0))):
            yield from _in_line(lines, near)
        return
    yield from _called_with_options(lines, n)
    yield from _under_a_loop(lines, n)
    yield from _deeper_above(lines, n)
    around = [near for near in (n, lines.beside(n, 1), lines.beside(n, -1)) if near is not None]
    yield from _in_line(lines, n)
    yield from _over_lines(lines, n)
    for near in around[1:]:
        yield from _in_line(lines, near)
    for near in around:
        yield from _in_another_column(lines, near)
    yield from _habits(lines)
    yield from _tabs(lines)


def _called_with_options(lines: TextLines, n: int) -> Iterator[Slip]:
    """`- nn.Linear(784, 128)` with `name: fc1` beneath it: the call as an item, to which the option belongs."""
    for at in (n, lines.beside(n, -1)):
        found = None if at is None else re.match(r"(\s*- )([\w.]+(?: = [\w.]+)?\(.*\)),?$", lines.texts[at])
        below = None if at is None else lines.beside(at, 1)
        if found is None or at is None or below is None or lines.is_item(below) or lines.indent(below) != len(found[1]):
            continue
        own = re.match(r"\s*name:", lines.texts[below])
        for items in readings(found[2], OWN):
            if len(items) == 1:
                call = items[0].call if ":" in items[0].call else f"{items[0].call}:"
                named = f"\n{' ' * len(found[1])}name: {items[0].name}" if items[0].name and own is None else ""
                said = (items[0] if named else items[0]._replace(name=None)).said
                fix = lines.fix(f"write {said}", {at: found[1] + call + named})
                yield Slip(fix, "a call of Python stands where an item should stand")


def _under_a_loop(lines: TextLines, n: int) -> Iterator[Slip]:
    """Items right below `for: …` or `repeat: …`, without the `do` that they belong to."""
    for last in (lines.above(n), n):
        found = None if last is None else re.match(r"(\s*- )(for|repeat|when): *[^\[{].*?(:?)$", lines.texts[last])
        below = None if last is None else lines.beside(last, 1)
        if found is None or last is None or below is None or not lines.is_item(below):
            continue
        column = len(found[1])
        if lines.indent(below) >= column:
            text = lines.texts[last].removesuffix(":")
            fix = lines.fix("write `do:` above the items", {last: f"{text}\n{' ' * column}do:"})
            yield Slip(fix, f"the items of a `{found[2]}` stand under a `do`")


def _deeper_above(lines: TextLines, n: int) -> Iterator[Slip]:
    """Items further in than the one that follows: they are to stand in its column."""
    here = re.match(r"( *)- ", lines.texts[n])
    if here is None:
        return
    edits: list[Edit] = []
    for number in range(n - 1, -1, -1):
        above = re.match(r"( +)- ", lines.texts[number])
        if above is None or len(above[1]) <= len(here[1]):
            break
        start = lines.starts[number]
        edits.append(Edit(lines.source.between(start, start + len(above[1])), here[1]))
    if edits:
        wrong = f"the items in front of this one begin further in, and it begins in column {len(here[1]) + 1}"
        yield Slip(Fix("write the items in one column", tuple(edits)), wrong)


def _in_line(lines: TextLines, n: int) -> Iterator[Slip]:
    """Each rewriting that applies to a line, and those that go together."""
    line = lines.at(n)
    if not line.text.strip() or len(line.text) > _LONGEST:
        return
    done: list[Rewriting] = []
    text = line.text
    alone: dict[str, Rewriting] = {}
    for each in REWRITINGS:
        once = each.rewrite(line)
        if once != line.text and once.strip():
            alone.setdefault(once, each)
        more = each.rewrite(line._replace(text=text)) if each.with_others else text
        if more != text:
            done.append(each)
            text = more
    for changed, each in alone.items():
        yield Slip(lines.fix(each.title, {n: changed}), each.slip)
    if len(done) > 1 and text not in alone:
        title = "; ".join(dict.fromkeys(each.title for each in done))
        yield Slip(lines.fix(title, {n: text}), "; ".join(dict.fromkeys(each.slip for each in done)))


def _habits(lines: TextLines) -> Iterator[Slip]:
    """A slip that was made in several lines."""
    for each in REWRITINGS:
        if not each.habit:
            continue
        changed = {
            n: new
            for n, text in enumerate(lines.texts)
            if text.strip()
            and len(text) <= _LONGEST
            and not text.startswith("description")
            and (new := each.rewrite(lines.at(n))) != text
        }
        if len(changed) > 1:
            yield Slip(lines.fix(f"{each.title}, in {len(changed)} lines", changed), each.slip)


# ---- columns


def _columns(lines: TextLines, n: int) -> list[int]:
    """The columns that a line may have been meant for: those of its neighbours of the same kind first."""
    below, above = lines.beside(n, 1), lines.beside(n, -1)
    item, top = lines.is_item(n), lines.texts[n].split(":")[0].strip() in KEYS
    beside = [lines.indent(i) for i in range(len(lines.texts)) if lines.texts[i].strip() and lines.is_item(i) == item]
    lead = lines.texts[n][: lines.indent(n)]
    columns = [width for tab in _WIDTHS if (width := len(lead.replace("\t", " " * tab))) in beside and "\t" in lead]
    if below is not None and lines.is_item(below) == item:
        columns.append(lines.indent(below))
    if above is not None and lines.texts[above].endswith(":"):
        columns.append(lines.content(above) + 2)
    columns += [lines.indent(i) for i in range(n - 1, -1, -1) if lines.texts[i].strip() and lines.is_item(i) == item]
    if above is not None:
        columns.append(lines.content(above))
    if below is not None:
        columns.append(lines.indent(below))
    return [column for column in dict.fromkeys(columns) if column or top or item][:_COLUMNS]


def _in_another_column(lines: TextLines, n: int) -> Iterator[Slip]:
    """A line, with what stands deeper below it, or with those of its kind below it, in another column."""
    own = lines.indent(n)
    deeper = list(takewhile(lambda i: not lines.texts[i].strip() or lines.indent(i) > own,
                            range(n + 1, len(lines.texts))))  # fmt: skip
    column = "a tab character indents this line" if "\t" in lines.texts[n][:own] else (
        f"this line begins in column {own + 1}"
    )  # fmt: skip
    key = re.match(rf"\s+({WORD})\s*:", lines.texts[n])
    option = key is not None and key[1] in OPTIONS
    for to in _columns(lines, n):
        if to == 0 and option:  # it is of a layer, and not of the whole
            continue
        if to == own and "\t" not in lines.texts[n][:own]:
            continue
        message = f"{column}, and those that it belongs to in column {to + 1}"
        title = f"write it in column {to + 1}"
        for moved in ([n], [n, *deeper], list(lines.run(n))):
            changed = {i: " " * max(to + lines.indent(i) - own, 0) + lines.texts[i].lstrip()
                       for i in moved if lines.texts[i].strip()}  # fmt: skip
            yield Slip(lines.fix(title if len(moved) == 1 else f"{title}, with its lines", changed), message)


def _tabs(lines: TextLines) -> Iterator[Slip]:
    """Tabs at the beginnings of lines, each for so many blanks."""
    tabbed = [n for n, text in enumerate(lines.texts) if "\t" in text[: lines.indent(n)]]
    for width in _WIDTHS if tabbed else ():
        changed: dict[int, str] = {}
        for n in tabbed:
            text = lines.texts[n]
            changed[n] = text[: lines.indent(n)].replace("\t", " " * width) + text.lstrip()
        yield Slip(lines.fix(f"write {width} blanks for each tab", changed),
                   "a tab character indents this line: YAML is indented with spaces only")  # fmt: skip


# ---- several lines


def _over_lines(lines: TextLines, n: int) -> Iterator[Slip]:
    yield from _never_closed(lines)
    yield from _no_commas(lines, n)
    yield from _rest_below(lines, n)
    yield from _brackets_around_items(lines)


def _never_closed(lines: TextLines) -> Iterator[Slip]:
    """Brackets that are open where the next item or key begins: they were to be closed before."""
    open_: list[tuple[int, str]] = []
    for n, line in enumerate([*lines.texts, "end:"]):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
        outside = bool(open_) and bool(line.strip()) and (
            n == len(lines.texts) or lines.indent(n) <= lines.indent(open_[-1][0])
        )  # fmt: skip
        if outside and re.match(r"\s*(?:- |[\w(), ]+:(?:\s|$))", line):
            last = lines.beside(n, -1)
            assert last is not None
            closing = "".join(_PAIRS[c] for _, c in reversed(open_))
            text = lines.texts[last]
            yield Slip(lines.fix("close the brackets", {last: text + closing}), "a bracket is never closed")
            yield Slip(
                lines.fix("close the brackets", {last: text.rstrip(", ") + closing}), "a bracket is never closed"
            )
            return
        for c in bare:
            if c in _PAIRS:
                open_.append((n, c))
            elif c in _PAIRS.values() and open_:
                open_.pop()


def _no_commas(lines: TextLines, n: int) -> Iterator[Slip]:
    """Arguments in braces, one on each line, without commas."""
    last = next((i for i in range(n, len(lines.texts)) if lines.texts[i].count("}") > lines.texts[i].count("{")), None)
    if last is None or last == n or lines.texts[n].count("{") <= lines.texts[n].count("}"):
        return
    changed = {
        i: f"{lines.texts[i]},"
        for i in range(n, last)
        if not re.search(r"[,{\[]$", lines.texts[i]) and lines.texts[i].strip()
        and not re.match(r"\s*[}\]]", lines.texts[i + 1])
    }  # fmt: skip
    if changed:
        yield Slip(lines.fix("write commas", changed), "inside braces, a comma stands between two arguments")


def _rest_below(lines: TextLines, n: int) -> Iterator[Slip]:
    """`- Conv2d: out_channels: 6`, with further arguments in the lines below."""
    found = re.fullmatch(rf"(\s*(?:- )?{WORD}:) +({WORD}:.*)", lines.texts[n])
    below = lines.beside(n, 1)
    if found is not None and below is not None and lines.indent(below) > lines.indent(n):
        text = f"{found[1]}\n{' ' * lines.indent(below)}{found[2]}"
        yield Slip(lines.fix("write each argument on a line of its own", {n: text}),
                   "the first argument stands beside its layer, and the others below")  # fmt: skip


def _brackets_around_items(lines: TextLines) -> Iterator[Slip]:
    """`layers: [`, items with dashes, `]`."""
    for n, text in enumerate(lines.texts):
        if not text.endswith("[") or not text[:-1].rstrip().endswith(":"):
            continue
        below = lines.beside(n, 1)
        if below is None or not lines.is_item(below):
            continue
        closing = next((i for i in range(below, len(lines.texts)) if re.fullmatch(r"\s*\],?", lines.texts[i])), None)
        changed = {n: text[:-1].rstrip()}
        if closing is not None:
            changed[closing] = ""
        yield Slip(lines.fix("leave out the brackets", changed), "a list has brackets or dashes, and not both")


def _dashes_before_arguments(lines: TextLines, n: int) -> Iterator[Slip]:
    """Arguments that are written as a list."""
    run = lines.run(n)
    if lines.is_item(n) and len(run) > 0 and all(re.match(r"\s*- +[a-z_]+: ", lines.texts[i]) for i in run):
        changed = {i: re.sub(r"^(\s*)- +", r"\1", lines.texts[i]) for i in run}
        yield Slip(
            lines.fix("leave out the dashes", changed), "arguments have no dashes: each is a name with its value"
        )


def _without_fences(lines: TextLines) -> Iterator[Slip]:
    fences = [n for n, line in enumerate(lines.whole) if re.match(r"\s*(```|~~~)", line)]
    if not fences:
        return
    starts: Sequence[int] = [*lines.starts, len(lines.source.text)]
    edits = tuple(Edit(lines.source.between(starts[n], starts[n + 1]), "") for n in fences)
    yield Slip(Fix("leave out the fences of Markdown", edits), "a fence of Markdown is no part of a spec")
