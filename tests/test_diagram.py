"""Diagrams: their content, their legibility, and that no text of a spec becomes markup."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.dom import minidom

import click
import graphviz
import networkx as nx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from docs.gallery import stale_pictures
from netspec.cli.draw import command
from netspec.diagnostics import MissingExtra, ResourceError, Span, UsageError
from netspec.drawing import diagram, family_colors, render
from netspec.drawing.dot import MOST_VERTICES
from netspec.drawing.labels import text
from netspec.drawing.palette import PAGE, QUIET, TEXT
from netspec.drawing.rendering import fingerprint
from netspec.extras import install
from netspec.layers import MODULE_OF, layer_class
from netspec.layers.base import TensorType
from netspec.net import Combinator, Leaf, Net, Scope, Sequential, walk
from netspec.views.fold import LayerGroup, fold, stacked, structure
from netspec.views.graph import INPUT, OUTPUT, flow, graph
from tests.commands import invoke

ROOT = Path(__file__).parent.parent
rendering = importlib.import_module("netspec.drawing.rendering")  # `netspec.diagram` is the function

JOINS = """
name: joins
input: [4, 8, 8]
layers:
  - residual: [{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}, ReLU]
  - gate: [{AdaptiveAvgPool2d: 1}, {Conv2d: {out_channels: 4, kernel_size: 1}}, Sigmoid]
  - concat: [[], [{Conv2d: {out_channels: 2, kernel_size: 1}}]]
  - aux: [Flatten, {Linear: 3}]
  - Flatten
  - Linear: 10
"""

BLOCKS = """
name: blocks
input: [8, 8, 8]
blocks:
  basic(width):
    - residual: [{Conv2d: {out_channels: width, kernel_size: 3, padding: 1}}, BatchNorm2d, ReLU]
    - ReLU
layers:
  - repeat: 6
    basic: 8
  - Flatten
"""


def words(graph: graphviz.Digraph) -> list[str]:
    """The texts of the SVG, those on one line one by one."""
    document = minidom.parseString(render(graph, "svg"))
    return [run for element in document.getElementsByTagName("text") for run in runs(element)]


def runs(element: minidom.Element) -> list[str]:
    """What is written by one text element, in each of its looks."""
    parts = element.getElementsByTagName("tspan") or [element]
    return ["".join(node.data for node in part.childNodes).strip("\N{NO-BREAK SPACE}") for part in parts]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def alexnet() -> Net:
    return netspec.load(str(ROOT / "specs/alexnet.yaml"))


# ---- what is shown


def test_alexnet_shows_every_shape_count_and_layer(alexnet: Net) -> None:
    shown = words(diagram(alexnet))
    assert {"alexnet", "46,764,746 parameters", "938,146,176 MACs", "1 × 224 × 224"} <= set(shown)
    for leaf in alexnet.layers:
        assert any(leaf.type in word for word in shown)
        if leaf.params:
            assert f"{leaf.params:,} parameters" in shown
    for shape in ("96 × 54 × 54", "96 × 26 × 26", "256 × 12 × 12", "384 × 12 × 12", "256 × 5 × 5", "6400", "4096"):
        assert shape in shown
    assert sum("Dropout 0.5" in word for word in shown) == 2


def test_activations_and_dropouts_join_the_box_of_their_layer(alexnet: Net) -> None:
    units = stacked(fold(alexnet))
    assert len(units) == 12
    assert [leaf.type for leaf in units[-2].layers] == ["Linear", "ReLU", "Dropout"]  # type: ignore[union-attr]


def test_a_name_and_its_arguments_stand_apart_even_where_the_bold_face_is_wider_than_the_engine_thinks() -> None:
    """Bold letters of common faces are up to 8 % wider than plain ones, by which an engine without fonts measures."""
    layers = "[{MaxPool2d: 2}, {AdaptiveAvgPool2d: 1}, Flatten, {Linear: 9}]"
    net = netspec.loads(f"name: n\ninput: [3, 8, 8]\nlayers: {layers}")
    found = minidom.parseString(render(diagram(net), "svg")).getElementsByTagName("text")
    lines = [runs(element) for element in found]
    assert ["MaxPool2d", "2×2"] in lines  # one text, which no font can make run into itself
    assert ["AdaptiveAvgPool2d", "1×1"] in lines
    assert ["Linear", "9"] in lines
    gaps = [e.getElementsByTagName("tspan")[1].firstChild.data for e in found if runs(e)[0] == "Linear"]  # type: ignore[union-attr]
    assert gaps == ["\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}9"]


def test_several_nets_stand_side_by_side_in_the_order_given(alexnet: Net) -> None:
    lenet = netspec.load(str(ROOT / "specs/lenet.yaml"))
    svg = minidom.parseString(render(diagram([lenet, alexnet]), "svg"))
    places = {runs(element)[0]: float(element.getAttribute("x")) for element in svg.getElementsByTagName("text")}
    assert places["lenet"] < places["alexnet"]
    assert places["61,706 parameters"] < places["46,764,746 parameters"]


def test_equal_neighbours_are_drawn_once_with_their_number() -> None:
    shown = words(diagram(netspec.loads(BLOCKS)))
    assert "basic(8) ×6" in shown
    assert sum("Conv2d" in word for word in shown) == 1


@pytest.mark.parametrize("name", MODULE_OF)
def test_equal_layers_of_every_type_are_equal(name: str) -> None:
    """Cached properties of a layer do not take part in its equality."""
    example = layer_class(name).examples[0]
    x = TensorType(example.input, example.dtype)
    leaves: list[Leaf] = []
    for key in "01":
        layer = layer_class(name).model_validate(example.arguments)
        leaves.append(Leaf(key, None, layer, x, layer.output(x), Span("s.yaml", 1, 1, 1, 2)))
    root = Sequential("", None, tuple(leaves), leaves[0].span, x, x)
    keys = structure(Net("s", "", "s.yaml", None, x, root))
    assert keys[id(leaves[0])] == keys[id(leaves[1])]


def test_blocks_with_a_rearrangement_are_drawn_once() -> None:
    swap = [{"Rearrange": "n c h w -> n h w c"}, {"Linear": 4}, {"Rearrange": "n h w c -> n c h w"}]
    net = netspec.loads(json.dumps({"input": [4, 2, 2], "blocks": {"swap()": swap}, "layers": ["swap"] * 3}))
    (group,) = fold(net, 1)
    assert isinstance(group, LayerGroup)
    assert group.count == 3


def test_blocks_that_differ_only_in_dropout_are_folded_and_show_the_range() -> None:
    chain = "".join(f"      - Dropout: 0.{i}\n      - Linear: 8\n" for i in range(1, 4))
    net = netspec.loads("input: [8]\nlayers:\n  - name: body\n    sequential:\n" + chain)
    shown = words(diagram(net))
    assert "×3" in shown
    assert any("Dropout 0.1 … 0.3" in word for word in shown)


LATERALS = """\
input: {a: [4], b: [4]}
blocks:
  lateral(v): [use: v, Linear: 3]
layers:
  - lateral: a
    as: p
  - lateral: b
  - add: [[], p]
"""


def test_a_closed_block_that_begins_with_a_value_has_no_arrow_from_what_stands_before_it() -> None:
    net = netspec.loads(LATERALS)
    drawn = flow(net, fold(net, 1), forks=False)
    assert [v.kind for v in drawn.vertices.values()] == ["input", "input", "group", "group", "join", "output"]
    a, b, first, second, join, end = drawn.vertices
    assert sorted((e.tail, e.head) for e in drawn.edges) == sorted(
        [(a, first), (b, second), (first, join), (second, join), (join, end)]
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob("specs/graphs/*.yaml")), ids=lambda path: path.stem)
def test_an_arrow_into_a_closed_box_is_one_of_the_exact_graph_and_is_drawn_once(path: Path) -> None:
    """Each vertex of the folded graph stands for vertices of the exact one: an edge is there where one of those is, and
    once for each shape."""
    net = netspec.load(path, variant=first_variant(path))
    exact = graph(net)
    drawn = flow(net, fold(net, 1, repeats="none"), forks=False)
    inside = {
        node.path: name
        for name, vertex in drawn.vertices.items()
        if isinstance(vertex.item, LayerGroup)
        for top in vertex.item.nodes
        for node in walk(top)
        if isinstance(node, (Leaf, Combinator))
    }
    boxes = set(inside.values())
    again = any(isinstance(node, Leaf) and node.again for node in walk(net.root))  # then paths are not unique
    between: nx.DiGraph[str] = nx.DiGraph()
    between.add_edges_from((inside.get(tail, tail), inside.get(head, head)) for tail, head in exact.edges())
    closed = [(e.tail, e.head, e.tensor) for e in drawn.edges if {e.tail, e.head} <= boxes]
    assert len(closed) == len(set(closed))
    for tail, head, _ in () if again else closed:
        assert nx.has_path(between.subgraph(set(between) - boxes | {tail, head}), tail, head), (tail, head)


def first_variant(path: Path) -> str | None:
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    return next(iter(spec["variants"])) if "input" not in spec and "variants" in spec else None


def test_depth_closes_blocks_into_boxes_with_their_totals() -> None:
    shown = words(diagram(netspec.loads(BLOCKS), depth=1))
    assert "basic(8) ×6" in shown
    assert "24 layers, 3,600 parameters" in shown
    assert not any("Conv2d" in word for word in shown)


def test_a_sum_is_a_plus_a_gate_a_times_and_a_concatenation_says_so() -> None:
    shown = words(diagram(netspec.loads(JOINS)))
    assert {"+", "×", "concat"} <= set(shown)


def test_a_name_in_a_box_of_arithmetic_stands_on_the_way_into_it_too() -> None:
    spec = (
        "input: {a: [7], b: [7]}\nlayers:\n  - {Linear: 7, as: q}\n  - use: (q * 0.5 + b) * q\n  - use: b\n  - as: c\n"
    )
    source = diagram(netspec.loads(spec + "output: c * 2 + q\n")).source
    assert source.count("<B>q</B></FONT><FONT") == 2  # into two boxes
    assert "<B>b</B>" not in source  # the input has its name already
    assert source.count("<B>c</B></FONT><FONT") == 1
    sign = diagram(
        netspec.loads("input: [7]\nlayers:\n  - {Linear: 7, as: q}\n  - ReLU\n  - as: c\noutput: c + q\n")
    ).source
    assert "<B>q</B>" not in sign  # a sign says no names


def test_the_box_of_an_einsum_has_its_pattern() -> None:
    spec = 'input: [5, 7]\nlayers:\n  - einsum: [[], [ReLU]]\n    pattern: "n i d, n j d -> n i j"\n'
    assert "einsum: n i d, n j d -&gt; n i j" in diagram(netspec.loads(spec)).source


def test_training_heads_are_dashed_and_nothing_else_is() -> None:
    drawn = flow(netspec.loads(JOINS), stacked(fold(netspec.loads(JOINS))), forks=True)
    dashed = [edge.head for edge in drawn.edges if edge.auxiliary]
    assert dashed == ["3.body.0", "3.body.1"]
    assert diagram(netspec.loads(JOINS)).source.count("style=dashed") == 3  # one arrow carries a shape: two pieces


def test_a_net_too_large_for_a_page_is_closed_level_by_level() -> None:
    net = netspec.load(str(ROOT / "specs/torchvision/densenet.yaml"), variant="densenet201")
    boxes = diagram(net).source.count("<TABLE")
    assert boxes < 4 * MOST_VERTICES
    assert len(net.layers) > 500


# ---- the graph


def test_the_graph_of_a_net_has_every_layer_and_every_tensor() -> None:
    net = netspec.loads(JOINS)
    view = graph(net)
    kinds = [view.nodes[node]["kind"] for node in view]
    assert kinds.count("layer") == len(net.layers)
    assert kinds.count("join") == 3
    assert set(view.predecessors("0")) == {INPUT, "0.body.1"}  # the identity and the body
    assert set(view.predecessors("2")) == {"1", "2.branches.1.0"}
    assert list(view.successors("3.body.1")) == []  # a training head ends nowhere
    assert list(view.predecessors(OUTPUT)) == ["5"]
    for _, head, tensor in view.edges(data="tensor"):
        leaf = view.nodes[head].get("layer")
        assert leaf is None or leaf.input == tensor


def test_two_identity_branches_are_two_edges() -> None:
    view = graph(netspec.loads("input: [4, 2, 2]\nlayers:\n  - concat: [[], []]\n"))
    assert view.number_of_edges(INPUT, "0") == 2


# ---- rendering


@pytest.mark.parametrize(
    ("form", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF"), ("dot", b"digraph")]
)
def test_every_format_is_written(form: str, start: bytes) -> None:
    assert render(diagram(netspec.loads(BLOCKS)), form).startswith(start)


def test_another_format_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot draw `gif`: the formats are svg, png, pdf, dot"):
        render(diagram(netspec.loads(BLOCKS)), "gif")


def test_without_an_engine_the_message_ends_with_the_line_that_installs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "engine", lambda: None)
    picture = diagram(netspec.loads(BLOCKS))
    with pytest.raises(MissingExtra) as caught:
        render(picture, "svg")
    assert str(caught.value).splitlines()[-1].strip() == install("draw")
    assert caught.value.exit_status == 3
    assert render(picture, "dot")  # which needs none


def test_a_dot_program_on_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program here takes dot's own options and renders with the Graphviz inside pygraphviz."""
    pytest.importorskip("pygraphviz")
    program = tmp_path / "dot"
    program.write_text(
        f"#!{sys.executable}\nimport sys, pygraphviz\n"
        "assert sys.argv[1:] == ['-Tpng', '-Gdpi=144'], sys.argv\n"
        "made = pygraphviz.AGraph(string=sys.stdin.read()).draw(format='png', prog='dot')\n"
        "sys.stdout.buffer.write(made)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rendering.engine() == "dot"
    assert render(diagram(netspec.loads(BLOCKS)), "png").startswith(b"\x89PNG")


def test_a_layout_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(ResourceError, match=r"given up after 0.001 s; `--depth 1`"):
        render(diagram(netspec.loads(BLOCKS)), "svg", timeout=0.001)


def test_an_engine_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'out of ink' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ResourceError, match="failed with status 3: out of ink"):
        render(diagram(netspec.loads(BLOCKS)), "svg")


def test_a_thousand_layers_with_250_skips_are_drawn_within_the_time_limit() -> None:
    block = "[{{Conv2d: {{out_channels: 8, kernel_size: {k}, padding: {p}}}}}, ReLU, {{Linear: 8}}, Sigmoid]"
    layers = "".join(f"  - residual: {block.format(k=1 + 2 * (i % 3), p=i % 3)}\n" for i in range(250))
    net = netspec.loads(f"input: [8, 8, 8]\nlayers:\n{layers}")
    assert len(net.layers) == 1000
    start = time.perf_counter()
    render(diagram(net), "svg", timeout=30)
    assert time.perf_counter() - start < 15


# ---- nothing a spec says becomes markup


NASTY = [
    "<b>", "a:b", "URL=http://x", 'x" URL="http://x', "\\N\\G", "a\\", "&lt;b&gt;", "&nbsp;", "]]>", "<!--",
    "\x00\x1b[31m",
    "\ud800", "\ufffe", "\u202egnp", "</TABLE>>", "", " ", "é漢字🦆", "%n", "{a|b}", "x" * 500,
]  # fmt: skip


def labelled(labels: list[str]) -> Net:
    """A net whose blocks have these labels."""
    net = netspec.loads(BLOCKS)
    first = net.root.children[0]
    while isinstance(first, Scope) and first.kind != "block":  # a round of the `repeat` is shown as the block in it
        (first,) = first.children
    assert isinstance(first, Scope)
    children = tuple(first._replace(words=label, block=f"b{at}") for at, label in enumerate(labels))
    return replace(net, name=labels[0], root=net.root._replace(children=children))


def _is_harmless(svg: bytes) -> None:
    document = minidom.parseString(svg)
    assert b"href" not in re.sub(rb'xmlns:xlink="[^"]*"', b"", svg)
    names = {element.tagName for element in document.getElementsByTagName("*")}
    assert names <= {"svg", "g", "title", "text", "tspan", "path", "polygon", "polyline", "ellipse"}


@pytest.mark.parametrize("depth", [1, None])
def test_labels_that_look_like_markup_stay_text(depth: int | None) -> None:
    _is_harmless(render(diagram(labelled(NASTY), depth=depth), "svg"))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=25))
def test_any_label_gives_valid_dot_and_a_well_formed_picture(labels: list[str]) -> None:
    _is_harmless(render(diagram(labelled(labels), depth=1), "svg"))


@given(st.text() | st.sampled_from(NASTY))
def test_any_text_is_well_formed_after_escaping(label: str) -> None:
    made = minidom.parseString(f"<a>{text(label)}</a>".encode())
    assert made.documentElement is not None
    assert made.documentElement.firstChild is not None  # an empty label is an error to Graphviz
    assert "&" not in re.sub(r"&(lt|gt|amp);", "", text(label))


def test_no_identifier_or_attribute_comes_from_the_spec() -> None:
    net = labelled(["evil", "evil2"])
    quoted = r'tooltip=(?:\w+|"(?:[^"\\]|\\.)*")'
    outside = re.sub(rf"<<.*?>>|<<FONT.*?>>|{quoted}", "", diagram(net, depth=1).source)
    assert "evil" not in outside
    assert set(re.findall(r"^\s*(\w+) \[", outside, re.MULTILINE)) <= {"node", "edge", "graph"} | {
        f"n{i}" for i in range(1000)
    }


# ---- colours


def _linear(color: str) -> list[float]:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _contrast(a: str, b: str) -> float:
    """WCAG 2.1's contrast ratio."""
    light = [sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), _linear(c), strict=True)) for c in (a, b)]
    return (max(light) + 0.05) / (min(light) + 0.05)


# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB
EYES = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanope": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranope": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanope": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def _lab(color: str, eye: Any) -> tuple[float, float, float]:
    """CIE Lab (D65) coordinates of a colour, as seen by `eye`, a 3×3 matrix that simulates an eye in linear RGB."""
    seen = [min(1.0, max(0.0, sum(w * c for w, c in zip(row, _linear(color), strict=True)))) for row in eye]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(w * c for w, c in zip(row, seen, strict=True)) for row in to_xyz]
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (v / white for v, white in zip(xyz, (0.95047, 1.0, 1.08883), strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eye", EYES)
def test_families_can_be_told_apart_by_people_with_any_common_colour_deficiency(eye: str) -> None:
    fills = {family: _lab(color.fill, EYES[eye]) for family, color in family_colors().items()}
    for a, b in itertools.combinations(fills, 2):
        if {a, b} != {"activation", "dropout"}:
            distance = sum((p - q) ** 2 for p, q in zip(fills[a], fills[b], strict=True)) ** 0.5
            assert distance >= 10, (a, b)


def test_text_has_contrast_on_every_fill_and_every_line_on_the_page() -> None:
    for color in family_colors().values():
        assert _contrast(TEXT, color.fill) >= 7
        assert _contrast(QUIET, color.fill) >= 4.5
        assert _contrast(color.line, PAGE) >= 3


def test_convolution_pooling_and_linear_differ_in_lightness_on_a_greyscale_print() -> None:
    colors = family_colors()
    light = sorted(_lab(colors[family].fill, EYES["normal"])[0] for family in ("convolution", "pooling", "linear"))
    assert light[1] - light[0] >= 6
    assert light[2] - light[1] >= 6


def test_the_page_is_white_so_that_pictures_can_be_read_on_dark_pages() -> None:
    assert 'bgcolor="#ffffff"' in diagram(netspec.loads(BLOCKS)).source


# ---- the command


def test_draw_writes_the_picture_and_says_so_on_standard_error(tmp_path: Path) -> None:
    target = tmp_path / "lenet.svg"
    result = invoke(command, str(ROOT / "specs/lenet.yaml"), "-o", str(target))
    assert result.exit_code == 0, result.exception
    assert result.stdout == ""
    assert "wrote" in result.stderr
    assert b"61,706 parameters" in target.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["lenet.svg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.gif", "`.gif` is no format of it, those are .svg, .png, .pdf, .dot"),
        ("x.sgv", "did you mean `"),
        ("x", "it has no extension"),
        ("none/x.svg", "there is no directory"),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_anything_is_written(tmp_path: Path, name: str, message: str) -> None:
    result = invoke(command, str(ROOT / "specs/lenet.yaml"), "-o", str(tmp_path / name))
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


# ---- the gallery


def test_the_pictures_of_the_documentation_are_up_to_date() -> None:
    """If this fails: `python docs/generate.py`."""
    assert stale_pictures() == []


def test_a_picture_of_another_net_is_out_of_date() -> None:
    picture = render(diagram(netspec.loads(BLOCKS)), "svg").decode()
    assert fingerprint(diagram(netspec.loads(BLOCKS))) in picture
    assert fingerprint(diagram(netspec.loads(JOINS))) not in picture


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0"])
def test_a_time_limit_that_is_no_number_of_seconds_is_refused(seconds: str, tmp_path: Path) -> None:
    out = tmp_path / "net.svg"
    result = invoke(command, ROOT / "specs/lenet.yaml", "-o", out, "--timeout", seconds)
    assert isinstance(result.exception, click.BadParameter)
    assert not out.exists()


@pytest.mark.parametrize("drawn", [False, True], ids=["exact", "drawn"])
def test_nothing_flows_into_a_parameter_or_a_buffer(drawn: bool) -> None:
    net = netspec.loads(
        "input: [4, 8]\nlayers:\n  - concat: [[Parameter: [1, 8], ReLU], []]\n  - add: [[], [Buffer: [[1]]]]"
    )
    items = stacked(fold(net, None, repeats="closed")) if drawn else fold(net, None, repeats="none")
    found = flow(net, items, forks=drawn)
    sources = ("0.branches.0.0", "1.branches.1.0")
    assert set(sources) < found.vertices.keys()
    assert not [edge for edge in found.edges if edge.head in sources]
