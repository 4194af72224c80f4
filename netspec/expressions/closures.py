"""Compile the syntax tree of an expression to closures that compute its value.

The tables define the language; any other node type of Python's grammar is refused with a message that names it.
"""

from __future__ import annotations

import ast
import keyword
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn, cast

from netspec.diagnostics import did_you_mean
from netspec.dims import UNKNOWN
from netspec.expressions import operations as ops
from netspec.expressions.evaluation import (
    Called,
    ExpressionError,
    Meanings,
    Place,
    Run,
    Target,
    bind,
    do,
    equality,
    meter_of,
    named,
    nothing,
    quick,
    uncalled,
)
from netspec.expressions.functions import FUNCTIONS, LATER
from netspec.expressions.operations import LARGEST
from netspec.expressions.values import Family, Value

MAX_NODES: Final = 200
"""The most syntax nodes of an expression."""

CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


def is_reserved(name: str) -> bool:
    """True for names of functions, constants and keywords of the expression language, which a spec cannot redefine."""
    return (name in FUNCTIONS and name not in LATER) or name in CONSTANTS or keyword.iskeyword(name)


class Compiled(NamedTuple):
    """A compiled expression."""

    run: Run
    names: frozenset[str]
    """The names that it reads from its scope."""
    bound: tuple[str, ...]
    """The variables of its comprehensions, in the order of their slots."""


def compile_tree(text: str, tree: ast.expr) -> Compiled:
    """Check a syntax tree and compile it. `text` is the expression, for messages.

    Raises:
        ExpressionError: the tree has a node type outside the language, or too many nodes.
    """
    compiler = _Compiler(text)
    run = compiler.compile(tree)
    return Compiled(run, frozenset(compiler.names), tuple(compiler.bound))


# ---- the tables of the language


_BINARY: Final[dict[type[ast.operator], Any]] = {
    ast.Add: ops.add,
    ast.Sub: ops.subtract,
    ast.Mult: ops.multiply,
    ast.Div: ops.divide,
    ast.FloorDiv: ops.floor_divide,
    ast.Mod: ops.modulo,
    ast.Pow: ops.power,
}
_SIGNS: Final[dict[type[ast.unaryop], Any]] = {ast.USub: ops.negative, ast.UAdd: ops.positive}
_COMPARISONS: Final[dict[type[ast.cmpop], Any]] = {
    ast.Eq: ops.equal,
    ast.NotEq: ops.unequal,
    ast.Lt: ops.less,
    ast.LtE: ops.less_or_equal,
    ast.Gt: ops.greater,
    ast.GtE: ops.greater_or_equal,
    ast.In: ops.contains,
    ast.NotIn: ops.absent,
}
_QUICK: Final[dict[type[ast.operator], Callable[[Run, Run, Place], Run]]] = {
    ast.Add: quick(operator.add, ops.add),
    ast.Sub: quick(operator.sub, ops.subtract),
    ast.Mult: quick(operator.mul, ops.multiply),
    ast.FloorDiv: quick(lambda a, b: a // b, ops.floor_divide),
}
_EQUALITY: Final[dict[type[ast.cmpop], Callable[[Run, Run, Place], Run]]] = {
    ast.Eq: equality(True, ops.equal),
    ast.NotEq: equality(False, ops.unequal),
}
_MISSING: Final[dict[type[ast.AST], str]] = {
    ast.Attribute: "attributes (`a.b`) are not part of the language",
    ast.Lambda: "`lambda` is not part of the language",
    ast.NamedExpr: "assignments (`:=`) are not part of the language: name a value under `vars`",
    ast.JoinedStr: "f-strings are not part of the language: a `name` may hold expressions in braces",
    ast.Starred: "a `*` in front of a value is not part of the language: join lists with `+`",
    ast.Dict: "mappings in braces are not part of the expression language",
    ast.Set: "sets in braces are not part of the language: a list has brackets",
    ast.DictComp: "mappings in braces are not part of the expression language",
    ast.SetComp: "sets in braces are not part of the language: a list has brackets",
    ast.Await: "`await` is not part of the language",
    ast.Yield: "`yield` is not part of the language",
    ast.YieldFrom: "`yield` is not part of the language",
    ast.BitAnd: "`&` is not part of the language: “and” is written `and`",
    ast.BitOr: "`|` is not part of the language: “or” is written `or`",
    ast.BitXor: "`^` is not part of the language: a power is written `**`",
    ast.LShift: "`<<` is not part of the language: write `* 2 ** n`",
    ast.RShift: "`>>` is not part of the language: write `// 2 ** n`",
    ast.MatMult: "`@` is not part of the language",
    ast.Invert: "`~` is not part of the language: “not” is written `not`",
    ast.Is: "`is` is not part of the language: write `==`",
    ast.IsNot: "`is not` is not part of the language: write `!=`",
}


_INSTEAD: Final[dict[type[ast.AST], str]] = {
    ast.Slice: ops.PART,
    ast.MatMult: "`{einsum: [a, b], pattern: 'n i k, n k j -> n i j'}` is an item that multiplies values as matrices",
}
"""What to write for some of them."""


class _Compiler:
    """Compiles one expression. Each method compiles one node type of `_RULES`.

    A closure takes the scope and `state`, a list whose item 0 is the meter and whose other items are the slots of
    comprehension variables: a list index is faster than a scope of their own.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self.bound: list[str] = []
        """All comprehension variables; each has its own slot."""
        self.slots: dict[str, int] = {}
        """The comprehension variables visible at this node, with their slots."""
        self.nodes = 0

    def compile(self, node: ast.expr) -> Run:
        """Compile a node."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            message = f"this expression has more than {MAX_NODES} parts, the limit: split it over `vars`"
            raise ExpressionError(message, 0, len(self.text), "expression-limit")
        rule = _RULES.get(type(node))
        if rule is None:
            self.refuse(node, node)
        return rule(self, node)

    def refuse(self, what: ast.AST, where: ast.expr) -> NoReturn:
        """Raise an `ExpressionError` for a node or operator outside the language."""
        message = _MISSING.get(type(what), f"`{self.excerpt(where)}` is not part of the language")
        called = self.called(where) if isinstance(where, ast.Attribute) else None
        raise ExpressionError(
            message, *_place(where), "expression-forbidden", called=called, help=_INSTEAD.get(type(what))
        )

    def called(self, what: ast.Name | ast.Attribute, arguments: Sequence[ast.expr] = ()) -> Called:
        """What is called, or asked for, for suggestions."""
        argument = self.excerpt(arguments[0]) if arguments else None
        further = tuple(map(self.excerpt, arguments[1:]))
        if isinstance(what, ast.Name):
            return Called(what.id, None, argument, further)
        return Called(what.attr, self.excerpt(what.value), argument, further)

    def excerpt(self, node: ast.expr) -> str:
        start, end = _place(node)
        return self.text[start:end]

    def constant(self, node: ast.Constant) -> Run:
        value = node.value
        start, end = _place(node)
        if isinstance(value, int) and not -LARGEST < value < LARGEST:
            raise ExpressionError("this number is 2**63 or more", start, end, "expression-limit")
        if isinstance(value, float) and value in (float("inf"), float("-inf")):
            raise ExpressionError("this number is beyond the largest float", start, end, "expression-limit")
        if not (value is None or isinstance(value, (bool, int, float, str))):
            self.refuse(node, node)
        return lambda scope, state: value

    def name(self, node: ast.Name) -> Run:
        name = node.id
        start, end = _place(node)
        if name in self.slots:
            slot = self.slots[name]
            return lambda scope, state: state[slot]
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return lambda scope, state: value
        self.names.add(name)
        if name in FUNCTIONS and name not in LATER:
            return uncalled(name, start, end)
        return named(name, start, end)

    def unary(self, node: ast.UnaryOp) -> Run:
        if isinstance(node.op, ast.Not):
            return self.negation(node)
        operation = _SIGNS.get(type(node.op))
        if operation is None:
            self.refuse(node.op, node)
        if isinstance(node.operand, ast.Constant) and type(node.operand.value) is int and operation is ops.negative:
            value = -self.constant(node.operand)({}, [])
            return lambda scope, state: value
        operand, place = self.compile(node.operand), _place(node)
        return lambda scope, state: do(place, operation, operand(scope, state), meter_of(state))

    def negation(self, node: ast.UnaryOp) -> Run:
        operand, place = self.compile(node.operand), _place(node.operand)

        def run(scope: Meanings, state: list[Any]) -> Any:
            value = do(place, ops.truth, operand(scope, state))
            return value if value is UNKNOWN else not value

        return run

    def binary(self, node: ast.BinOp) -> Run:
        operation = _BINARY.get(type(node.op))
        if operation is None:
            self.refuse(node.op, node)
        left, right, place = self.compile(node.left), self.compile(node.right), _place(node)
        short = _QUICK.get(type(node.op))
        if short is not None:
            return short(left, right, place)
        return lambda scope, state: do(place, operation, left(scope, state), right(scope, state), meter_of(state))

    def comparison(self, node: ast.Compare) -> Run:
        operations: list[Any] = []
        for op in node.ops:
            operation = _COMPARISONS.get(type(op))
            if operation is None:
                self.refuse(op, node)
            operations.append(operation)
        values = [self.compile(n) for n in (node.left, *node.comparators)]
        place = _place(node)
        if len(operations) == 1:
            short = _EQUALITY.get(type(node.ops[0]))
            if short is not None:
                return short(values[0], values[1], place)

        def run(scope: Meanings, state: list[Any]) -> Any:
            left = values[0](scope, state)
            result: Any = True
            for operation, value in zip(operations, values[1:], strict=True):
                right = value(scope, state)
                result = do(place, operation, left, right, meter_of(state))
                if result is not True:
                    return result
                left = right
            return result

        return run

    def boolean(self, node: ast.BoolOp) -> Run:
        parts = [(self.compile(n), _place(n)) for n in node.values]
        stop = isinstance(node.op, ast.Or)  # `or` returns the first true operand, `and` the first false one

        def run(scope: Meanings, state: list[Any]) -> Any:
            value: Any = None
            for part, place in parts:
                value = part(scope, state)
                verdict = value if value is True or value is False else do(place, ops.truth, value)
                if verdict is UNKNOWN or verdict is stop:
                    return value
            return value

        return run

    def conditional(self, node: ast.IfExp) -> Run:
        test, place = self.compile(node.test), _place(node.test)
        then, otherwise = self.compile(node.body), self.compile(node.orelse)

        def run(scope: Meanings, state: list[Any]) -> Any:
            verdict = do(place, ops.truth, test(scope, state))
            if verdict is UNKNOWN:
                return UNKNOWN
            return then(scope, state) if verdict else otherwise(scope, state)

        return run

    def sequence(self, node: ast.List | ast.Tuple) -> Run:
        items = [self.compile(n) for n in node.elts]
        place, is_tuple = _place(node), isinstance(node, ast.Tuple)

        def run(scope: Meanings, state: list[Any]) -> Any:
            do(place, meter_of(state).make, len(items))
            values = [item(scope, state) for item in items]
            return tuple(values) if is_tuple else values

        return run

    def subscript(self, node: ast.Subscript) -> Run:
        values, place = self.compile(node.value), _place(node)
        if not isinstance(node.slice, ast.Slice):
            index = self.compile(node.slice)
            return lambda scope, state: do(place, ops.item, values(scope, state), index(scope, state), meter_of(state))
        bounds = [
            self.compile(n) if n is not None else nothing for n in (node.slice.lower, node.slice.upper, node.slice.step)
        ]
        return lambda scope, state: do(
            place, ops.part, values(scope, state), *[b(scope, state) for b in bounds], meter_of(state)
        )

    def call(self, node: ast.Call) -> Run:
        place = _place(node)
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is None:
            if isinstance(node.func, ast.Attribute):
                raise ExpressionError(
                    _MISSING[ast.Attribute],
                    *_place(node.func),
                    "expression-forbidden",
                    called=self.called(node.func, node.args),
                )
            raise ExpressionError(
                f"`{self.excerpt(node.func)}` cannot be called", *_place(node.func), "expression-forbidden"
            )
        called = self.called(cast("ast.Name", node.func), node.args)
        if name not in FUNCTIONS:
            near = did_you_mean(name, FUNCTIONS)
            hint = f"did you mean `{near}`?" if near else f"the functions are {', '.join(FUNCTIONS)}"
            raise ExpressionError(
                f"`{name}` is no function",
                *_place(node.func),
                "unknown-function",
                called=called,
                help=hint,
            )
        if node.keywords:
            message = f"`{name}` takes its arguments by position, without names"
            raise ExpressionError(message, *place, "expression-forbidden")
        function, least, most = FUNCTIONS[name]
        if not least <= len(node.args) <= most:
            takes = str(least) if least == most else f"at least {least}" if most >= MAX_NODES else f"{least} to {most}"
            noun = "argument" if takes.split()[-1] == "1" else "arguments"
            message = f"`{name}` takes {takes} {noun}, but gets {len(node.args)}"
            raise ExpressionError(message, *place, "expression-type")
        arguments = [self.compile(n) for n in node.args]

        def run(scope: Meanings, state: list[Any]) -> Any:
            values = [argument(scope, state) for argument in arguments]
            for value in values:
                if value is UNKNOWN:
                    return UNKNOWN
            try:
                return do(place, function, meter_of(state), *values)
            except ExpressionError as error:
                if any(isinstance(value, (Value, Family)) for value in values):
                    error.called = called
                raise

        return run

    def comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Run:
        """Compile a comprehension; a generator expression gives a list too."""
        outer = dict(self.slots)
        loops: list[tuple[Run, Place, Target, list[Run]]] = []
        before = self.nodes
        for generator in node.generators:
            if generator.is_async:
                raise ExpressionError("`async` is not part of the language", *_place(node), "expression-forbidden")
            values, place = self.compile(generator.iter), _place(generator.iter)
            target = self.target(generator.target)
            loops.append((values, place, target, [self.compile(test) for test in generator.ifs]))
        element = self.compile(node.elt)
        self.slots = outer  # the variables of `for` are visible only inside
        cost = self.nodes - before  # charged as steps at each iteration, so that nested loops end at the limit

        def loop(scope: Meanings, state: list[Any], level: int, out: list[Any]) -> None:
            values, place, target, tests = loops[level]
            items = values(scope, state)
            if items is UNKNOWN:
                raise _UnknownInside
            meter, is_innermost = meter_of(state), level + 1 == len(loops)
            for item in do(place, ops.listed, items, "`for`"):
                do(place, meter.step, cost)
                bind(target, item, state, place)
                for test in tests:
                    verdict = do(place, ops.truth, test(scope, state))
                    if verdict is UNKNOWN:
                        raise _UnknownInside
                    if not verdict:
                        break
                else:
                    if is_innermost:
                        meter.make(1)
                        out.append(element(scope, state))
                    else:
                        loop(scope, state, level + 1, out)

        def run(scope: Meanings, state: list[Any]) -> Any:
            out: list[Any] = []
            try:
                loop(scope, state, 0, out)
            except _UnknownInside:
                return UNKNOWN
            return out

        return run

    def target(self, node: ast.expr) -> Target:
        """Allocate slots for the variables of a `for`, and make them visible."""
        if isinstance(node, ast.Name):
            if is_reserved(node.id):
                message = f"`{node.id}` is a word of the language and cannot be a variable"
                raise ExpressionError(message, *_place(node), "name-taken")
            self.bound.append(node.id)
            self.slots[node.id] = len(self.bound)
            return len(self.bound)
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self.target(n) for n in node.elts]
        return self.refuse(node, node)


class _UnknownInside(Exception):  # never leaves this module
    """A comprehension iterates over or tests an unknown value, so that its length is unknown."""


_RULES: Final[dict[type[ast.expr], Callable[[_Compiler, Any], Run]]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.name,
    ast.UnaryOp: _Compiler.unary,
    ast.BinOp: _Compiler.binary,
    ast.Compare: _Compiler.comparison,
    ast.BoolOp: _Compiler.boolean,
    ast.IfExp: _Compiler.conditional,
    ast.List: _Compiler.sequence,
    ast.Tuple: _Compiler.sequence,
    ast.Subscript: _Compiler.subscript,
    ast.Call: _Compiler.call,
    ast.ListComp: _Compiler.comprehension,
    ast.GeneratorExp: _Compiler.comprehension,
}


def _place(node: ast.expr) -> Place:
    return node.col_offset, node.end_col_offset or node.col_offset
