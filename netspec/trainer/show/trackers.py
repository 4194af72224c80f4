"""Logs of a run for the services that keep experiments: Weights & Biases and MLflow. Each is an optional dependency.

Where they write is theirs to know, by their own environment variables: `WANDB_MODE`, `WANDB_PROJECT`,
`MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

from netspec.asked import option
from netspec.diagnostics import MissingExtra, ResourceError, UsageError, did_you_mean
from netspec.extras import install
from netspec.net import Net
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.records import Record

Log = Callable[[Mapping[str, float], int], None]
"""Takes the figures of an epoch, and its number."""


Tracker = Callable[[Any, str, Path, str | None, Mapping[str, Any]], AbstractContextManager[tuple[Log, str]]]
"""Opens the log of a run. It takes the library's module, the name of the net, the run's directory, what named the run
to the service when it began (None for a new one), and the recipe by dotted keys. It gives the function that logs an
epoch, and what names the run."""


@contextmanager
def _wandb(
    library: Any, name: str, run: Path, known: str | None, settings: Mapping[str, Any]
) -> Generator[tuple[Log, str]]:
    identity = known or uuid4().hex[:8]
    project = os.environ.get("WANDB_PROJECT") or name
    opened = library.init(
        project=project, name=run.name, dir=str(run), id=identity, resume="allow", config=dict(settings)
    )
    try:
        yield lambda figures, epoch: opened.log(dict(figures), step=epoch), identity
    finally:
        opened.finish()


@contextmanager
def _mlflow(
    library: Any, name: str, run: Path, known: str | None, settings: Mapping[str, Any]
) -> Generator[tuple[Log, str]]:
    if not os.environ.get("MLFLOW_EXPERIMENT_NAME") and not os.environ.get("MLFLOW_EXPERIMENT_ID"):
        library.set_experiment(name)
    with library.start_run(run_id=known, run_name=None if known else run.name) as opened:
        if known is None:
            library.log_params({key: str(value)[:500] for key, value in settings.items()})

        def log(figures: Mapping[str, float], epoch: int) -> None:
            # A slash would make a folder of what is the name of another figure, and other signs are refused.
            named = {re.sub(r"[^\w\-.]", "_", key.replace("/", ".")): value for key, value in figures.items()}
            library.log_metrics(named, step=epoch)

        yield log, opened.info.run_id


_LONGEST: Final = 500
"""So many letters of what a library says are told."""

TRACKERS: Final[Mapping[str, Tracker]] = {"wandb": _wandb, "mlflow": _mlflow}
"""What `--log` names: each the name of its module and of netspec's extra."""


def need_trackers(names: Sequence[str]) -> None:
    """Check that these trackers are known and installed.

    Raises:
        UsageError: there is no such tracker.
        MissingExtra: its module is not installed.
    """
    for name in names:
        if name not in TRACKERS:
            near = did_you_mean(name, TRACKERS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(TRACKERS)}"
            raise UsageError(f"{option('log', [name])}: a run is not logged there; {hint}")
        if find_spec(name) is None:
            raise MissingExtra(f"{option('log', [name])} needs the module `{name}`", install(name))


@contextmanager
def tracked(
    names: Sequence[str], directory: RunDirectory, net: Net, note: Callable[[str], None]
) -> Generator[Callable[[Record], None]]:
    """Open the logs of a run. Yields a function that logs an epoch to all of them.

    A service that fails later on, such as one that cannot be reached any more, ends no training: `note` is told of the
    first epoch that it does not take, and the run's own files have them all.

    Raises:
        ResourceError: a service does not take the run.
    """
    file = directory.path / "trackers.json"
    known = _known(file)
    settings = {} if net.recipe is None else dict(_flat(net.recipe.to_dict()))
    with ExitStack() as stack:
        logs: dict[str, Log] = {}
        for name in names:
            try:
                opened = TRACKERS[name](import_module(name), net.name, directory.path, known.get(name), settings)
                logs[name], known[name] = opened.__enter__()
            except Exception as error:  # of any class of the library
                remedy = "" if directory.begun else f"; nothing is trained, so `{directory.path}` may be removed"
                raise ResourceError(
                    f"{option('log', [name])}: {name} does not take the run: {_words(error)}{remedy}"
                ) from error
            stack.push(_closing(name, opened, note))
        write_atomically(file, json.dumps(known) + "\n")

        failed: set[str] = set()

        def log_all(record: Record) -> None:
            figures = {k: float(v) for k, v in record.row().items() if v is not None and k != "epoch"}
            for name, log in logs.items():
                try:
                    log(figures, record.epoch)
                except Exception as error:
                    if name not in failed:
                        note(
                            f"note: {name} does not take epoch {record.epoch}, and training goes on: {_words(error)}; "
                            f"`{directory.path / 'metrics.csv'}` has every epoch"
                        )
                    failed.add(name)

        yield log_all


def _closing(name: str, opened: AbstractContextManager[Any], note: Callable[[str], None]) -> Callable[..., bool]:
    """Closes the log of a run at the end; a service that fails then is noted."""

    def close(kind: Any, error: BaseException | None, trace: Any) -> bool:
        try:
            opened.__exit__(kind, error, trace)
        except Exception as failure:
            if failure is not error:
                note(f"note: {name} does not take the end of the run: {_words(failure)}")
        return False

    return close


def _words(error: Exception) -> str:
    """What a library says, on one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _known(file: Path) -> dict[str, str]:
    """What names the run to each service; nothing where the file cannot be read."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    pairs = cast("dict[Any, Any]", found).items() if isinstance(found, dict) else ()
    return {str(name): value for name, value in pairs if isinstance(value, str)}


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings by dotted keys."""
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value
