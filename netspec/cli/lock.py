"""`netspec lock`: write down what of the networks must not change unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from netspec.cli.common import offer, plugin_option, read_source, show_diagnostics
from netspec.cli.files import write_atomic
from netspec.cli.locks import file_of, key_of, nets_of, networks_of, read_lock, shown, told
from netspec.cli.specs import spec_files
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic, UsageError, has_errors
from netspec.locking import Lock, LockedSpec, counted_text, differences, lock_text


@click.command()
@click.argument("specs", metavar="[SPEC...]", nargs=-1)
@plugin_option
def command(specs: tuple[str, ...]) -> int:
    """Write shapes, counts and the keys of the state_dict of specs, in all variants, into netspec.lock.json.

    Without SPEC those that it has are locked again. `netspec check --locked` compares.
    """
    paths = spec_files(specs) if specs else _locked_already()
    files: dict[Path, dict[str, LockedSpec]] = {}
    wrong: list[Diagnostic] = []
    sources: dict[str, str] = {}
    for path in paths:
        file = file_of(path)
        source, problems = read_source(path)
        sources[source.name] = source.text
        found = check_source(source, problems, offer=offer())
        if has_errors(found):
            wrong += found
        else:
            files.setdefault(file, {})[key_of(path, file)] = networks_of(source).record
    if wrong:
        show_diagnostics(wrong, sources, err=True)
        click.echo("nothing is written: only a spec that is right is locked", err=True)
        return 1
    for file, specs_now in files.items():
        _write(file, specs_now)
    return 0


def _locked_already() -> list[str]:
    """The specs that the lock of this directory has, and that are still there."""
    file = file_of("x.yaml")  # that of any spec here
    lock, _ = read_lock(file)
    paths = [shown(file.parent / key) for key in lock.specs if (file.parent / key).is_file()]
    if not paths:
        lost = f"all that {shown(file)} has are gone" if lock.specs else f"there is no {shown(file)} yet"
        raise UsageError(f"{lost}: name specs to lock, or a directory of them, as in `netspec lock specs/`")
    return paths


def _write(file: Path, now: Mapping[str, LockedSpec]) -> None:
    """Write a lock, and say what is another in it than before."""
    lock, text = read_lock(file)
    gone = [key for key in lock.specs if key not in now and not (file.parent / key).is_file()]
    made = Lock(specs={key: spec for key, spec in lock.specs.items() if key not in gone} | dict(now))
    lines = [*_changes(lock, now), *(f"{key}: gone, dropped" for key in gone)]
    for line in lines:
        click.echo(line, err=True)
    new = lock_text(made)
    if new == text.replace("\r\n", "\n"):
        click.echo(f"{shown(file)}: {counted_text(made)}, as before", err=True)
        return
    write_atomic(file, new.encode(), in_place=True)
    click.echo(f"wrote {shown(file)}: {counted_text(made)}", err=True)


def _changes(lock: Lock, now: Mapping[str, LockedSpec]) -> Iterator[str]:
    for key, spec in now.items():
        old = lock.specs.get(key)
        if old is None:
            yield f"{key}: new"
            continue
        before, after = nets_of(old), nets_of(spec)
        for name in [*before, *(name for name in after if name not in before)]:
            place = key if name is None else f"{key} {name}"
            if name not in after:
                yield f"{place}: gone, dropped"
            elif name not in before:
                yield f"{place}: new"
            elif found := differences(before[name], after[name]):
                yield f"{place}: as it was locked → as it is now"
                yield from (f"  {line}" for line in told(found))
