"""The indices of the references: layers with a picture each, codes with a sentence each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from docs.site.pictures import layer_names
from docs.site.sources import Part, cards, slug
from netspec.codes import CODES

LAYERS: Final = Path("pictures/layers")
"""Where the site has the pictures of layers."""


def layer_cards(part: Part) -> str:
    """The layers of a family, each with its picture."""
    names = [name for name in part.headings if name in layer_names()]
    found = [(f"{part.page}.md#{slug(n)}", f"`{n}`", f"![]({LAYERS}/{n}.svg){{.dark-light}}") for n in names]
    return f"## [{part.title}]({part.page}.md)\n\n{cards(found) if found else ''}"


def code_table(part: Part) -> str:
    """The codes of a kind, each with what is wrong."""
    lines = [f"## [{part.title}]({part.page}.md)", "", "| code | | |", "|---|---|---|"]
    for name, code in CODES.items():
        if name in part.headings:
            lines.append(f"| [`{name}`]({part.page}.md#{name}) | {code.severity} | {code.summary} |")
    return "\n".join([*lines, "", ""])


def with_pictures(text: str) -> str:
    """The text of a family of layers, with a picture below the name of each."""
    known = set(layer_names())

    def shown(match: re.Match[str]) -> str:
        name = match[1]
        picture = f"\n\n![{name}: what its first example takes and gives](../{LAYERS}/{name}.svg){{.dark-light}}"
        return match[0] + picture if name in known else match[0]

    return re.sub(r"^## (\w+)$", shown, text, flags=re.MULTILINE)
