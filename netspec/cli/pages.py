"""The options of `netspec draw` for styles and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click
from click.core import ParameterSource

from netspec.cli.files import no_directory
from netspec.diagnostics import UsageError, did_you_mean
from netspec.drawing.language import LANGUAGES
from netspec.drawing.page import Sheet, paper
from netspec.drawing.solids import SCALES
from netspec.drawing.styles import STYLES
from netspec.drawing.theme import THEMES

F = TypeVar("F", bound=Callable[..., Any])

FORMATS: Final = ("svg", "png", "pdf", "tex")
"""Of pictures on a page."""
_PAGES: Final = ("fit", "title", "caption", "legend", "theme", "lang")
"""Options of the page, which every style has."""
_OF_HTML: Final = ("title", "caption", "theme", "lang")
"""Those that a page of HTML has, too, which is as large as its window and shows everything."""
_OPTIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "fit": click.option("--fit", metavar="PAGE", help="Fit into a4, slide, column or WxH (points, 160x90mm)."),
    "title": click.option("--title", metavar="TEXT", help="A title above."),
    "caption": click.option("--caption", metavar="TEXT", help="A caption below."),
    "legend": click.option("--legend/--no-legend", default=None, help="Say what colours and sizes mean."),
    "theme": click.option("--theme", type=click.Choice(THEMES), default="light", show_default=True),
    "lang": click.option(
        "--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the few words."
    ),
    "scale": click.option("--scale", type=click.Choice(SCALES), default="log", show_default=True, help="Of `volumes`."),
    "all_arguments": click.option("--all-arguments", is_flag=True, help="Say every argument, also eps and the like."),
    "snippet": click.option(
        "--snippet", is_flag=True, help="Of .tex the picture alone, for a document that \\inputs it."
    ),
}
_OWN: Final = {"direction": "flow", "timeout": "flow", "scale": "volumes"}
"""The options that one style alone has."""


def sheet_options(command: F) -> F:
    """Add the options of the page that any picture has; the command takes them as `**page`."""
    for name, option in reversed(_OPTIONS.items()):
        command = command if name in _OWN else option(command)
    return command


def page_options(command: F) -> F:
    """Add `--style` and the options of the page; the command takes the latter as `**page`."""
    for option in reversed(_OPTIONS.values()):
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

    Options and formats that the style does not have are refused, all of them at once.

    Raises:
        UsageError: options or the format are none of the style's.
    """
    given = _given()
    if "style" not in given and form == "tex":
        style = next(iter(STYLES)) if style == "flow" else style
    elif "style" not in given and form not in FORMATS:  # the project's is meant for pictures
        style = "flow"
    said: list[str] = []
    foreign = {name: own for name, own in _OWN.items() if name in given and own != style}
    for own in dict.fromkeys(foreign.values()):
        names = [name for name, style_of in foreign.items() if style_of == own]
        said.append(f"{_listed(names)} {'is an option' if len(names) == 1 else 'are options'} of `--style {own}`")
    if said:
        raise UsageError(f"{' and '.join(said)}, not of `--style {style}`")
    if "snippet" in given and form != "tex":
        raise UsageError(f"--snippet is an option of .tex, not of .{form}")
    if style == "flow" and form == "tex":
        has = ", ".join(f"`--style {name}`" for name in STYLES)
        raise UsageError(f"`--style flow` writes no .tex, which is a format of {has}; .pdf goes into papers, too")
    if form in FORMATS:
        return style
    pages = [name for name in (*_PAGES, "scale", *(["all_arguments"] if form != "dot" else [])) if name in given]
    if form == "html":
        pages = [name for name in pages if name not in _OF_HTML]
        pages += [name for name in ("style", "depth", "direction", "timeout") if name in given]
    known = ", ".join(f".{known}" for known in FORMATS)
    if pages:
        has = f"it has {_listed(_OF_HTML)}" if form == "html" else "it has no page and no style"
        raise UsageError(f"{_listed(pages)}: no option of a .{form}: {has}; pictures have more: {known}")
    if style != "flow":
        raise UsageError(f"`--style {style}` writes {known}; .{form} is a format of `--style flow`")
    return style


def check_sheet(form: str | None) -> None:
    """Refuse the options of a page where nothing is drawn, and of TikZ for another format.

    Raises:
        UsageError: one of them is given.
    """
    given = _given()
    if form is None and (idle := [name for name in (*_OPTIONS, "depth") if name in given]):
        raise UsageError(f"{_listed(idle)}: those are options of the picture; `--draw FILE` draws one")
    if "snippet" in given and form != "tex":
        raise UsageError(f"--snippet is an option of .tex, not of .{form}")


def screen_of(sheet: Sheet) -> Literal["light", "dark"] | None:
    """The colours that a page of HTML has at first; None where none are asked for, and the reader's system says.

    Raises:
        UsageError: the theme is one for paper, or without a background.
    """
    if "theme" not in _given():
        return None
    if sheet.theme not in ("light", "dark"):
        raise UsageError(
            f"--theme {sheet.theme}: a .html stands on a screen, light or dark, and is dark on white when it is "
            f"printed; `--theme {sheet.theme}` is one of pictures"
        )
    return sheet.theme


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


def format_of(output: Path, formats: Sequence[str]) -> str:
    """The format by the file's extension. It and the directory are checked before the net is compiled.

    Raises:
        UsageError: the extension is not a format, or the directory does not exist.
    """
    form = output.suffix.lower().removeprefix(".")
    if form not in formats:
        near = did_you_mean(form, formats)
        hint = f"; did you mean `{output.with_suffix('.' + near)}`?" if near else ""
        known = ", ".join(f".{known}" for known in formats)
        ending = f"`.{form}` is no format of it" if form else "it has no extension"
        raise UsageError(f"cannot draw into {output}: {ending}, those are {known}{hint}")
    if not output.parent.is_dir():
        raise no_directory(output)
    return form


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
        scale=asked.get("scale", "log"),
    )
