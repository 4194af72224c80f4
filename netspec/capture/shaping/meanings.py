"""Whether a name of a source may mean what a spec has a number for, by the words in both."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from netspec.language.reading import KEYS
from netspec.language.reserved import RESERVED, reserved

_KINDS: Final = (
    ("head",),
    ("depth", "layer", "block", "repeat", "stage"),
    ("drop",),
    ("width", "dim", "embd", "channel", "hidden", "class", "feature", "plane", "filter"),
    ("kernel",),
    ("stride",),
    ("dilat",),
    ("pad",),
    ("group",),
    ("index", "idx"),
)
"""Parts of names that are of one meaning each, in lists."""

WORDS: Final = RESERVED - {"dim"}
"""Words of the language that name no number, but for the one that half of all sources call a width."""
_LONGEST: Final = 40
"""Characters of a name: longer ones break lines, and formulas are no longer read."""


def is_usable(name: str, taken: Collection[str]) -> bool:
    """Whether an argument names a number of a file: one letter says nothing, and a key of the file would be taken for
    that."""
    known = reserved(name) is not None or name in WORDS or name in KEYS or name in taken
    return 1 < len(name) <= _LONGEST and name.isidentifier() and not known


WIDTH: Final = 3
"""The kind of widths."""


def kinds(name: str) -> set[int]:
    """What a name may mean, as places in the list of meanings."""
    return {number for number, parts in enumerate(_KINDS) if any(part in name.lower() for part in parts)}


def may_mean(argument: str, name: str) -> bool:
    """Whether an argument may be what is called by a name here: both are of one meaning, or the argument is of none.

    >>> may_mean("n_head", "num_heads"), may_mean("n_head", "kernel_size"), may_mean("scale", "kernel_size")
    (True, False, True)
    """
    theirs = kinds(argument)
    return bool(theirs & kinds(name)) or not theirs


_TAKEN: Final = frozenset(("in", "inp", "input", "inputs", "cin", "inplanes", "inch", "indim"))


def likeness(argument: str, name: str) -> int:
    """How many words an argument and a name here share, less 1 where it is what a layer takes, which no spec says.

    >>> likeness("out_dim", "out_features"), likeness("dim", "out_features"), likeness("in_dim", "out_features")
    (1, 0, -1)
    """
    words = {*argument.lower().split("_")}
    return len(words.intersection(name.lower().split("_"))) - bool(words & _TAKEN)


def is_one_thing(name: str, other: str) -> bool:
    """Whether two names are one, or both of widths."""
    return name == other or WIDTH in kinds(name) & kinds(other)


_SMALL_WORDS: Final = frozenset(("use", "with", "has", "is", "add", "do"))


def may_say(argument: str, texts: Iterable[str]) -> bool:
    """Whether an argument may say that something is there, of which the texts are names.

    >>> may_say("use_norm", ["has_batch_norm"]), may_say("use_bias", ["has_batch_norm"])
    (True, False)
    """
    words = [word for word in argument.lower().split("_") if word not in _SMALL_WORDS]
    return all(any(_has_word(text.lower(), word) for text in texts) for word in words)


def _has_word(text: str, word: str) -> bool:
    return word in text.split("_") or (len(word) > 3 and word in text)
