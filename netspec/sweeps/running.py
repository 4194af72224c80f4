"""`netspec.sweep`: the trials of a spec's `sweep:`, by Optuna or as a grid."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netspec.asked import option
from netspec.called import WISH, is_name
from netspec.diagnostics import UsageError
from netspec.layers import OWN, Offer
from netspec.net import Net
from netspec.space.section import Sweep
from netspec.sweeps.fitting import Base, Rejection
from netspec.sweeps.grid import GridSweep
from netspec.sweeps.tally import Tally
from netspec.text.source import read

if TYPE_CHECKING:
    from netspec.layers.base import Layer

TRIALS: Final = 20
"""How many trials finish where nothing says it."""
BEAT: Final = 15.0
"""Seconds between two signs of life."""
RETRIES: Final = 3
"""How often a trial goes on whose process was killed."""
_SAMPLE: Final = 500
"""Points that a dry run compiles."""


def sweep(
    spec: str | os.PathLike[str],
    *,
    study: str | None = None,
    storage: str | os.PathLike[str] | None = None,
    trials: int | None = None,
    runs: str | os.PathLike[str] | None = None,
    grid: bool = False,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,  # as in `load`
    layers: Iterable[type[Layer]] = (),
    heartbeat: float = BEAT,
    retries: int = RETRIES,
    say: Callable[[str], None] | None = None,
    width: int = 100,
    **options: Any,
) -> Tally:
    """Train trials of a spec's `sweep:` in this process until the study has as many as are wanted that have finished.

    Points that do not compile or are more than `limit:` admits are rejected before anything is built, and do not count.
    Several processes, on several machines if they have the directory of runs in common, may call this with the same
    `study` and `storage`.

    Args:
        spec: the file of the spec.
        study: the name of the study; that of the spec with `-sweep` behind it if None.
        storage: where the study is kept: a file of SQLite (`.db`), a journal (`.journal`), or a database's URL.
            `study.db` beside the runs if None.
        trials: how many are to finish, over all processes; as the spec says if None.
        runs: the directory of the run directories; `runs/STUDY` if None.
        grid: try every point in order, whatever the spec's sampler is. This needs no Optuna.
        variant: which variant of the spec, where the sweep does not go over them.
        set: overrides for all trials, as in `netspec.load`.
        layers: classes of layers that the spec may name besides netspec's own.
        heartbeat: seconds between two signs of life; after four without, a trial goes on in another process.
        retries: how often a trial goes on whose process was killed.
        say: takes a line for each trial; None for silence.
        width: columns of such a line.
        options: those of `netspec.train`: `device`, `examples`, `callbacks` …

    Returns:
        What became of all trials of the study. `best` has the best of them with its run directory.

    Raises:
        SpecError: the spec or its sweep is wrong.
        NoValidTrial: every point that was tried was rejected.
        UsageError: the study is of another spec or space, or the storage has no name of one.
        MissingExtra: Optuna is not installed, or torch.
        ResourceError: the storage cannot be reached; or memory, disk or data failed.

    >>> file = folder / "net.yaml"
    >>> size = file.write_text(
    ...     "{input: [8], layers: [Linear: 4], train: {data: synthetic, batch_size: 64, epochs: 1,"
    ...     " optimizer: {SGD: {lr: 0.1}}, loss: CrossEntropyLoss}, sweep: {metric: train_loss,"
    ...     " sampler: grid, over: {train.optimizer.SGD.lr: [0.001, 0.1]}}}"
    ... )
    >>> tally = netspec.sweep(file, runs=folder / "sweep")
    >>> [trial.point["train.optimizer.SGD.lr"] for trial in tally.ranked]
    [0.1, 0.001]
    """
    name, given = os.fspath(spec), dict(set or {})
    base = based(name, variant, given, layers)
    return swept(
        base, base.sweep(), study=study, storage=None if storage is None else os.fspath(storage), trials=trials,
        runs=None if runs is None else Path(runs), grid=grid, heartbeat=heartbeat, retries=retries, say=say,
        width=width, options=options,
    )  # fmt: skip


def based(
    name: str, variant: str | None, settings: Mapping[str, Any], layers: Iterable[type[Layer]] | Offer = ()
) -> Base:
    """What all points of the sweep of a file have in common.

    Raises:
        SpecError: the file is no text.
    """
    source, problems = read(name)
    if problems:
        from netspec.errors import SpecError  # here, since only a mistake needs it

        raise SpecError(problems, {source.name: source.text})
    return Base(source, variant, settings, layers if isinstance(layers, Offer) else _offer(layers))


def _offer(layers: Iterable[type[Layer]]) -> Offer:
    given = tuple(layers)
    if not given:
        return OWN
    from netspec.plugins.registration import offer_of, plugins_of  # imported here: few calls bring layers

    return offer_of(plugins_of(given))


def swept(
    base: Base,
    plan: Sweep,
    *,
    study: str | None,
    storage: str | None,
    trials: int | None,
    runs: Path | None,
    grid: bool,
    heartbeat: float,
    retries: int,
    say: Callable[[str], None] | None,
    width: int,
    options: Mapping[str, Any],
) -> Tally:
    """Like `sweep`, for a spec that is read already."""
    name = study or f"{study_name(base)}-sweep"
    if not is_name(name):
        raise UsageError(f"{option('study', name)}: {WISH}")
    if heartbeat <= 0:
        raise UsageError(f"{option('heartbeat', heartbeat)}: the seconds between two signs of life are more than 0")
    parent = runs or Path("runs") / name
    told = say or _silent
    wanted = trials if trials is not None else plan.trials
    if grid or plan.sampler == "grid":
        uncounted = next((axis.key for axis in plan.space.axes if axis.size is None), None)
        if uncounted is not None:
            raise UsageError(
                f"a grid has no end where `{uncounted}` takes any number between two bounds: give `count` or `step` "
                "beside them, or a list of values"
            )
        return GridSweep(base, plan, wanted, parent, name, options, told, width).run()
    from netspec.sweeps.storage import need_optuna, opened, told_of  # here: a grid needs none

    need_optuna()
    where = storage or str(parent / "study.db")
    kept = opened(where, told)
    with told_of(where):
        from netspec.sweeps.shared import SharedSweep
        from netspec.sweeps.study import opened_study

        found = opened_study(name, kept, base, plan)
        return SharedSweep(found, base, plan, wanted or TRIALS, parent, options, heartbeat, retries, told, width).run()


def _silent(words: str) -> None:
    """Say nothing."""


def study_name(base: Base) -> str:
    """The name of the spec that a sweep is of."""
    result = base.compiled(base.variant, base.settings) if base.variant is not None else None
    spec = base.spec() if result is None else result.spec
    return "net" if spec is None else str(spec.name)


@dataclass(frozen=True)
class Rehearsal:
    """What a dry run of a sweep has found."""

    size: int | None
    """How many points the space has; None where it cannot be counted."""
    tried: int
    """How many of them were compiled."""
    valid: int
    """How many of these may be trained."""
    rejected: Mapping[str, int]
    """How many were rejected, for each reason."""
    examples: Mapping[str, str]
    """For each reason what was said of a point."""
    seconds: float
    """For all that were compiled."""


def rehearsed(base: Base, plan: Sweep, sample: int = _SAMPLE) -> Rehearsal:
    """Compile the points of a space, or so many of them at random, without training any."""
    generator = random.Random(plan.seed)
    size = plan.space.size
    every = size is not None and size <= sample
    points = plan.space.points() if every else (plan.space.drawn(generator) for _ in range(sample))
    rejected: Counter[str] = Counter()
    examples: dict[str, str] = {}
    tried = valid = 0
    began = time.perf_counter()
    for point in points:
        tried += 1
        found = base.tried(point, plan)
        if isinstance(found, Net):
            valid += 1
        else:
            _note(found, rejected, examples)
    return Rehearsal(size, tried, valid, rejected, examples, time.perf_counter() - began)


def _note(found: Rejection, rejected: Counter[str], examples: dict[str, str]) -> None:
    rejected[found.code] += 1
    examples.setdefault(found.code, found.why)
