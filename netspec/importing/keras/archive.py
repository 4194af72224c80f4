"""A `.keras` file: an archive with `config.json`, and `model.weights.h5` beside it. Both are read as data."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, cast

from netspec.diagnostics import UsageError
from netspec.importing.config import NotImportable

LARGEST: Final = 2**24
"""Bytes of a `config.json`. DenseNet-201 has 0.7 MB."""
LARGEST_WEIGHTS: Final = 2**36
"""Bytes of the weights."""
LARGEST_UNPACKED: Final = 2**32
"""Bytes of weights that are packed: Keras packs none, and a few bytes may hold as many."""
DEEPEST: Final = 60
"""Lists and objects inside one another."""
MOST_MEMBERS: Final = 10_000
CONFIG: Final = "config.json"
WEIGHTS: Final = "model.weights.h5"


class Archive:
    """An open `.keras` file."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            NotImportable: it is no archive, or one without a configuration.
            UsageError: it cannot be read.
        """
        self.path: Final = path
        try:
            self._zip: Final = zipfile.ZipFile(path)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            hint = "; an HDF5 file of Keras 2 is none: load it with Keras 3, and save it as `.keras`"
            raise NotImportable(f"{path} is no `.keras` file, which is a zip archive ({error}){hint}") from None
        members = self._zip.infolist()
        if len(members) > MOST_MEMBERS:
            raise NotImportable(f"{path} has {len(members):,} members; a `.keras` file has a few, and {MOST_MEMBERS:,} "
                                "at most are looked at")  # fmt: skip
        self._members: Final[Mapping[str, zipfile.ZipInfo]] = {member.filename: member for member in members}
        if len(self._members) < len(members):
            raise NotImportable(f"{path} has two members of one name")

    def config(self) -> dict[str, Any]:
        """The configuration.

        Raises:
            NotImportable: it is not there, too large, or no JSON.
        """
        member = self._members.get(CONFIG)
        if member is None:
            raise NotImportable(f"{self.path} has no `{CONFIG}`, which says what the network is")
        if member.file_size > LARGEST:
            raise NotImportable(f"`{CONFIG}` has {member.file_size:,} bytes; at most {LARGEST:,} are read")
        found = parsed(self._read(member, LARGEST))
        if _depth(found) > DEEPEST:
            raise NotImportable(f"`{CONFIG}` has lists and objects inside one another, more than {DEEPEST} deep")
        return found

    @property
    def has_weights(self) -> bool:
        """Whether there are weights."""
        return WEIGHTS in self._members

    def weights(self) -> IO[bytes]:
        """The file of weights, which can be read at any place.

        Raises:
            NotImportable: it is too large or damaged.
        """
        member = self._members[WEIGHTS]
        packed = member.compress_type != zipfile.ZIP_STORED
        most = LARGEST_UNPACKED if packed else LARGEST_WEIGHTS
        if member.file_size > most:
            raise NotImportable(f"`{WEIGHTS}` has {member.file_size:,} bytes; at most {most:,} are read")
        if not packed:
            return self._opened(member)
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115  # whoever asked for it closes it
        try:
            with self._opened(member) as packed_file:
                shutil.copyfileobj(_Limited(packed_file, member.file_size), unpacked)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            unpacked.close()
            raise NotImportable(f"`{WEIGHTS}` is damaged: {error}") from None
        unpacked.seek(0)
        return unpacked

    def _opened(self, member: zipfile.ZipInfo) -> IO[bytes]:
        try:
            return self._zip.open(member)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, ValueError) as error:
            raise NotImportable(f"`{member.filename[:80]}` cannot be unpacked: {error}") from None

    def _read(self, member: zipfile.ZipInfo, most: int) -> bytes:
        import zlib

        try:
            with self._opened(member) as file:
                data = file.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise NotImportable(f"`{member.filename[:80]}` is damaged: {error}") from None
        if len(data) > most:
            raise NotImportable(f"`{member.filename[:80]}` has more bytes than it says; at most {most:,} are read")
        return data


class _Limited(io.RawIOBase):
    """A file of which no more is read than it says that there is."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._read: Final[Callable[[int], bytes]] = file.read
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._read(min(size if size >= 0 else 2**20, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("it has more bytes than it says")
        return data


def parsed(text: bytes) -> dict[str, Any]:
    """The object that a JSON text holds.

    Raises:
        NotImportable: it is none.
    """
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotImportable(f"`{CONFIG}` is no JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise NotImportable(f"`{CONFIG}` holds no object, `{{…}}`")
    return cast("dict[str, Any]", found)


def _depth(found: Any) -> int:
    """How deep lists and objects lie inside one another, counted until it is too deep."""
    level: list[Any] = [found]
    depth = 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner
            for one in level
            for inner in (cast("dict[str, Any]", one).values() if isinstance(one, dict) else cast("list[Any]", one))
            if isinstance(inner, dict | list)
        ]
    return depth
