"""Code lenses: what the net that is shown costs, above its layers, and above each variant a way to show that one."""

from __future__ import annotations

from typing import Final

from lsprotocol import types as lsp

from netspec.lsp.reading import LiveText
from netspec.text.source import MapNode
from netspec.views.describe import count_text

SHOW: Final = "netspec.showVariant"
"""The command that shows another variant: its arguments are the document's URI and the variant's name."""


def lenses(text: LiveText, uri: str) -> list[lsp.CodeLens]:
    """The lenses of a document."""
    root, net = text.root, text.net
    if not isinstance(root, MapNode):
        return []
    found: list[lsp.CodeLens] = []
    for key, value in root.entries:
        if key.text == "layers" and net is not None:
            shown = f"{net.variant}: " if net.variant is not None else ""
            title = f"{shown}{count_text(net.params)} parameters, {count_text(net.macs)} MACs"
            found.append(lsp.CodeLens(text.places.range(key.start, key.end), lsp.Command(title, "")))
        if key.text == "variants" and isinstance(value, MapNode):
            for variant, _ in value.entries:
                title = "is shown" if variant.text == text.variant else "show"
                command = lsp.Command(title, SHOW, arguments=[uri, variant.text])
                found.append(lsp.CodeLens(text.places.range(variant.start, variant.end), command))
    return found
