"""Values as the YAML of a spec: what is written here, `text/` reads as the same value.

`flow` writes a value on one line, `block` a mapping over several; `shown` is for messages. How the texts in a value
are written is a function of theirs: `written`, `literal` or `quoted`, and `str` in sentences, which nobody reads back.

Source: https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Final, NoReturn

_PLAIN: Final = r"[A-Za-z_][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*"  # compiled when a text is written
_NOT_TEXT: Final = frozenset(("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL"))
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_LONGEST: Final = 110
"""Columns up to which `block` writes a list or a mapping on one line."""


# ---- texts


def written(text: str) -> str:
    """A text as a scalar that is read as this text again: bare where that is possible, else in double quotes."""
    return text if re.fullmatch(_PLAIN, text) and text not in _NOT_TEXT else _escaped(text)


def literal(text: str) -> str:
    """A text as the scalar of a text field, in which `$name` would take a variable, and `$$` is a `$`."""
    return written(f"${text}" if text.startswith("$") else text)


def quoted(text: str) -> str:
    """A text in single quotes; in double quotes, where something in it needs an escape."""
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else _escaped(text)


def _escaped(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(ord(c))) for c in text) + '"'


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# ---- values


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"a value of type `{type(value).__name__}` cannot be written in a spec")


def flow(value: object, text: Callable[[str], str] = literal, other: Callable[[Any], str] = _refuse) -> str:
    """A value on one line, in flow style.

    Args:
        value: None, a truth value, a number (also NumPy's), a text or a path, or a list or mapping of these.
        text: how texts are written; the keys of mappings are `written`.
        other: how anything else is written, such as the formula of a size.

    Raises:
        TypeError: there is something else in the value, and `other` is not given.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str() | PurePath():
            return text(str(value))
        case Integral():
            return repr(int(value))
        case Real():
            return _real(float(value))
        case list() | tuple():
            return "[" + ", ".join(flow(item, text, other) for item in value) + "]"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any items
        case Mapping():
            entries = (f"{written(str(key))}: {flow(item, text, other)}" for key, item in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any entries
            return "{" + ", ".join(entries) + "}"
        case _:
            return other(value)


def _real(value: float) -> str:
    return repr(value) if math.isfinite(value) else ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"


def shown(value: object) -> str:
    """A value as a user would write it, for messages: texts always in quotes, formulas and names as they are."""
    return flow(value, quoted, str)


def block(values: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a mapping in block style; what is under a key in flow style where it fits the line."""
    for key, value in values.items():
        name = written(key)
        line = f"{name}: {flow(value)}"
        if len(line) <= _LONGEST or not isinstance(value, (Mapping, list, tuple)):
            yield line
        elif isinstance(value, Mapping):
            yield f"{name}:"
            yield from (f"  {inner}" for inner in block(value))  # pyright: ignore[reportUnknownArgumentType]  # plain data
        else:
            yield f"{name}:"
            yield from (f"  - {flow(item)}" for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # likewise
