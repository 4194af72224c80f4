"""The run directory: the spec, the environment, checkpoints, records and weights of a training run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

from netspec.asked import option
from netspec.diagnostics import ResourceError, UsageError, did_you_mean
from netspec.dims import Shape
from netspec.emit.json import to_json
from netspec.emit.yaml import expand
from netspec.net import Net
from netspec.recipe.base import DataSet
from netspec.trainer.machine.disk import disk_error, write_atomically
from netspec.trainer.run.lock import holder_of


@dataclass(frozen=True)
class RunDirectory:
    """A run directory and its files."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """The directory of checkpoints."""
        return self.path / "checkpoints"

    @property
    def weights(self) -> Path:
        """The file of the run's weights: the best where the recipe has a `best`, else those at the end."""
        return self.path / "model.safetensors"

    @property
    def last(self) -> Path:
        """The file of the weights at the end, of a run whose `weights` are the best."""
        return self.path / "last.safetensors"

    @property
    def best_epoch(self) -> int | None:
        """The epoch that `weights` are of, where they are the best; None for those at the end."""
        return _noted(self.weights)[2] if self.last.is_file() else None

    def origin(self, *, last: bool = False) -> str:
        """Which weights those of a finished run are, as text: the best where it has them, unless `last`."""
        epoch = None if last else self.best_epoch
        return "weights at the end" if epoch is None else f"best weights, of epoch {epoch}"

    def remove_last(self) -> None:
        """Remove `last` and its checksum."""
        self.last.unlink(missing_ok=True)
        _sum_of(self.last).unlink(missing_ok=True)

    def write_weights(self, file: Path, data: bytes, step: int, epoch: int | None = None) -> None:
        """Write `weights` or `last` of a run that ends at a step, and note its SHA-256. `epoch` is that of the best.

        The note is first: weights without one are taken for whole, while a note of other weights is found out.
        """
        noted = [hashlib.sha256(data).hexdigest(), str(step), *([] if epoch is None else [str(epoch)])]
        write_atomically(_sum_of(file), " ".join(noted) + "\n")
        write_atomically(file, data)

    @property
    def report(self) -> Path:
        """The file of the HTML report."""
        return self.path / "report.html"

    @property
    def interrupted(self) -> Path:
        """The file that is there while the run waits to be gone on with, because a signal ended it: what asks a
        scheduler for another turn looks for it, since `torchrun` replaces the exit status."""
        return self.path / "interrupted"

    @property
    def begun(self) -> bool:
        """True if there is a checkpoint to go on from."""
        return any(self.checkpoints.glob("step-*[0-9]"))

    def has_weights(self, step: int) -> bool:
        """True if the weights exist, match their checksums, and are those of a run that ended after `step`."""
        try:
            for file in (self.weights, *([self.last] if _noted(self.weights)[2] is not None else [])):
                check_weights(file)
        except (OSError, ResourceError):
            return False
        return _noted(self.weights)[1] == step

    @property
    def finished(self) -> bool:
        """True if the final weights exist, and no checkpoint is of a later step."""
        steps = [int(p.name[5:]) for p in self.checkpoints.glob("step-*") if p.name[5:].isdecimal()]
        noted = _noted(self.weights)[1]
        return self.weights.is_file() and (noted is None or noted >= max(steps, default=0))

    @property
    def source(self) -> Path:
        """The file of the spec as written."""
        return self.path / "source.yaml"

    @property
    def spec(self) -> Path:
        """The file of the resolved spec, which compiles to the same net without variant and overrides."""
        return self.path / "spec.yaml"

    def kept(self, data: DataSet) -> Path | None:
        """The file that says how examples are made of these data; None if there is none."""
        path = None if data.keeps is None else self.path / data.keeps
        return path if path is not None and path.is_file() else None

    @property
    def environment(self) -> dict[str, Any]:
        """The contents of `environment.json`; empty if it cannot be read."""
        try:
            found = json.loads((self.path / "environment.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return _mapping(found)

    @property
    def options(self) -> dict[str, Any]:
        """The options that the run was started with."""
        return _mapping(self.environment.get("options"))

    @property
    def plugins(self) -> dict[str, str | None]:
        """The plugins whose layers the run's net has, each with its version."""
        found = _mapping(self.environment.get("plugins"))
        return {name: version if isinstance(version, str) else None for name, version in found.items()}

    @property
    def started(self) -> datetime | None:
        """When the run began, in UTC; None for a run of a version that noted no time."""
        try:
            return datetime.fromisoformat(str(self.environment.get("started"))).astimezone(UTC)
        except ValueError:
            return None

    @property
    def device(self) -> str:
        """What the run began on, in words."""
        found = self.environment.get("device")
        return found if isinstance(found, str) else "an unknown device"

    @property
    def examples(self) -> dict[str, tuple[int, int]]:
        """For each part of the data how many examples the run used of it, and how many there were."""
        data = _mapping(self.environment.get("data"))
        used, there = _mapping(data.get("examples")), _mapping(data.get("available"))
        counts = {name: (count, there.get(name, count)) for name, count in used.items()}
        return {n: (a, b) for n, (a, b) in counts.items() if type(a) is int and type(b) is int}

    @property
    def given(self) -> dict[str, Any]:
        """What a program gave the run that its spec cannot name, in words: `data` by their parts, `loss`, `metrics`,
        `callbacks`."""
        return _mapping(self.environment.get("given"))

    @property
    def parts_given(self) -> dict[str, str]:
        """The parts of the data that a program gave, each in words."""
        return {name: str(what) for name, what in _mapping(self.given.get("data")).items()}

    @property
    def resume(self) -> str:
        """What goes on with the run: a command, or a call for a run of a program's."""
        return self.resumed_by()

    def resumed_by(self, *, set: str | None = None, force: bool = False, max_steps: int | None = None) -> str:
        """The same, with a recipe key set to another value (`train.epochs=N`), and with options.

        Args:
            set: the key and its value.
            force: go on although something differs.
            max_steps: stop after so many steps.
        """
        if needed := [name for name in ("data", "loss") if name in self.given]:
            key, _, value = (set or "").partition("=")
            setting = f", set={{{key!r}: {'None' if value == 'null' else value}}}" if set else ""
            options = [f'resume="{self.path}"', *(f"{name}=…" for name in needed)]
            options += ["force=True"] * force + ([f"max_steps={max_steps}"] if max_steps is not None else [])
            return f'netspec.train(netspec.load("{self.spec}"{setting}), {", ".join(options)})'
        words = [f"netspec train --resume {self.path}", *(f"--plugin {name}" for name in self.plugins)]
        words += [f"--set {set}"] if set else []
        words += ["--force"] * force + ([f"--max-steps {max_steps}"] if max_steps is not None else [])
        return " ".join(words)

    @property
    def class_names(self) -> list[str]:
        """The names of the classes in the data; empty if they had none."""
        names = _mapping(self.environment.get("data")).get("names")
        return [str(name) for name in cast("list[Any]", names)] if isinstance(names, list) else []

    def supersede_sources(
        self, net: Net, environment: Mapping[str, Any], step: int, kept: str | None = None
    ) -> Callable[[], None]:
        """Replace the spec of a run that continues with another one from `step` on. The old files get other names.

        Returns:
            A function that undoes the changes.
        """
        files = [self.source, self.spec, self.path / "netspec.json", self.path / "environment.json"]
        learned = None if net.recipe is None else self.kept(net.recipe.data)
        before = _contents(*files, *filter(None, [learned]))
        copies: dict[Path, bytes] = {}
        for file, new in ((self.source, net.text), (self.spec, expand(net))):
            old = before.get(file, b"")
            copy = _free(file.with_name(f"{file.stem}-until-step-{step}.yaml"), old)
            if old not in (b"", new.encode()) and not copy.exists():  # there where this was killed before its end
                copies[copy] = old
        for file, content in copies.items():
            write_atomically(file, content)
        self.write_sources(net, environment, kept)

        def undo() -> None:
            _write_back(before)
            for file in copies:
                file.unlink(missing_ok=True)

        return undo

    def note_options(self, options: Mapping[str, Any]) -> Callable[[], None]:
        """Replace the options in `environment.json`, such as the directory of the data.

        Returns:
            A function that undoes the change.
        """
        file = self.path / "environment.json"
        before = _contents(file)
        write_atomically(file, json.dumps(self.environment | {"options": options}, indent=1) + "\n")
        return lambda: _write_back(before)

    def write_sources(self, net: Net, environment: Mapping[str, Any], kept: str | None = None) -> None:
        """Write the spec (as written and resolved), the net, the environment with the plugins of the net, and what is
        kept of the data."""
        if net.plugins:
            environment = {**environment, "plugins": {plugin.name: plugin.version for plugin in net.plugins}}
        write_atomically(self.source, net.text)
        write_atomically(self.spec, expand(net))
        write_atomically(self.path / "netspec.json", json.dumps(to_json(net), indent=1) + "\n")
        write_atomically(self.path / "environment.json", json.dumps(environment, indent=1) + "\n")
        if kept is not None and net.recipe is not None and net.recipe.data.keeps is not None:
            write_atomically(self.path / net.recipe.data.keeps, kept)


def create_run(name: str, path: Path | None = None, parent: Path = Path("runs"), *, anew: bool = False) -> RunDirectory:
    """Create a run directory: `path`, or `runs/NAME-N` with the next free N.

    Args:
        name: the name of the net.
        path: the directory.
        parent: where to look for the next free N.
        anew: also take a run directory that has no checkpoint yet: what was begun there begins anew.

    Raises:
        UsageError: `path` is a file, or a directory that is not empty.
        ResourceError: it cannot be created.
    """
    try:
        if path is None:
            path = _next_free(parent, name)
        else:
            path.mkdir(parents=True, exist_ok=True)
            run = RunDirectory(path)
            if anew and run.checkpoints.is_dir() and not run.begun:
                return run
            if any(path.iterdir()):
                raise UsageError(f"{option('run', path)}: {_not_free(path)}")
        (path / "checkpoints").mkdir()
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{option('run', path)}: a file is in the way; name a new directory") from None
    except OSError as error:
        raise disk_error(error, path or parent, 0) from None
    return RunDirectory(path)


def _not_free(path: Path) -> str:
    """What to do about a directory that is not empty, as the end of a message."""
    if (holder := holder_of(path)) is not None:
        return f"another process ({holder}) trains there; name a new directory"
    if RunDirectory(path).begun:
        return f"the directory is not empty; name a new one, or go on with {option('resume', path)}"
    if (path / "checkpoints").is_dir():
        return "the directory is not empty; name a new one, or remove this one, which has no checkpoint"
    return "the directory is not empty, and holds no run; name a new one"


def _next_free(parent: Path, name: str) -> Path:
    """Create the directory `NAME-N` with the next free N; `mkdir` is atomic, so concurrent runs get different ones."""
    parent.mkdir(parents=True, exist_ok=True)
    pattern = re.compile(re.escape(name) + r"-(\d+)")
    taken = [int(found[1]) for p in parent.iterdir() if (found := pattern.fullmatch(p.name))]
    number = max(taken, default=0) + 1
    while True:
        path = parent / f"{name}-{number}"
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def find_run(path: Path) -> RunDirectory:
    """The run directory at `path`.

    Raises:
        UsageError: `path` is not a run directory.
    """
    run = RunDirectory(path)
    if not run.path.is_dir():
        near = _near(path)
        raise UsageError(
            f"there is no run `{path}`; "
            + (f"did you mean `{near}`?" if near else "`netspec runs` lists those there are")
        )
    missing = [
        name
        for name, there in (("spec.yaml", run.spec.is_file()), ("checkpoints/", run.checkpoints.is_dir()))
        if not there
    ]
    if missing:
        raise UsageError(f"`{path}` is no run directory: it has no {' and no '.join(missing)}{_runs_in(path)}")
    return run


def _runs_in(path: Path) -> str:
    """What to give in place of a directory that holds runs, as the end of a message: the folds of a cross-validation,
    the trials of a sweep."""
    names = sorted((child.name for child in path.iterdir() if (child / "spec.yaml").is_file()), key=_numbered)
    if not names:
        return ""
    listed = ", ".join(f"`{path / name}`" for name in names[:3]) + (f" to `{path / names[-1]}`" * (len(names) > 3))
    return f", but it holds runs: give one of them, {listed}; `netspec runs --in {path}` lists them"


def _numbered(name: str) -> tuple[str, int]:
    """The order of names that end with a number."""
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0)


def _near(path: Path) -> Path | None:
    """A run with an equal or similar name, in `runs/` or beside `path`; None if there is none."""
    for parent in (Path("runs"), path.parent):
        names = [child.name for child in parent.iterdir() if (child / "spec.yaml").is_file()] if parent.is_dir() else []
        if (found := did_you_mean(path.name, names)) is not None:
            return parent / found
    return None


def _mapping(value: Any) -> dict[str, Any]:
    return dict(cast("dict[str, Any]", value)) if isinstance(value, dict) else {}


def _sum_of(weights: Path) -> Path:
    return weights.parent / "checkpoints" / f"{weights.name}.sha256"


def _noted(weights: Path) -> tuple[str | None, int | None, int | None]:
    """The recorded SHA-256 of a run's weights, the step at which the run ended, and the epoch of the best; None for
    what is missing."""
    try:
        words = _sum_of(weights).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None, None, None
    step, epoch = (int(word) if word.isdecimal() else None for word in (*words[1:3], "", "")[:2])
    return (words[0] if words else ""), step, epoch


def check_weights(file: Path) -> bytes:
    """Read a file of weights, and verify its checksum if a run has recorded one.

    Returns:
        The contents of the file.

    Raises:
        OSError: it cannot be read.
        ResourceError: the checksum differs.
    """
    data = file.read_bytes()
    wanted, *_ = _noted(file)
    if wanted is not None and hashlib.sha256(data).hexdigest() != wanted:
        raise ResourceError(
            f"`{file}` is damaged: its SHA-256 is not the one that was noted; "
            f"`{RunDirectory(file.parent).resume}` writes it anew from the last checkpoint"
        )
    return data


def _contents(*files: Path) -> dict[Path, bytes]:
    """The contents of the files that exist."""
    return {file: file.read_bytes() for file in files if file.is_file()}


def _write_back(contents: Mapping[Path, bytes]) -> None:
    for file, content in contents.items():
        write_atomically(file, content)


def _free(path: Path, content: bytes) -> Path:
    """The path itself if it does not exist or has the content, else the first with a number appended of which that
    holds."""
    numbers = (path.with_stem(f"{path.stem}-{n}") for n in count(2))
    return next(
        path for path in chain([path], numbers)
        if not path.exists() or (path.is_file() and path.read_bytes() == content)
    )  # fmt: skip


def class_names(known: Sequence[str], output: Shape) -> list[str]:
    """The names of a classifier's classes: the known ones if their number fits the output, else `"0"`, `"1"` …"""
    count = output[0] if len(output) == 1 and isinstance(output[0], int) else 0
    return list(known) if len(known) == count else [str(i) for i in range(count)]
