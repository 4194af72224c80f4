"""Mends of what is wrong with a spec: found once all is read, compiled before they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from netspec.diagnostics import Code, Diagnostic, Fix, Span
from netspec.language.clues import Clue, JoinClue, LayerClue
from netspec.language.flow import LayerOrigin
from netspec.language.spec import Spec
from netspec.mends.documents import mends_of_document
from netspec.mends.edits import loses
from netspec.mends.joins import mends_of_join
from netspec.mends.lines import mends_of_lines
from netspec.mends.proof import HIDING, Proof, Recheck
from netspec.mends.recipes import mends_of_recipe
from netspec.mends.shapes import mends_of_layer, stated_width
from netspec.mends.written import mends_of_writing
from netspec.text.source import Source

if TYPE_CHECKING:
    from netspec.mends.fitting import Conditions


def proven(
    source: Source,
    spec: Spec | None,
    found: Sequence[Diagnostic],
    clues: Mapping[tuple[Code, Span], Clue],
    recheck: Recheck,
    conditions: Conditions,
) -> list[Diagnostic]:
    """The findings, each with a mend that is known to mend, or none.

    Args:
        source: the text that was checked.
        spec: what was read of it, as far as it could be.
        found: the findings, each with the mend that suggests itself, if one does.
        clues: what was at hand where findings were made, by code and place.
        recheck: checks another text as this one was.
        conditions: compiles another text as this one was, and gives what it requires of its symbols.
    """
    proof = Proof(source, found, recheck)
    mended = [_with_mend(d, clues.get((d.code, d.span)), source, spec, proof) for d in found]
    return mended if spec is None else _with_inputs_that_fit(mended, clues, source, spec, conditions)


def _with_inputs_that_fit(
    found: list[Diagnostic],
    clues: Mapping[tuple[Code, Span], Clue],
    source: Source,
    spec: Spec,
    conditions: Conditions,
) -> list[Diagnostic]:
    """The first finding that another size of the input may answer says which inputs would fit."""
    for i, d in enumerate(found):
        clue = clues.get((d.code, d.span))
        if clue is None or not depends_on_the_input(clue, d):
            continue
        from netspec.mends.fitting import inputs_of_a_width, inputs_that_fit, what_fits  # which reads formulas

        fit = what_fits(source, spec, conditions)
        if fit is None:
            break
        stated = stated_width(clue) if isinstance(clue, LayerClue) and d.code == "width-mismatch" else None
        told = inputs_that_fit(fit) if stated is None else inputs_of_a_width(fit, stated)
        if told is not None:
            found[i] = d._replace(help=told if d.help is None else f"{d.help}\n{told}")
        break
    return found


OF_TEXT: Final[frozenset[Code]] = frozenset({"yaml-syntax", "wrong-form", "not-a-spec", "control-character"})
"""Findings that hide what the text says, so that a rewriting cannot be expected to answer all that comes to light."""


def depends_on_the_input(clue: Clue, d: Diagnostic) -> bool:
    """Whether another size of the input may be what is missing: where sizes do not fit and no certain mend is known, or
    where a width is that of a whole map."""
    if d.code == "width-mismatch" and isinstance(clue, LayerClue):
        origin = clue.flow.origins[-1] if clue.flow.origins else None
        return isinstance(origin, LayerOrigin) and len(origin.leaf.input.shape) > len(clue.x.shape)
    return d.code in ("shape-mismatch", "branch-mismatch") and (d.fix is None or not d.fix.certain)


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
    fix = proof.first(d, mends, lambda fix: fix in own or d.code in OF_TEXT)
    if fix is not None:
        another = fix not in own and (bool(own) or d.code == "list-argument")  # than the help speaks of
        return d._replace(fix=fix, help=None if another and fix.certain else d.help)
    return d._replace(fix=None, help=None if clue is not None and d.fix is not None else d.help)


def _by_evidence(clue: Clue, source: Source, spec: Spec) -> Iterable[Fix]:
    match clue:
        case LayerClue():
            return mends_of_layer(clue, source, spec)
        case JoinClue():
            return mends_of_join(clue, source, spec)


WRITTEN: Final = HIDING - {"wrong-rank", "batch-axis"} | {
    "no-head", "not-a-spec", "control-character", "bad-name", "layer-not-offered", "missing-key",
}  # fmt: skip
"""Findings about how something is written."""


def _by_writing(d: Diagnostic, source: Source, spec: Spec | None) -> Iterator[Fix]:
    if spec is not None:
        yield from mends_of_writing(d, source, spec)
    yield from mends_of_document(d, source, spec)
    yield from mends_of_lines(d, source)
