"""The labels of vertices and edges, in Graphviz's HTML-like markup.

Every text is escaped by `text`, which also drops characters that XML does not allow. All markup is written here. Each
line of text stands in a cell that has room for it in any common font, since an engine measures with the fonts of its
own machine, and a reader's browser may have others.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from math import ceil
from typing import Final

import graphviz  # pyright: ignore[reportMissingTypeStubs]  # it ships no stub file

from netspec.dims import Size
from netspec.drawing.language import Language, layers_text, said
from netspec.drawing.palette import GROUP, LINE, QUIET, TEXT, Color, family_colors
from netspec.drawing.short import drawn_argument
from netspec.drawing.text import lines, printable, width
from netspec.layers.base import TensorType
from netspec.net import Leaf, Net, Scope, total
from netspec.views.describe import arguments_text, contents_text, count_text, shape_text, title_text
from netspec.views.fold import FOLLOWERS, LayerGroup, Unit

_LARGE, _NORMAL = 18, 13
SMALLEST: Final = 11
"""The smallest size of type."""
_GAP: Final = "\N{NO-BREAK SPACE}" * 2
"""Between a layer's name and what stands behind it."""
_SHORT: Final = 6
"""Characters up to which arguments are on the line of the layer's name: `Linear 4096`."""
_LONGEST: Final = 600
"""Characters after which a text is cut."""
_WIDEST: Final = 320
"""Points after which a text goes on in another line."""

JOINER: Final = "\N{WORD JOINER}"
"""Stands behind `&`, which with what follows might be an entity to older engines, and behind a backslash, as Graphviz
replaces `\\N` by the node's name and `\\G` by the graph's. An SVG loses it again."""
BACKSLASH: Final = "\N{INVISIBLE PLUS}"
"""Stands for a backslash in a tooltip, until the SVG is finished."""
MIDDLE: Final = "\N{FUNCTION APPLICATION}"
END: Final = "\N{INVISIBLE TIMES}"
"""Stand before a text that is centred in its box, or ends with it. An engine writes where the text would begin by the
fonts of its machine; `finish.py` makes it right for all."""
FOLLOWS: Final = "\N{INVISIBLE SEPARATOR}"
"""Stands before a text that goes on behind the one before it, on the same line."""
_MARKS: Final = {"LEFT": "", "CENTER": MIDDLE, "RIGHT": END}


def text(words: str) -> str:
    """Escape a text for a label. Unprintable characters are dropped, and a long text is cut. Never empty."""
    kept = printable(words)
    if len(kept) > _LONGEST:
        kept = kept[: _LONGEST - 1] + "…"
    if not kept.strip():
        return "…"
    return html.escape(_kept(kept), quote=False)


def tip(words: str) -> str:
    """Escape a text of several lines for Graphviz's attribute `tooltip`, where backslashes have a meaning."""
    kept = (_kept(printable(line)[:_LONGEST].replace("\\", BACKSLASH)) for line in words.split("\n"))
    return graphviz.nohtml("\\n".join(kept))


def _kept(words: str) -> str:
    """The text with what keeps Graphviz from reading more into it than there is."""
    return re.sub(r"[&\\]", rf"\g<0>{JOINER}", words)


def _font(words: str, size: int, color: str = TEXT, *, bold: bool = False, mark: str = "") -> str:
    inner = mark + text(words)
    return f'<FONT POINT-SIZE="{size}" COLOR="{color}">{f"<B>{inner}</B>" if bold else inner}</FONT>'


def _words(
    words: str,
    size: int,
    color: str = TEXT,
    *,
    bold: bool = False,
    most: int = _WIDEST,
    align: str = "LEFT",
    inset: bool = False,
) -> str:
    """A text in as many lines as it needs, each in a cell with room for it. It is `inset` by a blank, and by two if it
    begins with a mark: without a letter before it, a mark is drawn beside the box."""
    kept = printable(words)[:_LONGEST] or "…"
    rows: list[str] = []
    for line in lines(kept, most, size, bold=bold):
        marked = unicodedata.category(line[:1] or " ")[0] == "M"
        blank = "\N{NO-BREAK SPACE}" * (2 if marked else inset)
        font = _font(blank + line, size, color, bold=bold, mark=_MARKS[align])
        rows.append(_row(_cell(font, align, WIDTH=_room(blank + line, size, bold))))
    return _table(rows)


def _room(line: str, size: int, bold: bool) -> int:
    """Points, of which Graphviz reads 16 bits."""
    return min(ceil(width(line, size, bold=bold)), 60_000)


def _line(*runs: tuple[str, int, str, bool]) -> str:
    """Texts one behind the other on one line, each with its size, colour and whether it is bold, in a cell with room
    for all of them."""
    parts = [((_GAP if at else "") + words, size, color, bold) for at, (words, size, color, bold) in enumerate(runs)]
    fonts = [
        _font(words, size, color, bold=bold, mark=FOLLOWS if at else "")
        for at, (words, size, color, bold) in enumerate(parts)
    ]
    room = sum(_room(printable(words) or "…", size, bold) for words, size, _, bold in parts)
    return _table([_row(_cell("".join(fonts), WIDTH=min(room, 60_000)))])


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


def title(net: Net, language: Language) -> str:
    """The heading of a net: its name, parameters and MACs."""
    heading = [
        _words(title_text(net), _LARGE, bold=True, align="CENTER"),
        _words(f"{count_text(net.params)} {said('parameters', language)}", SMALLEST, QUIET, align="CENTER"),
        _words(f"{count_text(net.macs)} {said('MACs', language)}", SMALLEST, QUIET, align="CENTER"),
    ]
    return "<" + _table([_row(_cell(line)) for line in heading], CELLPADDING=1) + ">"


def end(word: str, tensor: TensorType) -> str:
    """The label of the net's input or output, with its shape, and its dtype if that is not float32."""
    shape = shape_text(tensor.shape) if tensor.dtype == "float32" else f"{shape_text(tensor.shape)} {tensor.dtype}"
    return f"<{_line((word, SMALLEST, QUIET, False), (shape, _NORMAL, TEXT, True))}>"


def shape(tensor: TensorType, part: str = "", *, called: str = "", number: int | None = None) -> str:
    """The label of an edge: a shape, behind the name of the tensor if it has one, and followed by `part` if the tensor
    is split there. The number is that of the operand which the tensor is, where their order matters."""
    parts = [(str(number), SMALLEST, TEXT, True)] if number is not None else []
    parts += [(called, SMALLEST, TEXT, True)] if called else []
    return f"<{_line(*parts, (shape_text(tensor.shape) + part, SMALLEST, QUIET, False))}>"


def cluster(label: str, count: int, most: int = _WIDEST) -> str:
    """The title of a frame."""
    words = f"{label} ×{count}" if count > 1 and label else f"×{count}" if count > 1 else label
    return f"<{_words(words, SMALLEST, QUIET, bold=count > 1, most=most)}>"


def unit(
    item: Unit,
    width: int,
    lasts: Mapping[int, Leaf],
    most: int = _WIDEST,
    language: Language = "en",
    *,
    everything: bool = False,
) -> str:
    """A layer's box, with slim boxes for the activation, norm or dropout that follow it.

    Args:
        item: the layers.
        width: the least width in points; 0 for the width of the text.
        lasts: see `fold.ranges`.
        most: the width in points after which arguments go on in another line.
        language: that of the few words that are no names.
        everything: whether arguments are said that tell nothing of the structure.
    """
    boxes = [
        _strip(leaf, ranged_arguments(leaf, lasts, everything=everything), most)
        if at or leaf.family in FOLLOWERS
        else _layer(leaf, ranged_arguments(leaf, lasts, everything=everything), most, language)
        for at, leaf in enumerate(item.layers)
    ]
    return _stack(boxes, width)


def ranged_arguments(leaf: Leaf, lasts: Mapping[int, Leaf], *, everything: bool = False) -> str:
    """The arguments of a layer, and of the last one that it is drawn for where those differ; see `fold.ranges`."""
    last = lasts.get(id(leaf))
    first, *other = (drawn_arguments(shown, everything=everything) for shown in (leaf, last) if shown is not None)
    return f"{first} … {other[0]}" if other else first


_SIDES: Final = ("left", "right", "top", "bottom", "front", "back")


def drawn_arguments(leaf: Leaf, *, everything: bool = False) -> str:
    """The arguments of a layer, `96, 11×11, stride 4`, unless `everything` is asked for without those that tell nothing
    of the structure; what a padding cuts off is called so: `cut 2`, `left 1, cut top 3`."""
    amounts = leaf.args.get("padding") if leaf.family == "padding" else None
    match amounts:
        case int() if amounts < 0:
            return f"cut {-amounts}"
        case tuple():
            sides: list[tuple[str, int]] = list(zip(_SIDES, amounts, strict=False))  # pyright: ignore[reportUnknownArgumentType]  # integers
            return ", ".join(f"cut {side} {-n}" if n < 0 else f"{side} {n}" for side, n in sides if n) or "none"
        case _:
            return arguments_text(leaf) if everything else arguments_text(leaf, drawn_argument)


def _color(leaf: Leaf) -> Color:
    """The colour of a layer's family; a padding that only cuts off takes a part, as the layers of shapes do."""
    amounts = leaf.args.get("padding") if leaf.family == "padding" else None
    given: tuple[int, ...] = amounts if isinstance(amounts, tuple) else (amounts,) if isinstance(amounts, int) else ()  # pyright: ignore[reportUnknownVariableType]  # integers
    cuts = bool(given) and max(given) <= 0 and min(given) < 0
    return family_colors()["shape" if cuts else leaf.layer.family]


def _layer(leaf: Leaf, arguments: str, most: int, language: Language) -> str:
    called = titled(leaf)
    name, words = (called, _NORMAL, TEXT, True), (arguments, SMALLEST, TEXT, False)
    inline = width(called, _NORMAL, bold=True) + width(_GAP + arguments, SMALLEST) <= most
    params = []
    if leaf.params != 0 or leaf.borrows:
        params = [_cell(_words(_parameters_of(leaf, language), SMALLEST, QUIET, align="RIGHT"))]
        inline = len(arguments) <= _SHORT
    if not arguments or inline:
        rows = [_row(_cell(_line(name, words) if arguments else _line(name)), *params)]
    else:
        second = _cell(_words(arguments, SMALLEST, most=most), COLSPAN=1 + len(params))
        rows = [_row(_cell(_line(name)), *params), _row(second)]
    return _box(rows, _color(leaf))


def titled(leaf: Leaf) -> str:
    """What a layer is, behind the name that the spec gives it: `tokens: Embedding`."""
    return leaf.type if leaf.name is None else f"{leaf.name}: {leaf.type}"


def _strip(leaf: Leaf, arguments: str, most: int) -> str:
    words = f"{titled(leaf)} {arguments}".rstrip(" ")
    return _box([_row(_cell(_words(words, SMALLEST, most=most, inset=True)))], _color(leaf), padding=1)


def group_words(item: LayerGroup, language: Language = "en") -> list[str]:
    """The title of a closed group, and lines of what it holds. A round of a loop has the title of what is in it."""
    node = item.nodes[0]
    name = f"{item.label} ×{item.count}" if item.count > 1 else item.label
    inside = list(item.leaves)
    params = total(leaf.params for leaf in inside)
    details = layers_text(len(inside), language) + (f", {_parameters(params, language)}" if params != 0 else "")
    if isinstance(node, Scope) and node.block is None and item.count == 1 and contents_text(node):
        return [contents_text(node), item.label, details]
    return [name, details]


def group(item: LayerGroup, width: int, most: int = _WIDEST, language: Language = "en") -> str:
    """The box of a closed group: its label and count, and the numbers of its layers and parameters."""
    name, *details = group_words(item, language)
    inside = [_words(name, _NORMAL, bold=True, most=most, align="CENTER")]
    inside += [_words(line, SMALLEST, QUIET, most=most, align="CENTER") for line in details]
    return _stack([_box([_row(_cell(line)) for line in inside], GROUP, padding=3, border=2)], width)


def _parameters_of(leaf: Leaf, language: Language) -> str:
    return f"{said('shares', language)} {leaf.path}" if leaf.borrows else _parameters(leaf.params, language)


def _parameters(count: Size, language: Language) -> str:
    return f"{count_text(count)} {said('parameter' if count == 1 else 'parameters', language)}"


def sign(of: str) -> str:
    """The label of a join with a sign, which is drawn in a circle: a sum, a product."""
    return f"<{_font(of, _LARGE, LINE, bold=True)}>"


def word(of: str) -> str:
    """The label of a join without a sign: the name of the combinator."""
    return f"<{_words(of, SMALLEST)}>"


def estimated_width(item: Unit | LayerGroup) -> int:
    """The width of a box in points."""
    if isinstance(item, LayerGroup):
        name, *details = group_words(item)
        widest = max(width(name, _NORMAL, bold=True), *(width(line, SMALLEST) for line in details))
        return ceil(min(_WIDEST, widest)) + 12
    widest = 0.0
    for leaf in item.layers:
        name, arguments = width(titled(leaf), _NORMAL, bold=True), width(drawn_arguments(leaf), SMALLEST)
        params = width(_parameters_of(leaf, "en"), SMALLEST)
        if leaf.family in FOLLOWERS or (leaf.params == 0 and not leaf.borrows):
            widest = max(widest, name + arguments + 24)
        elif len(drawn_arguments(leaf)) <= _SHORT:
            widest = max(widest, name + arguments + params + 36)
        else:
            widest = max(widest, name + params + 26, arguments + 16)
    return ceil(widest)
