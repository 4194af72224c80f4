"""The diagram of boxes and arrows as a flowchart of Mermaid, which GitHub, GitLab and notebooks draw from its text.

No text of a spec is read as Mermaid's: vertices have numbers for names, and of a text whatever might mean more than
itself is written as its code, `#35;` for `#`, which Mermaid shows as the sign.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from netspec.comparison.parts import Kind
from netspec.diagnostics import UsageError
from netspec.drawing import arrows
from netspec.drawing.dot import Direction, levels_of
from netspec.drawing.labels import JOINER, group_words, ranged_arguments, titled
from netspec.drawing.palette import FRAME, LINE, PAGE, TEXT, Color, family_colors
from netspec.drawing.text import printable
from netspec.net import As, Leaf, Net, Node, Use, walk
from netspec.views.describe import count_text, tensors_text, term_text, title_text
from netspec.views.fold import Join, LayerGroup, Unit, fold, ranges, stacked
from netspec.views.graph import Cluster, Edge, FlowGraph, Vertex, flow

MOST_LETTERS: Final = 50_000
MOST_ARROWS: Final = 500
"""What Mermaid draws at most unless a page allows more, and no Markdown file can."""
_PLAIN: Final = frozenset(" 0123456789,×()=·…→")
"""What is no letter and yet only itself."""
_ENCODED: Final = ("¶ß", "ﬂ°")
"""What Mermaid itself writes for a code while it works, and would take for one."""
_AS_LETTERS: Final = str.maketrans("<>&", "＜＞＆")
"""A title is read as HTML, its signs removed or shown as their codes."""
_CONFIG: Final = ("config:", "  flowchart:", "    wrappingWidth: 400", "    subGraphTitleMargin: {top: 4, bottom: 10}")
"""Pixels of a line, of which the default breaks most layers into two, and the room around the titles of frames."""
_BORDERS: Final[Mapping[str, str]] = {
    "added": "#1a7f37", "removed": "#cf222e", "changed": "#9a6700", "replaced": "#9a6700",
}  # fmt: skip
"""The borders of what differs between two nets."""
_LONGEST: Final = 200
"""Letters of a line after which it is cut."""


def mermaid(
    nets: Sequence[Net],
    *,
    depth: int | None = None,
    direction: Direction = "TB",
    marks: Mapping[int, Kind] | None = None,
) -> tuple[str, int | None]:
    """A flowchart of a net, or of several side by side.

    Args:
        nets: one net or several.
        depth: levels of blocks, loops and combinators to show; None for as many as the picture of Graphviz would have,
            and as Mermaid draws.
        direction: that of the arrows.
        marks: what differs between the nets, as `comparison.parts.marks_of` gives it: it is told in words, and by the
            border.

    Returns:
        The text, and the depth if fewer levels are open than Graphviz would show.

    Raises:
        UsageError: there is more than Mermaid draws, at this depth, or at any.
    """
    given = [levels_of(net) if depth is None else depth for net in nets]
    first = max(given)
    for level in range(first, 0, -1) if depth is None else (depth,):
        text, edges = _Chart(direction, marks or {}).text(nets, [min(level, most) for most in given])
        if len(text) <= MOST_LETTERS and edges <= MOST_ARROWS:
            return text, level if level < first else None
    hint = "a smaller `--depth` closes blocks" if first > 1 and depth is not None else "an SVG has no such limit"
    raise UsageError(
        f"Mermaid draws at most {MOST_LETTERS:,} letters and {MOST_ARROWS} arrows, and with blocks closed below level "
        f"{depth or 1} this takes more; {hint}"
    )


def in_markdown(chart: str) -> str:
    """A flowchart as a block of Markdown."""
    return f"```mermaid\n{chart}```\n"


def escaped(words: str) -> str:
    """A text for a label in quotes. Never empty, since Mermaid would show the name of the vertex."""
    kept = printable(words)
    if len(kept) > _LONGEST:
        kept = kept[: _LONGEST - 1] + "…"
    for sign in _ENCODED:
        kept = kept.replace(sign, sign[0] + JOINER + sign[1])
    return "".join(map(_letter, kept)) if kept.strip() else "…"


def _letter(letter: str) -> str:
    return letter if letter in _PLAIN or unicodedata.category(letter)[0] == "L" else f"#{ord(letter)};"


class _Chart:
    """One flowchart: lines of text, and numbers for its vertices."""

    def __init__(self, direction: Direction, marks: Mapping[int, Kind]) -> None:
        self.direction = direction
        self.marks = marks
        self.marked: dict[str, list[str]] = {}
        """The names of the vertices that differ, by how."""
        self.lines: list[str] = []
        self.count = 0
        self.used: set[str] = set()
        self.edges = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def text(self, nets: Sequence[Net], levels: Sequence[int]) -> tuple[str, int]:
        """The whole text, and the number of arrows."""
        around = ""
        for net, level in zip(nets, levels, strict=True):
            if len(nets) > 1:
                around = self.name()
                self.lines.append(f'  subgraph {around} ["{escaped(_heading(net))}"]')
                self.lines.append(f"  direction {self.direction}")
            self.net(net, level)
            if len(nets) > 1:
                self.lines += ["  end", f"  class {around} {self.use('net')}"]
        title = " | ".join(map(_heading, nets)) if len(nets) == 1 else " | ".join(map(title_text, nets))
        shown = printable(title)[:_LONGEST].translate(_AS_LETTERS)
        head = ["---", f"title: {json.dumps(shown)}", *_CONFIG, "---"]
        return "\n".join([*head, f"flowchart {self.direction}", *self.lines, *self.classes(), ""]), self.edges

    def net(self, net: Net, level: int) -> None:
        items = stacked(fold(net, level))
        drawn = flow(net, items, forks=False)
        lasts = ranges(items)
        ids = {name: self.name() for name in drawn.vertices}
        frames = [self.name() for _ in drawn.clusters]
        inside: dict[int | None, list[str]] = {}
        for name, vertex in drawn.vertices.items():
            kind = self.mark(vertex)
            if kind is not None:
                self.marked.setdefault(kind, []).append(ids[name])
            said = "" if kind is None else f"{escaped(kind)}:<br/>"
            inside.setdefault(vertex.cluster, []).append(f"{ids[name]}{self.vertex(vertex, lasts, said)}")
        order = _order(drawn)
        self.framed(None, drawn.clusters, frames, inside, order)
        for edge, number in zip(drawn.edges, arrows.numbers(drawn), strict=True):
            self.edge(edge, number, drawn, ids)

    def framed(
        self,
        index: int | None,
        clusters: Sequence[Cluster],
        frames: Sequence[str],
        inside: Mapping[int | None, list[str]],
        order: Mapping[int | None, list[int]],
    ) -> None:
        """The vertices of a frame, or of none, and the frames in it."""
        self.lines += [f"  {line}" for line in inside.get(index, [])]
        for number in order.get(index, []):
            frame = clusters[number]
            words = f"{frame.label} ×{frame.count}".strip() if frame.count > 1 else frame.label
            self.lines.append(f'  subgraph {frames[number]} ["{escaped(words) if words else " "}"]')
            self.framed(number, clusters, frames, inside, order)
            self.lines += ["  end", f"  class {frames[number]} {self.use('frame')}"]

    def use(self, role: str) -> str:
        self.used.add(role)
        return role

    def mark(self, vertex: Vertex) -> Kind | None:
        """How a vertex differs: a closed block by all that is in it."""
        match vertex.item:
            case Unit() as unit:
                nodes: Sequence[Node] = unit.layers
            case LayerGroup() as group:
                nodes = [inner for node in group.nodes for inner in walk(node)]
            case Join(combinator=node):
                nodes = [node]
            case As() | Use() as node:
                nodes = [node]
            case _:
                nodes = []
        kinds: set[Kind] = {self.marks[id(node)] for node in nodes if id(node) in self.marks}
        alone = len(kinds) == 1 and all(id(node) in self.marks for node in nodes if isinstance(node, Leaf))
        return next(iter(kinds)) if alone else "changed" if kinds else None

    def vertex(self, vertex: Vertex, lasts: Mapping[int, Leaf], said: str) -> str:
        """A vertex with its words, behind what is `said` of it."""
        match vertex.item:
            case Unit() as unit:
                words = "<br/>".join(escaped(_leaf(leaf, lasts)) for leaf in unit.layers)
                return f'["{said}{words}"]:::{self.use(unit.layers[0].layer.family)}'
            case LayerGroup() as group:
                return f'[["{said}{"<br/>".join(map(escaped, group_words(group)))}"]]:::{self.use("group")}'
            case Join(combinator=node):
                sign = node.joining.sign
                return self.join(sign, node.joining.box_text(), said)
            case As() | Use() as node:
                assert node.term is not None
                return self.join(arrows.operation(node.term), term_text(node.term), said)
            case _:
                shape = tensors_text(vertex.name or vertex.kind, (vertex.tensor,))
                return f'(["{escaped(shape)}"]):::{self.use("group")}'

    def join(self, sign: str, words: str, said: str) -> str:
        role = self.use("group")
        return f'(("{said}{escaped(sign)}")):::{role}' if sign else f'["{said}{escaped(words)}"]:::{role}'

    def edge(self, edge: Edge, number: int | None, drawn: FlowGraph, ids: Mapping[str, str]) -> None:
        tail, head = drawn.vertices[edge.tail], drawn.vertices[edge.head]
        shape = tensors_text(None, (edge.tensor,)) if arrows.says_shape(tail, head) else ""
        words = [str(number) if number is not None else "", arrows.called(edge, tail, head), shape]
        label = " · ".join(filter(None, words))
        arrow = "-.->" if edge.auxiliary else "-->"
        said = f'|"{escaped(label)}"|' if label else ""
        self.lines.append(f"  {ids[edge.tail]} {arrow}{said} {ids[edge.head]}")
        self.edges += 1

    def classes(self) -> Iterator[str]:
        """The colours of what is used."""
        colors: dict[str, Color] = {
            **family_colors(),
            "group": Color(PAGE, LINE),
            "frame": FRAME,
            "net": Color(PAGE, FRAME.line),
        }
        for role, color in colors.items():
            if role in self.used:
                yield f"  classDef {role} fill:{color.fill},stroke:{color.line},color:{TEXT}"
        for kind, names in self.marked.items():
            yield f"  classDef {kind} stroke:{_BORDERS[kind]},stroke-width:3px"
            yield f"  class {','.join(names)} {kind}"


def _heading(net: Net) -> str:
    return f"{title_text(net)}: {count_text(net.params)} parameters, {count_text(net.macs)} MACs"


def _leaf(leaf: Leaf, lasts: Mapping[int, Leaf]) -> str:
    """A layer with its arguments, those of the last one too where a repetition changes them."""
    return f"{titled(leaf)} {ranged_arguments(leaf, lasts)}".rstrip()


def _order(drawn: FlowGraph) -> dict[int | None, list[int]]:
    """The frames that have something in them, by the frame around them."""
    shown: set[int] = set()
    for vertex in drawn.vertices.values():
        index = vertex.cluster
        while index is not None:
            shown.add(index)
            index = drawn.clusters[index].parent
    order: dict[int | None, list[int]] = {}
    for index in sorted(shown):
        order.setdefault(drawn.clusters[index].parent, []).append(index)
    return order
