"""From a net and options to everything that a run consists of, ready for the first step."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from math import prod
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from netspec.diagnostics import ResourceError, UsageError, did_you_mean
from netspec.net import Net
from netspec.recipe.base import Precision, Recipe
from netspec.recipe.read import KEYS
from netspec.torch.build import build
from netspec.trainer.data.load import load_data
from netspec.trainer.data.splits import Batch, DataSplits, Picked, Resident, Split
from netspec.trainer.errors import NonFinite, Refusals, lacks_memory
from netspec.trainer.machine.convolutions import suit_tensor_cores
from netspec.trainer.machine.device import Arithmetic, choose_arithmetic, choose_device, fix_cublas
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.random_state import seed_everything
from netspec.trainer.measure.losses import LossFunction
from netspec.trainer.measure.metrics import HeldSums, Sums
from netspec.trainer.step.drivers import DRIVERS, Driver, choose_driver
from netspec.trainer.step.optim import Optimization, build_optimizer, freeze, train_mode
from netspec.trainer.step.schedule import Schedule
from netspec.trainer.step.weights import load_weights, not_finite
from netspec.trainer.step.work import MIX_PLAIN, Average, Buffers, Feed, Phase, Rows, Step


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a recipe is carried out. None of these changes what is learned, but for `weights`, `examples`, precision."""

    device: str = "auto"
    precision: Precision | None = None
    """In place of the recipe's."""
    data_root: str | Path | None = None
    base: Path | None = None
    """Where relative paths of the recipe count from, if what they name is there; None is the working directory."""
    workers: int | None = None
    """Processes that decode what is not resident."""
    budget: int | None = None
    """Bytes that examples may take on the device; what is larger is streamed. None is a quarter of its memory."""
    examples: int | None = None
    """Use only so many examples of each part, drawn by the recipe's seed."""
    weights: Path | None = None
    """A safetensors file or a run to start from."""
    fresh: tuple[str, ...] = ()
    """Patterns of parameters that keep their initial values in spite of `weights`."""
    driver: str = "auto"
    channels_last: bool | None = None
    """Keep the channels of images innermost; None does on the CPU and on tensor cores, whose convolutions want them
    so: the other way round cuDNN turns every map over in memory of its own."""
    compile: bool = False
    deterministic: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """The options by their names.

        Raises:
            TypeError: there is none of that name.
            UsageError: one of them has no meaning without another.
        """
        known = [f.name for f in fields(cls)]
        for name in given:
            if name in known:
                continue
            near = did_you_mean(name, known)
            recipe = f"; of the recipe it is set with `netspec.load(…, set={{'train.{name}': …}})`"
            hint = f"; did you mean `{near}`?" if near else recipe if name in KEYS else ""
            raise TypeError(f"train has no option `{name}`{hint}")
        if given.get("fresh") and given.get("weights") is None:
            raise UsageError("`--fresh` says which parameters `--weights` leaves alone; give both")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The options in plain values, for the run's `environment.json`."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def placed(self) -> Options:
        """With paths that mean the same from every working directory."""
        root = None if self.data_root is None else Path(self.data_root).expanduser().absolute()
        return replace(self, data_root=root, base=Path.cwd() if self.base is None else self.base)

    def remembered(self, saved: Mapping[str, Any]) -> Options:
        """Those of a run that goes on: what is not given now is what it was."""
        default = Options()
        old = {key: value for key in _KEPT if (value := _option(key, saved.get(key))) is not None}
        return replace(self, **{k: v for k, v in old.items() if getattr(self, k) == getattr(default, k)}, weights=None)


_KEPT = (
    "examples", "precision", "deterministic", "channels_last", "compile", "driver", "data_root", "base", "workers",
    "budget",
)  # fmt: skip


def _option(key: str, value: Any) -> Any:
    """The value of an option that a run has noted; None for what cannot be one: the file may be changed by hand."""
    match key:
        case "examples" | "workers" | "budget":
            return value if type(value) is int and value >= (key == "examples") else None
        case "precision":
            return value if value in get_args(Precision) else None
        case "driver":
            return value if isinstance(value, str) and value in DRIVERS else None
        case "data_root" | "base":
            return Path(value) if isinstance(value, str) and value and "\0" not in value else None
        case _:
            return value if isinstance(value, bool) else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # patterns


@dataclass
class Trainer:
    """The parts of a run."""

    net: Net
    recipe: Recipe
    world: World
    arithmetic: Arithmetic
    data: DataSplits
    model: nn.Module
    optimization: Optimization
    schedule: Schedule
    loss: LossFunction
    sums: Sums
    step: Step
    average: Average | None
    driver: Driver
    batches_per_epoch: int
    steps_per_epoch: int
    """Optimiser steps."""
    others: int = 0
    """Bytes on the GPU that tensors of this process held before the run was assembled."""
    _weights: dict[float, Tensor] = field(default_factory=dict[float, Tensor])

    @property
    def classes(self) -> bool:
        """True if the targets are classes, so that there is an accuracy."""
        return self.recipe.loss.target == "classes"

    @property
    def evaluated(self) -> nn.Module:
        """The module whose loss and accuracy are measured: the moving average, if there is one."""
        return self.model if self.average is None else self.average.module

    @property
    def evaluation_batch(self) -> int:
        """Examples per forward pass in evaluation: on a GPU more than in training if they are small, where launches
        count; of large ones the batch would need more memory than training does."""
        size, values = self.recipe.batch_size, prod(s for s in self.net.input_shape if isinstance(s, int))
        return size * (4 if self.arithmetic.device.type == "cuda" and size * values < 2**20 else 1)

    def batches(self, epoch: int, start: int) -> Iterator[Batch | Picked]:
        """This process's batches of an epoch (from 0), from the `start`th on; where steps are recorded and the data are
        resident they are fetched within the step."""
        split = self.data.train
        give = split.picks if self.driver.records and isinstance(split, Resident) else split.batches
        return give(
            self.recipe.batch_size,
            seed=self.recipe.seed,
            epoch=epoch,
            start_step=start,
            shuffle=True,
            augment=bool(self.recipe.augment),
            shard=self.world.shard,
        )

    def phase(self, batch: int, step: int) -> Phase:
        """Where the `batch`th batch of an epoch stands within its optimiser step, the `step`th of the run (from 0)."""
        accumulate, ema = self.recipe.accumulate, self.recipe.ema
        last = (batch + 1) % accumulate == 0 or batch == self.batches_per_epoch - 1
        average = ema is not None and last and (step + 1) % ema.every == 0
        return Phase(batch % accumulate == 0, last, average)

    def buffers(self, batch: Batch | Picked, number: int, mix: tuple[float, ...]) -> Feed:
        """What the step reads for the `number`th batch of an epoch."""
        examples = len(batch.y) if isinstance(batch, Batch) else len(batch.rows)
        whole = self.recipe.accumulate == 1 and self.world.alone
        weight = self._one if whole else self._weight(number, examples)
        if isinstance(batch, Batch):
            return Buffers(batch.x, batch.y, weight, self._mix(mix))
        return Rows(batch.rows, batch.key, weight, self._mix(mix), batch.split.fetch)

    def _weight(self, number: int, examples: int) -> Tensor:
        """The share of this process's batch in its optimiser step, times the processes that the mean divides by."""
        size, accumulate, total = self.recipe.batch_size, self.recipe.accumulate, len(self.data.train)
        begin = number // accumulate * accumulate * size
        value = examples * self.world.size / min(accumulate * size, total - begin)
        if value not in self._weights:
            self._weights[value] = torch.tensor(value, device=self.arithmetic.device)
        return self._weights[value]

    def _mix(self, values: tuple[float, ...]) -> Tensor:
        on_gpu = self.arithmetic.device.type == "cuda"
        if not values:
            return self._plain
        host = torch.tensor(values, pin_memory=on_gpu)
        return host.to(self.arithmetic.device, non_blocking=True)

    def __post_init__(self) -> None:
        self._plain = torch.tensor(MIX_PLAIN, device=self.arithmetic.device)
        self._one = torch.ones((), device=self.arithmetic.device)

    def draw_mix(self) -> tuple[float, ...]:
        """Draw how a batch of images is mixed, by Python's generator; nothing if it is not."""
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
        """Set the moving average's share for the `step`th step of the run (from 0)."""
        ema = self.recipe.ema
        if ema is None or self.average is None:
            return
        updates = (step + 1) // ema.every
        decay = min(ema.decay, (1 + updates) / (10 + updates)) if ema.warmup else ema.decay
        self.average.share.fill_(1 - decay)


def _box(share: float, height: int, width: int) -> tuple[float, ...]:
    """CutMix's box, as torchvision draws it: its middle anywhere, its area 1 − share before it is clipped."""
    y, x = random.randrange(height), random.randrange(width)
    half = 0.5 * (1 - share) ** 0.5
    top, bottom = max(0, y - int(half * height)), min(height, y + int(half * height))
    left, right = max(0, x - int(half * width)), min(width, x + int(half * width))
    own = 1 - (bottom - top) * (right - left) / (height * width)
    return (1.0, own, float(top), float(bottom), float(left), float(right))


def assemble(net: Net, options: Options, world: World, device: str, data: DataSplits | None = None) -> Trainer:
    """Load the data (unless they are at hand), build the model and everything around it.

    Raises:
        UsageError: the spec has no recipe, or an option does not fit it.
        ResourceError: data are missing, damaged or do not fit.
    """
    recipe = net.recipe
    if recipe is None:
        raise UsageError(f"`{net.name}` has no `train:` recipe; `netspec new NAME` writes a spec that has one")
    if symbols := [str(size) for size in net.input_shape if not isinstance(size, int)]:
        settings = " ".join(f"--set {name}=…" for name in dict.fromkeys(symbols))
        raise UsageError(f"the input of `{net.name}` has sizes without a number; training needs them: `{settings}`")
    if options.precision is not None:
        recipe = replace(recipe, precision=options.precision)
        net = replace(net, recipe=recipe)
    if options.deterministic and device != "cpu":
        fix_cublas()
    arithmetic = choose_arithmetic(choose_device(device), recipe.precision, options.deterministic)
    target = arithmetic.device
    others = 0
    if target.type == "cuda":
        others = torch.cuda.memory_allocated(target)
        torch.cuda.reset_peak_memory_stats(target)  # so that the peak is this run's
    data = data or _load(net, recipe, options, world, target)
    seed_everything(recipe.seed + world.rank)
    model = build(net, seed=recipe.seed).to(target)
    if options.weights is not None:
        load_weights(model, options.weights, options.fresh)
        if (found := not_finite(model)) is not None:
            raise NonFinite(
                f"`--weights {options.weights}`: {found}, so there is nothing to train on; take the weights of another "
                "run or checkpoint, or leave that parameter as initialised with `--fresh`"
            )
    tensor_cores = target.type == "cuda" and arithmetic.precision != "fp32"
    channels_last = options.channels_last
    if channels_last is None:
        channels_last = target.type == "cpu" or tensor_cores
    if channels_last:
        _to_channels_last(model)
    if tensor_cores:
        suit_tensor_cores(model, fuse=not options.compile)
    freeze(model, recipe.freeze)
    train_mode(model)
    optimization = build_optimizer(model, recipe, target)
    batches = data.train.steps(recipe.batch_size)
    steps = -(-batches // recipe.accumulate)
    schedule = Schedule(recipe, optimization, steps)
    loss = LossFunction(recipe.loss, target, ignores=data.ignores)
    watched = target.type == "cpu" and options.driver in ("auto", "eager")
    classes = recipe.loss.target == "classes"
    sums = HeldSums(classes, loss) if watched else Sums(target, classes, loss)
    average = Average(model, copy.deepcopy(model), target) if recipe.ema else None
    forward = _forward(model, options, world, target)
    step = Step(forward, optimization, loss, recipe, arithmetic, sums, average, watched, world, list(model.buffers()))
    driver = choose_driver(options.driver, step, schedule.cycles_momentum, alone=world.alone)
    return Trainer(
        net,
        recipe,
        world,
        arithmetic,
        data,
        model,
        optimization,
        schedule,
        loss,
        sums,
        step,
        average,
        driver,
        batches,
        steps,
        others,
    )


def _to_channels_last(model: nn.Module) -> None:
    """Keep the channels of what is (C, H, W) innermost; a net may have weights of other ranks beside them."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)


def _forward(model: nn.Module, options: Options, world: World, device: torch.device) -> Callable[[Tensor], Any]:
    forward = world.wrap(model, device)
    return torch.compile(forward) if options.compile else forward


def _load(net: Net, recipe: Recipe, options: Options, world: World, device: torch.device) -> DataSplits:
    """The data; the first process downloads what is missing before the others look."""
    if not world.first:
        world.wait_for_first()
    try:
        with Refusals(lambda: "loading the data"):
            data = load_data(
                recipe, net.input, net.output, device, root=options.data_root, base=options.base,
                budget=options.budget, workers=options.workers,
            )  # fmt: skip
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise ResourceError("loading the data: the machine has no more memory") from None
    if world.first:
        _ = data.fingerprint  # read once, and kept for the others
        world.wait_for_first()
    for split in (data.train, data.validation, data.test):
        if split is not None and options.examples is not None:
            limit(split, options.examples, recipe.seed)
    if recipe.batch_size < world.size:
        raise UsageError(
            f"`train.batch_size` is {recipe.batch_size}, fewer than the {world.size} processes that share a batch"
        )
    rest = len(data.train) % recipe.batch_size
    if 0 < rest < world.size:
        raise UsageError(
            f"the last batch of an epoch has {rest} of {len(data.train)} examples, fewer than the {world.size} "
            f"processes; choose another `batch_size` than {recipe.batch_size}"
        )
    return data


def limit(split: Split, examples: int, seed: int) -> None:
    """Keep so many examples of a split, drawn by a seed."""
    split.rows = split.order(seed=seed, epoch=-1, shuffle=True)[:examples]


def data_facts(data: DataSplits) -> dict[str, Any]:
    """What a run notes of its data."""
    parts = {name: split for name in ("train", "validation", "test") if (split := data.split(name)) is not None}
    return {
        "examples": {name: len(split) for name, split in parts.items()},
        "names": list(data.names),
        "fingerprint": data.fingerprint,
        "resident": data.train.resident,
        "bytes": data.bytes,
        "seconds_to_load": round(data.seconds, 3),
    }
