"""Colons without the blank that YAML wants behind them: `- Conv2d:{kernel_size: 3}`, `[Linear: 3, Exp:]`."""

from __future__ import annotations

import re

from netspec.text.lines import line_start
from netspec.text.stops import Mistake, Stop


def glued_item(stop: Stop) -> Mistake | None:
    """`- Conv2d:{kernel_size: 3}` among the items of a list, whose first colon has no blank behind it."""
    found = re.match(r"\s*(?:-\s+)+([\w$]+):(?=\S)", stop.before)
    if found is None or stop.before.index("-") not in {
        begin - line_start(stop.text, begin) for begin in stop.collections
    }:
        return None
    name, start, end = found[1], stop.line_start + found.start(1), stop.line_start + found.end()
    edit = (f"write `{name}: ` with a blank behind the colon", end, end, " ")
    return Mistake(f"a blank is missing after `{name}:`", start, end, "no key without it", edit=edit)


def glued_colon(stop: Stop) -> Mistake | None:
    """`[Linear: 3, Exp:]`: YAML wants a blank behind a colon, and a layer without arguments has no colon in a list."""
    text, at = stop.text, stop.at
    word = re.search(r"[\w$]+$", stop.before)
    if stop.char != ":" or word is None or text[at + 1 : at + 2] not in ("]", ",", "}"):
        return None
    start = stop.line_start + word.start()
    opening = innermost(text, at)
    if opening is None:
        return None
    if text[opening] == "[":
        message = f"inside `[…]` write `{word[0]}`: a `:` needs a blank behind it, and nothing follows here"
        return Mistake(message, start, at + 1, edit=(f"write `{word[0]}`", start, at + 1, word[0]))
    message = f"inside `{{…}}` write `{word[0]}: ` with a blank behind the colon, also where nothing follows"
    return Mistake(message, start, at + 1, edit=("write a blank behind the colon", at + 1, at + 1, " "))


def innermost(text: str, at: int) -> int | None:
    """The offset of the bracket that is open at an offset, `[` or `{`, outside of quotes and comments."""
    open_: list[int] = []
    for found in re.finditer(r"""'[^'\r\n]*'|"[^"\r\n]*"|(?:^|(?<=\s))#.*|[\[\]{}]""", text[:at], re.MULTILINE):
        if found[0] in ("[", "{"):
            open_.append(found.start())
        elif found[0] in ("]", "}") and open_:
            open_.pop()
    return open_[-1] if open_ else None
