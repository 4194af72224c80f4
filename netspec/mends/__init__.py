"""Mends of what is wrong with a spec: found once all is read, compiled before they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from netspec.diagnostics import Code, Diagnostic, Fix, Span
from netspec.language.clues import Clue, JoinClue, LayerClue
from netspec.language.spec import Spec
from netspec.mends.edits import loses
from netspec.mends.joins import mends_of_join
from netspec.mends.lines import mends_of_lines
from netspec.mends.proof import HIDING, Proof, Recheck
from netspec.mends.recipes import mends_of_recipe
from netspec.mends.shapes import mends_of_layer
from netspec.mends.written import mends_of_writing
from netspec.text.source import Source


def proven(
    source: Source,
    spec: Spec | None,
    found: Sequence[Diagnostic],
    clues: Mapping[tuple[Code, Span], Clue],
    recheck: Recheck,
) -> list[Diagnostic]:
    """The findings, each with a mend that is known to mend, or none.

    Args:
        source: the text that was checked.
        spec: what was read of it, as far as it could be.
        found: the findings, each with the mend that suggests itself, if one does.
        clues: what was at hand where findings were made, by code and place.
        recheck: checks another text as this one was.
    """
    proof = Proof(source, found, recheck)
    return [_with_mend(d, clues.get((d.code, d.span)), source, spec, proof) for d in found]


def _with_mend(d: Diagnostic, clue: Clue | None, source: Source, spec: Spec | None, proof: Proof) -> Diagnostic:
    if d.span.in_setting:
        return d
    better = None if clue is None or spec is None else proof.first(d, _by_evidence(clue, source, spec))
    if better is not None:
        return d._replace(fix=better, help=None)
    own = [] if d.fix is None else [d.fix]
    written = d.severity == "error" and d.code in WRITTEN
    if written and spec is not None:
        own += mends_of_recipe(d, source, spec)
    others = _by_writing(d, source, spec) if written else ()
    likeliest = chain(others, own) if d.code == "yaml-syntax" else chain(own, others)  # libyaml stops late
    mends = (fix for fix in likeliest if not loses(fix.edits, source))
    fix = proof.first(d, mends, reveals=written or d.fix is not None)
    if fix is not None:
        return d._replace(fix=fix, help=d.help if fix in own else None)
    return d._replace(fix=None, help=d.help if clue is None else None)


def _by_evidence(clue: Clue, source: Source, spec: Spec) -> Iterable[Fix]:
    match clue:
        case LayerClue():
            return mends_of_layer(clue, source, spec)
        case JoinClue():
            return mends_of_join(clue, source, spec)


WRITTEN: Final = HIDING - {"wrong-rank", "batch-axis"} | {"no-head", "not-a-spec", "control-character", "bad-name"}
"""Findings about how something is written."""


def _by_writing(d: Diagnostic, source: Source, spec: Spec | None) -> Iterator[Fix]:
    if spec is not None:
        yield from mends_of_writing(d, source, spec)
    yield from mends_of_lines(d, source)
