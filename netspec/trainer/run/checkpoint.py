"""Write, find and read checkpoints, such that a crash at any moment leaves a complete one.

A checkpoint is a directory `step-N` with `model.safetensors` (the weights), `state.pt` (all other state, loaded with
`weights_only`), and `manifest.json` with the size and SHA-256 of both.

The order of writing makes it safe. The files are written and fsynced under a temporary name. If it is the best so far,
`best` names it from here on: a name of no directory yet counts as none, while an earlier one would be taken for the
best. The directory is renamed (which is atomic), and its parent is fsynced. Then `latest` is replaced, and only then
are older checkpoints removed. So after a crash or a power cut, a directory named `step-N` is complete, and the one
before it still exists. A checkpoint that is damaged later, by the disk or by hand, is skipped in favour of the one
before.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from netspec.asked import option
from netspec.diagnostics import Code, ResourceError
from netspec.files import is_temporary, sync_directory, temporary_beside
from netspec.torch.foreign import lacks_memory
from netspec.trainer.machine.disk import disk_error, write_atomically
from netspec.trainer.machine.host import on_host
from netspec.trainer.run.records import Record

T = TypeVar("T")

FORMAT = "netspec.checkpoint/4"
"""The version, raised whenever the layout of the state changes. Checkpoints of other versions are refused."""
_NAME = re.compile(r"step-(\d{8,})")
_PARTS = ("model.safetensors", "state.pt")


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint: the state dict of the model, and all other state as plain values and tensors."""

    model: dict[str, Tensor]
    state: dict[str, Any]


class Damaged(ResourceError):
    """A checkpoint cannot be used. The message says which file is at fault, and why."""

    code: Code = "damaged-checkpoint"


def write_checkpoint(
    directory: Path, step: int, checkpoint: Checkpoint, *, best: bool = False,
    at: Callable[[str], None] = lambda _: None,
) -> Path:  # fmt: skip
    """Write a checkpoint and make it the latest.

    Args:
        directory: the run's `checkpoints/`.
        step: the number of optimizer steps done.
        checkpoint: the contents; tensors may be on any device.
        best: whether it is the best so far.
        at: called with a name after each operation on the disk; tests kill the process there.

    Returns:
        The directory of the checkpoint.

    Raises:
        ResourceError: the disk is full, or cannot be written. Earlier checkpoints are intact.
    """
    final = directory / f"step-{step:08d}"
    if final.exists() and is_whole(final):  # a resumed run reaches the step again, with the same state
        for name in ("best", "latest") if best else ("latest",):
            point(directory, name, final)
        return final
    contents = _serialise(checkpoint)
    temporary = temporary_beside(final)
    needed = sum(len(data) for data in contents.values())
    try:
        temporary.mkdir(parents=True)
        at("made")
        for name, data in contents.items():
            _write_durably(temporary / name, data)
            at(name)
        sync_directory(temporary)
        at("flushed")
        if best:
            point(directory, "best", final)
            at("best")
        if final.exists():  # damaged, since a complete one has returned above
            _remove(final)
            at("cleared")
        temporary.rename(final)
        at("renamed")
        sync_directory(directory)
        at("durable")
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise disk_error(error, final, needed) from None
    point(directory, "latest", final)
    at("latest")
    return final


def _serialise(checkpoint: Checkpoint) -> dict[str, bytes]:
    stream = io.BytesIO()
    torch.save({"format": FORMAT, **checkpoint.state}, stream)
    contents = {"model.safetensors": save_safetensors(on_host(checkpoint.model)), "state.pt": stream.getvalue()}
    manifest = {
        "format": FORMAT,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()
        },
    }
    return {**contents, "manifest.json": json.dumps(manifest, indent=1).encode()}


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def point(directory: Path, name: str, target: Path) -> None:
    """Let the file `latest` or `best` name a checkpoint."""
    write_atomically(directory / name, target.name + "\n")


def pointed(directory: Path, name: str) -> Path | None:
    """The checkpoint that `latest` or `best` names; None if there is no such file or checkpoint."""
    try:
        target = (directory / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    path = directory / target
    return path if _NAME.fullmatch(target) and path.is_dir() else None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint to the CPU, after verifying all files against the manifest.

    Raises:
        Damaged: a file is missing, changed or unreadable, or of another format version.
    """
    contents = _verified(path)
    try:
        model = load_safetensors(contents["model.safetensors"])
        state = torch.load(io.BytesIO(contents["state.pt"]), map_location="cpu", weights_only=True)
    except Exception as error:  # torch can raise any exception for a wrong file
        if lacks_memory(error):
            raise
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise Damaged(f"`{path}` cannot be read: {why}") from None
    found = state.pop("format", None) if isinstance(state, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # a dict of anything
    if found != FORMAT:
        raise Damaged(
            f"`{path}` was written by another version of netspec ({found or 'no format'}; this one reads {FORMAT}): "
            "resume with that version, or start a new run from its weights: "
            f"{option('weights', path / 'model.safetensors')}"
        )
    return Checkpoint(model, state)  # pyright: ignore[reportUnknownArgumentType]  # as above


def _verified(path: Path) -> dict[str, bytes]:
    """The contents of the files, by name.

    Raises:
        Damaged: a file differs from the manifest or cannot be read.
    """
    manifest = path / "manifest.json"
    try:
        listed = json.loads(manifest.read_bytes())
        facts = {name: (listed["files"][name]["bytes"], listed["files"][name]["sha256"]) for name in _PARTS}
    except FileNotFoundError:
        raise Damaged(f"`{path}` has no manifest.json") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"`{manifest}` is damaged ({type(error).__name__})") from None
    contents: dict[str, bytes] = {}
    for name, (size, digest) in facts.items():
        try:
            data = (path / name).read_bytes()
        except OSError as error:
            raise Damaged(f"`{path / name}` cannot be read: {error.strerror}") from None
        if len(data) != size:
            raise Damaged(f"`{path / name}` has {len(data)} bytes, but the manifest says {size}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise Damaged(f"`{path / name}` has changed: its SHA-256 is not the one in the manifest")
        contents[name] = data
    return contents


def is_whole(path: Path) -> bool:
    """True if all files of a checkpoint match its manifest."""
    try:
        _verified(path)
    except Damaged:
        return False
    return True


def checkpoints(directory: Path) -> list[Path]:
    """The checkpoints of a run, newest first. They were complete when written, and are not verified here."""
    if not directory.is_dir():
        return []
    return sorted((p for p in directory.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()), key=_step, reverse=True)


def _step(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1])


def newest(directory: Path, warn: Callable[[str], None]) -> tuple[Path, Checkpoint]:
    """The newest checkpoint that can be read: see `newest_used`."""
    return newest_used(directory, warn, lambda checkpoint: checkpoint)


def newest_used(
    directory: Path,
    warn: Callable[[str], None],
    use: Callable[[Checkpoint], T],
    *,
    paths: Sequence[Path] | None = None,
    attempt: Callable[[Path, Callable[[Checkpoint], T]], T] | None = None,
) -> tuple[Path, T]:
    """Use the newest checkpoint that can be used. Damaged ones are skipped, each with a warning.

    Args:
        directory: the run's `checkpoints/`.
        warn: called with the reason for each checkpoint that is skipped.
        use: restores the state from a checkpoint. If it raises one of `_MALFORMED`, the checkpoint counts as damaged.
        paths: its checkpoints, newest first, if they are known.
        attempt: reads a checkpoint and calls `use`, or raises `Damaged`; `used` if None.

    Returns:
        The path of the checkpoint, and the result of `use`.

    Raises:
        ResourceError: there is no usable checkpoint; the message says what is wrong with each.
    """
    reasons: list[str] = []
    for path in checkpoints(directory) if paths is None else paths:
        try:
            found = (attempt or used)(path, use)
        except Damaged as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            warn(f"{reason}; going on from {path.name}, the checkpoint before it")
        return path, found
    if not reasons:
        raise ResourceError(
            f"no checkpoint was written yet in `{directory}`, so there is nothing to resume; start anew, in another "
            "directory"
        )
    raise Damaged("no checkpoint can be used:\n" + "\n".join(f"  {reason}" for reason in reasons))


def used(path: Path, use: Callable[[Checkpoint], T]) -> T:
    """Read a checkpoint, and return the result of `use`.

    Raises:
        Damaged: it cannot be read, or `use` raises one of `_MALFORMED`.
    """
    return applied(path, read_checkpoint(path), use)


def applied(path: Path, checkpoint: Checkpoint, use: Callable[[Checkpoint], T]) -> T:
    """The result of `use` for the checkpoint that was read from `path`.

    Raises:
        Damaged: `use` raises one of `_MALFORMED`.
    """
    try:
        return use(checkpoint)
    except _MALFORMED as error:
        if lacks_memory(error):
            raise
        why = next(iter(str(error).splitlines()), "")
        raise Damaged(f"`{path}` holds what no run has written ({type(error).__name__}: {why})") from error


_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)
"""The exceptions that code which reads a state raises if the state does not have the expected layout."""


def best_of(directory: Path, epoch: int, records: Sequence[Record]) -> Path | None:
    """The checkpoint of an epoch (from 1; 0 for none), found by the step in its record; None if it does not exist."""
    steps = [record.step for record in records if record.epoch == epoch]
    path = directory / f"step-{steps[0]:08d}" if steps else None
    return path if path is not None and path.is_dir() else None


def clear_orphans(directory: Path) -> list[Path]:
    """Remove temporary files and directories of interrupted writes. Returns their paths."""
    orphans = [path for path in directory.iterdir() if is_temporary(path)] if directory.is_dir() else []
    for path in orphans:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return orphans


def rotate(newest: Path, keep: int) -> None:
    """Remove the checkpoints before one, but for as many that `keep` are left, and for the best.

    Those after it stay, and do not count: they are damaged, or the run would have gone on from them.

    Args:
        newest: the checkpoint that was written last, or that the run goes on from.
        keep: how many are kept, this one among them.

    Raises:
        ResourceError: a checkpoint cannot be removed.
    """
    directory = newest.parent
    best = pointed(directory, "best")
    for path in [path for path in checkpoints(directory) if _step(path) <= _step(newest)][keep:]:
        if path == best:
            continue
        try:
            _remove(path)
        except FileNotFoundError:  # removed by another process
            continue
        except OSError as error:
            raise disk_error(error, path, 0) from None


def _remove(checkpoint: Path) -> None:
    """Remove a checkpoint. If it is a symbolic link, only the link is removed."""
    grave = temporary_beside(checkpoint)  # renamed first, so that an interrupted removal leaves no partial checkpoint
    checkpoint.rename(grave)
    if grave.is_symlink():
        grave.unlink()
    else:
        shutil.rmtree(grave)
