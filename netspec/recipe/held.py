"""A loss of a recipe as it is held against a net: the outputs that it reads, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netspec.diagnostics import Code, Related, Severity
from netspec.layers.base import Layer, TensorType
from netspec.recipe.base import Loss
from netspec.recipe.places import place
from netspec.recipe.terms import LossItem
from netspec.text.source import MapNode, Node
from netspec.validation import Reader


class Term(NamedTuple):
    """A loss and the outputs that it reads, each with its place."""

    item: LossItem
    at: Node
    """The loss as it is written."""
    of: tuple[int, ...]
    output: TensorType
    """The first output."""
    word: str
    """What messages call that output."""
    layers: Sequence[type[Layer]]
    """Those that end in it; empty where that is not known."""
    related: Sequence[Related]
    next_token: bool
    """True if its target is the next token, whose scores stand on the last axis."""

    @property
    def loss(self) -> Loss:
        """The loss itself."""
        return self.item.loss

    @property
    def scores_axis(self) -> int:
        """The axis of the output that its factors go along."""
        return 0 if self.loss.target == "classes" and not self.next_token else -1

    def beside(self, key: str) -> Node:
        """The place of what stands beside the loss."""
        return place(self.at, key) if isinstance(self.at, MapNode) and self.at.get(key) is not None else self.at


def mismatch(
    reader: Reader,
    at: Node,
    message: str,
    help: str | None = None,
    code: Code = "loss-mismatch",
    *,
    related: Sequence[Related] = (),
    severity: Severity = "error",
    clue: object = None,
) -> None:
    """Report a loss that does not suit the net."""
    reader.report(code, message, at, help=help, related=related, severity=severity, clue=clue)
