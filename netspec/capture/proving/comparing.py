"""In which runs a spec is held against its module: batches, modes and sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import torch
from torch import Tensor

from netspec.capture.graph import NotCaptured
from netspec.capture.proving.differences import Unproven
from netspec.capture.proving.proof import EqualityProof
from netspec.capture.proving.unusual import hiding, with_numbers
from netspec.capture.running.runs import all_resized, resized
from netspec.torch import attention

_LARGE: Final = 128
"""From how many pixels on a side some of the runs are on a smaller picture: what a run costs grows with its square."""

_FEW: Final = ((2, False), (3, True))
"""Batches of a large picture, and whether in training mode; the others are those of a smaller one, where the module
takes it."""

_MANY: Final = 7

_SMALLER: Final = ((_MANY, False), (2, True))

_ALL: Final = ((2, False), (2, True), (3, True), (_MANY, False))
"""Those of what is no large picture."""


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
    small = [resized(x, 2, size) for x, size in zip(example, sizes, strict=True)]
    if not _takes(proof, small):
        del proof  # before the next is made: each has the weights twice, with 64 bits
        return _at_one_size(made(), example)
    worst = max(_run_of(proof, example, batch, training=training) for batch, training in _FEW)
    try:
        worst = max(worst, *(_run_of(proof, small, batch, training=training) for batch, training in _SMALLER))
    except (Unproven, NotCaptured):  # the sizes of the example are all that counts then
        del proof
        return _at_one_size(made(), example)
    alone = _alone(proof, small)
    batches = "2 and 7" if alone else "1, 2 and 7"
    told = ("on batches of 2 and 3", f"at {_told(sizes)} on batches of {batches}")
    return Compared(worst, told, ((alone,) if alone else ()) + tuple(_hidden(proof, example)), proof)


def _at_one_size(proof: EqualityProof, example: Sequence[Tensor]) -> Compared:
    """All runs at the example's size, and one at a larger, which may be another network."""
    is_large = _smaller(example) is not None
    runs = _FEW if is_large else _ALL
    worst = max(_run_of(proof, example, batch, training=training) for batch, training in runs)
    if is_large:  # what a gradient needs grows with the batch: as much memory as three pictures need
        worst = max(worst, _run_of(proof, example, _MANY, training=False, has_gradients=False))
    alone = _alone(proof, example)
    batches = [str(n) for n in sorted({batch for batch, _ in runs} | (set() if alone else {1}))]
    proven = [f"on batches of {', '.join(batches[:-1])} and {batches[-1]}"]
    if is_large:
        proven.append(f"on a batch of {_MANY} without gradients")
    notes = [alone] if alone else []
    found = _other_size(proof, example)
    (proven if found.startswith("on") else notes).append(found)
    notes += _hidden(proof, example)
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


def _run_of(
    proof: EqualityProof, example: Sequence[Tensor], batch: int, *, training: bool, has_gradients: bool = True
) -> float:
    """The largest difference in one run; what differs is told with it."""
    try:
        return proof.check(_given(proof, example, batch), training=training, has_gradients=has_gradients)
    except Unproven as error:
        mode = "training" if training else "eval"
        raise Unproven(f"on a batch of {batch} in {mode} mode {error}") from None


def _given(proof: EqualityProof, example: Sequence[Tensor], batch: int) -> list[Tensor]:
    return with_numbers(all_resized(example, batch), proof.compared)


def _hidden(proof: EqualityProof, example: Sequence[Tensor]) -> list[str]:
    """Where a mask hides all that there is, the module may give other numbers than the spec: that is told."""
    for told, given in hiding(_given(proof, example, 3), proof.compared, proof.inputs):
        with suppress(NotCaptured):  # the module does not run so: the spec says nothing else
            try:
                proof.check(given, training=False, has_gradients=False)
            except Unproven as error:
                if proof.agrees(given):  # where the module gives no numbers, the spec gives none
                    continue
                attends = any(type(part).__module__ == attention.__name__ for part in proof.ours.modules())
                why = ", in which a query that sees no key gets 0" if attends else ""
                return [f"{told}, the module and the spec differ{why}: {error}"]
    return []


def _alone(proof: EqualityProof, example: Sequence[Tensor]) -> str:
    """What becomes of one example alone: why the module is another network; nothing where it is the same."""
    try:
        proof.check(_given(proof, example, 1), training=False)
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
    if not _takes(proof, larger):
        return f"the module does not take {told}, nor need the spec"
    try:
        proof.check(larger, training=False)
    except (Unproven, NotCaptured):
        return f"at {told} the module is another network: sizes that it computes are numbers in the spec"
    return f"on {told}"


def _takes(proof: EqualityProof, given: Sequence[Tensor]) -> bool:
    """Whether the module runs on these sizes."""
    try:
        with torch.no_grad():
            proof.theirs.eval()(*(x.double() if x.is_floating_point() else x for x in given))
    except Exception:  # the user's own module may raise anything
        return False
    return True
