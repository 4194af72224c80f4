"""The losses of a recipe on the outputs of a net: which outputs and which target each reads, and what it is called.

`LossItem` is a loss as the recipe writes it, with names; `resolve` makes `LossTerm`s of them for one net, with
positions in place of names. A recipe with one loss has one item, and one term.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from netspec.layers.base import TensorType
from netspec.recipe.base import Loss

LABELS: Final = "labels"
"""The target of a loss that names none: what a data set gives beside its inputs."""
NEXT: Final = "next"
"""The target that a text has: its tokens, each one further on."""


class LossItem(NamedTuple):
    """One loss of a recipe's list."""

    loss: Loss
    of: tuple[str, ...] = ()
    """The outputs that it reads; empty for the only one."""
    target: str | None = None
    """An input of the net or a field of the data; None for the labels."""
    weight: float = 1.0


class EndValue(NamedTuple):
    """An input or output of a net."""

    name: str | None
    """None where it is the only one and has no name."""
    type: TensorType | None
    """None for a family, which is several tensors under one name."""


class NetEnds(NamedTuple):
    """What a net takes and gives, in the order of its `forward`."""

    inputs: tuple[EndValue, ...]
    outputs: tuple[EndValue, ...]


class LossTerm(NamedTuple):
    """A loss with the values that it reads."""

    loss: Loss
    label: str = ""
    """Tells it from the other terms, in records and messages: the names of its outputs; empty if it is the only one."""
    of: tuple[int, ...] = (0,)
    """The positions of its outputs among those of the net."""
    target: int | None = 1
    """The position of its target among the inputs and, behind them, the fields of the data; None without a target."""
    weight: float = 1.0
    type: TensorType | None = None
    """Of its first output."""
    next_token: bool = False
    """True if the target is the next token at each place: then the output has its scores on the last axis."""


class TargetField(NamedTuple):
    """A target that the data must give."""

    name: str
    loss: Loss
    """The first loss that reads it."""
    output: TensorType
    """The output that this loss compares with it."""


class LossTerms(NamedTuple):
    """The losses of a recipe, for one net."""

    terms: tuple[LossTerm, ...]
    fields: tuple[TargetField, ...]
    """What is read of the data beside the inputs, in the order of their first use."""


Given = TensorType | Mapping[str, TensorType | None]
"""What a net takes or gives: one value without a name, or several by name."""


def values_of(given: Given) -> tuple[EndValue, ...]:
    """The inputs or outputs of a net as a list."""
    if isinstance(given, TensorType):
        return (EndValue(None, given),)
    return tuple(EndValue(name, type_) for name, type_ in given.items())


def resolve(losses: Sequence[LossItem], ends: NetEnds, *, text: bool = False) -> LossTerms:
    """The terms of the losses of a recipe that suits the net: `check_recipe` has found no error. `text` says that the
    data are one, whose target is the next token."""
    labels = _labels(losses)
    inputs = {value.name: i for i, value in enumerate(ends.inputs)}
    outputs = {value.name: i for i, value in enumerate(ends.outputs)}
    fields: dict[str, TargetField] = {}
    terms: list[LossTerm] = []
    for item, label in zip(losses, labels, strict=True):
        if item.loss.given:  # it is called with all outputs, and with all that the data give as targets
            every = tuple(range(len(ends.outputs)))
            terms.append(LossTerm(item.loss, label, every, None, item.weight, ends.outputs[0].type))
            continue
        of = tuple(outputs[name] for name in item.of) or (0,)
        type_ = ends.outputs[of[0]].type
        assert type_ is not None, "a family is no output that a loss can read"
        target, name = None, item.target or LABELS
        if item.loss.target != "nothing":
            if name in inputs:
                target = inputs[name]
            else:
                fields.setdefault(name, TargetField(name, item.loss, type_))
                target = len(ends.inputs) + list(fields).index(name)
        follows = text and name == NEXT and name not in inputs
        terms.append(LossTerm(item.loss, label, of, target, item.weight, type_, follows))
    return LossTerms(tuple(terms), tuple(fields.values()))


def _labels(items: Sequence[LossItem]) -> list[str]:
    """A name for each loss: its outputs, and where that is not enough the loss, and a number."""
    if len(items) == 1:
        return [""]
    labels = ["+".join(item.of) or item.loss.name() for item in items]
    for more in ([item.loss.name() for item in items], [str(i + 1) for i in range(len(items))]):
        count = Counter(labels)
        labels = [f"{label}.{word}" if count[label] > 1 else label for label, word in zip(labels, more, strict=True)]
    return labels
