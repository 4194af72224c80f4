"""Spec → Net: one walk that expands the templates and infers the shapes together.

Expressions may ask for `in_channels` where they stand, so the two cannot be separate passes. The walk never stops at
a mistake: arguments are always checked, shapes wherever the input's shape is known, and what hangs on something that
was already reported stays silent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from netspec.combinators import joining_class
from netspec.diagnostics import Related, Span, did_you_mean
from netspec.dims import UNKNOWN
from netspec.language.binding import bind_arguments, call_label
from netspec.language.branches import branch_flow, branch_nodes, join, read_options, warn_overwritten
from netspec.language.cursor import NOTHING, Context, Cursor, Keys
from netspec.language.flow import Flow, Origin
from netspec.language.inference import Inference
from netspec.language.initialization import InitRules
from netspec.language.items import Item, read_item
from netspec.language.names import child_name, loop_header
from netspec.language.options import flag, repeat_count
from netspec.language.scope import BlockName, LayerName, NamesInScope, Place, Template
from netspec.language.spec import Block, Spec, check_name
from netspec.layers import layer_class
from netspec.layers.base import TensorType
from netspec.net import Call, Combinator, Leaf, Sequential
from netspec.text.source import Limits, ListNode, Node, ScalarNode
from netspec.validation import FAILED, Reader

DEEPEST: Final = 64
"""How deep block calls and combinators may nest: deeper is a block that calls itself without end."""


class LimitPassed(Exception):
    """A limit was passed: there is nothing left to check."""


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
        self.inference = Inference(reader)
        self._items: dict[int, Item | None] = {}
        self._frames: list[Frame] = []
        self._count = 0
        self._steps = 0
        self.end = Flow(None, (), self.inference.input)
        """The net's output."""
        reader.reports.trail = self._trail

    # ---- entry

    def run(self, input: TensorType | None, origin: Origin) -> Sequential:
        """Walk the spec's layers for an input of this type (None: it was wrong and has been reported)."""
        self.inference.input = origin
        start = Flow(input, (origin,) * len(input.shape) if input else (), origin)
        cursor = Cursor(Keys(""), start, Context(self.scope, rules=self.init.rules))
        if not self._walk(self.spec.layers, "layers", cursor):
            cursor.lose()
        self.end = cursor.flow
        span = self.reader.source.span(self.spec.layers) if self.spec.layers else origin.span
        return cursor.sequential("", None, span, start)

    def uncalled(self, block: Block) -> None:
        """Check the body of a block that nothing calls, as far as that goes without its arguments."""
        start = Flow(None, (), Origin(f"`{block.name}`", self.spec.source.span(block.key)))
        scope = self.scope.inside({parameter.name: UNKNOWN for parameter in block.parameters})
        self._walk(block.body, block.name, Cursor(Keys(""), start, Context(scope)))

    def _walk(self, node: Node | None, of: str, cursor: Cursor) -> bool:
        """Walk an outermost list; False if a limit ended it."""
        self.place.inside = True
        try:
            with self.inference.collecting():
                self._list(node, of, cursor)
        except LimitPassed:
            return False
        finally:
            self.place.inside = False
        return True

    # ---- lists and items

    def _list(self, node: Node | None, of: str, cursor: Cursor) -> None:
        if isinstance(node, ListNode):
            for child in node.items:
                self._item(child, cursor)
        elif node is not None and not (isinstance(node, ScalarNode) and node.value is None):
            self.reader.report("wrong-form", f"`{of}` holds a list of layers", node, help="begin each with `- `")
            cursor.lose()

    def _item(self, node: Node, cursor: Cursor) -> None:
        item = self._parsed(node)
        if item is None:
            cursor.lose()
        elif item.options:
            self._with_options(item, cursor)
        else:
            self._head(item, cursor)

    def _parsed(self, node: Node) -> Item | None:
        key = id(node)
        if key not in self._items:
            self._items[key] = read_item(node, self.spec, self.reader.report)
        return self._items[key]

    def _with_options(self, item: Item, cursor: Cursor) -> None:
        self._enter(cursor)
        wanted = flag(item, "when", True, self.reader)
        if wanted is None:
            cursor.lose()
            return
        if not wanted:
            self._step(item.node)
            return
        outer = cursor.context
        cursor.context = self._context_beside(item, outer)
        if "repeat" in item.options:
            self._repeat(item, item.options["repeat"], cursor)
        else:
            self._head(item, cursor)
        cursor.context = outer

    def _context_beside(self, item: Item, outer: Context) -> Context:
        """The context of an item with its own `freeze` and `init`."""
        frozen = flag(item, "freeze", False, self.reader)
        rules = outer.rules
        if "init" in item.options:
            rules = (*self.init.beside(item.options["init"], item, self.reader), *rules)
        return outer._replace(frozen=outer.frozen or bool(frozen), rules=rules)

    def _repeat(self, item: Item, count_node: Node, cursor: Cursor) -> None:
        """The item itself, or the list under its `do`, as often as it says."""
        count = repeat_count(count_node, self.reader)
        if count is None:
            cursor.lose()
            return
        context = self._times(cursor.context, count, count_node)
        span = item.span(self.reader.source)
        for i in range(count):
            self._step(item.node)
            inner = cursor.scope(context)
            if item.kind == "repeat":
                self._list(item.options.get("do"), "do", inner)
            else:
                self._head(item, inner)
            cursor.add_scope("repeat", f"{i + 1} of {count}", span, inner)

    def _head(self, item: Item, cursor: Cursor) -> None:
        self._step(item.node)
        match item.kind:
            case "layer":
                self._layer(item, item.name, cursor)
            case "block":
                self._call(item, self.spec.blocks[item.name], cursor)
            case "reference":
                self._reference(item, cursor)
            case "for" | "repeat":
                self._loop(item, cursor)
            case "combinator":
                if joining_class(item.name).joins:
                    self._combinator(item, cursor)
                else:
                    self._nested(item, cursor)

    # ---- layers

    def _layer(self, item: Item, name: str, cursor: Cursor) -> None:
        self._enter(cursor)
        layer = self.reader.arguments(layer_class(name), item.value, name=name, at=item.head)
        key, given_name = self._key(item, cursor)
        self._count += 1
        flow, context = cursor.flow, cursor.context
        x = flow.type
        if layer is None or x is None:
            cursor.lose()
            return
        y = self.inference.output(layer, x, item, flow)
        span = item.span(self.reader.source)
        out = y or TensorType((UNKNOWN,) * len(x.shape), x.dtype)
        init = self.init.of(layer, x, span, context.rules, self.reader) if context.rules else ()
        leaf = Leaf(cursor.keys.prefix + key, given_name, layer, x, out, span, context.calls, context.frozen, init)
        cursor.nodes.append(leaf)
        self.inference.keep_conditions(name, span, flow)
        cursor.flow = flow.unknown() if y is None else flow.after(layer, y, lambda: Origin.of(leaf))

    # ---- blocks, references, loops

    def _call(self, item: Item, block: Block, cursor: Cursor) -> None:
        self._enter(cursor)
        context = cursor.context
        if context.depth >= DEEPEST:
            self._too_deep(block, item)
        self.scope.used.add(block.name)
        arguments = bind_arguments(block, item.value, item.head, self.reader, self._parsed)
        if arguments is None:
            cursor.lose()
            return
        span = item.span(self.reader.source)
        label = partial(call_label, block, arguments)
        within = context._replace(
            scope=self.scope.inside(arguments),
            calls=(*context.calls, Call(block.name, span)),
            depth=context.depth + 1,
        )
        key, name = self._key(item, cursor) if "name" in item.options else ("", None)
        inner = cursor.nested(key, within) if name else cursor.scope(within)
        self._frames.append(Frame(block.name, label, span))
        self._list(block.body, block.name, inner)
        self._frames.pop()
        if name is not None:
            cursor.add_sequential(cursor.keys.prefix + key, name, span, inner, block.name, arguments)
        else:
            cursor.add_scope("block", label, span, inner, block.name, arguments)

    def _reference(self, item: Item, cursor: Cursor) -> None:
        """`$act`, `$block: [64, 2]`: the layer, block or template that a name stands for."""
        self._enter(cursor)
        name = item.name[1:]
        scope = cursor.context.scope
        if not name.isidentifier():
            self.reader.report("wrong-form", f"`{item.name}` names nothing", item.head, help="write `$name`")
            cursor.lose()
            return
        try:
            value = scope[name]
        except KeyError:
            near = did_you_mean(name, scope.known())
            self.reader.report(
                "unknown-name",
                f"there is no variable or parameter `{name}` here",
                item.head,
                help=f"did you mean `${near}`?" if near else None,
            )
            cursor.lose()
            return
        match value:
            case LayerName(name=layer):
                self._layer(item, layer, cursor)
            case BlockName(name=block):
                self._call(item, self.spec.blocks[block], cursor)
            case Template():
                self._template(item, value, cursor)
            case _:
                if value is not UNKNOWN and value is not FAILED:
                    self.reader.report("wrong-form", f"`${name}` is {value!r}, neither a layer nor a block", item.head)
                cursor.lose()

    def _template(self, item: Item, template: Template, cursor: Cursor) -> None:
        """`$act` where `act` is a layer or block with its arguments."""
        inner = template.item
        if item.value is not None and not (isinstance(item.value, ScalarNode) and item.value.value is None):
            self.reader.report(
                "wrong-form",
                f"`{item.name}` is `{inner.name}` with its arguments; it takes no more",
                item.value,
                help=f"write `{item.name}` alone",
            )
        outer = cursor.context
        cursor.context = outer._replace(scope=template.scope)
        self._head(Item(inner.kind, inner.head, inner.value, inner.options | item.options, item.node), cursor)
        cursor.context = outer

    def _loop(self, item: Item, cursor: Cursor) -> None:
        """`for … do` and `repeat … do`; with a name they make a nested Sequential."""
        do = item.options.get("do")
        if do is None or (isinstance(do, ScalarNode) and do.value is None):
            self.reader.report("missing-key", f"`{item.name}` needs a `do` with the list to repeat", item.head)
            cursor.lose()
            return
        self._enter(cursor)
        if "name" not in item.options:
            self._iterations(item, cursor)
            return
        key, name = self._key(item, cursor)
        inner = cursor.nested(key, cursor.context)
        self._iterations(item, inner)
        cursor.add_sequential(cursor.keys.prefix + key, name, item.span(self.reader.source), inner)

    def _iterations(self, item: Item, cursor: Cursor) -> None:
        assert item.value is not None
        if item.kind == "repeat":
            self._repeat(item, item.value, cursor)
            return
        scope = cursor.context.scope
        header = loop_header(item.value, self.reader, lambda key: self._loop_name(key, scope))
        if header is None:
            cursor.lose()
            return
        names, values = header
        context = self._times(cursor.context, len(values), item.value)
        span = item.span(self.reader.source)
        for value in values:
            self._step(item.node)
            bound = dict(zip(names, value if len(names) > 1 else (value,), strict=True))
            inner = cursor.scope(context._replace(scope=scope.extended(bound)))
            self._list(item.options.get("do"), "do", inner)
            label = ", ".join(f"{k} = {v}" for k, v in bound.items())
            cursor.add_scope("for", label, span, inner, None, bound)

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

    def _nested(self, item: Item, cursor: Cursor) -> None:
        key, name = self._key_of(item, cursor)
        inner = cursor.nested(key, self._deeper(cursor.context, item))
        self._list(item.value, item.name, inner)
        cursor.add_sequential(cursor.keys.prefix + key, name, item.span(self.reader.source), inner)

    def _combinator(self, item: Item, cursor: Cursor) -> None:
        key, name = self._key_of(item, cursor)
        path = cursor.keys.prefix + key
        flow = cursor.flow
        joining = read_options(item, joining_class(item.name), self.reader)
        nodes = branch_nodes(item, joining, self.reader)
        start = branch_flow(item, joining, flow, self.reader)
        span = item.span(self.reader.source)
        self.inference.keep_conditions(item.name, span, flow)  # before a layer of a branch takes them for its own
        within = self._deeper(cursor.context, item)
        branches: list[tuple[str, Sequential]] = []
        ends: list[Flow] = []
        for branch_key, node in nodes:
            branch, end = self._branch(f"{path}.{branch_key}", node, item.name, start, within)
            branches.append((branch_key, branch))
            ends.append(end)
        if start is flow:
            warn_overwritten(joining, [branch for _, branch in branches], self.reader)
        end, joining = join(item, joining, flow, ends, self.reader)
        self.inference.keep_conditions(item.name, span, flow)
        before, after = flow.type or NOTHING, end.type or NOTHING
        calls = cursor.context.calls
        cursor.nodes.append(Combinator(joining, path, name, tuple(branches), span, before, after, calls))
        cursor.flow = end

    def _branch(self, path: str, node: Node | None, of: str, start: Flow, context: Context) -> tuple[Sequential, Flow]:
        cursor = Cursor(Keys(path), start, context)
        self._list(node, of, cursor)
        span = self.reader.source.span(node) if node is not None else start.last.span
        return cursor.sequential(path, None, span, start), cursor.flow

    # ---- options and names

    def _key_of(self, item: Item, cursor: Cursor) -> tuple[str, str | None]:
        self._enter(cursor)
        return self._key(item, cursor)

    def _key(self, item: Item, cursor: Cursor) -> tuple[str, str | None]:
        """The key of the item's module among its siblings, and its name if the spec gives one."""
        index = cursor.keys.next_index()
        node = item.options.get("name")
        name = child_name(node, self.reader) if node is not None else None
        if node is None or name is None:
            return index, None
        names = cursor.keys.names
        if name in names:
            first = Related(f"the first `{name}`", names[name])
            self.reader.report("duplicate-name", f"two siblings are named `{name}`", node, related=[first])
            return index, None
        names[name] = self.reader.source.span(node)
        return name, name

    # ---- limits and bookkeeping

    def _enter(self, cursor: Cursor) -> None:
        self.place.type = cursor.flow.type
        self.reader.names = cursor.context.scope

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
