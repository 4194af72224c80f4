"""Files that are whole or not there: written beside their place, flushed to disk, renamed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from netspec.diagnostics import ResourceError
from netspec.views.describe import bytes_text


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file so that at every moment the path holds the old content or the new one.

    Args:
        path: where.
        content: what; text is written as UTF-8.
        durable: flush it to the disk, so that this holds across a power cut too.

    Raises:
        ResourceError: the disk is full or refuses.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path, len(data)) from None


def sync_directory(path: Path) -> None:
    """Make a directory's entries, renames among them, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(error: OSError, path: Path, needed: int) -> ResourceError:
    """What went wrong on disk, with the space that was needed and the space there is."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"cannot write {path}: {error.strerror or error}")
    free = shutil.disk_usage(path.parent).free
    return ResourceError(
        f"no space for {path}: it needs {bytes_text(needed)}, {bytes_text(free)} are free; "
        "what was written before is intact: make room and resume the run"
    )
