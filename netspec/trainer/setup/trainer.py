"""The parts of a training run, and the inputs of its steps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor, nn

from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.trainer.data.splits import Batch, DataSplits, Picked, Resident, Wanted
from netspec.trainer.machine.device import Arithmetic
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.values import each
from netspec.trainer.measure.figures import Metrics
from netspec.trainer.measure.losses import Objective
from netspec.trainer.measure.metrics import LossSums
from netspec.trainer.step.drivers import Driver
from netspec.trainer.step.feed import MIX_PLAIN, Buffers, Feed, Phase, Rows
from netspec.trainer.step.optim import Optimization
from netspec.trainer.step.schedule import Schedule
from netspec.trainer.step.work import Average, Step


@dataclass
class Trainer:
    """The parts of a training run."""

    net: Net
    recipe: Recipe
    world: World
    arithmetic: Arithmetic
    data: DataSplits
    model: nn.Module
    optimization: Optimization
    schedule: Schedule
    loss: Objective
    sums: LossSums
    step: Step
    average: Average | None
    driver: Driver
    batches_per_epoch: int
    steps_per_epoch: int
    """Optimizer steps; fewer than batches if gradients are accumulated."""
    metrics: Metrics | None = None
    """Those of the program, measured on validation and test data."""
    notes: tuple[str, ...] = ()
    """Notes for the user about the weights that it starts from, a line each."""
    others: int = 0
    """Bytes on the GPU that tensors of this process held before the run was assembled."""
    divided: bool = False
    """Each process holds a part of the model, so that all must call it for as many batches."""
    _weights: dict[float, Tensor] = field(default_factory=dict[float, Tensor])

    @property
    def evaluated(self) -> nn.Module:
        """The module that is evaluated and saved at the end: the moving average if there is one, else the model."""
        return self.model if self.average is None else self.average.module

    @property
    def evaluation_batch(self) -> int:
        """Examples per forward pass in evaluation. On a GPU, four times the batch size of training for small inputs,
        where kernel launches dominate; not for large ones, which could need more memory than training does."""
        size, shapes = self.recipe.batch_size, [value.type.shape for value in self.net.inputs]
        values = sum(prod(s for s in shape if isinstance(s, int)) for shape in shapes)
        return size * (4 if self.arithmetic.device.type == "cuda" and size * values < 2**20 else 1)

    @property
    def examples_per_epoch(self) -> int | None:
        """The examples that an epoch trains on: all of the training data, or those of its whole batches; None where
        only reading them tells."""
        known = self.data.train.known
        if known is None or not self.recipe.drop_last:
            return known
        return min(known, self.batches_per_epoch * self.recipe.batch_size)

    def batches(self, epoch: int, start: int) -> Iterator[Batch | Picked]:
        """This process's batches of an epoch (from 0), from the batch with the index `start` on.

        For a driver that records steps and resident data, the batches are not fetched yet: the step does that.
        """
        split = self.data.train
        recipe = self.recipe
        wanted = Wanted(
            recipe.batch_size, recipe.seed, epoch, start, True, bool(recipe.augment), self.world.shard,
            recipe.drop_last,
        )  # fmt: skip
        return split.picks(wanted) if self.driver.records and isinstance(split, Resident) else split.read(wanted)

    def begin(self, epoch: int) -> None:
        """Set which parameters train in an epoch, counted from 0."""
        if self.step.thawing is not None:
            self.step.thawing.begin(epoch)

    def phase(self, batch: int, step: int) -> Phase:
        """The position of a batch (index in the epoch) in its optimizer step (index in the run)."""
        accumulate, ema = self.recipe.accumulate, self.recipe.ema
        last = (batch + 1) % accumulate == 0 or batch == self.batches_per_epoch - 1
        average = ema is not None and last and (step + 1) % ema.every == 0
        return Phase(
            batch % accumulate == 0, last, average, 0 if self.step.thawing is None else self.step.thawing.stage
        )

    def buffers(self, batch: Batch | Picked, number: int, mix: tuple[float, ...]) -> Feed:
        """The input of the step for a batch; `number` is its index in the epoch, `mix` a result of `draw_mix`."""
        weight = self._one
        if not self._whole:
            examples = each(batch.x)[0].shape[0] if isinstance(batch, Batch) else batch.rows.shape[0]
            weight = self._weight(number, examples)
        if isinstance(batch, Batch):
            return Buffers(batch.x, batch.y, weight, self._mix(mix))
        return Rows(batch.rows, batch.key, weight, self._mix(mix), batch.split.fetch)

    def _weight(self, number: int, examples: int) -> Tensor:
        """The share of this process's batch in the examples of its optimizer step, times the number of processes.

        DistributedDataParallel averages the gradients over the processes; the factor makes that a sum.
        """
        size, accumulate, total = self.recipe.batch_size, self.recipe.accumulate, self.examples_per_epoch or 0
        begin = number // accumulate * accumulate * size
        value = examples * self.world.size / min(accumulate * size, total - begin)
        if value not in self._weights:
            self._weights[value] = torch.tensor(value, device=self.arithmetic.device)
        return self._weights[value]

    def _mix(self, values: tuple[float, ...]) -> Tensor:
        if not values:
            return self._plain
        on_gpu = self.arithmetic.device.type == "cuda"
        host = torch.tensor(values, pin_memory=on_gpu)
        return host.to(self.arithmetic.device, non_blocking=True)

    def __post_init__(self) -> None:
        self._plain = torch.tensor(MIX_PLAIN, device=self.arithmetic.device)
        self._one = torch.ones((), device=self.arithmetic.device)
        self._whole = self.recipe.accumulate == 1 and self.world.alone

    def draw_mix(self) -> tuple[float, ...]:
        """Draw the parameters of mixup or CutMix for a batch (see `Buffers.mix`) with Python's generator; `()` if the
        recipe has neither."""
        mixup, cutmix = self.recipe.mixup, self.recipe.cutmix
        if not mixup and not cutmix:
            return ()
        if not cutmix or (mixup and random.random() < 0.5):
            share = random.betavariate(mixup, mixup)
            return (share, share, 0.0, 0.0, 0.0, 0.0)
        height, width = self.net.input_shape[-2:]
        assert isinstance(height, int)
        assert isinstance(width, int)
        return _box(random.betavariate(cutmix, cutmix), height, width)

    def follow(self, step: int) -> None:
        """Set the weight of the moving average's next update, for the step with this index in the run."""
        ema = self.recipe.ema
        if ema is None or self.average is None:
            return
        updates = (step + 1) // ema.every
        decay = min(ema.decay, (1 + updates) / (10 + updates)) if ema.warmup else ema.decay
        self.average.share.fill_(1 - decay)


def _box(share: float, height: int, width: int) -> tuple[float, ...]:
    """The values of `Buffers.mix` for CutMix: a box as torchvision draws it, with a random centre and, before it is
    clipped, the area 1 − share of the image."""
    y, x = random.randrange(height), random.randrange(width)
    half = 0.5 * (1 - share) ** 0.5
    top, bottom = max(0, y - int(half * height)), min(height, y + int(half * height))
    left, right = max(0, x - int(half * width)), min(width, x + int(half * width))
    own = 1 - (bottom - top) * (right - left) / (height * width)
    return (1.0, own, float(top), float(bottom), float(left), float(right))
