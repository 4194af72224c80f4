"""Training, from top to bottom: where, what, the loop, what is left behind."""

from __future__ import annotations

import gc
import math
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.train.checkpoint import clear_orphans, newest
from netspec.train.curves import write_curves
from netspec.train.device import environment, numerics
from netspec.train.errors import Interrupted, NonFinite
from netspec.train.evaluate import evaluate, examine
from netspec.train.keeper import Keeper
from netspec.train.memory import memory_in_use, out_of_memory
from netspec.train.metrics import Score
from netspec.train.monitor import EVERY, Monitor
from netspec.train.nonfinite import explain
from netspec.train.processes import world
from netspec.train.progress import Quiet, Reporter, choose_reporter
from netspec.train.records import Record, write_records
from netspec.train.report import write_report
from netspec.train.run import RunDirectory, class_names, create_run, differences, identity, open_run
from netspec.train.setup import Options, Trainer, assemble, data_facts
from netspec.train.signals import Interrupts, interrupts
from netspec.train.state import Progress, restore
from netspec.train.step import Buffers
from netspec.train.tensorboard import need_tensorboard, tensorboard_log
from netspec.views.describe import bytes_text


@dataclass(frozen=True)
class RunResult:
    """What a finished run gave."""

    run: Path
    """The run directory."""
    records: list[Record]
    """One per epoch."""
    examples_per_second: float
    """Over all epochs, wall time of training with data, evaluation not."""
    computing_per_second: float
    """The same by d2l's timer, which starts when a batch has arrived."""
    memory: int
    """Peak bytes: on a GPU of its memory, on the CPU of the process."""

    @property
    def line(self) -> str:
        """The last epoch in d2l's words: `loss 0.465, train acc 0.826, test acc 0.800`."""
        last = self.records[-1]
        measured = {name: getattr(last, f"{name}_accuracy") for name in ("train", "validation", "test")}
        accuracies = [f"{name} acc {value:.3f}" for name, value in measured.items() if value is not None]
        return ", ".join([f"loss {last.train_loss:.3f}", *accuracies])


def train(
    net: Net,
    *,
    run: str | Path | None = None,
    resume: str | Path | None = None,
    force: bool = False,
    quiet: bool = False,
    reporter: Reporter | None = None,
    max_steps: int | None = None,
    tensorboard: bool = False,
    report: bool = True,
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
        report: write `report.html` at the end, for which a classifier is examined on its test data once more.
        tensorboard: write TensorBoard logs into the run directory too.
        options: see `netspec.train.setup.Options`.

    Returns:
        What came of it. Loss and accuracy are in `records`, the weights in `run/model.safetensors`.

    Raises:
        UsageError: an option does not fit the spec or the machine.
        ResourceError: memory, disk or data failed.
        NonFinite: a loss or gradient was not finite; the message names the layer.
        Interrupted: a signal came; a checkpoint is written.
    """
    chosen = Options(**options)
    if tensorboard:
        need_tensorboard()
    if resume is not None:
        chosen = chosen.remembered(open_run(Path(resume)).options)
    if chosen.precision is not None and net.recipe is not None:
        net = replace(net, recipe=replace(net.recipe, precision=chosen.precision))
    with ExitStack() as stack:
        # ---- where: processes, device, arithmetic
        place, device = stack.enter_context(world(chosen.device))
        caught = stack.enter_context(interrupts(patience=0.0 if place.alone else 5.0))
        trainer = assemble(net, chosen, place, device)
        stack.enter_context(numerics(trainer.arithmetic))
        reporter = reporter or (
            choose_reporter(lambda: bytes_text(memory_in_use(trainer.arithmetic.device)), quiet)
            if place.first
            else Quiet()
        )
        stack.callback(reporter.end)

        # ---- what: a new run directory, or an old one with its state
        directory, progress, keeper = _open(trainer, chosen, run, resume, force, reporter)
        stack.enter_context(keeper)

        log = stack.enter_context(tensorboard_log(directory.path)) if tensorboard and place.first else None

        # ---- the loop
        stack.enter_context(out_of_memory(trainer))
        session = Session(trainer, directory, progress, keeper, reporter, caught, max_steps, log)
        session.run()

        # ---- what is left behind
        keeper.finish(trainer, progress)
        if report and place.first:
            _report(trainer, directory)
    return session.result()


def _open(
    trainer: Trainer,
    chosen: Options,
    run: str | Path | None,
    resume: str | Path | None,
    force: bool,
    reporter: Reporter,
) -> tuple[RunDirectory, Progress, Keeper]:
    """The run directory, where the run stands, and who keeps its checkpoints."""
    place = trainer.world
    facts = environment(trainer.arithmetic, place.size) | {
        "options": chosen.to_dict(),
        "data": data_facts(trainer.data),
    }
    who = identity(trainer.net, trainer.recipe, trainer.data.fingerprint, place.size, chosen.examples)
    if resume is None:
        path = place.tell(_create(trainer.net, run, facts) if place.first else None)
        directory, progress = RunDirectory(path), Progress()
    else:
        directory = open_run(Path(resume))
        if place.first:
            clear_orphans(directory.checkpoints)
        place.barrier()
        path, saved = newest(directory.checkpoints, reporter.note)
        found = differences(saved.state["identity"], who)
        if found and not force:
            raise UsageError(
                f"{directory.path} is not this run:\n" + "\n".join(f"  {text}" for text in found) + "\n"
                "resume with what it was trained with, start a new run, or insist with `--force`"
            )
        progress = restore(trainer, saved)
        _compare(saved.state["versions"], facts, reporter)
        progress = replace(progress, finished=False)
    keeper = Keeper(directory, who, facts, trainer.recipe.checkpoint_keep, place)
    return directory, progress, keeper


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


def _compare(then: dict[str, Any], now: dict[str, Any], reporter: Reporter) -> None:
    """Say what differs in the machine: the run goes on, but not to the bit."""
    for key in ("versions", "device", "precision", "threads"):
        if then.get(key) != now[key]:
            reporter.note(f"note: {key} was {then.get(key)} and is {now[key]}: the result will not be equal to the bit")


class Session:
    """The loop and what it carries from step to step."""

    def __init__(
        self,
        trainer: Trainer,
        directory: RunDirectory,
        progress: Progress,
        keeper: Keeper,
        reporter: Reporter,
        caught: Interrupts,
        max_steps: int | None,
        log: Callable[[Record], None] | None,
    ) -> None:
        self.trainer, self.directory, self.progress = trainer, directory, progress
        self.keeper, self.reporter, self.caught, self.max_steps = keeper, reporter, caught, max_steps
        self.log = log
        self.monitor = Monitor(trainer.sums, trainer.step.failures)
        self.started_at = progress.step  # the failure notes count from here
        self.history: deque[tuple[int, int, torch.Tensor, list[tuple[float, ...]]]] = deque(maxlen=3 * EVERY)
        self.next_talk = self.started_at + 1  # the step at which several processes next agree whether to stop
        self.examples = 0
        self.seconds = self.computing = 0.0

    # ---- the run

    def run(self) -> None:
        """Train until the last epoch, or until early stopping."""
        trainer, progress = self.trainer, self.progress
        examples = len(trainer.data.train)
        self.reporter.begin(trainer.recipe.epochs, trainer.steps_per_epoch, examples, progress.epoch)
        if trainer.driver.reason:
            self.reporter.note(f"note: running eagerly: {trainer.driver.reason}")
        with _frozen_garbage():
            while progress.epoch < trainer.recipe.epochs and not self._patience_is_over():
                self._epoch()
                self._close_epoch()
        progress.finished = True

    def _epoch(self) -> None:
        """The rest of an epoch's batches."""
        trainer, progress = self.trainer, self.progress
        batches = trainer.batches(progress.epoch, progress.batch)
        began, earlier = time.perf_counter(), progress.seconds
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                break
            arrived = time.perf_counter()
            self._batch(batch)
            ended = time.perf_counter()
            progress.computing += ended - arrived
            progress.seconds = earlier + ended - began
            self.computing += ended - arrived
            self.seconds += ended - asked
            if self._should_stop():
                self._stop()
        self._check(self.monitor.now().failed)

    def _batch(self, batch: Any) -> None:
        """One batch, and after the last of a step the host's part of it."""
        trainer, progress = self.trainer, self.progress
        phase = trainer.phase(progress.batch, progress.step)
        mix = trainer.draw_mix(batch.x.shape)
        if phase.first:
            self.history.append((progress.epoch, progress.batch, torch.get_rng_state(), []))
        self.history[-1][3].append(mix)
        if phase.average:
            trainer.follow(progress.step)
        trainer.driver(trainer.buffers(batch, progress.batch, mix), phase)
        progress.batch += 1
        self.examples += batch.x.shape[0]
        if not phase.last:
            return
        progress.step += 1
        trainer.schedule.after_step()
        reading = self.monitor.look()
        if reading is not None:
            self._check(reading.failed)
            done = -(-progress.batch // trainer.recipe.accumulate)
            self.reporter.step(done, reading.score, self.examples * trainer.world.size)

    # ---- between epochs

    def _close_epoch(self) -> None:
        """Evaluate, record, keep."""
        trainer, progress = self.trainer, self.progress
        score = trainer.sums.read(trainer.world.sum_(trainer.sums.total.clone()))
        if trainer.average is not None:
            trainer.average.copy_buffers()
        validation, test = (self._evaluate(name) for name in ("validation", "test"))
        record = self._record(score, validation, test)
        progress.records.append(record)
        progress.epoch, progress.batch, progress.seconds, progress.computing = progress.epoch + 1, 0, 0.0, 0.0
        trainer.sums.reset()
        improved = self._note_best(record)
        metric = trainer.recipe.best and getattr(record, trainer.recipe.best)
        trainer.schedule.after_epoch(metric)
        if trainer.world.first:
            write_records(self.directory.path, progress.records)
            write_curves(self.directory.path / "curves.svg", progress.records, trainer.net.name)
        if self.log is not None:
            self.log(record)
        last = progress.epoch == trainer.recipe.epochs or self._patience_is_over()
        if improved or last or progress.epoch % trainer.recipe.checkpoint_every == 0:
            self.keeper.keep(trainer, progress, best=improved)
        self.reporter.epoch(record)

    def _evaluate(self, name: str) -> Score | None:
        trainer = self.trainer
        split = trainer.data.split(name)
        if split is None:
            return None
        return evaluate(
            trainer.evaluated,
            split,
            trainer.loss,
            trainer.arithmetic,
            classes=trainer.classes,
            batch_size=trainer.evaluation_batch,
            world=trainer.world,
        )

    def _record(self, score: Score, validation: Score | None, test: Score | None) -> Record:
        progress = self.progress
        none = Score(math.nan, None)
        return Record(
            epoch=progress.epoch + 1,
            step=progress.step,
            train_loss=score.loss,
            train_accuracy=score.accuracy,
            validation_loss=None if validation is None else validation.loss,
            validation_accuracy=(validation or none).accuracy,
            test_loss=None if test is None else test.loss,
            test_accuracy=(test or none).accuracy,
            seconds=progress.seconds,
            examples_per_second=len(self.trainer.data.train) / max(progress.seconds, 1e-9),
        )

    def _note_best(self, record: Record) -> bool:
        """Whether this epoch is the best so far; counts the patience of early stopping too."""
        recipe, progress = self.trainer.recipe, self.progress
        if (stopping := recipe.early_stopping) is not None:
            value = _rising(stopping.metric or recipe.best, record)
            if progress.stopping_best is None or value > progress.stopping_best + stopping.min_delta:
                progress.stopping_best, progress.waited = value, 0
            else:
                progress.waited += 1
        if recipe.best is None:
            return False
        value = _rising(recipe.best, record)
        if progress.best is not None and value <= progress.best:
            return False
        progress.best, progress.best_epoch = value, record.epoch
        return True

    def _patience_is_over(self) -> bool:
        stopping = self.trainer.recipe.early_stopping
        return stopping is not None and self.progress.waited >= stopping.patience

    # ---- leaving early

    def _should_stop(self) -> bool:
        """Whether to stop here, behind an optimiser step."""
        progress, place = self.progress, self.trainer.world
        if progress.batch % self.trainer.recipe.accumulate:
            return False
        wanted = self.caught.pending is not None if place.alone else self._agree_to_stop()
        return wanted or (self.max_steps is not None and progress.step >= self.max_steps)

    def _agree_to_stop(self) -> bool:
        """Several processes must stop at the same step: about every second they ask each other whether to."""
        if self.progress.step < self.next_talk:
            return False
        step = self.seconds / max(self.progress.step - self.started_at, 1)
        values = [float(self.caught.pending is not None), step]
        wanted, slowest = self.trainer.world.largest(values, self.trainer.arithmetic.device)
        self.next_talk = self.progress.step + max(1, min(64, int(1 / max(slowest, 1e-9))))
        return bool(wanted)

    def _stop(self) -> None:
        self._check(self.monitor.now().failed)
        self.keeper.keep(self.trainer, self.progress, best=False)
        self.keeper.wait()
        name = self.caught.pending or ("--max-steps" if self.max_steps is not None else "a signal to another process")
        raise Interrupted(name, self.directory.path, self.progress.step)

    def _check(self, failed: int | None) -> None:
        """End the run if a step failed."""
        if failed is None:
            return
        step = self.started_at + failed
        behind = self.progress.step - step
        where = f"step {step + 1}"
        reason = "its batch is no longer at hand"
        if 0 < behind <= len(self.history):
            epoch, first, random, mixes = self.history[-behind]
            where = f"step {step + 1} (epoch {epoch + 1}, batch {first + 1})"
            torch.set_rng_state(random)
            reason = explain(self.trainer.model, self.trainer.step, self._again(epoch, first, mixes))
        saved = self.keeper.latest()
        hint = f"the last checkpoint is {saved}" if saved else "no checkpoint had been written"
        raise NonFinite(
            f"{where}: {reason}; no parameter changed on that step or after it, and {hint}. "
            "A smaller learning rate, warm-up or `clip_grad_norm` are the usual remedies"
        )

    def _again(self, epoch: int, first: int, mixes: list[tuple[float, ...]]) -> list[Buffers]:
        batches = self.trainer.batches(epoch, first)
        return [
            self.trainer.buffers(batch, first + number, mix)
            for number, (mix, batch) in enumerate(zip(mixes, batches, strict=False))
        ]

    def result(self) -> RunResult:
        """What the run gave."""
        if not self.progress.records:
            raise ResourceError(f"{self.directory.path}: the recipe has no epochs, so there is nothing to tell")
        examples = self.examples * self.trainer.world.size
        return RunResult(
            self.directory.path,
            self.progress.records,
            examples / self.seconds if self.seconds else self.progress.records[-1].examples_per_second,
            examples / self.computing if self.computing else self.progress.records[-1].examples_per_second,
            memory_in_use(self.trainer.arithmetic.device),
        )


def _rising(metric: str | None, record: Record) -> float:
    """The metric's value, turned so that more is better; the least of all if it was not measured."""
    value = getattr(record, metric) if metric else None
    if value is None or math.isnan(value):
        return -math.inf
    return -value if metric and metric.endswith("loss") else value


@contextmanager
def _frozen_garbage() -> Generator[None]:
    """No cyclic garbage collection while training: what is alive now is set aside, what a step makes has no cycles."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
