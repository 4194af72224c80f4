"""Shared by the commands: options, compiling a spec, showing diagnostics."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final, TextIO, TypeVar, get_args

import click

from netspec.cli.files import is_read
from netspec.cli.streams import Shown
from netspec.compiler import Result, compile_source
from netspec.diagnostics import (
    Code,
    Diagnostic,
    MissingExtra,
    NetspecError,
    Severity,
    UsageError,
    did_you_mean,
    has_errors,
)
from netspec.errors import SpecError
from netspec.language.overrides import Written
from netspec.layers import OWN, Offer
from netspec.net import Net
from netspec.text.source import Source, decode, read

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def plugin_option(command: F) -> F:
    """Add the option `--plugin NAME` to a command that compiles a spec or explains layers; `offer` has what it says."""
    return click.option(
        "--plugin",
        metavar="NAME",
        multiple=True,
        expose_value=False,
        callback=_keep_plugins,
        help="Know what a module or an installed distribution has for specs; may be repeated.",
    )(command)


def once(_: click.Context, parameter: click.Parameter, values: tuple[T, ...]) -> T | None:
    """The callback of an option that is `multiple` for this alone: that another one in its place is not lost silently.

    Raises:
        UsageError: it is given more than once.
    """
    if len(values) > 1:
        told = " and ".join(f"`{value}`" for value in values)
        raise UsageError(f"`{parameter.opts[0]}` is given {len(values)} times, {told}: give one of them")
    return values[0] if values else None


_PLUGINS = "netspec.plugins"
"""Where a command's context has the names that `--plugin` gave, and what they offer once that was asked for."""


def _keep_plugins(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> None:
    context.meta[_PLUGINS] = names


def plugin_names() -> tuple[str, ...]:
    """What `--plugin` names."""
    context = click.get_current_context(silent=True)
    given: Offer | tuple[str, ...] = () if context is None else context.meta.get(_PLUGINS, ())
    return tuple(plugin.name for plugin in given.plugins) if isinstance(given, Offer) else given


def offer(context: click.Context | None = None) -> Offer:
    """What netspec has, and the plugins that the command line names, which this imports.

    Raises:
        PluginError: one cannot be imported, or is wrong.
    """
    context = context or click.get_current_context(silent=True)
    given: Offer | tuple[str, ...] = () if context is None else context.meta.get(_PLUGINS, ())
    if isinstance(given, Offer):
        return given
    if context is None or not given:
        return OWN
    from netspec.plugins.importing import import_plugins  # imported here: most commands name no plugin
    from netspec.plugins.registration import offer_of

    found = offer_of(import_plugins(given))
    context.meta[_PLUGINS] = found
    if isinstance(context.obj, Shown):
        context.obj.plugins = found.plugins
    return found


def spec_options(command: F) -> F:
    """Add the options `--variant NAME`, `--set key=value` and `--plugin NAME` to a command that takes a spec."""
    command = plugin_option(command)
    command = click.option("--variant", metavar="NAME", help="Which of the spec's variants.")(command)
    return set_option(command)


def set_option(command: F) -> F:
    """Add the option `--set key=value`."""
    return click.option(
        "--set",
        "set_",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override a variable, a symbol, `input` or a recipe key such as train.epochs; may be repeated.",
    )(command)


def remark_options(command: F) -> F:
    """Add the options `--strict`, `--notes` and `--ignore CODE` to a command that shows findings."""
    command = click.option(
        "--ignore",
        metavar="CODE",
        multiple=True,
        callback=_codes,
        help="Leave out warnings and notes of this code; may be repeated.",
    )(command)
    command = click.option("--notes", is_flag=True, help="Show notes too: what is legitimate and worth knowing.")(
        command
    )
    return click.option("--strict", is_flag=True, help="End with status 1 for warnings too.")(command)


def _codes(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> frozenset[str]:
    known: tuple[str, ...] = get_args(Code)
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            raise UsageError(
                f"--ignore {name}: there is no such code; "
                + (f"did you mean `{near}`?" if near else "`netspec explain` lists them")
            )
    return frozenset(names)


def without_ignored(found: Sequence[Diagnostic], ignore: Collection[str]) -> list[Diagnostic]:
    """The findings that `--ignore` does not leave out; errors among those that it names are told of and stay."""
    for code in sorted({d.code for d in found if d.severity == "error" and d.code in ignore}):
        click.echo(f"--ignore {code}: this is an error here, and errors cannot be ignored", err=True)
    return [d for d in found if d.severity == "error" or d.code not in ignore]


def weights_options(command: F) -> F:
    """Adds `--best` and `--last`: which weights of a run are meant."""
    command = click.option("--last", is_flag=True, help="The weights at the end in place of the best.")(command)
    return click.option(
        "--best", is_flag=True, help="The best checkpoint: of a finished run its weights are that anyway."
    )(command)


def format_option(*forms: str) -> Callable[[F], F]:
    """Add the option `--format`; the first form is the default. With `json`, standard output is one JSON document, also
    if the command fails."""

    def tell(context: click.Context, _: click.Parameter, form: str) -> str:
        if isinstance(context.obj, Shown):
            context.obj.as_json = form == "json"
        return form

    return click.option(
        "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, callback=tell
    )


def json_is_out() -> None:
    """Mark the JSON document as written: later errors go to standard error."""
    shown = click.get_current_context().obj
    if isinstance(shown, Shown):
        shown.as_json = False


def settings(set_: Sequence[str]) -> dict[str, Written]:
    """The `--set` options as a mapping.

    Raises:
        UsageError: one of them is not `key=value`.
    """
    result: dict[str, Written] = {}
    for item in set_:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {item}: write `--set key=value`, as in `--set classes=100`")
        result[key.strip()] = Written(value)
    return result


def read_source(path: str) -> tuple[Source, list[Diagnostic]]:
    """Read a source from a path, or from standard input for `-`. Returns it with the diagnostics of reading it."""
    if path == "-":
        return decode(sys.stdin.buffer.read(), "<stdin>")
    is_read(path)
    return read(path)


def compile_spec(path: str, variant: str | None, set_: Sequence[str], *, notes: bool = False) -> Result:
    """Compile a spec. If it has errors, the result has the net as far as it is known. With `notes` there are those,
    too."""
    source, problems = read_source(path)
    return compile_source(source, problems, variant, settings(set_), offer=offer(), notes=notes)


def load_spec(path: str, variant: str | None = None, set_: Sequence[str] = (), *, to_look_at: bool = False) -> Net:
    """Compile a spec, and show its warnings on standard error. One that is only looked at need not be what it expects:
    that is shown with the warnings.

    Raises:
        SpecError: the spec has errors. `main` shows the diagnostics and exits with status 1.
    """
    result = compile_spec(path, variant, set_)
    sources = {result.source.name: result.source.text}
    wrong = has_errors(result.diagnostics) and not (to_look_at and is_whole(result.diagnostics))
    if result.net is None or wrong:
        raise SpecError(result.diagnostics, sources)
    if result.diagnostics:
        show_diagnostics(result.diagnostics, sources, err=True)
    return result.net


def wants_color(stream: TextIO) -> bool:
    """True for a terminal, unless `NO_COLOR` is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def width(otherwise: int = 100, *, err: bool = False) -> int:
    """The columns of the terminal, or of what `COLUMNS` says.

    Args:
        otherwise: those without a terminal: 100 are wide enough for most tables in a log.
        err: of standard error in the place of standard output.
    """
    if not err or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size((otherwise, 24)).columns
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or otherwise
    except (OSError, ValueError):  # no terminal, or no file
        return otherwise


_PROSE: Final = 80
"""Columns of sentences without a terminal."""


def said(words: str) -> None:
    """Say something beside what a command gives: on standard error, in lines that the terminal has room for."""
    from netspec.render import render_remark  # imported here: most commands say nothing

    click.echo(render_remark(words, width=width(_PROSE, err=True)), err=True)


def show_failure(error: NetspecError) -> None:
    """Show an error that has no place in a spec, on standard error."""
    from netspec.render import render_failure  # imported here, since only an error needs it

    text = render_failure(error.code, str(error), color=wants_color(sys.stderr), width=width(_PROSE, err=True))
    click.echo(text, err=True)


def show_diagnostics(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, err: bool) -> None:
    """Print diagnostics with their source lines, on standard output or standard error."""
    from netspec.render import render_text  # imported here, since a spec without findings does not need it

    stream = sys.stderr if err else sys.stdout
    text = render_text(diagnostics, sources, color=wants_color(stream), width=width(err=err))
    click.echo(text.rstrip("\n"), err=err, color=True)


def is_whole(diagnostics: Sequence[Diagnostic]) -> bool:
    """Whether a network has no errors but that it is not what its spec expects."""
    return not any(d.severity == "error" and d.code != "expectation-unmet" for d in diagnostics)


def failed(diagnostics: Sequence[Diagnostic], *, strict: bool) -> bool:
    """True if a command must exit with status 1: for an error, and under `--strict` also for a warning."""
    worst: tuple[Severity, ...] = ("error", "warning") if strict else ("error",)
    return any(d.severity in worst for d in diagnostics)


def need_torch() -> None:
    """Check that the packages for training are installed, without importing them.

    Raises:
        MissingExtra: one of them is not.
    """
    missing = [name for name in ("torch", "torchvision", "safetensors", "matplotlib") if find_spec(name) is None]
    if missing:
        from netspec.extras import install  # imported here: a check has no use for it

        raise MissingExtra(f"training needs {', '.join(missing)}", install("torch"))
