"""Networks of a program, which a user names in the place of a spec: `package.module:factory`, `file.py:Net`."""

from __future__ import annotations

import keyword
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from netspec.capture.running.sources import ModuleSource, check_there, module_source
from netspec.cli.common import plugin_names
from netspec.cli.files import check_target
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install

if TYPE_CHECKING:
    from netspec.capture.importing import FromTorch
    from netspec.capture.plugging.plugin import WrittenPlugin


class ImportOptions(NamedTuple):
    """How a module is imported."""

    inputs: tuple[str, ...] = ()
    is_flat: bool = False
    is_verified: bool = True
    plugin: Path | None = None
    """Where to write the layers that are lacking."""


class ImportedModule(NamedTuple):
    """What came of it."""

    found: FromTorch
    guess: str
    """On which input it ran, where nobody said one."""
    plugin: WrittenPlugin | None = None
    """The layers that were lacking, which nobody has written yet."""


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
    lacking = None if options.plugin is None else plugin_name(options.plugin)
    try:
        from netspec.capture.importing import from_torch
        from netspec.capture.plugging.plugin import with_layers
        from netspec.capture.running.factory import example, module_from
        from netspec.capture.running.making import noting
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise MissingExtra(f"a module needs {error.name} to run: {install('torch')}") from None
    with _as_a_program(source):
        with noting() as makings:
            made = module_from(source)
        title = name or source.rest.partition("(")[0].rpartition(".")[2]
        given = example(made, options.inputs)

        def attempt(more: Sequence[str] = ()) -> FromTorch:
            return from_torch(
                made, *given.tensors, name=title, is_flat=options.is_flat, is_verified=options.is_verified,
                plugins=[*plugin_names(), *more],
            )  # fmt: skip

        if lacking is None:
            found, plugin = attempt(), None
        else:
            found, plugin = with_layers(attempt, made, given.tensors, makings, lacking)
    if given.guess:
        click.echo(f"note: {given.guess}; `--input` says another", err=True)
    return ImportedModule(found, given.guess, plugin)


def plugin_name(file: Path) -> str:
    """By which name `--plugin` finds a file that is to be written, from the current directory.

    Raises:
        UsageError: by none, or it is there already.
    """
    check_target(file)
    if os.path.lexists(file):
        raise UsageError(f"{file} is there already, and what somebody wrote is not written over: name another")
    path = Path(os.path.relpath(file))
    parts = [*path.parts[:-1], path.stem]
    if path.suffix != ".py" or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise UsageError(f"`--write-plugin {file}`: a file that Python imports from here, as in `my_layers.py`")
    name = ".".join(parts)
    if parts[0] in sys.modules or (len(parts) == 1 and find_spec(name) is not None):
        raise UsageError(f"`--write-plugin {file}`: there is a module `{parts[0]}` already, which it would hide")
    return name


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
