"""A sweep by Optuna: this process takes trials of a study that others may share, until so many have finished."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netspec.diagnostics import OutOfMemory
from netspec.net import Net
from netspec.space.axes import Point, label
from netspec.space.section import Sweep
from netspec.sweeps.chains import (
    ATTEMPT,
    DEATHS,
    ENDED,
    ORIGIN,
    PROCESS,
    VALID,
    WHY,
    State,
    TrialChain,
    chains,
    deaths,
    has_room,
    is_void,
    may_begin,
    origin_of,
    repeats,
)
from netspec.sweeps.fitting import COMPILES, Base, Rejection, constraints
from netspec.sweeps.pulse import Listener, Pulse, this_process
from netspec.sweeps.study import distributions, params_of, point_of
from netspec.sweeps.tally import NoValidTrial, Tally, Trial, line

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as Asked

    from netspec.sweeps.trial import Outcome

_LOOKS: Final = 0.3
"""Seconds between two looks at a study that has nothing to do."""
_VAIN: Final = 200
"""Points that are rejected before a sweep without a valid one gives up; and five times as many in a row later."""
_AGAIN: Final = 10
"""Points in a row that were drawn before; then an unseen one is looked for in their place."""
_ALL: Final = 100_000
"""Points of a space that is walked through for an unseen one."""


@dataclass
class SharedSweep:
    """A process's part in a sweep.

    Args:
        study: Optuna's.
        base: what all points have in common.
        sweep: the sweep.
        wanted: how many trials are to finish, over all processes together.
        parent: where the run directories are.
        options: those of `netspec.train`.
        beat: seconds between two signs of life.
        retries: how often a trial that was killed goes on.
        say: takes a line for each trial.
        width: columns of such a line.
    """

    study: Study
    base: Base
    sweep: Sweep
    wanted: int
    parent: Path
    options: Mapping[str, Any]
    beat: float
    retries: int
    say: Callable[[str], None]
    width: int = 100
    _again: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._listener = Listener(self.beat)
        self._distributions = distributions(self.sweep.space)

    def run(self) -> Tally:
        """Take trials until enough have finished, or no further point may be tried.

        Raises:
            NoValidTrial: every point that was tried was rejected.
            NetspecError: whatever ends a training; the trial then goes on as another one, here or elsewhere.
        """
        waiting = False
        while True:
            now = time.monotonic()
            trials = self.study.get_trials(deepcopy=False)
            self._bury(trials, now)
            found = chains(trials, self.retries)
            self._revive(found)
            if sum(chain.state == "finished" for chain in found) >= self.wanted or self._is_over(found):
                return self.tally(found)
            if not has_room(self.wanted, found):
                if not waiting:
                    self.say("waiting for the trials of other processes")
                waiting = True
                time.sleep(_LOOKS)
                continue
            waiting = False
            self._carry_on(self.study.ask(self._distributions))

    # ---- one trial

    def _carry_on(self, trial: Asked) -> None:
        """Hold a trial against the study and the compiler, and train it."""
        with Pulse(self.study._storage, trial._trial_id, self.beat) as pulse:  # pyright: ignore[reportPrivateUsage]  # Optuna has no other name for them
            try:
                net = self._accepted(trial)
                if net is not None:
                    self._train(trial, net, pulse)
            except BaseException:
                self._end(trial, "FAIL", "stopped")
                raise

    def _accepted(self, trial: Asked) -> Net | None:
        """The network of a trial that is to be trained; None where it was ended."""
        trial.set_user_attr(PROCESS, this_process())
        found, own = self._settled(trial)
        origin = origin_of(own)
        if is_void(own, found):
            return self._end(trial, "FAIL", "surplus")
        if origin == trial.number and repeats(trial.number, found, trial.params):
            self._again += 1
            self.study.sampler.reseed_rng()  # of two processes with one seed each would draw what the other did
            if self._again >= _AGAIN:
                self._propose(found)
            return self._end(trial, "FAIL", "repeated")
        self._again = 0
        net = self.base.tried(point_of(trial.params, self.sweep.space), self.sweep)
        if isinstance(net, Rejection):
            return self._reject(trial, net)
        if origin == trial.number:
            trial.set_user_attr(VALID, True)
            for name in constraints(self.sweep):
                trial.set_constraint(name, 0.0)
        if not may_begin(origin, self.wanted, chains(self._trials(), self.retries)):
            return self._end(trial, "FAIL", "surplus")
        return net

    def _settled(self, trial: Asked) -> tuple[Sequence[TrialChain], FrozenTrial]:
        """The chains, once all before a trial have their parameters, and the trial as the study has it. A study is told
        one parameter after the other; a process that is killed in between gives no more."""
        patience = time.monotonic() + 5
        while True:
            trials = self._trials()
            found = chains(trials, self.retries)
            early = (c for c in found if c.number < trial.number and c.state == "undecided")
            if all(self._distributions.keys() <= c.point.keys() for c in early) or time.monotonic() > patience:
                return found, next(each for each in trials if each.number == trial.number)
            time.sleep(0.02)

    def _reject(self, trial: Asked, why: Rejection) -> None:
        """Tell the sampler which constraints a point violates; it does not count as a trial."""
        for name in constraints(self.sweep):
            trial.set_constraint(name, float(why.violated.get(name, 0.0)))
        trial.set_user_attr(WHY, [why.code, why.why])
        self._end(trial, "PRUNED", "rejected")

    def _train(self, trial: Asked, net: Net, pulse: Pulse) -> None:
        from netspec.trainer.errors import CallbackFailed

        began = time.monotonic()
        origin = int(trial.user_attrs.get(ORIGIN, trial.number))
        point = point_of(trial.params, self.sweep.space)
        try:
            outcome = self._outcome(trial, net, origin, point, pulse)
        except CallbackFailed:
            if not pulse.gone():
                raise
            self.say(line(origin, point, "another process has it now", self.width))
            return
        except OutOfMemory as error:
            self._reject(trial, Rejection(error.code, str(error).splitlines()[0], {COMPILES: 1.0}))
            return
        self._finish(trial, outcome)
        finished = sum(chain.state == "finished" for chain in chains(self._trials(), self.retries))
        told = "diverged" if outcome.value is None else f"{self.sweep.measure.column} {outcome.value:.4f}"
        told += f" (pruned after epoch {outcome.records[-1].epoch})" if outcome.pruned else ""
        what = f"{told}  {time.monotonic() - began:.1f} s  {finished}/{self.wanted} "
        self.say(line(origin, point, what, self.width))

    def _outcome(self, trial: Asked, net: Net, origin: int, point: Point, pulse: Pulse) -> Outcome:
        from netspec.sweeps.trial import carried_out, known_records  # here, after the first network that is valid

        path = self.parent / f"trial-{origin:04}"
        for record in known_records(path):
            value = record.figure(self.sweep.measure.column)
            if value is not None:
                trial.report(value, record.epoch)

        def note(epoch: int, value: float) -> bool:
            trial.report(value, epoch)
            return trial.should_prune()

        return carried_out(
            net, path, point, self.sweep.measure, self.options,
            study=self.study.study_name, number=origin, note=note, gone=pulse.gone,
        )  # fmt: skip

    def _finish(self, trial: Asked, outcome: Outcome) -> None:
        if outcome.value is None:
            self._end(trial, "PRUNED", "diverged")
        elif outcome.pruned:
            self._end(trial, "PRUNED", "pruned")
        else:
            self._tell(trial.number, "COMPLETE", outcome.value)

    # ---- the study

    def _bury(self, trials: Sequence[FrozenTrial], now: float) -> None:
        """End the trials whose processes are gone."""
        running = [trial for trial in trials if trial.state.name == "RUNNING"]
        for trial in self._listener.silent(running, now):
            self.say(f"trial {origin_of(trial)}: nothing is heard of its process; it goes on from its last checkpoint")
            self._set(trial._trial_id, ENDED, "killed")  # pyright: ignore[reportPrivateUsage]  # as above
            self._tell(trial.number, "FAIL", None)

    def _revive(self, found: Sequence[TrialChain]) -> None:
        """Put those that were killed back into the line, each with its parameters and its run."""
        for chain in found:
            if chain.state == "owed":
                self.study.enqueue_trial(
                    dict(chain.last.params),
                    {ORIGIN: chain.number, ATTEMPT: chain.attempt + 1, DEATHS: deaths(chain.last), VALID: True},
                )

    def _propose(self, found: Sequence[TrialChain]) -> None:
        """Put a point into the line that nobody has tried, where the space can be walked through."""
        size = self.sweep.space.size
        if size is None or size > _ALL:
            return
        seen = _seen(found)
        unseen = [point for point in self.sweep.space.points() if _key(params_of(point)) not in seen]
        if unseen:
            self.study.enqueue_trial(params_of(self._random.choice(unseen)))

    def _is_over(self, found: Sequence[TrialChain]) -> bool:
        """Whether no further point may be tried: all were, or too many were in vain.

        Raises:
            NoValidTrial: and none of them is valid.
        """
        size = self.sweep.space.size
        valid = [c.state not in ("rejected", "repeated", "void", "surplus", "undecided") for c in found]
        if any(c.state in ("undecided", "alive", "owed") for c in found):
            return False
        all_ = size is not None and len(_seen(found)) >= size
        vain = sum(c.state == "rejected" for c in islice(reversed(found), next(
            (i for i, ok in enumerate(reversed(valid)) if ok), len(found))))  # fmt: skip
        if not all_ and vain < (5 * _VAIN if any(valid) else _VAIN):
            return False
        if not any(valid):
            raise NoValidTrial(self.tally(found), all=all_)
        finished = sum(c.state == "finished" for c in found)
        self.say(
            f"all {size:,} points of the space have been tried: {finished} have finished" if all_
            else f"the last {vain:,} points were all rejected: {finished} trials have finished, and no more are tried"
        )  # fmt: skip
        return True

    def tally(self, found: Sequence[TrialChain] | None = None) -> Tally:
        """What became of all trials of the study."""
        found = chains(self._trials(), self.retries) if found is None else found
        states: Counter[State] = Counter(chain.state for chain in found)
        why = [chain.last.user_attrs.get(WHY, ["?", "?"]) for chain in found if chain.state == "rejected"]
        finished = [
            Trial(c.number, point_of(c.last.params, self.sweep.space), float(c.last.value or 0.0),
                  self.parent / f"trial-{c.number:04}")
            for c in found if c.state == "finished"
        ]  # fmt: skip
        return Tally(
            self.sweep.measure, finished, Counter(code for code, _ in why), dict(reversed(why)),
            pruned=states["pruned"], diverged=states["diverged"], failed=states["failed"], repeated=states["repeated"],
        )  # fmt: skip

    # ---- Optuna

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _end(self, trial: Asked, state: str, ended: str) -> None:
        self._set(trial._trial_id, ENDED, ended)  # pyright: ignore[reportPrivateUsage]  # as above
        self._tell(trial.number, state, None)

    def _set(self, trial: int, name: str, value: str) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self.study._storage.set_trial_user_attr(trial, name, value)  # pyright: ignore[reportPrivateUsage]  # as above
        except UpdateFinishedTrialError:
            return

    def _tell(self, number: int, state: str, value: float | None) -> None:
        """End a trial, unless another process has."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            self.study.tell(number, value, TrialState[state], skip_if_finished=True)
        except UpdateFinishedTrialError:
            return


def _seen(found: Sequence[TrialChain]) -> set[str]:
    return {_key(chain.point) for chain in found if chain.state not in ("void", "surplus") and chain.point}


def _key(params: Mapping[str, Any]) -> str:
    return repr(sorted((key, label(value)) for key, value in params.items()))
