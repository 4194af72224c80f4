"""The training loop: batches, epochs, the work between epochs, and stopping early."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from netspec.asked import option
from netspec.diagnostics import ResourceError, UsageError
from netspec.trainer.errors import CallbackFailed, Interrupted, NonFinite, Refusals, alike
from netspec.trainer.loop.background import Keeper
from netspec.trainer.loop.callbacks import Callbacks, Event
from netspec.trainer.loop.due import Due
from netspec.trainer.loop.history import History
from netspec.trainer.loop.monitor import Monitor
from netspec.trainer.loop.recording import make_record, note_best
from netspec.trainer.machine.signals import Interrupts
from netspec.trainer.machine.undisturbed import frozen_garbage
from netspec.trainer.measure.evaluation import evaluate
from netspec.trainer.measure.metrics import Scores
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.progress import Progress
from netspec.trainer.run.records import Record, write_records
from netspec.trainer.run.result import RunResult
from netspec.trainer.setup.memory import memory_in_use
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.curves import write_curves
from netspec.trainer.show.reporters import Reporter
from netspec.trainer.step.weights import lost_key
from netspec.views.describe import plural


class Training:
    """The training loop and its state between steps."""

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
        calls: Callbacks,
    ) -> None:
        self.trainer, self.directory, self.progress = trainer, directory, progress
        self.keeper, self.reporter, self.caught, self.max_steps = keeper, reporter, caught, max_steps
        self.log, self.calls = log, calls
        self.monitor = Monitor(trainer.sums, trainer.step.failures)
        self.started_at = progress.step  # the monitor counts steps from here
        self.history = History(trainer, self.monitor.lag)
        self._fetching = Refusals(lambda: f"{self._place()}, transforms and augmentation")
        self._stepping = Refusals(self._place, alike()) if trainer.arithmetic.deterministic else Refusals(self._place)
        self.told: str | None = None  # the reason for eager steps, if it was reported
        self.next_talk = self.started_at + 1  # the step after which the processes next agree whether to stop
        self.examples = 0
        self.seconds = self.computing = 0.0
        self._calls_steps, self._ends_here = calls.has("after_step"), False
        self.due, self._clocked = Due(trainer.recipe.checkpoint_every), False
        self._drawn = len(progress.records)  # the number of epochs in the curves
        self._next_drawing = 0.0

    # ---- the run

    def run(self) -> None:
        """Train until the last epoch, or until early stopping."""
        trainer, progress = self.trainer, self.progress
        examples = trainer.examples_per_epoch or trainer.batches_per_epoch * trainer.recipe.batch_size
        self.reporter.begin(trainer.recipe.epochs, trainer.steps_per_epoch, examples, progress.epoch)
        foreign = self.calls.any or trainer.data.form is not None or trainer.metrics is not None
        with frozen_garbage(collects=foreign):
            while not self.over:
                self._epoch()
                self._close_epoch()

    @property
    def over(self) -> bool:
        """True after the last epoch, when the patience of early stopping is exhausted, or when a callback ended it."""
        progress = self.progress
        return progress.epoch >= self.trainer.recipe.epochs or self._patience_is_over() or progress.stopped is not None

    def _epoch(self) -> None:
        """Train on the remaining batches of the current epoch."""
        trainer, progress = self.trainer, self.progress
        trainer.begin(progress.epoch)
        batches = trainer.batches(progress.epoch, progress.batch)
        began, earlier = time.perf_counter(), progress.seconds
        while True:
            asked = time.perf_counter()
            with self._fetching:
                batch = next(batches, None)
            if batch is None:
                break
            arrived = time.perf_counter()
            self._batch(batch)
            stopping = self._should_stop()
            ending = not stopping and self._ends_here
            saving = not (stopping or ending) and self._should_save()
            if stopping or ending or saving or progress.batch == trainer.batches_per_epoch:
                self._check(self.monitor.now().failed)  # waits for the device, so that its work is included in the time
                self._check_weights()
            ended = time.perf_counter()
            progress.computing += ended - arrived
            progress.seconds = earlier + ended - began
            self.computing += ended - arrived
            self.seconds += ended - asked
            if stopping:
                self._stop()
            if saving:
                self._keep()
            if ending:
                break

    def _place(self) -> str:
        progress = self.progress
        return f"step {progress.step + 1} (epoch {progress.epoch + 1}, batch {progress.batch + 1})"

    def _batch(self, batch: Any) -> None:
        """Train on one batch; after the last batch of an optimizer step, update progress and schedule, and report."""
        trainer, progress = self.trainer, self.progress
        phase = trainer.phase(progress.batch, progress.step)
        mix = trainer.draw_mix()
        if phase.first:  # what `_check` needs to replay this step if it fails
            self.history.begin(progress.epoch, progress.batch)
        if phase.average:
            trainer.follow(progress.step)
        feed = trainer.buffers(batch, progress.batch, mix)
        self.history.add(mix, feed)
        with self._stepping:
            trainer.driver(feed, phase)
        progress.batch += 1
        self.examples += feed.examples
        if not phase.last:
            return
        progress.step += 1
        trainer.schedule.after_step()
        if trainer.driver.reason != self.told:  # that a step cannot be captured is known only after an attempt
            self.told = trainer.driver.reason
            self.reporter.note(f"note: running eagerly: {self.told}")
        reading = self.monitor.look()
        if reading is not None:
            self._check(reading.failed)
            done = -(-progress.batch // trainer.recipe.accumulate)
            self.reporter.step(done, reading.score, self.examples * trainer.world.size)
        if self._calls_steps:
            self.calls.call("after_step", self._event(scores=trainer.sums.read))

    # ---- between epochs

    def _close_epoch(self) -> None:
        """End an epoch: evaluate, record the metrics, update the schedule, and write a checkpoint if one is due."""
        trainer, progress = self.trainer, self.progress
        score = trainer.sums.read(trainer.world.sum_(trainer.sums.total()))
        trainer.world.share(trainer.model.buffers())  # those of a checkpoint, which are the first process's
        if trainer.average is not None:
            trainer.average.copy_buffers()
        validation, test = (self._evaluate(name) for name in ("validation", "test"))
        found = {"train": score, "validation": validation, "test": test}
        record = make_record(progress, found, self._seen, trainer.schedule.columns())
        progress.records.append(record)
        progress.epoch, progress.batch, progress.seconds, progress.computing = progress.epoch + 1, 0, 0.0, 0.0
        trainer.sums.reset()
        improved = note_best(progress, trainer.recipe, record)
        trainer.schedule.after_epoch(record)
        if trainer.world.first:
            write_records(self.directory.path, progress.records)
            if self.over or time.perf_counter() >= self._next_drawing:
                self._draw()
        if self.log is not None:
            self.log(record)
        failed = self._tell(record, {"validation": validation, "test": test})
        if self._agreed(failed or improved or self.over or self.due.after_epoch(progress)):
            self.reporter.doing("writing a checkpoint")
            self._keep(best=improved)
        self.reporter.epoch(record)
        if failed:
            self._fail()

    def _tell(self, record: Record, found: Mapping[str, Scores | None]) -> bool:
        """Call the callbacks of an evaluation and of an epoch, which is closed by then, so that one that fails leaves
        the run between two epochs. True if one has failed."""
        epoch = record.epoch
        for part, scores in found.items():
            if scores is not None:
                accuracy = {} if scores.accuracy is None else {"accuracy": scores.accuracy}
                figures = MappingProxyType({"loss": scores.loss, **accuracy, **scores.parts})
                self.calls.call("after_evaluation", self._event(epoch=epoch, part=part, figures=figures))
        fixed = replace(record, parts=MappingProxyType(dict(record.parts)), rates=MappingProxyType(dict(record.rates)))
        self.calls.call("after_epoch", self._event(epoch=epoch, record=fixed))
        failed = self.calls.agree()
        self.progress.stopped = self.calls.stop
        return failed

    def _event(self, **more: Any) -> Event:
        told: dict[str, Any] = {"epoch": self.progress.epoch + 1, **more}
        return Event(self.directory.path, step=self.progress.step, rates=lambda: self.trainer.schedule.rates, **told)

    def _draw(self) -> None:
        """Draw the curves, and set the earliest time for the next drawing: drawing takes at most 1/21 of the time, so
        that short epochs are not dominated by it."""
        self.reporter.doing("drawing curves.svg")
        began = time.perf_counter()
        write_curves(self.directory.path / "curves.svg", self.progress.records, self.trainer.net.name)
        self._drawn = len(self.progress.records)
        self._next_drawing = began + 21 * (time.perf_counter() - began)

    def _evaluate(self, name: str) -> Scores | None:
        trainer = self.trainer
        split = trainer.data.split(name)
        if split is None:
            return None
        self.reporter.doing(f"evaluating {name}")
        with Refusals(lambda: f"evaluation on the {name} data"):
            return evaluate(
                trainer.evaluated, split, trainer.loss, trainer.arithmetic,
                batch_size=trainer.evaluation_batch, world=trainer.world, metrics=trainer.metrics,
                together=trainer.divided,
            )  # fmt: skip

    @property
    def _seen(self) -> int:
        """The examples of the epoch that ends."""
        return self.trainer.examples_per_epoch or self.progress.batch * self.trainer.recipe.batch_size

    def _patience_is_over(self) -> bool:
        stopping = self.trainer.recipe.early_stopping
        return stopping is not None and self.progress.waited >= stopping.patience

    @property
    def stopped_early(self) -> str | None:
        """A message if early stopping ended the run before the recipe's last epoch, with the best epoch; else None."""
        recipe, progress = self.trainer.recipe, self.progress
        if progress.stopped is not None:
            return f"stopped after epoch {progress.epoch} of {recipe.epochs} by the callback {progress.stopped}"
        stopping = recipe.early_stopping
        if stopping is None or progress.epoch >= recipe.epochs or not self._patience_is_over():
            return None
        metric = stopping.metric or recipe.best
        least = f" by more than {stopping.min_delta:g}" if stopping.min_delta else ""
        by = "" if metric == recipe.best else f" by `{recipe.best}`"
        return (
            f"stopped early after epoch {progress.epoch} of {recipe.epochs}: `{metric}` has not improved{least} for "
            f"{plural(progress.waited, 'epoch')};\n"
            f"the best{by} is epoch {progress.best_epoch} (`netspec eval {self.directory.path} --best`)"
        )

    # ---- checkpoints

    def _keep(self, *, best: bool = False) -> None:
        self.keeper.keep(self.trainer, self.progress, best=best)
        self.due.written()

    def _agreed(self, due: bool) -> bool:
        """Whether a checkpoint is due, by the clock of the first process if by any."""
        if not self.due.by_clock or self.trainer.world.alone:
            return due
        return self.trainer.world.tell(due if self.trainer.world.first else None)

    def _should_save(self) -> bool:
        """Whether a checkpoint is due within an epoch. Only at the end of an optimizer step."""
        if self.progress.batch == self.trainer.batches_per_epoch or not self._at_step:
            return False  # an epoch that ends is closed first
        if not self.due.by_clock or self.trainer.world.alone:
            return self.due.after_step(self.progress)
        clocked, self._clocked = self._clocked, False
        return clocked

    @property
    def _at_step(self) -> bool:
        """True at the end of an optimizer step, and not between its accumulated batches."""
        batch = self.progress.batch
        return batch % self.trainer.recipe.accumulate == 0 or batch == self.trainer.batches_per_epoch

    # ---- stopping

    def _should_stop(self) -> bool:
        """Whether to stop now. Only at the end of an optimizer step, never between its accumulated batches."""
        progress, place = self.progress, self.trainer.world
        if not self._at_step:
            return False
        wanted = self._wants_to_stop if place.alone else self._agree_to_stop()
        if place.alone:
            self._ends_here = self.calls.stop is not None
        return wanted or (self.max_steps is not None and progress.step >= self.max_steps)

    @property
    def _wants_to_stop(self) -> bool:
        return self.caught.pending is not None or self.calls.failure is not None

    def _agree_to_stop(self) -> bool:
        """Whether any process has received a signal. All processes must stop at the same step, so they agree on it by a
        collective call, about once a second."""
        if self.progress.step < self.next_talk:
            return False
        step = self.seconds / max(self.progress.step - self.started_at, 1)
        clock = float(self.due.by_clock and self.due.after_step(self.progress))
        values = [float(self._wants_to_stop), step, float(self.calls.stop is not None), clock]
        wanted, slowest, ends, clocked = self.trainer.world.largest(values, self.trainer.arithmetic.device)
        self._ends_here, self._clocked = bool(ends), bool(clocked)
        self.next_talk = self.progress.step + max(1, min(64, int(1 / max(slowest, 1e-9))))
        return bool(wanted)

    def _stop(self) -> None:
        self._keep()
        if self.trainer.world.first and self._drawn < len(self.progress.records):
            self._draw()
        self.keeper.settle()
        if self.calls.agree():
            self._fail()
        pending, step = self.caught.pending, self.progress.step
        reached = pending is None and self.max_steps is not None and step >= self.max_steps
        name = option("max_steps").strip("`") if reached else pending or "a signal to another process"
        raise Interrupted(name, self.directory.path, step, self.directory.resume, by_signal=not reached)

    def _fail(self) -> None:
        """End the run for a callback that failed, once its state is saved.

        Raises:
            CallbackFailed: in the first process, which calls them.
            Interrupted: in the others.
        """
        self.keeper.wait()
        step, resume = self.progress.step, self.directory.resume
        if self.calls.failure is None:
            raise Interrupted("a callback of the first process", self.directory.path, step, resume)
        name, error = self.calls.failure
        why = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        raise CallbackFailed(
            f"the callback `{name}` failed after step {step}: {why}; a checkpoint is written, and the run goes on "
            f"with `{resume}`"
        ) from error

    def _check(self, failed: int | None) -> None:
        """End the run if a step failed.

        Raises:
            NonFinite: a step failed; the message names the layer.
        """
        if failed is None:
            return
        step = self.started_at + failed
        told, mend = self.history.told(step, self.progress.step - step)
        raise NonFinite(f"{told}; no parameter changed on that step or after it, and {self._saved()}. {mend}")

    def _saved(self) -> str:
        saved = self.keeper.latest()
        return f"the last checkpoint is {saved}" if saved else "no checkpoint had been written"

    def _check_weights(self) -> None:
        """End the run if an update overflowed although its gradient was finite, before such weights are saved.

        Raises:
            NonFinite: a parameter or buffer is not finite.
        """
        lost: list[str | None] = self.trainer.world.gather(lost_key(self.trainer.model))
        if (key := next(filter(None, lost), None)) is not None:
            raise NonFinite(
                f"step {self.progress.step} or one before it in its epoch: every loss and gradient was finite, but "
                f"`{key}` no longer is; {self._saved()}. A smaller learning rate or weight decay is the usual remedy"
            )

    def result(self) -> RunResult:
        """The result of the run.

        Raises:
            ResourceError: the recipe has no epochs.
        """
        records = self.progress.records
        if not records:
            raise ResourceError(f"{self.directory.path}: the recipe has no epochs, so there is nothing to tell")
        examples = self.examples * self.trainer.world.size
        earlier = (self.trainer.examples_per_epoch or 0) * len(records) / max(sum(r.seconds for r in records), 1e-9)
        return RunResult(
            self.directory.path,
            records,
            examples / self.seconds if examples else earlier,
            examples / self.computing if examples else None,
            memory_in_use(self.trainer.arithmetic.device),
            self.directory.best_epoch,
        )
