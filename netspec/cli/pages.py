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

FORMATS: Final = ("svg", "png", "pdf", "tex")
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
    click.option("--snippet", is_flag=True, help="Of .tex the picture alone, for a document that \\inputs it."),
)
_PAGES: Final = ("fit", "title", "caption", "legend", "theme", "lang", "scale", "all_arguments", "snippet")
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


def style_of(style: str, form: str) -> str:
    """The style of a file: what was asked for, or else `flow`, and `stack` for TikZ, which has no `flow`.

    Raises:
        UsageError: options or the format are none of the style's.
    """
    context = click.get_current_context()
    if form == "tex" and not _given(context, "style"):
        style = "stack"
    foreign = [name for name in (_PAGES if style == "flow" else _FLOWS) if _given(context, name)]
    if foreign:
        has = ", ".join(f"`--style {name}`" for name in STYLES) if style == "flow" else "`--style flow`"
        raise UsageError(f"--{foreign[0].replace('_', '-')} is an option of {has}, not of `--style {style}`")
    if style != "flow" and form not in FORMATS:
        known = ", ".join(f".{known}" for known in FORMATS)
        raise UsageError(f"`--style {style}` writes {known}; .{form} is a format of `--style flow`")
    if style == "flow" and form == "tex":
        has = ", ".join(f"`--style {name}`" for name in STYLES)
        raise UsageError(
            f"`--style flow` writes no .tex, which is a format of {has}; .svg and .pdf go into papers, too"
        )
    if form != "tex" and _given(context, "snippet"):
        raise UsageError(f"--snippet is an option of .tex, not of .{form}")
    return style


def _given(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is ParameterSource.COMMANDLINE


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
