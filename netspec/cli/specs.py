"""The files that a command line names: specs, directories of them, and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from netspec.diagnostics import UsageError
from netspec.text.source import SUFFIXES

_A_SPEC = re.compile(rb"^(?:\xef\xbb\xbf)?(?:netspec|layers)\s*:", re.MULTILINE)
"""What tells a spec from other YAML."""
_HEAD = 2**20
"""Bytes of a file that are looked at to tell what it is."""


def spec_files(named: Iterable[str], *, may_be_none: bool = False) -> list[str]:
    """The specs that a command line names. A file is taken as it is; in a directory, and for a pattern, only YAML that
    is a spec counts, by the key `layers:` or `netspec:`.

    Raises:
        UsageError: a directory or a pattern has no spec, and it may not be so.
    """
    found: list[str] = []
    for name in named:
        path = Path(name)
        if is_of_several(name):
            folder = path.is_dir()
            specs = _specs(path.rglob("*") if folder else _matches(path))
            if not specs and not may_be_none:
                what = "no spec is in the directory" if folder else "no spec is named"
                raise UsageError(f"{what} {name!r}: a spec is a YAML file with `layers:`")
            found += specs
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def is_of_several(name: str) -> bool:
    """Whether a name stands for several specs: a directory, or a pattern that is no file itself."""
    path = Path(name)
    return name != "-" and (path.is_dir() or (re.search(r"[*?\[]", name) is not None and not path.exists()))


def _matches(pattern: Path) -> Iterator[Path]:
    root = Path(pattern.anchor) if pattern.is_absolute() else Path()
    try:
        yield from root.glob(str(pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern))
    except ValueError as error:
        raise UsageError(f"{str(pattern)!r} is no pattern: {error}") from None


def _specs(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in sorted(paths) if _may_be_spec(path) and _is_spec(path)]


def _may_be_spec(path: Path) -> bool:
    hidden = any(part.startswith(".") and part != ".." for part in path.parts)
    return path.suffix in SUFFIXES and not hidden


def _is_spec(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _A_SPEC.search(file.read(_HEAD)) is not None
    except OSError:
        return False


def is_spec_text(path: str, data: bytes) -> bool:
    """Whether a file with this path and contents would count among the specs of a directory."""
    return _may_be_spec(Path(path)) and _A_SPEC.search(data[:_HEAD]) is not None
