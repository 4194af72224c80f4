"""What statements and calls of Python are about, by their form alone."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from netspec.mends.calls import Manner, NoChain, called_name, folded, unparsed
from netspec.mends.keras import KERAS

_WRAPPERS: Final = frozenset(("compile", "DataParallel", "to", "cuda", "cpu", "train", "eval", "float"))
"""What gives a network back as it is."""
_DATA: Final = frozenset(("randn", "rand", "ones", "zeros", "empty"))
"""Functions that make tensors to try a network with."""


def key_of(node: ast.expr) -> str | None:
    """The key of a variable or of an attribute of `self`; None for another expression."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def root_key(node: ast.expr) -> str | None:
    """The key of what an expression is a part of: `self.body` for `self.body[0].act`."""
    key = key_of(node)
    while key is None and isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
        key = key_of(node)
    return key


def wrapped(node: ast.Call) -> ast.expr | None:
    """The network that `net.to(device)` or `torch.compile(net)` gives back; None for another call."""
    if called_name(node.func) not in _WRAPPERS:
        return None
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        return node.func.value
    return node.args[0] if node.args else None


def runs(of: ast.ClassDef) -> bool:
    """Whether a class says what becomes of a tensor."""
    return any(isinstance(m, ast.FunctionDef) and m.name in ("forward", "call") for m in of.body)


def is_about_networks(statement: ast.stmt, classes: Iterable[str]) -> bool:
    """Whether a statement makes a network, or adds to one."""
    made = {"Sequential", "Model", "add", "add_module", *classes}
    return any(isinstance(n, ast.Call) and called_name(n.func) in made for n in ast.walk(statement))


CHANGING: Final = frozenset(("append", "extend", "add", "add_module", "insert", "pop", "remove", "reverse", "clear"))
"""Methods that change what they are called of."""


def decides(statement: ast.stmt) -> bool:
    """Whether a statement with others inside of it may end what is run."""
    ends = (ast.Return, ast.Break, ast.Continue) if isinstance(statement, ast.If) else ast.Return
    inside = isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try)
    return inside and any(isinstance(node, ends) for node in ast.walk(statement))


def targets(statement: ast.stmt) -> set[str]:
    """The keys that a statement gives values, those inside of it included."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(key_of(node) or "")
    return found - {""}


def changes(statement: ast.stmt) -> set[str]:
    """The keys of what a statement gives values, or changes."""
    found = targets(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            found.add(root_key(node.func.value) or "")
    return found - {""}


_COMPARED: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip


def truth(node: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether a condition over known values holds.

    Raises:
        NoChain: it hangs on what is not known.
    """
    try:
        match node:
            case ast.UnaryOp(op=ast.Not()):
                return not truth(node.operand, names)
            case ast.Compare(ops=[op], comparators=[other]) if type(op) in _COMPARED:
                return bool(_COMPARED[type(op)](folded(node.left, names), folded(other, names)))
            case _:
                return bool(folded(node, names))
    except (NoChain, TypeError):
        found = f"`if {unparsed(node)}`, two ways of which one is taken"
        raise NoChain(found, node.lineno, "`when` beside an item leaves it out") from None


def is_about_layers(node: ast.Call, manner: Manner) -> bool:
    """Whether a call makes a layer or a container of layers."""
    name = called_name(node.func) or ""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "nn":
        return True
    known = name.removeprefix("Lazy") in manner.offer.layers or name == "Sequential"
    return known or (manner.keras and name in KERAS)


def shape_of_data(node: ast.Call, names: Mapping[str, Any], *, channels_last: bool) -> list[int] | None:
    """The shape of one example that a call says: `Input(shape=(28, 28, 1))`, `torch.randn(1, 3, 32, 32)`. None if it
    says none."""
    name = called_name(node.func)
    words = {k.arg: k.value for k in node.keywords}
    batched = name in _DATA or (name == "summary" and "input_size" in words)
    said = next((words[word] for word in ("input_shape", "shape", "input_size", "size") if word in words), None)
    if said is None and node.args and name in ("Input", "summary"):
        said = node.args[-1]
    if said is None and node.args and name in _DATA:
        said = node.args[0] if isinstance(node.args[0], ast.Tuple | ast.List) else ast.List(list(node.args))
    if said is None and "input_dim" in words and name in KERAS and name != "Embedding":
        said = ast.List([words["input_dim"]])
    try:
        shape = None if said is None else folded(said, names)
    except NoChain:
        return None
    if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):  # pyright: ignore[reportUnknownVariableType]  # any values
        return None
    sizes = [int(size) for size in shape][1 if batched else 0 :]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # likewise
    if channels_last and len(sizes) > 2:
        sizes = [sizes[-1], *sizes[:-1]]
    return sizes or None
