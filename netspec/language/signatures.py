"""The signature of a block: `name(a, b=1)`."""

from __future__ import annotations

import ast
import warnings
from typing import NamedTuple

from netspec.expressions import Expression, ExpressionError, parse


class Parameter(NamedTuple):
    """One parameter of a block: its name and, where it has one, the expression that gives its default."""

    name: str
    default: Expression | None


def read_signature(text: str) -> tuple[str, tuple[Parameter, ...]] | None:
    """Name and parameters of `name(a, b=1)`; None if it is nothing of the kind. Python's own grammar reads it."""
    name, _, rest = text.partition("(")
    if not name.isidentifier() or not rest.endswith(")") or len(text) > 1024:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of odd escapes; what matters is refused below
            tree = ast.parse(f"lambda {rest[:-1]}: 0", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(tree, ast.Lambda) or not isinstance(tree.body, ast.Constant):
        return None
    a = tree.args
    if a.posonlyargs or a.kwonlyargs or a.vararg or a.kwarg:
        return None
    first_default = len(a.args) - len(a.defaults)
    parameters: list[Parameter] = []
    for i, argument in enumerate(a.args):
        default: Expression | None = None
        if i >= first_default:
            try:
                default = parse(ast.unparse(a.defaults[i - first_default]))
            except (ExpressionError, RecursionError):
                return None
        parameters.append(Parameter(argument.arg, default))
    return name, tuple(parameters)
