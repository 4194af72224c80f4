"""The expression language: arithmetic in a spec, parsed and walked, never given to `eval`.

`parse` reads a text with Python's grammar; `closures.py` checks it once against a closed table of what the language
has and turns it into closures (`evaluation.py`), which `Expression.evaluate` calls with a scope. What operators and
functions compute, and their limits, is in `operations.py` and `functions.py`. An expression has at most 256
characters and 200 parts.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, NoReturn

from netspec.diagnostics import did_you_mean
from netspec.expressions.closures import compile_tree, is_reserved
from netspec.expressions.evaluation import ExpressionError, Meanings, NeedsNumber, Run, meter_of, named
from netspec.expressions.operations import Refused, is_list, measure, shown

__all__ = ["MAX_CHARACTERS", "Expression", "ExpressionError", "Meanings", "NeedsNumber", "is_reserved", "parse"]

MAX_CHARACTERS: Final = 256
"""Length of an expression."""


class Expression:
    """A parsed expression. `names` are those that it takes from its scope, `bound` those its comprehensions define."""

    __slots__ = ("_run", "_slots", "bound", "names", "text")

    def __init__(self, text: str, run: Run, names: frozenset[str], bound: tuple[str, ...]) -> None:
        self.text = text
        self.names = names
        self.bound = frozenset(bound)
        self._run = run
        self._slots = len(bound)

    def evaluate(self, scope: Meanings, known: Callable[[], Iterable[str]] | None = None) -> object:
        """The value in a scope; UNKNOWN where it hangs on a size that is not known.

        `known` lists the names in scope, for a suggestion when one is missing.

        Raises:
            NeedsNumber: it hangs on a symbol.
            ExpressionError: a name is missing, or an operation cannot be done.
        """
        state: list[Any] = [None] * (self._slots + 1)
        try:
            value = self._run(scope, state)
            if is_list(value):
                measure(value, meter_of(state))
        except Refused as error:
            raise ExpressionError(error.message, 0, len(self.text), error.code) from None
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
    """Read an expression.

    Raises:
        ExpressionError: it is too long, no expression, or says what the language does not have.
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
    """The syntax tree by Python's grammar, on one line, at its offsets in the text."""
    line = "".join(" " if c.isspace() else c for c in text)  # the same length
    indent = len(line) - len(line.lstrip())
    if not line.strip():
        raise ExpressionError("there is no expression here", 0, len(text))
    if "\\" in line:
        at = line.index("\\")
        raise ExpressionError("backslashes are not part of the language", at, at + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on style, as for `1or 2`
            tree = ast.parse(line[indent:], mode="eval").body
    except SyntaxError as error:
        _not_read(text, indent, error)
    except (ValueError, MemoryError, RecursionError):  # a NUL; brackets too deep for the parser
        raise ExpressionError(f"{shown(text)} is no expression", 0, len(text)) from None
    for node in ast.walk(tree):  # every node on the text's own offsets
        if isinstance(node, (ast.expr, ast.keyword)) and node.end_col_offset is not None:
            node.col_offset = _characters(line[indent:], node.col_offset) + indent
            node.end_col_offset = _characters(line[indent:], node.end_col_offset) + indent
    _no_comment(line, tree)
    return tree


def _characters(line: str, offset: int) -> int:
    """Python counts UTF-8 bytes; we count characters."""
    return offset if line.isascii() else len(line.encode("utf-8", "replace")[:offset].decode("utf-8", "replace"))


def _no_comment(line: str, tree: ast.expr) -> None:
    """A `#` outside text would hide the rest of the expression."""
    if "#" not in line:
        return
    texts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    for at, char in enumerate(line):
        if char == "#" and not any(n.col_offset <= at < (n.end_col_offset or 0) for n in texts):
            raise ExpressionError("an expression has no comments: `#` may stand in quoted text only", at, at + 1)


def _not_read(text: str, indent: int, error: SyntaxError) -> NoReturn:
    """Python's reason, in our words and at our place."""
    start = min(max((error.offset or 1) - 1 + indent, 0), len(text))
    end = max((error.end_offset or 0) - 1 + indent, start + 1)
    if _unfinished(text):
        start, end = len(text.rstrip()) - 1, len(text.rstrip())
        reason = "something is missing at its end"
    else:
        rest = text[start:].strip()
        reason = next((say for word, say in _HABITS.items() if word in text), None) or _REASONS.get(error.msg)
        if reason is None and error.msg == "invalid syntax" and rest:
            reason = f"`{rest.split()[0]}` does not fit here"
        reason = reason or error.msg.replace(" (detected at line 1)", "").replace("invalid syntax. ", "")
    excerpt = text.strip() if len(text.strip()) <= 60 else text.strip()[:57] + "…"
    raise ExpressionError(f"`{excerpt}` is no expression: {reason}", start, end) from None


def _unfinished(text: str) -> bool:
    """True if one more value would make an expression of it."""
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
"""What other languages write, each with what it is here."""

_REASONS: Final = {
    "invalid syntax. Maybe you meant '==' or ':=' instead of '='?": "equality is written `==`",
    "invalid decimal literal": "a name cannot begin with a digit; a product is written `2 * x`",
    "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers": (
        "a number has no zeros in front"
    ),
    "expected 'else' after 'if' expression": "an `else` is missing: `b if a else c`",
}
"""Python's words and ours."""
