"""What the walk asks about a combinator: its options, its branches, and the flow behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import Related
from netspec.dims import UNKNOWN, Problem, Unmet
from netspec.language.flow import Flow, Origin
from netspec.language.items import Item
from netspec.language.options import option_value
from netspec.layers.base import TensorType
from netspec.net import Sequential, leaves
from netspec.text.source import ListNode, Node
from netspec.validation import Reader

if TYPE_CHECKING:
    from netspec.combinators.base import Joining


def read_options(item: Item, kind: type[Joining], reader: Reader) -> Joining:
    """The combinator with the options beside the item; one that was reported or is not known is UNKNOWN."""
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name in item.options:
            values[name] = option_value(item, name, kind, reader)
        elif field.is_required():
            example = f"write `{name}: …` beside `{item.name}`"
            reader.report("missing-argument", f"`{item.name}` needs `{name}`", item.head, help=example)
            values[name] = UNKNOWN
    return kind.model_construct(**values)


def branch_nodes(item: Item, joining: Joining, reader: Reader) -> list[tuple[str, Node | None]]:
    """The branches of a combinator: their keys under its path, and the lists that they hold."""
    if not joining.several:
        return [("body", item.value), *((side, item.options.get(side)) for side in joining.sides)]
    word = joining.word
    if not isinstance(item.value, ListNode) or not item.value.items:
        reader.report(
            "wrong-form",
            f"`{word}` holds a list of branches, each a list of layers",
            item.value or item.head,
            help=f"for example `{word}: [[Conv2d: 64], []]`; `[]` is identity",
        )
        return []
    try:
        joining.check_branches(len(item.value.items))
    except Unmet as unmet:
        _report(item, unmet.problem, reader)
    for branch in item.value.items:
        if not isinstance(branch, ListNode):
            reader.report("wrong-form", f"each branch of `{word}` is a list of layers", branch, help="put it into […]")
            return []
    return [(f"branches.{i}", branch) for i, branch in enumerate(item.value.items)]


def branch_flow(item: Item, joining: Joining, flow: Flow, reader: Reader) -> Flow:
    """What each branch gets: the input, or its part of it."""
    if flow.type is None:
        return flow
    try:
        part = joining.part(flow.type)
    except Unmet as unmet:
        _report(item, unmet.problem, reader, flow)
        return flow.unknown()
    if part is None:
        return flow.unknown()
    if part.axis is None:
        return flow
    cut_by = item.options.get(joining.cut_by)
    origin = Origin(f"`{joining.cut_by if cut_by else joining.word}`", reader.source.span(cut_by or item.head))
    return flow.joined(part.type, origin, part.axis)


def join(item: Item, joining: Joining, flow: Flow, ends: Sequence[Flow], reader: Reader) -> tuple[Flow, Joining]:
    """The place behind a combinator, for the place in front of it and those at the ends of its branches; and the
    combinator as the net keeps it."""
    from netspec.combinators.base import Ends  # here, since a chain without combinators needs none of it

    if joining.training_only:
        return flow, joining
    types = [end.type for end in ends if end.type is not None]
    if not types or flow.type is None or len(types) < len(ends):
        return flow.unknown(), joining
    names = joining.names(len(ends), item.options)

    def told(branch: int, axis: int | None) -> str:
        return ends[branch].given(axis)

    try:
        made = joining.output(flow.type, Ends(types, names, told))
    except Unmet as unmet:
        if unmet.problem.at is None:
            advice = joining.advice(flow.type, types, item.options)
            _branches_disagree(item, unmet.problem, advice, dict(zip(names, ends, strict=True)), reader)
            return _agreed(ends, types) if joining.keeps_rank else flow.unknown(), joining
        _report(item, unmet.problem, reader)
        made = None
    if made is None:
        unknown = TensorType((UNKNOWN,) * len(types[0].shape), types[0].dtype)
        return ends[0]._replace(type=unknown) if joining.keeps_rank else flow.unknown(), joining
    origin = Origin(f"`{joining.word}`", reader.source.span(item.head), made.derive)
    start = flow if joining.input_joins else ends[0]
    return start.joined(made.type, origin, made.axis), joining.settled(made.type)


def _report(item: Item, problem: Problem, reader: Reader, flow: Flow | None = None) -> None:
    """Report what an option wants of the branches or of the input, at the option."""
    message, related = (problem.message, []) if flow is None else flow.told(problem)
    place = item.head if problem.at is None else item.options.get(problem.at, item.head)
    reader.report(problem.code, message, place, related=related, help=problem.help)


def _branches_disagree(
    item: Item, problem: Problem, advice: str | None, branches: dict[str, Flow], reader: Reader
) -> None:
    seen: list[Related] = []
    for name, end in branches.items():
        message, span = end.related(None)
        seen.append(Related(f"{name}: {message}", span))
    reader.report(problem.code, problem.message, item.head, related=seen, help=advice or problem.help)


def _agreed(ends: Sequence[Flow], types: Sequence[TensorType]) -> Flow:
    """The place behind branches that disagree: the sizes that they share stay known."""
    first = types[0]
    if any(len(t.shape) != len(first.shape) for t in types):
        return ends[0].unknown()
    shape = tuple(a if all(a == t.shape[i] for t in types) else UNKNOWN for i, a in enumerate(first.shape))
    return ends[0]._replace(type=TensorType(shape, first.dtype))


def warn_overwritten(joining: Joining, branches: Sequence[Sequential], reader: Reader) -> None:
    """Warn of a layer that writes over the input of a branch, which the other branches, or the skip, still need."""
    for branch in branches:
        for leaf in leaves(branch):
            if getattr(leaf.layer, "inplace", False) is True:
                reader.report(
                    "inplace-in-branch",
                    f"`{leaf.type}` with `inplace: true` is the first to touch the input of a branch of "
                    f"`{joining.word}`, and writes over what {joining.still_needed}",
                    leaf.span,
                    severity="warning",
                    help="leave `inplace` out here",
                )
            if not leaf.layer.shares(leaf.input):
                break
