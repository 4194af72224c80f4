"""The specs that a tool may be given: a text, or a file below the directory of the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from netspec.cli.shipped import variants_in
from netspec.cli.specs import is_spec_text
from netspec.diagnostics import Diagnostic, UsageError
from netspec.text.source import SUFFIXES, Source, decode, read

_NAME: Final = "spec.yaml"
"""What messages call a text."""


class GivenSpec(NamedTuple):
    """What a tool was given; one of the two."""

    text: str | None
    path: str | None


def specs_below(root: Path) -> Iterator[tuple[str, list[str]]]:
    """The specs that a path may name, each with its variants, in the order of their paths."""
    inside = root.resolve()
    for file in sorted(root.rglob("*")):
        if file.suffix not in SUFFIXES:
            continue
        path = file.relative_to(root).as_posix()
        with suppress(OSError, RuntimeError):  # a link in a circle, a file that nobody may read
            data = file.read_bytes() if file.resolve().is_relative_to(inside) else b""
            if is_spec_text(path, data):
                yield path, variants_in(decode(data, path)[0])


def given_source(given: GivenSpec, root: Path) -> tuple[Source, list[Diagnostic]]:
    """The source that a tool was given, with the diagnostics of reading it.

    Args:
        given: a text or a path.
        root: the directory below which a path must lie, once its links are followed.

    Raises:
        UsageError: both are given, or none; the path leads out of the directory, or is no spec file that can be read.
    """
    text, path = given
    if (text is None) == (path is None):
        raise UsageError("give the spec as `text`, or the `path` of a file: one of the two")
    if text is not None:
        return decode(text.encode("utf-8", "surrogatepass"), _NAME)
    named = root / str(path)
    try:
        real = named.resolve()
        inside = real.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, a zero byte
        inside, real = False, named
    if not inside:
        raise UsageError(f"`{path}` is not below the directory of this server: give the spec as `text`")
    if real.suffix not in SUFFIXES:
        raise UsageError(f"`{path}` is no spec: its name ends with neither .yaml nor .yml")
    source, problems = read(real)
    return Source(str(path), source.text), [
        problem._replace(span=problem.span._replace(file=str(path))) for problem in problems
    ]
