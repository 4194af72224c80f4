"""What the spec says in the place of a value: the expression, and what its names meant there.

A net holds the values. Its text holds the expressions, and each layer and each call of a block its place in the text.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from netspec.diagnostics import Span
from netspec.emit.python.code import Literal, Told, closed_powers, typed
from netspec.expressions import ExpressionError, parse
from netspec.layers.base import TensorType
from netspec.net import Net
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source
from netspec.text.source import parse as parse_text

_SAME: Final = (
    ast.Name, ast.Load, ast.Constant, ast.Call, ast.UnaryOp, ast.USub, ast.BinOp,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
)  # fmt: skip
"""What means the same in Python as in an expression of a spec, if it has numbers and `_FUNCTIONS` alone."""

_FUNCTIONS: Final = frozenset(("min", "max"))

_LONGEST: Final = 40
"""Characters of an expression that is written out."""

_LISTS: Final = (*_SAME, ast.List, ast.Tuple, ast.ListComp, ast.comprehension, ast.Store)
"""What means the same in an expression that makes a list of numbers."""

_OF_LISTS: Final = _FUNCTIONS | {"range", "abs", "len", "sum", "zip", "enumerate"}
_LONGEST_LIST: Final = 90


@lru_cache
def _is_python(text: str) -> bool:
    """True for an expression that may be written into a Python file."""
    return len(text) <= _LONGEST and all(map(_means_the_same, ast.walk(ast.parse(text, mode="eval").body)))


def _means_the_same(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Call(func=function):
            return _is_function(function, _FUNCTIONS)
        case _:
            return isinstance(node, _SAME)


def _is_function(node: ast.expr, functions: frozenset[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in functions


class Texts:
    """The expressions of a spec by their places."""

    def __init__(self, net: Net) -> None:
        self.variables = literals(net.variables)
        self.values: dict[tuple[int, int], Node] = {}
        """What stands under a key, by line and column of the key."""
        source = Source(net.source, net.text)
        nodes: list[Node | None] = [parse_text(source)[0]]
        while nodes:
            node = nodes.pop()
            if isinstance(node, ListNode):
                nodes += node.items
            elif isinstance(node, MapNode):
                fresh = {source.position(key.start): value for key, value in node.entries}
                if not fresh.keys() <= self.values.keys():  # what an alias stands for is reached more than once
                    self.values |= fresh
                    nodes += fresh.values()

    def arguments(
        self, place: Span, order: Sequence[str], values: Mapping[str, Any], local: Mapping[str, Literal], at: TensorType
    ) -> dict[str, Told]:
        """The formulas that a layer, or a call of a block, has for its arguments.

        Args:
            place: where its name stands.
            order: the arguments that may be written without their names.
            values: its arguments.
            local: the parameters and the names of loops around it.
            at: what comes in there.
        """
        node = self.values.get((place.line, place.column))
        items = node.items if isinstance(node, ListNode) else () if node is None else (node,)
        named = [(key.text, value) for key, value in node.entries] if isinstance(node, MapNode) else None
        meanings = {**_shapes(at), **self.variables, **local}
        found = {
            name: _formula(item.text.strip(), values[name], meanings)
            for name, item in named or zip(order, items, strict=False)
            if name in values and isinstance(item, ScalarNode) and isinstance(item.value, str)
        }
        return {name: formula for name, formula in found.items() if formula is not None}

    def listed(self, place: Span, name: str, value: object, local: Mapping[str, Literal], at: TensorType) -> str | None:
        """The expression that makes a list of numbers, with numbers for its names: `[i / 8 for i in range(8)]`; None
        where the spec has none that means the same in Python.

        Args:
            place: where the layer's name stands.
            name: the argument, which a bare value sets.
            value: the list, as tuples.
            local: as above.
            at: as above.
        """
        node = self.values.get((place.line, place.column))
        node = node.get(name) if isinstance(node, MapNode) else node
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            return None
        meanings = {**_shapes(at), **self.variables, **local}
        try:
            tree = ast.parse(node.text.strip(), mode="eval")
            for inner in ast.walk(tree):
                if not isinstance(inner, (ast.Expression, *_LISTS)):
                    return None
                if isinstance(inner, ast.Call) and not _is_function(inner.func, _OF_LISTS):
                    return None
            text = ast.unparse(_Filled(meanings).visit(tree))
            same = typed(_frozen(_evaluated(text, {}))) == typed(value)
        except (ExpressionError, KeyError, SyntaxError):
            return None
        return closed_powers(text) if same and len(text) <= _LONGEST_LIST else None


class _Filled(ast.NodeTransformer):
    """Puts numbers in the places of names, and `_` in that of a variable that nothing reads, as checkers want it."""

    def __init__(self, meanings: Mapping[str, Literal]) -> None:
        self.meanings = meanings

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        """The comprehension, its variables `_` where nothing in it reads them."""
        self.generic_visit(node)
        names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
        read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        for name in names:
            if isinstance(name.ctx, ast.Store) and name.id not in read:
                name.id = "_"
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A number, where the name stands for one."""
        found = self.meanings.get(node.id)
        return ast.Constant(found.value) if found is not None and type(found.value) in (int, float) else node


def literals(values: Mapping[str, Any], formulas: Mapping[str, Told] | None = None) -> dict[str, Literal]:
    """Values by name, as layers hold them (lists as tuples), each with the formula that the spec has for it."""
    return {name: Literal(_frozen(value), name, formula=(formulas or {}).get(name)) for name, value in values.items()}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # any items


def _shapes(at: TensorType) -> dict[str, Literal]:
    ends = {"in_channels": at.shape[0], "in_features": at.shape[-1]} if at.shape else {}
    return literals({"in_shape": at.shape, **ends})


def _formula(text: str, value: object, meanings: Mapping[str, Literal]) -> Told | None:
    """The formula that a text is, if it gives the value and means the same in Python."""
    try:
        text = _chosen(text, meanings)
        names = {name: meanings[name] for name in parse(text).names}
        fits = typed(_evaluated(text, names)) == typed(value)
    except (ExpressionError, KeyError):
        return None
    computes = text not in names and not all(isinstance(slot.value, int | float) for slot in names.values())
    return Told(text, names) if fits and not computes and _is_python(text) else None


def _chosen(text: str, meanings: Mapping[str, Literal]) -> str:
    """What `a if x else b` comes to: a net has no conditions any more, as it has no `when`."""
    while len(parse(text).names) and isinstance(tree := ast.parse(text, mode="eval").body, ast.IfExp):
        text = ast.unparse(tree.body if _evaluated(ast.unparse(tree.test), meanings) else tree.orelse)
    return text


def _evaluated(text: str, meanings: Mapping[str, Literal]) -> object:
    expression = parse(text)
    return expression.evaluate({name: meanings[name].value for name in expression.names})
