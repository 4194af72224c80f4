"""Write the files of a command atomically. A path that cannot be written is an error of usage (status 2)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.files import replace_file


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file atomically: afterwards it has the new contents, or on an error still the old ones.

    A symbolic link stays one: what it points at is written.

    Raises:
        UsageError: the directory does not exist or cannot be written, or something that is no file has the name.
        ResourceError: the disk is full.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink() or (target.exists() and not target.is_file()):  # a link to itself; a device, a pipe
        raise UsageError(f"cannot write {path}: it is no ordinary file; name one, or remove it first")
    try:
        replace_file(target, data, durable=False)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> NetspecError:
    """The error for a file that cannot be written: `ResourceError` for a full disk, else `UsageError`."""
    kind = ResourceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
    return kind(f"cannot write {path}: {error.strerror or error}")
