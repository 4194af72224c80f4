"""Items that are layers: arguments, the rule's answer, and the layer of the net that comes of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from netspec.dims import UNKNOWN
from netspec.language.cursor import NOTHING, Cursor
from netspec.language.flow import Flow
from netspec.language.inference import Inference
from netspec.language.initialization import InitRules
from netspec.language.items import Item
from netspec.language.limits import Expansion
from netspec.language.naming import Naming
from netspec.language.parametrization import parametrized
from netspec.language.scope import Here, NamesInScope
from netspec.language.several import Several
from netspec.language.sharing import Sharing
from netspec.language.spec import Spec
from netspec.layers.base import ConstantType, Layer, TensorType
from netspec.net import Leaf
from netspec.text.source import MapNode, Node
from netspec.validation import Reader

At = Callable[[Cursor], Reader]
"""What reads expressions where a cursor stands."""


def key_of(item: Item, cursor: Cursor, at: At) -> tuple[str, str | None]:
    """The key of the item's module among its siblings, and its name if the spec gives one."""
    if (only := cursor.keys.only) is not None:
        return only, only
    node = item.options.get("name")
    if node is None:
        return cursor.keys.next(), None
    return cursor.keys.named(node, at(cursor))


class LayerItems:
    """Reads items that are layers. One for each walk."""

    def __init__(
        self,
        spec: Spec,
        scope: NamesInScope,
        init: InitRules,
        inference: Inference,
        expansion: Expansion,
        naming: Naming,
        sharing: Sharing,
        several: Several,
        at: At,
    ) -> None:
        self.offer: Final = spec.offer
        self.scope = scope
        self.init = init
        self.inference: Final = inference
        self.reader: Final = inference.reader
        self.expansion: Final = expansion
        self.naming: Final = naming
        self.sharing: Final = sharing
        self.several: Final = several
        self._at: Final = at
        self.sources = False
        """Whether a layer has put its result in the place of a value, which may be lost."""

    def read(self, item: Item, name: str, cursor: Cursor) -> None:
        """Put the layer that an item says behind the cursor."""
        found = self.offer.layer_class(name)
        if cursor.flow.family is not None and not found.source:
            self.naming.refuse_family(name, item.head, cursor)
        if self.scope.has_values and isinstance(item.value, MapNode) and (target := item.value.get("as")) is not None:
            self.naming.lose(target, cursor)  # it is reported as an argument
        of_plugin = bool(self.offer.plugins) and self.offer.of_plugin(name)
        if found.several or (found.several_if_asked and self.several.is_asked(item, found, cursor)):
            self._of_several(item, name, found, cursor, of_plugin)
            return
        names = None if item.value is None else Here(cursor.context.scope, cursor.flow.type)
        layer = self._arguments(found, item, item.value, name, names, of_plugin)
        key, given_name = key_of(item, cursor, self._at)
        self.expansion.layers += 1
        flow, context = cursor.flow, cursor.context
        x = flow.type
        if layer is not None and found.source:
            self.sources = True
            x = layer.output(NOTHING)  # as if its result flowed in: nothing else does
            flow = Flow(x, (), flow.last)
        constant = x.__class__ is ConstantType  # not asked of the property: this is done for every layer
        if (
            layer is None
            or x is None
            or (constant and self.inference.refused_constant(layer, x, item, flow, frozen=context.frozen))
        ):
            self.init.unsure(found, context.rules)
            cursor.lose()
            return
        y = (self.inference.output_of_plugin if of_plugin else self.inference.output)(layer, x, item, flow)
        if of_plugin and y is None:
            cursor.lose()
            return
        span = item.span(self.reader.source)
        if y is not None and (y.__class__ is ConstantType) is not constant:
            y = y.said_constant(constant)
        out = y or TensorType((UNKNOWN,) * len(x.shape), x.dtype)
        if y is None and not x.shape:  # it wants an axis, and its parameters are of the size of one
            x = NOTHING
        init = self.init.of(layer, x, span, context.rules, self.reader) if context.rules else ()
        leaf = Leaf(
            cursor.keys.prefix + key, given_name, layer, x, out, span, context.calls, context.frozen, init,
            context.again, slices=context.slices, fits=y is not None,
        )  # fmt: skip
        if item.options and "parametrize" in item.options:
            leaf = parametrized(leaf, item.options["parametrize"], self._at(cursor))
        if self.sharing.ties:
            leaf = self.sharing.tied(leaf, item, cursor, self._at(cursor))
        cursor.nodes.append(leaf)
        self.inference.keep_conditions(name, span, flow)
        cursor.flow = flow.unknown() if y is None else flow.from_source(leaf) if found.source else flow.after(leaf, y)

    def _arguments(
        self, found: type[Layer], item: Item, node: Node | None, name: str, names: Here | None, of_plugin: bool
    ) -> Layer | None:
        read = self.reader.arguments
        if of_plugin:
            of = self.inference.arguments_of_plugin
            return of(found, item, node, read, name=name, at=item.head, names=names)
        return read(found, node, name=name, at=item.head, names=names)

    def _of_several(self, item: Item, name: str, found: type[Layer], cursor: Cursor, of_plugin: bool) -> None:
        """A layer that is given further tensors, or gives several results."""
        written, tensors = self.several.apart(item, found, cursor)
        names = Here(cursor.context.scope, cursor.flow.type)
        layer = self._arguments(found, item, written, name, names, of_plugin)
        key, given_name = key_of(item, cursor, self._at)
        self.expansion.layers += 1
        inputs = self.several.read(tensors, item, cursor, self._at(cursor))
        flow, context, x = cursor.flow, cursor.context, cursor.flow.type
        types = None
        if layer is not None and x is not None and inputs is not None:
            others = {tensor: tuple(read.type for read in reads) for tensor, reads in inputs.items()}
            types = self.inference.results(layer, x, others, item, flow, of_plugin=of_plugin)
            constant = x.constant and all(given.constant for several in others.values() for given in several)
            if constant and self.inference.refused_constant(layer, x, item, flow, frozen=context.frozen):
                types = None
            types = types and tuple(type_.said_constant(constant) for type_ in types)
        if layer is None or x is None or inputs is None or types is None:
            self.init.unsure(found, context.rules)
            self.several.lose(item, cursor)
            return
        span = item.span(self.reader.source)
        init = self.init.of(layer, x, span, context.rules, self.reader) if context.rules else ()
        leaf = Leaf(
            cursor.keys.prefix + key, given_name, layer, x, types[0], span, context.calls, context.frozen, init,
            context.again, inputs=inputs, results=self.several.results(types, item),
            slices=context.slices,
        )  # fmt: skip
        if item.options and "parametrize" in item.options:
            leaf = parametrized(leaf, item.options["parametrize"], self._at(cursor))
        if self.sharing.ties:
            leaf = self.sharing.tied(leaf, item, cursor, self._at(cursor))
        cursor.nodes.append(leaf)
        self.inference.keep_conditions(name, span, flow)
        self.several.give(leaf, item, cursor, self._at(cursor))
