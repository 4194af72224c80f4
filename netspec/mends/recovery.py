"""One mistake that keeps a text from being read does not hide the others: reading goes on behind it.

Where a certain mend of it is known, the text is read as if mended. Else the item that holds it is left out: what it
says is unknown, not wrong, so nothing is told that may only follow from it. Places are those of the file as written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from netspec.diagnostics import Code, Diagnostic, Fix
from netspec.mends.edits import applied, places
from netspec.mends.holes import Hole, holes
from netspec.mends.proof import UNREAD, Found
from netspec.text.source import Mended, Source, parse

MOST: Final = 8
"""Mistakes of a file behind which reading goes on."""

MOST_READ: Final = 80
"""Mends of one mistake whose text is read, to see which of them are worth a check."""

BROKEN: Final[frozenset[Code]] = frozenset(
    {
        "yaml-syntax", "yaml-tag", "yaml-key", "yaml-merge-key", "undefined-alias", "cyclic-alias", "control-character",
        "number-too-large",
    }
)  # fmt: skip
"""Findings behind which a text is not read as a spec."""

_NAMES: Final[frozenset[Code]] = frozenset(
    {
        "unknown-layer", "unknown-name", "unknown-output", "unknown-target", "unknown-parameter", "unused-value",
        "unused-block", "unused-variable", "undefined-alias", "shared-once", "unread-output", "unknown-function",
    }
)  # fmt: skip
"""Findings about a name that is nowhere else: in what was left out it may be."""


_WORDS: Final = re.compile(r"\w+")


class Gap(NamedTuple):
    """A mistake that keeps a text from being read, and what is read in its place."""

    d: Diagnostic
    edits: tuple[tuple[int, int, str], ...]
    """By offsets in the file. Those of the item that is left out, or those of a mend."""
    text: str = ""
    """What was left out."""
    entry: bool = False
    """Whether that was an entry of a mapping."""

    def holds(self, d: Diagnostic, source: Source) -> bool:
        """Whether a finding stands in what was left out."""
        at = source.offset(*d.span[1:3])
        return bool(self.text) and any(start <= at < end for start, end, _ in self.edits)


class Gaps(NamedTuple):
    """All mistakes of a file that keep it from being read."""

    source: Source
    """The file as it is written."""
    gaps: tuple[Gap, ...]
    unread: Diagnostic | None = None
    """The one behind which reading could not go on."""

    def filled(self, but: Sequence[Gap] = ()) -> Source:
        """The text with something readable in the place of each mistake, but of some."""
        edits = sorted(edit for gap in self.gaps if gap not in but for edit in gap.edits)
        return Mended(self.source, edits)

    def behind(self, d: Diagnostic) -> int:
        """How many characters there are from a mistake to the end of the file."""
        return len(self.source.text) - self.source.offset(*d.span[1:3])

    @property
    def rest(self) -> int:
        """How many characters at the end of the file cannot be read."""
        return 0 if self.unread is None else self.behind(self.unread)

    def without_loss(self, d: Diagnostic) -> Diagnostic:
        """The mistake without a mend that takes words away with the lines that they stand in: what was left out is one
        place for all that is in it."""
        for start, end, text in () if d.fix is None else places(self.source, d.fix.edits) or ():
            old = re.sub(r"(?m)^\s*(?:```|~~~|---|%).*$", "", self.source.text[start:end])
            if re.search(r"[\r\n]", old.strip()) and Counter(_WORDS.findall(old)) - Counter(_WORDS.findall(text)):
                return d._replace(fix=None)
        return d

    def mended(self, gaps: Sequence[Gap], d: Diagnostic) -> Gaps:
        """With a certain mend in the place of what was left out; as it was, if the mend is not certain."""
        d = self.without_loss(d)
        edits = places(self.source, d.fix.edits) if d.fix is not None and d.fix.certain else None
        others = [edit for other in self.gaps if other not in gaps for edit in other.edits]
        new = gaps[0]._replace(d=d)
        if edits is not None and not _overlap(edits, others):
            new = Gap(d, tuple(edits))
        kept = [new if each is gaps[0] else each for each in self.gaps if each is gaps[0] or each not in gaps]
        return self._replace(gaps=tuple(kept))

    def beyond(self, d: Diagnostic) -> Gaps | None:
        """With a certain mend of the one that could not be left out; None if there is none."""
        edits = places(self.source, d.fix.edits) if d.fix is not None and d.fix.certain else None
        others = [edit for gap in self.gaps for edit in gap.edits]
        if edits is None or len(self.gaps) >= MOST or _overlap(edits, others):
            return None
        return self._replace(gaps=(*self.gaps, Gap(d, tuple(edits))))

    def follows(self, d: Diagnostic) -> bool:
        """Whether a finding may only follow from what was left out."""
        if d.span.in_setting:
            return False
        if d.code == "missing-key" and any(gap.entry for gap in self.gaps):
            return True
        if any(gap.holds(d, self.source) for gap in self.gaps):
            return True
        if d.code not in _NAMES:
            return False
        start, end = self.source.offset(*d.span[1:3]), self.source.offset(*d.span[3:5])
        names = set(re.findall(r"\w+", self.source.text[start:end]))
        return any(not names.isdisjoint(re.findall(r"\w+", gap.text)) for gap in self.gaps)


def _overlap(some: Sequence[tuple[int, int, str]], others: Sequence[tuple[int, int, str]]) -> bool:
    return any(a[0] < b[1] and b[0] < a[1] for a in some for b in others)


def first_broken(source: Source) -> Diagnostic | None:
    """The first mistake that keeps a text from being read as a spec."""
    return next((d for d in parse(source)[1] if d.code in BROKEN), None)


def gaps_of(found: Gaps) -> Gaps:
    """What of a text is to be left out, besides what is known already, so that the rest can be read."""
    found = found._replace(unread=None)
    while (d := first_broken(now := found.filled())) is not None:
        gap = _gap(now, d, found.source) if len(found.gaps) < MOST else None
        if gap is None:
            return found._replace(unread=d)
        start, end, _ = gap.edits[0]
        kept = [
            each._replace(edits=()) if each.edits and start <= each.edits[0][0] and each.edits[-1][1] <= end else each
            for each in found.gaps
        ]
        found = found._replace(gaps=(*kept, gap))
    return found


def _gap(now: Source, d: Diagnostic, source: Source) -> Gap | None:
    """The smallest piece around a mistake behind which reading goes on."""
    name = UNREAD
    while name in now.text:
        name += "_"
    for hole in holes(now.text, now.offset(*d.span[1:3]), name):
        if _is_read(Mended(now, [(hole.start, hole.end, hole.text)]), hole):
            span = now.between(hole.start, hole.end)
            start, end = source.offset(*span[1:3]), source.offset(*span[3:5])
            return Gap(d, ((start, end, hole.text),), source.text[start:end], hole.entry)
    return None


def _is_read(source: Source, hole: Hole) -> bool:
    """Whether a text can be read up to the end of the line of what stands for a hole, and further."""
    stop = re.compile(r"[\r\n]|\Z").search(source.text, hole.start + len(hole.text))
    assert stop is not None
    d = first_broken(source)
    return d is None or source.offset(*d.span[1:3]) > stop.start()


def together(gaps: Gaps, left: Sequence[Gap], fixes: Iterable[Fix]) -> Iterator[tuple[Fix, list[Gap]]]:
    """Those of some mends that mend several of the mistakes that are left, the first among them, which are then one."""
    text = gaps.filled(left)
    for fix in islice(fixes, MOST_READ):
        changed = applied(text, fix.edits)
        if changed is None:
            continue
        mended = Source(text.name, changed.text)
        d = first_broken(mended)
        rest = 0 if d is None else len(mended.text) - mended.offset(*d.span[1:3])
        one = [each for each in left if gaps.behind(each.d) > rest]
        if len(one) > 1 and rest in (gaps.rest, *(gaps.behind(each.d) for each in left)):
            yield fix, one


def goes_on(source: Source, fix: Fix, behind: int | None) -> bool:
    """Whether a text with a mend can be read: up to so many characters before its end, or wholly, for 0. None asks only
    that it can be read further than the mend goes."""
    changed = applied(source, fix.edits)
    if changed is None:
        return False
    mended = Source(source.name, changed.text)
    d = first_broken(mended)
    if d is None:
        return True
    if behind is None:
        return d.span.line > max(changed.lines, default=0)
    return len(mended.text) - mended.offset(*d.span[1:3]) == behind


def is_a_spec(text: str) -> bool:
    """Whether a text that cannot be read is one of ours, so that further mistakes in it are worth telling."""
    return re.search(r"^\W*(?:input|layers)\b", text, re.MULTILINE) is not None


Read = Callable[[Source], Found]
"""Reads a text as the file was read."""
