"""Where a study is kept: in a database by its URL, in a file of SQLite, or in a journal file of Optuna's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netspec.asked import option
from netspec.diagnostics import MissingExtra, ResourceError, UsageError
from netspec.extras import install

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_SQLITE: Final = (".db", ".sqlite", ".sqlite3")
_JOURNALS: Final = (".journal", ".log")
_WAIT: Final = 60
"""Seconds that SQLite waits for another process that writes."""
_TRIES: Final = 8
_FAR: Final = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "lustre", "gpfs", "beegfs", "9p", "afs"))
"""File systems that are reached by a network."""


def need_optuna() -> Any:
    """The library.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise MissingExtra(
            f"a sweep by another sampler than a grid needs optuna, and {option('grid', True)} does not",
            install("sweep"),
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def opened(where: str | Path, say: Callable[[str], None]) -> BaseStorage:
    """The storage at a path or URL, made if there is none.

    Raises:
        UsageError: the name says no kind of storage.
        ResourceError: it cannot be reached.
    """
    text = str(where)
    with told_of(where):
        if "://" in text:
            return _database(text)
        path = Path(text).expanduser()
        if path.suffix not in (*_SQLITE, *_JOURNALS):
            raise UsageError(
                f"{option('storage', text)}: a file of SQLite ends with `.db` and a journal with `.journal`; "
                "a database has a URL, as in `postgresql://host/name`"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in _JOURNALS:
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend

            return JournalStorage(JournalFileBackend(str(path)))
        near = True
        if (kind := _file_system(path)) in _FAR:
            near = False
            say(f"{path} is on a network disk ({kind}), where SQLite loses what two machines write at the same time; "
                "a name that ends with `.journal` is safe there, and so is a database")  # fmt: skip
        return _database(f"sqlite:///{path.absolute()}", near=near)


def _database(url: str, *, near: bool = False) -> BaseStorage:
    from optuna.storages import RDBStorage

    arguments: dict[str, Any] = {"connect_args": {"timeout": _WAIT}} if url.startswith("sqlite") else {}
    if near:
        arguments["pool_events"] = [(_write_ahead, "connect")]
    for attempt in range(_TRIES):
        try:
            return RDBStorage(url, engine_kwargs=arguments)
        except Exception as error:  # of two processes that make the tables at the same time one fails
            if attempt == _TRIES - 1 or not _is_of_database(error) or not url.startswith("sqlite"):
                raise
            time.sleep(random.uniform(0.05, 0.3))
    raise AssertionError


def _write_ahead(connection: Any, _: object) -> None:
    """Let SQLite append to a log beside its file, and not wait for the disk at every write: a trial is a score of
    writes. What a killed process wrote is there; after a power failure the last of it may be missing, nothing broken.
    Memory that processes share carries this, so that it is for a disk of this machine."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def told_of(where: str | Path) -> Generator[None]:
    """What a database or file raises, as an error of the user's.

    Raises:
        ResourceError: it cannot be reached, or refuses.
    """
    try:
        yield
    except (ImportError, ValueError) as error:
        raise UsageError(f"{option('storage', shown(where))}: {_first(error)}") from None
    except OSError as error:
        raise ResourceError(f"cannot use the storage {shown(where)}: {error.strerror or error}") from None
    except Exception as error:
        if not _is_of_database(error):
            raise
        raise ResourceError(f"the storage {shown(where)} cannot be used: {_first(error)}") from None


def _is_of_database(error: Exception) -> bool:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, StorageInternalError | SQLAlchemyError)


def _first(error: Exception) -> str:
    """The first line of what was raised, or of what it was raised from."""
    source = error.__cause__ if error.__cause__ is not None and not isinstance(error, ImportError) else error
    return next(iter(str(source).splitlines()), "") or type(source).__name__


def shown(where: str | Path) -> str:
    """The storage as messages name it: without a password."""
    text = str(where)
    head, marker, rest = text.partition("://")
    name, at, host = rest.rpartition("@")
    return f"{head}{marker}{name.partition(':')[0]}:***@{host}" if marker and at and ":" in name else text


def _file_system(path: Path) -> str:
    """The kind of file system that a path is on, where the system says it."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    here = path.parent.resolve()
    best, kind = -1, ""
    for fields in map(str.split, lines):
        if len(fields) > 2 and here.is_relative_to(fields[1]) and len(fields[1]) > best:
            best, kind = len(fields[1]), fields[2]
    return kind
