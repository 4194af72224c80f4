"""What `netspec check` has found in several files, and the forms in which it is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import click

from netspec.cli.common import failed, show_diagnostics, show_failure
from netspec.cli.places import in_checkout
from netspec.diagnostics import Code, Diagnostic, UsageError

if TYPE_CHECKING:
    from netspec.render.sarif import Tool

T = TypeVar("T")
FORMS: Final = ("text", "json", "github", "sarif", "junit")
DOCUMENTS: Final = FORMS[1:]
"""The forms for programs: standard output has nothing else."""


@dataclass
class FindingsByFile:
    """What was found, file by file, and which files could not be read."""

    files: dict[str, list[Diagnostic]] = field(default_factory=dict[str, list[Diagnostic]])
    sources: dict[str, str] = field(default_factory=dict[str, str])
    unread: dict[str, UsageError] = field(default_factory=dict[str, UsageError])

    @property
    def found(self) -> list[Diagnostic]:
        """All findings, in the order of the files."""
        return [diagnostic for found in self.files.values() for diagnostic in found]

    def status(self, *, strict: bool) -> int:
        """The exit status: 2 if a file could not be read, whatever stands in the others."""
        return 2 if self.unread else 1 if failed(self.found, strict=strict) else 0

    def show(self, form: str, *, strict: bool, err: bool = False) -> None:
        """Print them. As text, files that could not be read are told on standard error, behind the findings."""
        if form in DOCUMENTS:
            try:
                click.echo(self._document(form, strict=strict), nl=form != "github" or bool(self.files or self.unread))
            except OSError:  # the disk is full, and what the document says of files stands nowhere
                self._tell_unread()
                raise
            return
        if self.found:
            show_diagnostics(self.found, self.sources, err=err)
        self._tell_unread()

    def is_silent(self, form: str) -> bool:
        """Whether nothing at all was printed: as text, what is right needs no word."""
        return form not in DOCUMENTS and not self.found and not self.unread

    def _tell_unread(self) -> None:
        for error in self.unread.values():
            show_failure(error)

    def _document(self, form: str, *, strict: bool) -> str:
        from netspec.render import failure_github, failure_object, render_github, render_json

        errors = self.unread.values()
        messages = {name: str(error) for name, error in self.unread.items()}
        match form:
            case "json":
                return render_json(self.found, [failure_object(error.code, str(error)) for error in errors])
            case "github":
                told = [render_github(self.found, named=in_checkout)] if self.found else []
                return "\n".join([*told, *(failure_github(error.code, str(error)) for error in errors)])
            case "junit":
                from netspec.render.junit import render_junit

                failing: Collection[str] = ("error", "warning") if strict else ("error",)
                return render_junit(_named(self.files), self.sources, unread=_named(messages), failing=failing)
            case _:
                from netspec.render.sarif import render_sarif

                return render_sarif(
                    self.found, self.sources, _tool(), unread=list(messages.values()), named=in_checkout
                )  # fmt: skip


def _named(files: Mapping[str, T]) -> dict[str, T]:
    return {in_checkout(name): value for name, value in files.items()}


def _tool() -> Tool:
    from importlib import metadata  # imported here, since it takes as long as the rest of a check

    from netspec.codes import CODES
    from netspec.extras import DISTRIBUTION
    from netspec.render.sarif import Tool

    def explained(code: Code) -> tuple[str, str]:
        return CODES[code].summary, CODES[code].meaning

    try:
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # a checkout that is only on PYTHONPATH
        version = "0"
    return Tool("netspec", version, explained)
