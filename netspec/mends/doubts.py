"""What a program says of its network beside the list of its layers, which a list of layers does not carry over.

A chain that is read of such a program may be another network: its mend is offered, and none is made unasked.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Final

_CHANGES: Final = frozenset(("append", "insert", "extend", "pop", "apply"))
"""Methods that change a network once it is made."""
_OF_WEIGHTS: Final = frozenset(
    ("requires_grad_", "zero_", "fill_", "normal_", "uniform_", "copy_", "detach", "load_state_dict")
)
"""Methods by which weights, or what flows, are told something that no list of layers says."""
_STATES: Final = frozenset(("requires_grad", "trainable", "data", "weight", "bias", "weights"))
"""Attributes that are set to the same end."""


def first_doubt(tree: ast.Module, *, keras: bool) -> str | None:
    """A piece of a program that its list of layers does not carry over, as it is written; None if there is none."""
    node = next(_doubts(tree, keras=keras), None)
    if node is None:
        return None
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _doubts(tree: ast.Module, *, keras: bool) -> Iterator[ast.AST]:
    networks = _networks(tree)
    yield from _forgotten(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from _assigned(node, targets, value, networks)
            case ast.Call():
                yield from _called(node, networks)
                if keras:
                    yield from _of_keras(node)
            case _:
                pass
    if keras:
        yield from _used_again(tree)


def _root(node: ast.expr) -> str:
    """The name that an attribute or a place of a list is of."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _networks(tree: ast.Module) -> frozenset[str]:
    """The names of networks at the top of a program."""
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} | {"Sequential", "Model"}
    made = (node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call))
    return frozenset(
        target.id
        for node in made
        if isinstance(node.value, ast.Call) and _name_of(node.value) in classes
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _forgotten(tree: ast.Module) -> Iterator[ast.AST]:
    """A network at the top that nothing reads, before another one."""
    made = [
        node for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name_of(node.value) == "Sequential"
    ]  # fmt: skip
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in made[:-1]:
        if not any(isinstance(target, ast.Name) and target.id in read for target in node.targets):
            yield node


def _assigned(
    node: ast.Assign, targets: list[ast.expr], value: ast.expr, networks: frozenset[str]
) -> Iterator[ast.AST]:
    for target in targets:
        of_network = isinstance(target, ast.Attribute | ast.Subscript) and _root(target) in networks
        state = isinstance(target, ast.Attribute) and target.attr in _STATES
        same = isinstance(target, ast.Attribute) and isinstance(value, ast.Attribute) and _root(value) == "self"
        part = isinstance(value, ast.Subscript) and _root(value) in networks
        if of_network or state or same or part:
            yield node


def _called(node: ast.Call, networks: frozenset[str]) -> Iterator[ast.AST]:
    name, function = _name_of(node), node.func
    path = ast.unparse(function)
    changed = name in _OF_WEIGHTS or (name in _CHANGES and _root(function) in networks)
    if changed and isinstance(function, ast.Attribute):
        yield node
    if "init." in path:
        yield node
    training = (*node.args[2:3], *(k.value for k in node.keywords if k.arg == "training"))
    if name.startswith("dropout") and any(isinstance(one, ast.Constant) and one.value is False for one in training):
        yield node
    if name in ("softmax", "log_softmax", "softmin") and len(node.args) == 1 and not node.keywords:
        yield node
    if name == "Sequential":
        held = [ast.unparse(one) for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)
                and isinstance(one.ctx, ast.Load)]  # fmt: skip
        given = [ast.unparse(one) for one in node.args if isinstance(one, ast.Name | ast.Attribute)]
        if any(count > 1 for count in Counter(given).values()) or any(one.startswith("self.") for one in held):
            yield node


def _of_keras(node: ast.Call) -> Iterator[ast.AST]:
    """Axes, and defaults that are others in torch."""
    name, given = _name_of(node), {k.arg: k.value for k in node.keywords if k.arg}
    axis = given.get("axis")
    if axis is not None and ast.unparse(axis) != "-1":
        yield node
    activation = given.get("activation")
    if activation is not None and ast.unparse(activation) == "'softmax'" and name.startswith(("Conv", "conv")):
        yield node
    if "data_format" in given:
        yield node
    if name == "Model" and len(node.args) > 1 and not isinstance(node.args[1], ast.Name):
        yield node


def _used_again(tree: ast.Module) -> Iterator[ast.AST]:
    """A layer that is called twice, of which the list has two."""
    layers = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    times = Counter(node.func.id for node in calls if isinstance(node.func, ast.Name))
    for node in calls:
        if isinstance(node.func, ast.Name) and node.func.id in layers and times[node.func.id] > 1:
            yield node
