"""The table of combinators. Each is a class, imported when a spec first uses it.

The table is static, so that parsing items and suggesting names ("did you mean") need not import the classes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from netspec.combinators.base import Joining


class Listed(NamedTuple):
    """The entry of a combinator: where it is defined, and the names that belong to it."""

    module: str
    """The module of this package."""
    target: str
    """The class in that module."""
    options: tuple[str, ...] = ()
    """The keys allowed beside it in a spec: its fields, and its further lists of layers (`Joining.sides`)."""
    elsewhere: tuple[str, ...] = ()
    """Its names in other frameworks, lowercase."""
    plain: tuple[str, ...] = ()
    """Those of its options that are words beside it alone: elsewhere they are names like any other, also of blocks."""
    asked: tuple[str, ...] = ()
    """What people call it, or want of it, for `netspec explain`."""


_OF_ATTENTION: Final = (
    "heads", "kv_heads", "is_causal", "mask", "bias", "scale", "window", "rotary", "dropout",
)  # fmt: skip

COMBINATORS: Final[dict[str, Listed]] = {
    "residual": Listed(
        "sums", "Residual", ("shortcut",), asked=("skip connection, shortcut", "add the input to the output")
    ),
    "add": Listed("elementwise", "Add", asked=("sum of branches",)),
    "mul": Listed("elementwise", "Multiply", (), ("multiply",)),
    "concat": Listed(
        "concatenation", "Concat", ("dim", "split"), ("concatenate", "cat", "hstack"),
        asked=("torch.cat, concatenate", "skip connection of a U-Net", "DenseNet, Inception"),
    ),
    "stack": Listed("stacking", "Stack", ("dim",)),
    "einsum": Listed("contraction", "Einsum", ("pattern",)),
    "each": Listed("slices", "Each", ("dim",), ("timedistributed", "vmap")),
    "attend": Listed(
        "attention", "Attend", _OF_ATTENTION, ("crossattention", "cross_attention", "scaled_dot_product_attention"),
        _OF_ATTENTION, ("cross-attention, encoder and decoder", "attention of query, key and value"),
    ),
    "mixture": Listed(
        "experts", "Mixture", ("router", "top", "normalize"), ("moe", "mixtureofexperts", "sparsemoe"),
        ("router", "top", "normalize"), ("mixture of experts, MoE", "sparse layer with a router, top-k gating"),
    ),
    "gate": Listed("products", "Gate", asked=("squeeze and excitation, SE block", "attention on channels")),
    "sequential": Listed("nesting", "Nested"),
    "aux": Listed("heads", "Auxiliary"),
}  # fmt: skip
"""Name in the spec language → entry."""

OWNERS: Final[dict[str, tuple[str, ...]]] = {
    option: tuple(word for word, listed in COMBINATORS.items() if option in listed.options)
    for listed in COMBINATORS.values()
    for option in listed.options
}
"""Option → the combinators that have it."""

WORDS: Final = frozenset(
    option for listed in COMBINATORS.values() for option in listed.options if option not in listed.plain
)
"""The options that are words of the language wherever they stand."""

HEADS: Final = "aux"
"""The last field of what a network with heads gives in training, beside its outputs: what the heads give."""

_loaded: dict[str, type[Joining]] = {}


def joining_class(word: str) -> type[Joining]:
    """The class of a combinator, by its name in the spec language.

    Raises:
        KeyError: there is no such combinator in `COMBINATORS`.
    """
    found = _loaded.get(word)
    if found is None:
        listed = COMBINATORS[word]
        found = _loaded[word] = getattr(import_module(f"netspec.combinators.{listed.module}"), listed.target)
    return found
