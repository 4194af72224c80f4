"""Write the files of a command atomically, and never over what it reads. A path that cannot be written is an error of
usage (status 2)."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.files import replace_file

_READ = "netspec.read"
"""Where a command's context has the files that it was given to read."""


def is_read(path: str | Path) -> None:
    """Remember that a command reads this file, so that it does not write over it."""
    context = click.get_current_context(silent=True)
    if context is not None and os.path.isfile(path):  # noqa: PTH113  # that of `Path` raises where nobody may look
        context.meta.setdefault(_READ, []).append(Path(path))


def check_ordinary(path: Path) -> None:
    """Refuse to read what is no file: a directory, or a pipe that may have no end.

    Raises:
        UsageError: as said.
    """
    if not os.path.isfile(path):  # noqa: PTH113  # as above
        what = "it is no ordinary file" if os.path.lexists(path) else "there is no such file"
        raise UsageError(f"cannot read {path}: {what}")


def check_target(path: Path, *, in_place: bool = False) -> None:
    """Refuse to write what is no file, or, unless it is `in_place`, what the command was given to read.

    Raises:
        UsageError: the path is a directory, a device or a link to itself, in no directory that can be written to, or
            one of the command's own sources.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink() or (target.exists() and not target.is_file()):  # a link to itself; a device, a pipe
        raise UsageError(f"cannot write {path}: it is no ordinary file; name one, or remove it first")
    if not target.parent.is_dir():
        raise no_directory(target)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write {path}: {os.strerror(errno.EACCES)}")
    context = None if in_place else click.get_current_context(silent=True)
    sources: list[Path] = [] if context is None else context.meta.get(_READ, [])
    if target.exists() and any(source.exists() and source.samefile(target) for source in sources):
        raise UsageError(f"cannot write {path}: it is the file that is read; give the result a name of its own")


def write_atomic(path: Path, data: bytes | str, *, in_place: bool = False) -> None:
    """Write a file atomically: afterwards it has the new contents, or on an error still the old ones.

    A symbolic link stays one: what it points at is written.

    Args:
        path: the file.
        data: its contents.
        in_place: whether a file that the command has read may be written.

    Raises:
        UsageError: see `check_target`; or the directory does not exist or cannot be written.
        ResourceError: the disk is full.
    """
    check_target(path, in_place=in_place)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        replace_file(target, data, durable=False)
    except OSError as error:
        raise unwritable(path, error) from None


def write_together(files: Mapping[Path, str]) -> None:
    """Write several files, each atomically; where one cannot be written, none is there that was not before.

    Raises:
        UsageError: see `write_atomic`.
        ResourceError: the disk is full.
    """
    new: list[Path] = []
    try:
        for path, text in files.items():
            if not path.exists():
                new.append(Path(os.path.realpath(path)))  # a symbolic link stays one
            write_atomic(path, text)
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


WEIGHTS: Final = ".safetensors"


def weights_beside(target: Path | None) -> Path | None:
    """The file for the weights of a spec that is to be written, beside it; None where the spec is printed.

    Call it once the command's sources are known, so that neither file is written where the other one cannot be.

    Raises:
        UsageError: the spec is to be written where its weights go, or either is a directory or one of the sources.
    """
    if target is None:
        return None
    if target.suffix == WEIGHTS:
        raise UsageError(f"{target}: the spec is written there, and its weights beside it; name it FILE.yaml")
    check_target(target)
    beside = target.with_suffix(WEIGHTS)
    check_target(beside)
    return beside


def refuse_weights(beside: Path | None, *, force: bool) -> None:
    """Refuse to write weights over a file that is there.

    Raises:
        UsageError: it is, and nothing says that it may be written over.
    """
    if beside is not None and beside.exists() and not force:
        raise UsageError(f"{beside} is there already, and the weights would be written to it; `--force` writes over it")


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file that is not there yet; with `force`, also over one that is.

    Raises:
        UsageError: it is there, or cannot be written.
        ResourceError: the disk is full.
    """
    try:
        if not force:
            path.open("xb").close()
        write_atomic(path, text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; `--force` writes over it") from None
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> NetspecError:
    """The error for a file that cannot be written: `ResourceError` for a full disk, else `UsageError`."""
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return no_directory(path)
    kind = ResourceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
    return kind(f"cannot write {path}: {error.strerror or error}")


def no_directory(path: Path) -> UsageError:
    """The error for a file in a directory that is not there."""
    return UsageError(f"cannot write {path}: there is no directory {path.parent}; make it first")
