"""A recipe to begin with, for a net that has none: what a message says to add to its spec."""

from __future__ import annotations

from typing import Any, Final

from netspec.diagnostics import UsageError
from netspec.layers.base import TensorType
from netspec.net import Net
from netspec.recipe.losses.classes import CrossEntropyLoss
from netspec.recipe.losses.values import MSELoss
from netspec.writing import flow

_STEPS: Final[dict[str, Any]] = {"batch_size": 64, "epochs": 1, "optimizer": {"Adam": {"lr": 0.001}}}
_VOCABULARY: Final = 100
"""Of integers that no layer looks up."""


def without_recipe(net: Net, *, data: bool = False, loss: bool = False) -> UsageError:
    """The refusal to train a net that has no recipe, with one that fits it.

    Args:
        net: the net.
        data: whether a program gives the data.
        loss: whether it gives the loss, for which nothing makes data up.
    """
    told = f"`{net.name}` has no `train:` recipe, which says how to train"
    recipe = beginning(net, data=data, loss=loss)
    if recipe is None:
        return UsageError(
            f"{told}, and a loss reads an output of float32, alone or by its name, as of "
            "`output: {scores: a, value: b}`, which it has not"
        )
    then = "with your own choices" if data or loss else "which trains on made-up data, and then name your own"
    return UsageError(f"{told}: add `{recipe}` to the spec, beside `layers`, {then}; `netspec explain train` has more")


def beginning(net: Net, *, data: bool = False, loss: bool = False) -> str | None:
    """The least `train:` section with which a net trains, on one line; None where it gives nothing that a loss reads.

    A vector of several values is taken for the scores of classes, unless the last layer makes something else of them;
    anything else is compared with values. `data` and `loss` say what a program gives.
    """
    losses = ["function"] if loss else _losses(net)
    if not losses:
        return None
    recipe = {
        "data": "given" if data or loss else _data(net),
        **_STEPS,
        "loss": losses[0] if len(losses) == 1 else losses,
    }
    return f"train: {flow(recipe)}"


def _data(net: Net) -> Any:
    """Made-up examples; where the net takes integers, those that every layer which looks them up knows."""
    if all(value.type.dtype != "int64" for value in net.inputs):
        return "synthetic"
    known = (leaf.layer.integers for leaf in net.layers if not leaf.input.constant)
    return {"synthetic": {"vocabulary": min((size for size in known if size is not None), default=_VOCABULARY)}}


def _losses(net: Net) -> list[Any]:
    """A loss for each output, the first with the labels of the data, each other with a field of its own."""
    inputs = {value.name for value in net.inputs}
    found: list[Any] = []
    for value in net.outputs:
        if len(value.types) != 1 or value.types[0].dtype != "float32":
            continue
        loss = _loss(value.types[0], net, only=len(net.outputs) == 1)
        if len(net.outputs) > 1:
            target = f"{value.name}_target" if value.name in inputs else value.name
            loss = {loss: None, "of": value.name, **({"target": target} if found else {})}
        found.append(loss)
    return found


def _loss(output: TensorType, net: Net, *, only: bool) -> str:
    last = next((leaf.layer for leaf in reversed(net.layers) if not leaf.layer.keeps_values), None)
    ending = CrossEntropyLoss.ending
    scores = len(output.shape) == 1 and output.shape[0] != 1
    suits = not only or last is None or ending is None or ending.suits(last.gives)
    return (CrossEntropyLoss if scores and suits else MSELoss).name()
