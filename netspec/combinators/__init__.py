"""The table of combinators: one class each, imported when a spec first uses it.

The table is static, so that items are told apart and "did you mean" knows every word without importing a class.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from netspec.combinators.base import Joining


class Listed(NamedTuple):
    """Where a combinator is defined, and the words that come with it."""

    module: str
    """Of this package."""
    target: str
    """Its class there."""
    options: tuple[str, ...] = ()
    """What may stand beside it: its fields, and further lists of layers."""
    elsewhere: tuple[str, ...] = ()
    """What other frameworks call it, lowercase."""


COMBINATORS: Final[dict[str, Listed]] = {
    "residual": Listed("sums", "Residual", ("shortcut",)),
    "add": Listed("sums", "Add"),
    "concat": Listed("concatenation", "Concat", ("dim", "split"), ("concatenate",)),
    "gate": Listed("products", "Gate"),
    "sequential": Listed("nesting", "Nested"),
    "aux": Listed("heads", "Auxiliary"),
}
"""Word of the language → the combinator."""

OWNERS: Final[dict[str, tuple[str, ...]]] = {
    option: tuple(word for word, listed in COMBINATORS.items() if option in listed.options)
    for listed in COMBINATORS.values()
    for option in listed.options
}
"""Option → the combinators that have it."""

_loaded: dict[str, type[Joining]] = {}


def joining_class(word: str) -> type[Joining]:
    """The class of the combinator of this word.

    Raises:
        KeyError: there is no such combinator; `COMBINATORS` lists those there are.
    """
    found = _loaded.get(word)
    if found is None:
        listed = COMBINATORS[word]
        found = _loaded[word] = getattr(import_module(f"netspec.combinators.{listed.module}"), listed.target)
    return found
