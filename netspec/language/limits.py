"""What ends a walk in time: how deep it may go, how much the templates may make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from netspec.diagnostics import Related, Span
from netspec.language.cursor import Context
from netspec.language.items import Item
from netspec.language.spec import Block, Spec
from netspec.text.source import Limits, Node
from netspec.validation import Reports

DEEPEST: Final = 64
"""How deep block calls and combinators may nest: deeper is a block that calls itself without end."""


class LimitPassed(Exception):
    """A limit was passed: there is nothing left to check."""


class Frame(NamedTuple):
    """A block call on the way to where the walk stands."""

    block: str
    label: Callable[[], str]
    span: Span


class Expansion:
    """How much the templates have made so far, and through which calls the walk has come. One for each walk."""

    def __init__(self, reports: Reports, spec: Spec, limits: Limits) -> None:
        self.reports: Final = reports
        self.spec = spec
        self.limits = limits
        self.frames: list[Frame] = []
        self.layers = 0
        """How many there are."""
        self.steps = 0
        """How many items were elaborated."""

    def deeper(self, context: Context, item: Item) -> Context:
        """The context in a branch or body of an item."""
        if context.depth >= DEEPEST:
            self.reports.report("too-deep", f"`{item.name}` is nested more than {DEEPEST} deep", item.head)
            raise LimitPassed
        return context._replace(depth=context.depth + 1)

    def check_call(self, block: Block, item: Item, context: Context) -> None:
        """Refuse a call that is nested too deep."""
        if context.depth < DEEPEST:
            return
        again = sum(frame.block == block.name for frame in self.frames)
        what = f"calls itself {again} deep" if again > 1 else f"is called more than {DEEPEST} deep"
        del self.frames[1:]  # the way in is enough: the rest of the trail is the same call again and again
        self.reports.report(
            "endless-block",
            f"the block `{block.name}` {what}, without end as it seems",
            item.head,
            related=[Related(f"`{block.name}` is defined here", self.spec.source.span(block.key))],
            help=f"a block may call itself only under a `when` that ends it before {DEEPEST} calls",
        )
        raise LimitPassed

    def times(self, context: Context, count: int, node: Node) -> Context:
        """The context inside a loop; refuses before anything is expanded."""
        times = context.times * max(count, 1)
        if times > self.limits.max_layers:
            self._too_many(node, f"this loop and those around it go round {times:,} times")
        return context._replace(times=times)

    def _too_many(self, node: Node, what: str) -> None:
        self.reports.report(
            "too-many-layers",
            f"{what}, but {self.limits.max_layers:,} layers are the limit",
            node,
            help="a caller may raise the limit: `limits=Limits(max_layers=…)`",
        )
        raise LimitPassed

    def step(self, node: Node) -> None:
        """Count an item that is elaborated."""
        self.steps += 1
        if self.layers > self.limits.max_layers or self.steps > 4 * self.limits.max_layers:
            self._too_many(node, "the templates make too many layers")

    def trail(self) -> tuple[Related, ...]:
        """The calls on the way to where the walk stands, innermost first."""
        return tuple(Related(f"in the call `{frame.label()}`", frame.span) for frame in reversed(self.frames))
