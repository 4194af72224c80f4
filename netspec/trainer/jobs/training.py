"""A training run from start to end: devices and processes, the run directory, the loop, the final files.

The loop itself is in `loop/epochs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import load

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.net import Net, need_net
from netspec.trainer.loop.agreement import agree_on_identity, agree_on_place, marked
from netspec.trainer.loop.background import Keeper
from netspec.trainer.loop.callbacks import Callbacks
from netspec.trainer.loop.epochs import Training
from netspec.trainer.loop.resuming import finished, resumed
from netspec.trainer.loop.state import load_model
from netspec.trainer.machine.device import environment, fix_cublas, numerics
from netspec.trainer.machine.processes import World, world
from netspec.trainer.machine.signals import Interrupts, interrupts
from netspec.trainer.machine.undisturbed import kept_child_handler, kept_environment, kept_randomness
from netspec.trainer.measure.answers import Answers, gather_answers
from netspec.trainer.measure.evaluation import examine
from netspec.trainer.measure.given import name_of
from netspec.trainer.run.checkpoint import clear_orphans
from netspec.trainer.run.directory import RunDirectory, check_weights, class_names, create_run, find_run
from netspec.trainer.run.lock import locked
from netspec.trainer.run.progress import Progress
from netspec.trainer.run.records import Record
from netspec.trainer.run.result import RunResult
from netspec.trainer.run.sameness import identity
from netspec.trainer.run.standing import beginning
from netspec.trainer.setup.assembly import assemble, data_facts
from netspec.trainer.setup.memory import memory_in_use, out_of_memory, spare_memory
from netspec.trainer.setup.options import STARTING, Options
from netspec.trainer.setup.supplied import Supplied, supplied
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.setup.trying import try_out
from netspec.trainer.show.report import write_report
from netspec.trainer.show.reporters import Quiet, Reporter, choose_reporter
from netspec.trainer.show.tensorboard import need_tensorboard, tensorboard_log
from netspec.trainer.show.trackers import TRACKERS, need_trackers, tracked
from netspec.views.describe import bytes_text


def train(
    net: Net,
    *,
    data: Any = None,
    loss: Any = None,
    metrics: Any = None,
    callbacks: Any = None,
    batches_per_epoch: int | None = None,
    run: str | Path | None = None,
    resume: str | Path | None = None,
    auto_resume: bool = False,
    force: bool = False,
    quiet: bool = False,
    reporter: Reporter | None = None,
    max_steps: int | None = None,
    tensorboard: bool | None = None,
    log: Sequence[str] | None = None,
    report: bool | None = None,
    **options: Any,
) -> RunResult:
    """Train a net by its recipe.

    What the recipe names may be given in its place (docs/training.md): a recipe that leaves it to the program says
    `data: given` and `loss: function`.

    Args:
        net: the net, with a recipe.
        data: what to train on, or a mapping with the parts `train`, `validation` and `test`. A part is a pair of
            tensors `(x, y)`, a torch `Dataset` of pairs, a `DataLoader`, or another iterable of batches. Several inputs
            or targets stand together in a dict by their names, or in a tuple.
        loss: a function or module `loss(output, target)`, which gives the mean over a batch: a tensor of one number.
        metrics: by name, functions `metric(output, target)` that give a number for a batch, or objects with `update`,
            `compute` and `reset`, such as those of torchmetrics. They are measured on validation and test data.
        callbacks: functions that are called after each epoch with an `Event`, or `Callback`s; one, or a list.
        batches_per_epoch: the batches of an epoch, for data without a length.
        run: the new run directory; `runs/NAME-N` if None.
        resume: a run directory to resume, in place of `run`.
        auto_resume: resume `run` if it has a checkpoint, else begin in it: the same call then serves to begin and to go
            on, as it must where `torchrun` or a scheduler starts it again. `weights` are for the beginning.
        force: resume even if spec, data or the number of processes differ.
        quiet: show nothing but warnings.
        reporter: shows the progress; None chooses a bar or lines.
        max_steps: stop with a checkpoint when the run has this many optimizer steps, as on a signal.
        report: write `report.html` at the end, for which a classifier is evaluated on its test data once more. None
            means True for a new run, else what the run was started with.
        tensorboard: also write TensorBoard logs into the run directory. None means False for a new run, else what the
            run was started with.
        log: services that the epochs are logged to, `wandb` and `mlflow`. None means none for a new run, else those
            that the run was started with.
        options: see `netspec.trainer.setup.options.Options`.

    Returns:
        The result: losses and accuracies in `records`; the weights are in `run/model.safetensors`, the best where the
            recipe has a `best`.

    Raises:
        UsageError: an option does not fit the spec, the run or the machine.
        ResourceError: memory, disk or data failed, or processes see different files.
        NonFinite: a loss or gradient was not finite; the message names the layer.
        CallbackFailed: a callback raised; a checkpoint is written.
        Interrupted: a signal arrived, or `max_steps` is reached; a checkpoint is written.

    >>> net = netspec.loads(
    ...     "{input: [8], layers: [Linear: 4], train: {data: synthetic, batch_size: 64,"
    ...     " epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
    ... )
    >>> result = netspec.train(net, run=folder / "first", quiet=True)
    >>> [record.epoch for record in result.records]
    [1, 2]
    """
    if max_steps is not None and (type(max_steps) is not int or max_steps < 1):
        raise UsageError(f"{option('max_steps')} is a number of steps, at least 1, but is {max_steps!r}")
    with ExitStack() as stack:
        # ---- processes, device, arithmetic
        stack.enter_context(kept_environment())
        stack.enter_context(kept_child_handler())
        run, resume = beginning(run, resume, auto=auto_resume)
        if auto_resume and resume is not None:
            options = {name: value for name, value in options.items() if name not in STARTING}
        saved = {} if resume is None else find_run(Path(resume)).options
        chosen = _chosen(net, options, saved, resuming=resume is not None)
        net, given = supplied(
            net, data=data, loss=loss, metrics=metrics, batches_per_epoch=batches_per_epoch,
            resume=None if resume is None else Path(resume),
        )  # fmt: skip
        extras = _extras(saved, tensorboard=tensorboard, report=report, log=log)
        place, device = stack.enter_context(world(chosen.device))
        agree_on_place(place, run, resume)
        trainer, caught = _assembled(net, chosen, place, device, _kept(net, resume), given, stack)
        calls = Callbacks(callbacks, trainer.world, trainer.arithmetic.device)
        try_out(trainer, given)
        reporter = _listener(trainer, reporter, stack, quiet=quiet)

        # ---- a new run directory, or an existing one with its state
        facts = _facts(trainer, chosen.to_dict() | extras, given, calls)
        directory = _directory(trainer, facts, run, resume, stack, anew=auto_resume)
        stack.enter_context(marked(trainer.world, directory))
        progress, keeper = _standing(
            trainer, directory, facts, given, reporter, stack, resuming=resume is not None, force=force
        )
        logged = _logged(trainer, directory, extras, reporter, stack)

        # ---- the loop and the final files
        training = Training(trainer, directory, progress, keeper, reporter, caught, max_steps, logged, calls)
        with out_of_memory(trainer):
            _carry_out(training, report=extras["report"])
    return training.result()


def _chosen(net: Net, options: Mapping[str, Any], saved: Mapping[str, Any], *, resuming: bool) -> Options:
    """The options of this call, completed by those that a resumed run was started with."""
    need_net(net, "train")
    chosen = Options.of(options, train)
    if resuming:
        if chosen.weights is not None:
            raise UsageError(
                f"{option('weights')} starts a new run; {option('resume')} goes on with the weights of the run"
            )
        chosen = chosen.remembered(saved)
    if chosen.deterministic and chosen.device != "cpu":
        fix_cublas()  # before the first use of the GPU, which is when several processes join
    return chosen.placed()


def _extras(
    saved: Mapping[str, Any], *, tensorboard: bool | None, report: bool | None, log: Sequence[str] | None
) -> dict[str, Any]:
    """Whether to write TensorBoard logs and the report, and where else to log: as given, else as saved with the run.

    Raises:
        UsageError: there is no such service.
        MissingExtra: TensorBoard or a service is requested and not installed.
    """
    kept = saved.get("log")
    names = list(log) if log is not None else [n for n in TRACKERS if isinstance(kept, list) and n in kept]
    need_trackers(names)
    tensorboard = saved.get("tensorboard") is True if tensorboard is None else tensorboard
    report = saved.get("report") is not False if report is None else report
    if tensorboard:
        need_tensorboard()
    return {"tensorboard": tensorboard, "report": report, "log": names}


def _kept(net: Net, resume: str | Path | None) -> Path | None:
    """What a resumed run learned of its data; a `tokenizer` that the recipe names is read again."""
    if resume is None or net.recipe is None or not net.recipe.data.learns:
        return None
    return RunDirectory(Path(resume)).kept(net.recipe.data)


def _assembled(
    net: Net, chosen: Options, place: World, device: str, kept: Path | None, given: Supplied, stack: ExitStack
) -> tuple[Trainer, Interrupts]:
    """Install signal handlers, assemble the trainer, and set torch's global switches."""
    stack.enter_context(kept_randomness(device))
    caught = stack.enter_context(interrupts(patience=0.0 if place.alone else 5.0))
    trainer = assemble(net, chosen, place, device, kept=kept, supplied=given)
    stack.callback(trainer.data.close)
    stack.enter_context(numerics(trainer.arithmetic))
    stack.enter_context(spare_memory(trainer))
    return trainer, caught


def _listener(trainer: Trainer, reporter: Reporter | None, stack: ExitStack, *, quiet: bool) -> Reporter:
    """The reporter: the given one, else a bar or lines in the first process. Notes about the data are passed to it."""
    if reporter is None:
        device = trainer.arithmetic.device
        first = trainer.world.first
        followed = trainer.recipe.best or ""
        reporter = choose_reporter(lambda: bytes_text(memory_in_use(device)), quiet, followed) if first else Quiet()
    stack.callback(reporter.end)
    for note in (*trainer.data.notes, *trainer.notes) if trainer.world.first else ():
        reporter.note(note)
    return reporter


def _facts(trainer: Trainer, options: Mapping[str, Any], given: Supplied, calls: Callbacks) -> dict[str, Any]:
    """The contents of `environment.json`."""
    told = given.told
    if trainer.metrics is not None:
        told["metrics"] = list(trainer.metrics.names)
    if calls.names:
        told["callbacks"] = calls.names
    return (
        environment(trainer.arithmetic, trainer.world.size)
        | ({"given": told} if told else {})
        | {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "options": options,
            "data": data_facts(trainer.data),
        }
    )


def _directory(
    trainer: Trainer,
    facts: dict[str, Any],
    run: str | Path | None,
    resume: str | Path | None,
    stack: ExitStack,
    *,
    anew: bool,
) -> RunDirectory:
    """The directory of the resumed run, or a new one with spec and environment. It is locked for this process, and what
    one that was killed there had half written is removed."""
    place = trainer.world
    if resume is not None:
        directory = find_run(Path(resume))
    else:
        directory = RunDirectory(place.tell(_create(trainer, run, facts, anew=anew) if place.first else None))
    if place.first:
        stack.enter_context(locked(directory.path))
        clear_orphans(directory.checkpoints)
        clear_orphans(directory.path)
    return directory


def _create(trainer: Trainer, run: str | Path | None, facts: dict[str, Any], *, anew: bool) -> Path:
    directory = create_run(trainer.net.name, None if run is None else Path(run), anew=anew)
    directory.write_sources(trainer.net, facts, trainer.data.kept)
    return directory.path


def _standing(
    trainer: Trainer,
    directory: RunDirectory,
    facts: dict[str, Any],
    given: Supplied,
    reporter: Reporter,
    stack: ExitStack,
    *,
    resuming: bool,
    force: bool,
) -> tuple[Progress, Keeper]:
    """The progress of the run (of a new one, or of the newest checkpoint, which is restored), and its `Keeper`."""
    examples = facts["options"]["examples"]
    loss = None if given.loss is None else name_of(given.loss)
    who = identity(trainer.net, trainer.recipe, trainer.data.fingerprint, trainer.world.size, examples, loss)
    agree_on_identity(trainer.world, who)
    progress, change = Progress(), None
    if resuming:
        progress, change = resumed(trainer, directory, who, facts, force, reporter)
    keeper = Keeper(directory, who, facts, trainer.recipe.checkpoint_keep, trainer.world, change)
    return progress, stack.enter_context(keeper)


def _logged(
    trainer: Trainer, directory: RunDirectory, extras: Mapping[str, Any], reporter: Reporter, stack: ExitStack
) -> Callable[[Record], None] | None:
    """The function that logs an epoch to TensorBoard and to services; None for none, and in all processes but the
    first."""
    logs: list[Callable[[Record], None]] = []
    if extras["tensorboard"] and trainer.world.first:
        logs.append(stack.enter_context(tensorboard_log(directory.path)))
    if extras["log"] and trainer.world.first:
        logs.append(stack.enter_context(tracked(extras["log"], directory, trainer.net, reporter.note)))

    def log(record: Record) -> None:
        for each in logs:
            each(record)

    return log if logs else None


def _carry_out(training: Training, *, report: bool) -> None:
    """Train unless the run is finished, write the final weights, and the report if it is requested and missing."""
    trainer, directory, progress, reporter = training.trainer, training.directory, training.progress, training.reporter
    if training.over and directory.has_weights(progress.step):
        reporter.note(finished(directory, progress, trainer.recipe))
    else:
        training.run()
        if trainer.world.first and (why := training.stopped_early) is not None:
            reporter.note(why)
        if (note := training.keeper.finish(trainer, progress)) is not None:
            reporter.note(note)
    missing = not directory.report.is_file()
    if report and (trainer.world.tell(missing) if trainer.divided else missing and trainer.world.first):
        reporter.doing("writing report.html")
        _take_best(trainer, directory, progress)
        _report(trainer, directory)
    trainer.world.wait_for_first()


def _take_best(trainer: Trainer, directory: RunDirectory, progress: Progress) -> None:
    """Put the weights that the run has, where they are those of its best epoch, into the module that is evaluated:
    training is over, and the report is about them. A collective call for a net that is divided among processes.

    Raises:
        ResourceError: the file is damaged.
    """
    best = directory.best_epoch
    if trainer.divided:  # by what the first one finds, since all must load or none
        best = trainer.world.tell(best)
    if best is not None and best < len(progress.records):
        load_model(trainer.evaluated, load(check_weights(directory.weights)))


def _report(trainer: Trainer, directory: RunDirectory) -> None:
    """Write the report of the run. For a classifier, it includes an examination on its test, else validation data.

    Called by all processes for a net that is divided among them, else by the first one.
    """
    part = "validation" if trainer.data.test is None else "test"
    split, loss = trainer.data.test or trainer.data.validation, trainer.loss.classifier
    shape = trainer.net.output_shape if loss is None else loss.scores
    found = None
    if split is not None and loss is not None and len(shape) == 1 and isinstance(shape[0], int):
        found = examine(
            trainer.evaluated, split, loss, trainer.arithmetic,
            classes=shape[0], batch_size=trainer.evaluation_batch, count=len(trainer.net.outputs),
        )  # fmt: skip
    answers: list[Answers] = []
    if split is not None:
        answers = gather_answers(
            trainer.evaluated, split, trainer.loss, trainer.arithmetic, batch_size=trainer.evaluation_batch
        )
    if trainer.world.first:
        names, measured = class_names(trainer.data.names, shape), f"{part} data, {directory.origin()}"
        write_report(directory, trainer.net, found, names, answers, measured)
