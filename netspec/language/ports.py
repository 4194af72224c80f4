"""What a network takes and gives: its named inputs and its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from netspec.diagnostics import Related, Span
from netspec.dims import UNKNOWN
from netspec.expressions.values import Family
from netspec.language.cursor import NOTHING, Cursor
from netspec.language.flow import Flow, Origin
from netspec.language.names import not_an_output, usable
from netspec.language.naming import UNNAMED, Naming
from netspec.language.values import Asked, NamedValue, member_name
from netspec.language.words import left_out_words
from netspec.layers.base import TensorType
from netspec.net import InputValue, OutputValue, Read, Sequential
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import Reader

if TYPE_CHECKING:
    from netspec.wiring import Dataflow


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


At = Callable[[Cursor], Reader]
"""What reads expressions where a cursor stands."""
Walk = Callable[[Node, str, Cursor], bool]
"""Walks a list of the layers of something; False if a limit ended it."""


class Ports:
    """Gives the inputs their names and finds the outputs. One for each walk."""

    def __init__(self, naming: Naming) -> None:
        self.naming: Final = naming
        self.reports = naming.reports
        self.spec = naming.spec
        self._first: NamedValue | None = None
        """The input that flows into the first layer, if it has a name."""
        self._asked = Asked()
        self.further: dict[int, NamedValue] = {}
        """The inputs that do not flow into the first layer, by slot."""
        self._inputs: set[Span] = set()
        self.targets: frozenset[str] = frozenset()
        """The inputs that a recipe's losses compare outputs with."""
        """The places that name inputs."""
        self.inputs: tuple[InputValue, ...] = ()
        """Those that have names."""
        self.outputs: tuple[OutputValue, ...] = ()
        """Those that the spec's `output` says."""

    def take_inputs(self, inputs: Sequence[GivenInput], cursor: Cursor) -> None:
        """Give the named inputs their names."""
        taken: list[InputValue] = []
        names = cursor.context.scope.values.names
        self._asked = cursor.context.scope.values.asked
        for number, given in enumerate(inputs):
            if given.name is None:
                continue
            flow = given.flow()
            if flow.type is None or not given.named:
                names[given.name] = UNKNOWN
                self.naming.refused.add(given.name)
                continue
            self.naming.named.setdefault(given.origin.span, given.name)
            self._inputs.add(given.origin.span)
            if number == 0:
                value = self.naming.store(given.name, flow, given.origin.span, cursor)
                self._asked.add(value)  # it flows into the first layer
                self._first = value
            else:
                value = self.naming.numbered(given.name, flow, given.origin.span)
                self.further[value.slot] = value
            names[given.name] = value
            taken.append(InputValue(given.name, flow.type, value.slot))
        self.inputs = tuple(taken)

    def read_outputs(self, cursor: Cursor, at: At, walk: Walk) -> bool:
        """Read what the spec says of its outputs; False if a limit ended it, or if it says nothing."""
        node = self.spec.output
        if node is None:
            return True
        if isinstance(node, MapNode) and not node.entries:
            self.reports.report(
                "wrong-form",
                "`output` names nothing",
                node,
                help="for example `output: {policy: [Linear: 6], value: v}`",
            )
            return False
        if not isinstance(node, MapNode):
            self.outputs = self._single_output(node, cursor, at(cursor))
            return True
        end = self._keep_end(node, cursor)
        found: list[OutputValue | None] = []
        for key, value in node.entries:
            if not self._may_give(key):
                found.append(None)
                continue
            if isinstance(value, ListNode) and not self._lists_values(value):
                self._restore(end, value, cursor)
                if not self._add_layers(key, value, cursor, walk):
                    return False
                found.append(self._given_here(key, cursor))
            else:
                found.append(self._given(key, value, cursor, at(cursor)))
        self.outputs = tuple(value for value in found if value is not None)
        return True

    def _add_layers(self, key: ScalarNode, layers: ListNode, cursor: Cursor, walk: Walk) -> bool:
        """Walk the layers of an output, which are a module of its name; False if a limit ended it."""
        inner = cursor.nested(key.text, cursor.context)
        if key.text in cursor.keys.names:
            first = Related(f"the first `{key.text}`", cursor.keys.names[key.text])
            self.reports.report("duplicate-name", f"two siblings are named `{key.text}`", key, related=[first])
        if not walk(layers, key.text, inner):
            return False
        cursor.add_sequential(cursor.keys.prefix + key.text, key.text, self.reports.source.span(key), inner)
        return True

    def _lists_values(self, node: ListNode) -> bool:
        """Whether a list holds names of values, which are no layers."""
        words = [item.text.partition("[")[0] for item in node.items if isinstance(item, ScalarNode)]
        return 0 < len(words) == len(node.items) and all(word in self.spec.named_values for word in words)

    def _keep_end(self, node: MapNode, cursor: Cursor) -> NamedValue | None:
        """Keep what the layers give for the outputs that begin with it."""
        lists = sum(isinstance(value, ListNode) and not self._lists_values(value) for _, value in node.entries)
        if lists == 0 or cursor.flow.type is None:
            return None
        if len(node.entries) == 1:
            return None
        return self.naming.store("end", cursor.flow, self.reports.source.span(node), cursor)

    def _restore(self, end: NamedValue | None, at: Node, cursor: Cursor) -> None:
        """Let what the layers gave stand at the cursor again."""
        if end is not None and cursor.flow is not end.flow:
            self.naming.take(end, at, cursor)

    def _single_output(self, node: Node, cursor: Cursor, reader: Reader) -> tuple[OutputValue, ...]:
        """The one output of a net: it stands at the cursor afterwards; a family is given as a tuple."""
        value = self.naming.evaluated(
            "output",
            node,
            reader,
            "for example `output: x`, where `as: x` has named it; several have names: `{a: x, b: [Linear: 10]}`",
        )
        if value is UNKNOWN:
            cursor.lose()
        elif isinstance(value, Family):
            return (self._family_given(None, value),)
        else:
            self.naming.take(value, node, cursor)
        return ()

    def _may_give(self, key: ScalarNode) -> bool:
        """Whether an output may have this name: it becomes a field of a named tuple."""
        name = key.text
        why = not_an_output(name)
        if why is None:
            return True
        self.reports.report(
            "bad-name", f"`{name}` cannot name an output: {why}", key, help=f"for example `{usable(name, 'out')}`"
        )
        return False

    def _given(self, key: ScalarNode, node: Node, cursor: Cursor, reader: Reader) -> OutputValue | None:
        """An output that is a value, arithmetic or a family."""
        value = self.naming.evaluated(
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
        found = self.naming.computed(value, node)
        if found is None or found.flow is None or found.flow.type is None:
            cursor.lose()
            return None
        if isinstance(found.term, Read):
            slot = found.term.slot
        else:
            span = self.reports.source.span(node)
            slot = self.naming.store(key.text, found.flow, span, cursor, found.term).slot
        return OutputValue(key.text, (found.flow.type,), (slot,))

    def _given_here(self, key: ScalarNode, cursor: Cursor) -> OutputValue | None:
        """An output that stands at the cursor."""
        if cursor.flow.family is not None:
            return self._family_given(key.text, cursor.flow.family)
        if cursor.flow.type is None:
            return None
        value = self.naming.store(key.text, cursor.flow, self.reports.source.span(key), cursor)
        return OutputValue(key.text, (cursor.flow.type,), (value.slot,))

    def _family_given(self, name: str | None, family: Family) -> OutputValue:
        members = [value for value in family if isinstance(value, NamedValue)]
        return OutputValue(name, tuple(m.flow.type or NOTHING for m in members), tuple(m.slot for m in members), True)

    # ---- at the end

    def warn_of_constants(self, cursor: Cursor) -> None:
        """Warn of a net all of whose outputs are computed of parameters and buffers alone."""
        types = [type_ for value in self.outputs for type_ in value.types] or [cursor.flow.type]
        if all(type_ is not None and type_.constant for type_ in types):
            last = cursor.flow.last
            self.reports.report(
                "constant-value",
                "the network gives the same for every input: parameters and buffers alone reach its end, from "
                f"{last.named()}",
                last.span,
                severity="warning",
                help="`add: [[], [Parameter: …]]` adds a parameter to what stands here; `concat` joins it",
            )

    def end_in_family(self, cursor: Cursor) -> None:
        """Report a net that ends in a family."""
        family = cursor.flow.family
        if family is not None and self.spec.output is None:
            layers = self.spec.layers
            last = layers.items[-1] if isinstance(layers, ListNode) else None
            at = cursor.flow.last.span if last is None else last
            one = member_name(family.name, family, min(family.values, default=())) if family.name else None
            self.reports.report(
                "value-kind", f"the network gives a family of {len(family)} values", at,
                help=UNNAMED if one is None else f"end with one of them, as in `use: {one}`",
            )  # fmt: skip

    def warn_of_values(self, root: Sequential) -> None:
        """Warn of what nothing reads, and of what is written over while it is still read."""
        from netspec.language.overwriting import warn_overwritten_values  # a chain has no names of values
        from netspec.wiring import Dataflow

        given = [slot for value in self.outputs for slot in value.slots]
        flow = Dataflow(root, self.further)
        warn_overwritten_values(flow, self.further, given, self.reports)
        self._warn_unread(flow, given)

    def _warn_unnamed(self, span: Span, name: str) -> None:
        """Warn of a name that nothing reads: because it is given again, because it is never used, or because the input
        of that name is replaced."""
        what, wish = f"nothing reads the value `{name}`", f"`use: {name}` reads it; else leave out the `as`"
        related: tuple[Related, ...] = ()
        if span in self.naming.listed:
            wish = f"`use: {name}` reads it; else write `_` in its place"
        if span in self._inputs:
            what, wish = f"nothing reads the input `{name}`", f"`use: {name}` reads it; else take it out of `input`"
        if self._first is not None and span == self._first.span:
            what += ": another value takes its place"
        elif (again := self.naming.rebound.get(span)) is not None:
            what += f" before line {again.line} gives its name to another"
            leave = "write `_` in its place" if span in self.naming.listed else "leave out this `as`"
            wish = f"give one of them another name; else {leave}"
            related = (Related("the other", again),)
        self.reports.report("unused-value", what, span, severity="warning", help=wish, related=related)

    def _warn_unread(self, flow: Dataflow, given: Sequence[int]) -> None:
        """Warn of named values, inputs and results that nothing reads. One that only an item reads which a `when` or a
        loop leaves out counts as read: another value of a variable brings it back."""
        from netspec.language.unread import first_is_read, unread, unread_rounds  # a chain has no values with names

        asked = self._asked.spans()
        first = self._first
        unnamed = {span: name for span, name in self.naming.named.items() if span not in asked}
        if first is not None and not first_is_read(flow, given):
            unnamed[first.span] = first.name
        elsewhere = left_out_words(self.spec, self.naming.left_out) if unnamed else ()
        for span, name in unnamed.items():
            if span in self._inputs and name in self.targets:
                continue
            if name.partition("[")[0] in elsewhere:
                continue
            self._warn_unnamed(span, name)
        for found in () if self.naming.left_out else unread_rounds(flow, given):
            self.reports.report(
                "unused-value", "each round begins with the same value: nothing reads what those before the last give",
                found.span, severity="warning",
                help="what a round reads is named inside of it: `repeat: n` with `do: [{…, as: x}]`",
            )  # fmt: skip
        for found in () if self.naming.left_out else unread(flow, given):
            self.reports.report(
                "unused-value", f"nothing reads what {found.words} gives", found.span, severity="warning",
                help="an `as` keeps it under a name; otherwise leave it out" if found.join is None
                else f"`[]` makes it a branch of the `{found.join}` behind it: `{found.join}: [[], x]`",
            )  # fmt: skip
