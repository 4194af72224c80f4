"""Atomic file replacement: write a temporary file in the same folder, then rename it."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

_TEMPORARY = re.compile(r"\.netspec-[0-9a-f]{16}-.+\.tmp")

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def temporary_beside(path: Path) -> Path:
    """A random name in the same folder, for a file that will be renamed to `path`.

    Two writers never share such a name, so a temporary file that is left over can be deleted.
    """
    return path.with_name(f".netspec-{secrets.token_hex(8)}-{path.name}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether a path has a name from `temporary_beside` and is not a symbolic link, which is never one of them."""
    return _TEMPORARY.fullmatch(path.name) is not None and not path.is_symlink()


def replace_file(path: Path, content: str | bytes, *, durable: bool) -> None:
    """Replace a file atomically: readers see the old content or the new content, never a part. Its permissions stay.

    Args:
        path: the file; it need not exist.
        content: the new content; a `str` is encoded as UTF-8.
        durable: call `fsync` on the file and its folder, so that the same holds after a power failure.

    Raises:
        OSError: the file cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = temporary_beside(path)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    try:
        # never open to more readers than the file that it replaces, not even for a moment
        with os.fdopen(os.open(temporary, _CREATE, 0o666 if mode is None else 0o600), "wb") as file:
            if mode is not None:
                temporary.chmod(mode)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Call `fsync` on a directory, which makes new entries and renames in it durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
