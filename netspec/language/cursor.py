"""Where the walk over a spec stands: in which list, with what flowing there, and what the list inherits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from netspec.diagnostics import Related, Span
from netspec.dims import UNKNOWN, Size
from netspec.language.flow import Flow
from netspec.language.initialization import InitRule
from netspec.language.names import child_name
from netspec.language.scope import NamesInScope
from netspec.layers.base import TensorType
from netspec.net import Call, Node, Scope, Sequential
from netspec.text.source import Node as WrittenNode
from netspec.validation import Reader

NOTHING: Final = TensorType((UNKNOWN,))
"""A type of which nothing is known, its rank included: the type behind a mistake."""


class Context(NamedTuple):
    """What an item inherits from the items around it."""

    home: Home
    scope: NamesInScope
    calls: tuple[Call, ...] = ()
    frozen: bool = False
    rules: tuple[InitRule, ...] = ()
    """Initialisers, innermost first."""
    depth: int = 0
    times: int = 1
    """How often the loops around repeat it."""
    again: bool = False
    """Whether a shared module around it has stood before."""
    slices: Size = 1
    """How often it runs for one example: for every slice of an `each` around it."""

    def within(self, scope: NamesInScope) -> Context:
        """The same under other names."""
        if scope is self.scope:
            return self
        return Context(
            self.home, scope, self.calls, self.frozen, self.rules, self.depth, self.times, self.again, self.slices
        )

    def called(self, home: Home, scope: NamesInScope, call: Call) -> Context:
        """The context in the body of a block, one deeper."""
        calls = (*self.calls, call)
        return Context(home, scope, calls, self.frozen, self.rules, self.depth + 1, self.times, self.again, self.slices)


class Keys:
    """The keys of one module's children: the module's path, the next index, and the names given so far."""

    __slots__ = ("index", "names", "only", "prefix")

    def __init__(self, path: str, only: str | None = None) -> None:
        self.prefix = f"{path}." if path else ""
        self.only = only
        """The key of the one child that there may be."""
        self.index = 0
        self.names: dict[str, Span] = {}

    def next(self) -> str:
        """The key of a child without a name."""
        self.index += 1
        return str(self.index - 1)

    def named(self, node: WrittenNode, reader: Reader) -> tuple[str, str | None]:
        """The key of a child, and its name if that is good. One with a name of its own takes up an index, too."""
        index = self.next()
        name = child_name(node, reader)
        if name is None:
            return index, None
        if name in self.names:
            first = Related(f"the first `{name}`", self.names[name])
            reader.report("duplicate-name", f"two siblings are named `{name}`", node, related=[first])
            return index, None
        self.names[name] = reader.source.span(node)
        return name, name


class Home:
    """Where the modules stand that a body shares: the network, a block's body, a `sequential`."""

    __slots__ = ("keys", "shared")

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.shared: dict[str, Node | None] = {}
        """What the first item of each name has become; None once a mistake in it is reported."""


class Cursor:
    """The place behind the last item that was read of one list. Reading an item moves it."""

    __slots__ = ("context", "ended", "flow", "is_body", "keys", "nodes")

    def __init__(self, keys: Keys, flow: Flow, context: Context) -> None:
        self.keys = keys
        self.flow = flow
        self.context = context
        self.nodes: list[Node] = []
        """What the items so far became."""
        self.is_body = False
        """True in the body of a block, which `output` may end."""
        self.ended: Span | None = None
        """Where an `output` has ended the list."""

    def scope(self, context: Context) -> Cursor:
        """A cursor at the head of a list that has no module of its own: its modules are children of this one's."""
        return Cursor(self.keys, self.flow, context)

    def nested(self, key: str, context: Context) -> Cursor:
        """A cursor at the head of a list that is the module `key` among this one's children."""
        keys = Keys(self.keys.prefix + key)
        return Cursor(keys, self.flow, context._replace(home=Home(keys)))

    def lose(self) -> None:
        """Go on with nothing known of the type."""
        self.flow = self.flow.unknown()

    # ---- what a list became, put behind the last item

    def add_scope(
        self,
        kind: Literal["block", "for", "repeat"],
        label: str | Callable[[], str],
        span: Span,
        inner: Cursor,
        block: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the list that `inner` has read, as a group without a module, and go on behind it."""
        before, after = self.flow.type or NOTHING, inner.flow.type or NOTHING
        self.nodes.append(Scope(kind, label, block, arguments or {}, span, tuple(inner.nodes), before, after))
        self.flow = inner.flow

    def add_sequential(
        self,
        path: str,
        name: str | None,
        span: Span,
        inner: Cursor,
        block: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the list that `inner` has read, as a module, and go on behind it."""
        self.nodes.append(inner.sequential(path, name, span, self.flow, block, arguments))
        self.flow = inner.flow

    def sequential(
        self,
        path: str,
        name: str | None,
        span: Span,
        start: Flow,
        block: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Sequential:
        """The list that this cursor has read from `start` on, as a module."""
        before, after = start.type or NOTHING, self.flow.type or NOTHING
        return Sequential(path, name, tuple(self.nodes), span, before, after, block, arguments or {})
