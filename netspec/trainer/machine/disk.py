"""Write files atomically and durably, with an error that tells the space needed if the disk is full."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from netspec.diagnostics import ResourceError
from netspec.files import replace_file
from netspec.views.describe import bytes_text


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file atomically: at every moment the path has the old or the new content.

    Args:
        path: the file.
        content: the new content; text is encoded as UTF-8.
        durable: flush it to the disk before returning.

    Raises:
        ResourceError: the disk is full, or the file cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        replace_file(path, data, durable=durable)
    except OSError as error:
        raise disk_error(error, path, len(data)) from None


def disk_error(error: OSError, path: Path, needed: int) -> ResourceError:
    """The error for a failed write; if the disk is full, with the bytes needed and the bytes free."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"cannot write {path}: {error.strerror or error}")
    free = shutil.disk_usage(path.parent).free
    return ResourceError(
        f"no space for {path}: it needs {bytes_text(needed)}, {bytes_text(free)} are free; "
        "what was written before is intact: make room and resume the run"
    )
