"""Runs of equal items become `repeat`, runs that differ in numbers alone become `for`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from netspec.capture.shaping.slots import INDEX, NAME, matches, name_at
from netspec.emit.naming import FreeNames

Entry = tuple[str, ...]
"""The lines of an item."""

_LOOP: Final = re.compile(r"for: ([\w, ]+) in ")
_MOST: Final = 8
"""Items of one round of a loop."""
_LONGEST: Final = 180
"""Characters of an expression with rows; longer ones are variables."""


class Folding:
    """Folds the lists of one spec.

    Args:
        parameters: of each block, the names of what it is given.
        names: those of variables and values of the file, which no loop has, and no table, as those of blocks.
    """

    def __init__(self, parameters: Mapping[str, Sequence[str]], names: Iterable[str] = ()) -> None:
        self.parameters = parameters
        self.tables: dict[str, list[str]] = {}
        """Variables that hold the rows of long loops, each a list of lines."""
        self.looped: set[str] = set()
        """Names of loops."""
        self.taken: frozenset[str] = frozenset()
        """Names that no loop of the list may have: of the parameters and values of the block in which it stands."""
        self._names = frozenset((*names, *parameters))

    def folded(self, entries: Sequence[Entry], _attributes: Sequence[str], /) -> list[Entry]:
        """The entries of a list, shorter where some repeat."""
        return self._counted(_repeated(list(entries)))

    # ---- loops

    def _counted(self, entries: list[Entry]) -> list[Entry]:
        done: list[Entry] = []
        at = 0
        while at < len(entries):
            best = (1, 1)
            for period in range(1, _MOST + 1):
                count = _alike(entries, at, period)
                if count >= 3 and period * count > best[0] * best[1]:
                    best = (period, count)
            period, count = best
            loop = self._loop(entries[at : at + period * count], period, count) if count > 1 else None
            if loop is None:
                done.append(entries[at])
                at += 1
            else:
                done.append(loop)
                at += period * count
        return done

    def _loop(self, entries: Sequence[Entry], period: int, count: int) -> Entry | None:
        rounds = ["\n".join("\n".join(entry) for entry in entries[i * period : (i + 1) * period]) for i in range(count)]
        tokens = [_tokens(text) for text in rounds]
        columns = list(zip(*tokens, strict=True))
        inner = {name for names in _LOOP.findall(rounds[0]) for name in names.split(", ")}
        inner |= self.taken.union(self._names, self.tables)
        free = FreeNames(inner)
        chosen: list[str] = []
        rows: dict[tuple[str, ...], str] = {}
        first = rounds[0]
        spans = [match.span(match.lastindex or 1) for match in matches(first)]
        counts = {column: _counts(first, span) for column, span in zip(columns, spans, strict=True)}
        counters: dict[tuple[str, ...], str] = {}
        for column, (start, _) in sorted(zip(columns, spans, strict=True), key=lambda pair: counts[pair[0]]):
            if len(set(column)) > 1 and column not in rows and not (counts[column] and _shifted(column, counters)):
                name = name_at(first, start, self.parameters)
                rows[column] = free(
                    next((letter for letter in "ijk" if letter not in inner), name) if name == "i" else name
                )
                if counts[column]:
                    counters[column] = rows[column]
        for column in columns:
            text = column[0] if len(set(column)) == 1 else rows.get(column)
            chosen.append(text if text is not None else _shifted(column, counters))
        if not rows:
            return None
        self.looped.update(rows.values())
        named = [match.span(2) for match in NAME.finditer(first)]
        body, last = "", 0
        for text, (start, end) in zip(chosen, spans, strict=True):
            in_name = (start, end) in named and not text.isdigit()
            body += first[last:start] + (f"{{{text}}}" if in_name else text)
            last = end
        body = re.sub(r"name: (\w*\{\w+\}\w*)", r'name: "\1"', body + first[last:])
        return self._written(rows, rounds, body.split("\n"))

    def _written(self, rows: Mapping[tuple[str, ...], str], rounds: Sequence[str], body: Sequence[str]) -> Entry | None:
        count = len(rounds)
        counted = [column for column in rows if column == tuple(map(str, range(count)))]
        if len(rows) == 2 and counted:
            rows = {column: rows[column] for column in sorted(rows, key=lambda column: column not in counted)}
        names = ", ".join(rows.values())
        if len(rows) == 1:
            values = [column[i] for column in rows for i in range(count)]
        elif len(rows) == 2 and counted:
            values = [column[i] for column in list(rows)[1:] for i in range(count)]
        else:
            values = [f"[{', '.join(column[i] for column in rows)}]" for i in range(count)]
        text = f"[{', '.join(values)}]"
        if len(rows) == 1:
            text = _range(values) or text
        if len(text) > _LONGEST:
            given = (name for names in self.parameters.values() for name in names)
            table = FreeNames({*self._names, *self.looped, *self.taken, *self.tables, *given})("rows")
            self.tables[table] = [f"- {value}" for value in values]
            text = table
        if len(rows) == 2 and counted:
            text = f"enumerate({text})"
        head = f"- for: {names} in {text}"
        if not _is_short(body) and sum(map(len, (head, *body))) > 0.9 * sum(map(len, rounds)):
            return None
        return loop_entry(head, body)


def _counts(text: str, span: tuple[int, int]) -> int:
    """Whether a number counts: 1 in a name, `up3`, 2 as the place of a value in its family, `skip[2]`, else 0."""
    if INDEX.search(text[: span[0]]) is not None and text[span[1] : span[1] + 1] == "]":
        return 2
    return int(text[: span[0]][-1:].isidentifier() and not text[span[0] : span[1]][:1].isalpha())


def _shifted(column: Sequence[str], rows: Mapping[tuple[str, ...], str]) -> str:
    """Numbers that count up or down with others: `i - 1`, `4 - i`; nothing where they do not."""
    if not all(value.isdigit() for value in column):
        return ""
    mine = [int(value) for value in column]
    for other, name in rows.items():
        if not all(value.isdigit() for value in other):
            continue
        theirs = [int(value) for value in other]
        ups, downs = ({a + sign * b for a, b in zip(mine, theirs, strict=True)} for sign in (-1, 1))
        if len(ups) == 1:
            shift = ups.pop()
            return f"{name} {'-' if shift < 0 else '+'} {abs(shift)}"
        if len(downs) == 1:
            return f"{downs.pop()} - {name}"
    return ""


def _range(values: Sequence[str]) -> str:
    """Numbers in their order as a range; nothing where a list of them is as short."""
    if values == [str(i) for i in range(len(values))]:
        return f"range({len(values)})"
    if len(values) > 3 and values == [str(int(values[0]) + i) for i in range(len(values)) if values[0].isdigit()]:
        return f"range({values[0]}, {int(values[-1]) + 1})"
    return ""


def _tokens(text: str) -> list[str]:
    return [match[match.lastindex or 1] for match in matches(text)]


def _skeleton(entry: Entry) -> str:
    text = "\n".join(entry)
    if "pattern:" in text or "Rearrange" in text or "unflattened_size" in text:
        return text
    last, found = 0, ""
    for match in matches(text):
        start, end = match.span(match.lastindex or 1)
        found += text[last:start] + "#"
        last = end
    return found + text[last:]


def _alike(entries: Sequence[Entry], at: int, period: int) -> int:
    """How many rounds of this period begin here that differ in numbers alone."""
    wanted = [_skeleton(entry) for entry in entries[at : at + period]]
    if len(wanted) < period or not any("#" in text for text in wanted):
        return 1
    count = 1
    while [_skeleton(e) for e in entries[at + count * period : at + (count + 1) * period]] == wanted:
        count += 1
    return count


def _repeated(entries: list[Entry]) -> list[Entry]:
    """Equal neighbours as one with `repeat`."""
    done: list[Entry] = []
    at = 0
    while at < len(entries):
        best = (1, 1)
        for period in range(1, _MOST + 1):
            count = 1
            while entries[at : at + period] == entries[at + count * period : at + (count + 1) * period]:
                count += 1
            if count > 1 and period * count > best[0] * best[1]:
                best = (period, count)
        period, count = best
        part = entries[at : at + period]
        if count == 1:
            done.append(entries[at])
            at += 1
            continue
        at += period * count
        done.append(repeat_entry(part, str(count)))
    return done


def loop_entry(head: str, body: Sequence[str]) -> Entry:
    """A loop with the lines of its body."""
    if _is_short(body):
        return (head, f"  do: [{_inline(body[0])}]")
    return (head, "  do:", *(f"    {line}" for line in body))


def _is_short(body: Sequence[str]) -> bool:
    """Whether it stands beside its loop."""
    return len(body) == 1 and len(body[0]) < 100


def repeat_entry(part: Sequence[Entry], count: str) -> Entry:
    """Entries that stand there several times."""
    if len(part) == 1:
        return beside(part[0], f"repeat: {count}")
    return (f"- repeat: {count}", "  do:", *(f"    {line}" for entry in part for line in entry))


def beside(entry: Entry, option: str) -> Entry:
    """An entry with one more option."""
    if len(entry) == 1:
        return (f"- {{{_inline(entry[0], beside=True)}, {option}}}",)
    return (*entry, f"  {option}")


def _inline(line: str, *, beside: bool = False) -> str:
    """An item of one line as it stands in a list of flow style."""
    text = line.removeprefix("- ")
    if beside and text.startswith("{") and text.endswith("}"):
        return text[1:-1]
    return f"{text}: " if beside and ":" not in text else text
