"""The walk over a net that remarks are made on, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from netspec.diagnostics import Code, Related, Severity
from netspec.layers.base import Layer
from netspec.net import Combinator, Leaf, Net, Node, Scope, Sequential
from netspec.validation import Reports


def straight(net: Net, deciding: list[Combinator] | None = None) -> Iterator[tuple[bool, Leaf | None]]:
    """The layers in execution order, each with whether a stretch begins with it; None for one of a plugin, which says
    too little of itself.

    In a stretch each layer reads what the one in front of it gives, and nothing else does. Iterative, as `net.walk`.

    Args:
        deciding: takes the combinators of which one branch decides on the others, each before its layers come.
    """
    stack: list[Node | None] = [net.root]
    fresh = True
    while stack:
        node = stack.pop()
        if isinstance(node, Leaf):
            if net.plugins and node.layer.is_foreign():
                yield True, None
                fresh = True
            else:
                yield fresh, node
                fresh = bool(node.results)
        elif isinstance(node, Scope | Sequential):
            stack += node.children[::-1]
        elif isinstance(node, Combinator):
            if deciding is not None and node.joining.decides is not None:
                deciding.append(node)
            stack.append(None)
            for _, chain in reversed(node.branches):
                stack += (chain, None)
        else:
            fresh = True


class Role(NamedTuple):
    """What a class of layers is to those beside its layers, looked up once: a net has many layers of few classes."""

    is_matrix: bool
    has_groups: bool
    is_linear: bool
    """Linear in evaluation, without weights that mix."""
    is_norm: bool
    keeps_values: bool
    may_spread: bool
    may_write: bool
    may_turn: bool
    """Whether another map may come out than goes in."""
    is_share: bool
    """Whether it gives shares of one along an axis, or their logarithms."""


@cache
def role_of(cls: type[Layer]) -> Role:
    """The role of a class."""
    return Role(
        cls.is_matrix,
        "groups" in cls.model_fields,
        cls.keeps_values or cls.over_batch,
        cls.family == "normalization",
        cls.keeps_values,
        cls.spreads is not Layer.spreads,
        "inplace" in cls.model_fields,
        cls.family not in ("activation", "normalization", "dropout"),
        cls.gives in ("probabilities", "log-probabilities") and "dim" in cls.model_fields,
    )


class Telling:
    """Tells remarks about layers."""

    def __init__(self, reports: Reports, severity: Severity) -> None:
        self._reports: Final = reports
        self._severity: Final[Severity] = severity

    def __call__(
        self, code: Code, message: str, leaf: Leaf, help: str, *others: Leaf, related: Iterable[Related] = ()
    ) -> None:
        """Tell something about a layer, in which others in front of it have a part."""
        from netspec.language.clues import RemarkClue  # once there is something to tell

        calls = [Related(f"in the call of `{call.block}`", call.span) for call in reversed(leaf.calls)]
        self._reports.report(
            code,
            message,
            leaf.span,
            related=[*related, *(Related(f"`{other.type}`", other.span) for other in others), *calls],
            help=help,
            clue=RemarkClue(leaf, others),
            severity=self._severity,
        )


def at(leaf: Leaf) -> str:
    """A layer and its line: "`Linear` (line 4)"."""
    return f"`{leaf.type}` (line {leaf.span.line})"
