"""The styles of `netspec draw` that have a page: their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from netspec.diagnostics import UsageError
from netspec.drawing.language import LANGUAGES
from netspec.drawing.page import Sheet, paper
from netspec.drawing.solids import SCALES
from netspec.drawing.styles import STYLES
from netspec.drawing.theme import THEMES

F = TypeVar("F", bound=Callable[..., Any])

FORMATS: Final = ("svg", "png", "pdf")
"""Of the styles other than `flow`."""
_FLOWS: Final = ("direction", "timeout")
"""Options of `flow` alone."""
_OPTIONS: Final = (
    click.option("--fit", metavar="PAGE", help="Fit into a4, slide, column or WxH (points, or 160x90mm)."),
    click.option("--title", metavar="TEXT", help="A title above."),
    click.option("--caption", metavar="TEXT", help="A caption below."),
    click.option("--legend/--no-legend", default=True, help="Say what colours and sizes mean.  [default: legend]"),
    click.option("--theme", type=click.Choice(THEMES), default="light", show_default=True),
    click.option("--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the few words."),
    click.option("--scale", type=click.Choice(SCALES), default="log", show_default=True, help="Of volumes."),
    click.option("--all-arguments", is_flag=True, help="Say every argument, also eps and the like."),
)
_PAGES: Final = ("fit", "title", "caption", "legend", "theme", "lang", "scale", "all_arguments")
"""Options of the page, which `flow` does not have."""


def page_options(command: F) -> F:
    """Add `--style` and the options of the page; the command takes the latter as `**page`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    summaries = ["flow: boxes and arrows, by Graphviz", *(f"{name}: {style.summary}" for name, style in STYLES.items())]
    return click.option(
        "--style",
        type=click.Choice(("flow", *STYLES)),
        default="flow",
        show_default=True,
        help="; ".join(summaries) + ".",
    )(command)


def check_options(style: str, form: str) -> None:
    """Refuse options and formats that the style does not have.

    Raises:
        UsageError: one of them is given.
    """
    context = click.get_current_context()
    foreign = [
        name
        for name in (_PAGES if style == "flow" else _FLOWS)
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if foreign:
        has = ", ".join(f"`--style {name}`" for name in STYLES) if style == "flow" else "`--style flow`"
        raise UsageError(f"--{foreign[0].replace('_', '-')} is an option of {has}, not of `--style {style}`")
    if style != "flow" and form not in FORMATS:
        known = ", ".join(f".{known}" for known in FORMATS)
        raise UsageError(f"`--style {style}` writes {known}; .{form} is a format of `--style flow`")


def page_of(asked: Mapping[str, Any]) -> Sheet:
    """The page that the options ask for.

    Raises:
        UsageError: there is no such paper.
    """
    return Sheet(
        fit=None if asked["fit"] is None else paper(asked["fit"]),
        title=asked["title"] or "",
        caption=asked["caption"] or "",
        legend=asked["legend"],
        theme=asked["theme"],
        language=asked["lang"],
        everything=asked["all_arguments"],
        scale=asked["scale"],
    )
