"""`netspec check`: every mistake in every file and variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import click

from netspec.cli.common import (
    compile_spec,
    format_option,
    offer,
    read_source,
    remark_options,
    spec_options,
    without_ignored,
)
from netspec.cli.project import project_specs
from netspec.cli.reports import FORMS, FindingsByFile
from netspec.cli.specs import spec_files
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic, UsageError


class _CheckOptions(NamedTuple):
    """The options that decide what becomes of each file."""

    notes: bool
    ignore: frozenset[str]
    fix: bool
    diff: bool
    variant: str | None
    set: tuple[str, ...]


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1)
@click.option(
    "--changed",
    metavar="[REF]",
    is_flag=False,
    flag_value="HEAD",
    help="Only specs that differ from where the branch left this one of git's; without REF those that are not "
    "committed yet. Without SPEC those in the current directory and below.",
)
@click.option("--locked", is_flag=True, help="Hold them against netspec.lock.json, too, which `netspec lock` writes.")
@format_option(*FORMS)
@remark_options
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all is well.")
@click.option("--fix", is_flag=True, help="Write the certain mends into the files, until none is left.")
@click.option("--diff", is_flag=True, help="Show what `--fix` changes, and write nothing.")
@spec_options
def command(
    specs: tuple[str, ...],
    changed: str | None,
    locked: bool,
    form: str,
    strict: bool,
    notes: bool,
    ignore: frozenset[str],
    quiet: bool,
    fix: bool,
    diff: bool,
    variant: str | None,
    set_: tuple[str, ...],
) -> int:
    """Report every mistake in every file and variant; `-` is standard input, and a directory stands for its specs."""
    if (fix or diff) and (variant is not None or set_):
        raise UsageError("`--fix` mends a file as it stands, in all its variants: leave out `--variant` and `--set`")
    if locked and (variant is not None or set_):
        raise UsageError(
            "`--locked` compares a file as it stands, in all its variants: leave out `--variant` and `--set`"
        )
    specs = specs or project_specs()
    asked = _CheckOptions(notes, ignore, fix, diff, variant, set_)
    findings = FindingsByFile()
    paths = _paths(specs, changed, findings)
    for path in paths:
        try:
            name, text, found = _checked(path, asked)
        except UsageError as error:
            if variant is not None or set_:  # which may be what is wrong
                raise
            findings.unread[path] = error
        else:
            findings.sources[name] = text
            findings.files[name] = without_ignored(found, ignore)
    if locked:
        from netspec.cli.locks import hold  # imported here: not every check asks for it

        hold(specs or (".",), paths, findings)
    findings.show(form, strict=strict, err=fix or diff)
    if findings.is_silent(form) and not quiet:
        click.echo(_all_well(len(paths), changed), err=True)
    return findings.status(strict=strict)


def _paths(specs: Sequence[str], changed: str | None, findings: FindingsByFile) -> list[str]:
    """The files to check. A name that stands for none does not keep the others from being checked."""
    if changed is not None:
        from netspec.cli.changes import changed_specs  # imported here: it runs git

        return changed_specs(specs, changed)
    if not specs:
        raise UsageError(
            "name the specs to check, or a directory: `netspec check specs/`; or name them once, in pyproject.toml: "
            '`[tool.netspec]`, `specs = ["specs"]`'
        )
    found: list[str] = []
    for name in specs:
        try:
            found += spec_files([name])
        except UsageError as error:
            findings.unread[name] = error
    return list(dict.fromkeys(found))


def _checked(path: str, asked: _CheckOptions) -> tuple[str, str, list[Diagnostic]]:
    """The name and the text of a file, mended if that is asked for, and what there is to find in it."""
    if asked.variant is not None or asked.set:
        result = compile_spec(path, asked.variant, asked.set, notes=asked.notes)
        return result.source.name, result.source.text, result.diagnostics
    source, problems = read_source(path)
    found, text = check_source(source, problems, offer=offer(), notes=asked.notes), source.text
    if (asked.fix or asked.diff) and any(d.fix is not None and d.fix.certain for d in found):
        from netspec.cli.repairs import repair, show_diff, write_back  # where something is wrong

        made = repair(source, found, notes=asked.notes)
        if asked.diff:
            show_diff(source.name, source.text, made.text)
        else:
            write_back(path, made)
        found, text = list(made.left), made.text
    return source.name, text, found


def _all_well(count: int, changed: str | None) -> str:
    if count == 0 and changed is not None:
        return f"no spec here differs from `{changed}`"
    return f"{count} spec{'s' if count > 1 else ''} checked, no mistakes"
