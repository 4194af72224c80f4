"""What is computed and read by nothing: `use` puts another value in its place, and no name keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netspec.diagnostics import Span
from netspec.net import As, Combinator, Computed, Leaf, Use, slots_named
from netspec.wiring import Dataflow, FlowStep


class Unread(NamedTuple):
    """What nothing reads."""

    words: str
    """What gives it: "`Linear`"."""
    span: Span
    join: str | None = None
    """The word of a combinator right behind it that joins one branch."""


def first_is_read(flow: Dataflow, given: Iterable[int]) -> bool:
    """Whether anything reads the input that flows into the first layer; `given` as in `unread`."""
    return 0 in _read(flow, given)


def unread(flow: Dataflow, given: Iterable[int]) -> Iterator[Unread]:
    """The results that are dropped, in execution order.

    A place in a block or a loop is among them only if no call and no round of it is read. What has a name is not: that
    names are read is looked after by `naming.py`.

    Args:
        flow: the net's.
        given: the slots of what the network gives; empty for what flows out at the end.
    """
    read = _read(flow, given) | {step.value for step in flow.steps if isinstance(step.node, As)}
    results = [
        (
            Unread(_words(step.node), step.node.span, _join_behind(flow.steps[i + 1 :])),
            {step.value, *(flow.named[slot] for slot in slots_named(step.node))},
        )
        for i, step in enumerate(flow.steps)
        if _is_result(step)
    ]
    places = {found.span for found, values in results if values & read}
    return (found for found, _ in results if found.span not in places)


def unread_rounds(flow: Dataflow, given: Iterable[int]) -> Iterator[Unread]:
    """The places of a `repeat` of which a round before the last gives what nothing reads: each begins with the same
    value then. `given` as in `unread`."""
    read = _read(flow, given) | {step.value for step in flow.steps if isinstance(step.node, As)}
    places: dict[Span, list[int]] = {}
    for scope, value in flow.rounds:
        places.setdefault(scope.span, []).append(value)
    for span, values in places.items():
        if len(values) > 1 and values[-1] in read and all(value not in read for value in values[:-1]):
            yield Unread("`repeat`", span)


def _read(flow: Dataflow, given: Iterable[int]) -> set[int]:
    """The values that something computes with, or that the network gives."""
    slots = list(given)
    found = {value for step in flow.steps if step.computes or isinstance(step.node, Combinator) for value in step.reads}
    return found | ({flow.named[slot] for slot in slots} if slots else {flow.end})


def _is_result(step: FlowStep) -> bool:
    """Whether a step gives what an item of the spec gives: the last of the operations of a `use`."""
    if isinstance(step.node, Use):
        return step.term is None and isinstance(step.node.term, Computed)
    return step.computes and not isinstance(step.node, As)


def _join_behind(steps: Iterable[FlowStep]) -> str | None:
    """The word of the combinator that comes next, if it takes one value alone."""
    node = next((step.node for step in steps if not isinstance(step.node, Use)), None)
    alone = isinstance(node, Combinator) and node.joining.several and len(node.branches) == 1
    return node.kind if isinstance(node, Combinator) and alone else None


def _words(node: Leaf | Combinator | As | Use) -> str:
    match node:
        case Leaf():
            return f"`{node.type}`"
        case Combinator():
            return f"`{node.kind}`"
        case _:
            return "this `use`"
