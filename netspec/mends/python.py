"""Networks as Python has them, read from their syntax tree: `nn.Sequential(...)`, a class with `forward`, Keras.

Statements are followed with what is known without evaluating anything: numbers, modules, and the tensor that flows.
What is no chain of layers ends in `NoChain`, which says what was found.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any, cast

from netspec.mends.calls import NoChain, WrittenItem, called_name, folded, unparsed
from netspec.mends.modules import Modules, Unfollowed, bounded, member
from netspec.mends.syntax import (
    CHANGING,
    changes,
    decides,
    is_about_layers,
    is_about_networks,
    key_of,
    root_key,
    runs,
    targets,
    truth,
)
from netspec.mends.tensors import BATCH, JOINED, Held, Names, Tensor, is_batch


class Follower(Modules):
    """Follows the statements of a text."""

    def network(self, tree: ast.Module) -> tuple[WrittenItem, ...]:
        """The layers of the network that a text makes: of the last that gets a name, of those that it calls without
        one, or of its last class or function.

        Raises:
            NoChain: it makes none, or none that is a chain.
        """
        names: Names = {}
        self.run(tree.body, names, strict=False)
        if self.failed is not None:
            raise self.failed
        if self.last is not None:
            return self.last.entries
        if self.bare:
            return tuple(self.bare)
        classes = [of for name, of in self.classes.items() if name not in self.used and runs(of)]
        if classes:
            return self.instance(classes[-1], None, names).entries
        for of in reversed(self.functions.values()):
            if any(isinstance(n, ast.Call) and called_name(n.func) == "Sequential" for n in ast.walk(of)):
                return self.returned(of, None, names).entries
        raise NoChain("")

    # ---- statements

    def run(self, body: Iterable[ast.stmt], names: Names, *, strict: bool) -> Any:
        """Follow statements; what one returns, or None.

        Args:
            strict: whether each must be understood, as those that a tensor flows through must.
        """
        for statement in body:
            self.step(statement)
            try:
                given = self._statement(statement, names, strict)
            except NoChain as why:
                if strict or decides(statement) or isinstance(statement, ast.Break | ast.Continue):
                    raise
                for key in changes(statement) & names.keys() | targets(statement):
                    names[key] = Unfollowed(why)
                if "self" not in names and is_about_networks(statement, self.classes):
                    self.failed = why
                continue
            if given is not None:
                return given
        return None

    def _statement(self, statement: ast.stmt, names: Names, strict: bool) -> Any:
        """Follow one statement; what it returns, or None."""
        match statement:
            case ast.Return(value=ast.expr() as value):
                return self.value(value, names)
            case ast.ClassDef():
                self.classes[statement.name] = statement
            case ast.FunctionDef():
                self.functions[statement.name] = statement
            case ast.Assign():
                for target in statement.targets:
                    self._assign(target, statement.value, names)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value, names)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add()) if isinstance(names.get(name), list):
                more = self.value(statement.value, names)
                names[name] += more if isinstance(more, list) else [more]
                bounded(names[name], statement)
            case ast.AugAssign(target=target, op=ast.Add()) if isinstance(names.get(key_of(target) or ""), Held):
                self._lengthen(key_of(target) or "", self.value(statement.value, names), statement, names)
            case ast.AugAssign():
                raise NoChain(f"`{ast.unparse(statement)[:40]}`, which computes with values", statement.lineno, JOINED)
            case ast.Expr():
                self._expression(statement.value, names, strict)
            case ast.Break() | ast.Continue():
                raise NoChain(f"`{ast.unparse(statement)}`, which leaves a round", statement.lineno)
            case ast.ImportFrom():
                self._import(statement, names)
            case ast.For() if strict or decides(statement) or changes(statement) & names.keys():
                return self._loop(statement, names, strict)
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                return self.run(statement.body, names, strict=strict)
            case ast.If() if strict or decides(statement) or changes(statement) & names.keys():
                taken = statement.body if truth(statement.test, names) else statement.orelse
                return self.run(taken, names, strict=strict)
            case ast.While() | ast.With() | ast.Try() if (
                strict or decides(statement) or changes(statement) & names.keys()
            ):
                raise NoChain(f"`{type(statement).__name__.lower()}`, a path of its own", statement.lineno)
            case _:
                pass
        return None

    def _import(self, statement: ast.ImportFrom, names: Names) -> None:
        """`from torch.nn import ReLU as Tanh` gives the name of a layer to another."""
        for one in statement.names:
            if one.asname not in (None, one.name) and one.asname in self.manner.offer.layers:
                why = NoChain(f"`{ast.unparse(statement)[:60]}`, another name of a layer", statement.lineno)
                names[one.asname] = Unfollowed(why)

    def _assign(self, target: ast.expr, node: ast.expr, names: Names) -> None:
        if isinstance(target, ast.Tuple):
            if isinstance(node, ast.Tuple) and len(node.elts) == len(target.elts):
                for one, value in zip(target.elts, node.elts, strict=True):
                    self._assign(one, value, names)
                return
            sizes = isinstance(node, ast.Attribute | ast.Call) and called_name(
                node.func if isinstance(node, ast.Call) else node
            ) in ("shape", "size")
            value: Any = BATCH if sizes else self.value(node, names)  # a recurrent layer's states come second
            value = value._replace(several=False) if isinstance(value, Tensor) else value
            target = target.elts[0]
        else:
            value = BATCH if is_batch(node, names) else self.value(node, names)
        key = key_of(target)
        if key is None and key_of(getattr(target, "value", target)) in names:
            raise NoChain(f"`{unparsed(target)}`, a part that is changed", target.lineno)
        if key is not None:
            names[key] = value
            if isinstance(value, Held) and value.container and "self" not in names:
                self.last, self.failed = value, None

    def _expression(self, node: ast.expr, names: Names, strict: bool) -> None:
        if isinstance(node, ast.Constant) or not isinstance(node, ast.Call | ast.Tuple | ast.List):
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and self._adds(node, node.func, names):
            return
        if strict and isinstance(node, ast.Call) and called_name(node.func) not in ("print", "check", "append"):
            self.value(node, names)
        if strict:
            return
        if "self" in names:
            self._own_method(node, names)
            return
        for one in node.elts if isinstance(node, ast.Tuple | ast.List) else [node]:
            if isinstance(one, ast.Call) and is_about_layers(one, self.manner):
                try:
                    self.bare += self.module(one, names).entries
                except NoChain as why:
                    self.failed = self.failed or why
            elif isinstance(one, ast.Call):
                self.keep_shape(one, names)

    def _own_method(self, node: ast.expr, names: Names) -> None:
        """`self.build()` in a constructor: what the method makes of the module's parts."""
        key = key_of(node.func) if isinstance(node, ast.Call) else None
        method = self.methods.get((key or "").removeprefix("self."))
        if isinstance(node, ast.Call) and method is not None and (key or "").startswith("self."):
            own: Names = {key: value for key, value in names.items() if key.partition(".")[0] == "self"}
            self.bind(method, node, names, own)
            self.run(method.body, own, strict=False)
            names.update({key: value for key, value in own.items() if key.startswith("self.")})

    def _adds(self, node: ast.Call, func: ast.Attribute, names: Names) -> bool:
        """`layers.append(…)`, `model.add(…)`, `net.add_module("name", …)`: whether it is one of them."""
        key = key_of(func.value)
        value = names.get(key or "")
        if isinstance(value, list) and func.attr in CHANGING and key is not None:
            if func.attr not in ("append", "extend") or len(node.args) != 1:
                raise NoChain(f"`{unparsed(node)}`", node.lineno)
            more = self.value(node.args[0], names)
            held = cast(list[Any], value)
            held += more if func.attr == "extend" else [more]  # in its place, since it may have other names
            bounded(held, node)
            return True
        if func.attr == "add" and isinstance(value, Held) and len(node.args) == 1 and key is not None:
            if not self.is_input(node.args[0], names):
                more = member(self.module(node.args[0], names), None)
                value = Held(tuple(bounded((*value.entries, *more), node)), True)
            names[key] = self.last = value
            return True
        if func.attr in ("append", "extend") and isinstance(value, Held) and len(node.args) == 1 and key is not None:
            more = self.value(node.args[0], names)
            self._lengthen(key, more if func.attr == "extend" else [more], node, names)
            return True
        if (
            func.attr in CHANGING
            and isinstance(names.get(root_key(func.value) or ""), Held)
            and (key is None or func.attr != "add_module")
        ):
            raise NoChain(
                f"`{unparsed(node)}`, which changes a module that is made", node.lineno, "write what it is in the end"
            )
        if func.attr != "add_module" or len(node.args) != 2 or key is None:
            return False
        name, made = folded(node.args[0], names), self.module(node.args[1], names)
        if key == "self":
            names[f"self.{name}"] = made
        elif isinstance(value, Held):
            names[key] = self.last = Held((*value.entries, *member(made, str(name))), True)
        return True

    def _lengthen(self, key: str, more: Any, node: ast.AST, names: Names) -> None:
        """Put modules at the end of one that holds several.

        Raises:
            NoChain: it holds none, or what is put there is none.
        """
        held = cast(Held, names[key])
        listed: Any = list(more.parts or ()) if isinstance(more, Held) else more
        if held.parts is None or not isinstance(listed, list):
            raise NoChain("modules that are put into another one", getattr(node, "lineno", 0))
        modules = [one for one in cast(list[Any], listed) if isinstance(one, Held)]
        if len(modules) < len(cast(list[Any], listed)):
            raise NoChain("modules that are put into another one", getattr(node, "lineno", 0))
        entries = [*held.entries, *(entry for one in modules for entry in member(one, None))]
        names[key] = Held(tuple(bounded(entries, node)), held.container, (*held.parts, *modules))
        if held.container and "self" not in names:
            self.last = names[key]

    def _loop(self, statement: ast.For, names: Names, strict: bool) -> Any:
        """`for` over modules, a range or a list of numbers; what it returns, or None."""
        target, over = statement.target, statement.iter
        if isinstance(over, ast.Call) and called_name(over.func) == "enumerate" and isinstance(target, ast.Tuple):
            target, over = target.elts[-1], over.args[0]
        if isinstance(over, ast.Call) and called_name(over.func) == "range":
            given = [folded(one, names) for one in over.args]
            if not all(isinstance(one, int) for one in given) or not given:
                raise NoChain(f"`{unparsed(over)}`", statement.lineno)
            values: Sequence[Any] = range(*given[:3])
        else:
            found = self.value(over, names)
            values = found.parts if isinstance(found, Held) and found.parts is not None else found
            if not isinstance(values, list | tuple):
                raise NoChain(f"a loop over `{unparsed(over)}`", statement.lineno)
        for value in values:
            if isinstance(target, ast.Tuple) and isinstance(value, list):
                for one, part in zip(target.elts, value, strict=False):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # any values
                    names[key_of(one) or ""] = part
            else:
                names[key_of(target) or ""] = value
            if (given := self.run(statement.body, names, strict=strict)) is not None:
                return given
        return self.run(statement.orelse, names, strict=strict)  # no round is left early
