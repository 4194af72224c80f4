"""The value of an unquoted YAML scalar, by the core schema of YAML 1.2; the additional types of YAML 1.1 do not apply.

So `1e-3` is a float, `010` is ten, and `no`, `on`, `1:30` and `2024-01-01` are text.

Source: https://yaml.org/spec/1.2.2/#1032-tag-resolution
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

FIRST: Final = frozenset("+-.0123456789~nNtTfF")
"""First characters of the scalars that may be a number, a boolean or null. The empty scalar is null, too."""

MAX_DIGITS: Final = 400
"""The most digits that an integer may have: far more than 64 bits need, too few for a slow conversion."""

_INF: Final = (".inf", ".Inf", ".INF")
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in _INF},
    **{"-" + word: -math.inf for word in _INF},
}
_NUMBER: Final = re.compile(
    r"[-+]?[0-9]+|0o(?P<oct>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)


@lru_cache(maxsize=4096)
def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar.

    Raises:
        OverflowError: the number is too large; the message says how large, and what the limit is.
    """
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if match["float"]:
        value = float(text)
        if math.isinf(value):
            raise OverflowError("this number is beyond the largest float, 1.8e308; infinity is written `.inf`")
        return value
    if len(text) > MAX_DIGITS:
        raise OverflowError(f"this number has {len(text):,} digits, but {MAX_DIGITS} is the limit")
    if match["oct"]:
        return int(match["oct"], 8)
    if match["hex"]:
        return int(match["hex"], 16)
    return int(text)
