"""What data consist of, as one hash: names and contents, and nothing of when or where.

The hash of files is kept in the user's cache (NETSPEC_CACHE, else `netspec` in XDG_CACHE_HOME or ~/.cache), by the
names, sizes and times of the files, so that data which nobody has touched cost a listing. A copy elsewhere, or with
other times, is read once more and has the same hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, cast

from torch import Tensor

from netspec.files import replace_file
from netspec.trainer.data.parts import damaged

Files = Mapping[str, Path]
"""Files by the names under which they count: a copy that names them alike is the same data."""

_SETTLED = 2.0
"""Seconds after which a file's times tell a later change apart; before, two may have the same."""


class _File(NamedTuple):
    name: bytes
    path: Path
    size: int
    times: tuple[int, int]
    """Of the last change of its content and of anything, in nanoseconds: nobody can put the second one back."""


def hash_of_files(root: Path, groups: Mapping[str, Files]) -> str:
    """SHA-256 of files: a change of any name or byte changes it.

    Args:
        root: what the cache of these files is called by.
        groups: the files, in parts that are read again as a whole if one of them has changed.

    Raises:
        ResourceError: a file cannot be read.
    """
    started, store = time.time(), _store(root)
    known, kept = _read(store), dict[str, str]()
    whole = hashlib.sha256()
    for group in sorted(groups):
        files = [_seen(name, path) for name, path in sorted(groups[group].items())]
        key = _key(files)
        digest = known.get(key) or _contents(files)
        if all(max(file.times) / 1e9 < started - _SETTLED for file in files):
            kept[key] = digest
        whole.update(f"{_printable(group)}\n{digest}\n".encode())
    if kept != known:
        _write(store, kept)
    return whole.hexdigest()


def hash_of_tensors(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 of tensors by their names, for data that no file holds."""
    whole = hashlib.sha256()
    for name, tensor in tensors:
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        whole.update(tensor.cpu().contiguous().numpy().data)
    return whole.hexdigest()


def _seen(name: str, path: Path) -> _File:
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return _File(os.fsencode(name), path, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))


def _key(files: Sequence[_File]) -> str:
    listing = repr([(file.name, os.fsencode(file.path.absolute()), file.size, file.times) for file in files])
    return hashlib.sha256(listing.encode()).hexdigest()


def _contents(files: Sequence[_File]) -> str:
    whole = hashlib.sha256()
    with ThreadPoolExecutor() as pool:  # hashing and reading release Python's lock
        for file, digest in zip(files, pool.map(_digest, files), strict=True):
            whole.update(repr((file.name, digest)).encode())
    return whole.hexdigest()


def _digest(file: _File) -> str:
    try:
        with file.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(file.path, error) from None


def _unreadable(path: Path, error: OSError) -> Exception:
    return damaged(path, f"cannot be read: {error.strerror or error}", "check that it is there and its permissions")


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


# ---- the cache: what is not there, or damaged, is made anew, and what cannot be written is done without


def _store(root: Path) -> Path | None:
    """Where the hashes of this root's files are kept."""
    name = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:32]
    if given := os.environ.get("NETSPEC_CACHE"):
        return Path(given) / f"{name}.json"
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # nobody knows where the user's home is
        return None
    return home / "netspec" / f"{name}.json"


def _read(store: Path | None) -> dict[str, str]:
    try:
        found: Any = json.loads(store.read_bytes()) if store is not None else {}
    except (OSError, ValueError, RecursionError):
        return {}
    entries = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return {key: value for key, value in entries.items() if isinstance(value, str)}


def _write(store: Path | None, entries: Mapping[str, str]) -> None:
    if store is None:
        return
    with contextlib.suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        replace_file(store, json.dumps(entries), durable=False)
