"""Where Graphviz puts what: the main path is one straight line, and what is broken into pieces goes on as it says."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from netspec.diagnostics import UsageError
from netspec.drawing import diagram, engine, levels_of
from netspec.drawing.page import Sheet, paper
from netspec.drawing.rendering import _command, _run
from netspec.drawing.rows import GOES_ON, SEVERAL, Cuts, columns, rows
from netspec.drawing.styles import picture
from netspec.drawing.text import fixed
from netspec.net import Net
from netspec.views.fold import fold, stacked
from netspec.views.graph import FlowGraph
from netspec.views.graph import flow as flow_graph
from tests.drawing.nets import load

pytestmark = pytest.mark.skipif(engine() is None, reason="needs a Graphviz engine")

BRANCHING = [
    ("d2l/googlenet", None),
    ("torchvision/resnet", "resnet50"),
    ("torchvision/densenet", "densenet121"),
    ("unet", None),
    ("torchvision/mobilenet_v3", "mobilenet_v3_large"),
    ("graphs/yolov8n", None),
]


def longest(edges: list[tuple[str, str]]) -> list[str]:
    """A longest path of a graph without circles."""
    before: dict[str, list[str]] = {}
    for tail, head in edges:
        before.setdefault(head, []).append(tail)
        before.setdefault(tail, [])
    best: dict[str, list[str]] = {}

    def path(name: str) -> list[str]:
        if name not in best:
            best[name] = [*max((path(tail) for tail in before[name]), key=len, default=[]), name]
        return best[name]

    return max(map(path, before), key=len)


def graph_of(net: Net, level: int | None = None) -> FlowGraph:
    return flow_graph(net, stacked(fold(net, level or levels_of(net))), forks=True)


@pytest.mark.parametrize("depth", [None, 1])
@pytest.mark.parametrize(("spec", "variant"), BRANCHING)
@pytest.mark.parametrize(("direction", "axis"), [("TB", 2), ("BT", 2)])
def test_the_main_path_is_one_straight_line(
    spec: str, variant: str | None, depth: int | None, direction: str, axis: int
) -> None:
    using = engine()
    assert using is not None
    dot = diagram(load(spec, variant), depth=depth, direction=direction).source  # type: ignore[arg-type]
    places: dict[str, float] = {}
    edges: list[tuple[str, str]] = []
    for line in _run(_command(using, "plain"), dot.encode(), 60).decode().splitlines():
        words = line.split(" ", 4)
        if words[0] == "node":
            places[words[1]] = float(words[axis])
        elif words[0] == "edge":
            edges.append((words[1], words[2]))
    main = [places[name] for name in longest(edges)]
    assert len(main) > 10
    assert max(main) - min(main) < 0.02, "inches"


def lines_of(graph: FlowGraph) -> Counter[tuple[str, str]]:
    return Counter((edge.tail, edge.head) for edge in graph.edges)


@pytest.mark.parametrize("level", [1, 2, None])
@pytest.mark.parametrize(("spec", "variant"), BRANCHING)
def test_pieces_hold_every_vertex_and_every_edge_once_and_go_on_by_name(
    spec: str, variant: str | None, level: int | None
) -> None:
    whole = graph_of(load(spec, variant), level)
    for pieces in (columns(whole, Cuts(3, SEVERAL)), rows(whole, Cuts(), 150)):
        real = [name for piece in pieces for name in piece.vertices if not name.startswith(GOES_ON)]
        assert sorted(real) == sorted(whole.vertices)
        given = {
            edge.head.removesuffix(" >"): (edge.tail, edge.tensor)
            for piece in pieces
            for edge in piece.edges
            if edge.head.startswith(GOES_ON)
        }
        edges: list[tuple[str, str]] = []
        for at, piece in enumerate(pieces):
            assert at == 0 or any(name.startswith(GOES_ON) for name in piece.vertices)
            for edge in piece.edges:
                if edge.head.startswith(GOES_ON):
                    continue
                tail = edge.tail
                if tail.startswith(GOES_ON) and len(given) > 1:
                    tail, tensor = given[tail.removesuffix(" <")]
                    assert tensor == edge.tensor
                elif tail.startswith(GOES_ON):
                    tail = next(iter(given.values()))[0]
                edges.append((tail, edge.head))
        if len(given) >= len(pieces):  # each has a name of its own
            assert Counter(edges) == lines_of(whole)


def test_what_goes_on_beside_the_main_path_has_a_letter_where_it_ends_and_where_it_goes_on() -> None:
    drawn = picture([load("unet")], "flow", Sheet(fit=paper("slide")), depth=2)
    shown = Counter(re.findall(r">… ([a-z])<", drawn.file("svg").decode()))
    assert len(shown) >= 3
    # what ends a row and is taken further down, too, has its letter in three places; where rows end hangs on the fonts
    assert set(shown.values()) <= {2, 3} and list(shown.values()).count(2) >= 3


@pytest.mark.parametrize(("spec", "variant"), [*BRANCHING, ("torchvision/vgg", "vgg16")])
def test_from_left_to_right_it_is_no_ribbon(spec: str, variant: str | None) -> None:
    """It was one row of 13,350 points for YOLOv8n."""
    drawn = picture([load(spec, variant)], "flow", Sheet(legend=False), direction="LR")
    assert drawn.width < 2200
    assert drawn.width < 2 * drawn.height


def test_a_frame_that_is_broken_says_in_the_next_row_that_it_goes_on() -> None:
    graph = graph_of(load("torchvision/resnet", "resnet50"))
    titles = [cluster.label for piece in rows(graph, Cuts(), 150) for cluster in piece.clusters]
    assert any(f"{GOES_ON} layer{number}" in titles for number in (1, 2, 3, 4))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "fit"), [("d2l/googlenet", "a4"), ("unet", "a4"), ("unet", "slide"), ("graphs/yolov8n", "slide")]
)
def test_what_goes_several_ways_is_folded_and_broken_until_it_fits(spec: str, fit: str) -> None:
    assert picture([load(spec)], "flow", Sheet(fit=paper(fit))).smallest >= 6


@pytest.mark.slow
def test_a_direction_that_does_not_fit_where_another_does_is_told() -> None:
    with pytest.raises(UsageError, match="it fits with no `--direction` or "):
        picture([load("d2l/googlenet")], "flow", Sheet(fit=paper("a4")), direction="LR")


def test_what_says_that_it_goes_on_is_a_letter_of_common_fonts() -> None:
    """The three dots in the middle of a line were not drawn in the PNG of a page, whose fonts lack them."""
    assert not fixed(GOES_ON)
