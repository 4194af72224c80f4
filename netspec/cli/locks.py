"""`netspec.lock.json`: where it is, what it has, and what differs from it.

A spec belongs to the nearest such file, in its directory or above it, up to the root of the checkout that it is in; so
it does not matter where a command is run.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from netspec.cli.common import is_whole, offer
from netspec.cli.files import is_read
from netspec.cli.places import checkout_of
from netspec.cli.reports import FindingsByFile
from netspec.compiler import compile_every
from netspec.diagnostics import Code, Diagnostic, Span, UsageError
from netspec.locking import Lock, LockDifference, LockedNet, LockedSpec, differences, locked
from netspec.net import Net
from netspec.text.source import Source

NAME: Final = "netspec.lock.json"
MOST_TOLD: Final = 8
"""So many differences of a network are told, and the number of the others."""


def file_of(spec: str) -> Path:
    """The lock that a spec belongs to, or will: the nearest; else one in the root of its checkout, or, where it is in
    none, in the current directory if it lies below, or beside the spec.

    Raises:
        UsageError: the spec is standard input.
    """
    if spec == "-":
        raise UsageError("standard input has no path under which it could be locked: name a file")
    directory, here = Path(os.path.abspath(spec)).parent, Path.cwd()  # noqa: PTH100  # a link stays one
    top = checkout_of(directory) or (here if here in (directory, *directory.parents) else directory)
    for place in (directory, *directory.parents):
        if place == top or (place / NAME).is_file():
            return place / NAME
    return directory / NAME


def key_of(spec: str, file: Path) -> str:
    """A spec's path in its lock: from the directory of the lock, with `/`."""
    return Path(os.path.relpath(os.path.abspath(spec), file.parent)).as_posix()  # noqa: PTH100  # as above


def shown(file: Path) -> str:
    """The path of a lock for messages and commands: from here, where that is shorter."""
    return min(os.path.relpath(file), str(file), key=len)


def read_lock(file: Path) -> tuple[Lock, str]:
    """A lock, with its text; an empty one where there is no file.

    Raises:
        UsageError: it cannot be read, or is no lock.
    """
    name = shown(file)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return Lock(), ""
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    is_read(file)
    again = f"remove it, and `netspec lock SPEC...` writes it anew (SPEC may be a directory): `rm {shlex.quote(name)}`"
    if any(line.startswith((b"<<<<<<<", b">>>>>>>")) for line in data.splitlines()):
        raise UsageError(f"{name} has the marks of a merge in conflict: {again}")
    try:
        return Lock.model_validate_json(data), data.decode()
    except (ValidationError, UnicodeDecodeError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_context=False)[0]
            place = ": ".join(str(part) for part in first["loc"])
            why = f"{first['msg']}{f', at {place}' if place else ''}"
        else:
            why = "it is not UTF-8"
        raise UsageError(f"{name} is no lock that this netspec wrote ({why}): {again}") from None


class Networks(NamedTuple):
    """The networks of a spec that is right, as they are now."""

    record: LockedSpec
    nets: Mapping[str | None, Net]


def networks_of(source: Source) -> Networks:
    """The networks of a spec; those with errors are left out, but for what they do not keep to of what is expected."""
    made = compile_every(source, offer=offer())
    nets = {
        name: result.net for name, result in made.items() if result.net is not None and is_whole(result.diagnostics)
    }
    records = {name: locked(net) for name, net in nets.items()}
    return Networks(
        LockedSpec(net=records.get(None), variants={name: net for name, net in records.items() if name is not None}),
        nets,
    )


def nets_of(spec: LockedSpec) -> dict[str | None, LockedNet]:
    """The networks of a record, that of the spec itself under None."""
    return ({} if spec.net is None else {None: spec.net}) | dict(spec.variants)


def told(found: Sequence[LockDifference]) -> list[str]:
    """Differences as lines, not more than people read."""
    lines = [difference.words for difference in found[:MOST_TOLD]]
    return lines + ([f"and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else [])


# ---- findings


def hold(named: Sequence[str], paths: Sequence[str], findings: FindingsByFile) -> None:
    """Hold the specs that were checked, and are right, against their locks, and add what differs to the findings.

    `named` is what the command line has: of its directories the locks are looked at also where no spec is left.
    """
    locks = _Locks()
    files = {file_of(os.path.join(folder, "x.yaml")) for folder in named if os.path.isdir(folder)}  # noqa: PTH112, PTH118
    files |= {file_of(path) for path in paths if path in findings.files}
    for file in sorted(files):
        try:
            locks.read(file)
        except UsageError as error:
            findings.unread[shown(file)] = error
    for path in paths:
        found = findings.files.get(path)
        if found is not None and is_whole(found) and shown(file_of(path)) not in findings.unread:
            found += locks.findings(path, Source(path, findings.sources[path]))
    for diagnostic in locks.left_over():
        findings.files.setdefault(diagnostic.span.file, []).append(diagnostic)
    findings.sources |= locks.texts()


class _Locks:
    """The locks of the specs that are checked, each read once."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[Lock, str]] = {}

    def read(self, file: Path) -> Lock:
        """A lock."""
        if file not in self._read:
            self._read[file] = read_lock(file)
        return self._read[file][0]

    def texts(self) -> dict[str, str]:
        """The texts of the locks, by the names that findings have."""
        return {shown(file): text for file, (_, text) in self._read.items()}

    def findings(self, path: str, source: Source) -> Iterator[Diagnostic]:
        """What of a spec that is right is not as it is locked.

        Raises:
            UsageError: its lock cannot be read.
        """
        file = file_of(path)
        lock = self.read(file)
        key = key_of(path, file)
        old, now = lock.specs.get(key), networks_of(source)
        if old is None:
            yield _not_locked(path, source, file, lock, now.record)
            return
        before, after = nets_of(old), nets_of(now.record)
        new = [name for name in after if name not in before]
        if new:
            which = _which(new)
            yield _at_top(
                "not-locked", source, f"{which} not in {shown(file)}, which has the rest of this spec", _lock_it(path)
            )
        groups: dict[tuple[LockDifference, ...], list[str | None]] = {}
        for name in after:
            if name in before and (found := differences(before[name], after[name])):
                groups.setdefault(tuple(found), []).append(name)
        for found, names in groups.items():
            yield _differs(path, source, file, found, names, now.nets)
        gone = [name for name in before if name not in after]
        if gone:
            yield self._left_over(file, key, f"{key}: {_which(gone)} in this lock, and the spec has no such")

    def left_over(self) -> Iterator[Diagnostic]:
        """The specs of these locks that are gone."""
        for file, (lock, _) in self._read.items():
            for key in lock.specs:
                if not (file.parent / key).is_file():
                    yield self._left_over(file, key, f"{key} is locked, and there is no such file")

    def _left_over(self, file: Path, key: str, message: str) -> Diagnostic:
        return Diagnostic(
            "lock-left-over",
            message,
            _place_in(shown(file), self._read[file][1], key),
            help=f"if that is meant, `{_command(file)}` drops it; if the file has another name now, lock it under that",
        )


def _differs(
    path: str,
    source: Source,
    file: Path,
    found: Sequence[LockDifference],
    names: Sequence[str | None],
    nets: Mapping[str | None, Net],
) -> Diagnostic:
    net = nets[names[0]]
    changed = {difference.path for difference in found}
    place = next((leaf.span for leaf in net.layers if leaf.path in changed), source.between(0, 0))
    who = (
        f"`{net.name}`" if names in ([None], [net.variant]) else _which(names).removesuffix(" are").removesuffix(" is")
    )
    verb = "is" if len(names) == 1 else "are"
    lines = [f"  {line}" for line in told(found)]
    if len(found) > MOST_TOLD:
        lines[-1] += f", which `git diff {NAME}` shows behind `netspec lock`"
    return Diagnostic(
        "lock-differs",
        f"{who} {verb} not what {shown(file)} has: {found[0].words}",
        place,
        help="\n".join(
            ["as it is locked → as it is now:", *lines, f"if that is meant, {_lock_it(path)} and commit {shown(file)}"]
        ),
    )


def _not_locked(path: str, source: Source, file: Path, lock: Lock, now: LockedSpec) -> Diagnostic:
    moved = [key for key, old in lock.specs.items() if old == now and not (file.parent / key).is_file()]
    if moved:
        message = f"this spec is not in {shown(file)}; {moved[0]} is, is gone, and was the same network"
        return _at_top("not-locked", source, message, f"if it has moved, {_lock_it(path)}")
    where = f"is not in {shown(file)}" if lock.specs else f"is not locked: there is no {shown(file)}"
    return _at_top("not-locked", source, f"this spec {where}", _lock_it(path))


def _at_top(code: Code, source: Source, message: str, help: str) -> Diagnostic:
    return Diagnostic(code, message, source.between(0, 0), help=help)


def _lock_it(path: str) -> str:
    return f"`netspec lock {shlex.quote(path)}`"


def _command(file: Path) -> str:
    """The command that locks again what a lock has."""
    here = file.parent == Path.cwd() or file_of("x.yaml") == file
    return "netspec lock" if here else f"(cd {shlex.quote(os.path.relpath(file.parent))} && netspec lock)"


def _which(names: Sequence[str | None]) -> str:
    """`the variant `a` is`, `the variants `a`, `b` are`, `the spec without a variant is`."""
    if list(names) == [None]:
        return "the spec without a variant is"
    words = ["the spec without one" if name is None else f"`{name}`" for name in names]
    return f"the variant {words[0]} is" if len(words) == 1 else f"the variants {', '.join(words)} are"


def _place_in(name: str, text: str, key: str) -> Span:
    """Where a lock has a spec: its key, if the file stands as it was written, else the beginning."""
    written = f"    {json.dumps(key, ensure_ascii=False)}: {{"
    for number, line in enumerate(text.split("\n"), 1):
        if line.rstrip("\r") == written:
            return Span(name, number, 5, number, len(written) - 2)
    return Span(name, 1, 1, 1, 1)
