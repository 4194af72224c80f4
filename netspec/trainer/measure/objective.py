"""The losses of a net's recipe on a device."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.recipe.terms import resolve
from netspec.trainer.data.ends import ends_of
from netspec.trainer.measure.losses import LossFunction, Objective


def make_objective(net: Net, recipe: Recipe, device: torch.device, ignores: Sequence[bool] = ()) -> Objective:
    """The losses of a recipe.

    Args:
        net: says which outputs and inputs there are.
        recipe: the recipe.
        device: the device of outputs and targets.
        ignores: `DataSplits.ignores`.
    """
    ends = ends_of(net)
    terms = resolve(recipe.losses, ends, text=recipe.data.next_token).terms
    ignored = ignores or [False] * len(terms)
    losses = [
        LossFunction(term.loss, device, ignores=skips, term=term) for term, skips in zip(terms, ignored, strict=True)
    ]
    return Objective(losses, len(ends.outputs))
