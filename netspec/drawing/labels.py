"""The labels of vertices and edges, in Graphviz's HTML-like markup.

Every text is escaped by `text`, which also drops characters that XML does not allow. All markup is written here.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Final

from netspec.dims import Size
from netspec.drawing.palette import GROUP, LINE, QUIET, TEXT, Color, family_colors
from netspec.drawing.text import printable
from netspec.layers.base import TensorType
from netspec.net import Leaf, Net, total
from netspec.views.describe import arguments_text, count_text, plural, shape_text, title_text
from netspec.views.fold import FOLLOWERS, LayerGroup, Unit

_LARGE, _NORMAL, _SMALL = 18, 13, 11
_SHORT: Final = 6
"""Characters up to which arguments are on the line of the layer's name: `Linear 4096`."""
_LONGEST: Final = 80
"""Characters after which a text is cut."""


def text(words: str) -> str:
    """Escape a text for a label. Unprintable characters are dropped, and a long text is cut. Never empty.

    `&` is replaced by its fullwidth form: older engines copy what looks like an HTML entity into the SVG, and `&nbsp;`
    is not an entity of XML. A backslash becomes a character reference, since Graphviz replaces `\\N` by the node name.
    """
    kept = printable(words)
    if len(kept) > _LONGEST:
        kept = kept[: _LONGEST - 1] + "…"
    if not kept.strip():
        return "…"
    return html.escape(kept.replace("&", "＆"), quote=False).replace("\\", "&#92;")


def _font(words: str, size: int, color: str = TEXT, *, bold: bool = False) -> str:
    inner = text(words)
    return f'<FONT POINT-SIZE="{size}" COLOR="{color}">{f"<B>{inner}</B>" if bold else inner}</FONT>'


def _row(*cells: str) -> str:
    return "<TR>" + "".join(cells) + "</TR>"


def _cell(content: str, align: str = "LEFT", **attributes: object) -> str:
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<TD ALIGN="{align}"{more}>{content}</TD>'


def _table(rows: list[str], **attributes: object) -> str:
    given = {"BORDER": 0, "CELLBORDER": 0, "CELLSPACING": 0, "CELLPADDING": 0} | attributes
    return "<TABLE" + "".join(f' {name}="{value}"' for name, value in given.items()) + ">" + "".join(rows) + "</TABLE>"


def _box(rows: list[str], color: Color, *, padding: int = 4, border: int = 1) -> str:
    return _table(rows, BORDER=border, STYLE="ROUNDED", COLOR=color.line, BGCOLOR=color.fill, CELLPADDING=padding)


def _stack(boxes: list[str], width: int) -> str:
    """Boxes below each other, all as wide as the widest and at least `width` points.

    The minimum width is set by an empty row: Graphviz aligns text in a table that is stretched by its surroundings, but
    not in a table with a WIDTH attribute.
    """
    rows = [_row(_cell(box, "CENTER")) for box in boxes]
    if width:
        rows.append(_row(_cell("", WIDTH=width, HEIGHT=0, CELLPADDING=0)))
    return f"<{_table(rows, CELLSPACING=1)}>"


def title(net: Net) -> str:
    """The heading of a net: its name, parameters and MACs."""
    lines = [
        _font(title_text(net), _LARGE, bold=True),
        _font(f"{count_text(net.params)} parameters", _SMALL, QUIET),
        _font(f"{count_text(net.macs)} MACs", _SMALL, QUIET),
    ]
    return "<" + _table([_row(_cell(line, "CENTER")) for line in lines], CELLPADDING=1) + ">"


def end(word: str, tensor: TensorType) -> str:
    """The label of the net's input or output, with its shape, and its dtype if that is not float32."""
    shape = shape_text(tensor.shape) if tensor.dtype == "float32" else f"{shape_text(tensor.shape)} {tensor.dtype}"
    return f"<{_font(word, _SMALL, QUIET)}  {_font(shape, _NORMAL, bold=True)}>"


def shape(tensor: TensorType, part: str = "", *, called: str = "") -> str:
    """The label of an edge: a shape, behind the name of the tensor if it has one, and followed by `part` if the tensor
    is split there."""
    words = _font(shape_text(tensor.shape) + part, _SMALL, QUIET)
    return f"<{_font(called, _SMALL, bold=True)}  {words}>" if called else f"<{words}>"


def cluster(label: str, count: int) -> str:
    """The heading of a frame."""
    words = f"{label} ×{count}" if count > 1 and label else f"×{count}" if count > 1 else label
    return f"<{_font(words, _SMALL, QUIET, bold=count > 1)}>"


def unit(item: Unit, width: int, lasts: Mapping[int, Leaf]) -> str:
    """A layer's box, with slim boxes for the activation, norm or dropout that follow it.

    Args:
        item: the layers.
        width: the least width in points; 0 for the width of the text.
        lasts: see `fold.ranges`.
    """
    boxes = [
        _strip(leaf, _arguments(leaf, lasts))
        if at or leaf.family in FOLLOWERS
        else _layer(leaf, _arguments(leaf, lasts))
        for at, leaf in enumerate(item.layers)
    ]
    return _stack(boxes, width)


def _arguments(leaf: Leaf, lasts: Mapping[int, Leaf]) -> str:
    last = lasts.get(id(leaf))
    return arguments_text(leaf) if last is None else f"{arguments_text(leaf)} … {arguments_text(last)}"


def _layer(leaf: Leaf, arguments: str) -> str:
    name = _font(leaf.type, _NORMAL, bold=True)
    if leaf.params == 0 and not leaf.borrows:
        words = f"{name}{_gap(leaf)}{_font(arguments, _SMALL)}" if arguments else name
        rows = [_row(_cell(words))]
    else:
        params = _cell(_font(_parameters_of(leaf), _SMALL, QUIET), "RIGHT")
        if not arguments:
            rows = [_row(_cell(name), params)]
        elif len(arguments) <= _SHORT:
            rows = [_row(_cell(f"{name}{_gap(leaf)}{_font(arguments, _SMALL)}"), params)]
        else:
            rows = [_row(_cell(name), params), _row(_cell(_font(arguments, _SMALL), COLSPAN=2))]
    return _box(rows, family_colors()[leaf.layer.family])


def _gap(leaf: Leaf) -> str:
    """The blanks between a layer's name and its arguments. An engine without the font computes the width of bold text
    as if it were regular, so a long name covers a part of the gap: it grows with the name."""
    return " " + "\N{NO-BREAK SPACE}" * (1 + len(leaf.type) // 8)


def _strip(leaf: Leaf, arguments: str) -> str:
    words = f"\N{NO-BREAK SPACE}{leaf.type} {arguments}".rstrip(" ")
    return _box([_row(_cell(_font(words, _SMALL)))], family_colors()[leaf.layer.family], padding=1)


def group(item: LayerGroup, width: int) -> str:
    """The box of a closed group: its label and count, and the numbers of its layers and parameters."""
    inside = list(item.leaves)
    name = f"{item.label} ×{item.count}" if item.count > 1 else item.label
    params = total(leaf.params for leaf in inside)
    details = plural(len(inside), "layer") + (f", {_parameters(params)}" if params != 0 else "")
    lines = [_font(name, _NORMAL, bold=True), _font(details, _SMALL, QUIET)]
    return _stack([_box([_row(_cell(line, "CENTER")) for line in lines], GROUP, padding=3, border=2)], width)


def _parameters_of(leaf: Leaf) -> str:
    return f"shares {leaf.path}" if leaf.borrows else _parameters(leaf.params)


def _parameters(count: Size) -> str:
    return f"{count_text(count)} parameter{'' if count == 1 else 's'}"


def sign(of: str) -> str:
    """The label of a join with a sign, which is drawn in a circle: a sum, a product."""
    return f"<{_font(of, _LARGE, LINE, bold=True)}>"


def word(of: str) -> str:
    """The label of a join without a sign: the name of the combinator."""
    return f"<{_font(of, _SMALL)}>"


def estimated_width(item: Unit | LayerGroup) -> int:
    """The approximate width of a box in points, from the number of characters in a sans-serif font."""
    if isinstance(item, LayerGroup):
        return int(len(item.label) * 8.2) + 24
    widest = 0.0
    for leaf in item.layers:
        name, arguments = len(leaf.type) * 8.6, len(arguments_text(leaf)) * 6.4
        params = len(_parameters_of(leaf)) * 6.6
        if leaf.family in FOLLOWERS or (leaf.params == 0 and not leaf.borrows):
            widest = max(widest, name + arguments + 24)
        elif len(arguments_text(leaf)) <= _SHORT:
            widest = max(widest, name + arguments + params + 36)
        else:
            widest = max(widest, name + params + 26, arguments + 16)
    return int(widest)
