"""A learning-rate finder: a copy of a net trains while its learning rate rises, until the loss diverges.

Source: Smith, Cyclical Learning Rates for Training Neural Networks, https://arxiv.org/abs/1506.01186, section 3.3; with
a rate that rises by a factor, as fastai and Lightning have it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from netspec.asked import by_command, option
from netspec.diagnostics import UsageError
from netspec.net import Net, need_net
from netspec.recipe.resolved import Recipe
from netspec.trainer.errors import NonFinite, Refusals
from netspec.trainer.loop.history import History
from netspec.trainer.machine.device import describe, numerics
from netspec.trainer.machine.host import floats
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.undisturbed import kept_child_handler, kept_environment, kept_randomness
from netspec.trainer.measure.descent import (
    Smoothed,
    falls,
    looked_at,
    spaced,
    steepest,
    valley,
    valley_middle,
)
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import out_of_memory, spare_memory
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.supplied import supplied
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.setup.trying import try_out
from netspec.trainer.show.rate_curve import RateCurve, rate_text

STEPS: Final = 100
LOWEST, HIGHEST = 1e-7, 10.0
LEAST_STEPS: Final = 20
"""With fewer, too little is left between the ends that are not looked at."""
AT_THE_END: Final = "at the highest rate"
_DIVERGED: Final = "the loss diverged"
_NOT_FINITE: Final = "the loss was not finite"


@dataclass(frozen=True)
class _Range:
    """The learning rates to try."""

    steps: int
    lowest: float
    highest: float


def find_lr(
    net: Net,
    *,
    steps: int = STEPS,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    data: Any = None,
    loss: Any = None,
    batches_per_epoch: int | None = None,
    after_step: Callable[[int], None] | None = None,
    **options: Any,
) -> RateCurve:
    """Propose a learning rate: train a copy of the net by its recipe for some steps while the rate rises, and see where
    the loss falls.

    The batches are those of a run's first steps, and so are optimizer, augmentation and clipping; schedule, warm-up and
    moving average do not act. The rate of each step is by the same factor above that of the one before; groups with one
    of their own keep its proportion to the optimizer's. It ends early where the smoothed loss is four times its best or
    a step is not finite. Nothing is written, and neither the net nor random generators change.

    Args:
        net: the net, with a recipe.
        steps: optimizer steps, 20 at least.
        lowest: the first learning rate.
        highest: that of the last step.
        data: what to train on in place of what the recipe names; see `netspec.train`. Data that can be read only once
            are read.
        loss: likewise.
        batches_per_epoch: likewise.
        after_step: called with the number of steps done, after each.
        options: `device`, `precision`, `examples`, `weights`, `workers` and others of `netspec.train`.

    Returns:
        The rates and losses, and the proposals: `suggestion` is None where the loss does not fall, and `advice` says
            what to do then. `plot("lr.svg")` draws it.

    Raises:
        UsageError: the range is none, or an option does not fit the spec or the machine.
        ResourceError: memory or data failed.
        NonFinite: the first step was not finite, so that no learning rate has acted.

    >>> net = netspec.loads(
    ...     "{input: [8], layers: [Linear: 4], train: {data: synthetic, batch_size: 64,"
    ...     " epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
    ... )
    >>> curve = netspec.find_lr(net, highest=1000)
    >>> 0.1 < curve.suggestion < 100
    True
    >>> list(curve.proposals)
    ['steepest', 'valley', 'minimum_tenth']
    """
    need_net(net, "find_lr")
    asked = _checked(steps, lowest, highest)
    chosen = Options.of(options, find_lr).placed()
    with ExitStack() as stack:
        stack.enter_context(kept_environment())
        stack.enter_context(kept_child_handler())
        stack.enter_context(kept_randomness(chosen.device))
        net, given = supplied(
            net, data=data, loss=loss, metrics=None, batches_per_epoch=batches_per_epoch, resume=None, call="find_lr"
        )
        own = net.recipe
        if own is not None:
            net = replace(net, recipe=own._replace(scheduler=None, warmup=None, ema=None))
        trainer = assemble(net, chosen, World(), chosen.device, supplied=given)
        stack.callback(trainer.data.close)
        stack.enter_context(numerics(trainer.arithmetic))
        stack.enter_context(spare_memory(trainer))
        try_out(trainer, given)
        stack.enter_context(out_of_memory(trainer))
        began = time.perf_counter()
        test = _RangeTest(trainer, asked)
        for done in test.run():
            if after_step is not None:
                after_step(done)
        return test.curve(own or trainer.recipe, time.perf_counter() - began)


def _checked(steps: Any, lowest: Any, highest: Any) -> _Range:
    """The range, if it is one.

    Raises:
        UsageError: it is none, there are too few steps, or several processes would try it.
    """
    if type(steps) is not int:
        raise UsageError(f"{option('steps')} is a number of steps, at least {LEAST_STEPS}, but is {steps!r}")
    for name, rate in (("lowest", lowest), ("highest", highest)):
        if not isinstance(rate, float | int) or isinstance(rate, bool):
            raise UsageError(f"{option(name)} is a learning rate, a number, but is {rate!r}")
    if steps < LEAST_STEPS:
        raise UsageError(f"{option('steps', steps)}: too few to see a curve; make it {LEAST_STEPS} or more")
    if not 0 < lowest < highest < math.inf:
        raise UsageError(
            f"the learning rate rises from {_limit('lowest', lowest)} to {_limit('highest', highest)}, so the one must "
            "be above 0, and below the other"
        )
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            f"the environment says WORLD_SIZE={os.environ['WORLD_SIZE']}: a learning rate is found by one process; "
            "leave out `torchrun`, and give that process the whole batch"
        )
    return _Range(steps, lowest, highest)


def _limit(name: str, value: float) -> str:
    """What a limit of the range is called: `--from 1e-07`, `lowest=1e-07`."""
    word = {"lowest": "from", "highest": "to"}[name]
    return option(word if by_command() else name, float(f"{value:.2g}"))


class _RangeTest:
    """The steps, and what was measured."""

    def __init__(self, trainer: Trainer, asked: _Range) -> None:
        self.trainer, self.asked = trainer, asked
        self._plan = spaced(asked.lowest, asked.highest, asked.steps)
        self._factors = _factors(trainer)
        self._rates: list[float] = []
        self._losses: list[float] = []
        self._smoothed = Smoothed()
        self._history = History(trainer, 1)
        self._ended, self._done, self._epoch, self._batch = AT_THE_END, 0, 0, 0

    def run(self) -> Iterator[int]:
        """Take the steps, and give the number of those that are done after each.

        Raises:
            NonFinite: the first one was not finite.
            ResourceError: the data or the net fail, or data that can be read only once have ended.
        """
        fetching = Refusals(lambda: f"{self._place()}, transforms and augmentation")
        stepping = Refusals(self._place)
        while True:
            batches = self.trainer.batches(self._epoch, 0)
            self._batch = 0
            while True:
                with fetching:
                    batch = next(batches, None)
                if batch is None:
                    break
                with stepping:
                    last = self._take(batch)
                if not last:
                    continue
                going = self._look()
                self._done += 1
                yield self._done
                if not going or self._done == len(self._plan):
                    return
            self._epoch += 1

    def _place(self) -> str:
        return f"step {self._done + 1} (epoch {self._epoch + 1}, batch {self._batch + 1})"

    def _take(self, batch: Any) -> bool:
        """Train on a batch. Returns whether a step of the optimizer ends with it."""
        trainer = self.trainer
        phase = trainer.phase(self._batch, self._done)
        mix = trainer.draw_mix()
        if phase.first:
            rate = self._plan[self._done]
            trainer.optimization.set_lr([rate * factor for factor in self._factors])
            trainer.sums.reset()
            self._history.begin(self._epoch, self._batch)
        feed = trainer.buffers(batch, self._batch, mix)
        self._history.add(mix, feed)
        trainer.driver(feed, phase)
        self._batch += 1
        return phase.last

    def _look(self) -> bool:
        """Keep the loss of the step. Returns whether to go on.

        Raises:
            NonFinite: the first step was not finite.
        """
        (failed,) = floats(self.trainer.step.failures.ever.reshape(1))
        loss = self.trainer.sums.read().loss
        if failed:
            if self._done == 0:
                raise NonFinite(". ".join(self._history.told(0, 1)))
            self._ended = _NOT_FINITE
            return False
        if math.isnan(loss):  # no target of the step counts
            return True
        self._rates.append(self._plan[self._done])
        self._losses.append(loss)
        self._smoothed.add(loss)
        if self._smoothed.diverged:
            self._ended = _DIVERGED
            return False
        return True

    def curve(self, own: Recipe, seconds: float) -> RateCurve:
        """What was measured, and what it proposes; `own` is the recipe as written."""
        recipe, smoothed = self.trainer.recipe, self._smoothed.values
        window = looked_at(len(self._rates), self.asked.steps)
        rates, averages = self._rates[window.start : window.stop], smoothed[window.start : window.stop]
        proposals: dict[str, float] = {}
        if len(rates) > 2 and falls(self._losses[window.start : window.stop], averages):
            proposals = {
                "steepest": rates[steepest(rates, averages, self.asked.steps // 20)],
                "valley": rates[valley_middle(averages)],
                "minimum_tenth": rates[averages.index(min(averages))] / 10,
            }
        at_last = self._plan[max(self._done - 1, 0)]
        curve = RateCurve(
            self.trainer.net.name, recipe.optimizer.name(), _key(own), describe(self.trainer.arithmetic.device),
            self._examples(), self.asked.steps, self.asked.lowest, self.asked.highest, seconds,
            tuple(self._rates), tuple(self._losses), tuple(smoothed), self._ended, at_last, proposals,
        )  # fmt: skip
        if not proposals:
            return replace(curve, advice=self._why_none(curve))
        still = self._ended == AT_THE_END and valley(averages)[1] == len(averages) - 1
        return replace(curve, advice=self._higher(curve)) if still else curve

    def _examples(self) -> int:
        """The examples of a step; there may be fewer than the recipe takes."""
        wanted, known = self.trainer.recipe.batch_size * self.trainer.recipe.accumulate, self.trainer.examples_per_epoch
        return wanted if known is None else min(wanted, known)

    def _higher(self, curve: RateCurve) -> str:
        """What to do where the loss still falls at the end."""
        return (
            f"the loss still fell at the end, {rate_text(curve.ended_at)}, so a higher rate may be better: "
            f"{_limit('highest', 100 * self.asked.highest)} goes on"
        )

    def _why_none(self, curve: RateCurve) -> str:
        """Why there is no proposal, and what to do."""
        asked, count = self.asked, len(curve.rates)
        lower = f"begin lower, {_limit('lowest', asked.lowest / 1000)}"
        if len(looked_at(count, asked.steps)) <= 2:
            if self._ended == AT_THE_END:
                return (
                    f"in only {count} of {asked.steps} steps a target counts, too few to see a curve: train on data of "
                    "which more do, or with a larger `batch_size`"
                )
            how = f" from {curve.losses[0]:.4g} to {curve.losses[-1]:.4g}" if self._ended == _DIVERGED else ""
            return (
                f"{self._ended}{how} at step {self._done} of {asked.steps}, at a learning rate of "
                f"{rate_text(curve.ended_at)}, before there was a fall to see: {lower}"
            )
        first = curve.smoothed[looked_at(count, asked.steps).start]
        least = min(curve.smoothed[place] for place in looked_at(count, asked.steps))
        told = (
            f"the smoothed loss never fell by more than single batches differ: it was {first:.4g} at first and "
            f"{least:.4g} at its best"
        )
        rose = self._ended == AT_THE_END and falls(curve.losses[::-1], curve.smoothed[::-1])
        if self._ended == AT_THE_END and not rose:  # no sign yet of a rate that is too high
            return (
                f"{told}; it had not diverged at {rate_text(curve.ended_at)}: go on higher, "
                f"{_limit('highest', 100 * asked.highest)}; if it does not fall there, see what is frozen, and whether "
                "the targets follow from the inputs"
            )
        ended = f"rose to {curve.smoothed[-1]:.4g}" if rose else self._ended
        return (
            f"{told}, and {ended} at {rate_text(curve.ended_at)}: see more of each rate with "
            f"{option('steps', 3 * asked.steps)}, or take a larger `batch_size`, whose batches differ less; if it was "
            f"high from the first step on, {lower}"
        )


def _factors(trainer: Trainer) -> list[float]:
    """For each group of parameters, its learning rate in proportion to the optimizer's.

    Raises:
        UsageError: there is no such proportion.
    """
    base = float(dict(trainer.recipe.optimizer)["lr"])
    own, scales = [label != "" for label in trainer.optimization.labels], trainer.optimization.scales
    if base > 0:
        groups = zip(trainer.schedule.rates, own, scales, strict=True)
        return [rate / base if has else scale for rate, has, scale in groups]
    if any(own):
        raise UsageError(
            "the optimizer's learning rate is 0, and `groups` have rates of their own, which are to keep their "
            "proportion to it: give the optimizer one, such as 0.001"
        )
    return list(scales)


def _key(recipe: Recipe) -> str:
    """The key of a spec by which the highest learning rate of a run is set."""
    if recipe.scheduler is not None and recipe.scheduler.peak is not None:
        return f"train.scheduler.{recipe.scheduler.name()}.{recipe.scheduler.peak}"
    return f"train.optimizer.{recipe.optimizer.name()}.lr"
