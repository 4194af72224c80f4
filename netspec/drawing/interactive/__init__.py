"""A net as one HTML file that opens anywhere: `page` puts the data of `data.py` into the files beside this one."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final, Literal

from netspec.drawing.interactive.data import OnPage, net_data
from netspec.drawing.interactive.phrases import in_language, words
from netspec.drawing.language import TAGS, Language
from netspec.drawing.palette import Color, family_colors
from netspec.drawing.text import printable
from netspec.drawing.theme import theme

_SCRIPTS: Final = ("boxes.js", "details.js", "view.js", "page.js")
"""In the order in which they run."""

__all__ = ["Look", "OnPage", "page"]


@dataclass(frozen=True)
class Look:
    """What is asked of a page beside what it shows."""

    title: str = ""
    """Empty for the names of what is drawn."""
    caption: str = ""
    theme: Literal["light", "dark"] | None = None
    """The colours at first; None for those that the reader's system has."""
    language: Language = "en"
    """Of the page's own words."""


_PLAIN: Final = Look()


def page(drawn: Sequence[OnPage], look: Look = _PLAIN) -> bytes:
    """The HTML file of one net or several side by side, each as far as it is known, with the findings about its spec.

    The file holds all that it needs, and asks no network for anything. Texts of a spec are in it as data, which the
    script writes as text alone.
    """
    here = files(__package__ or "")
    title = html.escape(printable(look.title or ", ".join(one.title for one in drawn))) or "netspec"
    caption = html.escape(printable(look.caption))
    said = words(look.language)
    nets = [net_data(one, look.language) for one in drawn]
    data = json.dumps({"words": said, "nets": nets}, ensure_ascii=True)
    markup = in_language(here.joinpath("page.html").read_text(encoding="utf-8"), look.language)
    filled = Template(markup).substitute(
        language=TAGS[look.language],
        theme=f' data-theme="{look.theme}"' if look.theme else "",
        title=title,
        caption=f"<footer>{caption}</footer>\n" if caption else "",
        style=here.joinpath("page.css").read_text(encoding="utf-8") + _colors(),
        script="\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS),
        data=data.replace("<", "\\u003c"),  # so that no text of a spec can end the element
    )
    return filled.encode()


def _colors() -> str:
    """The colours of the families of layers, those of the pictures in each theme."""
    light, dark = (
        [(f'[data-family="{family}"]', theme(name).fills[family]) for family in family_colors()]
        for name in ("light", "dark")
    )
    chosen = _rules(':root[data-theme="dark"] ', dark)
    on_dark_screen = _rules(':root:not([data-theme="light"]) ', dark)
    return (
        f"{_rules('', light)}@media screen and (prefers-color-scheme: dark) {{\n{on_dark_screen}}}\n"
        f"@media screen {{\n{chosen}}}\n"
    )


def _rules(within: str, colors: Sequence[tuple[str, Color]]) -> str:
    return "".join(
        f"{within}{family} {{ --fill: {fill}; --line: {line}; --bar: {line if within else fill}; }}\n"
        for family, (fill, line) in colors
    )
