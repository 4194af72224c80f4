"""Fingerprint data: one hash of the names and contents of files, independent of their place and timestamps.

Hashes of files are cached in the user's cache directory (NETSPEC_CACHE, else `netspec` in XDG_CACHE_HOME or ~/.cache).
The key is made of names, sizes and timestamps, so unchanged files are listed and not read. A copy in another place, or
with other timestamps, is read again and has the same fingerprint.
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
"""Name → path. Only the name enters the hash, so a copy of the files elsewhere has the same hash."""

_SETTLED = 2.0
"""Seconds. The hash of a file that changed more recently is not cached: a further change within the resolution of the
file system's timestamps would not be noticed."""


class _File(NamedTuple):
    name: bytes
    path: Path
    size: int
    times: tuple[int, int]
    """mtime and ctime in nanoseconds. A program can set mtime to any value, but not ctime."""


def hash_of_files(root: Path, groups: Mapping[str, Files]) -> str:
    """SHA-256 of the names and contents of files, in hexadecimal.

    Args:
        root: the directory of the files, which names their cache file.
        groups: the files in groups, by name. A group is hashed again as a whole if one of its files has changed.

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
    """SHA-256 of tensors and their names, in hexadecimal, for data that are not in files."""
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
    with ThreadPoolExecutor() as pool:  # reading and hashing release the GIL
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


# ---- the cache: a missing or damaged file counts as empty, and errors of writing are ignored


def _store(root: Path) -> Path | None:
    """The cache file for a root; None if the user has no home directory."""
    name = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:32]
    if given := os.environ.get("NETSPEC_CACHE"):
        return Path(given) / f"{name}.json"
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home directory can be determined
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
