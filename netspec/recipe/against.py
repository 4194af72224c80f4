"""The side of the net that a recipe is held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netspec.diagnostics import Related
from netspec.layers.base import Layer
from netspec.recipe.terms import NetEnds


class LookUp(NamedTuple):
    """A layer that takes integers which are none of the net's own."""

    size: int
    """How many it tells apart, from 0 on."""
    name: str
    """The layer's type: `Embedding`."""
    place: Related


class Against(NamedTuple):
    """What a recipe must suit: the net's inputs and outputs, its layers, and where all this is written."""

    ends: NetEnds
    """Sizes that are symbolic or unknown are not checked."""
    layers: Sequence[type[Layer]]
    """The classes of the net's layers in execution order."""
    endings: Sequence[Sequence[type[Layer]]]
    """For each output, the classes of the layers that end in it; empty where that is not known."""
    inputs: Sequence[Sequence[Related]]
    """For each input, the places that explain it."""
    outputs: Sequence[Sequence[Related]]
    """For each output, likewise."""
    heads: bool = False
    """True if the net has auxiliary heads."""
    tables: Sequence[LookUp] = ()
    """The layers that take integers of an example."""
    listed: Sequence[str] = ()
    """The values of an output that is a list of them, which gives them no names: `output: [a, b]`."""
