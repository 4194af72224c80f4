"""Code lenses: what the net that is shown costs, above its layers, and above each variant a way to show that one."""

from __future__ import annotations

from typing import Final

from lsprotocol import types as lsp

from netspec.lsp.reading import LiveText
from netspec.text.source import MapNode, ScalarNode
from netspec.views.describe import count_text

SHOW: Final = "netspec.showVariant"
"""The command that shows another variant: its arguments are the document's URI and the variant's name."""
COMPILE: Final = "netspec.compile"
"""The command that makes the table of layers: its arguments are the document's URI and the variant's name or null."""
DRAW: Final = "netspec.draw"
"""The command that makes a page to look around in, with the same arguments."""
MAKES: Final = {COMPILE: "table", DRAW: "page"}
"""What each of them makes."""


def lenses(text: LiveText, uri: str, *, makes: bool) -> list[lsp.CodeLens]:
    """The lenses of a document. `makes` says whether a person would see what is compiled or drawn."""
    root, net = text.root, text.net
    if not isinstance(root, MapNode):
        return []
    found: list[lsp.CodeLens] = []
    variants = root.get("variants")
    for key, _ in root.entries:
        if key.text == "layers" and net is not None:
            shown = f"{net.variant}: " if net.variant is not None else ""
            title = f"{shown}{count_text(net.params)} parameters, {count_text(net.macs)} MACs"
            found.append(lsp.CodeLens(text.places.range(key.start, key.end), lsp.Command(title, "")))
            if net.variant is not None and text.has_base:
                command = lsp.Command("show without a variant", SHOW, arguments=[uri, None])
                found.append(lsp.CodeLens(text.places.range(key.start, key.end), command))
            if makes and (text.has_base or not isinstance(variants, MapNode)):
                found += _making(text, uri, key, None)
    for variant, _ in variants.entries if isinstance(variants, MapNode) else ():
        title = "is shown" if variant.text == text.variant else "show"
        command = lsp.Command(title, SHOW, arguments=[uri, variant.text])
        found.append(lsp.CodeLens(text.places.range(variant.start, variant.end), command))
        found += _making(text, uri, variant, variant.text) if makes else ()
    return found


def _making(text: LiveText, uri: str, at: ScalarNode, variant: str | None) -> list[lsp.CodeLens]:
    place = text.places.range(at.start, at.end)
    commands = [lsp.Command(title, name, arguments=[uri, variant]) for title, name in _TITLES]
    return [lsp.CodeLens(place, command) for command in commands]


_TITLES: Final = (("compile", COMPILE), ("draw", DRAW))
