"""A lock that lets only one process train a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from netspec.diagnostics import UsageError
from netspec.trainer.machine.disk import disk_error


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Lock a run for this process with `flock`. The operating system releases the lock when the process ends.

    Raises:
        UsageError: another process trains the run.
        ResourceError: the lock file cannot be written, or the file system has no locks.
    """
    if sys.platform == "win32":  # has no flock
        yield
        return
    import fcntl

    file = path / "checkpoints" / ".lock"
    if not file.parent.is_dir():  # not a run: opening it gives a better message
        yield
        return
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise disk_error(error, file, 0) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        number = f"{os.getpid()}\n".encode()
        os.write(handle, number)
        os.ftruncate(handle, len(number))
    except BlockingIOError:
        holder = _noted(handle)
        os.close(handle)
        raise UsageError(f"`{path}` is being trained by another process ({holder})") from None
    except OSError as error:  # an error of the disk, or a file system without locks
        os.close(handle)
        raise disk_error(error, file, len(str(os.getpid()))) from None
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # closing would not do where a program's own loader has forked workers
        os.close(handle)


def _noted(handle: int) -> str:
    return os.read(handle, 32).decode(errors="replace").strip() or "of unknown number"


def holder_of(path: Path) -> str | None:
    """The number of the process that trains a run now; None if none does, or where that is not known."""
    if sys.platform == "win32":  # has no flock
        return None
    import fcntl

    try:
        handle = os.open(path / "checkpoints" / ".lock", os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _noted(handle)
    except OSError:
        return None
    else:
        fcntl.flock(handle, fcntl.LOCK_UN)
        return None
    finally:
        os.close(handle)
