"""The archive that `torch.export.save` writes: a zip file with a graph in JSON and the bytes of tensors.

Nothing in it is unpickled. torch stores its members uncompressed, so that no member is larger than the file.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from netspec.capture.exported.fields import JsonField
from netspec.capture.graph import NotCaptured

_LONGEST: Final = 128 * 2**20
"""Bytes of JSON that are read."""

_AGAIN: Final = "write it again with `torch.export.save` of torch 2.11 or newer"


class ExportedArchive(NamedTuple):
    """A file that was opened: its graph, and where the bytes of its tensors are."""

    path: Path
    program: JsonField
    weights: JsonField
    constants: JsonField
    read: Callable[[str, int, str], bytes]
    """The bytes of a member below `data`, which has as many at least; whose they are, for a message."""


def opened(path: Path) -> ExportedArchive:
    """Open an archive and read what is JSON in it.

    Raises:
        NotCaptured: it is no such archive, is damaged, or has what is not read.
    """
    try:
        size = path.stat().st_size
        file = zipfile.ZipFile(path)
        members = {each.filename: each for each in file.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise NotCaptured(f"{path} is no archive of `torch.export.save`, or is cut off: {error}") from None
    root = _root(path, members)
    model = _model(path, root, members)

    def read(name: str, count: int, whose: str) -> bytes:
        place = f"{path}: `{root}{name}`"
        member = members.get(root + name)
        if member is None:
            raise NotCaptured(f"{place}, the numbers of `{whose}`, is missing from the archive; {_AGAIN}")
        if member.file_size < count:
            raise NotCaptured(f"{place} has {member.file_size} bytes, and `{whose}` needs {count}: it is damaged")
        return _bytes(file, member, size, place)

    def document(name: str) -> JsonField:
        place = f"{path}: `{name}`"
        member = members.get(name)
        if member is None:
            raise NotCaptured(f"{place} is missing from the archive; {_AGAIN}")
        if member.file_size > _LONGEST:
            raise NotCaptured(f"{place} has {member.file_size} bytes, and at most {_LONGEST} are read")
        return JsonField(_parsed(_bytes(file, member, size, place), place), place)

    program = document(model)
    stem = Path(model).stem
    order = members.get(f"{root}byteorder")
    if order is not None and _bytes(file, order, size, f"{path}: `byteorder`") != b"little":
        raise NotCaptured(f"{path} has numbers whose largest byte comes first, which are not read; {_AGAIN}")
    weights = document(f"{root}data/weights/{stem}_weights_config.json").at("config")
    constants = document(f"{root}data/constants/{stem}_constants_config.json").at("config")
    return ExportedArchive(path, program, weights, constants, read)


def _root(path: Path, members: dict[str, zipfile.ZipInfo]) -> str:
    """What stands in front of each member's name."""
    found = [name.removesuffix("archive_format") for name in members if name.count("/") <= 1]
    roots = [root for root, name in zip(found, [n for n in members if n.count("/") <= 1], strict=True) if root != name]
    if len(roots) == 1:
        return roots[0]
    if any(name.endswith("serialized_state_dict.pt") for name in members):
        raise NotCaptured(f"{path} is of an older torch, whose weights are pickled, which is not read; {_AGAIN}")
    raise NotCaptured(f"{path} is no archive of `torch.export.save`: it has no `archive_format`")


def _model(path: Path, root: str, members: dict[str, zipfile.ZipInfo]) -> str:
    """The member with the graph."""
    found = [name for name in members if name.startswith(f"{root}models/") and name.endswith(".json")]
    if len(found) == 1:
        return found[0]
    if any(name.startswith(f"{root}data/aotinductor") for name in members):
        raise NotCaptured(
            f"{path} is a compiled program, which hides what it does: give what `torch.export.save` writes of it"
        )
    told = ", ".join(f"`{Path(name).stem}`" for name in found[:6])
    raise NotCaptured(
        f"{path} has {len(found)} programs{f', {told}' if found else ''}, and a spec is of one: save it alone"
    )


def _bytes(file: zipfile.ZipFile, member: zipfile.ZipInfo, size: int, place: str) -> bytes:
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise NotCaptured(f"{place} is compressed or encrypted; {_AGAIN}, which stores it as it is")
    if member.file_size != member.compress_size or member.file_size > size:
        raise NotCaptured(f"{place} is said to have {member.file_size} bytes, and the whole file has {size}")
    try:
        found = file.read(member)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, OverflowError) as error:
        raise NotCaptured(f"{place} cannot be read, the file is damaged: {error}") from None
    if len(found) != member.file_size:
        raise NotCaptured(f"{place} is cut off: {len(found)} bytes of {member.file_size}")
    return found


def _parsed(data: bytes, place: str) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotCaptured(f"{place} is no JSON that is read: {str(error)[:120]}") from None
