"""The walk over a net that remarks are made on, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from netspec.diagnostics import Code, Related, Severity
from netspec.net import As, Combinator, Leaf, Net, Node, Scope, Sequential, Use
from netspec.validation import Reports


def straight(net: Net) -> Iterator[tuple[bool, Leaf | None]]:
    """The layers in execution order, each with whether a stretch begins with it; None for one of a plugin, which says
    too little of itself.

    In a stretch each layer reads what the one in front of it gives, and nothing else does. Iterative, as `net.walk`.
    """
    stack: list[Node | None] = [net.root]
    fresh = True
    while stack:
        node = stack.pop()
        match node:
            case Leaf() if net.plugins and node.layer.is_foreign():
                yield True, None
                fresh = True
            case Leaf():
                yield fresh, node
                fresh = bool(node.results)
            case Scope() | Sequential():
                stack.extend(reversed(node.children))
            case Combinator():
                stack.append(None)
                for _, chain in reversed(node.branches):
                    stack += (chain, None)
            case As() | Use() | None:
                fresh = True


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
