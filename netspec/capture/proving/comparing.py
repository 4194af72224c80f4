"""In which runs a spec is held against its module: batches, modes and sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from netspec.capture.graph import NotCaptured
from netspec.capture.proving.proof import EqualityProof, Unproven
from netspec.capture.running.runs import all_resized, resized

_LARGE: Final = 128
"""From how many pixels on a side some of the runs are on a smaller picture: what a run costs grows with its square."""

_FEW: Final = ((2, False), (3, True))
"""Batches of a large picture, and whether in training mode; a smaller one takes the others."""

_SMALLER: Final = ((7, False), (2, True))

_ALL: Final = ((2, False), (2, True), (3, True), (7, False))
"""Those of a picture that has no smaller one."""


class Compared(NamedTuple):
    """What the runs have shown."""

    worst: float
    proven: tuple[str, ...]
    notes: tuple[str, ...]
    proof: EqualityProof


def compared(made: Callable[[], EqualityProof], example: Sequence[Tensor]) -> Compared:
    """Hold a spec against its module: two batches and both modes at the example's size, and the same at another.

    Args:
        made: makes the proof, once more where runs at another size may have left something in the module.
        example: arguments of the module, the batch first.

    Raises:
        Unproven: they differ.
        NotCaptured: the module does not run on another batch.
    """
    sizes = _smaller(example)
    if sizes is None:
        return _at_one_size(made(), example)
    proof = made()
    worst = max(_run_of(proof, example, batch, training=training) for batch, training in _FEW)
    small = [resized(x, 2, size) for x, size in zip(example, sizes, strict=True)]
    try:
        worst = max(worst, *(_run_of(proof, small, batch, training=training) for batch, training in _SMALLER))
    except (Unproven, NotCaptured):  # the sizes of the example are all that counts then
        del proof
        return _at_one_size(made(), example)
    alone = _alone(proof, small)
    batches = "2 and 7" if alone else "1, 2 and 7"
    told = ("on batches of 2 and 3", f"at {_told(sizes)} on batches of {batches}")
    return Compared(worst, told, (alone,) if alone else (), proof)


def _at_one_size(proof: EqualityProof, example: Sequence[Tensor]) -> Compared:
    """All runs at the example's size, and one at a larger, which may be another network."""
    worst = max(_run_of(proof, example, batch, training=training) for batch, training in _ALL)
    alone = _alone(proof, example)
    proven = ["on batches of 2, 3 and 7" if alone else "on batches of 1, 2, 3 and 7"]
    notes = [alone] if alone else []
    found = _other_size(proof, example)
    (proven if found.startswith("on") else notes).append(found)
    return Compared(worst, tuple(proven), tuple(notes), proof)


def _smaller(example: Sequence[Tensor]) -> list[list[int]] | None:
    """The sizes of pictures of about half the side, of the same remainder by 32; None where no picture is large."""
    sizes = [
        [n - 32 * ((n + 32) // 64) if len(x.shape) == 4 and i and n >= _LARGE else n for i, n in enumerate(x.shape[1:])]
        for x in example
    ]
    return None if all(list(x.shape[1:]) == size for x, size in zip(example, sizes, strict=True)) else sizes


def _told(sizes: Sequence[Sequence[int]]) -> str:
    return " and ".join(" x ".join(map(str, size)) for size in sizes)


def _run_of(proof: EqualityProof, example: Sequence[Tensor], batch: int, *, training: bool) -> float:
    """The largest difference in one run; what differs is told with it."""
    try:
        return proof.check(all_resized(example, batch), training=training)
    except Unproven as error:
        mode = "training" if training else "eval"
        raise Unproven(f"on a batch of {batch} in {mode} mode {error}") from None


def _alone(proof: EqualityProof, example: Sequence[Tensor]) -> str:
    """What becomes of one example alone: why the module is another network; nothing where it is the same."""
    try:
        proof.check(all_resized(example, 1), training=False)
    except (Unproven, NotCaptured) as error:
        return f"on a batch of 1 the module does something else: {error}"
    return ""


def _other_size(proof: EqualityProof, example: Sequence[Tensor]) -> str:
    """What becomes of a larger input: proven, too, or why not."""
    sizes = [[n + 32 if len(x.shape) == 4 and i else n for i, n in enumerate(x.shape[1:])] for x in example]
    if all(list(x.shape[1:]) == size for x, size in zip(example, sizes, strict=True)):
        return "it was compared at this size alone"
    told = _told(sizes)
    larger = [resized(x, 2, size) for x, size in zip(example, sizes, strict=True)]
    try:
        with torch.no_grad():
            proof.theirs.eval()(*(x.double() if x.is_floating_point() else x for x in larger))
    except Exception:  # the user's own module may raise anything
        return f"the module does not take {told}, nor need the spec"
    try:
        proof.check(larger, training=False)
    except (Unproven, NotCaptured):
        return f"at {told} the module is another network: sizes that it computes are numbers in the spec"
    return f"on {told}"
