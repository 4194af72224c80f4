"""`FILE.keys.json` beside FILE.yaml: for each key of the spec's `state_dict` that of the module that was imported."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from netspec.cli.common import said
from netspec.cli.files import check_ordinary, is_read
from netspec.diagnostics import UsageError

_LARGEST: Final = 2**26
"""Bytes of a map; that of a network of 10,000 tensors has one million."""

_LONGEST: Final = 1000
"""Characters of a key, which messages have whole."""

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')
"""A string of a text that is JSON, and what makes it a key."""


class KeyMap(NamedTuple):
    """A map of keys that was read."""

    file: Path
    keys: dict[str, str]
    """For each key of the built net that of the module."""
    lines: dict[str, int]
    """Where each of them stands, from 1."""

    def place(self, key: str | None) -> str:
        """`net.keys.json:4`; without the line where the map has not this key."""
        line = None if key is None else self.lines.get(key)
        return str(self.file) if line is None else f"{self.file}:{line}"


class _Object(NamedTuple):
    """An object of JSON, in which a key may stand twice."""

    pairs: list[tuple[str, Any]]


def keys_beside(spec: Path) -> Path:
    """Where the map of a spec's keys stands, if the spec needs one."""
    return spec.with_suffix(".keys.json")


def keys_text(keys: Mapping[str, object]) -> str:
    """The text of a map; of a family, of a map for each variant that needs one."""
    return json.dumps(keys, indent=1) + "\n"


def read_keys(spec: str, variant: str | None) -> KeyMap | None:
    """The map beside a spec; None where there is none, or none for this variant.

    Args:
        spec: the file of the spec, or `-`.
        variant: which of its variants is meant.

    Raises:
        UsageError: it cannot be read or is no map; the message begins with the file and the line.
    """
    if spec == "-" or not os.path.lexists(file := keys_beside(Path(spec))):
        return None
    check_ordinary(file)
    is_read(file)
    text = _text(file)
    whole = _parsed(file, text)
    lines = _lines_of_keys(text)
    members = _members(file, whole, lines)
    if variant not in members and None not in members:
        said(f"note: {file} has maps for {', '.join(f'`{name}`' for name in members)}, and none is of this variant")
        return None
    own = members[None if None in members else variant]
    return KeyMap(file, {key: value for key, (value, _) in own.items()}, {key: line for key, (_, line) in own.items()})


def _text(file: Path) -> str:
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise UsageError(f"{file} has {size:,} bytes, and a map of keys at most {_LARGEST:,}")
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: this is no text in UTF-8, as a map of keys is: {error.reason}") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None


def _parsed(file: Path, text: str) -> _Object:
    try:
        found: Any = json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{file}:{error.lineno}:{error.colno}: this is no JSON, as a map of keys is: {error.msg}"
        ) from None
    except (ValueError, RecursionError) as error:  # a number of too many digits; lists in lists
        raise UsageError(f"{file}: this is no map of keys: {error}") from None
    if not isinstance(found, _Object):
        raise UsageError(f'{file}: a map of keys is one object, `{{"own": "other"}}`, and this is none')
    return found


def _lines_of_keys(text: str) -> Iterator[int]:
    """The line of each key of a text that is JSON, in their order."""
    line, seen = 1, 0
    for found in _STRING.finditer(text):
        if found[1]:
            line += text.count("\n", seen, found.start())
            seen = found.start()
            yield line


_Entries = dict[str, tuple[str, int]]
"""A map, with the line of each key."""


def _members(file: Path, whole: _Object, lines: Iterator[int]) -> dict[str | None, _Entries]:
    """The maps of a file by the names of their variants; that of a spec without variants under None."""
    found: dict[str | None, _Entries] = {}
    for key, value in whole.pairs:
        line = next(lines)
        name = key if isinstance(value, _Object) else None
        if found and (name is None) is not (None in found):
            raise UsageError(f"{file}:{line}: a map is of keys, or of a map for each variant, and this one is of both")
        if name is not None and name in found:
            raise UsageError(f"{file}:{line}: the variant `{name}` stands there twice: leave one of them")
        entries = found.setdefault(name, {})
        if isinstance(value, _Object):
            for inner, other in value.pairs:
                _add(file, entries, inner, other, next(lines))
        else:
            _add(file, entries, key, value, line)
    return found or {None: {}}


def _add(file: Path, entries: _Entries, key: str, value: object, line: int) -> None:
    if max(len(key), len(value) if isinstance(value, str) else 0) > _LONGEST:
        raise UsageError(f"{file}:{line}: a key has more than {_LONGEST:,} characters, and none of a module has")
    if not isinstance(value, str):
        raise UsageError(f"{file}:{line}: `{key}` is the key of a tensor, and stands for that of another, a string")
    if key in entries:
        raise UsageError(f"{file}:{line}: `{key}` is on line {entries[key][1]}, too: leave one of them")
    entries[key] = (value, line)
