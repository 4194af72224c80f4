"""Layers that are given tensors beside what flows, and layers that give several results."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.dims import UNKNOWN
from netspec.expressions.values import Family, member
from netspec.language.cursor import Cursor
from netspec.language.items import Item, tensors_meant
from netspec.language.naming import Naming
from netspec.language.scope import NamesInScope
from netspec.language.values import NamedValue
from netspec.layers.base import Layer, TensorType
from netspec.net import LayerResult, Leaf, Read
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import Reader


class Several:
    """Reads what such layers are given, and names what they give. One for each walk."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self.reports = naming.reports
        self._apart: dict[tuple[int, tuple[str, ...]], tuple[Node | None, dict[str, Node]]] = {}
        """The arguments and the tensors of each item, by the identity of the mapping that holds them and the names of
        the tensors."""
        self._named: set[int] = set()
        """The items whose results have had their names."""

    # ---- what a layer is given

    def is_asked(self, item: Item, found: type[Layer], cursor: Cursor) -> bool:
        """Whether an item names several results, or gives one of the layer's tensors."""
        given = item.value
        return isinstance(item.options.get("as"), ListNode) or (
            isinstance(given, MapNode)
            and any(self._is_tensor(key.text, node, found, cursor.context.scope) for key, node in given.entries)
        )

    def _is_tensor(self, name: str, node: Node, found: type[Layer], scope: NamesInScope) -> bool:
        """Whether what is given under a name is one of the layer's tensors. Where an argument has the same name, a
        value of the network is a tensor, and anything else the argument."""
        if name not in found.tensors or name not in found.model_fields:
            return name in found.tensors
        return isinstance(node, ScalarNode) and isinstance(node.value, str) and scope.computes_with_value(node.text)

    def apart(self, item: Item, found: type[Layer], cursor: Cursor) -> tuple[Node | None, dict[str, Node]]:
        """The arguments of a layer, and the tensors that stand among them, in the order in which its module takes
        them."""
        node = item.value
        if isinstance(node, ScalarNode) and _may_be_the_tensor(node, found):
            return None, {found.tensors[0]: node}
        if not isinstance(node, MapNode):
            return node, {}
        scope = cursor.context.scope
        given = {key.text: node for key, node in node.entries if self._is_tensor(key.text, node, found, scope)}
        given = tensors_meant(node, found) | given  # what is misspelt stays among the arguments, which say so
        tensors = {name: given[name] for name in found.tensors if name in given}
        key = id(node), tuple(tensors)
        if key not in self._apart:
            entries = [entry for entry in node.entries if tensors.get(entry[0].text) is not entry[1]]
            rest = node if not tensors else MapNode(entries, node.flow, node.start, node.end) if entries else None
            self._apart[key] = rest, tensors
        return self._apart[key]

    def read(
        self, tensors: dict[str, Node], item: Item, cursor: Cursor, reader: Reader
    ) -> dict[str, tuple[Read, ...]] | None:
        """The values that are given, each by the tensor's name; None once reported or where one is not known."""
        found: dict[str, tuple[Read, ...]] = {}
        for name, node in tensors.items():
            values = self._values(name, node, item, cursor, reader)
            if values is None:
                return None
            found[name] = values
        return found

    def _values(self, name: str, node: Node, item: Item, cursor: Cursor, reader: Reader) -> tuple[Read, ...] | None:
        nodes = node.items if isinstance(node, ListNode) else [node]
        reads: list[Read] = []
        for each in nodes:
            help_ = f"for example `{item.name}: {{{name}: x}}`, where `as: x` has named it"
            value = self.naming.evaluated(name, each, reader, help_)
            if value is UNKNOWN:
                return None
            for part in value if isinstance(value, Family) else (value,):
                operand = self.naming.computed(part, each)
                if operand is None or operand.flow is None or operand.flow.type is None:
                    return None
                if isinstance(operand.term, Read):
                    reads.append(operand.term)
                else:
                    span = self.reports.source.span(each)
                    kept = self.naming.store(name, operand.flow, span, cursor, operand.term)
                    reads.append(Read(kept.slot, kept.name, operand.flow.type))
        return tuple(reads)

    # ---- what a layer gives

    def results(self, types: Sequence[TensorType], item: Item) -> tuple[LayerResult, ...]:
        """The results behind the first, with slots of their own and the names that the item has for them."""
        words = item.options.get("as")
        names = words.items if isinstance(words, ListNode) else []
        found: list[LayerResult] = []
        for number, type_ in enumerate(types[1:], 1):
            word = names[number] if number < len(names) else None
            named = isinstance(word, ScalarNode) and word.text != "_"
            if named and isinstance(word, ScalarNode):
                name = word.text
            elif isinstance(words, ScalarNode):
                name = member(words.text, (number,))
            else:
                name = member(item.name.lower(), (number,))
            found.append(LayerResult(self.naming.slot(), name, type_))
        return tuple(found)

    def give(self, leaf: Leaf, item: Item, cursor: Cursor, reader: Reader) -> None:
        """Go on behind a layer: with its first result, or with the family of all. Names in a list are for each."""
        before, span = cursor.flow, leaf.span
        flows = [before.after(leaf, type_) for type_ in (leaf.output, *(result.type for result in leaf.results))]
        cursor.flow = flows[0]
        words = item.options.get("as")
        names = words.items if isinstance(words, ListNode) else []
        if len(names) > len(flows):
            self.reports.report(
                "value-kind",
                f"`as` has {len(names)} names, but `{leaf.type}` gives {len(flows)} value{'s' * (len(flows) > 1)} here",
                words or item.head,
                help=leaf.layer.more_results if len(flows) == 1 else None,
            )
            for word in names:
                self.naming.lose(word, cursor)
            names = []
        self._named.add(id(item.node))
        for number, word in enumerate(names):
            if isinstance(word, ScalarNode) and word.text == "_":
                continue
            self.naming.listed.add(self.reports.source.span(word))
            if number == 0:
                self.naming.name(word, cursor, reader)
                continue
            target = self.naming.target(word, cursor, reader)
            if target is None:
                self.naming.lose(word, cursor)
                continue
            result = leaf.results[number - 1]
            place = self.reports.source.span(word)
            self.naming.bind(*target, NamedValue(member(*target), result.slot, flows[number], place), cursor)
        if leaf.layer.gives_family and not names:
            base = words.text if isinstance(words, ScalarNode) else item.name.lower()
            first = self.naming.store(member(base, (0,)), flows[0], span, cursor)
            others = [NamedValue(r.name, r.slot, flow, span) for r, flow in zip(leaf.results, flows[1:], strict=True)]
            parts = {(number,): value for number, value in enumerate([first, *others])}
            cursor.flow = cursor.flow.unknown()._replace(family=Family("", parts))

    def _name_members(self, words: ListNode, family: Family, cursor: Cursor, reader: Reader) -> None:
        """Give each value of a family a name; the first flows on."""
        for word, value in zip(words.items, family, strict=False):
            if not isinstance(value, NamedValue) or (isinstance(word, ScalarNode) and word.text == "_"):
                continue
            target = self.naming.target(word, cursor, reader)
            if target is None:
                self.naming.lose(word, cursor)
                continue
            place = self.reports.source.span(word)
            self.naming.listed.add(place)
            self.naming.bind(*target, NamedValue(member(*target), value.slot, value.flow, place), cursor)
        first = next(iter(family))
        if isinstance(first, NamedValue):
            self.naming.take(first, words, cursor)

    def lose(self, item: Item, cursor: Cursor) -> None:
        """Go on with nothing known."""
        cursor.lose()
        words = item.options.get("as")
        self._named.add(id(item.node))
        for word in words.items if isinstance(words, ListNode) else ():
            self.naming.lose(word, cursor)

    def check_named(self, item: Item, cursor: Cursor, reader: Reader, *, left_out: bool) -> None:
        """Name the values of a family that a block gives; report a list of names beside an item that gives one value,
        or is not there."""
        if id(item.node) in self._named:
            self._named.remove(id(item.node))
            return
        words = item.options["as"]
        family = cursor.flow.family
        if family is not None and isinstance(words, ListNode) and len(words.items) <= len(family) and not left_out:
            self._name_members(words, family, cursor, reader)
            return
        if not left_out and item.kind == "block" and family is None and cursor.flow.type is None:
            self.lose(item, cursor)  # whatever left nothing known of what the block gives has been reported
            self._named.discard(id(item.node))
            return
        if left_out:
            said, wish = f"`{item.name}` is left out here, so nothing has these names", "use them under the same `when`"
        else:
            said = f"`{item.name}` gives one value, so `as` has one name"
            wish = "a list of names is for layers that give several, as `Chunk`, `Split` and `LSTM` do"
        self.reports.report("value-kind", said, words, help=wish)
        for word in words.items if isinstance(words, ListNode) else ():
            self.naming.lose(word, cursor)


def _may_be_the_tensor(node: ScalarNode, layer: type[Layer]) -> bool:
    """Whether a bare value is the one tensor that a layer is given: a number is none, where an argument may be one."""
    takes_numbers = isinstance(node.value, int | float) and bool(layer.model_fields)
    return node.value is not None and not takes_numbers and layer.scalar is None and len(layer.tensors) == 1
