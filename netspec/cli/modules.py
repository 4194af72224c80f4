"""Networks of a program, which a user names in the place of a spec: `package.module:factory`, `file.py:Net`."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from netspec.capture.running.sources import ModuleSource, check_there, module_source
from netspec.cli.common import plugin_names
from netspec.diagnostics import MissingExtra
from netspec.extras import install

if TYPE_CHECKING:
    from netspec.capture.importing import FromTorch


class ImportOptions(NamedTuple):
    """How a module is imported."""

    inputs: tuple[str, ...] = ()
    is_flat: bool = False
    is_verified: bool = True


class ImportedModule(NamedTuple):
    """What came of it."""

    found: FromTorch
    guess: str
    """On which input it ran, where nobody said one."""


def factory_in(text: str) -> ModuleSource | None:
    """The factory that a text names behind a colon; None if it names a file."""
    source = module_source(text)
    return source if source is not None and source.rest else None


def imported_module(source: ModuleSource, options: ImportOptions, name: str | None = None) -> ImportedModule:
    """The network of a module, which is made and run.

    Raises:
        UsageError: there is no such module.
        NotCaptured: it does what a spec cannot say.
        MissingExtra: torch is not installed.
    """
    check_there(source)
    try:
        from netspec.capture.importing import from_torch
        from netspec.capture.running.factory import example, module_from
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise MissingExtra(f"a module needs {error.name} to run: {install('torch')}") from None
    with _as_a_program(source):
        made = module_from(source)
        title = name or source.rest.partition("(")[0].rpartition(".")[2]
        given = example(made, options.inputs)
        found = from_torch(
            made, *given.tensors, name=title, is_flat=options.is_flat, is_verified=options.is_verified,
            plugins=plugin_names(),
        )  # fmt: skip
    if given.guess:
        click.echo(f"note: {given.guess}; `--input` says another", err=True)
    return ImportedModule(found, given.guess)


@contextmanager
def _as_a_program(source: ModuleSource) -> Generator[None]:
    """A program may print, read its own arguments, of which there are none, and go to another directory."""
    arguments = sys.argv
    sys.argv = [str(source.file or source.home)]
    try:
        with chdir(Path.cwd()), redirect_stdout(sys.stderr):
            yield
    finally:
        sys.argv = arguments


def told_of_proof(found: FromTorch, what: str = "module") -> None:
    """Say what was proven, and what was not.

    Args:
        found: the spec with its proof.
        what: it was held against.
    """
    if found.difference is not None:
        near = f"within {found.difference:.0e} of the largest value" if found.difference else "to the bit"
        click.echo(
            f"equal to the {what} in outputs and gradients, {', '.join(found.proven)}: {near}, in 64 bits", err=True
        )
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
