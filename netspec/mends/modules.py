"""Modules and tensors as expressions of Python make them, followed with what is known without evaluating anything."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from netspec.mends.calls import Manner, NoChain, WrittenItem, called_name, folded, layer_entries, unparsed
from netspec.mends.keras import KERAS, keras_entries
from netspec.mends.syntax import key_of, shape_of_data, wrapped
from netspec.mends.tensors import (
    JOINED,
    Flowing,
    Held,
    Names,
    Tensor,
    apply_function,
    gives_several,
    has_tensor,
    selected,
)

MOST_STEPS: Final = 5_000
"""Statements and calls that are followed, loops and blocks counted each time."""
MOST_ITEMS: Final = 2_000
"""Items that a network may come to."""


class Unfollowed:
    """The value of what could not be followed; whoever needs it learns why."""

    def __init__(self, why: NoChain) -> None:
        self.why: Final = why


class Modules(ABC):
    """Follows expressions. What follows statements, `run`, is a subclass's."""

    def __init__(self, manner: Manner) -> None:
        self.manner: Final = manner
        self.classes: dict[str, ast.ClassDef] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.methods: dict[str, ast.FunctionDef] = {}
        """Those of the class whose constructor is followed."""
        self.doubts: list[str] = []
        """What is not carried over: modules with weights that are made and never run, and have keys all the same."""
        self._read: set[str] = set()
        self.used: set[str] = set()
        """The classes that another part of the text makes modules of."""
        self.bare: list[WrittenItem] = []
        """The layers that are called without a name for what they make."""
        self.input: list[int] | None = None
        """The shape of one example, where the text says it."""
        self.last: Held | None = None
        """The last network that got a name."""
        self.failed: NoChain | None = None
        """Why the last one could not be followed."""
        self._flowing: Flowing | None = None
        self._steps = 0

    def step(self, node: ast.AST) -> None:
        """Count a statement or an expression that is followed.

        Raises:
            NoChain: there are too many.
        """
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise NoChain("more than can be followed", getattr(node, "lineno", 0))

    @abstractmethod
    def run(self, body: Iterable[ast.stmt], names: Names, *, strict: bool) -> Any:
        """Follow statements; what one returns, or None.

        Args:
            strict: whether each must be understood, as those that a tensor flows through must.
        """

    # ---- expressions

    def value(self, node: ast.expr, names: Names) -> Any:
        """What an expression is: a number, a text, a module, a list of them, or the tensor that flows.

        Raises:
            NoChain: it is nothing of these.
        """
        self.step(node)
        match node:
            case ast.Name() | ast.Attribute() if (key := key_of(node)) in names:
                found = names[key]
                self._read.add(key or "")
                if isinstance(found, Unfollowed):
                    raise found.why
                if isinstance(found, Tensor) and self._flowing is not None and not self._flowing.is_current(found):
                    raise NoChain(f"`{key}`, a value from further up, which is used once more", node.lineno, JOINED)
                return found
            case ast.List() | ast.Tuple():
                return [self.value(one, names) for one in node.elts]
            case ast.Call():
                return self._call(node, names)
            case ast.Subscript():
                return self._subscript(node, names)
            case ast.BinOp() if isinstance(node.op, ast.Add) and has_tensor(node, names):
                raise NoChain(f"`{unparsed(node)}`, which adds values", node.lineno, JOINED)
            case ast.BinOp() if has_tensor(node, names):
                raise NoChain(f"`{unparsed(node)}`, which computes with values", node.lineno, JOINED)
            case _:
                return folded(node, names)

    def _subscript(self, node: ast.Subscript, names: Names) -> Any:
        if not has_tensor(node.value, names):
            found = self.value(node.value, names)
            parts = list(found.parts or ()) if isinstance(found, Held) else found
            at = folded(node.slice, names)
            parts = cast(list[Any], parts) if isinstance(parts, list) else []
            if isinstance(at, int) and -len(parts) <= at < len(parts):
                return parts[at]
            raise NoChain(f"`{unparsed(node)}`", node.lineno)
        x = self.value(node.value, names)
        if isinstance(x, Tensor) and self._flowing is not None:
            if isinstance(node.slice, ast.Constant) and node.slice.value == 0 and gives_several(self._flowing.entries):
                return x._replace(several=False)  # the outputs of a recurrent layer, which come first
            return self._flowing.put(selected(node, names))
        raise NoChain(f"`{unparsed(node)}`, a part of a tensor", node.lineno)

    def _call(self, node: ast.Call, names: Names) -> Any:
        if self.is_input(node, names):
            self._flowing = self._flowing or Flowing(self.manner)
            return self._flowing.tensor()
        func, flowing = node.func, self._flowing
        key = key_of(func)
        if flowing is not None and called_name(func) == "Model":
            return Held(flowing.finished(), True)
        if flowing is not None:
            held = names.get(key or "")
            if isinstance(func, ast.Call | ast.Subscript) or held is not None:
                module = self.value(func, names)
                if isinstance(module, Held):
                    self._only_tensor(node, node.args, names)
                    if isinstance(func, ast.Call) and "self" in names and any(e.stateful for e in module.entries):
                        raise NoChain(f"`{unparsed(node)}`, a layer that is made anew each time", node.lineno)
                    name = key.removeprefix("self.") if key is not None and key.startswith("self.") else None
                    return flowing.apply(module, name, node)
            if isinstance(func, ast.Attribute) and has_tensor(func.value, names):
                if not isinstance(self.value(func.value, names), Tensor):
                    raise NoChain(f"`{unparsed(node)}`", node.lineno)
                return apply_function(func.attr, node, node.args, names, flowing)
            first = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "input"), None)
            if first is not None and has_tensor(first, names) and key not in self.classes:
                name = called_name(func) or ""
                if isinstance(first, ast.List | ast.Tuple):
                    raise NoChain(f"`{unparsed(node)}`, which joins values", node.lineno, JOINED)
                if not isinstance(self.value(first, names), Tensor):
                    raise NoChain(f"`{unparsed(node)}`", node.lineno)
                return apply_function(name, node, node.args[1:], names, flowing)
        self.keep_shape(node, names)
        return self.module(node, names)

    def _only_tensor(self, node: ast.Call, args: Sequence[ast.expr], names: Names) -> None:
        """The tensor that a module is given; others beside it are none of a chain's."""
        if len(args) != 1 or not isinstance(self.value(args[0], names), Tensor):
            raise NoChain(f"`{unparsed(node)}`, which is not given one value alone", node.lineno)

    # ---- modules

    def module(self, node: ast.expr, names: Names) -> Held:
        """The module that an expression makes."""
        self.step(node)
        if not isinstance(node, ast.Call):
            found = self.value(node, names)
            if isinstance(found, Held):
                return found
            raise NoChain(f"`{unparsed(node)}`, which is no layer", node.lineno)
        name = called_name(node.func) or ""
        if isinstance(node.func, ast.Name) and isinstance(other := names.get(name), Unfollowed):
            raise other.why  # a name that was given to something else
        if name in self.classes:
            return self.instance(self.classes[name], node, names)
        if name in self.functions and isinstance(node.func, ast.Name):
            return self.returned(self.functions[name], node, names)
        if name in ("Sequential", "ModuleList"):
            return self._sequence(node, name, names)
        if (inner := wrapped(node)) is not None:
            return self.module(inner, names)
        if self.manner.keras and (name in KERAS or name in self.manner.offer.layers):
            self.keep_shape(node, names)
            return Held(tuple(keras_entries(node, name, names, self.manner)))
        return Held(tuple(layer_entries(node, names, self.manner)))

    def _sequence(self, node: ast.Call, name: str, names: Names) -> Held:
        """`Sequential` or `ModuleList`."""
        entries: list[WrittenItem] = []
        parts: list[Held] = []
        for key, each in self._members(node, names):
            if not isinstance(each, Held) and self.is_input(each, names):
                continue
            held = each if isinstance(each, Held) else self.module(each, names)
            entries += member(held, key)
            parts.append(held)
            bounded(entries, node)
        return Held(tuple(entries), name == "Sequential", tuple(parts))

    def is_input(self, node: Any, names: Names) -> bool:
        """Whether an expression is Keras's `Input(shape=…)`, whose shape is kept."""
        if not isinstance(node, ast.Call) or called_name(node.func) not in ("Input", "InputLayer"):
            return False
        self.keep_shape(node, names)
        return True

    def keep_shape(self, node: ast.Call, names: Names) -> None:
        """Keep the shape of one example, if a call says one and none did before."""
        self.input = self.input or shape_of_data(node, names, channels_last=self.manner.keras)

    def _members(self, node: ast.Call, names: Names) -> list[tuple[str | None, Any]]:
        """The modules of a container, each with its key."""
        if node.args and isinstance(node.args[0], ast.Call) and called_name(node.args[0].func) == "OrderedDict":
            pairs = node.args[0].args[0] if node.args[0].args else None
            if not isinstance(pairs, ast.List | ast.Tuple):
                raise NoChain(f"`{unparsed(node)}`", node.lineno)
            found = [pair.elts for pair in pairs.elts if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]
            return [(str(folded(key, names)), value) for key, value in found]
        members: list[tuple[str | None, Any]] = [
            (None if (k.arg or "_").startswith("_") else k.arg, k.value) for k in node.keywords if self.manner.printed
        ]
        for one in node.args:
            if isinstance(one, ast.List | ast.Tuple):
                members += [(None, each) for each in one.elts]
            elif isinstance(one, ast.Starred) or not isinstance(one, ast.Call):
                found = self.value(one.value if isinstance(one, ast.Starred) else one, names)
                if isinstance(found, Held) and isinstance(one, ast.Starred) and found.parts is not None:
                    members += [(None, part) for part in found.parts]
                elif isinstance(found, Held):
                    members.append((None, found))
                elif isinstance(found, list):
                    members += [(None, each) for each in found]  # pyright: ignore[reportUnknownVariableType]  # any values
            else:
                members.append((None, one))
        return members

    def instance(self, of: ast.ClassDef, node: ast.Call | None, names: Names) -> Held:
        """A module of a class that was pasted: its constructor, then what `forward` does with a tensor."""
        self.used.add(of.name)
        methods = {m.name: m for m in of.body if isinstance(m, ast.FunctionDef)}
        forward = methods.get("forward") or methods.get("call")
        read, self._read = self._read, set[str]()
        own: Names = {"self": None, **{key: value for key, value in names.items() if isinstance(value, int | float)}}
        if (constructor := methods.get("__init__")) is not None:
            self.bind(constructor, node, names, own)
            outer, self._flowing = self._flowing, None
            others, self.methods = self.methods, methods
            self.run(constructor.body, own, strict=False)
            self._flowing, self.methods = outer, others
        if forward is None or len(forward.args.args) < 2:
            raise NoChain(f"the class `{of.name}`, which has no `forward`", of.lineno)
        if len(forward.args.args) - len(forward.args.defaults) > 2:
            raise NoChain(f"`forward` of `{of.name}`, which takes several values", forward.lineno)
        outer, self._flowing = self._flowing, (of_forward := Flowing(self.manner))
        own[forward.args.args[1].arg] = of_forward.tensor()
        given = self.run(forward.body, own, strict=True)
        if not isinstance(given, Tensor):
            raise NoChain(f"`forward` of `{of.name}`, which gives something else than one value", forward.lineno)
        if given.several:
            self.doubts.append(next(ast.unparse(n) for n in reversed(forward.body) if isinstance(n, ast.Return)))
        entries = of_forward.finished()
        bounded(entries, of)
        self._flowing = outer
        self.doubts += [
            *of_forward.doubts(),
            *(
                key for key, held in own.items()
                if isinstance(held, Held) and any(e.stateful for e in held.entries) and key not in self._read
            ),
        ]  # fmt: skip
        self._read = read
        return Held(entries, True)

    def returned(self, of: ast.FunctionDef, node: ast.Call | None, names: Names) -> Held:
        """The module that a function gives, for the arguments of a call."""
        own: Names = {key: value for key, value in names.items() if not isinstance(value, Tensor)}
        self.bind(of, node, names, own)
        found = self.run(of.body, own, strict=False)
        if not isinstance(found, Held):
            raise NoChain(f"the function `{of.name}`, which gives no network", of.lineno)
        return found

    def bind(self, of: ast.FunctionDef, node: ast.Call | None, names: Names, own: Names) -> None:
        """Give the parameters of a function the values of a call, or their defaults."""
        words = [one.arg for one in of.args.args if one.arg != "self"]
        defaults = of.args.defaults
        given: dict[str, ast.expr] = dict(zip(words[len(words) - len(defaults) :], defaults, strict=False))
        given |= {one.arg: value for one, value in zip(of.args.kwonlyargs, of.args.kw_defaults, strict=True) if value}
        if node is not None:
            given |= dict(zip(words, node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}
        for word in words:
            own.pop(word, None)
        for word, value in given.items():
            try:
                own[word] = self.value(value, names)
            except NoChain as why:
                own[word] = Unfollowed(why)


def bounded(items: Sequence[Any], node: ast.AST) -> Sequence[Any]:
    """A list of items as it is.

    Raises:
        NoChain: it has more of them, those inside of others counted, than are written.
    """
    left, number = list(items), 0
    while left:
        number += 1
        if number > MOST_ITEMS:
            raise NoChain("more than can be followed", getattr(node, "lineno", 0))
        one = left.pop()
        left += one.inside if isinstance(one, WrittenItem) else one.entries if isinstance(one, Held) else ()
    return items


def member(held: Held, key: str | None) -> list[WrittenItem]:
    """A module as a member of a container, under its key there."""
    name = None if key is None or not key.isidentifier() else key
    if held.container:
        return [WrittenItem("sequential", name, inside=held.entries, stateful=any(e.stateful for e in held.entries))]
    return [held.entries[0]._replace(name=name), *held.entries[1:]] if held.entries else []
