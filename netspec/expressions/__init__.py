"""The expression language of specs: arithmetic that is parsed and compiled to closures, never passed to `eval`.

`parse` reads a text with Python's grammar. `closures.py` checks the syntax tree against a closed table of node types
and compiles it to closures (`evaluation.py`), which `Expression.evaluate` calls with a scope. The operators and
functions, and their limits, are in `operations.py` and `functions.py`. An expression has at most 256 characters and
200 nodes.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, NoReturn, cast

from netspec.diagnostics import did_you_mean
from netspec.expressions.closures import compile_tree, is_reserved
from netspec.expressions.evaluation import Called, ExpressionError, Meanings, NeedsNumber, Run, meter_of, named
from netspec.expressions.operations import is_list, measure, shown
from netspec.expressions.refusals import Refused

__all__ = [
    "MAX_CHARACTERS",
    "Called",
    "Expression",
    "ExpressionError",
    "Meanings",
    "NeedsNumber",
    "is_reserved",
    "parse",
]

MAX_CHARACTERS: Final = 256
"""The most characters of an expression."""


class _NoNumbersError(Exception):
    """A value is something else than numbers, texts and lists of them."""


def _frozen(value: object) -> object:
    """What a number, a text or lists of them are looked up by, their types included.

    Raises:
        _NoNumbersError: it is something else.
    """
    if isinstance(value, list | tuple):
        items = cast("list[object] | tuple[object, ...]", value)
        return tuple(items) if set(map(type, items)) == {int} else (list, *map(_frozen, items))
    if isinstance(value, int | float | str):
        return value.__class__, value
    raise _NoNumbersError


_MOST_LISTS: Final = 16
"""Computed lists that are kept."""

_LISTS: Final[dict[tuple[object, ...], object]] = {}
"""The values of expressions with comprehensions, by their text and what their names stand for."""


class Expression:
    """A compiled expression. `names` are the names that it reads from its scope, `bound` the variables of its
    comprehensions."""

    __slots__ = ("_name", "_run", "_slots", "bound", "names", "text")

    def __init__(self, text: str, run: Run, names: frozenset[str], bound: tuple[str, ...]) -> None:
        self.text = text
        self.names = names
        self.bound = frozenset(bound)
        self._run = run
        self._slots = len(bound)
        self._name = text.strip() if text.strip() in names else None

    def evaluate(self, scope: Meanings, known: Callable[[], Iterable[str]] | None = None) -> object:
        """The value in a scope; `UNKNOWN` if it depends on an unknown size.

        `known` lists the names in scope, for the suggestion if one is missing.

        Raises:
            NeedsNumber: the value depends on a symbol without a number.
            ExpressionError: a name is not in scope, an operation is not defined for its operands, or a limit is
                exceeded.
        """
        if self._name is not None:  # the short way of most: a name that stands for an integer
            try:
                value = scope[self._name]
            except KeyError:
                pass
            else:
                if value.__class__ is int:
                    return value
        return self._listed(scope, known) if self.bound else self._compute(scope, known)

    def _listed(self, scope: Meanings, known: Callable[[], Iterable[str]] | None) -> object:
        """The value of an expression with a comprehension, which is computed once for the same values of its names:
        every block of a transformer asks for the same table of positions, and every variant of it does so again."""
        try:
            key = (self.text, *(_frozen(scope[name]) for name in sorted(self.names)))
        except (KeyError, ExpressionError, _NoNumbersError):
            return self._compute(scope, known)  # which says what is missing; a value of the network means another later
        if key not in _LISTS:
            if len(_LISTS) >= _MOST_LISTS:
                _LISTS.clear()
            _LISTS[key] = self._compute(scope, known)
        return _LISTS[key]

    def _compute(self, scope: Meanings, known: Callable[[], Iterable[str]] | None) -> object:
        state: list[Any] = [None] * (self._slots + 1)
        try:
            value = self._run(scope, state)
            if is_list(value):
                measure(value, meter_of(state))
        except Refused as error:
            raise ExpressionError(error.message, 0, len(self.text), error.code, help=error.help) from None
        except RecursionError:
            raise ExpressionError("this is nested too deep", 0, len(self.text), "expression-limit") from None
        except ExpressionError as error:
            if error.name is not None and known is not None and (near := did_you_mean(error.name, known())):
                message = f"{error.message}; did you mean `{near}`?"
                raise ExpressionError(message, error.start, error.end, error.code, error.name) from None
            raise
        return value

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse and compile an expression. Results are cached.

    Raises:
        ExpressionError: the text is too long, is not an expression, or uses something outside the language.
    """
    if len(text) > MAX_CHARACTERS:
        message = (
            f"this expression has {len(text):,} characters, but {MAX_CHARACTERS} is the limit: split it over `vars`"
        )
        raise ExpressionError(message, 0, len(text), "expression-limit")
    stripped = text.strip()
    if stripped.isidentifier() and not is_reserved(stripped) and stripped.isascii():
        start = text.index(stripped)
        return Expression(text, named(stripped, start, start + len(stripped)), frozenset((stripped,)), ())
    return Expression(text, *compile_tree(text, _tree(text)))


def _tree(text: str) -> ast.expr:
    """The syntax tree by Python's grammar, with offsets into the text in characters."""
    line = "".join(" " if c.isspace() else c for c in text)  # the same length
    indent = len(line) - len(line.lstrip())
    if not line.strip():
        raise ExpressionError("there is no expression here", 0, len(text))
    if "\\" in line:
        at = line.index("\\")
        raise ExpressionError("backslashes are not part of the language", at, at + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarnings, as for `1or 2`
            tree = ast.parse(line[indent:], mode="eval").body
    except SyntaxError as error:
        _not_read(text, indent, error)
    except (ValueError, MemoryError, RecursionError):  # a NUL; brackets too deep for the parser
        raise ExpressionError(f"{shown(text)} is no expression", 0, len(text)) from None
    for node in ast.walk(tree):  # from bytes of the stripped line to characters of the text
        if isinstance(node, (ast.expr, ast.keyword)) and node.end_col_offset is not None:
            node.col_offset = _characters(line[indent:], node.col_offset) + indent
            node.end_col_offset = _characters(line[indent:], node.end_col_offset) + indent
    _no_comment(line, tree)
    return tree


def _characters(line: str, offset: int) -> int:
    """Convert an offset in UTF-8 bytes, as Python's parser counts, to one in characters."""
    return offset if line.isascii() else len(line.encode("utf-8", "replace")[:offset].decode("utf-8", "replace"))


def _no_comment(line: str, tree: ast.expr) -> None:
    """Refuse a `#` outside quotes: Python's parser would ignore the rest of the expression as a comment."""
    if "#" not in line:
        return
    texts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    for at, char in enumerate(line):
        if char == "#" and not any(n.col_offset <= at < (n.end_col_offset or 0) for n in texts):
            raise ExpressionError("an expression has no comments: `#` may stand in quoted text only", at, at + 1)


def _not_read(text: str, indent: int, error: SyntaxError) -> NoReturn:
    """Raise an `ExpressionError` for a `SyntaxError` of Python, with its reason in plain words."""
    start = min(max((error.offset or 1) - 1 + indent, 0), len(text))
    end = max((error.end_offset or 0) - 1 + indent, start + 1)
    if _unfinished(text):
        start, end = len(text.rstrip()) - 1, len(text.rstrip())
        reason = "something is missing at its end"
    else:
        rest = text[start:].strip()
        reason = next((say for word, say in _HABITS.items() if word in text), None) or _REASONS.get(error.msg)
        if reason is None and rest[:1] == "=":
            reason = "nothing is assigned here: `vars` defines a number, `as` beside an item names a value"
        if reason is None and error.msg == "invalid syntax" and rest:
            reason = f"`{rest.split()[0]}` does not fit here"
        reason = reason or error.msg.replace(" (detected at line 1)", "").replace("invalid syntax. ", "")
    excerpt = text.strip() if len(text.strip()) <= 60 else text.strip()[:57] + "…"
    raise ExpressionError(f"`{excerpt}` is no expression: {reason}", start, end) from None


def _unfinished(text: str) -> bool:
    """True if the text is an incomplete expression: with a name appended, it parses."""
    try:
        ast.parse(f"{text.strip()} _", mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


_HABITS: Final = {
    "&&": "“and” is written `and`",
    "||": "“or” is written `or`",
    "?": "a choice is written `b if a else c`",
    ":=": "it assigns: name a value under `vars`",
    "=>": "“at least” is written `>=`",
}
"""Operators of other languages, and how to write them here."""

_REASONS: Final = {
    "invalid syntax. Maybe you meant '==' or ':=' instead of '='?": "equality is written `==`",
    "invalid decimal literal": "a name cannot begin with a digit; a product is written `2 * x`",
    "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers": (
        "a number has no zeros in front"
    ),
    "expected 'else' after 'if' expression": "an `else` is missing: `b if a else c`",
}
"""Messages of Python's parser, and their replacements."""
