"""`as`, `use` and `output`: values get names, and names give values."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netspec.combinators import HEADS
from netspec.diagnostics import Related, Span
from netspec.dims import UNKNOWN
from netspec.expressions import is_reserved
from netspec.expressions.operations import kind
from netspec.expressions.refusals import Refused, Undecided
from netspec.expressions.values import Family, Index, Operation, Value, index_of, member
from netspec.language.cursor import NOTHING, Cursor
from netspec.language.flow import Flow, Origin
from netspec.language.items import Item
from netspec.language.names import MODULE_ATTRIBUTES, usable
from netspec.language.reserved import reserved
from netspec.language.scope import LayerName
from netspec.language.spec import Spec
from netspec.language.values import Asked, Bound, NamedValue
from netspec.language.words import left_out_words, target_names
from netspec.layers import MODULE_OF
from netspec.layers.base import TensorType
from netspec.net import As, InputValue, OutputValue, Read, Use
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader, Reports

if TYPE_CHECKING:
    from netspec.language.arithmetic import Operand
    from netspec.wiring import Dataflow

_TARGET: Final = r"\s*([^\W\d]\w*)\s*(\[.*\])?\s*"  # compiled when a spec names a value


class GivenInput(NamedTuple):
    """An input of the net: its name if it has one, its type (None: it was wrong and has been reported), its place."""

    name: str | None
    type: TensorType | None
    origin: Origin
    named: bool = True
    """Whether its name may be used; one that may not has been reported."""

    def flow(self) -> Flow:
        """The place at which it stands."""
        return Flow(self.type, (self.origin,) * len(self.type.shape) if self.type else (), self.origin)


class Naming:
    """Names values and finds them. One for each walk; it numbers the values."""

    def __init__(self, reports: Reports, spec: Spec) -> None:
        self.reports: Final = reports
        self.spec = spec
        self._slots = 0
        self._first: NamedValue | None = None
        """The input that flows into the first layer, if it has a name."""
        self._asked = Asked()
        self.further: dict[int, NamedValue] = {}
        """The inputs that do not flow into the first layer, by slot."""
        self.left_out: list[Node] = []
        """Items that a `when` or an empty loop has left out: what they read counts as read."""
        self._named: dict[Span, str] = {}
        """Every place that has named a value, with the name."""
        self._inputs: set[Span] = set()
        """Those of them that are inputs."""
        self._refused: set[str] = set()
        """Names with another meaning that were refused to values: who reads one as a value is silent."""

    @property
    def anything(self) -> bool:
        """Whether any value has been named."""
        return self._slots > 0

    # ---- as

    def name(self, node: Node, cursor: Cursor, reader: Reader) -> None:
        """Give what stands at the cursor the name in `node`: `skip`, `p[l + 1]`."""
        target = self._target(node, cursor, reader)
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
        self._named.setdefault(span, member(name, index))
        value = self._store(member(name, index), flow, span, cursor)
        if not index:
            values.names[name] = value
            return
        family = values.names.get(name)
        if not isinstance(family, Family):
            family = Family(name)
            values.names[name] = family
        family.values[index] = value

    def _name_family(self, name: str, index: Index, family: Family, node: Node, cursor: Cursor) -> None:
        span = self.reports.source.span(node)
        if index:
            self.reports.report(
                "value-kind",
                f"`{member(name, index)}` names one value, but a family of {len(family)} stands here",
                node,
                help=f"write `as: {name}`: its values are then {_members(name, family)}",
            )
            self.lose(node, cursor)
            return
        self._named.setdefault(span, name)
        cursor.context.scope.values.names[name] = Family(
            name,
            {
                i: NamedValue(member(name, i), value.slot, value.flow, span) if isinstance(value, NamedValue) else value
                for i, value in family.values.items()
            },
        )

    def _store(self, name: str, flow: Flow, span: Span, cursor: Cursor, term: Any = None) -> NamedValue:
        slot = self._slots
        self._slots += 1
        here = cursor.flow.type or NOTHING
        cursor.nodes.append(As(slot, name, term, flow.type or NOTHING, here, span))
        return NamedValue(name, slot, flow, span)

    def _target(self, node: Node, cursor: Cursor, reader: Reader) -> tuple[str, Index] | None:
        """The name and the index that an `as` says; None once reported or where the index is not known."""
        found = (
            re.fullmatch(_TARGET, node.text, re.DOTALL)
            if isinstance(node, ScalarNode) and node.value is not None
            else None
        )
        if found is None or not isinstance(node, ScalarNode):
            self.reports.report(
                "wrong-form", "`as` takes a name for the value that stands here", node,
                help="for example `as: skip`, or `as: p[i]` for one of a family",
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
        elif (outer := scope.values.around(name)) is not None:
            taken = "is a value of the list around this branch"
            related = tuple(Related(f"`{name}` is named here", span) for span in _places(outer))[:1]
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

    def lose(self, target: Node, cursor: Cursor) -> None:
        """Let the names of an `as` that was refused, or whose item was, stand for something of which nothing is known:
        whoever reads them is silent."""
        scope = cursor.context.scope
        for name in target_names(target):
            scope.values.names[name] = UNKNOWN
            if name in scope.locals or is_reserved(name) or name in MODULE_OF:
                self._refused.add(name)

    # ---- use, output and arguments of blocks

    def use(self, item: Item, cursor: Cursor, reader: Reader) -> None:
        """Put the value of an expression in the place of the one that stands at the cursor."""
        value = self._value(item, reader)
        if value is UNKNOWN:
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
            found = self._computed(value, span)
            if found is None or found.flow is None:
                return UNKNOWN
            return self._store(name, found.flow, span, cursor, found.term)
        return value

    def _value(self, item: Item, reader: Reader) -> Any:
        """The value or family that an item says; UNKNOWN once reported or where it is not known."""
        return self._evaluated(
            item.name, item.value or item.head, reader, f"for example `{item.name}: x`, where `as: x` has named it",
            item.value is not None,
        )  # fmt: skip

    def _evaluated(self, word: str, node: Node, reader: Reader, help: str, written: bool = True) -> Any:
        if not written or not isinstance(node, ScalarNode) or node.value is None:
            self.reports.report("wrong-form", f"`{word}` takes a value", node, help=help)
            return UNKNOWN
        if node.text.partition("[")[0].strip() in self._refused:
            return UNKNOWN
        value: Any = reader.evaluate(node) if isinstance(node.value, str) else node.value
        members = _listed(value)
        if members:
            return Family(node.text.strip(), {(i,): each for i, each in enumerate(members)})
        if value is FAILED or value is UNKNOWN or isinstance(value, (Value, Family)):
            return UNKNOWN if value is FAILED else value
        self.reports.report(
            "value-kind", f"`{word}` takes a value of the network, but `{node.text}` is {kind(value)}", node,
            help=help if isinstance(value, LayerName) else "`as: x` beside an item, or as an item, names a value",
        )  # fmt: skip
        return UNKNOWN

    def take(self, value: Value, at: Node | Span, cursor: Cursor) -> None:
        """Put a value in the place of the one that stands at the cursor; `at` is where the spec says so."""
        found = self._computed(value, at)
        if found is None or found.flow is None:
            cursor.lose()
            return
        before, after = cursor.flow.type or NOTHING, found.flow.type or NOTHING
        span = at if isinstance(at, Span) else self.reports.source.span(at)
        cursor.nodes.append(Use(found.term, before, after, span))
        cursor.flow = found.flow

    def _computed(self, value: Value, at: Node | Span) -> Operand | None:
        """What a value, or arithmetic over several, is to the net; None once reported or where it is not known."""
        from netspec.language.arithmetic import ValueMistake, operand  # a chain has no values with names

        try:
            return operand(value)
        except ValueMistake as mistake:
            self.reports.report(mistake.code, mistake.message, at, related=mistake.related, help=mistake.help)
            return None

    # ---- what the network takes and gives

    def take_inputs(self, inputs: Sequence[GivenInput], cursor: Cursor) -> tuple[InputValue, ...]:
        """Give the named inputs their names; nothing for one without."""
        taken: list[InputValue] = []
        names = cursor.context.scope.values.names
        self._asked = cursor.context.scope.values.asked
        for number, given in enumerate(inputs):
            if given.name is None:
                continue
            flow = given.flow()
            if flow.type is None or not given.named:
                names[given.name] = UNKNOWN
                self._refused.add(given.name)
                continue
            self._named.setdefault(given.origin.span, given.name)
            self._inputs.add(given.origin.span)
            if number == 0:
                value = self._store(given.name, flow, given.origin.span, cursor)
                self._asked.add(value)  # it flows into the first layer
                self._first = value
            else:
                value = NamedValue(given.name, self._slots, flow, given.origin.span)
                self._slots += 1
                self.further[value.slot] = value
            names[given.name] = value
            taken.append(InputValue(given.name, flow.type, value.slot))
        return tuple(taken)

    def keep_end(self, node: MapNode, cursor: Cursor) -> NamedValue | None:
        """Keep what the layers give for the outputs that begin with it."""
        lists = sum(isinstance(value, ListNode) for _, value in node.entries)
        if lists == 0 or cursor.flow.type is None:
            return None
        return (
            self._store("end", cursor.flow, self.reports.source.span(node), cursor) if len(node.entries) > 1 else None
        )

    def restore(self, end: NamedValue | None, at: Node, cursor: Cursor) -> None:
        """Let what the layers gave stand at the cursor again."""
        if end is not None and cursor.flow is not end.flow:
            self.take(end, at, cursor)

    def single_output(self, node: Node, cursor: Cursor, reader: Reader) -> tuple[OutputValue, ...]:
        """The one output of a net: it stands at the cursor afterwards; a family is given as a tuple."""
        value = self._evaluated(
            "output",
            node,
            reader,
            "for example `output: x`, where `as: x` has named it; several have names: `output: {a: x, b: y}`",
        )
        if value is UNKNOWN:
            cursor.lose()
        elif isinstance(value, Family):
            return (self._family_given(None, value),)
        else:
            self.take(value, node, cursor)
        return ()

    def may_give(self, key: ScalarNode) -> bool:
        """Whether an output may have this name: it becomes a field of a named tuple."""
        name = key.text
        why: str | None = None
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            why = "a name is a Python identifier that does not begin with `_`: it becomes a field of a named tuple"
        elif name in MODULE_ATTRIBUTES or name in ("count", "index"):
            why = "modules or tuples have an attribute of that name"
        elif name == HEADS:
            why = f"`{HEADS}` is what the heads give in training"
        if why is None:
            return True
        self.reports.report(
            "bad-name", f"`{name}` cannot name an output: {why}", key, help=f"for example `{usable(name, 'out')}`"
        )
        return False

    def given(self, key: ScalarNode, node: Node, cursor: Cursor, reader: Reader) -> OutputValue | None:
        """An output that is a value, arithmetic or a family."""
        value = self._evaluated(
            key.text,
            node,
            reader,
            f"for example `{key.text}: x`, where `as: x` has named it, or layers: `{key.text}: [Linear: 10]`",
        )
        if value is UNKNOWN:
            cursor.lose()
            return None
        if isinstance(value, Family):
            return self._family_given(key.text, value)
        found = self._computed(value, node)
        if found is None or found.flow is None or found.flow.type is None:
            cursor.lose()
            return None
        if isinstance(found.term, Read):
            slot = found.term.slot
        else:
            slot = self._store(key.text, found.flow, self.reports.source.span(node), cursor, found.term).slot
        return OutputValue(key.text, (found.flow.type,), (slot,))

    def given_here(self, key: ScalarNode, cursor: Cursor) -> OutputValue | None:
        """An output that stands at the cursor."""
        if cursor.flow.family is not None:
            return self._family_given(key.text, cursor.flow.family)
        if cursor.flow.type is None:
            return None
        value = self._store(key.text, cursor.flow, self.reports.source.span(key), cursor)
        return OutputValue(key.text, (cursor.flow.type,), (value.slot,))

    def _family_given(self, name: str | None, family: Family) -> OutputValue:
        members = [value for value in family if isinstance(value, NamedValue)]
        return OutputValue(name, tuple(m.flow.type or NOTHING for m in members), tuple(m.slot for m in members), True)

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
            help=f"`use` says which: {_members(family.name, family)}" if family.values else None,
        )
        cursor.lose()

    # ---- at the end

    def end_in_family(self, cursor: Cursor) -> None:
        """Report a net that ends in a family."""
        family = cursor.flow.family
        if family is not None and self.spec.output is None:
            layers = self.spec.layers
            last = layers.items[-1] if isinstance(layers, ListNode) else None
            at = cursor.flow.last.span if last is None else last
            self.reports.report(
                "value-kind", f"the network gives a family of {len(family)} values", at,
                help=f"end with one of them, as in `use: {_first(family)}`",
            )  # fmt: skip

    def warn_unread(self, flow: Dataflow, given: Sequence[int]) -> None:
        """Warn of named values, inputs and results that nothing reads. One that only an item reads which a `when` or a
        loop leaves out counts as read: another value of a variable brings it back."""
        from netspec.language.unread import first_is_read, unread  # a chain has no values with names

        asked = self._asked.spans()
        first = self._first
        unnamed = {span: name for span, name in self._named.items() if span not in asked}
        if first is not None and not first_is_read(flow, given):
            unnamed[first.span] = first.name
        elsewhere = left_out_words(self.spec, self.left_out) if unnamed else ()
        for span, name in unnamed.items():
            if name.partition("[")[0] in elsewhere:
                continue
            what, wish = ("value", "`use` reads it, or leave out the `as`")
            if span in self._inputs:
                what, wish = ("input", f"`use: {name}` reads it, or take it out of `input`")
            self.reports.report(
                "unused-value", f"nothing reads the {what} `{name}`", span, severity="warning", help=wish
            )
        for found in () if self.left_out else unread(flow, given):
            self.reports.report(
                "unused-value", f"nothing reads what {found.words} gives", found.span, severity="warning",
                help="an `as` keeps it under a name; otherwise leave it out",
            )  # fmt: skip


def _listed(value: Any) -> list[NamedValue]:
    """The members of a list of named values; none if it is something else."""
    items: list[Any] = list(value) if isinstance(value, (list, tuple)) else []  # pyright: ignore[reportUnknownArgumentType]  # any values
    return items if all(isinstance(item, NamedValue) for item in items) else []


def _places(bound: Bound) -> list[Span]:
    if isinstance(bound, NamedValue):
        return [bound.span]
    return [value.span for value in bound if isinstance(value, NamedValue)] if isinstance(bound, Family) else []


def _one_pair(text: str) -> bool:
    """Whether the bracket at the head of a text is closed at its end: `[i + 1]`, and not `[0][1]`."""
    depth = 0
    for at, character in enumerate(text.rstrip()):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return at == len(text.rstrip()) - 1
    return False


def _first(family: Family) -> str:
    return _member(family.name, family, min(family.values, default=()))


def _member(name: str, family: Family, index: Index) -> str:
    """A member under the family's name, or, where a list of values has none, under its own."""
    return member(name, index) if name.isidentifier() else repr(family.values[index])


def _members(name: str, family: Family) -> str:
    """`p[3]`, `p[4]`, …"""
    shown = [f"`{_member(name, family, index)}`" for index in sorted(family.values)[:4]]
    return ", ".join([*shown, *(["…"] if len(family) > 4 else [])])
