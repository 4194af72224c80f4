"""Completion in a cell of `%%netspec`: what an editor offers at the same place. It needs the extra `lsp`."""

from __future__ import annotations

from typing import Any, Final

from IPython.core.completer import SimpleCompletion
from lsprotocol import types as lsp

from netspec.lsp.completion import complete
from netspec.lsp.reading import LiveText
from netspec.notebook.magic import OPTIONS

_MAGIC: Final = "%%netspec"


def spec_matcher(context: Any) -> dict[str, Any]:
    """What may stand where the cursor is, as IPython asks for it; nothing in any other cell."""
    first, _, cell = context.full_text.partition("\n")
    if not first.startswith(_MAGIC):
        return {"completions": []}
    if context.cursor_line == 0:
        return _options(first[: context.cursor_position])
    lines = cell.split("\n")
    number = context.cursor_line - 1
    before = lines[number][: context.cursor_position]
    names = "\n".join([*lines[:number], "", *lines[number + 1 :]])  # what is half typed may leave nothing to read
    position = lsp.Position(number, len(before.encode("utf-16-le")) // 2)
    items = complete(LiveText("cell", cell), LiveText("cell", names), position)
    typed = _typed(items, before)
    offered = [item for item in items if item.label.startswith(typed)]
    return {
        "completions": [SimpleCompletion(text=item.label, type="netspec") for item in offered],
        "matched_fragment": typed,
        "suppress": True,  # of what Python would offer nothing fits
        "ordered": True,
    }


def _options(before: str) -> dict[str, Any]:
    """The options of the magic, on its line; what stands there is no Python, so nothing of that is offered."""
    typed = before.rpartition(" ")[2]
    if before.startswith(_MAGIC) and " " not in before:
        return {"completions": []}  # the name of the magic itself, which IPython completes
    offered = [option for option in OPTIONS if typed.startswith("-") and option.startswith(typed)]
    return {
        "completions": [SimpleCompletion(text=option, type="netspec") for option in offered],
        "matched_fragment": typed,
        "suppress": True,
    }


def _typed(items: list[lsp.CompletionItem], before: str) -> str:
    """What of the offered words is there already."""
    edits = [item.text_edit for item in items if isinstance(item.text_edit, lsp.TextEdit)]
    if not edits:
        return ""
    units = before.encode("utf-16-le")
    return units[2 * edits[0].range.start.character :].decode("utf-16-le")
