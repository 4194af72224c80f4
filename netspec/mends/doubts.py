"""What a program says of its network beside the list of its layers, which a list of layers does not carry over.

A chain that is read of such a program may be another network: its mend is offered, and none is made unasked.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Final

_CHANGES: Final = frozenset(
    (
        "append", "insert", "extend", "pop", "remove", "clear", "reverse", "apply", "register_module",
        "register_forward_hook", "register_forward_pre_hook", "register_buffer", "register_parameter",
        "set_submodule", "load_state_dict",
    )
)  # fmt: skip
"""Methods that change a network once it is made."""
_OF_SELF: Final = _CHANGES - {"append", "extend", "insert", "pop", "remove", "clear", "reverse"}
"""Those that are not followed where a class makes its parts."""
_ANYWHERE: Final = frozenset(
    ("setattr", "delattr", "__setitem__", "__delitem__", "__setattr__", "__delattr__", "spectral_norm", "weight_norm",
     "orthogonal", "register_parametrization", "remove_spectral_norm", "remove_weight_norm", "fuse_modules",
     "quantize_dynamic", "quantize_", "convert_sync_batchnorm", "replace_all_batch_norm_modules_")
)  # fmt: skip
"""What changes a module that it is given, wherever it is called."""
_TRAINED: Final = {"rrelu": 3, "gumbel_softmax": 9, "dropout": 2, "dropout1d": 2, "dropout2d": 2, "dropout3d": 2,
                   "alpha_dropout": 2, "feature_alpha_dropout": 2}  # fmt: skip
"""Functions whose layers do another thing where nothing is trained, and the place of the argument that says so."""
_METHODS: Final = frozenset(("__call__", "__getattr__", "__setattr__", "train", "eval", "state_dict", "parameters"))
"""Methods of all modules, which a class may change."""
_LOOKS: Final = frozenset(
    ("print", "len", "type", "id", "str", "repr", "list", "sum", "iter", "enumerate", "isinstance", "next", "summary")
)
"""Functions that look at a module that they are given."""
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
            case ast.AugAssign(target=target, value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _assigned(node, [target], value, networks)
            case ast.ClassDef(body=body):
                yield from (one for one in body if isinstance(one, ast.FunctionDef) and one.name in _METHODS)
            case ast.Delete(targets=targets) if any(not isinstance(one, ast.Name) for one in targets):
                yield node
            case ast.Expr(value=ast.Call() as call) if _is_given_a_part(call, networks):
                yield node
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
    """The names of networks and of their parts: what a class or function of the program gives, what such a name is
    given to, what a loop goes through, and what functions are given."""
    makers = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    makers |= {"Sequential", "Model", "ModuleList", "ModuleDict"}
    found = {
        argument.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name not in ("forward", "call", "__init__")
        for argument in node.args.args
    } - {"self"}
    for _ in range(2):  # a loop over what is named further down
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=targets, value=value):
                    made = targets
                case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.For(target=target, iter=value):
                    made = [target]
                case ast.NamedExpr(target=target, value=value):
                    made = [target]
                case _:
                    continue
            calls = (one for one in ast.walk(value) if isinstance(one, ast.Call))
            if _root(value) in found or any(_name_of(one) in makers for one in calls):
                found |= {one.id for target in made for one in ast.walk(target) if isinstance(one, ast.Name)}
    return frozenset(found | makers) - {"self"}


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


def _is_given_a_part(call: ast.Call, networks: frozenset[str]) -> bool:
    """Whether a call that stands by itself is given a part of a network, which it may change: `prune(model[0])`."""
    given = [*call.args, *(k.value for k in call.keywords)]
    parts = (one for one in given if isinstance(one, ast.Subscript | ast.Attribute))
    return _name_of(call) not in _LOOKS and any(_root(one) in networks | {"self"} for one in parts)


def _assigned(
    node: ast.Assign | ast.AugAssign | ast.AnnAssign, targets: list[ast.expr], value: ast.expr, networks: frozenset[str]
) -> Iterator[ast.AST]:
    for target in (one for each in targets for one in (each.elts if isinstance(each, ast.Tuple) else [each])):
        part_of = isinstance(target, ast.Attribute | ast.Subscript)
        of_network = part_of and _root(target) in networks
        of_network |= part_of and _root(target) == "self" and not isinstance(target.value, ast.Name)
        of_network |= isinstance(node, ast.AugAssign) and isinstance(target, ast.Name) and target.id in networks
        state = isinstance(target, ast.Attribute) and target.attr in _STATES
        same = isinstance(target, ast.Attribute) and isinstance(value, ast.Attribute) and _root(value) == "self"
        part = isinstance(value, ast.Subscript) and _root(value) in networks
        if of_network or state or same or part:
            yield node


def _called(node: ast.Call, networks: frozenset[str]) -> Iterator[ast.AST]:
    name, function = _name_of(node), node.func
    path = ast.unparse(function)
    changed = name in _OF_WEIGHTS or (name in _CHANGES and _root(function) in networks)
    if name in _ANYWHERE or (changed and isinstance(function, ast.Attribute)):
        yield node
    if name in _OF_SELF and _root(function) == "self":
        yield node
    if isinstance(function, ast.Name) and name in ("exec", "eval"):
        yield node
    if "init." in path:
        yield node
    place = _TRAINED.get(name)
    if place is not None:
        given = [*node.args[place : place + 1], *(k.value for k in node.keywords if k.arg == "training")]
        if not given or isinstance(given[0], ast.Constant):  # it is the same where nothing is trained
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
