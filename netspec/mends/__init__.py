"""Mends of what is wrong with a spec: found once all is read, compiled before they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from netspec.diagnostics import Code, Diagnostic, Fix, Span
from netspec.language.clues import JoinClue, LayerClue, RemarkClue
from netspec.language.flow import LayerOrigin
from netspec.language.spec import Spec
from netspec.mends.arguments import mends_of_arguments
from netspec.mends.calls import mends_of_call
from netspec.mends.documents import mends_of_document
from netspec.mends.edits import loses
from netspec.mends.joins import mends_of_join
from netspec.mends.lines import mends_of_lines
from netspec.mends.proof import HIDING, Proof, Recheck
from netspec.mends.recipes import mends_of_data, mends_of_recipe, mends_of_scores
from netspec.mends.remarks import mends_of_end, mends_of_remark, mends_of_warning
from netspec.mends.shapes import mends_of_layer, stated_width, values_that_fit
from netspec.mends.written import mends_of_writing
from netspec.recipe.clues import DataClue, ScoresClue
from netspec.text.source import Source

if TYPE_CHECKING:
    from netspec.mends.fitting import Conditions

Clue = LayerClue | JoinClue | RemarkClue | DataClue | ScoresClue


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
    mended = _without_rivals(mended, proof)
    return mended if spec is None else _with_inputs_that_fit(mended, clues, source, spec, conditions)


def _without_rivals(found: list[Diagnostic], proof: Proof) -> list[Diagnostic]:
    """Where the certain mend of another finding answers this one too, that one is meant: no second is offered, which
    would undo the first."""
    answers = {
        d.span.line: proof.answered.get(d.fix, frozenset()) for d in found if d.fix is not None and d.fix.certain
    }
    told: list[Diagnostic] = []
    for d in found:
        sure = d.fix is not None and d.fix.certain
        line = next((line for line, gone in answers.items() if (d.code, d.span) in gone), None)
        if line is not None and not sure:
            d = d._replace(fix=None, otherwise=None, help=f"the fix of line {line} answers this, too")
        told.append(d)
    return told


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

        last = isinstance(clue, LayerClue) and clue.layer.width_axis == -1
        fit = what_fits(source, spec, conditions, "E" if last else "L")
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
    if isinstance(clue, JoinClue) and len({end.type.shape[1:] for end in clue.ends if end.type is not None}) > 1:
        return True
    return d.code in ("shape-mismatch", "branch-mismatch") and (d.fix is None or not d.fix.certain)


def _with_mend(d: Diagnostic, clue: Clue | None, source: Source, spec: Spec | None, proof: Proof) -> Diagnostic:
    if d.span.in_setting:
        return d
    own = [] if d.fix is None else [d.fix]
    if spec is not None:
        better = proof.first(d, chain(_by_evidence(d, clue, source, spec), own if clue is not None else ()))
        if better:
            kept = d.help if better[0] is d.fix else values_that_fit(clue) if isinstance(clue, LayerClue) else None
            return _told(d, better, kept)
    written = d.severity == "error" and d.code in WRITTEN
    if written and spec is not None:
        own += mends_of_recipe(d, source, spec)
    others = _by_writing(d, source, spec) if written else ()
    likeliest = chain(others, own) if d.code == "yaml-syntax" else chain(own, others)  # libyaml stops late
    mends = (fix for fix in likeliest if not loses(fix.edits, source))
    found = proof.first(d, mends, lambda fix: fix in own or d.code in OF_TEXT)
    if found:
        another = found[0] not in own and (bool(own) or d.code == "list-argument")  # than the help speaks of
        return _told(d, found, None if another and found[0].certain else d.help)
    return d._replace(fix=None, help=None if clue is not None and d.fix is not None else d.help)


def _told(d: Diagnostic, mends: Sequence[Fix], help: str | None) -> Diagnostic:
    """A finding with its mends. What is legal may be meant: a mend of it is none to be made unasked."""
    first, otherwise = mends[0], mends[1] if len(mends) > 1 else None
    if d.severity == "error":
        return d._replace(fix=first, otherwise=otherwise, help=help)
    return d._replace(
        fix=first._replace(certain=False), otherwise=otherwise, help=d.help if otherwise is None else None
    )


def _by_evidence(d: Diagnostic, clue: Clue | None, source: Source, spec: Spec) -> Iterable[Fix]:
    match clue:
        case None:
            return mends_of_end(source, spec) if d.severity == "warning" and d.code == "loss-mismatch" else ()
        case RemarkClue():
            return mends_of_remark(d, clue, source, spec)
        case LayerClue() if d.severity != "error":
            return mends_of_warning(clue, source)
        case LayerClue():
            return chain(mends_of_layer(clue, source, spec), mends_of_call(clue, d, source, spec))
        case JoinClue():
            return mends_of_join(clue, d, source, spec)
        case DataClue():
            return mends_of_data(clue, source, spec)
        case ScoresClue():
            return mends_of_scores(clue, d, source, spec)


WRITTEN: Final = HIDING - {"wrong-rank", "batch-axis"} | {
    "no-head", "not-a-spec", "control-character", "bad-name", "layer-not-offered", "missing-key",
}  # fmt: skip
"""Findings about how something is written."""


def _by_writing(d: Diagnostic, source: Source, spec: Spec | None) -> Iterator[Fix]:
    if spec is not None:
        yield from mends_of_writing(d, source, spec)
        yield from mends_of_arguments(d, source, spec)
    yield from mends_of_document(d, source, spec)
    yield from mends_of_lines(d, source)
