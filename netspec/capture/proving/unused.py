"""What a module has and no run uses: the spec is without it, and says so."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from torch import nn

_WIDTH: Final = 100
_SHOWN: Final = 12
"""How many parts are named at most; those left are counted."""


class Unkept(NamedTuple):
    """The keys of a module that its spec has not."""

    tied: Mapping[str, str]
    """Other names of parameters, each with the key under which the spec has that parameter."""
    unused: frozenset[str]
    """Those of what is used in no run."""


def unkept(module: nn.Module, known: Collection[str], left_out: Collection[str]) -> Unkept:
    """What of a module its spec has not.

    Args:
        module: the module.
        known: the keys that the spec has.
        left_out: those of which it says otherwise what is used.
    """
    parameters = dict(module.named_parameters(remove_duplicate=False))
    homes = {id(parameters[key]): key for key in known if key in parameters}
    rest = set(module.state_dict()) - set(known)
    tied = {key: homes[id(p)] for key in rest if (p := parameters.get(key)) is not None and id(p) in homes}
    return Unkept(tied, frozenset(rest - tied.keys() - set(left_out)))


def unused_parts(keys: Iterable[str], unused: Collection[str]) -> list[str]:
    """The largest parts of a module of which no tensor is used, in the order of its keys.

    >>> unused_parts(["a.weight", "b.0.weight", "b.1.weight", "c.weight", "c.bias"], {"b.0.weight", "b.1.weight"})
    ['b']
    """
    used = {""}
    for key in keys:
        if key not in unused:
            used.update(_around(key))
    found: dict[str, None] = {}
    for key in keys:
        if key in unused:
            found.setdefault(next(part for part in (*_around(key), key) if part not in used))
    return list(found)


def _around(key: str) -> list[str]:
    """The paths of what a key stands in, the outermost first."""
    names = key.split(".")
    return [".".join(names[:i]) for i in range(1, len(names))]


def unused_note(parts: Sequence[str]) -> list[str]:
    """What the report says of them."""
    if not parts:
        return []
    return [f"no run uses {_told(parts)} of the module: the spec is without, and has none of those weights"]


def other_names_note(tied: Mapping[str, str]) -> list[str]:
    """What the report says of other names of parameters, each given with the one that the spec has."""
    if not tied:
        return []
    return [f"{and_more(tied)}: the spec has that parameter under one key, here `{tied[min(tied)]}`"]


def and_more(keys: Collection[str]) -> str:
    """The first of some keys, and how many more there are."""
    return f"`{min(keys)}`" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")


def with_unused(text: str, parts: Sequence[str]) -> str:
    """A spec that says in a comment above its first layer what of the module it has not."""
    if not parts:
        return text
    told = textwrap.wrap(
        f"Without {_told(parts)}, which no run of the module uses.",
        _WIDTH,
        break_on_hyphens=False,
        break_long_words=False,
    )
    head, line, rest = text.partition("\nlayers:\n")
    return "\n".join((head, *(f"# {each}" for each in told))) + line + rest


def _told(parts: Sequence[str]) -> str:
    shown = [f"`{part}`" for part in parts[:_SHOWN]]
    more = len(parts) - len(shown)
    last = [f"{more} more"] if more else []
    *first, end = [*shown, *last]
    return f"{', '.join(first)} and {end}" if first else end
