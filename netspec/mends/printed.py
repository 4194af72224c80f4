"""What `print(net)` shows of a module of PyTorch's, as calls of Python."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Printed(NamedTuple):
    """A printed network."""

    text: str
    """As one call, of as many lines."""
    whole: bool
    """Whether it is a chain for certain: a class may hold its modules in one order, and run them in another."""


_MEMBER: Final = re.compile(r"^(?P<indent>\s*)\((?P<name>\w+)\): (?P<what>.*?)\s*$")
_ROOT: Final = re.compile(r"^(?P<class>[A-Z]\w*)\($")


def as_calls(text: str) -> Printed | None:
    """A printed network as a call of `Sequential`, whose members are keywords; None if the text is none."""
    lines = text.strip("\n").split("\n")
    blank = len(text) - len(text.lstrip("\n"))
    root = next((n for n, line in enumerate(lines) if line.strip()), 0)
    head, inside = _ROOT.match(lines[root].strip()), _MEMBER.match(lines[root])
    if (head is None and inside is None) or not any(_MEMBER.match(line) for line in lines):
        return None
    made = [""] * blank
    whole = head is not None and head["class"] == "Sequential"
    for n, line in enumerate(lines):
        member = _MEMBER.match(line)
        if n == root and member is None:
            made.append("Sequential(")
        elif member is None:
            bare = line.strip()
            made.append(f"{bare}," if bare == ")" and (n < len(lines) - 1 or head is None) else bare)
        else:
            what = member["what"]
            name = member["name"] if not member["name"].isdigit() else f"_{member['name']}"
            made.append(f"{name}={what}" if what.endswith("(") else f"{name}={what},")
    if head is None:  # its members alone
        made[blank + root] = f"Sequential({made[blank + root]}"
        made[-1] += ")"
    return Printed("\n".join(made), whole)
