"""The options of `netspec draw` for styles and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
"""Of pictures on a page."""
_PAGES: Final = ("fit", "title", "caption", "legend", "theme", "lang")
"""Options of the page, which every style has."""
_OPTIONS: Final = (
    click.option("--fit", metavar="PAGE", help="Fit into a4, slide, column or WxH (points, 160x90mm); in any style."),
    click.option("--title", metavar="TEXT", help="A title above."),
    click.option("--caption", metavar="TEXT", help="A caption below."),
    click.option("--legend/--no-legend", default=None, help="Say what colours and sizes mean, as every page does."),
    click.option("--theme", type=click.Choice(THEMES), default="light", show_default=True),
    click.option("--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the few words."),
    click.option("--scale", type=click.Choice(SCALES), default="log", show_default=True, help="Of `volumes`."),
    click.option(
        "--all-arguments", is_flag=True, help="Say every argument, also eps and the like, as `flow` does anyway."
    ),
)
_OWN: Final = {"direction": "flow", "timeout": "flow", "scale": "volumes"}
"""The options that one style alone has."""


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
    """Refuse options and formats that the style does not have, all of them at once.

    Raises:
        UsageError: one of them is given.
    """
    given = _given()
    said: list[str] = []
    foreign = {name: own for name, own in _OWN.items() if name in given and own != style}
    for own in dict.fromkeys(foreign.values()):
        names = [name for name, style_of in foreign.items() if style_of == own]
        said.append(f"{_listed(names)} {'is an option' if len(names) == 1 else 'are options'} of `--style {own}`")
    if said:
        raise UsageError(f"{' and '.join(said)}, not of `--style {style}`")
    if form in FORMATS:
        return
    pages = [name for name in (*_PAGES, "scale", "all_arguments") if name in given]
    if form == "html":
        pages += [name for name in ("style", "depth", "direction", "timeout") if name in given]
    known = ", ".join(f".{known}" for known in FORMATS)
    if pages:
        raise UsageError(f"{_listed(pages)}: a .{form} has no page and no style; those are of pictures: {known}")
    if style != "flow":
        raise UsageError(f"`--style {style}` writes {known}; .{form} is a format of `--style flow`")


def wants_page() -> bool:
    """Whether an option asks for a page."""
    return not _given().isdisjoint(_PAGES)


def _given() -> set[str]:
    """The options that the command line names."""
    context = click.get_current_context()
    return {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}


def _listed(names: Sequence[str]) -> str:
    shown = [f"--{name.replace('_', '-')}" for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def page_of(asked: Mapping[str, Any]) -> Sheet:
    """The page that the options ask for.

    Raises:
        UsageError: there is no such paper.
    """
    return Sheet(
        fit=None if asked["fit"] is None else paper(asked["fit"]),
        title=asked["title"] or "",
        caption=asked["caption"] or "",
        legend=asked["legend"] is not False,
        theme=asked["theme"],
        language=asked["lang"],
        everything=asked["all_arguments"],
        scale=asked["scale"],
    )
