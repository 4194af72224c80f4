"""Expressions of the emitted file, and how they are laid out: as ruff would format them, at 100 to 120 columns.

An expression stands on one line if it fits and nothing inside it carries a comment; otherwise every argument gets a
line of its own and a trailing comma, which keeps it that way at any width.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword, kwlist
from typing import Any, Final

from netspec.layers.defaults import REQUIRED

WIDTH: Final = 100

_POWER: Final = r"(?<=\w) \*\* (?=-?[\w.]+\b(?![(\[.]))"
"""A power of a name or a number to another, which ruff writes without blanks."""


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text of names and shapes; neither is broken inside, as in `p 64 × 8 × 8`."""
    kept = re.sub(r"(?<=[\w.?)]) (?=[\d×(])|(?<=×) ", "\0", text)
    return [line.replace("\0", " ") for line in textwrap.wrap(kept, width, break_on_hyphens=False)]


def closed_powers(text: str) -> str:
    """The expression with its powers as ruff writes them: `h**2`, `(a + b) ** 2`."""
    return re.sub(_POWER, "**", text)


_POSITIONAL: Final = frozenset(
    {
        "in_channels", "out_channels", "in_features", "out_features", "num_features", "num_groups", "num_channels",
        "normalized_shape", "num_embeddings", "embedding_dim", "embed_dim", "d_model", "nhead", "num_heads", "head_dim",
        "input_size", "hidden_size", "output_size", "num_parameters", "p", "negative_slope", "padding", "length",
        "upscale_factor", "downscale_factor", "groups", "pattern", "shape", "encoder_layer", "num_layers",
    }
)  # fmt: skip
"""Arguments that people write without their names, as long as they come first."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value. `name` is the argument that it is for; the default decides whether it need be written. `formula` is what
    the spec says in its place, if that is no plain value."""

    value: Any
    name: str = ""
    default: Any = REQUIRED
    formula: Told | None = field(default=None, compare=False)

    @property
    def is_default(self) -> bool:
        """True if leaving it out means the same."""
        return self.default is not REQUIRED and typed(self.value) == typed(self.default)


@dataclass(frozen=True, slots=True)
class Told:
    """An expression that means the same in Python, and what each of its names stands for in one place."""

    text: str
    names: dict[str, Literal]

    def filled(self, parts: Mapping[str, str]) -> str:
        """The expression with other expressions in the places of its names."""
        tree = ast.parse(self.text, mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = f"({parts.get(node.id, node.id)})"
        text = ast.unparse(ast.parse(ast.unparse(tree), mode="eval"))  # read again, it has the brackets that it needs
        return closed_powers(text)


@dataclass(frozen=True, slots=True)
class Raw:
    """Python text: a parameter's name, a formula of one, or None in the place of a module."""

    text: str
    default: Any = REQUIRED
    comment: str = ""

    is_default = False


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call. With `keyword` it is always written `name=value`, without a name never. A `side` is a
    branch that other calls of the same combinator may lack."""

    value: Expression
    name: str = ""
    keyword: bool = False
    side: bool = False


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """`function(arguments)`; with `splat` it gives a list, which is spliced into the one that it stands in."""

    function: str
    arguments: tuple[Argument, ...] = ()
    comment: str = ""
    splat: bool = False
    suffix: str = ""
    variable: str = ""
    """Which is given the result, too."""


@dataclass(frozen=True, slots=True)
class Dict:
    """A dict display."""

    entries: tuple[tuple[str, Expression], ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a call gives, anew each time, `count` times in a row."""

    call: FunctionCall
    count: Literal | Raw

    @property
    def comment(self) -> str:
        """The shape after the last time, which is that after the first."""
        return self.call.comment


@dataclass(frozen=True, slots=True)
class Loop:
    """What one round of a `repeat` makes, `count` times in a row, spliced into the list that it stands in."""

    items: tuple[Expression, ...]
    count: Literal | Raw

    @property
    def comment(self) -> str:
        """None of its own: every item has one."""
        return ""


@dataclass(eq=False, slots=True)
class Round:
    """One round of a `repeat`, before it is known whether others make the same; `blocks.py` resolves it."""

    items: tuple[Expression, ...]
    place: Hashable
    """Of the `repeat` in the spec."""


@dataclass(eq=False, slots=True)
class BlockCall:
    """A call of a block, before it is known whether it becomes a function; `blocks.py` resolves it."""

    name: str
    parameters: Mapping[str, Literal]
    """The block's own, in the order of its signature, as this call gives them."""
    items: tuple[Expression, ...]
    comment: str
    level: int
    """1 for a block that calls no other, else one more than the highest inside."""
    resolved: tuple[Expression, ...] = ()
    variable: str = ""
    """As of a `FunctionCall`, of a block that gives one module."""


Expression = Literal | Raw | FunctionCall | Dict | Repeat | Loop | Round | BlockCall


def parts(expression: Expression) -> tuple[Expression, ...]:
    """What stands inside an expression, in the order in which it is written."""
    match expression:
        case FunctionCall():
            return tuple(argument.value for argument in expression.arguments)
        case Dict():
            return tuple(value for _, value in expression.entries)
        case Repeat():
            return expression.call, expression.count
        case Loop():
            return *expression.items, expression.count
        case Literal() | Raw():
            return ()
        case BlockCall() | Round():
            raise TypeError("a block is resolved before its parts are asked for")


class FileNames:
    """The names of a file: every one of them means one thing."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.reserved = {*reserved, *kwlist}

    def take(self, wanted: str) -> str:
        """A name that is still free: the wanted one if possible."""
        name = base = unicodedata.normalize("NFKC", wanted)
        number = 2
        while name in self.reserved or hasattr(builtins, name):
            name, number = f"{base}_{number}", number + 1
        self.reserved.add(name)
        return name


def typed(value: object) -> Hashable:
    """A value for comparing, in which `1`, `1.0` and `True` differ."""
    match value:
        case tuple():
            items: tuple[object, ...] = value  # pyright: ignore[reportUnknownVariableType]  # any items
            return (tuple, *map(typed, items))
        case list():
            members: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # any items
            return (list, *map(typed, members))
        case dict():
            entries: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType]  # any entries
            return (dict, *((key, typed(item)) for key, item in entries.items()))
        case _:
            return type(value), value


def literal(value: object) -> str:
    """A value as ruff would format it."""
    match value:
        case tuple():
            items: tuple[object, ...] = value  # pyright: ignore[reportUnknownVariableType]  # any items
            return f"({', '.join(map(literal, items))}{',' if len(items) == 1 else ''})"
        case list():
            members: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # any items
            return f"[{', '.join(map(literal, members))}]"
        case dict():
            entries: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType]  # any entries
            return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in entries.items()) + "}"
        case str():
            text = repr(value)
            return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text
        case _:
            return repr(value)


def shape_comment(text: str) -> str:
    """The text without what could end a comment, reverse its direction or hide."""
    return "".join(c if c.isprintable() else " " for c in text)


def keywords(names: Sequence[str]) -> bool:
    """True if all of them can be written as keyword arguments."""
    return all(
        name.isidentifier() and not iskeyword(name) and unicodedata.is_normalized("NFKC", name) for name in names
    )


def statement(prefix: str, expression: Expression, indent: int) -> list[str]:
    """`prefix` and the expression, laid out: `("return ", ...)`."""
    return _lines(expression, indent, prefix, "")


def listing(items: Sequence[Expression], indent: int, prefix: str) -> list[str]:
    """`prefix` and a list display of the items, one to a line."""
    pad = "    " * indent
    inside = [line for item in items for line in _lines(item, indent + 1, "", ",")]
    return [f"{pad}{prefix}[", *inside, f"{pad}]"]


def _lines(expression: Expression, indent: int, prefix: str, tail: str) -> list[str]:
    if isinstance(expression, Loop):
        return _loop_lines(expression, indent, tail)
    pad = "    " * indent
    comment = _comment(expression)
    if not _has_comment_inside(expression):
        line = f"{pad}{prefix}{flat(expression)}{tail}{comment}"
        if len(line) <= WIDTH or not _labelled(expression):
            return [line]
    match expression:
        case FunctionCall() if expression.variable:
            call = replace(expression, variable="", comment="")
            held = _lines(call, indent + 1, f"{expression.variable} := ", "")
            return [f"{pad}{prefix}(", *held, f"{pad}){tail}{comment}"]
        case FunctionCall():
            opening, closing = _brackets(expression)
        case Dict():
            opening, closing = "{", "}"
        case Literal(value=tuple()):
            opening, closing = "(", ")"
        case _:
            return [f"{pad}{prefix}{flat(expression)}{tail}{comment}"]
    inside = [line for name, part in _labelled(expression) for line in _lines(part, indent + 1, name, ",")]
    return [f"{pad}{prefix}{opening}", *inside, f"{pad}{closing}{tail}{comment}"]


def _loop_lines(loop: Loop, indent: int, tail: str) -> list[str]:
    """A comprehension: on one line where a round is one call that fits, else with the round as a list, which its comma
    keeps as it is at any width."""
    pad, inner = "    " * indent, "    " * (indent + 1)
    only = loop.items[0]
    line = f"{pad}{flat(loop)}{tail}{_comment(only)}"
    if len(loop.items) == 1 and len(line) <= WIDTH and not _has_comment_inside(only):
        return [line]
    items = [line for item in loop.items for line in _lines(item, indent + 2, "", ",")]
    head = [f"{pad}*[", f"{inner}layer", f"{inner}for _ in range({flat(loop.count)})", f"{inner}for layer in ["]
    return [*head, *items, f"{inner}]", f"{pad}]{tail}"]


def _labelled(expression: Expression) -> list[tuple[str, Expression]]:
    """What stands inside, each with what stands before it."""
    match expression:
        case FunctionCall():
            return list(_written(expression))
        case Dict():
            return [(f"{literal(key)}: ", value) for key, value in expression.entries]
        case Loop():
            return [("", item) for item in expression.items]
        case Literal(value=tuple()):
            items: tuple[object, ...] = expression.value
            return [("", Literal(item)) for item in items]
        case _:
            return []


def _written(call: FunctionCall) -> Iterator[tuple[str, Expression]]:
    """The arguments that have to be written: without names as long as that is usual, then with them."""
    positional = True
    for argument in call.arguments:
        if isinstance(argument.value, Literal) and argument.value.is_default and argument.name != "p":
            positional = False
            continue
        bare = not argument.name or (argument.name in _POSITIONAL and not argument.keyword)
        positional = positional and bare
        yield ("" if positional else f"{argument.name}="), argument.value


def flat(expression: Expression) -> str:
    """The expression on one line, without comments."""
    match expression:
        case Literal():
            return literal(expression.value)
        case Raw():
            return expression.text
        case FunctionCall():
            inside = ", ".join(name + flat(part) for name, part in _labelled(expression))
            return inside.join(_brackets(expression))
        case Dict():
            return "{" + ", ".join(name + flat(part) for name, part in _labelled(expression)) + "}"
        case Repeat():
            call, times = flat(replace(expression.call, splat=False)), f"for _ in range({flat(expression.count)})"
            return f"*[layer {times} for layer in {call}]" if expression.call.splat else f"*[{call} {times}]"
        case Loop():
            times, inside = f"for _ in range({flat(expression.count)})", ", ".join(map(flat, expression.items))
            alone = len(expression.items) == 1
            return f"*[{inside} {times}]" if alone else f"*[layer {times} for layer in [{inside}]]"
        case BlockCall() | Round():
            raise TypeError("a block is resolved before it is printed")


def _brackets(call: FunctionCall) -> tuple[str, str]:
    """What stands before and behind the arguments of a call."""
    opening, closing = f"{'*' if call.splat else ''}{call.function}(", f"){call.suffix}"
    return (f"({call.variable} := {opening}", f"{closing})") if call.variable else (opening, closing)


def _comment(expression: Expression) -> str:
    text = "" if isinstance(expression, Literal | BlockCall | Round) else expression.comment
    return f"  # {text}" if text else ""


def _has_comment_inside(expression: Expression) -> bool:
    return any(_comment(part) or _has_comment_inside(part) for _, part in _labelled(expression))
