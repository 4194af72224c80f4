"""`init:`: which function of `torch.nn.init` fills which parameter of which layers, as checked data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from netspec.diagnostics import Fix, Span, did_you_mean
from netspec.dims import Shape
from netspec.initializers import FUNCTIONS, arguments_of
from netspec.initializers.base import InitFunction
from netspec.language.items import Item, unknown_head
from netspec.language.spec import Spec
from netspec.layers.base import Layer, TensorType
from netspec.net import Initializer
from netspec.text.source import MapNode, Node, ScalarNode
from netspec.validation import Reader

_DECIDED: Final = ("weight", "bias")
"""Parameters that a layer has or lacks as an argument says, which may hang on a variant."""


class InitRule(NamedTuple):
    """One initialiser, for one parameter of all layers of a type (None: of whatever it stands beside)."""

    type: str | None
    initializer: Initializer
    arguments: InitFunction
    place: Node


class InitRules:
    """The initialisers of a spec. Reports what they get wrong: once for the rule, not for every layer it meets."""

    def __init__(self, spec: Spec, node: Node | None, reader: Reader) -> None:
        self.spec = spec
        self.rules: tuple[InitRule, ...] = ()
        self._by_layer: dict[tuple[str, int], tuple[Sequence[InitRule], list[InitRule]]] = {}
        self._met: dict[int, tuple[InitRule, bool]] = {}
        self._chosen: dict[tuple[int, TensorType, int], tuple[Layer, Sequence[InitRule], tuple[Initializer, ...]]] = {}
        """What was chosen, by layer, input and rules; layer and rules are kept alive: their identity is a key."""
        if node is None:
            return
        if isinstance(node, MapNode):
            self.rules = self._by_type(node, reader)
        else:
            reader.report(
                "wrong-form",
                "`init` maps layer types to initialisers",
                node,
                help="for example `init: {Conv2d: kaiming_normal_, Linear: xavier_uniform_}`",
            )

    def beside(self, node: Node, item: Item, reader: Reader) -> tuple[InitRule, ...]:
        """The rules that an item's own `init` adds for the leaves inside; values may hang on a block's parameters."""
        if isinstance(node, MapNode) and any(key.text[:1].isupper() for key, _ in node.entries):
            return self._by_type(node, reader)
        return self._by_parameter(item.name if item.kind == "layer" else None, node, reader)

    def of(
        self, layer: Layer, x: TensorType, span: Span, rules: Sequence[InitRule], reader: Reader
    ) -> tuple[Initializer, ...]:
        """The initialisers of one layer for an input of type `x`: for each of its parameters the innermost rule."""
        key = (id(layer), x, id(rules))
        known = self._chosen.get(key)
        if known is None:  # deep nets repeat themselves
            known = self._chosen[key] = (layer, rules, self._choose(layer, x, span, rules, reader))
        return known[2]

    def unsure(self, layer: type[Layer], rules: Sequence[InitRule]) -> None:
        """There is a layer of this class that a mistake hides: it may have what an argument decides."""
        for rule in self._matching(layer.__name__, rules):
            if rule.initializer.parameter in _DECIDED:
                self._met[id(rule.place)] = rule, True

    def _choose(
        self, layer: Layer, x: TensorType, span: Span, rules: Sequence[InitRule], reader: Reader
    ) -> tuple[Initializer, ...]:
        matching = self._matching(type(layer).__name__, rules)
        if not matching:
            return ()
        shapes = layer.parameters(x)
        chosen: dict[str, Initializer] = {}
        for rule in matching:
            parameter = rule.initializer.parameter
            self._met[id(rule.place)] = rule, self._met.get(id(rule.place), (rule, False))[1] or parameter in shapes
            if parameter not in shapes or parameter in chosen:
                continue
            low, high = rule.arguments.axes
            if not low <= len(shapes[parameter]) <= high:
                self._wrong_axes(rule, layer, span, len(shapes[parameter]), reader)
            elif (wants := rule.arguments.refusal(shapes[parameter])) is not None:
                self._wrong_shape(rule, layer, span, wants, shapes[parameter], reader)
            else:
                chosen[parameter] = rule.initializer
        return tuple(chosen[p] for p in shapes if p in chosen)

    def _matching(self, type_: str, rules: Sequence[InitRule]) -> list[InitRule]:
        """The rules for layers of one type; most layers stand under the same ones."""
        key = (type_, id(rules))
        found = self._by_layer.get(key)
        if found is None or found[0] is not rules:
            matching = [rule for rule in rules if rule.type is None or rule.type == type_]
            found = self._by_layer[key] = (rules, matching)
        return found[1]

    def finish(self, reader: Reader) -> None:
        """Report the rules whose parameter none of the layers that they met has."""
        for rule, found in self._met.values():
            if found or rule.type is None:  # what stands behind a `$name` may be another thing in another variant
                continue
            parameter = rule.initializer.parameter
            spared = parameter in _DECIDED
            reader.report(
                "init-without-parameter",
                f"no `{rule.type}` that this is for has a parameter `{parameter}`",
                rule.place,
                help="so nothing is initialised by it" if spared else None,
                fix=self._near(rule, reader),
                severity="warning" if spared else "error",
            )

    def _near(self, rule: InitRule, reader: Reader) -> Fix | None:
        near = did_you_mean(rule.initializer.parameter, _DECIDED)
        if near is None or near == rule.initializer.parameter:
            return None
        return reader.replace(f"write `{near}`", rule.place, near)

    def _wrong_axes(self, rule: InitRule, layer: Layer, span: Span, axes: int, reader: Reader) -> None:
        low, high = rule.arguments.axes
        wants = f"exactly {low}" if low == high else f"{low} to {high}" if high < 99 else f"at least {low}"
        reader.report(
            "init-axes",
            f"`{rule.initializer.function}` wants a parameter of {wants} axes, but `{rule.initializer.parameter}` of "
            f"`{type(layer).__name__}` (line {span.line}) has {axes}",
            rule.place,
            help="a vector takes `zeros_`, `ones_`, `constant_`, `uniform_` or `normal_`",
        )

    def _wrong_shape(self, rule: InitRule, layer: Layer, span: Span, wants: str, shape: Shape, reader: Reader) -> None:
        reader.report(
            "init-axes",
            f"`{rule.initializer.function}` wants a parameter with {wants}, but `{rule.initializer.parameter}` of "
            f"`{type(layer).__name__}` (line {span.line}) is {' × '.join(map(str, shape))}",
            rule.place,
        )

    def _by_type(self, node: MapNode, reader: Reader) -> tuple[InitRule, ...]:
        rules: list[InitRule] = []
        for key, value in node.entries:
            if key.text in self.spec.offer.layers:
                rules += self._by_parameter(key.text, value, reader)
            elif key.text in self.spec.blocks:
                reader.report(
                    "unknown-layer",
                    f"`init` is by layer type, and `{key.text}` is a block",
                    key,
                    help=f"put `init` beside the call of `{key.text}`, or name the layers in it",
                )
            else:
                unknown_head(key, self.spec, reader.report)
        return tuple(rules)

    def _by_parameter(self, type_: str | None, node: Node, reader: Reader) -> tuple[InitRule, ...]:
        """A bare function is for the weight; a mapping is by parameter, unless it is a function with its arguments."""
        if isinstance(node, MapNode) and len(node.entries) > 1:
            function = next((key for key, _ in node.entries if key.text in FUNCTIONS), None)
            if function is not None:
                reader.report(
                    "wrong-form",
                    f"`{function.text}` stands where the name of a parameter should stand",
                    function,
                    help=f"say for which parameter it is: `weight: {{{function.text}: …}}`",
                )
                return ()
        if isinstance(node, MapNode) and not any(key.text in FUNCTIONS for key, _ in node.entries):
            rules = [self._rule(type_, key, value, reader) for key, value in node.entries]
        else:
            rules = [self._rule(type_, None, node, reader)]
        return tuple(rule for rule in rules if rule is not None)

    def _rule(self, type_: str | None, parameter: ScalarNode | None, node: Node, reader: Reader) -> InitRule | None:
        if isinstance(node, ScalarNode) and parameter is not None and parameter.text.endswith("_"):
            near = did_you_mean(parameter.text, FUNCTIONS)
            reader.report(
                "unknown-initializer",
                f"there is no initialiser `{parameter.text}`",
                parameter,
                help=f"did you mean `{near}`?" if near else f"there are: {', '.join(FUNCTIONS)}",
                fix=reader.replace(f"write `{near}`", parameter, near) if near else None,
            )
            return None
        table = dict.fromkeys(FUNCTIONS, "")
        function = reader.call(node, table, arguments_of, kind="initializer", unknown="unknown-initializer")
        if function is None:
            return None
        name = node.text if isinstance(node, ScalarNode) else node.entries[0][0].text  # type: ignore[union-attr]  # `call` took it
        arguments: dict[str, Any] = {
            f: getattr(function, f)
            for f, field in type(function).model_fields.items()
            if getattr(function, f) != field.default
        }
        place = parameter if parameter is not None else node
        return InitRule(type_, Initializer(parameter.text if parameter else "weight", name, arguments), function, place)
