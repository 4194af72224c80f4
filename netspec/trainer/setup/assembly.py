"""Assemble the trainer of a run from a net and options."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netspec.asked import option
from netspec.diagnostics import OutOfMemory, UsageError
from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.torch.build import build
from netspec.torch.foreign import lacks_memory
from netspec.trainer.data.ends import given_of
from netspec.trainer.data.load import load_data
from netspec.trainer.data.splits import DataSplits
from netspec.trainer.errors import NonFinite, Refusals
from netspec.trainer.machine.convolutions import suit_tensor_cores
from netspec.trainer.machine.device import Arithmetic, choose_arithmetic, choose_device, fix_cublas
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.random_state import seed_everything
from netspec.trainer.machine.values import each
from netspec.trainer.measure.figures import make_metrics
from netspec.trainer.measure.given import check_loss
from netspec.trainer.measure.losses import Objective
from netspec.trainer.measure.metrics import LossSums
from netspec.trainer.measure.objective import make_objective
from netspec.trainer.setup.balance import balanced, draw_evenly
from netspec.trainer.setup.division import check_division, divide
from netspec.trainer.setup.following import check_looks_back, check_tokens
from netspec.trainer.setup.lacking import without_recipe
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.supplied import Supplied
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.step.drivers import RECORDERS, choose_driver
from netspec.trainer.step.optim import build_optimizer, thawing
from netspec.trainer.step.parameters import freeze, train_mode
from netspec.trainer.step.schedule import Schedule
from netspec.trainer.step.weights import load_weights, not_finite
from netspec.trainer.step.work import Average, Step


def assemble(
    net: Net,
    options: Options,
    world: World,
    device: str,
    data: DataSplits | None = None,
    kept: Path | None = None,
    supplied: Supplied = Supplied(),  # noqa: B008  # an immutable value
) -> Trainer:
    """Load the data (unless given), and build model, optimizer, schedule, step and driver.

    Args:
        net: the net, with a recipe.
        options: the options of the run.
        world: the processes of the run.
        device: the device of this process, as `--device` names it.
        data: data that are loaded already.
        kept: see `load_data`.
        supplied: what a program gives.

    Raises:
        UsageError: the spec has no recipe, an option does not fit it, or the net sees the token that it is to say.
        ResourceError: data are missing, damaged or do not fit the net.
        NonFinite: a given weight is not finite.
    """
    net, recipe = _trainable(net, options)
    if options.shard:
        check_division(options, world)
    if options.deterministic and device != "cpu":
        fix_cublas()
    arithmetic = choose_arithmetic(choose_device(device), recipe.precision, options.deterministic)
    target = arithmetic.device
    others = 0
    if target.type == "cuda":
        others = torch.cuda.memory_allocated(target)
        torch.cuda.reset_peak_memory_stats(target)  # so that the peak is this run's
    seed_everything(recipe.seed + world.rank)  # before the data: a first batch of a program's may draw, and is kept
    if data is None:
        data = _load(net, recipe, options, world, target, kept, supplied)
        if supplied.data is None:
            seed_everything(recipe.seed + world.rank)
    recipe = balanced(net, recipe, data)
    undrawn = draw_evenly(net, recipe, data)
    net = replace(net, recipe=recipe)  # so that the run's own spec says the numbers
    model, notes = _model(net, recipe, options, arithmetic)
    copied = copy.deepcopy(model) if recipe.ema else None
    if options.shard:
        for each_one in filter(None, (model, copied)):
            divide(each_one, net, world, target)
    optimization = build_optimizer(model, recipe, target)
    batches = data.train.steps(recipe.batch_size, drop_last=recipe.drop_last)
    steps = -(-batches // recipe.accumulate)
    schedule = Schedule(recipe, optimization, steps)
    given = None if supplied.loss is None else check_loss(supplied.loss, target)
    loss = make_objective(net, recipe, target, data.ignores, given, data.form)
    metrics = make_metrics(recipe, loss, data.names, target, world, supplied.metrics)
    _check_divisors(recipe, loss, world)
    _check_text(net, recipe, model, loss, data, target)
    watched = target.type == "cpu" and options.driver not in RECORDERS
    sums = LossSums(loss, target, held=watched)
    average = None if copied is None else Average(model, copied, target)
    forward = _forward(model, options, world, target, whole=loss.reads_all)
    thaws = thawing(model, recipe, alone=world.alone) if any(group.freeze for group in recipe.groups) else None
    step = Step(
        forward, optimization, loss, recipe, arithmetic, sums, average, watched, world, list(model.buffers()), thaws
    )  # fmt: skip
    driver = choose_driver(options.driver, step, schedule.cycles_momentum, alone=world.alone)
    return Trainer(
        net, recipe, world, arithmetic, data, model, optimization, schedule, loss, sums, step, average, driver,
        batches_per_epoch=batches, steps_per_epoch=steps, others=others, metrics=metrics, divided=bool(options.shard),
        notes=notes if undrawn is None else (*notes, undrawn),
    )  # fmt: skip


def _check_text(
    net: Net, recipe: Recipe, model: nn.Module, loss: Objective, data: DataSplits, target: torch.device
) -> None:
    """Where targets are the next tokens, require that the net knows each, and does not see the one that it is to
    say."""
    if not recipe.data.next_token or data.classes is None:
        return
    check_tokens(net, loss, data.classes, f"the text of `{recipe.data.name()}`")
    first = each(next(iter(data.train.batches(1))).x)[0]
    check_looks_back(model, loss, first, data.classes, target)


def _trainable(net: Net, options: Options) -> tuple[Net, Recipe]:
    """The net and its recipe, with the precision of the options if they have one.

    Raises:
        UsageError: there is no recipe, or the input has symbolic sizes.
    """
    recipe = net.recipe
    if recipe is None:
        raise without_recipe(net)
    sizes = [size for value in net.inputs for size in value.type.shape]
    if symbols := [str(size) for size in sizes if not isinstance(size, int)]:
        settings = " ".join(f"--set {name}=…" for name in dict.fromkeys(symbols))
        raise UsageError(f"the input of `{net.name}` has sizes without a number; training needs them: `{settings}`")
    if options.precision is not None:
        recipe = recipe._replace(precision=options.precision)
        net = replace(net, recipe=recipe)
    return net, recipe


def _check_divisors(recipe: Recipe, objective: Objective, world: World) -> None:
    """Several losses, each with its mean: what one divides by must be known within a batch.

    Raises:
        UsageError: a loss of several divides by the targets that count, and a step has several batches or processes.
    """
    divides = next((term for term in objective.terms if term.divides), None)
    if objective.only is not None or divides is None or (recipe.accumulate == 1 and world.alone):
        return
    parts = f"`accumulate: {recipe.accumulate}`" if recipe.accumulate > 1 else f"{world.size} processes"
    raise UsageError(
        f"`{divides.term.loss.name()}` of `{divides.term.label}` divides by its targets that count, which beside other "
        f"losses must be those of one batch, but a step is divided into several by {parts}; leave out its "
        "`weight`, store no targets that it ignores, or train with one process and `accumulate: 1`"
    )


def _model(net: Net, recipe: Recipe, options: Options, arithmetic: Arithmetic) -> tuple[nn.Module, tuple[str, ...]]:
    """Build the model on its device: initial or given weights, memory format, frozen parameters, train mode. One that
    is to be divided stays on the host, since it may not fit the device. And notes about weights that were left alone.

    Raises:
        UsageError: the given weights do not fit the model.
        NonFinite: a given weight is not finite.
    """
    device = arithmetic.device
    model = build(net, seed=recipe.seed).to("cpu" if options.shard else device)
    notes: tuple[str, ...] = ()
    if options.weights is not None:
        note = load_weights(model, options.weights, options.fresh)
        notes = () if note is None else (note,)
        if (found := not_finite(model)) is not None:
            raise NonFinite(
                f"{option('weights', options.weights)}: {found}, so there is nothing to train on; take the weights "
                f"of another run or checkpoint, or leave that parameter as initialised with {option('fresh')}"
            )
    tensor_cores = device.type == "cuda" and arithmetic.precision != "fp32"
    channels_last = options.channels_last
    if channels_last is None and not options.shard:
        channels_last = device.type == "cpu" or tensor_cores
    if channels_last:
        _to_channels_last(model)
    if tensor_cores:
        suit_tensor_cores(model)
    freeze(model, recipe.freeze)
    train_mode(model)
    return model, notes


def _to_channels_last(model: nn.Module) -> None:
    """Set 4-dim parameters and buffers to the channels-last memory format. (`model.to` would refuse 5-dim ones.)"""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)


def _forward(
    model: nn.Module, options: Options, world: World, device: torch.device, *, whole: bool
) -> Callable[..., Any]:
    forward = world.beside(model) if options.shard else world.wrap(model, device, whole=whole)
    return torch.compile(forward) if options.compile else forward


def _load(
    net: Net,
    recipe: Recipe,
    options: Options,
    world: World,
    device: torch.device,
    kept: Path | None,
    supplied: Supplied,
) -> DataSplits:
    """Load the data. The first process goes first, and downloads what is missing.

    Raises:
        UsageError: a batch has fewer examples than there are processes.
        ResourceError: data are missing, damaged or do not fit, or memory ran out.
    """
    if not world.first:
        world.wait_for_first()
    try:
        with Refusals(lambda: "loading the data"):
            data = load_data(
                recipe, *given_of(net), device, root=options.data_root, base=options.base,
                budget=options.budget, workers=options.workers, kept=kept,
                given=supplied.data, processes=world.size,
            )  # fmt: skip
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise OutOfMemory("loading the data: the machine has no more memory") from None
    if world.first:
        _ = data.fingerprint  # computed and cached before the other processes need it
        world.wait_for_first()
    if options.examples is not None:
        data.limit(options.examples, recipe.seed)
    if recipe.batch_size < world.size:
        raise UsageError(
            f"`train.batch_size` is {recipe.batch_size}, fewer than the {world.size} processes that share a batch"
        )
    if recipe.drop_last and not data.train.steps(recipe.batch_size, drop_last=True):
        raise UsageError(
            f"an epoch has no batch: `train.drop_last` drops the last one, which has {len(data.train)} of "
            f"`train.batch_size: {recipe.batch_size}` examples; make `batch_size` at most {len(data.train)}, or leave "
            "`drop_last` out"
        )
    rest = 0 if world.alone or recipe.drop_last else len(data.train) % recipe.batch_size
    if 0 < rest < world.size:
        raise UsageError(
            f"the last batch of an epoch has {rest} of {len(data.train)} examples, fewer than the {world.size} "
            f"processes; write `drop_last: true`, or choose another `batch_size` than {recipe.batch_size}"
        )
    return data


def data_facts(data: DataSplits) -> dict[str, Any]:
    """The facts about the data in `environment.json`."""
    return {
        "examples": {name: split.known for name, split in data.parts.items()},
        "available": {name: split.available or split.known for name, split in data.parts.items()},
        "names": list(data.names),
        "fingerprint": data.fingerprint,
        "resident": data.train.resident,
        "bytes": data.bytes,
        "seconds_to_load": round(data.seconds, 3),
    }
