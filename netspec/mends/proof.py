"""Mends are compiled before they are shown: applied in memory, and the spec checked again.

A mend is proven if its finding is gone and no other error has come. Where what was wrong hid what stands behind it (a
name that is none, say), errors elsewhere may come to light; on the lines that the mend writes none may.

The number of checks is bounded for each finding and for each file, and so is what they may walk together: the items
of the spec, each as often as it is repeated. So no clock decides what is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

from netspec.diagnostics import Code, Diagnostic, Edit, Fix, Span
from netspec.language.clues import Clues
from netspec.language.spec import Spec
from netspec.mends.edits import Changed, applied, offset
from netspec.text.source import Source

FOR_ONE: Final = 5
"""The checks that one finding may cost."""
FOR_ALL: Final = 40
"""The checks that a file may cost."""
FOR_AGREEMENT: Final = 8
"""How many of those are kept to see whether the certain mends hold together."""
MOST_IN_VAIN: Final = 2
"""How often the same signs are put in for findings of one code, to no avail, before others get the checks."""
ITEMS: Final = 12_000
"""The items that those checks may walk. The first may walk more, that of a large net."""
OF_A_FINDING: Final = 2
"""What it takes to tell of a finding, in items."""

UNREAD: Final = "_unread"
"""How the names begin that stand for what cannot be read: findings in their lines do not count."""


class Found(NamedTuple):
    """What was read of a text, and what was found in it."""

    spec: Spec | None
    found: Sequence[Diagnostic]
    clues: Clues


Recheck = Callable[[str], Found]
"""All findings about a text, as the spec was checked."""

Verdict = Literal["clean", "reveals", "fails"]

HIDING: Final[frozenset[Code]] = frozenset(
    {
        "yaml-syntax", "duplicate-key", "flow-split", "comment-in-expression", "unknown-layer", "unknown-key",
        "unknown-option", "unknown-argument", "unknown-name", "scalar-argument", "list-argument", "missing-argument",
        "invalid-argument", "quoted-value", "wrong-form", "two-heads", "option-as-argument", "option-without-item",
        "expression-syntax", "unknown-function", "unknown-data-set", "unknown-transform", "unknown-optimizer",
        "unknown-scheduler", "unknown-loss", "unknown-metric", "wrong-rank", "batch-axis", "unknown-output",
        "unknown-target", "unknown-initializer", "unknown-parametrization", "yaml-key", "not-a-spec", "missing-key",
        "too-many-arguments", "expression-forbidden", "bad-loop", "expression-type", "bad-signature",
    }
)  # fmt: skip
"""Findings behind which nothing, or less, is known of what follows: others may come to light once they are mended."""


MEANT: Final[frozenset[Code]] = frozenset({"missing-argument", "width-mismatch", "shape-mismatch", "wrong-rank"})
"""Findings about what is meant, which are no sign that it was written down wrongly by a mend."""


GUESSED: Final[frozenset[Code]] = frozenset({"wrong-rank", "batch-axis"})
"""Findings whose mends guess what the input was meant to be."""


OF_NEIGHBOURS: Final[frozenset[Code]] = frozenset(
    {"nothing-between", "dropout-before-norm", "inplace-corrupts", "softmax-twice", "untaught-router"}
)
"""Warnings about what stands beside a layer, which errors hide: a mend of an error brings them to light, and is none
the worse for it."""


FROM_A_NAME: Final[frozenset[tuple[Code, Code]]] = frozenset(
    {("unknown-loss", "loss-mismatch"), ("wrong-form", "loss-mismatch")}
)
"""Warnings that come of a name that is known now, and of what stands elsewhere: the name is right all the same."""


NAMES: Final[frozenset[Code]] = frozenset(
    {
        "unknown-key", "unknown-layer", "unknown-optimizer", "unknown-scheduler", "unknown-loss",
        "unknown-metric", "unknown-data-set", "unknown-transform",
    }
)  # fmt: skip
"""Names that are none, behind which whatever stands beside them was not read."""


OF_EXPRESSIONS: Final[frozenset[Code]] = frozenset({"expression-syntax", "expression-forbidden", "unknown-function"})
"""Findings about how a value is written, which the name of its argument cannot bring about."""


OF_A_WORD: Final[tuple[Code, Code]] = ("unknown-name", "wrong-rank")
"""A word in the place of a value, which hides how many axes the layer takes: it has no part in that."""


OF_TEXT: Final[frozenset[Code]] = frozenset({"yaml-syntax", "wrong-form", "not-a-spec", "control-character"})
"""Findings that hide what the text says, so that a rewriting cannot be expected to answer all that comes to light."""


REMARKS: Final[frozenset[Code]] = frozenset({"needs-batch-2"})
"""Warnings that hold of what is right, too."""


class Budget:
    """What the mends of a file may cost, counted in checks and in what they walk."""

    def __init__(self, checks: int = FOR_ALL, items: int = ITEMS) -> None:
        self.checks = checks
        self.items = items

    @property
    def spent(self) -> bool:
        """Whether no more mends are to be checked, each alone."""
        return self.checks <= FOR_AGREEMENT or self.items <= 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing more is to be checked."""
        return self.checks <= 0 or self.items <= 0

    def pay(self, checked: Found) -> None:
        """Count a check."""
        self.checks -= 1
        self.items -= checked.clues.items_walked + OF_A_FINDING * len(checked.found)


class Proof:
    """The mends of one file, tried one after another."""

    def __init__(
        self, source: Source, found: Sequence[Diagnostic], recheck: Recheck, budget: Budget | None = None
    ) -> None:
        self.source: Final = source
        self.found: Final = found
        self.budget: Final = budget or Budget()
        self.answered: Final[dict[Fix, frozenset[tuple[Code, Span]]]] = {}
        """For each mend that is clean, all findings that it answers."""
        self.recheck: Final = recheck
        self.suggested: Final[set[tuple[Edit, ...]]] = set()
        """The mends that suggest themselves where findings are made: they do even where others come to light."""
        self.aside: tuple[Edit, ...] = ()
        """The mend of a mistake further up that may speak against what is right."""
        self.refused = False
        """Whether mends were left untried, since all that the file may cost was spent."""
        self.remembered: Final[set[Fix]] = set()
        """The mends that were not tried, as the same mend of the same mistake was further up."""
        self._alike: Final[dict[tuple[object, ...], Verdict]] = {}
        """What came of the mend of the same mistake further up. Whether all of them hold is seen once, of all certain
        mends together."""
        self._failed: Final[set[tuple[object, ...]]] = set()
        self._in_vain: Final[Counter[tuple[Code, tuple[str, ...]]]] = Counter()
        """How often a slip was supposed for a code, by the signs that it would have left out, and was none."""
        self._mended: Final[set[tuple[Code, str]]] = set()
        """The mistakes, as they are told, for which a certain mend is known: those that failed are not tried again."""
        self.last: Sequence[Diagnostic] = found
        """The findings about the text with the mend that was tried last."""
        self._places: Final = [
            (d.code, offset(source, d.span.line, d.span.column)) for d in found if not d.span.in_setting
        ]

    def checked(self, text: str) -> Sequence[Diagnostic]:
        """All findings about another text, whose check is paid for."""
        made = self.recheck(text)
        self.budget.pay(made)
        return made.found

    def first(self, d: Diagnostic, mends: Iterable[Fix], reveals: Callable[[Fix], bool] = lambda _: True) -> list[Fix]:
        """The first of some mends of a finding that is proven, and the next one if that is not certain: then neither
        is. None if none of those that may be tried is proven.

        Args:
            reveals: whether a mend may do behind which other findings come to light, if none does without.
        """
        clean: list[Fix] = []
        second: Fix | None = None
        left = iter(mends)
        for _ in range(FOR_ONE):
            if (fix := next(left, None)) is None:
                break
            if self._in_vain[d.code, _inserted(fix)] >= MOST_IN_VAIN:
                continue
            verdict = self._remembered(d, fix)
            if verdict is None and self.budget.spent:
                self.refused = True
                break
            verdict = verdict or self.tried(d, fix)
            self._remember(d, fix, verdict)
            if verdict == "clean":
                clean.append(fix._replace(certain=False) if clean else fix)
            if verdict == "reveals" and second is None and reveals(fix):
                second = fix
            if len(clean) == 2 or (clean and clean[0].certain):
                break
        if second is not None and d.code in GUESSED:  # what comes to light may say that another one is meant
            second = second._replace(certain=False)
        return clean or ([] if second is None else [second])

    def _remembered(self, d: Diagnostic, fix: Fix) -> Verdict | None:
        """What came of a mend further up that writes the same for the same mistake; None where that is to be tried.
        Only what will be told as certain is remembered, since that is what is proven once more for all together."""
        verdict = self._alike.get(_kind_of(d, fix))
        stays_certain = verdict == "clean" or fix.edits in self.suggested or d.code in OF_TEXT
        if verdict is not None and fix.certain and d.severity == "error" and d.code not in GUESSED and stays_certain:
            self.remembered.add(fix)
            if verdict == "clean":
                self.answered[fix] = frozenset([(d.code, d.span)])
            return verdict
        failed = (d.code, d.message) in self._mended and (d.message, *_kind_of(d, fix)) in self._failed
        return "fails" if failed else None

    def _remember(self, d: Diagnostic, fix: Fix, verdict: Verdict) -> None:
        if verdict == "fails":
            self._failed.add((d.message, *_kind_of(d, fix)))
            if _inserted(fix):
                self._in_vain[d.code, _inserted(fix)] += 1
            return
        self._alike[_kind_of(d, fix)] = verdict
        if fix.certain:
            self._mended.add((d.code, d.message))

    def tried(self, d: Diagnostic, fix: Fix) -> Verdict:
        """What comes of a mend."""
        if any(edit.span.file != self.source.name for edit in fix.edits):
            return "fails"
        verdict = self._tried(d, fix, fix.edits)
        if verdict == "fails" and self.aside and not self.budget.spent and not set(self.aside) & set(fix.edits):
            verdict = self._tried(d, fix, (*fix.edits, *self.aside))
        return verdict

    def asked(self, edits: Sequence[Edit]) -> Sequence[Diagnostic] | None:
        """All findings about the text with edits, as a question to the spec; None where no check is left for it."""
        changed = applied(self.source, edits)
        return None if changed is None or self.budget.is_empty else self.checked(changed.text)

    def _tried(self, d: Diagnostic, fix: Fix, edits: Sequence[Edit]) -> Verdict:
        changed = applied(self.source, edits)
        if changed is None or changed.text == self.source.text:
            return "fails"
        now = Source(self.source.name, changed.text)
        self.last = after = self.checked(changed.text)
        verdict = self._verdict(d, changed, after, now)
        if verdict == "clean":
            left = {(other.code, offset(now, other.span.line, other.span.column)) for other in after}
            places = zip(self._places, self.found, strict=False) if len(self._places) == len(self.found) else ()
            gone = (other for (code, at), other in places if (code, changed.moved(at)) not in left)
            self.answered[fix] = frozenset((other.code, other.span) for other in gone)
        return verdict

    def _verdict(self, d: Diagnostic, changed: Changed, after: Sequence[Diagnostic], now: Source) -> Verdict:
        lines = re.split(r"\r\n?|\n", changed.text)
        before = Counter((code, changed.moved(at)) for code, at in self._places)
        gone = (d.code, changed.moved(offset(self.source, d.span.line, d.span.column)))
        known = {(code, now.between(changed.moved(at), changed.moved(at)).line) for code, at in self._places}
        known.discard((d.code, d.span.line))
        verdict: Verdict = "clean"
        for other in after:
            unread = other.code != "yaml-syntax" and UNREAD in lines[other.span.line - 1]
            if other.span.in_setting or other.code in REMARKS or unread:
                continue
            place = (other.code, offset(now, other.span.line, other.span.column))
            if place == gone and not before[place] > 1:
                return "fails"
            if before[place]:
                before[place] -= 1
                continue
            if d.code == "unknown-argument" and (other.code, other.span.line) in known:  # of the value, by either name
                continue
            if d.severity == "error" and (other.code in OF_NEIGHBOURS or (d.code, other.code) in FROM_A_NAME):
                continue
            broken = d.code in ("yaml-syntax", "not-a-spec") or len(changed.lines) == changed.text.count("\n")
            meant = broken and other.code in MEANT
            touched = set(changed.lines) & set(range(other.span.line, other.span.end_line + 1))
            if d.code == "unknown-argument" and other.code in OF_EXPRESSIONS:
                touched.clear()
            if (d.code, other.code) == OF_A_WORD:
                touched.clear()
            if d.code in NAMES and other.span[1:3] != d.span[1:3]:  # its value may be wrong
                touched.clear()
            torn = other.code == "yaml-syntax" and not (broken and other.span.line > max(changed.lines, default=0))
            if torn or (touched and not meant) or (other.severity == "error" and d.code not in HIDING):
                return "fails"
            if other.severity == "error":
                verdict = "reveals"
        return verdict


def _inserted(fix: Fix) -> tuple[str, ...]:
    """The signs that a mend puts in, such as brackets around a list; empty where it writes over something."""
    bare = all((e.span.line, e.span.column) == (e.span.end_line, e.span.end_column) for e in fix.edits)
    return tuple(edit.text for edit in fix.edits) if bare else ()


def _kind_of(d: Diagnostic, fix: Fix) -> tuple[object, ...]:
    """What is written for what, and where it stands as seen from the finding."""
    edits = ((e.span.line - d.span.line, e.span.column - d.span.column, e.text) for e in fix.edits)
    return (d.code, fix.title, *edits)
