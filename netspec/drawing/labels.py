"""What stands in a box, as Graphviz's HTML-like labels.

Every text passes `text`, which escapes it and strips what XML cannot hold. Markup comes from this file alone.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping
from typing import Final

from netspec.dims import Size
from netspec.drawing.palette import GROUP, LINE, QUIET, TEXT, Color, family_colors
from netspec.layers.base import TensorType
from netspec.net import Leaf, Net, total
from netspec.views.describe import arguments_text, count_text, plural, shape_text, title_text
from netspec.views.fold import FOLLOWERS, LayerGroup, Unit

_LARGE, _NORMAL, _SMALL = 18, 13, 11
_SHORT: Final = 6
"""Arguments up to this length stand beside the layer's name: `Linear 4096`."""
_LONGEST: Final = 80
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def text(words: str) -> str:
    """Text for a label: what cannot be printed is dropped, the rest escaped, overlong text cut. Never empty.

    An ampersand becomes a fullwidth one: older engines take what looks like an entity for one and write it into the
    SVG as it is, and `&nbsp;` is none in XML. A backslash becomes a reference: Graphviz puts the node's name for `\\N`.
    """
    kept = "".join(
        c for c in words.replace("\t", " ").replace("\n", " ") if unicodedata.category(c) not in _UNPRINTABLE
    )
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
    """Boxes on top of each other, all as wide as the widest and at least `width`. Graphviz aligns text in a table that
    its surroundings stretch, but not in one that has a width of its own: hence the empty row."""
    rows = [_row(_cell(box, "CENTER")) for box in boxes]
    if width:
        rows.append(_row(_cell("", WIDTH=width, HEIGHT=0, CELLPADDING=0)))
    return f"<{_table(rows, CELLSPACING=1)}>"


def title(net: Net) -> str:
    """The heading of a net: its name and totals."""
    lines = [
        _font(title_text(net), _LARGE, bold=True),
        _font(f"{count_text(net.params)} parameters", _SMALL, QUIET),
        _font(f"{count_text(net.macs)} MACs", _SMALL, QUIET),
    ]
    return "<" + _table([_row(_cell(line, "CENTER")) for line in lines], CELLPADDING=1) + ">"


def end(word: str, tensor: TensorType) -> str:
    """Where a tensor enters or leaves the net."""
    shape = shape_text(tensor.shape) if tensor.dtype == "float32" else f"{shape_text(tensor.shape)} {tensor.dtype}"
    return f"<{_font(word, _SMALL, QUIET)}  {_font(shape, _NORMAL, bold=True)}>"


def shape(tensor: TensorType, part: str = "") -> str:
    """The shape that stands on an arrow; `part` tells how it is taken apart there."""
    return f"<{_font(shape_text(tensor.shape) + part, _SMALL, QUIET)}>"


def cluster(label: str, count: int) -> str:
    """The heading of a frame."""
    words = f"{label} ×{count}" if count > 1 and label else f"×{count}" if count > 1 else label
    return f"<{_font(words, _SMALL, QUIET, bold=count > 1)}>"


def unit(item: Unit, width: int, lasts: Mapping[int, Leaf]) -> str:
    """A layer's box, with slim boxes for the activation, norm or dropout that follow it.

    Args:
        item: the layers.
        width: the least width in points; 0 for what the text needs.
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
    if leaf.params == 0:
        words = f"{name}{_gap(leaf)}{_font(arguments, _SMALL)}" if arguments else name
        rows = [_row(_cell(words))]
    else:
        params = _cell(_font(_parameters(leaf.params), _SMALL, QUIET), "RIGHT")
        if not arguments:
            rows = [_row(_cell(name), params)]
        elif len(arguments) <= _SHORT:
            rows = [_row(_cell(f"{name}{_gap(leaf)}{_font(arguments, _SMALL)}"), params)]
        else:
            rows = [_row(_cell(name), params), _row(_cell(_font(arguments, _SMALL), COLSPAN=2))]
    return _box(rows, family_colors()[leaf.layer.family])


def _gap(leaf: Leaf) -> str:
    """What stands between a layer's name and its arguments. Engines without the font take bold letters to be as narrow
    as plain ones, so that the longer the name, the more of the gap it covers."""
    return " " + "\N{NO-BREAK SPACE}" * (1 + len(leaf.type) // 8)


def _strip(leaf: Leaf, arguments: str) -> str:
    words = f"\N{NO-BREAK SPACE}{leaf.type} {arguments}".rstrip(" ")
    return _box([_row(_cell(_font(words, _SMALL)))], family_colors()[leaf.layer.family], padding=1)


def group(item: LayerGroup, width: int) -> str:
    """A closed block: its name, how often it stands here, and what is inside."""
    inside = list(item.leaves)
    name = f"{item.label} ×{item.count}" if item.count > 1 else item.label
    params = total(leaf.params for leaf in inside)
    details = plural(len(inside), "layer") + (f", {_parameters(params)}" if params != 0 else "")
    lines = [_font(name, _NORMAL, bold=True), _font(details, _SMALL, QUIET)]
    return _stack([_box([_row(_cell(line, "CENTER")) for line in lines], GROUP, padding=3, border=2)], width)


def _parameters(count: Size) -> str:
    return f"{count_text(count)} parameter{'' if count == 1 else 's'}"


def sign(of: str) -> str:
    """A combinator's sign, for a circle: a sum, a product."""
    return f"<{_font(of, _LARGE, LINE, bold=True)}>"


def word(of: str) -> str:
    """The word of a combinator that has no sign."""
    return f"<{_font(of, _SMALL)}>"


def estimated_width(item: Unit | LayerGroup) -> int:
    """About how wide a box must be for its text, in points, for a sans-serif face."""
    if isinstance(item, LayerGroup):
        return int(len(item.label) * 8.2) + 24
    widest = 0.0
    for leaf in item.layers:
        name, arguments = len(leaf.type) * 8.6, len(arguments_text(leaf)) * 6.4
        params = len(_parameters(leaf.params)) * 6.6
        if leaf.family in FOLLOWERS or leaf.params == 0:
            widest = max(widest, name + arguments + 24)
        elif len(arguments_text(leaf)) <= _SHORT:
            widest = max(widest, name + arguments + params + 36)
        else:
            widest = max(widest, name + params + 26, arguments + 16)
    return int(widest)
