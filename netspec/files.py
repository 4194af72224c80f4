"""Files that are whole or not there: written beside their place, then renamed."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

_TEMPORARY = re.compile(r"\.netspec-[0-9a-f]{16}-.+\.tmp")


def temporary_beside(path: Path) -> Path:
    """A name beside a path for what is to become it: nobody else has it, so whoever meets it later may remove it."""
    return path.with_name(f".netspec-{secrets.token_hex(8)}-{path.name}.tmp")


def is_temporary(path: Path) -> bool:
    """True for what `temporary_beside` named and its writer left behind; never for a link, which it does not make."""
    return _TEMPORARY.fullmatch(path.name) is not None and not path.is_symlink()


def replace_file(path: Path, content: str | bytes, *, durable: bool) -> None:
    """Write a file so that at every moment the path holds the old content or the new one.

    Args:
        path: where.
        content: what; text is written as UTF-8.
        durable: flush it to the disk, so that this holds across a power cut too.

    Raises:
        OSError: it cannot be written; the path holds what it held.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
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
    """Make a directory's entries, renames among them, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
