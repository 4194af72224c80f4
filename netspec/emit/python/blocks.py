"""Block calls → functions.

Calls of one block with the same structure become one function: what differs between them is written as the spec writes
it (`width * 4`, `kernel // 2`), with the block's own parameters. So the file reads like the spec, and is right by
construction: with each call's values it gives that call's layers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from netspec.emit.python.code import (
    Argument,
    BlockCall,
    Dict,
    Expression,
    FileNames,
    FunctionCall,
    Literal,
    Loop,
    Raw,
    Repeat,
    Round,
    flat,
    listing,
    parts,
    statement,
)
from netspec.emit.python.parameters import Finder, FunctionParameter, declared
from netspec.layers.defaults import REQUIRED

NO_MODULE: Final = Raw("None")
"""Stands in the place of a module for what `forward` does without one."""

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
        self.gapped: set[str] = set()
        """The functions whose lists hold None in the place of a module."""
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
        places = list(zip(*([slot for item in body for slot in _slots(item)] for body in bodies), strict=True))
        finder = Finder(group, self.names.reserved)
        formulas = iter(finder.expressions(places))
        body = [_unified(items, formulas) for items in zip(*bodies, strict=True)]
        parameters = finder.ordered()
        gives_list = (
            len(body) != 1
            or isinstance(body[0], Repeat | Loop)
            or (isinstance(body[0], FunctionCall) and body[0].splat)
        )
        function = self.names.take(wanted)
        gapped = any(item == NO_MODULE or self._calls_gapped(item) for item in map(_bare, body))
        if gapped:
            self.gapped.add(function)
        self.texts.append(_text(function, parameters, body, _result(gives_list, gapped)))
        for index, block in enumerate(group):
            arguments = tuple(
                Argument(
                    Literal(
                        parameter.values[index],
                        parameter.name,
                        parameter.default,
                        block.parameters[parameter.own].formula if parameter.own else None,
                    ),
                    "" if parameter.default is REQUIRED else parameter.name,
                    keyword=parameter.default is not REQUIRED,
                )
                for parameter in parameters
            )
            block.resolved = (FunctionCall(function, arguments, block.comment, splat=gives_list),)

    def _calls_gapped(self, item: Expression) -> bool:
        if isinstance(item, Loop):
            return any(map(self._calls_gapped, item.items))
        call = item.call if isinstance(item, Repeat) else item
        return isinstance(call, FunctionCall) and call.splat and call.function in self.gapped


def _bare(item: Expression) -> Expression:
    return replace(item, comment="") if isinstance(item, Raw) else item


def _result(gives_list: bool, gapped: bool) -> str:
    """What a function gives, as Python's types say it."""
    if not gives_list:
        return "nn.Module"
    return "list[nn.Module | None]" if gapped else "list[nn.Module]"


# ---- the shape of an expression


def _structure(expression: Expression) -> Any:
    """Equal for expressions that differ in values and comments alone."""
    inside = tuple(map(_structure, parts(expression)))
    match expression:
        case Literal():
            return expression.name
        case FunctionCall():
            names = tuple(argument.name for argument in expression.arguments)
            return expression.function, expression.splat, expression.suffix, expression.variable, names, inside
        case Dict():
            return "{}", tuple(key for key, _ in expression.entries), inside
        case _:
            return type(expression), getattr(expression, "text", ""), inside


def _slots(expression: Expression) -> Iterator[Literal]:
    """The values of an expression, in the order in which they are written."""
    if isinstance(expression, Literal):
        yield expression
    for part in parts(expression):
        yield from _slots(part)


def _unified(expressions: Sequence[Expression], formulas: Iterator[Expression]) -> Expression:
    """The first expression with the formulas in the places of its values; comments stay where all agree."""
    first = expressions[0]
    if isinstance(first, Literal):
        return next(formulas)
    inside = iter([_unified(same, formulas) for same in zip(*map(parts, expressions), strict=True)])
    match first:
        case FunctionCall():
            comments = {expression.comment for expression in expressions if isinstance(expression, FunctionCall)}
            arguments = tuple(replace(argument, value=next(inside)) for argument in first.arguments)
            return replace(first, arguments=arguments, comment=first.comment if len(comments) == 1 else "")
        case Dict():
            return replace(first, entries=tuple((key, next(inside)) for key, _ in first.entries))
        case Repeat():
            call, count = inside
            assert isinstance(call, FunctionCall)
            assert isinstance(count, Literal | Raw)
            return Repeat(call, count)
        case Loop():
            *items, count = inside
            assert isinstance(count, Literal | Raw)
            return Loop(tuple(items), count)
        case Raw():
            comments = {expression.comment for expression in expressions if isinstance(expression, Raw)}
            return replace(first, comment=first.comment if len(comments) == 1 else "")
        case _:
            return first


# ---- replacing blocks


def _spliced(items: Sequence[Expression]) -> tuple[Expression, ...]:
    """The items with every block replaced, and equal calls and rounds in a row written once."""
    plain: list[Expression] = []
    for place, same in groupby(items, lambda item: item.place if isinstance(item, Round) else None):
        if place is not None:
            plain += _rounds([_spliced(one.items) for one in same if isinstance(one, Round)])
            continue
        for item in same:
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


def _rounds(rounds: Sequence[tuple[Expression, ...]]) -> Iterator[Expression]:
    """The rounds of one `repeat`: those that are equal, and enough to be worth it, as a loop."""
    for made, equal in groupby(rounds):
        count = len(list(equal))
        calls = [item for item in made if isinstance(item, FunctionCall) and not item.splat]
        if count >= _SHORTEST_RUN and calls and not any(map(_is_gap, made)):
            yield Loop(made, Literal(count, "count"))
        else:
            yield from made * count


def _is_gap(item: Expression) -> bool:
    """Whether it stands in the place of a module."""
    return isinstance(item, Raw)


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
        return replace(only, variable=expression.variable) if isinstance(only, FunctionCall) else only
    return _inside(expression)


def _depth(expression: Expression) -> int:
    """How many brackets are open at once."""
    return 1 + max(map(_depth, parts(expression)), default=0)


def _sides(block: BlockCall) -> list[str]:
    calls = (item for item in block.resolved if isinstance(item, FunctionCall))
    return list(dict.fromkeys(argument.name for call in calls for argument in call.arguments if argument.side))


def _trivial(body: Sequence[Expression]) -> bool:
    """A function for a single layer, or for nothing, would only hide it."""
    if not body:
        return True
    return (
        len(body) == 1
        and not isinstance(body[0], Loop)
        and not any(
            isinstance(argument.value, FunctionCall | Repeat)
            for item in body
            if isinstance(item, FunctionCall)
            for argument in item.arguments
        )
    )


# ---- text


def _text(function: str, parameters: Sequence[FunctionParameter], body: Sequence[Expression], result: str) -> list[str]:
    texts = [declared(parameter) for parameter in parameters]
    head = f"def {function}({', '.join(texts)}) -> {result}:"
    lines = [head]
    if len(head) > 100:
        lines = [f"def {function}(", *(f"    {text}," for text in texts), f") -> {result}:"]
    if result == "nn.Module":
        return [*lines, *statement("return ", body[0], 1)]
    only = body[0]
    if len(body) == 1 and isinstance(only, FunctionCall):
        return [*lines, *statement("return ", replace(only, splat=False), 1)]
    return [*lines, *listing(body, 1, "return ")]
