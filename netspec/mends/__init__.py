"""Mends of what is wrong with a spec: found once all is read, compiled before they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.clues import Clue as LanguageClue
from netspec.language.clues import Clues, JoinClue, LayerClue, RemarkClue
from netspec.language.flow import LayerOrigin
from netspec.language.spec import Spec
from netspec.mends.agreement import agreed, are_one, without_rivals
from netspec.mends.arguments import mends_of_arguments
from netspec.mends.block_calls import mends_of_call, mends_of_call_as_in_python
from netspec.mends.bodies import mends_of_bodies
from netspec.mends.definitions import defined_at, mends_of_definitions
from netspec.mends.divisions import mends_of_divisions
from netspec.mends.documents import mends_of_document
from netspec.mends.edits import drops_comment, loses, with_comments
from netspec.mends.elsewhere import mends_of_strangers
from netspec.mends.expressions import mends_of_expressions
from netspec.mends.finding import item_at
from netspec.mends.inputs import channels_last_input
from netspec.mends.joins import mends_of_join
from netspec.mends.lines import mends_of_lines
from netspec.mends.loops import mends_of_loops
from netspec.mends.orders import stated_width
from netspec.mends.pairs import is_pair
from netspec.mends.pasted import OF_PASTED, as_pasted, mends_of_pasted
from netspec.mends.proof import FOR_ONE, HIDING, OF_TEXT, Budget, Found, Proof, Recheck
from netspec.mends.recipes import mends_of_data, mends_of_omitted, mends_of_recipe, mends_of_scores
from netspec.mends.recovery import BROKEN, MOST_READ, Gap, Gaps, Read, gaps_of, goes_on, is_a_spec, together
from netspec.mends.remarks import mends_of_end, mends_of_output, mends_of_remark, mends_of_warning
from netspec.mends.shapes import mends_of_layer, values_that_fit
from netspec.mends.transforms import mends_of_drawn
from netspec.mends.values import mends_of_one_branch, mends_of_unread
from netspec.mends.words import mends_of_axis_of_map
from netspec.mends.written import mends_beyond, mends_of_writing, python_at
from netspec.recipe.clues import DataClue, ScoresClue
from netspec.text.source import MapNode, ScalarNode, Source

if TYPE_CHECKING:
    from netspec.mends.fitting import Conditions

Clue = LanguageClue | DataClue | ScoresClue


def answered(source: Source, first: Found, read: Read, recheck: Recheck, conditions: Conditions) -> list[Diagnostic]:
    """The findings about a text, also behind what cannot be read, each with a mend that is known to mend, or none.

    Args:
        source: the text that was checked.
        first: what was read of it, what was found, and what was at hand where it was.
        read: reads the text with some of its parts written anew.
        recheck: checks another text as this one was.
        conditions: compiles another text as this one was, and gives what it requires of its symbols.
    """
    pasted = _of_pasted(first.found, source, first.spec, Proof(source, first.found, recheck), conditions)
    if pasted is not None:
        return pasted
    if first.spec is not None or not any(d.code in BROKEN for d in first.found):
        return proven(source, first.spec, first.found, first.clues, recheck, conditions)
    gaps, budget = gaps_of(Gaps(source, ())), Budget()
    while gaps.unread is not None:  # no item is known that it is part of
        proof = Proof(gaps.filled(), first.found, recheck, budget)
        d = gaps.without_loss(_with_mend(gaps.unread, None, gaps.filled(), None, proof))
        further = gaps.beyond(d)
        if further is None:
            gaps = gaps._replace(unread=d)
            break
        gaps = gaps_of(further)
    known = read(gaps.filled()).found
    for gap in gaps.gaps:
        if gap.text and gap in gaps.gaps:
            gaps = _filled(gaps, gap, known, recheck, budget)
    told = [gap.d for gap in gaps.gaps]
    if gaps.unread is not None:
        return _told([*told, gaps.unread], source)
    whole = gaps.filled()
    reading = read(whole)
    left_out = any(gap.text for gap in gaps.gaps)
    found = [d for d in reading.found if not gaps.follows(d) and (d.severity == "error" or not left_out)]
    return _told([*told, *proven(whole, reading.spec, found, reading.clues, recheck, conditions, budget)], source)


_SPENT: Final = "from here on no mends are looked for, as a file is given so many and no more: mend what is above first"

_SEARCHED: Final = 3
"""The mistakes for which one mend is looked for that answers those below, too."""


def _filled(gaps: Gaps, gap: Gap, known: Sequence[Diagnostic], recheck: Recheck, budget: Budget) -> Gaps:
    """A certain mend in the place of what was left out for a mistake, and perhaps for others that it mends, too.

    Returns:
        What is left out then.
    """
    if not gap.edits:  # it stands in a larger piece that was left out
        return gaps.mended([gap], gap.d._replace(fix=None))
    further = gaps.gaps[gaps.gaps.index(gap) :]
    searched = len(further) > 1 and len(gaps.gaps) - len(further) < _SEARCHED
    slips = {slip.fix: slip.wrong for slip in mends_of_lines(gap.d, gaps.filled(further))} if searched else {}
    for fix, one in islice(together(gaps, further, slips), FOR_ONE):
        if budget.spent:
            break
        proof = Proof(gaps.filled(one), [*(each.d for each in one), *known], recheck, budget)
        if proof.tried(gap.d, fix) != "fails":
            return gaps.mended(one, _as_slip(gap.d, fix, slips[fix], gaps.filled(one)))
    text = gaps.filled([gap])
    proof = Proof(text, [gap.d, *known], recheck, budget)
    return gaps.mended([gap], _with_mend(gap.d, None, text, None, proof, gaps.rest))


def _told(found: list[Diagnostic], source: Source) -> list[Diagnostic]:
    """Findings about a text that cannot be read: all of them if it is a spec, else the first."""
    return _ordered(found) if is_a_spec(source.text) else _ordered(found)[:1]


def _ordered(found: list[Diagnostic]) -> list[Diagnostic]:
    """Sort by place in the file; what a `--set` brings comes last."""
    return sorted(found, key=lambda d: (d.span.in_setting, () if d.span.in_setting else d.span[1:3]))


def proven(
    source: Source,
    spec: Spec | None,
    found: Sequence[Diagnostic],
    clues: Clues,
    recheck: Recheck,
    conditions: Conditions,
    budget: Budget | None = None,
) -> list[Diagnostic]:
    """The findings, each with a mend that is known to mend, or none.

    Args:
        source: the text that was checked.
        spec: what was read of it, as far as it could be.
        found: the findings, each with the mend that suggests itself, if one does.
        clues: what was at hand where findings were made, by code and place.
        recheck: checks another text as this one was.
        conditions: compiles another text as this one was, and gives what it requires of its symbols.
        budget: what the checks of the file may still cost.
    """
    proof = Proof(source, found, recheck, budget)
    channels = None if spec is None else channels_last_input(source, spec)
    proof.aside = () if channels is None else channels.edits
    mended: list[Diagnostic] = []
    for d in found:
        refused = proof.refused
        answer = _with_mend(d, clues.get((d.code, d.span)), source, spec, proof)
        if proof.refused and not refused:
            answer = answer._replace(help=_SPENT if answer.help is None else f"{answer.help}\n{_SPENT}")
        if not any(are_one(other, answer, proof) for other in mended):
            mended.append(answer)
    mended = agreed(without_rivals(mended, proof), proof)
    return mended if spec is None else _with_inputs_that_fit(mended, clues, source, spec, conditions)


def _of_pasted(
    found: Sequence[Diagnostic], source: Source, spec: Spec | None, proof: Proof, conditions: Conditions
) -> list[Diagnostic] | None:
    """The finding about a network of Python's in the place of a spec: one mend answers all that was found. Where it is
    no chain, the finding says what it is. None if no such network stands there."""
    first = next((d for d in found if d.code in OF_PASTED and not d.span.in_setting), None)
    if first is None:
        return None
    offer = None if spec is None else spec.offer
    fix = next(iter(proof.first(first, mends_of_pasted(source, offer, conditions))), None)
    if fix is not None and fix not in proof.answered:  # it is read, and is wrong
        fix = fix._replace(certain=False)
    fix = None if fix is None else fix._replace(edits=with_comments(fix.edits, source))
    told = as_pasted(first, fix, source, offer)
    return None if told is None else [told]


def _with_inputs_that_fit(
    found: list[Diagnostic],
    clues: Clues,
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
        if stated is not None and isinstance(clue, LayerClue) and d.fix is not None:
            from netspec.mends.upstream import told_of_what_stands_in_front

            further = told_of_what_stands_in_front(clue, stated, source, spec, conditions)
            told = "\n".join(filter(None, (told, further))) or None
        if told is not None:
            found[i] = d._replace(help=told if d.help is None else f"{d.help}\n{told}")
        break
    return found


def depends_on_the_input(clue: Clue, d: Diagnostic) -> bool:
    """Whether another size of the input may be what is missing: where sizes do not fit and no certain mend is known, or
    where a width is that of a whole map."""
    if d.code == "width-mismatch" and isinstance(clue, LayerClue):
        origin = clue.flow.origins[-1] if clue.flow.origins else None
        return isinstance(origin, LayerOrigin) and len(origin.leaf.input.shape) > len(clue.x.shape)
    if isinstance(clue, JoinClue) and len({end.type.shape[1:] for end in clue.ends if end.type is not None}) > 1:
        return True
    return d.code in ("shape-mismatch", "branch-mismatch") and (d.fix is None or not d.fix.certain)


def _with_mend(
    d: Diagnostic, clue: Clue | None, source: Source, spec: Spec | None, proof: Proof, behind: int | None = None
) -> Diagnostic:
    """A finding with the first of its mends that is proven. `behind` says up to where a text is read with a mend."""
    if d.span.in_setting:
        return d
    if d.code == "unknown-layer" and (line := defined_at(d, source, proof.found)) is not None:
        return d._replace(fix=None, help=f"the block that line {line} is to define")
    own = [] if d.fix is None else [d.fix]
    if spec is not None:
        better = proof.first(d, chain(_by_evidence(d, clue, source, spec), own if clue is not None else ()))
        if better:
            kept = d.help if better[0] is d.fix else values_that_fit(clue) if isinstance(clue, LayerClue) else None
            return _with(d, better, kept)
    written = d.severity == "error" and (d.code in WRITTEN or d.code in BROKEN)
    if own and spec is not None and d.code == "unknown-layer":  # its name alone leaves arguments that it has not
        own = [*mends_beyond(own[0], d, source, spec), *own]
    if written and spec is not None:
        own += mends_of_recipe(d, source, spec)
    slips: dict[tuple[Edit, ...], str] = {}
    proof.suggested.update(fix.edits for fix in own)
    is_first = not proof.found or proof.found[0] is d
    others = _by_writing(d, source, spec, slips, proof, is_first=is_first) if written else ()
    strangers: Iterable[Fix] = ()
    if written and spec is not None:  # what stands around says more than a name that resembles another
        strangers = chain(mends_of_strangers(d, source, spec), mends_of_loops(d, source, spec))
        strangers = chain(strangers, mends_of_axis_of_map(d, source, spec))
    more = d.code in BROKEN or is_pair(d, source) or (spec is not None and _has_other_words(d, own, source, spec))
    likeliest = chain(others, own) if more else chain(own, others)
    free = d.code == "duplicate-key"  # one of two values goes
    mends = (fix for fix in likeliest if free or not fix.certain or fix.says_all or not loses(fix.edits, source))
    mends = (
        fix._replace(certain=False) if fix.certain and drops_comment(fix.edits, source) else fix
        for fix in _each_once(chain(strangers, mends))
    )
    if d.code in BROKEN:
        mends = (fix for fix in islice(mends, MOST_READ) if goes_on(source, fix, behind))
    of_text = d.code in OF_TEXT
    may_reveal = of_text and not (own and d.code == "wrong-form")  # whose own mend says what is meant
    found = proof.first(d, mends, lambda fix: fix in own or may_reveal or fix.edits not in slips)
    if (
        found and found[0] not in own and not of_text and found[0] not in proof.answered
    ):  # what it reveals may be its own
        found[0] = found[0]._replace(certain=False)
    if found and d.code in BROKEN and found[0].edits in slips:
        return _as_slip(d, found[0], slips[found[0].edits], source)
    if found:
        another = found[0] not in own and (bool(own) or d.code == "list-argument")  # than the help speaks of
        another = another or (d.code == "unknown-layer" and own != [] and found[0] != own[-1])
        return _with(d, found, None if another and found[0].certain else d.help)
    told = None if spec is None or d.code != "unknown-layer" else python_at(d, source, spec)
    told = told or (values_that_fit(clue) if isinstance(clue, LayerClue) and d.help is None else None)
    return d._replace(fix=None, help=told or (None if clue is not None and d.fix is not None else d.help))


def _has_other_words(d: Diagnostic, own: Sequence[Fix], source: Source, spec: Spec) -> bool:
    """Whether a layer under a stranger's name has a stranger's arguments, too, so that its name alone is half of it."""
    if d.code != "unknown-layer" or not own or own[0].edits[0].text not in spec.offer.layers:
        return False
    item = item_at(spec, source, d.span)
    if item is not None and isinstance(item.value, ScalarNode) and "(" in item.value.text:  # a call, as in Python
        return True
    layer = spec.offer.layer_class(own[0].edits[0].text)
    keys = [key.text for key, _ in item.value.entries] if item is not None and isinstance(item.value, MapNode) else []
    return any(key not in layer.model_fields for key in keys)


def _each_once(mends: Iterable[Fix]) -> Iterator[Fix]:
    """The mends, without those that do the same as one before."""
    seen: set[tuple[Edit, ...]] = set()
    for fix in mends:
        if fix.edits not in seen:
            seen.add(fix.edits)
            yield fix


def _with(d: Diagnostic, mends: Sequence[Fix], help: str | None) -> Diagnostic:
    """A finding with its mends. What is legal may be meant: a mend of it is none to be made unasked."""
    first, otherwise = mends[0], mends[1] if len(mends) > 1 else None
    if d.severity == "error":
        return d._replace(fix=first, otherwise=otherwise, help=help)
    return d._replace(
        fix=first._replace(certain=False), otherwise=otherwise, help=d.help if otherwise is None else None
    )


def _by_evidence(d: Diagnostic, clue: Clue | None, source: Source, spec: Spec) -> Iterable[Fix]:
    match clue:
        case None if d.severity == "warning" and d.code == "loss-mismatch":
            return mends_of_end(source, spec)
        case None if d.code == "omitted-argument":
            return mends_of_omitted(spec, source)
        case None if d.code == "recipe-conflict":
            return mends_of_drawn(d, source, spec)
        case None if d.code == "value-kind":
            return chain(mends_of_output(source, spec, d), mends_of_one_branch(d, source, spec))
        case None:
            return mends_of_unread(d, source, spec) if d.code == "unused-value" else ()
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


def _by_writing(
    d: Diagnostic,
    source: Source,
    spec: Spec | None,
    slips: dict[tuple[Edit, ...], str],
    proof: Proof,
    *,
    is_first: bool,
) -> Iterator[Fix]:
    """Other ways to write what a finding is about; `slips` takes what was wrong with a line."""
    if spec is not None:
        yield from mends_of_bodies(d, source, spec)
        yield from mends_of_definitions(d, source, spec)
        yield from mends_of_call_as_in_python(d, source, spec)
        yield from mends_of_writing(d, source, spec, is_first)
        yield from mends_of_arguments(d, source, spec)
        yield from mends_of_expressions(d, source, spec)
        if d.code in ("invalid-argument", "expression-type"):
            yield from mends_of_divisions(d, source, spec, proof)
    yield from mends_of_document(d, source, spec)
    for fix, message in mends_of_lines(d, source):
        slips.setdefault(fix.edits, message)
        yield fix


def _as_slip(d: Diagnostic, fix: Fix, message: str, source: Source) -> Diagnostic:
    """What is wrong with a line, in the place of what YAML makes of it, which may be told further up or down."""
    line = fix.edits[0].span.line
    span = d.span
    if span.line != line:
        start = source.offset(line, 1)
        text = re.match(r"\s*(\S[^\r\n]*)?", source.text[start:])
        assert text is not None
        span = source.between(start + text.start(1), start + text.end(1)) if text[1] else fix.edits[0].span
    return d._replace(fix=fix, message=message, span=span, label="", related=(), help=None)
