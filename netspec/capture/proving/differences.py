"""How far what a module gives is from what the spec gives, and how far what it gives is from itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

CLOSE: Final = 1e-9
"""The largest difference, as a share of the largest value, with 64 bits."""


NOISE: Final = 1e-6
"""The largest difference that rounding may make, where the module makes much of little: it is seen by how much what it
gives changes with its input."""

_NUDGE: Final = 2.0**-46
"""By how much an input is changed for that: what sums of many numbers are rounded by."""


MARGIN: Final = 10
"""How many times as far what the spec gives may be: both are one sample of what rounding does."""


class Unproven(Exception):
    """The spec and the module differ; the message says in what.

    Args:
        told: the message.
        difference: by how much, as a share of the largest value, where numbers differ.
    """

    def __init__(self, told: str, difference: float = math.inf) -> None:
        super().__init__(told)
        self.difference = difference


def called(kind: str, names: Sequence[str | None], at: int, count: int) -> str:
    """What one of several inputs or outputs is called in messages: as the spec calls it, else by its number.

    >>> called("input", ["x", "mask"], 1, 2), called("output", [None], 0, 1), called("output", [None], 1, 3)
    ('the input `mask`', 'the output', 'output 2')
    """
    name = names[at] if at < len(names) else None
    if name is not None:
        return f"the {kind} `{name}`"
    return f"{kind} {at + 1}" if count > 1 else f"the {kind}"


class RunTensors(NamedTuple):
    """What a run gave."""

    outputs: list[Tensor]
    inputs: list[Tensor | None]
    """The gradients of the inputs; None of one that nothing was computed of with gradients."""
    weights: dict[str, Tensor]
    """Those of the parameters."""


def largest(tensor: Tensor) -> float:
    """The largest absolute value, in one pass and without a copy; not finite where one of them is not."""
    if not tensor.numel():
        return 0.0
    least, most = torch.aminmax(tensor.double())  # six times as fast as a norm of infinite order
    return max(-float(least), float(most))


def close(a: Tensor, b: Tensor, what: str, scale: float = 0.0) -> float:
    """The largest difference of two tensors, as a share of the largest value.

    Args:
        a: the module's.
        b: the spec's.
        what: what they are, for messages.
        scale: what counts in the place of the module's largest value where that is smaller.

    Raises:
        Unproven: they have different shapes, the module's is not finite, or it is more than `CLOSE`.
    """
    if a.shape != b.shape:
        raise Unproven(f"{what} is {tuple(a.shape)} in the module and {tuple(b.shape)} in the spec")
    if a.numel() == 0:
        return 0.0
    own = largest(a)
    if not math.isfinite(own):
        ours = largest(b)
        beside = f", that of the spec is at most {ours:.3g}" if math.isfinite(ours) else ""
        raise Unproven(f"{what} of the module is not finite with random weights{beside}")
    if torch.equal(a, b):
        return 0.0
    difference = largest(a.double() - b.double()) / max(own, scale, 1e-300)
    if not difference <= CLOSE:
        raise Unproven(f"{what} differs by {difference:.1e} of its largest value", difference)
    return difference


def share_apart(ours: Tensor, theirs: Tensor, least: float) -> float:
    """The largest difference of two tensors of one shape, as a share of their largest finite value.

    What is not finite has to stand in both in the same place: if it does not, they are infinitely far apart.

    Args:
        ours: the one.
        theirs: the other, whose largest value counts.
        least: what counts in its place where it is smaller.
    """
    ours, theirs = ours.double(), theirs.double()
    finite = torch.isfinite(theirs)
    if not torch.allclose(ours[~finite], theirs[~finite], rtol=0.0, atol=0.0, equal_nan=True):
        return math.inf
    own, other = ours[finite], theirs[finite]
    if not own.numel():
        return 0.0
    found = largest(own - other)
    return found / max(largest(other), least) if math.isfinite(found) else math.inf


def nudged(inputs: Sequence[Tensor]) -> list[Tensor]:
    """Inputs with 64 bits of which each number is changed by its last digits; whole numbers stay."""
    generator = torch.Generator().manual_seed(len(inputs))
    found: list[Tensor] = []
    for x in inputs:
        if x.is_floating_point():
            signs = torch.randint(0, 2, x.shape, generator=generator).double() * 2 - 1
            x = x.double() * (1 + _NUDGE * signs)
        found.append(x)
    return found


def apart(one: RunTensors, other: RunTensors) -> float:
    """The largest difference of two runs of one module, each as a share of the largest value."""
    scale = max((largest(gradient) for gradient in one.weights.values()), default=0.0)
    pairs = [(a, b, largest(a)) for a, b in zip(one.outputs, other.outputs, strict=True)]
    pairs += [
        (a, b, largest(a)) for a, b in zip(one.inputs, other.inputs, strict=True) if a is not None and b is not None
    ]
    pairs += [(gradient, other.weights[key], scale) for key, gradient in one.weights.items() if key in other.weights]
    return max((largest(a.double() - b.double()) / max(size, 1e-300) for a, b, size in pairs if a.numel()), default=0.0)
