"""Which trials of a shared study count. A trial that was killed goes on as another of the study, in the same run.

All trials that are one run are a chain, and its number is that of the first. How many chains are alive (running,
waiting to go on, finished) decides whether another may begin. Processes that begin at the same time see each other
late; so a chain is admitted by those of lower numbers alone, which no later one changes. Of those that are alive there
are never more than are wanted, and each of them is counted when it finishes. No lock is needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

State = Literal["undecided", "alive", "owed", "finished", "pruned", "rejected", "repeated", "surplus", "diverged",
                "failed", "void"]  # fmt: skip
"""What has become of a chain. `undecided`: not yet held against the compiler; `owed`: killed, to go on; `void`: killed
before it was anything."""
LIVING: Final = ("undecided", "alive", "owed", "finished")
"""The states of a chain that takes a place among those that are wanted."""

ORIGIN: Final = "origin"
ATTEMPT: Final = "attempt"
DEATHS: Final = "deaths"
"""How often a process that trained the chain was killed before this attempt."""
VALID: Final = "valid"
ENDED: Final = "ended"
"""Why a trial ended that did not finish: one of the states; `killed` where nothing was heard of it, `stopped` where its
process has said so."""
WHY: Final = "why"
"""The reason of a rejection, and what was said."""
PROCESS: Final = "process"
"""Which process has the trial: a machine and a number, for people who look into a study."""


@dataclass(frozen=True)
class TrialChain:
    """The trials of a study that are one run."""

    number: int
    state: State
    last: FrozenTrial
    """The newest attempt."""
    point: Mapping[str, Any]
    """Its parameters as the study has them."""

    @property
    def attempt(self) -> int:
        """How often it was begun anew."""
        return int(self.last.user_attrs.get(ATTEMPT, 0))


def origin_of(trial: FrozenTrial) -> int:
    """The number of the chain that a trial belongs to."""
    return int(trial.user_attrs.get(ORIGIN, trial.number))


def chains(trials: Iterable[FrozenTrial], retries: int) -> list[TrialChain]:
    """The chains of a study in the order of their numbers.

    Args:
        trials: all trials of the study.
        retries: how often a trial that was killed goes on.
    """
    groups: dict[int, list[FrozenTrial]] = defaultdict(list)
    for trial in trials:
        groups[origin_of(trial)].append(trial)
    found: list[TrialChain] = []
    for number, members in sorted(groups.items()):
        last = max(members, key=lambda t: (int(t.user_attrs.get(ATTEMPT, 0)), -t.number))
        found.append(TrialChain(number, _state(last, retries), last, _point(last)))
    return found


def _point(trial: FrozenTrial) -> Mapping[str, Any]:
    return trial.params or trial.system_attrs.get("fixed_params", {})


def _state(trial: FrozenTrial, retries: int) -> State:
    ended = trial.user_attrs.get(ENDED)
    match trial.state.name:
        case "COMPLETE":
            return "finished"
        case "WAITING":
            return "alive"
        case "RUNNING":
            return "alive" if trial.user_attrs.get(VALID) else "undecided"
        case "PRUNED":
            return ended if ended in ("rejected", "diverged") else "pruned"
        case _ if ended in ("repeated", "surplus"):
            return ended
        case _ if not trial.user_attrs.get(VALID):
            return "void"
        case _:
            return "owed" if deaths(trial) <= retries else "failed"


def deaths(trial: FrozenTrial) -> int:
    """How often a process was killed that trained the chain of a trial, this one included."""
    return int(trial.user_attrs.get(DEATHS, 0)) + (trial.user_attrs.get(ENDED) == "killed")


def is_void(trial: FrozenTrial, found: Sequence[TrialChain]) -> bool:
    """Whether a trial is the second of two that go on with the same run, made by two processes at the same time."""
    chain = next((c for c in found if c.number == origin_of(trial)), None)
    return chain is not None and chain.last.number != trial.number


def may_begin(number: int, wanted: int, found: Sequence[TrialChain]) -> bool:
    """Whether a chain is among the first `wanted` that are alive."""
    return sum(chain.state in LIVING for chain in found if chain.number < number) < wanted


def repeats(number: int, found: Sequence[TrialChain], point: Mapping[str, Any]) -> bool:
    """Whether an earlier chain has the same point."""
    same = (chain for chain in found if chain.number < number and chain.state not in ("void", "surplus", "failed"))
    return any(dict(chain.point) == dict(point) for chain in same)


def has_room(wanted: int, found: Sequence[TrialChain]) -> bool:
    """Whether a further chain may be begun, or one goes on."""
    return sum(chain.state in LIVING for chain in found) < wanted or any(
        chain.state == "owed" or chain.last.state.name == "WAITING" for chain in found
    )
