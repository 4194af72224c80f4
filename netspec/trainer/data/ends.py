"""What a net takes and gives, as data and losses want to know it."""

from __future__ import annotations

from netspec.layers.base import TensorType
from netspec.net import Net
from netspec.recipe.terms import Given, NetEnds, values_of


def given_of(net: Net) -> tuple[Given, Given]:
    """The inputs and the outputs of a net: one without a name, or several by name. A family is None."""
    inputs: dict[str, TensorType | None] = {str(value.name): value.type for value in net.named_inputs}
    outputs: dict[str, TensorType | None] = {
        str(value.name): None if value.family else value.types[0] for value in net.named_outputs
    }
    return inputs or net.input, outputs or net.output


def ends_of(net: Net) -> NetEnds:
    """The same as a list each."""
    inputs, outputs = given_of(net)
    return NetEnds(values_of(inputs), values_of(outputs))
