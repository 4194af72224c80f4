"""What a net answers on a part of the data, beside what is right, for pictures of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from netspec.recipe.measures import Reads, reads_of
from netspec.trainer.data.splits import Batch, Split
from netspec.trainer.machine.device import Arithmetic
from netspec.trainer.machine.host import ints
from netspec.trainer.machine.values import each
from netspec.trainer.measure.evaluation import entries_of, evaluating
from netspec.trainer.measure.losses import LossFunction, Objective
from netspec.trainer.measure.measured import likelihood

_MOST = 5_000
"""The most examples that curves are of."""
_SHOWN = 6
"""The most pictures."""


@dataclass(frozen=True)
class Answers:
    """The answers of one output, on the host."""

    label: str
    """What tells it from other outputs; empty for the only one."""
    reads: Reads
    output: Tensor
    """float32: probabilities (N, C) of classes, (N, L) of labels; or values (N, d). Of maps (N, C, H, W)."""
    target: Tensor
    """(N,) classes; (N, L) labels of 0 and 1; (N, d) values. Of maps (N, H, W) or (N, C, H, W)."""
    ignored: int | None
    """The class of targets that do not count."""
    images: Tensor | None
    """Of maps the pictures that they are of, float32 (N, C, H, W); None where the input is none."""
    of: int
    """How many examples there are, of which these are the first."""
    sources: tuple[str, ...] = ()
    """What these examples are called; empty where they have no names."""
    overlap: tuple[float | None, ...] = ()
    """Of masks of classes the intersection over union of each class, over the pixels of `seen` examples; None for a
    class that is in no target and no answer."""
    seen: int = 0

    @property
    def is_map(self) -> bool:
        """True if an answer has a value for each pixel."""
        return self.output.ndim > 2


def gather_answers(
    model: nn.Module, split: Split, objective: Objective, arithmetic: Arithmetic, *, batch_size: int
) -> list[Answers]:
    """The answers of each output that is compared with a target, on the first examples of a part.

    Args:
        model: the model.
        split: the part.
        objective: the losses.
        arithmetic: device and precision.
        batch_size: examples per forward pass.
    """
    wanted = [(place, term) for place, term in enumerate(objective.terms) if _is_shown(term)]
    kept: dict[int, list[tuple[Tensor, Tensor, Tensor | None]]] = {place: [] for place, _ in wanted}
    tables: dict[int, Tensor] = {}
    seen = 0
    with evaluating(model):
        for x, y in split.batches(batch_size) if wanted else ():
            _, _, entries = entries_of(model, Batch(x, y), objective, arithmetic)
            for place, term in wanted:
                entry = entries[place]
                maps = entry.output.ndim > 2
                if maps and reads_of(term.term.loss) == "classes":
                    table = _table(entry.output, entry.y, term.ignored)
                    tables[place] = tables[place] + table if place in tables else table
                if maps and sum(len(part[0]) for part in kept[place]) >= _SHOWN:
                    continue
                few = slice(_SHOWN if maps else None)
                image = each(x)[0][few]
                shown = image.float().cpu() if maps and image.ndim == 4 and image.shape[1] in (1, 3) else None
                kept[place].append((_said(term, entry.output[few]).float().cpu(), entry.y[few].cpu(), shown))
            seen += len(each(x)[0])
            if seen >= _MOST or (not tables and all(term.scores[1:] and seen >= _SHOWN for _, term in wanted)):
                break
    rows = ints(split.rows[:_SHOWN]) if split.sources else []
    names = tuple(split.sources[row] for row in rows)
    found = [(_joined(term, kept[place], len(split)), tables.get(place)) for place, term in wanted if kept[place]]
    return [
        replace(one, sources=names if one.is_map else (), overlap=() if table is None else _overlap(table), seen=seen)
        for one, table in found
    ]


def _table(output: Tensor, target: Tensor, ignored: int | None) -> Tensor:
    """How many pixels of each class (rows) are taken for each (columns), int64 (C, C)."""
    classes = output.shape[1]
    answer, target = output.argmax(1).flatten(), target.flatten()
    counted = (target >= 0) & (target < classes)
    counted = counted if ignored is None else counted & (target != ignored)
    pairs = target[counted].long() * classes + answer[counted]
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes).cpu()


def _overlap(table: Tensor) -> tuple[float | None, ...]:
    both, either = ints(table.diagonal()), ints(table.sum(0) + table.sum(1) - table.diagonal())
    return tuple(a / b if b else None for a, b in zip(both, either, strict=True))


def _is_shown(term: LossFunction) -> bool:
    reads = reads_of(term.term.loss)
    if reads is None or term.perplexed:
        return False
    return reads != "values" or len(term.scores) != 2  # sequences of values are neither figures nor pictures


def _said(term: LossFunction, output: Tensor) -> Tensor:
    """An output as what it means: probabilities, or values."""
    if reads_of(term.term.loss) == "values":
        return output.exp() if term.term.loss.logarithmic else output
    return likelihood(term.term.loss)(output)


def _joined(term: LossFunction, parts: list[tuple[Tensor, Tensor, Tensor | None]], count: int) -> Answers:
    reads = reads_of(term.term.loss)
    assert reads is not None, "only such are gathered"
    output, target = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    if output.ndim > 2:
        output, target = output[:_SHOWN], target[:_SHOWN]
    elif reads != "classes":
        output, target = output.reshape(len(output), -1), target.reshape(len(target), -1)
    images = [image for _, _, image in parts if image is not None]
    shown = torch.cat(images)[:_SHOWN] if images else None
    return Answers(term.term.label, reads, output, target, term.ignored, shown, count)
