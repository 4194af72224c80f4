"""How one node's arguments are read, worked out once: a block's body is read anew for every call.

Most arguments in a template are numbers and small expressions. For those the field that each belongs to, whether its
text is a word or an expression, and the parsed expression stay the same from call to call; and most calls give values
that an earlier one gave, so that the checked instance is known already. Whatever is not so plain has no plan and goes
the long way, which is also the one that reports mistakes.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from netspec.arguments import Arguments
from netspec.dims import Dim
from netspec.expressions import Expression, ExpressionError, Meanings, parse
from netspec.kinds import kinds_of
from netspec.text.nodes import MapNode, ScalarNode, Source
from netspec.text.traps import flow_trap

A = TypeVar("A", bound=Arguments)


class Plan(Generic[A]):
    """The arguments of one node that is plain."""

    __slots__ = ("_constants", "_expressions", "_known", "_model")

    def __init__(self, model: type[A], constants: dict[str, Any], expressions: list[tuple[str, Expression]]) -> None:
        self._model = model
        self._constants = constants
        self._expressions = expressions
        self._known: dict[tuple[object, ...], A] = {}

    def instance(self, names: Meanings) -> A | None:
        """The checked arguments under these names; None where the long way has something to say."""
        try:
            values = [expression.evaluate(names) for _, expression in self._expressions]
        except ExpressionError:
            return None
        key = (*values, *map(type, values))  # with the types, since True == 1 == 1.0
        try:
            found = self._known.get(key)
        except TypeError:  # a list cannot be looked up
            return None
        if found is None and not any(isinstance(value, (Dim, tuple)) for value in values):
            named = {name: value for (name, _), value in zip(self._expressions, values, strict=True)}
            try:
                found = self._known[key] = self._model.model_validate(self._constants | named)
            except ValidationError:
                return None
        return found


def make_plan(model: type[A], node: MapNode, source: Source) -> Plan[A] | None:
    """The plan of a node, or None if it is not plain: lists, mappings, unknown names, traps of flow style."""
    kinds = kinds_of(model)
    constants: dict[str, Any] = {}
    expressions: list[tuple[str, Expression]] = []
    for key, child in node.entries:
        kind = kinds.get(key.text)
        if kind is None or not isinstance(child, ScalarNode) or child.quoted:
            return None
        if not isinstance(child.value, str):
            constants[key.text] = child.value
        elif kind.text or child.text in kind.words:
            if child.text.startswith("$"):
                return None
            constants[key.text] = child.text
        else:
            try:
                expressions.append((key.text, parse(child.text)))
            except ExpressionError:
                return None
    return Plan(model, constants, expressions) if flow_trap(source, node) is None else None
