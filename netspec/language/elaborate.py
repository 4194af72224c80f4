"""Spec → Net: one walk that expands the templates and infers the shapes together.

Expressions may ask for `in_channels` where they stand, so the two cannot be separate passes. The walk never stops at
a mistake: arguments are always checked, shapes wherever the input's shape is known, and what hangs on something that
was already reported stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from netspec.combinators import joining_class
from netspec.diagnostics import Related, Span, did_you_mean
from netspec.dims import (
    UNKNOWN,
    Findings,
    Problem,
    Requirement,
    Unmet,
    collecting,
)
from netspec.language.binding import bind_arguments, call_label
from netspec.language.branches import branch_flow, branch_nodes, join, read_options, warn_overwritten
from netspec.language.flow import Flow, Origin
from netspec.language.initialization import InitRule, InitRules
from netspec.language.items import Item, read_item
from netspec.language.names import child_name, loop_header
from netspec.language.options import flag, repeat_count
from netspec.language.scope import BlockName, LayerName, NamesInScope, Place, Template
from netspec.language.spec import Block, Spec, check_name
from netspec.layers import layer_class
from netspec.layers.base import Layer, TensorType
from netspec.net import Call, Combinator, Leaf, Scope, Sequential
from netspec.net import Node as NetNode
from netspec.text.source import Limits, ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader

DEEPEST: Final = 64
"""How deep block calls and combinators may nest: deeper is a block that calls itself without end."""


class LimitPassed(Exception):
    """A limit was passed: there is nothing left to check."""


class Context(NamedTuple):
    """What an item inherits from where it stands."""

    scope: NamesInScope
    calls: tuple[Call, ...] = ()
    frozen: bool = False
    rules: tuple[InitRule, ...] = ()
    """Initialisers, innermost first."""
    depth: int = 0
    times: int = 1
    """How often the loops around repeat it."""


class Chain:
    """One list in the making: the module path in front of its children, and their keys so far."""

    __slots__ = ("index", "names", "prefix")

    def __init__(self, path: str) -> None:
        self.prefix = f"{path}." if path else ""
        self.index = 0
        self.names: dict[str, Span] = {}


class Frame(NamedTuple):
    """A block call on the way to where the walk stands."""

    block: str
    label: Callable[[], str]
    span: Span


class Elaborator:
    """The walk. Create it with a spec and the values of its variables, then call `run`."""

    def __init__(self, spec: Spec, reader: Reader, scope: NamesInScope, init: InitRules, limits: Limits) -> None:
        self.spec = spec
        self.reader = reader
        self.scope = scope
        self.place: Place = scope.place
        self.init = init
        self.limits = limits
        self.conditions: list[Requirement] = []
        """What the symbols of the input must satisfy."""
        self._items: dict[int, Item | None] = {}
        self._frames: list[Frame] = []
        self._findings = Findings()
        self._outputs: dict[tuple[int, TensorType], tuple[Layer, TensorType]] = {}
        """What layers gave for what input; each is kept alive with its answer, since its identity is the key."""
        self._count = 0
        self._steps = 0
        self.origin = Origin("`input`", spec.source.between(0, 0))
        """Where the net's input is written."""
        self.end = Flow(None, (), self.origin)
        """The net's output."""
        reader.trail = self._trail

    # ---- entry

    def run(self, input: TensorType | None, origin: Origin) -> Sequential:
        """Walk the spec's layers for an input of this type (None: it was wrong and has been reported)."""
        self.origin = origin
        flow = Flow(input, (origin,) * len(input.shape) if input else (), origin)
        nodes: list[NetNode] = []
        context = Context(self.scope, rules=self.init.rules)
        self.place.inside = True
        try:
            with collecting(self._findings):
                end = self._list(self.spec.layers, "layers", Chain(""), nodes, flow, context)
        except LimitPassed:
            end = flow.unknown()
        self.place.inside = False
        self.end = end
        span = self.reader.source.span(self.spec.layers) if self.spec.layers else origin.span
        return _sequential("", None, nodes, span, flow, end)

    def uncalled(self, block: Block) -> None:
        """Check the body of a block that nothing calls, as far as that goes without its arguments."""
        flow = Flow(None, (), Origin(f"`{block.name}`", self.spec.source.span(block.key)))
        scope = self.scope.inside({parameter.name: UNKNOWN for parameter in block.parameters})
        self.place.inside = True
        try:
            with collecting(self._findings):
                self._list(block.body, block.name, Chain(""), [], flow, Context(scope))
        except LimitPassed:
            pass
        self.place.inside = False

    # ---- lists and items

    def _list(
        self, node: Node | None, of: str, chain: Chain, into: list[NetNode], flow: Flow, context: Context
    ) -> Flow:
        if not isinstance(node, ListNode):
            if node is not None and not (isinstance(node, ScalarNode) and node.value is None):
                self.reader.report("wrong-form", f"`{of}` holds a list of layers", node, help="begin each with `- `")
                return flow.unknown()
            return flow
        for child in node.items:
            flow = self._item(child, chain, into, flow, context)
        return flow

    def _item(self, node: Node, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        item = self._parsed(node)
        if item is None:
            return flow.unknown()
        if not item.options:
            return self._head(item, chain, into, flow, context)
        return self._with_options(item, chain, into, flow, context)

    def _parsed(self, node: Node) -> Item | None:
        key = id(node)
        if key not in self._items:
            self._items[key] = read_item(node, self.spec, self.reader.report)
        return self._items[key]

    def _with_options(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        self._enter(flow, context.scope)
        wanted = flag(item, "when", True, self.reader)
        if wanted is None:
            return flow.unknown()
        if not wanted:
            self._step(item.node)
            return flow
        frozen = flag(item, "freeze", False, self.reader)
        rules = context.rules
        if "init" in item.options:
            rules = (*self.init.beside(item.options["init"], item, self.reader), *rules)
        context = context._replace(frozen=context.frozen or bool(frozen), rules=rules)
        if "repeat" not in item.options:
            return self._head(item, chain, into, flow, context)
        return self._repeat(item, item.options["repeat"], chain, into, flow, context)

    def _repeat(
        self, item: Item, count_node: Node, chain: Chain, into: list[NetNode], flow: Flow, context: Context
    ) -> Flow:
        """The item itself, or the list under its `do`, as often as it says."""
        count = repeat_count(count_node, self.reader)
        if count is None:
            return flow.unknown()
        context = self._times(context, count, count_node)
        span = item.span(self.reader.source)
        for i in range(count):
            self._step(item.node)
            children: list[NetNode] = []
            before = flow
            if item.kind == "repeat":
                flow = self._list(item.options.get("do"), "do", chain, children, flow, context)
            else:
                flow = self._head(item, chain, children, flow, context)
            into.append(_scope("repeat", f"{i + 1} of {count}", None, {}, span, children, before, flow))
        return flow

    def _head(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        self._step(item.node)
        match item.kind:
            case "layer":
                return self._layer(item, item.name, chain, into, flow, context)
            case "block":
                return self._call(item, self.spec.blocks[item.name], chain, into, flow, context)
            case "reference":
                return self._reference(item, chain, into, flow, context)
            case "for" | "repeat":
                return self._loop(item, chain, into, flow, context)
            case "combinator":
                if joining_class(item.name).joins:
                    return self._combinator(item, chain, into, flow, context)
                return self._nested(item, chain, into, flow, context)

    # ---- layers

    def _layer(self, item: Item, name: str, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        self._enter(flow, context.scope)
        layer = self.reader.arguments(layer_class(name), item.value, name=name, at=item.head)
        key, given_name = self._key(item, chain)
        self._count += 1
        x = flow.type
        if layer is None or x is None:
            return flow.unknown()
        y = self._infer(layer, x, item, flow)
        span = item.span(self.reader.source)
        out = y or TensorType((UNKNOWN,) * len(x.shape), x.dtype)
        init = self.init.of(layer, x, span, context.rules, self.reader) if context.rules else ()
        leaf = Leaf(chain.prefix + key, given_name, layer, x, out, span, context.calls, context.frozen, init)
        into.append(leaf)
        self._keep_conditions(name, span, flow)
        if y is None:
            return flow.unknown()
        return flow.after(layer, y, lambda: _origin(leaf))

    def _infer(self, layer: Layer, x: TensorType, item: Item, flow: Flow) -> TensorType | None:
        """The layer's output type, with every problem reported; with unknown sizes where the rule gave none.

        Deep nets repeat themselves: what a layer gave for an input, in silence, it gives again.
        """
        key = (id(layer), x)
        known = self._outputs.get(key)
        if known is not None:
            return known[1]
        try:
            y = layer.output(x)
        except Unmet as unmet:
            self._problem(unmet.problem, layer, item, flow)
            y = self._salvage(layer, x)
        else:
            if not self._findings.problems and not self._findings.conditions:
                self._outputs[key] = layer, y
        for problem in self._findings.problems:
            self._problem(problem, layer, item, flow)
        self._findings.problems.clear()
        return y

    def _salvage(self, layer: Layer, x: TensorType) -> TensorType | None:
        """What can still be said of the output after a requirement failed: its rank and channels, most often."""
        known = len(self._findings.problems)
        y: TensorType | None = None
        for shape in ((*x.shape[:1], *(UNKNOWN for _ in x.shape[1:])), (UNKNOWN,) * len(x.shape)):
            try:
                y = layer.output(TensorType(shape, x.dtype))
                break
            except Unmet:
                continue
        del self._findings.problems[known:]
        self._findings.conditions.clear()
        return y

    def _problem(self, problem: Problem, layer: Layer, item: Item, flow: Flow) -> None:
        place: Node = item.head
        if problem.at is not None:
            if isinstance(item.value, MapNode):
                place = item.value.get(problem.at) or item.head
            elif item.value is not None and problem.at == layer.scalar:
                place = item.value
        message, related = flow.told(problem)
        help_ = problem.help
        if problem.code == "wrong-rank" and help_ is None and flow.last is self.origin and flow.type is not None:
            shape = ", ".join(str(size) for size in flow.type.shape[1:])
            help_ = f"`input` is one example, without the batch axis: is `[{shape}]` meant?" if shape else None
        fix = None
        if isinstance(problem.value, int) and isinstance(place, ScalarNode) and isinstance(place.value, int):
            fix = self.reader.replace(f"write {problem.value}", place, str(problem.value))
        self.reader.report(
            problem.code,
            message,
            place,
            related=related,
            help=help_,
            fix=fix,
            severity=problem.severity,
        )

    def _keep_conditions(self, layer: str, span: Span, flow: Flow) -> None:
        """Move what the rules just required of the symbols to where the net takes it from."""
        for condition, problem in self._findings.conditions:
            message, _ = flow.told(problem)
            self.conditions.append(Requirement(condition, layer, span, problem._replace(message=message)))
        self._findings.conditions.clear()

    # ---- blocks, references, loops

    def _call(self, item: Item, block: Block, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        self._enter(flow, context.scope)
        if context.depth >= DEEPEST:
            self._too_deep(block, item)
        self.scope.used.add(block.name)
        arguments = bind_arguments(block, item.value, item.head, self.reader, self._parsed)
        if arguments is None:
            return flow.unknown()
        span = item.span(self.reader.source)
        label = partial(call_label, block, arguments)
        inner = context._replace(
            scope=self.scope.inside(arguments),
            calls=(*context.calls, Call(block.name, span)),
            depth=context.depth + 1,
        )
        children: list[NetNode] = []
        key, name = self._key(item, chain) if "name" in item.options else ("", None)
        body = Chain(chain.prefix + key) if name else chain
        self._frames.append(Frame(block.name, label, span))
        end = self._list(block.body, block.name, body, children, flow, inner)
        self._frames.pop()
        if name is not None:
            into.append(_sequential(chain.prefix + key, name, children, span, flow, end, block.name, arguments))
        else:
            into.append(_scope("block", label, block.name, arguments, span, children, flow, end))
        return end

    def _reference(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        """`$act`, `$block: [64, 2]`: the layer, block or template that a name stands for."""
        self._enter(flow, context.scope)
        name = item.name[1:]
        if not name.isidentifier():
            self.reader.report("wrong-form", f"`{item.name}` names nothing", item.head, help="write `$name`")
            return flow.unknown()
        try:
            value = context.scope[name]
        except KeyError:
            near = did_you_mean(name, context.scope.known())
            self.reader.report(
                "unknown-name",
                f"there is no variable or parameter `{name}` here",
                item.head,
                help=f"did you mean `${near}`?" if near else None,
            )
            return flow.unknown()
        match value:
            case LayerName(name=layer):
                return self._layer(item, layer, chain, into, flow, context)
            case BlockName(name=block):
                return self._call(item, self.spec.blocks[block], chain, into, flow, context)
            case Template(item=inner, scope=scope):
                if item.value is not None and not (isinstance(item.value, ScalarNode) and item.value.value is None):
                    self.reader.report(
                        "wrong-form",
                        f"`${name}` is `{inner.name}` with its arguments; it takes no more",
                        item.value,
                        help=f"write `${name}` alone",
                    )
                outer = Item(inner.kind, inner.head, inner.value, inner.options | item.options, item.node)
                return self._head(outer, chain, into, flow, context._replace(scope=scope))
            case _ if value is UNKNOWN or value is FAILED:
                return flow.unknown()
            case _:
                self.reader.report("wrong-form", f"`${name}` is {value!r}, neither a layer nor a block", item.head)
                return flow.unknown()

    def _loop(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        """`for … do` and `repeat … do`; with a name they make a nested Sequential."""
        do = item.options.get("do")
        if do is None or (isinstance(do, ScalarNode) and do.value is None):
            self.reader.report("missing-key", f"`{item.name}` needs a `do` with the list to repeat", item.head)
            return flow.unknown()
        if "name" not in item.options:
            return self._iterations(item, chain, into, flow, context)
        self._enter(flow, context.scope)
        key, name = self._key(item, chain)
        children: list[NetNode] = []
        path = chain.prefix + key
        end = self._iterations(item, Chain(path), children, flow, context)
        into.append(_sequential(path, name, children, item.span(self.reader.source), flow, end))
        return end

    def _iterations(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        assert item.value is not None
        if item.kind == "repeat":
            self._enter(flow, context.scope)
            return self._repeat(item, item.value, chain, into, flow, context)
        self._enter(flow, context.scope)
        header = loop_header(item.value, self.reader, lambda key: self._loop_name(key, context.scope))
        if header is None:
            return flow.unknown()
        names, values = header
        context = self._times(context, len(values), item.value)
        span = item.span(self.reader.source)
        for value in values:
            self._step(item.node)
            bound = dict(zip(names, value if len(names) > 1 else (value,), strict=True))
            children: list[NetNode] = []
            before = flow
            inner = context._replace(scope=context.scope.extended(bound))
            flow = self._list(item.options.get("do"), "do", chain, children, flow, inner)
            label = ", ".join(f"{k} = {v}" for k, v in bound.items())
            into.append(_scope("for", label, None, bound, span, children, before, flow))
        return flow

    def _loop_name(self, key: ScalarNode, scope: NamesInScope) -> bool:
        """True if a loop may use this name where it stands."""
        if key.text in scope.locals:
            self.reader.report(
                "name-taken",
                f"`{key.text}` is already a parameter or the name of a loop around, so no loop may use it",
                key,
            )
            return False
        return check_name(key, "loop name", self.spec, self.reader.report)

    # ---- nested chains and combinators

    def _nested(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        self._enter(flow, context.scope)
        key, name = self._key(item, chain)
        children: list[NetNode] = []
        path = chain.prefix + key
        end = self._list(item.value, item.name, Chain(path), children, flow, self._deeper(context, item))
        into.append(_sequential(path, name, children, item.span(self.reader.source), flow, end))
        return end

    def _branch(self, path: str, node: Node | None, of: str, flow: Flow, context: Context) -> tuple[Sequential, Flow]:
        children: list[NetNode] = []
        end = self._list(node, of, Chain(path), children, flow, context)
        span = self.reader.source.span(node) if node is not None else flow.last.span
        return _sequential(path, None, children, span, flow, end), end

    def _combinator(self, item: Item, chain: Chain, into: list[NetNode], flow: Flow, context: Context) -> Flow:
        self._enter(flow, context.scope)
        key, name = self._key(item, chain)
        path = chain.prefix + key
        inner = self._deeper(context, item)
        joining = read_options(item, joining_class(item.name), self.reader)
        nodes = branch_nodes(item, joining, self.reader)
        start = branch_flow(item, joining, flow, self.reader)
        span = item.span(self.reader.source)
        self._keep_conditions(item.name, span, flow)  # before a layer of a branch takes them for its own
        branches: list[tuple[str, Sequential]] = []
        ends: list[Flow] = []
        for branch_key, node in nodes:
            sequential, end = self._branch(f"{path}.{branch_key}", node, item.name, start, inner)
            branches.append((branch_key, sequential))
            ends.append(end)
        if start is flow:
            warn_overwritten(joining, [chain for _, chain in branches], self.reader)
        end, joining = join(item, joining, flow, ends, self.reader)
        self._keep_conditions(item.name, span, flow)
        before, after = flow.type or NOTHING, end.type or NOTHING
        into.append(Combinator(joining, path, name, tuple(branches), span, before, after, context.calls))
        return end

    # ---- options and names

    def _key(self, item: Item, chain: Chain) -> tuple[str, str | None]:
        """The key of the item's module among its siblings, and its name if the spec gives one."""
        index = chain.index
        chain.index += 1
        node = item.options.get("name")
        if node is None:
            return str(index), None
        name = child_name(node, self.reader)
        if name is None:
            return str(index), None
        span = self.reader.source.span(node)
        if name in chain.names:
            first = Related(f"the first `{name}`", chain.names[name])
            self.reader.report("duplicate-name", f"two siblings are named `{name}`", node, related=[first])
            return str(index), None
        chain.names[name] = span
        return name, name

    # ---- limits and bookkeeping

    def _enter(self, flow: Flow, scope: NamesInScope) -> None:
        self.place.type = flow.type
        self.reader.names = scope

    def _deeper(self, context: Context, item: Item) -> Context:
        if context.depth >= DEEPEST:
            self.reader.report("too-deep", f"`{item.name}` is nested more than {DEEPEST} deep", item.head)
            raise LimitPassed
        return context._replace(depth=context.depth + 1)

    def _too_deep(self, block: Block, item: Item) -> None:
        again = sum(frame.block == block.name for frame in self._frames)
        what = f"calls itself {again} deep" if again > 1 else f"is called more than {DEEPEST} deep"
        del self._frames[1:]  # the way in is enough: the rest of the trail is the same call again and again
        self.reader.report(
            "endless-block",
            f"the block `{block.name}` {what}, without end as it seems",
            item.head,
            related=[Related(f"`{block.name}` is defined here", self.spec.source.span(block.key))],
            help=f"a block may call itself only under a `when` that ends it before {DEEPEST} calls",
        )
        raise LimitPassed

    def _times(self, context: Context, count: int, node: Node) -> Context:
        """The context inside a loop; refuses before anything is expanded."""
        times = context.times * max(count, 1)
        if times > self.limits.max_layers:
            self._too_many(node, f"this loop and those around it go round {times:,} times")
        return context._replace(times=times)

    def _too_many(self, node: Node, what: str) -> None:
        self.reader.report(
            "too-many-layers",
            f"{what}, but {self.limits.max_layers:,} layers are the limit",
            node,
            help="a caller may raise the limit: `limits=Limits(max_layers=…)`",
        )
        raise LimitPassed

    def _step(self, node: Node) -> None:
        self._steps += 1
        if self._count > self.limits.max_layers or self._steps > 4 * self.limits.max_layers:
            self._too_many(node, "the templates make too many layers")

    def _trail(self) -> tuple[Related, ...]:
        return tuple(Related(f"in the call `{frame.label()}`", frame.span) for frame in reversed(self._frames))


NOTHING: Final = TensorType((UNKNOWN,))
"""A type of which nothing is known, its rank included: what flows on behind a mistake."""


def _scope(
    kind: Any,
    label: str | Callable[[], str],
    block: str | None,
    arguments: Mapping[str, Any],
    span: Span,
    children: list[NetNode],
    before: Flow,
    after: Flow,
) -> Scope:
    return Scope(kind, label, block, arguments, span, tuple(children), before.type or NOTHING, after.type or NOTHING)


def _sequential(
    path: str,
    name: str | None,
    children: list[NetNode],
    span: Span,
    before: Flow,
    after: Flow,
    block: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Sequential:
    start, end = before.type or NOTHING, after.type or NOTHING
    return Sequential(path, name, tuple(children), span, start, end, block, arguments or {})


def _origin(leaf: Leaf) -> Origin:
    call = leaf.calls[0].span if leaf.calls else None

    def derive(axis: int) -> str | None:
        try:
            return leaf.layer.derivation(leaf.input, axis)
        except Unmet:  # a formula too long to be of help
            return None

    return Origin(f"`{leaf.type}`", leaf.span, derive, call)
