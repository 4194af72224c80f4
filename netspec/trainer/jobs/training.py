"""Training, from top to bottom: where, what, the loop (`loop/epochs.py`), what is left behind."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.trainer.loop.background import Keeper
from netspec.trainer.loop.epochs import RunResult, Training
from netspec.trainer.loop.resuming import finished, resumed
from netspec.trainer.machine.device import environment, fix_cublas, numerics
from netspec.trainer.machine.processes import world
from netspec.trainer.machine.signals import interrupts
from netspec.trainer.machine.undisturbed import kept_child_handler, kept_environment, kept_randomness
from netspec.trainer.measure.evaluation import examine
from netspec.trainer.run.directory import RunDirectory, class_names, create_run, open_run
from netspec.trainer.run.lock import locked
from netspec.trainer.run.progress import Progress
from netspec.trainer.run.sameness import identity
from netspec.trainer.setup.assembly import assemble, data_facts
from netspec.trainer.setup.memory import memory_in_use, out_of_memory, spare_memory
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.report import write_report
from netspec.trainer.show.reporters import Quiet, Reporter, choose_reporter
from netspec.trainer.show.tensorboard import need_tensorboard, tensorboard_log
from netspec.views.describe import bytes_text


def train(
    net: Net,
    *,
    run: str | Path | None = None,
    resume: str | Path | None = None,
    force: bool = False,
    quiet: bool = False,
    reporter: Reporter | None = None,
    max_steps: int | None = None,
    tensorboard: bool | None = None,
    report: bool | None = None,
    **options: Any,
) -> RunResult:
    """Train a net by its recipe.

    Args:
        net: the net, with a recipe.
        run: the run directory; `runs/NAME-N` if None.
        resume: a run directory to go on with, in place of `run`.
        force: resume although spec, data or number of processes differ.
        quiet: show nothing but warnings.
        reporter: who is told how it goes; a bar or lines if None.
        max_steps: stop with a checkpoint after so many optimiser steps, as a signal would.
        report: write `report.html` at the end, for which a classifier is examined on its test data once more; None is
            what the run was started with, and True for a new one.
        tensorboard: write TensorBoard logs into the run directory too; None is what the run was started with.
        options: see `netspec.trainer.setup.options.Options`.

    Returns:
        What came of it. Loss and accuracy are in `records`, the weights in `run/model.safetensors`.

    Raises:
        UsageError: an option does not fit the spec or the machine.
        ResourceError: memory, disk or data failed.
        NonFinite: a loss or gradient was not finite; the message names the layer.
        Interrupted: a signal came; a checkpoint is written.
    """
    with ExitStack() as stack:
        # ---- where: processes, device, arithmetic
        stack.enter_context(kept_environment())
        stack.enter_context(kept_child_handler())
        saved = {} if resume is None else open_run(Path(resume)).options
        chosen = _chosen(net, options, saved, resuming=resume is not None)
        tensorboard = saved.get("tensorboard") is True if tensorboard is None else tensorboard
        report = saved.get("report") is not False if report is None else report
        if tensorboard:
            need_tensorboard()
        place, device = stack.enter_context(world(chosen.device))
        stack.enter_context(kept_randomness(device))
        caught = stack.enter_context(interrupts(patience=0.0 if place.alone else 5.0))
        trainer = assemble(net, chosen, place, device)
        stack.callback(trainer.data.close)
        stack.enter_context(numerics(trainer.arithmetic))
        stack.enter_context(spare_memory(trainer))
        reporter = reporter or (
            choose_reporter(lambda: bytes_text(memory_in_use(trainer.arithmetic.device)), quiet)
            if place.first
            else Quiet()
        )
        stack.callback(reporter.end)
        for note in trainer.data.notes if place.first else ():
            reporter.note(note)

        # ---- what: a new run directory, or an old one with its state
        facts = environment(trainer.arithmetic, place.size) | {
            "options": chosen.to_dict() | {"tensorboard": tensorboard, "report": report},
            "data": data_facts(trainer.data),
        }
        directory = _directory(trainer, facts, run, resume)
        if place.first:
            stack.enter_context(locked(directory.path))
        who = identity(trainer.net, trainer.recipe, trainer.data.fingerprint, place.size, chosen.examples)
        progress, change = Progress(), None
        if resume is not None:
            progress, change = resumed(trainer, directory, who, facts, force, reporter)
        keeper = stack.enter_context(Keeper(directory, who, facts, trainer.recipe.checkpoint_keep, place, change))
        log = stack.enter_context(tensorboard_log(directory.path)) if tensorboard and place.first else None

        # ---- the loop
        stack.enter_context(out_of_memory(trainer))
        training = Training(trainer, directory, progress, keeper, reporter, caught, max_steps, log)
        if training.over and directory.has_weights(progress.step):
            reporter.note(finished(directory, progress, trainer.recipe))
        else:
            training.run()
            if (why := training.stopped_early) is not None:
                reporter.note(why)
            keeper.finish(trainer, progress)

        # ---- what is left behind
        if report and place.first and not directory.report.is_file():
            reporter.doing("writing report.html")
            _report(trainer, directory)
        place.wait_for_first()
    return training.result()


def _chosen(net: Net, options: Mapping[str, Any], saved: Mapping[str, Any], *, resuming: bool) -> Options:
    """The options, with those that a run that goes on was started with."""
    if not isinstance(net, Net):  # pyright: ignore[reportUnnecessaryIsInstance]  # a caller without types
        raise TypeError(f"train wants a net, not {net!r}: `netspec.train(netspec.load({str(net)!r}))`")
    chosen = Options.of(options)
    if resuming:
        if chosen.weights is not None:
            raise UsageError("`--weights` starts a new run; `--resume` goes on with the weights of the run")
        chosen = chosen.remembered(saved)
    if chosen.deterministic and chosen.device != "cpu":
        fix_cublas()  # here already: several processes each take their GPU before anything is assembled
    return chosen.placed()


def _directory(
    trainer: Trainer, facts: dict[str, Any], run: str | Path | None, resume: str | Path | None
) -> RunDirectory:
    """The run that goes on, or a new one with what it is made from."""
    if resume is not None:
        return open_run(Path(resume))
    place = trainer.world
    return RunDirectory(place.tell(_create(trainer.net, run, facts) if place.first else None))


def _report(trainer: Trainer, directory: RunDirectory) -> None:
    """The page about the run, with a classifier's answers to its test or else its validation data."""
    split, shape = trainer.data.test or trainer.data.validation, trainer.net.output_shape
    found = None
    if split is not None and trainer.classes and len(shape) == 1 and isinstance(shape[0], int):
        found = examine(
            trainer.evaluated, split, trainer.loss, trainer.arithmetic,
            classes=shape[0], batch_size=trainer.evaluation_batch,
        )  # fmt: skip
    write_report(directory, trainer.net, found, class_names(trainer.data.names, shape))


def _create(net: Net, run: str | Path | None, facts: dict[str, Any]) -> Path:
    directory = create_run(net.name, None if run is None else Path(run))
    directory.write_sources(net, facts)
    return directory.path
