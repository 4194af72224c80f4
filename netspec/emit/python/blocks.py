"""Block calls → functions, found from their instances.

A net has no templates any more, only what each call gave. Calls of one block with the same structure become one
function: what differs between them becomes a parameter, named after the block's own where one has exactly these
values, or a formula of one (`width * 4`, `kernel // 2`) where that holds for all of them. So the file reads like the
spec, and is right by construction: with each call's values it gives that call's layers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from netspec.emit.python.code import (
    Argument,
    BlockCall,
    Dict,
    Expression,
    FileNames,
    FunctionCall,
    Literal,
    Raw,
    Repeat,
    flat,
    listing,
    statement,
)
from netspec.emit.python.parameters import Finder, FunctionParameter, declared
from netspec.layers.base import REQUIRED

_SHORTEST_RUN: Final = 3
"""So many equal calls in a row are written once, with their number."""

_DEEPEST: Final = 40
"""A block whose calls nest deeper becomes a function, were it called only once: Python reads 200 open brackets."""

_LONGEST_REPEATED: Final = 50
"""Columns of a call that is written once with its number, on one line."""


class Functions:
    """The functions of a file."""

    def __init__(self, names: FileNames) -> None:
        self.names = names
        self.texts: list[list[str]] = []
        """The lines of each function, those that others call first."""

    def resolve(self, blocks: Sequence[BlockCall], root: FunctionCall) -> FunctionCall:
        """Write a function for each block that is called more than once; give the root with all blocks replaced."""
        levels: defaultdict[int, list[BlockCall]] = defaultdict(list)
        for block in blocks:
            levels[block.level].append(block)
        for level in sorted(levels):
            groups: defaultdict[Any, list[BlockCall]] = defaultdict(list)
            for block in levels[level]:
                block.resolved = _spliced(block.items)
                groups[block.name, tuple(_structure(item) for item in block.resolved)].append(block)
            for (name, _), group in groups.items():
                body = group[0].resolved
                if (len(group) > 1 and not _trivial(body)) or max(map(_depth, body), default=0) > _DEEPEST:
                    self._function("_with_".join([name, *self._sides_here(group, groups)]), group)
        return _replaced(root)

    @staticmethod
    def _sides_here(group: Sequence[BlockCall], groups: Mapping[Any, Sequence[BlockCall]]) -> list[str]:
        """The sides that these calls of a block have (a shortcut) and some others of the same block lack."""
        others = [_sides(other[0]) for (wanted, _), other in groups.items() if wanted == group[0].name]
        return [side for side in _sides(group[0]) if not all(side in other for other in others)]

    def _function(self, wanted: str, group: Sequence[BlockCall]) -> None:
        """One function for calls of the same structure; each call is replaced by a call of it."""
        bodies = [block.resolved for block in group]
        values, names = _vectors(bodies)
        finder = Finder(group, self.names.reserved)
        formulas = [finder.expression(vector, name) for vector, name in zip(values, names, strict=True)]
        parameters = sorted(finder.parameters, key=lambda parameter: parameter.default is not REQUIRED)
        body = _unified(bodies, formulas)
        gives_list = (
            len(body) != 1 or isinstance(body[0], Repeat) or (isinstance(body[0], FunctionCall) and body[0].splat)
        )
        function = self.names.take(wanted)
        self.texts.append(_text(function, parameters, body, gives_list))
        for index, block in enumerate(group):
            arguments = tuple(
                Argument(
                    Literal(parameter.values[index], parameter.name, parameter.default),
                    "" if parameter.default is REQUIRED else parameter.name,
                    keyword=parameter.default is not REQUIRED,
                )
                for parameter in parameters
            )
            block.resolved = (FunctionCall(function, arguments, block.comment, splat=gives_list),)


# ---- the shape of an expression


def _structure(expression: Expression) -> Any:
    """Equal for expressions that differ in values and comments alone."""
    match expression:
        case Literal():
            return expression.name
        case Raw():
            return "raw", expression.text
        case FunctionCall():
            inside = tuple((argument.name, _structure(argument.value)) for argument in expression.arguments)
            return expression.function, expression.splat, expression.suffix, inside
        case Dict():
            return "{}", tuple((key, _structure(value)) for key, value in expression.entries)
        case Repeat():
            return "repeat", _structure(expression.call)
        case BlockCall():
            raise TypeError("the blocks inside are replaced first")


def _slots(expression: Expression) -> Iterator[Literal]:
    """The values of an expression, in the order in which they are written."""
    match expression:
        case Literal():
            yield expression
        case FunctionCall():
            for argument in expression.arguments:
                yield from _slots(argument.value)
        case Dict():
            for _, value in expression.entries:
                yield from _slots(value)
        case Repeat():
            yield from _slots(expression.call)
            yield from _slots(expression.count)
        case Raw() | BlockCall():
            return


def _vectors(bodies: Sequence[Sequence[Expression]]) -> tuple[list[tuple[Literal, ...]], list[str]]:
    columns = [[slot for item in body for slot in _slots(item)] for body in bodies]
    return list(zip(*columns, strict=True)), [slot.name for slot in columns[0]]


def _unified(bodies: Sequence[Sequence[Expression]], formulas: Sequence[Raw | Literal]) -> list[Expression]:
    """The first body with the formulas in the places of its values; comments stay where all bodies agree."""
    values = iter(formulas)
    return [_filled(items[0], items, values) for items in zip(*bodies, strict=True)]


def _filled(first: Expression, all_: Sequence[Expression], values: Iterator[Raw | Literal]) -> Expression:
    match first:
        case Literal():
            return next(values)
        case FunctionCall():
            arguments = tuple(
                replace(argument, value=_filled(argument.value, [_argument(other, at) for other in all_], values))
                for at, argument in enumerate(first.arguments)
            )
            return replace(first, arguments=arguments, comment=_agreed(all_))
        case Dict():
            entries = tuple(
                (key, _filled(value, [_entry(other, at) for other in all_], values))
                for at, (key, value) in enumerate(first.entries)
            )
            return replace(first, entries=entries)
        case Repeat():
            call = _filled(first.call, [other.call for other in all_ if isinstance(other, Repeat)], values)
            count = next(values)
            return Repeat(call, count) if isinstance(call, FunctionCall) else first
        case Raw() | BlockCall():
            return first


def _argument(expression: Expression, at: int) -> Expression:
    assert isinstance(expression, FunctionCall)
    return expression.arguments[at].value


def _entry(expression: Expression, at: int) -> Expression:
    assert isinstance(expression, Dict)
    return expression.entries[at][1]


def _agreed(expressions: Sequence[Expression]) -> str:
    comments = {expression.comment for expression in expressions if isinstance(expression, FunctionCall)}
    return comments.pop() if len(comments) == 1 else ""


# ---- replacing blocks


def _spliced(items: Sequence[Expression]) -> tuple[Expression, ...]:
    """The items with every block replaced, and equal calls in a row written once."""
    plain: list[Expression] = []
    for item in items:
        plain += item.resolved if isinstance(item, BlockCall) else [_inside(item)]
    result: list[Expression] = []
    at = 0
    while at < len(plain):
        item = plain[at]
        end = at + 1
        while end < len(plain) and plain[end] == item:
            end += 1
        if (
            end - at >= _SHORTEST_RUN
            and isinstance(item, FunctionCall)
            and item.splat
            and len(flat(item)) <= _LONGEST_REPEATED
        ):
            result.append(Repeat(item, Literal(end - at, "count")))
        else:
            result += plain[at:end]
        at = end
    return tuple(result)


def _inside(expression: Expression) -> Expression:
    match expression:
        case FunctionCall():
            return _replaced(expression)
        case Dict():
            return replace(expression, entries=tuple((key, _only(value)) for key, value in expression.entries))
        case _:
            return expression


def _replaced(call: FunctionCall) -> FunctionCall:
    bare = [argument.value for argument in call.arguments if not argument.name]
    named = tuple(replace(a, value=_only(a.value)) for a in call.arguments if a.name)
    return replace(call, arguments=(*(Argument(value) for value in _spliced(bare)), *named))


def _only(expression: Expression) -> Expression:
    """A value that stands under a name: a block there is one that gives a module."""
    if isinstance(expression, BlockCall):
        (only,) = expression.resolved
        return only
    return _inside(expression)


def _depth(expression: Expression) -> int:
    """How many brackets are open at once."""
    match expression:
        case FunctionCall():
            return 1 + max((_depth(argument.value) for argument in expression.arguments), default=0)
        case Dict():
            return 1 + max((_depth(value) for _, value in expression.entries), default=0)
        case Repeat():
            return 1 + _depth(expression.call)
        case Literal() | Raw() | BlockCall():
            return 1


def _sides(block: BlockCall) -> list[str]:
    calls = (item for item in block.resolved if isinstance(item, FunctionCall))
    return list(dict.fromkeys(argument.name for call in calls for argument in call.arguments if argument.side))


def _trivial(body: Sequence[Expression]) -> bool:
    """A function for a single layer, or for nothing, would only hide it."""
    if not body:
        return True
    return len(body) == 1 and not any(
        isinstance(argument.value, FunctionCall | Repeat)
        for item in body
        if isinstance(item, FunctionCall)
        for argument in item.arguments
    )


# ---- text


def _text(
    function: str, parameters: Sequence[FunctionParameter], body: Sequence[Expression], gives_list: bool
) -> list[str]:
    result = "list[nn.Module]" if gives_list else "nn.Module"
    texts = [declared(parameter) for parameter in parameters]
    head = f"def {function}({', '.join(texts)}) -> {result}:"
    lines = [head]
    if len(head) > 100:
        lines = [f"def {function}(", *(f"    {text}," for text in texts), f") -> {result}:"]
    if not gives_list:
        return [*lines, *statement("return ", body[0], 1)]
    only = body[0]
    if len(body) == 1 and isinstance(only, FunctionCall):
        return [*lines, *statement("return ", replace(only, splat=False), 1)]
    return [*lines, *listing(body, 1, "return ")]
