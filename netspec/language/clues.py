"""What was at hand where a mistake was found, kept for those who look for a mend once all is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from netspec.combinators.base import Joining
    from netspec.diagnostics import Code, Span
    from netspec.dims import Problem
    from netspec.language.flow import Flow
    from netspec.language.items import Item
    from netspec.layers.base import Layer, TensorType
    from netspec.net import Leaf, Sequential


class LayerClue(NamedTuple):
    """A layer that does not take what stands in front of it."""

    problem: Problem
    layer: Layer
    x: TensorType
    item: Item
    flow: Flow
    of_input: bool
    """Whether the shape is that of the net's input."""


class JoinClue(NamedTuple):
    """Branches that do not fit together."""

    joining: Joining
    item: Item
    flow: Flow
    """The place in front of the combinator."""
    ends: tuple[Flow, ...]
    branches: tuple[Sequential, ...]


class RemarkClue(NamedTuple):
    """A layer that a remark is about, and others in front of it that have a part in it."""

    leaf: Leaf
    others: tuple[Leaf, ...]


Clue = LayerClue | JoinClue | RemarkClue


class Clues(dict["tuple[Code, Span]", Any]):
    """What was at hand where mistakes were found, by code and place."""

    items_walked = 0
    """How many items the walk came by, which is what the check cost."""
