"""The command line: one module per command, imported when that command runs.

Exit statuses: 0 done; 1 the spec is wrong; 2 the command line is wrong; 3 an optional part is missing; 4 training met
a non-finite value; 5 memory, disk or data failed; 6 it would not fit; 70 a defect of netspec's own; 75 interrupted
with a checkpoint written.
"""

from __future__ import annotations

import errno
import gc
import keyword
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NoReturn

import click

from netspec.asked import as_command
from netspec.cli.interrupted import noting_ctrl_c
from netspec.cli.streams import Shown, drop_output, open_streams
from netspec.diagnostics import NetspecError, OutOfMemory, PluginError, ResourceError, UsageError, did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from netspec.layers import Plugin

_COMPLETING: Final = "_NETSPEC_COMPLETE"
"""The variable by which a shell asks what completes a line."""

COMMANDS: Final = {
    "check": "Report every mistake in the specs.",
    "format": "Put the white space of specs in order.",
    "lock": "Write down what must not change unseen: shapes, counts, keys of the state_dict.",
    "compile": "Print the layer table; write Python, a diagram and JSON.",
    "summary": "Print the layer table of a module of yours, or of a spec.",
    "draw": "Draw a spec, or several side by side: SVG, PNG, PDF, HTML, TikZ, Mermaid.",
    "compare": "Compare networks: parameters, MACs, layers, as text and as a picture.",
    "expand": "Print the flat YAML that a spec's templates stand for.",
    "train": "Train a spec by its recipe.",
    "find-lr": "Propose a learning rate: train while it rises, and draw the loss.",
    "launch": "Write the file by which SLURM or SkyPilot trains a spec on several machines.",
    "sweep": "Try the values of a spec's `sweep:`, each as a run.",
    "eval": "Measure a trained run on its test set.",
    "predict": "Say what a trained run gives for pictures or other examples.",
    "export": "Write a trained run as ONNX or .pt2, its preprocessing inside.",
    "runs": "List and compare runs.",
    "transfer": "Carry weights from another model over to a spec.",
    "import": "Write the spec of a network of torch's, of a .keras file or a config.json.",
    "explain": "Explain a layer, a word of a spec or recipe, an error code.",
    "new": "Write a commented spec to start from.",
    "schema": "Write the language as a JSON Schema, for editors.",
    "mcp": "Answer programs that speak the Model Context Protocol.",
    "lsp": "Serve an editor: mistakes, shapes, mends and completion while typing.",
    "doctor": "Show what works here, and what to install.",
}
"""Every command with its line in `netspec --help`, so that the help imports none of them."""


def module_of(command: str) -> str:
    """The module of a command, whose name is no word of Python's, and has no hyphen."""
    return f"netspec.cli.{command.replace('-', '_')}{'_' if keyword.iskeyword(command) else ''}"


class Commands(click.Group):
    """A group whose commands are modules of this package, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(module_of(cmd_name)).command
        if _COMPLETING in os.environ:
            from netspec.cli.completion import completes  # imported here: only a shell asks for it

            completes(command)
        if cmd_name != "check":  # a check is so short that the garbage collector stays off
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name. For an unknown one, the error has a suggestion.

        An empty argument is refused here for all commands: a path or name of nothing would be taken for the directory
        that one stands in, or for an argument that was left out.
        """
        if any(not arg or (arg.startswith("--") and arg.find("=") == len(arg) - 1) for arg in args):
            import shlex  # here, since only a mistake needs it

            shown = " ".join(shlex.quote(arg) for arg in args)
            raise UsageError(f"an argument is empty: `netspec {shown}`; has a variable of the shell no value?")
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], COMMANDS)
            hint = f"did you mean `{near}`?" if near else "`netspec --help` lists the commands"
            from netspec.text.source import SUFFIXES  # imported here: a command that there is needs it not yet

            if args[0].endswith(SUFFIXES):
                hint = f"a command comes first, as in `netspec compile {args[0]}`"
            ctx.fail(f"there is no command `{args[0]}`; {hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without any, the help is shown, which is no mistake of a line that says nothing."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, from `COMMANDS` and without importing them."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands for `--help`, from `COMMANDS` and without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="netspec-compiler", prog_name="netspec")
@click.pass_context
def cli(context: click.Context) -> None:
    """Compile neural-network architectures: a YAML layer list in, checked shapes and a PyTorch module out."""
    from netspec.cli.project import PROJECT, project_settings  # imported here: not for `--help`

    said = project_settings()
    context.meta[PROJECT] = said
    context.default_map = {name: dict(said.defaults) for name in COMMANDS} | {
        "draw": {**said.defaults, **said.pictures}
    }


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    open_streams()
    with as_command():
        sys.exit(_run())


def _run() -> int:
    """Run the command line. Returns the exit status."""
    shown, ctrl_c = Shown(), noting_ctrl_c()
    if _COMPLETING in os.environ:
        from netspec.cli.shells import know_shells  # imported here: only a shell asks for it

        know_shells()
    try:
        status = cli(standalone_mode=False, prog_name="netspec", obj=shown)
        sys.stdout.flush()
    except click.ClickException as error:
        status = _refused(error, as_json=shown.as_json or _wants_json(sys.argv[1:]))
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        status = 130
    except Exception as error:
        if ctrl_c.came:  # and a library has made another error of it
            click.echo("\ninterrupted", err=True)
            return 130
        status = _failed(_of_plugin(error, shown.plugins), as_json=shown.as_json)
    return status if isinstance(status, int) else 0


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the arguments ask for JSON: click takes a line apart that it refuses only as far as its first mistake."""
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _refused(error: click.ClickException, *, as_json: bool) -> int:
    """Show what click finds wrong with the command line. Returns the exit status."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_ = "" if as_json or context is None else f"\nhelp: `{context.command_path} --help` says what it takes"
    report(UsageError(error.format_message() + help_), as_json=as_json)
    return error.exit_code


def _failed(error: Exception, *, as_json: bool) -> int:
    """Show the error that ended a command. Returns the exit status."""
    known = _known(error)
    if known is None:
        defect(error)
        return 70
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        drop_output()
        as_json = False
    try:
        report(known, as_json=as_json)
    except OSError as unwritten:  # the JSON list could not be written
        drop_output()
        report(known)
        return _failed(unwritten, as_json=False)
    return known.exit_status


def _of_plugin(error: Exception, plugins: Sequence[Plugin]) -> Exception:
    """An error that the code of a plugin raised, as an error of the plugin; any other as it is."""
    refused = isinstance(error, ResourceError) and not isinstance(error, OutOfMemory)
    raised = error.__cause__ if refused else error  # the trainer takes what a module raises for torch's refusal
    if not plugins or not isinstance(raised, Exception) or _known(raised) is not None:
        return error
    from netspec.plugins.asking import place, roots, told  # imported here: most commands have no plugin

    own = roots(cls for plugin in plugins for cls in plugin.classes)
    if place(raised, own) is None:
        return error
    names = " and ".join(f"`{plugin.name}`" for plugin in plugins)
    return PluginError(f"the plugin {names} raised {told(raised, own)}")


def _known(error: Exception) -> NetspecError | None:
    """The error as a `NetspecError`, if it is one of the user or of the environment; None for a defect of netspec."""
    match error:
        case NetspecError():
            return error
        case OSError(errno=errno.ENOSPC):
            return ResourceError("the disk is full: what was to be written is not complete")
        case OSError(errno=errno.ENAMETOOLONG | errno.ELOOP | errno.EACCES | errno.EPERM):
            return UsageError(f"cannot use `{str(error.filename)[:200]}`: {error.strerror}")
        case _:
            return None


def report(error: NetspecError, *, as_json: bool = False) -> None:
    """Show an error on standard error, or as JSON on standard output."""
    from netspec.cli.common import show_diagnostics, show_failure  # imported here, since only an error needs them
    from netspec.errors import SpecError
    from netspec.render import failure_json, render_json

    if isinstance(error, SpecError):
        if as_json:
            click.echo(render_json(error.diagnostics))
        else:
            show_diagnostics(error.diagnostics, error.sources, err=True)
    elif as_json:
        click.echo(failure_json(error.code, str(error)))
    else:
        show_failure(error)


def defect(error: Exception) -> None:
    """Show a defect of netspec: the traceback, and a request to report it."""
    import traceback

    traceback.print_exception(error)
    click.echo(
        "\nThis is a defect of netspec, not of your spec. Please report it with the lines above and the spec.", err=True
    )
