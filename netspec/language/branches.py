"""What the walk asks about a combinator: its options, its branches, and the flow behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from netspec.combinators import COMBINATORS
from netspec.diagnostics import Fix, Related
from netspec.dims import UNKNOWN, Problem, Unmet
from netspec.expressions.operations import kind
from netspec.expressions.values import Family, Operation, Value
from netspec.language.clues import JoinClue
from netspec.language.flow import Flow, Origin
from netspec.language.items import Item
from netspec.language.options import option_value
from netspec.language.scope import NamesInScope
from netspec.layers.base import Layer, TensorType
from netspec.net import Sequential, leaves
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader

if TYPE_CHECKING:
    from netspec.combinators.base import Joining


def read_options(item: Item, kind: type[Joining], reader: Reader) -> Joining:
    """The combinator with the options beside the item; one that was reported or is not known is UNKNOWN."""
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name in item.options:
            values[name] = option_value(item, name, kind, reader)
        elif field.is_required() and not _stands_inside(item, name):
            example = f"write `{name}: …` beside `{item.name}`"
            reader.report("missing-argument", f"`{item.name}` needs `{name}`", item.head, help=example)
            values[name] = UNKNOWN
        elif field.is_required():
            values[name] = UNKNOWN  # told where the branches are read
    return kind.model_construct(**values) if values else _plain(kind)


def _stands_inside(item: Item, option: str) -> bool:
    """Whether an option stands among the branches of a combinator, which is reported there."""
    return isinstance(item.value, MapNode) and item.value.get(option) is not None


@cache
def _plain(kind: type[Joining]) -> Joining:
    """The combinator without options; one instance serves all, since instances are frozen."""
    return kind.model_construct()


class Branch(NamedTuple):
    """One branch of a combinator, as it is written."""

    node: Node | None
    """The list of its layers, or what says its value."""
    scope: NamesInScope
    """The names that it sees."""
    value: Value | None = None
    """What it gives, where it is a value alone."""
    key: str = ""
    """Its key under the path of the combinator."""


Rounds = Callable[[Node], list[Branch] | None]
"""The branches that a `for`, `repeat` or `when` with its `do` stands for; None once reported or where that is not
known."""


def written_branches(
    item: Item, joining: Joining, scope: NamesInScope, reader: Reader, rounds: Rounds
) -> list[Branch] | None:
    """The branches of a combinator; None once reported or where their number is not known."""
    if not joining.several:
        body = Branch(item.value, scope, None, "body")
        return [body, *[Branch(item.options.get(side), scope, None, side) for side in joining.sides]]
    found = _several(item, joining, scope, reader, rounds)
    if not found:
        return None
    sides = [_side(item, side, joining, scope, reader) for side in joining.given_sides(item.options)]
    if joining.decides is not None and joining.decides not in item.options:
        if not _stands_inside(item, joining.decides):
            example = f"write `{joining.decides}: [{{Linear: {len(found)}}}]` beside `{item.name}`, a score for each"
            reader.report("missing-argument", f"`{item.name}` needs `{joining.decides}`", item.head, help=example)
        return None
    if None in sides:
        return None
    try:
        joining.check_branches(len(found))
    except Unmet as unmet:
        _report(item, unmet.problem, reader)
    branches = [branch._replace(key=f"branches.{i}") for i, branch in enumerate(found)]
    beside = [side for side in sides if side is not None]
    return [*beside, *branches] if joining.decides is not None else [*branches, *beside]


def _side(item: Item, side: str, joining: Joining, scope: NamesInScope, reader: Reader) -> Branch | None:
    """A further branch, which is layers or a value; None once reported or where it is not known."""
    node = item.options[side]
    if isinstance(node, ListNode):
        return Branch(node, scope, None, side)
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        value = reader.evaluate(node)
        if value is FAILED or value is UNKNOWN:
            return None
        if isinstance(value, Value):
            return Branch(node, scope, value, side)
        found = f"is {kind(value)}"
    else:
        found = "is neither"
    scores = "; the last axis of what it gives has a score for each expert" if side == joining.decides else ""
    head = node.entries[0][0] if isinstance(node, MapNode) and node.entries else node
    if isinstance(head, ScalarNode) and _is_word(head.text, scope):
        given = reader.source.text[node.start : node.end]
        reader.report(
            "wrong-form", f"`{side}` of `{item.name}` is a list of layers, but this is one without a list", node,
            help=f"layers stand in a list: `{side}: [{{{head.text}: …}}]`{scores}",
            fix=None if "\n" in given else reader.replace("write brackets around it", node, f"[{given}]"),
        )  # fmt: skip
        return None
    reader.report(
        "value-kind", f"`{side}` of `{item.name}` is a value of the network, or layers, but this {found}", node,
        help=f"`as: x` names a value, and `{side}: x` gives it{scores}",
    )  # fmt: skip
    return None


def _several(item: Item, joining: Joining, scope: NamesInScope, reader: Reader, rounds: Rounds) -> list[Branch] | None:
    word = joining.word
    node = item.value
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return _values(node, joining, scope, reader)
    inside = _options_inside(node, joining)
    items = node.items if isinstance(node, ListNode) else []
    if isinstance(node, MapNode) and node.get("do") is not None and inside is None:
        items = [node]
    if node is None or not items:
        reader.report(
            "wrong-form",
            f"`{word}` holds a list of branches, each a list of layers",
            node or item.head,
            help=inside or f"for example `{word}: {joining.shown}`; `[]` is identity",
            fix=_options_beside(item, joining, reader),
        )
        return None
    found: list[Branch] = []
    for branch in items:
        match branch:
            case ListNode():
                found.append(Branch(branch, scope))
            case MapNode() if branch.get("do") is not None:
                made = rounds(branch)
                if made is None:
                    return None
                found += made
            case ScalarNode(value=str()) if scope.names_value(branch.text) or not _is_word(branch.text, scope):
                value = reader.evaluate(branch)
                if value is FAILED or value is UNKNOWN:
                    return None
                if not isinstance(value, Value):
                    _no_branch(branch, cast("object", value), word, reader, beside=len(items) > 1)
                    return None
                found.append(Branch(branch, scope, value))
            case MapNode() if not _is_item(branch):
                reader.report(
                    "missing-key", "branches that a `for`, `repeat` or `when` makes stand in its `do`", branch,
                    help="for example `{for: 'i in range(2)', do: [Conv2d: 64]}`",
                )  # fmt: skip
                return None
            case _:
                layer = isinstance(branch, MapNode) or isinstance(branch.value, str)
                reader.report(
                    "wrong-form", f"each branch of `{word}` is a list of layers", branch,
                    help=joining.in_brackets if layer else "`[]` is identity, a name the value that `as` has named",
                )  # fmt: skip
                return None
    if not found:
        reader.report("wrong-form", f"all branches of `{word}` are left out", node, help="`[]` is identity")
    return found


def _is_word(text: str, scope: NamesInScope) -> bool:
    return text in scope.spec.offer.layers or text in COMBINATORS


def _values(node: ScalarNode, joining: Joining, scope: NamesInScope, reader: Reader) -> list[Branch] | None:
    """A branch for each value of a family, or of a list of values."""
    word = joining.word
    if "->" in node.text:
        reader.report(
            "wrong-form", f"`{word}` holds a list of branches; a pattern stands beside it", node,
            help=f"for example `{{einsum: [a, b], pattern: '{node.text}'}}`, for values that `as` has named",
        )  # fmt: skip
        return None
    values = reader.evaluate(node)
    if values is FAILED or values is UNKNOWN:
        return None
    if isinstance(values, Value):
        reader.report(
            "value-kind",
            f"`{word}` takes several values, but `{node.text}` is one",
            node,
            help=f"`use: {node.text}` computes it"
            if isinstance(values, Operation)
            else f"{joining.of_one.format(node.text, word)}; `as: p[i]` names one of a family, and `{word}: p` takes "
            "them all",
        )
        return None
    members = _listed(values)
    wrong = next((value for value in members if not isinstance(value, Value) and value is not UNKNOWN), None)
    if not members or wrong is not None:
        _no_branch(node, values if wrong is None else wrong, word, reader, of=wrong is not None)  # pyright: ignore[reportUnknownArgumentType]  # likewise
        return None
    return None if UNKNOWN in members else [Branch(node, scope, value) for value in members]


def _options_inside(node: Node | None, joining: Joining) -> str | None:
    """How options that were written among the branches stand beside them."""
    inside = [key.text for key, _ in node.entries if key.text in joining.options] if isinstance(node, MapNode) else []
    beside = ", ".join(f"{option}: …" for option in inside)
    return f"options stand beside the branches: `{{{joining.word}: {joining.shown}, {beside}}}`" if inside else None


def _options_beside(item: Item, joining: Joining, reader: Reader) -> Fix | None:
    """The mend of `{einsum: {pattern: …, branches: [q, k]}}`, whose branches are the one key that is no option."""
    node, whole = item.value, item.node
    if not isinstance(node, MapNode) or not isinstance(whole, MapNode) or len(whole.entries) > 1:
        return None
    lists = [value for key, value in node.entries if key.text not in joining.options]
    if len(lists) != 1 or not isinstance(lists[0], ListNode) or len(node.entries) == 1:
        return None
    text = reader.source.text
    beside = [f"{k.text}: {text[v.start : v.end]}" for k, v in node.entries if v is not lists[0]]
    written = f"{{{', '.join([f'{joining.word}: {text[lists[0].start : lists[0].end]}', *beside])}}}"
    return None if "\n" in written else reader.replace(f"write `{written}`", whole, written)


def _is_item(node: MapNode) -> bool:
    """Whether a mapping says more than how often, or whether, a branch is there."""
    return any(key.text not in ("for", "repeat", "when") for key, _ in node.entries)


def _no_branch(
    node: ScalarNode, value: object, word: str, reader: Reader, *, of: bool = False, beside: bool = False
) -> None:
    """Report what stands in the place of a branch, or (`of`) among several, and is no value; `beside` says that other
    branches stand beside it."""
    items = _listed(value)
    if items and not of and all(isinstance(item, Value) for item in items):
        reader.report(
            "value-kind",
            f"a branch of `{word}` gives one value, but `{node.text}` is {_several_values(value, len(items))}",
            node,
            help=f"`{{for: v in {node.text}, do: [use: v]}}` makes a branch of each"
            if beside
            else f"`{word}: {node.text}` takes each as a branch",
        )
        return
    found = f"{kind(value)} stands in `{node.text}`" if of else f"`{node.text}` is {kind(value)}"
    reader.report(
        "value-kind",
        f"`{word}` takes values of the network, but {found}",
        node,
        help=f"`{word}: p` takes a family of values, `{word}: [[Conv2d: 64], [], x]` lists of layers and values",
    )


def _listed(value: object) -> list[Any]:
    """The members of a list or a family; none of anything else."""
    return list(cast("Iterable[Any]", value)) if isinstance(value, (list, tuple, Family)) else []


def _several_values(value: object, count: int) -> str:
    what = "family" if isinstance(value, Family) else "list"
    return f"a {what} of {count} value{'s' * (count != 1)}"


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


def join(
    item: Item,
    joining: Joining,
    flow: Flow,
    ends: Sequence[Flow],
    reader: Reader,
    keyed: Sequence[tuple[str, Sequential]],
) -> tuple[Flow, Joining, bool]:
    """The place behind a combinator, for the place in front of it and those at the ends of its branches, which have
    these keys; the combinator as the net keeps it; and whether its branches are known to fit together."""
    from netspec.combinators.base import Ends  # here, since a chain without combinators needs none of it

    if joining.training_only:
        end = ends[0]
        if end.type is not None and end.type.constant:
            reader.report(
                "constant-value",
                f"`{joining.word}` gives an output in training, but {end.given(None)}, which is computed of parameters "
                "and buffers alone",
                item.head, related=[end.related(None)], help="let its layers read a value that the input decides",
            )  # fmt: skip
        return flow, joining, True
    keys, branches = [key for key, _ in keyed], [branch for _, branch in keyed]
    types = [end.type for end in ends if end.type is not None]
    if not types or flow.type is None or len(types) < len(ends):
        return flow.unknown(), joining, False
    names = joining.names(len(ends), item.options)

    def told(branch: int, axis: int | None) -> str:
        return ends[branch].given(axis)

    try:
        made = joining.output(flow.type, Ends(types, names, told, tuple(keys)))
    except Unmet as unmet:
        if unmet.problem.at is None:
            clue = JoinClue(joining, item, flow, tuple(ends), tuple(branches))
            _branches_disagree(clue, unmet.problem, names, reader)
            return _agreed(ends, types) if joining.keeps_rank else flow.unknown(), joining, False
        _report(item, unmet.problem, reader)
        made = None
    if made is None:
        unknown = TensorType((UNKNOWN,) * len(types[0].shape), types[0].dtype)
        return ends[0]._replace(type=unknown) if joining.keeps_rank else flow.unknown(), joining, False
    origin = Origin(f"`{joining.word}`", reader.source.span(item.head), made.derive)
    start = flow if joining.input_joins else ends[0]
    constant = all(type_.constant for type_ in (*types, *([flow.type] if joining.input_joins else ())))
    made = made._replace(type=made.type.said_constant(constant))
    return start.joined(made.type, origin, made.axis), joining.settled(made.type), True


def _report(item: Item, problem: Problem, reader: Reader, flow: Flow | None = None) -> None:
    """Report what an option wants of the branches or of the input, at the option."""
    message, related = (problem.message, []) if flow is None else flow.told(problem)
    place = item.head if problem.at is None else item.options.get(problem.at, item.head)
    reader.report(problem.code, message, place, related=related, help=problem.help)


def _branches_disagree(clue: JoinClue, problem: Problem, names: Sequence[str], reader: Reader) -> None:
    seen: list[Related] = []
    for name, end in zip(names, clue.ends, strict=True):
        message, span = end.related(None)
        seen.append(Related(f"{name}: {message}", span))
    reader.report(problem.code, problem.message, clue.item.head, related=seen, help=problem.help, clue=clue)


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
            if writes(leaf.layer):
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


def writes(layer: Layer) -> bool:
    """Whether a layer writes its output over its input."""
    return getattr(layer, "inplace", False) is True
