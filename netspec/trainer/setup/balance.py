"""What follows from how often each class occurs in the training data: factors of a loss, and a sampler."""

from __future__ import annotations

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.recipe.base import Divisor
from netspec.recipe.resolved import Recipe
from netspec.recipe.terms import LossTerm, resolve
from netspec.trainer.data.ends import ends_of
from netspec.trainer.data.sampling import EvenSampler
from netspec.trainer.data.splits import DataSplits
from netspec.trainer.machine.host import ints


def balanced(net: Net, recipe: Recipe, data: DataSplits) -> Recipe:
    """The recipe of a net with numbers in the place of `weight: balanced`, for a run and for all that reads its spec.

    The factor of a class is n / (classes · count) of the training targets that count, as scikit-learn's
    `compute_class_weight` has it: then the factors of all n targets add up to n, and those of each class to the same.

    Raises:
        UsageError: only reading the examples would tell the classes.
        ResourceError: a class has no training example.
    """
    if not any(item.loss.balances for item in recipe.losses):
        return recipe
    ends = ends_of(net)
    terms = resolve(recipe.losses, ends, text=recipe.data.next_token).terms
    found = [
        item._replace(loss=item.loss.balanced(_factors(term, data, len(ends.inputs)))) if item.loss.balances else item
        for item, term in zip(recipe.losses, terms, strict=True)
    ]
    return recipe._replace(loss=tuple(found) if isinstance(recipe.loss, tuple) else found[0].loss)


def draw_evenly(net: Net, recipe: Recipe, data: DataSplits) -> str | None:
    """Let the training examples be drawn by their classes, if the recipe says so.

    Returns:
        A note about classes of which there is none to draw.

    Raises:
        UsageError: only reading the examples would tell the classes, or an example has several.
        ResourceError: no target counts.
    """
    if recipe.sampler is None:
        return None
    ends = ends_of(net)
    terms = resolve(recipe.losses, ends, text=recipe.data.next_token).terms
    term = next(term for term in terms if term.loss.target == "classes")
    said = f"`sampler: {recipe.sampler}` draws"
    targets = _known(
        term, data, len(ends.inputs),
        f"{said} training examples by their classes, which must be known before the first step",
        "leave it out, or give a pair of tensors or a DataLoader with a WeightedRandomSampler",
    )  # fmt: skip
    if targets.ndim != 1:
        raise UsageError(
            f"{said} training examples by their class, but an example has {targets[0].numel()} targets; leave it out, "
            f"and write factors into `{term.loss.name()}`"
        )
    divisor, classes = term.loss.divisor, targets.long().cpu()
    ignored = None if divisor is None else divisor.ignore_index
    if ignored is not None and bool((classes == ignored).all()):
        raise ResourceError(f"{said} by their class, but all {len(classes)} training targets are {ignored}, which "
                            f"`{term.loss.name()}` ignores")  # fmt: skip
    data.train.sampler = EvenSampler(data.train.rows, classes, ignored)
    assert term.type is not None, "a net that trains has known outputs"
    there, width = set(ints(classes)), term.type.shape[0]
    lacking = [number for number in range(width) if number not in there] if isinstance(width, int) else []
    if not lacking:
        return None
    names = data.names if len(data.names) == width else [f"class {number}" for number in range(lacking[0] + 1)]
    more = "" if len(lacking) == 1 else f" and {len(lacking) - 1} more of the {width} classes"
    return f"note: {said} no example of {names[lacking[0]]}{more}: the training data have none"


def _known(term: LossTerm, data: DataSplits, inputs: int, said: str, mend: str) -> Tensor:
    """The targets of all training examples; `said` is what wants them, and `mend` what to do without.

    Raises:
        UsageError: they are known only as the examples are read.
    """
    number = -1 if term.target is None else term.target - inputs
    targets = data.train.targets(number) if number >= 0 else None
    if targets is None:
        what = "inputs of the net" if number < 0 else "examples that are read one by one"
        raise UsageError(f"{said}, but they come with {what}; {mend}")
    return targets


def _factors(term: LossTerm, data: DataSplits, inputs: int) -> tuple[float, ...]:
    """The factor of each class."""
    name = term.loss.name()
    targets = _known(
        term, data, inputs,
        f"`weight: balanced` of `{name}` counts the classes of all training targets before the first step",
        "write the factors, `weight: [1.0, 2.0]`, one for each class",
    )  # fmt: skip
    assert term.type is not None, "a net that trains has known outputs"
    classes = term.type.shape[0]
    assert isinstance(classes, int), "a net that trains has numbers for sizes"
    if isinstance(divisor := term.loss.divisor, Divisor):
        targets = targets[targets != divisor.ignore_index]
    counts = ints(torch.bincount(targets.flatten().long().cpu(), minlength=classes))
    if 0 in counts:
        least = counts.index(0)
        raise ResourceError(
            f"class {least} has none of the {sum(counts)} training targets, so `weight: balanced` of `{name}` has no "
            f"factor for it; write the factors, `weight: [1.0, 2.0]`, one for each of the net's {classes} scores"
        )
    return tuple(sum(counts) / (classes * count) for count in counts)
