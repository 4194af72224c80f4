"""A net as one HTML file that opens anywhere: `page` puts the data of `data.py` into the files beside this one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Final

from netspec.drawing.interactive.data import OnPage, net_data
from netspec.drawing.palette import family_colors
from netspec.drawing.text import printable

_SCRIPTS: Final = ("boxes.js", "details.js", "view.js", "page.js")
"""In the order in which they run."""

__all__ = ["OnPage", "page"]


def page(drawn: Sequence[OnPage]) -> bytes:
    """The HTML file of one net or several side by side, each as far as it is known, with the findings about its spec.

    The file holds all that it needs, and asks no network for anything. Texts of a spec are in it as data, which the
    script writes as text alone.
    """
    here = files(__package__ or "")
    title = printable(", ".join(one.title for one in drawn)) or "netspec"
    data = json.dumps({"title": title, "nets": [net_data(one) for one in drawn]}, ensure_ascii=True)
    filled = Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        style=here.joinpath("page.css").read_text(encoding="utf-8") + _colors(),
        script="\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS),
        data=data.replace("<", "\\u003c"),  # so that no text of a spec can end the element
    )
    return filled.encode()


def _colors() -> str:
    """The colours of the families of layers."""
    return "".join(
        f'[data-family="{family}"] {{ --fill: {color.fill}; --line: {color.line}; }}\n'
        for family, color in family_colors().items()
    )
