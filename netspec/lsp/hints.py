"""Inlay hints: the shape that comes out of what a line says, behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lsprotocol import types as lsp

from netspec.dims import Size, is_known
from netspec.layers.base import TensorType
from netspec.lsp.carrying import unchanged
from netspec.lsp.reading import LiveText
from netspec.net.nodes import Leaf, Node
from netspec.net.walks import multiplying
from netspec.net.whole import total
from netspec.views.describe import count_text, shape_text


class HintSettings(NamedTuple):
    """What hints show beside shapes."""

    shapes: bool = True
    parameters: bool = False
    share: bool = False
    """The share of all parameters, in percent."""


def hints(reading: LiveText, first: int, last: int, asked: HintSettings) -> list[lsp.InlayHint]:
    """The hints of the lines from one to another, counted from 0, both included."""
    found: list[lsp.InlayHint] = []
    for line, nodes in reading.outermost.items():
        if first < line <= last + 1 and (label := _label(reading, nodes, asked)):
            column = len(reading.places.line(line - 1)) + 1
            position = reading.places.at(line, column)
            found.append(lsp.InlayHint(position, label, kind=lsp.InlayHintKind.Type, padding_left=True))
    return found


def carried(hints: Sequence[lsp.InlayHint], old: LiveText, new: LiveText) -> list[lsp.InlayHint]:
    """Hints of a text in another one, which cannot be read: those of lines in front of the first that changed and
    behind the last."""
    lines = unchanged(old, new)
    moved: list[lsp.InlayHint] = []
    for hint in hints:
        line = lines.line(hint.position.line)
        if line is not None:
            position = lsp.Position(line, hint.position.character)
            moved.append(lsp.InlayHint(position, hint.label, kind=hint.kind, padding_left=True))
    return moved


def types_text(types: Sequence[TensorType]) -> str:
    """The types that something gives each time that it runs: one, or the first and the last of several."""
    first, last = types[0], types[-1]
    text = _type_text(first)
    if any(t != first for t in types):
        text += f" … {_type_text(last)}"
    return text


def _label(reading: LiveText, nodes: Sequence[Node], asked: HintSettings) -> str:
    types = [node.output for node in nodes if is_known(node.output.shape)]
    parts: list[str] = []
    if asked.shapes and types:
        parts.append(f"→ {types_text(types)}" + (f"  ×{len(nodes)}" if len(nodes) > 1 else ""))
    if asked.parameters or asked.share:
        parts += _counts(reading, total(params_of(node) for node in nodes), asked)
    return "  ".join(parts)


def _counts(reading: LiveText, params: Size, asked: HintSettings) -> list[str]:
    parts: list[str] = []
    if params == 0:
        return parts
    if asked.parameters:
        parts.append(f"{count_text(params)} params")
    whole = None if reading.net is None else reading.net.params
    if asked.share and isinstance(params, int) and isinstance(whole, int) and whole:
        parts.append(f"{100 * params / whole:.1f} %")
    return parts


def params_of(node: Node) -> Size:
    """The parameters of a node and of all below it."""
    return total(found.params for found in multiplying(node) if isinstance(found, Leaf))


def _type_text(x: TensorType) -> str:
    text = shape_text(x.shape)
    return text if x.dtype == "float32" else f"{text} {x.dtype}"
