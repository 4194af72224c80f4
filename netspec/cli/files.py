"""What a command writes: whole or not at all, and a path that cannot be written is the command line's mistake."""

from __future__ import annotations

import errno
from pathlib import Path

from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.files import replace_file


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: the directory does not exist or cannot be written.
        ResourceError: the disk is full.
    """
    try:
        replace_file(path, data, durable=False)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> NetspecError:
    """What to raise for a file that cannot be written: the disk is full, or its name is at fault."""
    kind = ResourceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
    return kind(f"cannot write {path}: {error.strerror or error}")
