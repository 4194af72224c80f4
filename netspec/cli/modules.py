"""Networks of a program, which a user names in the place of a spec: `package.module:factory`, `file.py:Net`."""

from __future__ import annotations

import ast
import keyword
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from shlex import quote
from tokenize import OP, TokenError, generate_tokens
from typing import TYPE_CHECKING, NamedTuple

from netspec.called import check_variant, name_like
from netspec.capture.running.sources import ModuleSource, check_there, module_source
from netspec.cli.common import plugin_names, said
from netspec.cli.files import check_target
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install

if TYPE_CHECKING:
    from netspec.capture.importing import FromTorch
    from netspec.capture.plugging.plugin import WrittenPlugin
    from netspec.capture.variants import FromTorchVariants


class ImportOptions(NamedTuple):
    """How a module is imported."""

    inputs: tuple[str, ...] = ()
    is_flat: bool = False
    is_verified: bool = True
    plugin: Path | None = None
    """Where to write the layers that are lacking."""


class ImportedVariants(NamedTuple):
    """What came of the members of a family."""

    found: FromTorchVariants
    guess: str


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
    with _with_torch():
        from netspec.capture.importing import from_torch
        from netspec.capture.plugging.plugin import with_layers
        from netspec.capture.running.factory import example, module_from
        from netspec.capture.running.making import noting
    with _as_a_program(source):
        with noting():
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
            found, plugin = with_layers(attempt, made, given.tensors, lacking)
    _tell_guess(given.guess)
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


def imported_variants(
    source: ModuleSource, variants: str, options: ImportOptions, name: str | None = None
) -> ImportedVariants:
    """The networks of several factories of one module as variants of one spec.

    Args:
        source: names the module.
        variants: the factories, as they are typed: `resnet18,resnet34`, `Net(depth=2),wide=Net(width=64)`.
        options: how they are imported.
        name: of the spec.

    Raises:
        UsageError: there is no such factory, or what is typed is no list of them.
        NotCaptured: one does what a spec cannot say, they are too different, or a variant is not its module.
        MissingExtra: torch is not installed.
    """
    members = members_in(variants)
    check_there(source)
    with _with_torch():
        from netspec.capture.graph import NotCaptured
        from netspec.capture.lacking import writes_layers
        from netspec.capture.running.factory import example, modules_from
        from netspec.capture.running.making import noting
        from netspec.capture.variants import family_of, from_torch_variants
    title = name or family_of(list(members)) or source.rest.partition("(")[0].rpartition(".")[2]
    with _as_a_program(source):
        with noting():
            several = dict(zip(members, modules_from(source, list(members.values())), strict=True))
        made = {variant: each.module for variant, each in several.items()}
        arguments = {variant: each.arguments for variant, each in several.items()}
        given = example(next(iter(made.values())), options.inputs)
        try:
            found = from_torch_variants(
                made, *given.tensors, name=title, is_verified=options.is_verified, plugins=plugin_names(),
                arguments=arguments,
            )  # fmt: skip
        except NotCaptured as error:
            if error.variant is None or not error.lacking:
                raise
            command = _alone(source.home, members[error.variant], options)
            advice = f"{writes_layers(command, error.lacking)}; then give `--plugin my_layers` with `--variants`"
            raise error.mended(advice) from None
    _tell_guess(given.guess)
    return ImportedVariants(found, given.guess)


def _alone(home: str, factory: str, options: ImportOptions) -> str:
    """The command that imports one member of a family by itself."""
    given = [*(("--input", sizes) for sizes in options.inputs), *(("--plugin", name) for name in plugin_names())]
    return " ".join(["netspec import", quote(f"{home}:{factory}"), *(quote(word) for pair in given for word in pair)])


def members_in(text: str) -> dict[str, str]:
    """The factories that `--variants` names, by the names of the variants.

    >>> members_in("resnet18, Net(depth=2), wide=Net(width=64)")
    {'resnet18': 'resnet18', 'Net_depth_2': 'Net(depth=2)', 'wide': 'Net(width=64)'}

    Raises:
        UsageError: it is no list of factories, a name can name no variant, or two have one name.
    """
    try:
        items = [(name, ast.unparse(ast.parse(value, mode="eval"))) for name, value in _items(text)]
    except (SyntaxError, TokenError, ValueError):
        raise UsageError(
            f"`--variants {text}` is no list of factories: `resnet18,resnet34`, or with arguments, and names in front "
            "of them, `Net(depth=2),wide=Net(width=64)`"
        ) from None
    given = [(name_like(value) or "" if name is None else name, value) for name, value in items]
    for name, _ in given:
        check_variant(name)
    found = dict(given)
    if len(given) == 1:
        raise UsageError(f"`--variants {text}` names one factory, and variants are several: import it without")
    if len(found) < len(given):
        twice = next(name for name, _ in given if [other for other, _ in given].count(name) > 1)
        raise UsageError(f"`--variants {text}` names `{twice}` twice; `another={found[twice]}` gives a name of its own")
    return found


def _items(text: str) -> Iterator[tuple[str | None, str]]:
    """What stands between the commas of a list that are in no parentheses, each with the name in front of it.

    >>> list(_items("small, wide=Net(8, depth=2)"))
    [(None, 'small'), ('wide', 'Net(8, depth=2)')]

    Raises:
        SyntaxError, TokenError: there is what no program has.
    """
    text = text.replace("\n", " ").strip().removesuffix(",")
    name: str | None = None
    depth = begin = 0
    for token in generate_tokens(StringIO(text).readline):
        at = token.start[1]
        if token.type == OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if depth == 0 and token.string == "=" and name is None:
            name, begin = text[begin:at].strip(), at + 1
        elif depth == 0 and token.string == ",":
            yield name, text[begin:at].strip()
            name, begin = None, at + 1
    yield name, text[begin:].strip()


@contextmanager
def _with_torch() -> Generator[None]:
    """Say how torch is installed where it is not."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise MissingExtra(f"a module needs {error.name} to run", install("torch")) from None


def _tell_guess(guess: str) -> None:
    """Say on which input a module ran where nobody said one."""
    if guess:
        said(f"note: {guess}; `--input` says another")


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
        said(f"equal to the {what} in outputs and gradients, {', '.join(found.proven)}: {near}, in 64 bits")
    for note in found.notes:
        said(f"note: {note}")
