"""Read a YAML file or text into nodes with source offsets.

`read` and `decode` make a `Source` from a file or from bytes; `parse` makes nodes from a `Source`. The features of YAML
beyond plain data (tags, merge keys, several documents, keys that are not scalars) are refused, each with a diagnostic
of its own. Every size has a limit, so any text yields nodes or located diagnostics in bounded time and memory.
"""

from __future__ import annotations

import codecs
import gc
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from netspec.diagnostics import Diagnostic, UsageError, did_you_mean
from netspec.text.composer import compose
from netspec.text.nodes import DEFAULT_LIMITS, Extended, Limits, ListNode, MapNode, Mended, Node, ScalarNode, Source

__all__ = [
    "DEFAULT_LIMITS",
    "SUFFIXES",
    "Extended",
    "Limits",
    "ListNode",
    "MapNode",
    "Mended",
    "Node",
    "ScalarNode",
    "Source",
    "decode",
    "parse",
    "read",
    "without_gc",
]


SUFFIXES: Final = (".yaml", ".yml")
"""The files of specs end so."""
_LARGE: Final = 100_000
"""Characters. For shorter texts a pause saves less than the collection costs that follows when it ends."""


@contextmanager
def without_gc(text: str, *, grows: bool = False) -> Generator[None]:
    """Pause the cyclic garbage collector while a large text is processed, or a small one that `grows`.

    A large spec becomes millions of small objects without a reference cycle. The collector would traverse them again
    and again as their number grows, which makes the time superlinear.
    """
    enabled = gc.isenabled() and (grows or len(text) > _LARGE)
    if enabled:
        gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# ---- bytes → text


def read(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> tuple[Source, list[Diagnostic]]:
    """Read a file.

    Returns:
        The source, named by the path as given, and the diagnostics of `decode`. Parse the source only if there are
        none; otherwise it only serves to show the line at fault.

    Raises:
        UsageError: this is no path, there is no such file, it is a directory, or it cannot be read.
    """
    name = _path_text(path)
    file = Path(name)
    try:
        with file.open("rb") as stream:
            data = stream.read(limits.max_bytes + 1)  # bounded, since a device may never end
            size = max(len(data), os.fstat(stream.fileno()).st_size)
    except FileNotFoundError:
        raise UsageError(f"there is no file {name!r}{_near(file)}") from None
    except IsADirectoryError:
        specs = sorted(p.name for p in file.glob("*.yaml"))
        example = f", such as {str(file / specs[0])!r}" if specs else ""
        raise UsageError(f"{name!r} is a directory: name a spec file in it{example}") from None
    except PermissionError:
        raise UsageError(f"{name!r} may not be read: its permissions forbid it (see `ls -l`)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{name!r} cannot be read: {reason}; name a YAML file that can") from None
    if len(data) > limits.max_bytes:
        source = Source(name, "")
        return source, [_too_large(source, f"{'at least ' if size == len(data) else ''}{size:,}", limits)]
    return decode(data, name, limits)


def _path_text(path: object) -> str:
    """The text of a path: of a text or a `Path`, and not of bytes, whose encoding nobody knows."""
    try:
        name: object = os.fspath(cast("str", path))
    except TypeError:
        name = None
    if not isinstance(name, str):
        raise UsageError(f"a spec is read from a path, a text or a `Path`, but here is {path!r}")
    if not name:
        raise UsageError("the path of the spec is empty: name a YAML file")
    return name


def _near(file: Path) -> str:
    """The end of the message for a missing file: a sibling with a similar name, or the directory that is missing."""
    try:
        parent = file.parent
        if not parent.is_dir():
            return f": the directory {str(parent)!r} does not exist"
        siblings = [p.name for p in parent.iterdir()]
    except (OSError, ValueError):
        return ""
    yamls = [s for s in siblings if s.endswith(SUFFIXES)]
    same_stem = next((s for s in sorted(yamls) if Path(s).stem == file.stem), None)
    found = same_stem or did_you_mean(file.name, sorted(yamls)) or did_you_mean(file.name, sorted(siblings))
    return f"; did you mean {str(parent / found)!r}?" if found else ": check the name, or see what `ls` lists"


def decode(data: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Source, list[Diagnostic]]:
    """Decode bytes as UTF-8 into a source.

    Returns:
        The source, and a diagnostic if there is one: `not-utf8`, at the first invalid byte, or `too-large`.
    """
    if len(data) > limits.max_bytes:
        source = Source(name, "")
        return source, [_too_large(source, f"{len(data):,}", limits)]
    try:
        return Source(name, data.decode("utf-8")), []
    except UnicodeDecodeError as error:
        source = Source(name, data.decode("utf-8", "replace"))
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            message, offset, encoding = "this file is UTF-16, but a spec is UTF-8", 0, "UTF-16"
        else:
            encoding = "LATIN1"
            offset = len(data[: error.start].decode("utf-8").removeprefix("\ufeff"))
            message = f"byte 0x{data[error.start]:02X} (byte {error.start + 1:,} of the file) is not UTF-8"
        diagnostic = Diagnostic(
            "not-utf8",
            message,
            source.between(offset, min(offset + 1, len(source.text))),
            help="save the file as UTF-8: most editors offer it under “Save with encoding”, and "
            f"`iconv -f {encoding} -t UTF-8` converts it",
        )
        return source, [diagnostic]


def _too_large(source: Source, size: str, limits: Limits) -> Diagnostic:
    message = f"the file has {size} bytes, but {limits.max_bytes:,} is the limit"
    help = "is this the right file? a spec has a few hundred lines: `repeat` and `blocks` stand for many layers"
    return Diagnostic("too-large", message, source.between(0, 0), help=help)


# ---- text → nodes


def parse(source: Source, limits: Limits = DEFAULT_LIMITS) -> tuple[Node | None, list[Diagnostic]]:
    """Parse a text into nodes.

    Returns:
        The root, or None if the text is empty, is not YAML or exceeds a limit; and the diagnostics. A root may come
        with errors: a duplicate key and its value are left out, and so is an entry whose key is refused; a tag is
        ignored; an alias that cannot be resolved, or a number that is too large, becomes a null.
    """
    text = source.text
    if len(text) > limits.max_bytes // 4:  # a shorter text fits in any case: a character has at most 4 bytes
        size = len(text.encode("utf-8", "replace"))
        if size > limits.max_bytes:
            return None, [_too_large(source, f"{size:,}", limits)]
    with without_gc(source.text):
        return compose(source, limits)
