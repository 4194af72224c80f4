"""A study of Optuna's for a sweep: its distributions, sampler and pruner, and what it is a study of."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.space.axes import Axis, Choice, Point, Space, label
from netspec.space.over import plain
from netspec.space.section import Sweep
from netspec.sweeps.fitting import Base
from netspec.text.source import MapNode, parse

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage

_MARK: Final = "netspec"
"""The attribute of a study that says what it is of."""


def opened_study(name: str, storage: BaseStorage, base: Base, sweep: Sweep) -> Study:
    """The study of a name, made if there is none.

    Raises:
        UsageError: it is of another spec or space.
    """
    import optuna

    study = optuna.create_study(
        study_name=name, storage=storage, direction=sweep.measure.direction, load_if_exists=True,
        sampler=None, pruner=_pruner(sweep),
    )  # fmt: skip
    fresh = not study.get_trials(deepcopy=False)
    study.sampler = _sampler(sweep, sweep.seed if fresh else None)
    _agree(study, name, described(base, sweep), fresh=fresh)
    return study


def _agree(study: Study, name: str, ours: dict[str, Any], *, fresh: bool) -> None:
    """See that a study is of this sweep; a new one is marked as such."""
    theirs = study.user_attrs.get(_MARK)
    if theirs is None and not fresh:
        raise UsageError(f"the study `{name}` is no sweep of netspec's: name another one with {option('study')}")
    if theirs is None:
        study.set_user_attr(_MARK, ours)
        time.sleep(0.05)  # another process may have made it at the same time
        theirs = study.user_attrs.get(_MARK, ours)
    found: Mapping[str, Any] = theirs
    for key, value in ours.items():
        if found.get(key) != value:
            told = "" if key == "spec" else f": {json.dumps(found.get(key))} there, {json.dumps(value)} here"
            raise UsageError(
                f"the study `{name}` is of another {_PARTS[key]}{told}; name a new one with {option('study')}, "
                "or give the spec that it was begun with"
            )


_PARTS: Final = {"over": "space", "metric": "metric", "direction": "direction", "limit": "limit", "spec": "spec"}
"""What a study is of, and what each part is called."""


def described(base: Base, sweep: Sweep) -> dict[str, Any]:
    """What a study is of: the space, the metric, the limits, and all of the spec but its `sweep` and words for people.

    Comments and white space do not matter.
    """
    root, _ = parse(base.source)
    whole: dict[str, Any] = plain(root) if isinstance(root, MapNode) else {}
    settings = {key: str(value) for key, value in base.settings.items()}
    text = json.dumps(
        [{k: v for k, v in whole.items() if k not in ("sweep", "description", "name")}, base.variant, settings],
        default=str,
    )
    memory = sweep.limit.memory
    return {
        "over": {axis.key: _told(axis) for axis in sweep.space.axes},
        "metric": sweep.measure.column,
        "direction": sweep.measure.direction,
        "limit": dict(sweep.limit.counts) | ({} if memory is None else {"memory": memory.model_dump()}),
        "spec": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def _told(axis: Axis) -> Any:
    if isinstance(axis, Choice):
        return [label(value) for value in axis.values]
    return {"from": axis.low, "to": axis.high, "step": axis.step, "log": axis.log}


def _sampler(sweep: Sweep, seed: int | None) -> Any:
    """The sampler. `seed` is for the process that begins a study: those that join it draw other points."""
    import optuna

    if sweep.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():  # of Optuna's about arguments that may change
        warnings.simplefilter("ignore")
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _pruner(sweep: Sweep) -> Any:
    import optuna

    match sweep.pruner:
        case "median":
            return optuna.pruners.MedianPruner()
        case "hyperband":
            return optuna.pruners.HyperbandPruner()
        case _:
            return optuna.pruners.NopPruner()


# ---- points


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms. What is no single scalar is a category by its text."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for axis in space.axes:
        if isinstance(axis, Choice):
            found[axis.key] = CategoricalDistribution([label(value) for value in axis.values])
        elif axis.whole:
            step = int(axis.step or 1)
            high = int(axis.low) + ((axis.size or 1) - 1) * step
            found[axis.key] = IntDistribution(int(axis.low), high, log=axis.log, step=step)
        else:
            high = axis.high if axis.step is None else axis.low + ((axis.size or 1) - 1) * axis.step
            found[axis.key] = FloatDistribution(axis.low, high, log=axis.log, step=axis.step)
    return found


def point_of(params: Mapping[str, Any], space: Space) -> Point:
    """The point that parameters of a trial stand for."""
    found: Point = {}
    for axis in space.axes:
        value = params[axis.key]
        if isinstance(axis, Choice):
            value = next(each for each in axis.values if _same(label(each), value))
        found[axis.key] = value
    return found


def params_of(point: Point) -> dict[str, Any]:
    """The parameters of a trial that stand for a point."""
    return {key: label(value) for key, value in point.items()}


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
