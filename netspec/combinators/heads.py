"""Auxiliary heads: additional outputs of a network in training."""

from __future__ import annotations

from netspec.combinators.base import Joining, WorkedExample
from netspec.layers.base import TorchCall


class Auxiliary(Joining):
    """An extra head: x passes on unchanged, and in training the list's output is a second output, whose loss the recipe
    weighs by `aux_weight`. In evaluation it is not run.
    """

    word = "aux"
    value = "identity now, an extra head in training"
    training_only = True
    target = "Auxiliary"
    network = TorchCall("AuxiliarySequential", {}, "netspec.torch.modules")
    examples = (
        WorkedExample(
            "- Conv2d: {out_channels: 8, kernel_size: 3}\n- aux: [Flatten, Linear: 10]\n- Flatten\n- Linear: 10",
            (1, 28, 28),
            (10,),
        ),
    )
