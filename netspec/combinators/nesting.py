"""A nested chain of layers."""

from __future__ import annotations

from netspec.combinators.base import Joining, WorkedExample


class Nested(Joining):
    """A nested `nn.Sequential` where the list would flatten otherwise. It changes only the keys of the `state_dict`."""

    word = "sequential"
    value = "a nested Sequential"
    joins = False
    examples = (WorkedExample("- sequential: [Flatten, Linear: 10]\n  name: head", (1, 28, 28), (10,)),)
