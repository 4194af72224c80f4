"""What is told to be certain is what `check --fix` writes: the certain mends of a file hold together, too."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.mends.edits import applied, places
from netspec.mends.proof import OF_TEXT, Proof
from netspec.text.source import Source


def agreed(found: list[Diagnostic], proof: Proof) -> list[Diagnostic]:
    """The findings, in which a mend that fails behind the certain ones further up is certain no longer: what was wrong
    there hid that it mends nothing."""
    sure = [d for d in found if d.fix is not None and d.fix.certain and d.severity == "error"]
    if len(sure) < 2 or proof.left == 0 or _holds_at_once(sure, proof):
        return found
    told: list[Diagnostic] = []
    done: list[Edit] = []
    behind = proof
    for d in found:
        fix = d.fix if d in sure else None
        moved = None if fix is None else _behind(d, fix, done, proof.source)
        if fix is None or moved is None or behind.left == 0:
            told.append(d)
            continue
        now, own = moved
        if not any((other.code, other.span[1:3]) == (now.code, now.span[1:3]) for other in behind.found):
            told.append(d)  # one further up answers it
            continue
        verdict = behind.tried(now, own)
        suggested = d.code in OF_TEXT or fix.edits in proof.suggested
        if verdict == "fails" or (verdict == "reveals" and not suggested):
            told.append(d._replace(fix=fix._replace(certain=False)))
        else:
            told.append(d)
            done += [edit for edit in fix.edits if edit not in done]
            changed = applied(proof.source, done)
            if changed is not None:
                behind = Proof(Source(proof.source.name, changed.text), behind.last, proof.recheck, behind.left)
    proof.left = behind.left
    return told


def _holds_at_once(sure: Sequence[Diagnostic], proof: Proof) -> bool:
    """Whether all is right with all certain mends, or nothing is found that was not found before."""
    edits = {edit for d in sure if d.fix is not None for edit in d.fix.edits}
    changed = applied(proof.source, sorted(edits))
    if changed is None:
        return False
    proof.left -= 1
    after = proof.recheck(changed.text)
    now = Source(proof.source.name, changed.text)
    before = {
        (d.code, changed.moved(proof.source.offset(*d.span[1:3])))
        for d in proof.found
        if d not in sure and not d.span.in_setting
    }
    return all(d.span.in_setting or (d.code, now.offset(*d.span[1:3])) in before for d in after)


def _behind(d: Diagnostic, fix: Fix, done: Sequence[Edit], source: Source) -> tuple[Diagnostic, Fix] | None:
    """A finding and its mend in the text with others; None where two write the same place."""
    changed = applied(source, done)
    own = places(source, [edit for edit in fix.edits if edit not in done])
    if changed is None or own is None or places(source, [*done, *(e for e in fix.edits if e not in done)]) is None:
        return None
    now = Source(source.name, changed.text)
    edits = [Edit(now.between(changed.moved(start), changed.moved(end)), text) for start, end, text in own]
    at = changed.moved(source.offset(*d.span[1:3]))
    return d._replace(span=now.between(at, at)), fix._replace(edits=tuple(edits))
