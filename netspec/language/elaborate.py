"""Spec → Net: one walk that expands the templates and infers the shapes together.

Expressions may ask for `in_channels` where they stand, so the two cannot be separate passes. The walk never stops at
a mistake: arguments are always checked, shapes wherever the input's shape is known, and what hangs on something that
was already reported stays silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from netspec.combinators import joining_class
from netspec.diagnostics import has_errors
from netspec.dims import UNKNOWN
from netspec.language.binding import bind_arguments, call_label
from netspec.language.branches import Branch, branch_flow, join, read_options, warn_overwritten, written_branches
from netspec.language.cursor import NOTHING, Context, Cursor, Home, Keys
from netspec.language.flow import Flow, Origin
from netspec.language.inference import Inference
from netspec.language.initialization import InitRules
from netspec.language.items import Item, read_item
from netspec.language.layer_items import LayerItems, key_of
from netspec.language.limits import Expansion, Frame, LimitPassed
from netspec.language.naming import Naming
from netspec.language.options import flag, repeat_count
from netspec.language.ports import GivenInput, Ports
from netspec.language.references import referent
from netspec.language.rounds import Rounds, bind
from netspec.language.scope import BlockName, Here, LayerName, NamesInScope, Template
from netspec.language.several import Several
from netspec.language.sharing import Sharing
from netspec.language.slicing import check_slices
from netspec.language.spec import Block, Spec
from netspec.net import Call, Combinator, Sequential
from netspec.text.source import Limits, ListNode, MapNode, Node, ScalarNode
from netspec.validation import Reader


class Elaborator:
    """The walk. Create it with a spec and the values of its variables, then call `run`."""

    def __init__(self, spec: Spec, reader: Reader, scope: NamesInScope, init: InitRules, limits: Limits) -> None:
        self.spec = spec
        self.reader: Final = reader
        self.reports: Final = reader.reports
        self.scope = scope
        self.init = init
        self.inference = Inference(reader)
        self.expansion: Final = Expansion(reader.reports, spec, limits)
        self.naming = Naming(reader.reports, spec)
        self.ports: Final = Ports(self.naming)
        self.rounds: Final = Rounds(spec, self.expansion, self.naming.left_out)
        self.sharing: Final = Sharing(reader.reports, spec)
        self.several: Final = Several(self.naming)
        self.layers: Final = LayerItems(
            spec, scope, init, self.inference, self.expansion, self.naming, self.sharing, self.several, self._at
        )
        self._items: dict[int, Item | None] = {}
        self._last = reader
        """The reader that was asked last: most often several are asked at one place."""
        self.end = Flow(None, (), self.inference.input)
        """The net's output."""
        reader.reports.trail = self.expansion.trail

    # ---- entry

    def run(self, inputs: Sequence[GivenInput]) -> Sequential:
        """Walk the spec's layers and outputs."""
        origin = inputs[0].origin
        self.inference.input = origin
        start = inputs[0].flow()
        keys = Keys("")
        cursor = Cursor(keys, start, Context(Home(keys), self.scope, rules=self.init.rules))
        self.ports.take_inputs(inputs, cursor)
        if not self._walk(self.spec.layers, "layers", cursor) or not self.ports.read_outputs(
            cursor, self._at, self._walk
        ):
            cursor.lose()
        self.ports.end_in_family(cursor)
        self.end = cursor.flow
        self.ports.warn_of_constants(cursor)
        span = self.reports.source.span(self.spec.layers) if self.spec.layers else origin.span
        root = cursor.sequential("", None, span, start)
        if not self.spec.lost and not has_errors(self.reports.diagnostics):
            self.sharing.warn_of_single_uses(self.naming.left_out)
            if self.naming.anything or self.layers.sources:
                self.ports.warn_of_values(root)
        return root

    def uncalled(self, block: Block) -> None:
        """Check the body of a block that nothing calls, as far as that goes without its arguments."""
        start = Flow(None, (), Origin(f"`{block.name}`", self.spec.source.span(block.key)))
        scope = self.scope.inside({parameter.name: UNKNOWN for parameter in block.parameters})
        keys = Keys("")
        self._walk(block.body, block.name, Cursor(keys, start, Context(Home(keys), scope)))

    def _walk(self, node: Node | None, of: str, cursor: Cursor) -> bool:
        """Walk an outermost list; False if a limit ended it."""
        try:
            with self.inference.collecting():
                self._list(node, of, cursor)
        except LimitPassed:
            return False
        return True

    # ---- lists and items

    def _list(self, node: Node | None, of: str, cursor: Cursor) -> None:
        if isinstance(node, ListNode):
            for child in node.items:
                self._item(child, cursor)
        elif node is not None and not (isinstance(node, ScalarNode) and node.value is None):
            from netspec.language.strangers import instead_of_list  # once one is met

            wish = instead_of_list(node) or "begin each with `- `"
            if isinstance(node, ScalarNode) and node.text.partition("[")[0] in cursor.context.scope.values.known():
                wish = f"a value stands in a list, too: `[use: {node.text}]`"
            self.reports.report("wrong-form", f"`{of}` holds a list of layers", node, help=wish)
            cursor.lose()

    def _item(self, node: Node, cursor: Cursor) -> None:
        item = self._items.get(id(node)) or self._parsed(node)
        if cursor.ended is not None and not self._left_out(item, cursor):
            self.naming.behind_output(node, cursor)
        if item is None:
            cursor.lose()
            if isinstance(node, MapNode) and (target := node.get("as")) is not None:
                self.naming.lose(target, cursor)
        elif item.options:
            self._with_options(item, cursor)
        else:
            self._head(item, cursor)

    def _parsed(self, node: Node) -> Item | None:
        key = id(node)
        if key not in self._items:
            self._items[key] = read_item(node, self.spec, self.reports.report)
        return self._items[key]

    def _with_options(self, item: Item, cursor: Cursor) -> None:
        reader = self._at(cursor)
        wanted = flag(item, "when", True, reader)
        if wanted is None:
            cursor.lose()
        elif not wanted:
            self.expansion.step(item.node)
            self.naming.left_out.append(item.node)
        else:
            outer = cursor.context
            if "freeze" in item.options or "init" in item.options:
                cursor.context = self._context_beside(item, outer, reader)
            if "repeat" in item.options:
                self._repeat(item, item.options["repeat"], cursor)
            elif item.kind == "repeat":
                self._head(item, cursor)
            else:
                self._once(item, cursor)
            cursor.context = outer
        names = item.options.get("as")
        if isinstance(names, ListNode):
            self.several.check_named(item, cursor, self._at(cursor), left_out=wanted is False)
        elif names is not None:
            self.naming.name(names, cursor, self._at(cursor))

    def _left_out(self, item: Item | None, cursor: Cursor) -> bool:
        """Whether a `when` leaves an item out."""
        if item is None or "when" not in item.options:
            return False
        return flag(item, "when", True, self._at(cursor)) is False

    def _context_beside(self, item: Item, outer: Context, reader: Reader) -> Context:
        """The context of an item with its own `freeze` and `init`."""
        frozen = flag(item, "freeze", False, reader)
        rules = outer.rules
        if "init" in item.options:
            rules = (*self.init.beside(item.options["init"], item, reader), *rules)
        if not frozen and rules is outer.rules:
            return outer
        return outer._replace(frozen=outer.frozen or bool(frozen), rules=rules)

    def _repeat(self, item: Item, count_node: Node, cursor: Cursor) -> None:
        """The item itself, or the list under its `do`, as often as it says."""
        count = repeat_count(count_node, self._at(cursor))
        if count is None:
            cursor.lose()
            return
        context = self.expansion.times(cursor.context, count, count_node)
        span = item.span(self.reports.source)
        if count == 0:
            self.naming.left_out.append(item.node)
        for i in range(count):
            self.expansion.step(item.node)
            inner = cursor.scope(context)
            if item.kind == "repeat" and "shared" not in item.options:
                self._list(item.options.get("do"), "do", inner)
            else:
                self._once(item, inner)
            cursor.add_scope("repeat", f"{i + 1} of {count}", span, inner)

    def _once(self, item: Item, cursor: Cursor) -> None:
        """An item without what repeats it or leaves it out."""
        if "shared" not in item.options or cursor.keys.only is not None:
            self._head(item, cursor)
            return
        name = self.sharing.name(item, cursor, self._at(cursor))
        if name is None:
            cursor.lose()
            return
        inner = self.sharing.inside(name, item, cursor)
        before = len(self.reports.diagnostics)
        if item.kind == "repeat":
            body = inner.nested(name, inner.context)
            self._list(item.options.get("do"), "do", body)
            inner.add_sequential(inner.keys.prefix + name, name, item.span(self.reports.source), body)
        else:
            self._head(item, inner)
        whole = len(self.reports.diagnostics) == before
        self.sharing.take(name, item, inner, cursor, self._at(cursor), whole=whole)

    def _head(self, item: Item, cursor: Cursor) -> None:
        self.expansion.step(item.node)
        match item.kind:
            case "layer":
                self.layers.read(item, item.name, cursor)
            case "block":
                self._call(item, self.spec.blocks[item.name], cursor)
            case "reference":
                self._reference(item, cursor)
            case "for" | "repeat" | "group":
                self._loop(item, cursor)
            case "combinator":
                kind = joining_class(item.name)
                if cursor.flow.family is not None and not kind.several:
                    self.naming.refuse_family(item.name, item.head, cursor)
                if kind.joins:
                    self._combinator(item, cursor)
                else:
                    self._nested(item, cursor)
            case "as":
                assert item.value is not None
                self.naming.name(item.value, cursor, self._at(cursor))
            case "use":
                self.naming.use(item, cursor, self._at(cursor))
            case "output":
                self.naming.give(item, cursor, self._at(cursor))

    # ---- blocks, references, loops

    def _call(self, item: Item, block: Block, cursor: Cursor) -> None:
        context = cursor.context
        self.expansion.check_call(block, item, context)
        self.scope.used.add(block.name)
        arguments = bind_arguments(block, item.value, item.head, self._at(cursor), self._parsed)
        if arguments is None:
            cursor.lose()
            return
        span = item.span(self.reports.source)
        if self.scope.has_values:
            arguments = self.naming.kept(arguments, span, cursor)
        label = partial(call_label, block, arguments)
        within = context.called(Home(cursor.keys), self.scope.inside(arguments), Call(block.name, span))
        has_name = "name" in item.options or item.unnamed or cursor.keys.only is not None
        key, name = key_of(item, cursor, self._at) if has_name else ("", None)
        inner = cursor.nested(key, within) if has_name else cursor.scope(within)
        inner.is_body = True
        self.expansion.frames.append(Frame(block.name, label, span))
        self._list(block.body, block.name, inner)
        self.expansion.frames.pop()
        if has_name:
            cursor.add_sequential(cursor.keys.prefix + key, name, span, inner, block.name, arguments)
        else:
            cursor.add_scope("block", label, span, inner, block.name, arguments)

    def _reference(self, item: Item, cursor: Cursor) -> None:
        """`$act`, `$block: [64, 2]`: the layer, block or template that a name stands for."""
        match referent(item, self._at(cursor)):
            case LayerName(name=layer):
                self.layers.read(item, layer, cursor)
            case BlockName(name=block):
                self._call(item, self.spec.blocks[block], cursor)
            case Template() as template:
                self._template(item, template, cursor)
            case None:
                cursor.lose()

    def _template(self, item: Item, template: Template, cursor: Cursor) -> None:
        """`$act` where `act` is a layer or block with its arguments."""
        inner = template.item
        if item.value is not None and not (isinstance(item.value, ScalarNode) and item.value.value is None):
            self.reports.report(
                "wrong-form",
                f"`{item.name}` is `{inner.name}` with its arguments; it takes no more",
                item.value,
                help=f"write `{item.name}` alone",
            )
        outer = cursor.context
        cursor.context = outer.within(template.scope)
        meant = Item(inner.kind, inner.head, inner.value, inner.options | item.options, item.node)
        meant.unnamed = item.unnamed
        self._once(meant, cursor)
        cursor.context = outer

    def _loop(self, item: Item, cursor: Cursor) -> None:
        """`for … do`, `repeat … do` and `when … do`; with a name they make a nested Sequential."""
        do = item.options.get("do")
        if do is None or (isinstance(do, ScalarNode) and do.value is None):
            wish = "`when` needs a list in its `do`" if item.kind == "group" else (
                f"`{item.name}` needs a `do` with the list to repeat"
            )  # fmt: skip
            self.reports.report("missing-key", wish, item.head)
            cursor.lose()
            return
        if "name" not in item.options:
            self._iterations(item, cursor)
            return
        key, name = key_of(item, cursor, self._at)
        inner = cursor.nested(key, cursor.context)
        self._iterations(item, inner)
        cursor.add_sequential(cursor.keys.prefix + key, name, item.span(self.reports.source), inner)

    def _iterations(self, item: Item, cursor: Cursor) -> None:
        assert item.value is not None
        if item.kind == "group":
            self._list(item.value, "do", cursor)
            return
        if item.kind == "repeat":
            self._repeat(item, item.value, cursor)
            return
        scope = cursor.context.scope
        header = self.rounds.header(item.value, scope, self._at(cursor))
        if header is None:
            cursor.lose()
            return
        names, values = header
        context = self.expansion.times(cursor.context, len(values), item.value)
        span = item.span(self.reports.source)
        if not values:
            self.naming.left_out.append(item.node)
        for value in values:
            self.expansion.step(item.node)
            bound = bind(names, value)
            inner = cursor.scope(context.within(scope.extended(bound)))
            self._list(item.options.get("do"), "do", inner)
            label = ", ".join(f"{k} = {v}" for k, v in bound.items())
            cursor.add_scope("for", label, span, inner, None, bound)

    # ---- nested chains and combinators

    def _nested(self, item: Item, cursor: Cursor) -> None:
        key, name = key_of(item, cursor, self._at)
        inner = cursor.nested(key, self.expansion.deeper(cursor.context, item))
        self._list(item.value, item.name, inner)
        cursor.add_sequential(cursor.keys.prefix + key, name, item.span(self.reports.source), inner)

    def _combinator(self, item: Item, cursor: Cursor) -> None:
        key, name = key_of(item, cursor, self._at)
        path = cursor.keys.prefix + key
        before = cursor.flow
        if before.family is not None:  # what stands here is for no branch; a tensor there must be
            self.naming.take(next(iter(before.family)), item.head, cursor)
        flow = cursor.flow
        reader = self._at(cursor)
        joining = read_options(item, joining_class(item.name), reader)

        def rounds(node: Node) -> list[Branch] | None:
            made = self._parsed(node)
            return None if made is None else self.rounds.branches(made, cursor.context, self._at(cursor))

        written = written_branches(item, joining, cursor.context.scope, reader, rounds)
        start = branch_flow(item, joining, flow if before.family is None else before, reader)
        span = item.span(self.reports.source)
        self.inference.keep_conditions(item.name, span, flow)  # before a layer of a branch takes them for its own
        within = self.expansion.deeper(cursor.context, item)
        cut = None if start.type is None or flow.type is None else joining.sliced(flow.type)
        branches: list[tuple[str, Sequential]] = []
        ends: list[Flow] = []
        for part in written or ():
            inner = within.within(part.scope.branch())
            aside = part.key == joining.decides
            if cut is not None and not aside:
                number = len(branches) - (joining.decides is not None)
                runs = cut.per_example if cut.chosen is None or number < cut.chosen else 0
                inner = inner._replace(slices=inner.slices * runs)
            branch, end = self._branch(f"{path}.{part.key}", part, item.name, flow if aside else start, inner)
            if cut is not None and not aside:
                check_slices(branch, item.name, cut, reader)
            branches.append((part.key, branch))
            ends.append(end)
        if start is flow:
            warn_overwritten(joining, [branch for _, branch in branches], reader)
        end, joining, fits = join(item, joining, flow, ends, reader, branches)
        self.inference.keep_conditions(item.name, span, flow)
        x, y = flow.type or NOTHING, end.type or NOTHING
        calls = cursor.context.calls
        slices = cursor.context.slices
        made = Combinator(joining, path, name, tuple(branches), span, x, y, calls, slices=slices, fits=fits)
        cursor.nodes.append(made)
        cursor.flow = end

    def _branch(self, path: str, branch: Branch, of: str, start: Flow, context: Context) -> tuple[Sequential, Flow]:
        cursor = Cursor(Keys(path), start, context)
        span = self.reports.source.span(branch.node) if branch.node is not None else start.last.span
        if branch.value is not None:
            self.naming.take(branch.value, span, cursor)
        else:
            self._list(branch.node, of, cursor)
        if cursor.flow.family is not None:
            self.naming.refuse_family(of, span, cursor)
        return cursor.sequential(path, None, span, start), cursor.flow

    # ---- bookkeeping

    def _at(self, cursor: Cursor) -> Reader:
        """What reads expressions where the cursor stands."""
        scope, type_ = cursor.context.scope, cursor.flow.type
        last = self._last.names
        if not (isinstance(last, Here) and last.scope is scope and last.type is type_):
            self._last = self.reader.at(Here(scope, type_))
        return self._last
