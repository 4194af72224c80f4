"""The files that a command line names: specs, directories of them, and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from netspec.diagnostics import UsageError

_A_SPEC = re.compile(rb"^(?:\xef\xbb\xbf)?(?:netspec|layers)\s*:", re.MULTILINE)
"""What tells a spec from other YAML."""
_HEAD = 2**20
"""Bytes of a file that are looked at to tell what it is."""


def spec_files(named: Iterable[str]) -> list[str]:
    """The specs that a command line names. A file is taken as it is; in a directory, and for a pattern, only YAML that
    is a spec counts, by the key `layers:` or `netspec:`.

    Raises:
        UsageError: a directory or a pattern has no spec.
    """
    found: list[str] = []
    for name in named:
        path = Path(name)
        if name != "-" and path.is_dir():
            found += _or_none(name, _specs(path.rglob("*")), "no spec is in the directory")
        elif name != "-" and re.search(r"[*?\[]", name) and not path.exists():
            found += _or_none(name, _specs(_matches(path)), "no spec is named")
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def _matches(pattern: Path) -> Iterator[Path]:
    root = Path(pattern.anchor) if pattern.is_absolute() else Path()
    try:
        yield from root.glob(str(pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern))
    except ValueError as error:
        raise UsageError(f"{str(pattern)!r} is no pattern: {error}") from None


def _specs(paths: Iterable[Path]) -> list[str]:
    hidden = (path for path in paths if not any(part.startswith(".") and part != ".." for part in path.parts))
    return [str(path) for path in sorted(hidden) if path.suffix in (".yaml", ".yml") and _is_spec(path)]


def _is_spec(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _A_SPEC.search(file.read(_HEAD)) is not None
    except OSError:
        return False


def _or_none(name: str, found: list[str], message: str) -> list[str]:
    if not found:
        raise UsageError(f"{message} {name!r}: a spec is a YAML file with `layers:`")
    return found
