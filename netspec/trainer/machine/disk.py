"""What a run writes: whole or not at all, durable, and with the space it needs where there is none."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from netspec.diagnostics import ResourceError
from netspec.files import replace_file
from netspec.views.describe import bytes_text


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file so that at every moment the path holds the old content or the new one.

    Raises:
        ResourceError: the disk is full or refuses.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        replace_file(path, data, durable=durable)
    except OSError as error:
        raise disk_error(error, path, len(data)) from None


def disk_error(error: OSError, path: Path, needed: int) -> ResourceError:
    """What went wrong on disk, with the space that was needed and the space there is."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"cannot write {path}: {error.strerror or error}")
    free = shutil.disk_usage(path.parent).free
    return ResourceError(
        f"no space for {path}: it needs {bytes_text(needed)}, {bytes_text(free)} are free; "
        "what was written before is intact: make room and resume the run"
    )
