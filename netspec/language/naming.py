"""`as`, `use` and the `output` of a block: values get names, and names give values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from netspec.diagnostics import Related, Span
from netspec.dims import UNKNOWN
from netspec.expressions import is_reserved
from netspec.expressions.operations import kind
from netspec.expressions.refusals import Refused, Undecided
from netspec.expressions.values import Family, Index, Operation, Value, index_of, member
from netspec.language.cursor import NOTHING, Cursor
from netspec.language.flow import Flow
from netspec.language.items import Item
from netspec.language.reserved import reserved
from netspec.language.scope import LayerName
from netspec.language.spec import Spec
from netspec.language.targets import target_names
from netspec.language.values import NamedValue, members, spans_of
from netspec.net import As, Use
from netspec.text.source import ListNode, Node, ScalarNode
from netspec.validation import FAILED, Reader, Reports

if TYPE_CHECKING:
    from netspec.language.arithmetic import Operand

UNNAMED: Final = "`as: p` beside the item names them `p[0]`, `p[1]` …, and `as: [a, b]` each; `use` says which"
"""What to do with a family that has no name."""
_TARGET: Final = r"\s*([^\W\d]\w*)\s*(\[.*\])?\s*"  # compiled when a spec names a value


class Naming:
    """Names values and finds them. One for each walk; it numbers the values."""

    def __init__(self, reports: Reports, spec: Spec) -> None:
        self.reports: Final = reports
        self.spec = spec
        self._slots = 0
        self.left_out: list[Node] = []
        """Items that a `when` or an empty loop has left out: what they read counts as read."""
        self.named: dict[Span, str] = {}
        """Every place that has named a value, with the name."""
        self.listed: set[Span] = set()
        """Those of names in a list, one for each result of a layer."""
        self.rebound: dict[Span, Span] = {}
        """Places whose name is given again further down in the same list, with that place."""
        self.refused: set[str] = set()
        """Names with another meaning that were refused to values: who reads one as a value is silent."""

    @property
    def anything(self) -> bool:
        """Whether any value has been named."""
        return self._slots > 0

    # ---- as

    def name(self, node: Node, cursor: Cursor, reader: Reader) -> None:
        """Give what stands at the cursor the name in `node`: `skip`, `p[l + 1]`."""
        target = self.target(node, cursor, reader)
        if target is None:
            self.lose(node, cursor)
            return
        name, index = target
        values = cursor.context.scope.values
        span = self.reports.source.span(node)
        flow = cursor.flow
        if flow.family is not None:
            self._name_family(name, index, flow.family, node, cursor)
            return
        if flow.type is None:
            values.names[name] = UNKNOWN
            return
        self.bind(name, index, self.store(member(name, index), flow, span, cursor), cursor)

    def bind(self, name: str, index: Index, value: NamedValue, cursor: Cursor) -> None:
        """Let a name, or a name with an index, stand for a value."""
        values = cursor.context.scope.values
        self.named.setdefault(value.span, value.name)
        before = values.names.get(name)
        if index:
            family = before if isinstance(before, Family) else Family(name)
            before = family.values.get(index)
            values.names[name] = family
            values.asked.rebind(family, index, value)
        else:
            values.names[name] = value
        if isinstance(before, NamedValue) and before.span != value.span:
            self.rebound.setdefault(before.span, value.span)

    def _name_family(self, name: str, index: Index, family: Family, node: Node, cursor: Cursor) -> None:
        span = self.reports.source.span(node)
        if index:
            self.reports.report(
                "value-kind",
                f"`{member(name, index)}` names one value, but a family of {len(family)} stands here",
                node,
                help=f"write `as: {name}`: its values are then {members(name, family)}",
            )
            self.lose(node, cursor)
            return
        self.named.setdefault(span, name)
        cursor.context.scope.values.names[name] = Family(
            name,
            {
                i: NamedValue(member(name, i), value.slot, value.flow, span) if isinstance(value, NamedValue) else value
                for i, value in family.values.items()
            },
        )

    def store(self, name: str, flow: Flow, span: Span, cursor: Cursor, term: Any = None) -> NamedValue:
        """Keep what stands at the cursor, or what `term` computes, under a name."""
        value = self.numbered(name, flow, span)
        here = cursor.flow.type or NOTHING
        cursor.nodes.append(As(value.slot, name, term, flow.type or NOTHING, here, span))
        return value

    def numbered(self, name: str, flow: Flow, span: Span) -> NamedValue:
        """A value with a slot of its own."""
        return NamedValue(name, self.slot(), flow, span)

    def slot(self) -> int:
        """A number that no value has."""
        self._slots += 1
        return self._slots - 1

    def target(self, node: Node, cursor: Cursor, reader: Reader) -> tuple[str, Index] | None:
        """The name and the index that an `as` says; None once reported or where the index is not known."""
        found = (
            re.fullmatch(_TARGET, node.text, re.DOTALL)
            if isinstance(node, ScalarNode) and node.value is not None
            else None
        )
        if found is None or not isinstance(node, ScalarNode):
            self.reports.report(
                "wrong-form", "`as` takes a name for the value that stands here", node, help=_a_name(node)
            )  # fmt: skip
            return None
        name, brackets = found[1], found[2]
        if not self._may_name(name, node, cursor, bool(brackets)):
            return None
        if brackets is None:
            return name, ()
        if brackets == "[]" or not _one_pair(brackets):
            self.reports.report(
                "wrong-form", f"`{node.text}` has no index of a family", node,
                help=f"for example `{name}[0]`, or `{name}[0, 1]` for one with two indices",
            )  # fmt: skip
            return None
        offset = 0 if node.quoted else found.start(2)
        inner = ScalarNode(brackets, brackets, node.quoted, node.start + offset, node.end)
        index = reader.evaluate(inner)
        if index is FAILED or index is UNKNOWN:
            return None
        try:
            return name, index_of(index)
        except Undecided as error:
            reader.needs_number(f"{name}[…]", error.size, node, None)  # pyright: ignore[reportArgumentType]  # a size
        except Refused as error:
            self.reports.report(error.code, error.message, node)
        return None

    def _may_name(self, name: str, node: ScalarNode, cursor: Cursor, indexed: bool) -> bool:
        scope = cursor.context.scope
        taken: str | None = None
        related: tuple[Related, ...] = ()
        if (word := reserved(name, self.spec)) is not None:
            taken = word
        elif name in scope.symbols:
            taken = "is a size of the input"
        elif name in scope.locals:
            taken = "is a parameter or the name of a loop here"
        elif not cursor.context.calls and (key := self._variable(name)) is not None:  # blocks may be copied here
            taken = "is a variable"
            related = (Related(f"`{name}` is defined here", self.spec.source.span(key)),)
        elif (outer := scope.values.around(name)) is not None:
            taken = "is a value of the list around this branch"
            related = tuple(Related(f"`{name}` is named here", span) for span in spans_of(outer))[:1]
        elif indexed and isinstance(first := scope.values.names.get(name), NamedValue):
            taken = "is one value here"
            related = (Related(f"`{name}` is named here", first.span),)
        if taken is None:
            return True
        self.reports.report(
            "name-taken", f"`{name}` {taken}, so no value may have that name", node, related=related,
            help="another name tells them apart",
        )  # fmt: skip
        return False

    def _variable(self, name: str) -> ScalarNode | None:
        return next((key for key, _ in self.spec.vars if key.text == name), None)

    def lose(self, target: Node, cursor: Cursor) -> None:
        """Let the names of an `as` that was refused, or whose item was, stand for something of which nothing is known:
        whoever reads them is silent."""
        scope = cursor.context.scope
        for name in target_names(target):
            scope.values.names[name] = UNKNOWN
            if name in scope.locals or is_reserved(name) or name in scope.spec.offer.layers:
                self.refused.add(name)

    # ---- use, output and arguments of blocks

    def use(self, item: Item, cursor: Cursor, reader: Reader) -> None:
        """Put the value of an expression in the place of the one that stands at the cursor."""
        value = self._value(item, reader)
        if value is UNKNOWN:
            cursor.lose()
        elif isinstance(value, Family) and not value.name.isidentifier():
            one = next(iter(value))
            self.reports.report(
                "wrong-form", f"`use` takes one value, not {value.name}", item.value or item.head,
                help=f"for example `use: {one}`; `concat: [{', '.join(map(repr, value))}]` joins several",
            )  # fmt: skip
            cursor.lose()
        elif isinstance(value, Family):
            self._refuse(item.name, item.value or item.head, value, cursor)
        else:
            self.take(value, item.value or item.head, cursor)

    def give(self, item: Item, cursor: Cursor, reader: Reader) -> None:
        """`output`: what the block gives."""
        if not cursor.is_body:
            self.reports.report(
                "misplaced-output", "`output` stands at the end of a block's body, and says what the block gives",
                item.head, help="`use: x` puts another value in the place of the one that stands here",
            )  # fmt: skip
            cursor.lose()
            return
        cursor.ended = item.span(self.reports.source)
        value = self._value(item, reader)
        if value is UNKNOWN:
            cursor.lose()
        elif isinstance(value, Family):
            cursor.flow = cursor.flow.unknown()._replace(family=value)
        else:
            self.take(value, item.value or item.head, cursor)

    def behind_output(self, node: Node, cursor: Cursor) -> None:
        """Report an item behind the `output` of its block."""
        assert cursor.ended is not None
        self.reports.report(
            "misplaced-output", "nothing may follow the `output` of a block: it would not be used", node,
            related=(Related("the `output`", cursor.ended),), help="move the `output` to the end",
        )  # fmt: skip

    def kept(self, arguments: dict[str, Any], span: Span, cursor: Cursor) -> dict[str, Any]:
        """The arguments of a block; what is computed of values is computed once, in front of the call."""
        return {name: self._kept(name, value, span, cursor) for name, value in arguments.items()}

    def _kept(self, name: str, value: Any, span: Span, cursor: Cursor) -> Any:
        if isinstance(value, Operation):
            found = self.computed(value, span)
            if found is None or found.flow is None:
                return UNKNOWN
            return self.store(name, found.flow, span, cursor, found.term)
        return value

    def _value(self, item: Item, reader: Reader) -> Any:
        """The value or family that an item says; UNKNOWN once reported or where it is not known."""
        return self.evaluated(
            item.name, item.value or item.head, reader, f"for example `{item.name}: x`, where `as: x` has named it",
            item.value is not None,
        )  # fmt: skip

    def evaluated(self, word: str, node: Node, reader: Reader, help: str, written: bool = True) -> Any:
        """The value or family that a node says; UNKNOWN once reported or where it is not known."""
        items = node.items if isinstance(node, ListNode) else [node]
        texts = [item.text for item in items if isinstance(item, ScalarNode) and item.value is not None]
        if not written or not items or len(texts) < len(items):
            what = f"`{word}` takes a value"
            if written and any(isinstance(item, ListNode) and not item.items for item in items):
                what = f"`[]` is no value in `{word}`: only among branches it says what stands here"
                written_out = ", ".join(item.text if isinstance(item, ScalarNode) else "x" for item in items)
                help = f"`as: x` beside the item above names what stands here: `{word}: [{written_out}]`"
            self.reports.report("wrong-form", what, node, help=help)
            return UNKNOWN
        if any(text.partition("[")[0].strip() in self.refused for text in texts):
            return UNKNOWN
        value: Any = reader.value(node)
        text = texts[0].strip() if isinstance(node, ScalarNode) else f"[{', '.join(texts)}]"
        members = _listed(value)
        if members:
            return Family(text, {(i,): each for i, each in enumerate(members)})
        if value is FAILED or value is UNKNOWN or isinstance(value, (Value, Family)):
            return UNKNOWN if value is FAILED else value
        example = isinstance(value, (LayerName, list, tuple))
        if isinstance(value, bool):
            causal = word.removesuffix("mask") + "is_causal"
            help = f"it is an input of bool, as in `input: {{x: [10, 32], pad: [10, bool]}}` and `{word}: pad`"
            help += f"; `{causal}: true` lets no position see later ones, without a mask" * (
                word in ("mask", "src_mask", "tgt_mask")
            )
            example = True
        self.reports.report(
            "value-kind", f"`{word}` takes a value of the network, but `{text}` is {kind(value)}", node,
            help=help if example else "`as: x` beside an item, or as an item, names a value",
        )  # fmt: skip
        return UNKNOWN

    def take(self, value: Value, at: Node | Span, cursor: Cursor) -> None:
        """Put a value in the place of the one that stands at the cursor; `at` is where the spec says so."""
        found = self.computed(value, at)
        if found is None or found.flow is None:
            cursor.lose()
            return
        before, after = cursor.flow.type or NOTHING, found.flow.type or NOTHING
        span = at if isinstance(at, Span) else self.reports.source.span(at)
        cursor.nodes.append(Use(found.term, before, after, span))
        cursor.flow = found.flow

    def computed(self, value: Value, at: Node | Span) -> Operand | None:
        """What a value, or arithmetic over several, is to the net; None once reported or where it is not known."""
        from netspec.language.arithmetic import ValueMistake, operand  # a chain has no values with names

        try:
            return operand(value)
        except ValueMistake as mistake:
            self.reports.report(mistake.code, mistake.message, at, related=mistake.related, help=mistake.help)
            return None

    # ---- families

    def refuse_family(self, word: str, at: Node | Span, cursor: Cursor) -> None:
        """Report what wants one value where a family stands."""
        assert cursor.flow.family is not None
        self._refuse(word, at, cursor.flow.family, cursor)

    def _refuse(self, word: str, at: Node | Span, family: Family, cursor: Cursor) -> None:
        self.reports.report(
            "value-kind",
            f"`{word}` wants one value, but a family of {len(family)} stands here",
            at,
            help=f"`use` says which: {members(family.name, family)}" if family.name and family.values else UNNAMED,
        )
        cursor.lose()


def _listed(value: Any) -> list[NamedValue]:
    """The members of a list of named values; none if it is something else."""
    items: list[Any] = list(value) if isinstance(value, (list, tuple)) else []  # pyright: ignore[reportUnknownArgumentType]  # any values
    return items if all(isinstance(item, NamedValue) for item in items) else []


def _a_name(node: Node) -> str:
    """What to write for an `as` that is no name: `s_{i}` is meant for one of a family."""
    braces = re.fullmatch(r"\s*([^\W\d]\w*?)_?\{([^{}]+)\}\s*", node.text) if isinstance(node, ScalarNode) else None
    if braces is not None:
        return f"an index stands in brackets, as in `as: {braces[1]}[{braces[2]}]`, and makes it one of a family"
    return "for example `as: skip`, or `as: p[i]` for one of a family"


def _one_pair(text: str) -> bool:
    """Whether the bracket at the head of a text is closed at its end: `[i + 1]`, and not `[0][1]`."""
    depth = 0
    for at, character in enumerate(text.rstrip()):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return at == len(text.rstrip()) - 1
    return False
