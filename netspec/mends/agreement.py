"""What is told to be certain is what `check --fix` writes: the certain mends of a file hold together, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.mends.edits import Changed, applied, places
from netspec.mends.proof import HIDING, NAMES, OF_TEXT, Proof
from netspec.text.source import Source


def agreed(found: list[Diagnostic], proof: Proof) -> list[Diagnostic]:
    """The findings, in which a mend that fails behind the certain ones further up is certain no longer: what was wrong
    there hid that it mends nothing. Nor is one that could not be tried behind them."""
    sure = [d for d in found if d.fix is not None and d.fix.certain and d.severity == "error"]
    if len(sure) < 2:
        return found
    agreement = _Agreement(proof)
    if agreement.holds(sure):
        return found
    half = len(sure) // 2
    agreement.take(sure[:half])
    agreement.take(sure[half:])
    return [agreement.told.get(d, d) for d in found]


class _Agreement:
    """Certain mends, applied one behind another; as many at a time as hold together."""

    def __init__(self, proof: Proof) -> None:
        self.told: Final[dict[Diagnostic, Diagnostic]] = {}
        """The findings of which something else is to be told."""
        self._source: Final = proof.source
        self._suggested: Final = proof.suggested
        self._untried: Final = proof.remembered
        self._behind = proof
        """The text with those that hold."""
        self._done: list[Edit] = []

    def take(self, group: Sequence[Diagnostic]) -> None:
        """Apply those of some findings' mends that hold behind the ones before."""
        if self._behind.budget.is_empty and self._done:
            self._doubt(group)
        elif len(group) == 1:
            self._take_one(group[0])
        elif self.holds(group):
            self._go_on(group)
        else:
            self.take(group[: len(group) // 2])
            self.take(group[len(group) // 2 :])

    def holds(self, group: Sequence[Diagnostic]) -> bool:
        """Whether nothing is found with the mends of all these that was not found before, or nothing but what they
        hid elsewhere."""
        moved = [self._moved(d) for d in group]
        known = {(d.code, d.span[1:3]) for d in self._behind.found}
        if any(pair is None or (pair[0].code, pair[0].span[1:3]) not in known for pair in moved):
            return False
        pairs = [pair for pair in moved if pair is not None]
        source = self._behind.source
        changed = applied(source, sorted({edit for _, fix in pairs for edit in fix.edits}))
        if changed is None:
            return False
        after = self._behind.checked(changed.text)
        self._behind.last = after
        now = Source(source.name, changed.text)
        answered = {(d.code, d.span[1:3]) for d, _ in pairs}
        before = {
            (d.code, changed.moved(source.offset(*d.span[1:3])))
            for d in self._behind.found
            if (d.code, d.span[1:3]) not in answered and not d.span.in_setting
        }
        new = [d for d in after if not d.span.in_setting and (d.code, now.offset(*d.span[1:3])) not in before]
        hides = any(d.code in HIDING for d in group) and all(self._may_reveal(d) for d in group)
        still = {(d.code, changed.moved(source.offset(*d.span[1:3]))) for d, _ in pairs}
        if not new or not hides:
            return not new
        touched = _touched(pairs, source, changed, now)
        return not any((d.code, now.offset(*d.span[1:3])) in still for d in new) and all(
            touched.isdisjoint(range(d.span.line, d.span.end_line + 1)) for d in new
        )

    def _take_one(self, d: Diagnostic) -> None:
        moved = self._moved(d)
        if moved is None:  # another one writes the same place
            self._doubt([d])
            return
        now, own = moved
        if not any((other.code, other.span[1:3]) == (now.code, now.span[1:3]) for other in self._behind.found):
            self.told[d] = d._replace(fix=None, otherwise=None, help="a fix further up answers this, too")
            return
        verdict = self._behind.tried(now, own)
        if verdict == "fails" or (verdict == "reveals" and not self._may_reveal(d)):
            self._doubt([d])
        else:
            self._go_on([d])

    def _may_reveal(self, d: Diagnostic) -> bool:
        return d.code in OF_TEXT or (d.fix is not None and d.fix.edits in self._suggested)

    def _go_on(self, group: Sequence[Diagnostic]) -> None:
        edits = [edit for d in group if d.fix is not None for edit in d.fix.edits]
        self._done += [edit for edit in dict.fromkeys(edits) if edit not in self._done]
        changed = applied(self._source, self._done)
        if changed is not None:
            now = Source(self._source.name, changed.text)
            self._behind = Proof(now, self._behind.last, self._behind.recheck, self._behind.budget)

    def _doubt(self, group: Sequence[Diagnostic]) -> None:
        """What was proven alone may be meant all the same; what never was is not offered."""
        for d in group:
            if d.fix is not None:
                untried = d.fix in self._untried
                self.told[d] = d._replace(fix=None if untried else d.fix._replace(certain=False))

    def _moved(self, d: Diagnostic) -> tuple[Diagnostic, Fix] | None:
        """A finding and its mend in the text with those that hold; None where two write the same place."""
        fix, source = d.fix, self._source
        if fix is None:
            return None
        changed = applied(source, self._done)
        new = [edit for edit in fix.edits if edit not in self._done]
        own = places(source, new)
        if changed is None or own is None or places(source, [*self._done, *new]) is None:
            return None
        now = Source(source.name, changed.text)
        edits = [Edit(now.between(changed.moved(start), changed.moved(end)), text) for start, end, text in own]
        at = changed.moved(source.offset(*d.span[1:3]))
        return d._replace(span=now.between(at, at)), fix._replace(edits=tuple(edits))


def _touched(pairs: Sequence[tuple[Diagnostic, Fix]], source: Source, changed: Changed, now: Source) -> frozenset[int]:
    """The lines on which mends were made that nothing else may come of. Behind a name that is known now anything may
    be wrong that stands beside it."""
    lines = set(changed.lines)
    for d, fix in pairs:
        whole = any("\n" in edit.text or edit.span.line != edit.span.end_line for edit in fix.edits)
        if d.code in NAMES and not whole:
            at = changed.moved(source.offset(*fix.edits[0].span[1:3]))
            lines.discard(now.between(at, at).line)
    return frozenset(lines)


def without_rivals(found: list[Diagnostic], proof: Proof) -> list[Diagnostic]:
    """Where the certain mend of another finding answers this one too, that one is meant: no second is offered, which
    would undo the first."""
    sure = [d for d in found if d.fix is not None and d.fix.certain]
    told: list[Diagnostic] = []
    for d in found:
        line = next((other.span.line for other in sure if other is not d and _answers(other, d, proof)), None)
        if line is not None and (d not in sure or any(each.span.line == line for each in told)):
            d = d._replace(fix=None, otherwise=None, help=f"the fix of line {line} answers this, too")
        told.append(d)
    return told


def _answers(other: Diagnostic, d: Diagnostic, proof: Proof) -> bool:
    """Whether the certain mend of another finding answers this one, and this one's own writes in the same place."""
    if other.fix is None or (d.code, d.span) not in proof.answered.get(other.fix, frozenset()):
        return False
    own = () if d.fix is None else d.fix.edits
    certain = d.fix is not None and d.fix.certain
    return not certain or (len(own) > 0 and places(proof.source, [*other.fix.edits, *own]) is None)


def are_one(a: Diagnostic, b: Diagnostic, proof: Proof) -> bool:
    """Whether two findings are one mistake, as `{kernel_size:5}` is: an unknown argument, and a value that is null. One
    mend answers both."""
    if a.fix is None or b.fix is None or a.fix.edits != b.fix.edits or not a.fix.certain or a.severity != b.severity:
        return False
    return len(a.fix.edits) == 1 or (b.code, b.span) in proof.answered.get(a.fix, frozenset())
