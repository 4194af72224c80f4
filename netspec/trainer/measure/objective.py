"""The losses of a net's recipe on a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.recipe.terms import LossTerms, NetEnds, resolve
from netspec.trainer.data.ends import ends_of
from netspec.trainer.data.pairs import form_of
from netspec.trainer.data.splits import TargetForm
from netspec.trainer.measure.given import Call, GivenLoss, as_float
from netspec.trainer.measure.losses import LossFunction, Objective


def make_objective(
    net: Net,
    recipe: Recipe,
    device: torch.device,
    ignores: Sequence[bool] = (),
    given: Call | None = None,
    form: TargetForm | None = None,
) -> Objective:
    """The losses of a recipe.

    Args:
        net: says which outputs and inputs there are.
        recipe: the recipe.
        device: the device of outputs and targets.
        ignores: `DataSplits.ignores`.
        given: the loss of a program, for a recipe that leaves it to one.
        form: how the targets that a program gives stand together.
    """
    ends = ends_of(net)
    terms = resolve(recipe.losses, ends, text=recipe.data.next_token)
    ignored = ignores or [False] * len(terms.terms)
    answer = _answer([value.name for value in ends.outputs])
    whole = form or form_of(terms.fields)
    losses = [
        GivenLoss(given, term, whole, len(ends.inputs), answer)
        if term.loss.given
        else LossFunction(term.loss, device, ignores=skips, term=term)
        for term, skips in zip(terms.terms, ignored, strict=True)
    ]
    return Objective(losses, len(ends.outputs), answer, _aim(terms, ends, whole))


def _answer(names: Sequence[str | None]) -> Callable[[Sequence[Tensor]], Any]:
    """The outputs as a program knows them: one by itself, several by name."""

    def answer(outputs: Sequence[Tensor]) -> Any:
        values = [as_float(output) for output in outputs]
        if len(values) == 1:
            return values[0]
        return tuple(values) if None in names else dict(zip(names, values, strict=True))

    return answer


def _aim(terms: LossTerms, ends: NetEnds, form: TargetForm) -> Callable[[Sequence[Tensor]], Any]:
    """What the losses compare the outputs with, as a program knows it: one target by itself, several by name."""
    if any(term.loss.given for term in terms.terms):
        return lambda values: form.make(values[len(ends.inputs) :])
    places = list(dict.fromkeys(term.target for term in terms.terms if term.target is not None))
    names = [*(str(value.name) for value in ends.inputs), *(field.name for field in terms.fields)]
    of = TargetForm(tuple(names[place] for place in places) if len(places) > 1 else (), len(places))
    return lambda values: of.make([values[place] for place in places])
