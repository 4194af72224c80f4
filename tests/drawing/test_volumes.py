"""The style `volumes`: sides to scale, cones, bars, and what it refuses."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from math import log2

import pytest

import netspec
from netspec.diagnostics import UsageError
from netspec.drawing.page import Sheet, paper
from netspec.drawing.scene import Area, Scene, Stroke, Tip, Words, flat
from netspec.drawing.solids import ScaleName, scale_of, solid
from netspec.drawing.styles import picture
from tests.drawing.held import apart, words_of
from tests.drawing.nets import load, nets
from tests.drawing.test_pages import SUITS


def bodies(scene: Scene) -> list[tuple[float, float, float, float]]:
    """The room of each volume."""
    found: list[tuple[float, float, float, float]] = []
    for tip in scene.shapes:
        areas = [s for s in tip.shapes if isinstance(s, Area)] if isinstance(tip, Tip) else []
        points = [point for area in areas for point in area.points]
        if points:
            xs, ys = [x for x, _ in points], [y for _, y in points]
            found.append((min(xs), min(ys), max(xs), max(ys)))
    return found


@pytest.mark.parametrize("name", SUITS["volumes"])
def test_no_two_volumes_overlap(name: str) -> None:
    scene = picture(nets(name), "volumes", Sheet(fit=paper("slide"))).scene
    found = bodies(scene)
    assert len(found) >= 5
    assert all(apart(a, b) for a, b in combinations(found, 2))


@pytest.mark.parametrize("name", ["log", "linear"])
def test_sides_are_to_the_scale_that_the_legend_states(name: ScaleName) -> None:
    shapes = [(3, 200, 100), (16, 50, 50), (1000,), (10,)]
    scale = scale_of(name, shapes)
    small, large = solid((16, 50, 50), scale), solid((3, 200, 100), scale)
    assert large.high / small.high == pytest.approx(4 if name == "linear" else log2(201) / log2(51))
    assert large.deep / small.deep == pytest.approx(2 if name == "linear" else log2(101) / log2(51))
    assert small.thick / large.thick == pytest.approx(16 / 3 if name == "linear" else log2(17) / log2(4))
    said = [words_of(s) for s in flat(picture([load("lenet")], "volumes", Sheet(scale=name)).scene.shapes)
            if isinstance(s, Words)]  # fmt: skip
    assert f"sides: channels, height, width; {'logarithmic' if name == 'log' else 'linear'} scale" in said


def test_alexnet_has_a_volume_for_each_layer_that_makes_one_and_a_cone_for_each_window() -> None:
    scene = picture([load("alexnet")], "volumes", Sheet()).scene
    said = [words_of(s) for s in flat(scene.shapes) if isinstance(s, Words)]
    assert [text for text in said if text.count("×") == 2] == [
        "1×224×224", "96×54×54", "96×26×26", "256×26×26", "256×12×12", "384×12×12", "384×12×12", "256×12×12", "256×5×5",
    ]  # fmt: skip
    assert len(bodies(scene)) == 13
    assert sum(isinstance(s, Area) and s.clear for s in flat(scene.shapes)) == 8
    assert said.count("4096") == 2


def test_a_window_lies_on_the_side_that_it_reads() -> None:
    scale = scale_of("log", [(3, 64, 64), (8, 10, 20)])
    body = solid((3, 64, 64), scale)
    window = body.window(10, 20, (16, 8))
    assert max(y for _, y in window) - min(y for _, y in window) == pytest.approx(body.high / 4 + body.deep / 8)
    assert max(x for x, _ in window) - min(x for x, _ in window) == pytest.approx(body.deep / 8)
    whole = body.window(10, 20, (64, 64))
    corner = (10 + body.thick, 20)
    assert whole[0] == pytest.approx(corner)


def test_what_goes_by_another_way_is_said_and_no_arrow_is_drawn() -> None:
    said = [words_of(s) for s in flat(picture([load("unet")], "volumes", Sheet(), depth=1).scene.shapes)
            if isinstance(s, Words)]  # fmt: skip
    assert "concat skip[3]" in " ".join(said)
    assert "double → skip[0]" in " ".join(said)


def levels_of(scene: Scene) -> dict[str, float]:
    """How far down the label of each size of maps stands; only where it is the same for all of the size."""
    found: dict[str, set[float]] = {}
    for shape in flat(scene.shapes):
        if isinstance(shape, Words) and words_of(shape).count("×") == 2:
            found.setdefault(words_of(shape).partition("×")[2], set()).add(round(shape.y, 3))
    return {size: min(at) for size, at in found.items() if len(at) == 1}


RENAMED = """\
input: [1, 64, 64]
layers:
  - {Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, as: a}
  - MaxPool2d: 2
  - {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, as: b}
  - MaxPool2d: 2
  - Conv2d: {out_channels: 32, kernel_size: 3, padding: 1}
  - ConvTranspose2d: {out_channels: 16, kernel_size: 2, stride: 2}
  - concat: [FIRST, []]
  - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}
  - ConvTranspose2d: {out_channels: 8, kernel_size: 2, stride: 2}
  - concat: [SECOND, []]
"""


@pytest.mark.parametrize("fit", [None, "a4", "slide"])
@pytest.mark.parametrize("spec", ["unet", "graphs/unet_resnet34"])
def test_a_u_net_is_a_u_with_a_row_for_each_size(spec: str, fit: str | None) -> None:
    drawn = picture([load(spec)], "volumes", Sheet(fit=paper(fit) if fit else None))
    found = levels_of(drawn.scene)
    sizes = sorted(found, key=lambda size: -int(size.partition("×")[0]))
    assert len(sizes) >= 5
    assert [found[size] for size in sizes] == sorted(found.values())
    assert drawn.smallest >= 6
    assert all(apart(a, b) for a, b in combinations(bodies(drawn.scene), 2))


def test_what_makes_a_u_is_who_reads_whom() -> None:
    u = picture([netspec.loads(RENAMED.replace("FIRST", "b").replace("SECOND", "a"))], "volumes", Sheet()).scene
    assert len(levels_of(u)) == 3
    skips = [s for s in flat(u.shapes) if isinstance(s, Stroke) and s.arrow and len(s.points) == 4]
    assert len(skips) == 2
    for skip in skips:  # level, above the row, from the left to the right
        start, up, over, end = skip.points
        assert up[1] == over[1] < min(start[1], end[1])
        assert start[0] < end[0]
    text = RENAMED.replace("  - concat: [FIRST, []]\n", "").replace("  - concat: [SECOND, []]\n", "")
    rows = picture([netspec.loads(text.replace(", as: a", "").replace(", as: b", ""))], "volumes", Sheet()).scene
    assert len(set(levels_of(rows).values())) == 1


def test_lines_of_a_u_cross_no_volume_and_no_label() -> None:
    scene = picture([load("unet")], "volumes", Sheet()).scene
    labels = [(s.left, s.y - s.size * 0.7, s.left + s.width, s.y) for s in flat(scene.shapes) if isinstance(s, Words)]
    long = [s.points for s in flat(scene.shapes) if isinstance(s, Stroke) and s.arrow and len(s.points) > 2]
    assert len(long) == 4 + 2 * 4
    fronts = [(x0 + 1, y0, x1 - 1, y1) for x0, y0, x1, y1 in bodies(scene)]
    for points in long:
        for number, (a, b) in enumerate(pairwise(points)):
            line = min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])
            assert all(apart(line, label) for label in labels)
            ends = number in (0, len(points) - 2)  # they begin and end on the upper side of a volume
            assert ends or all(apart(line, front) for front in fronts)


@pytest.mark.parametrize(
    ("spec", "variant", "why"),
    [
        ("language/gpt2", "gpt2_small", "has none"),
        ("graphs/yolov8n", None, "from one input to one output"),
        ("torchvision/swin_transformer", "swin_t", "works on the last one of 56 × 56 × 96"),
        ("vision/r3d", None, "maps of height and width"),
        ("graphs/hrnet_w18", None, "of the 32 of hrnet_w18 13 are made of others"),
    ],
)
def test_what_it_cannot_draw_truly_it_refuses_and_names_a_style_that_can(
    spec: str, variant: str | None, why: str
) -> None:
    with pytest.raises(UsageError, match="`--style map` and `--style stack` draw it") as refused:
        picture([load(spec, variant)], "volumes", Sheet())
    assert why in str(refused.value)
    assert picture([load(spec, variant)], "map", Sheet()).scene.shapes


def test_symbols_are_asked_for() -> None:
    layers = [{"Conv2d": {"out_channels": 4, "kernel_size": 3}}]
    net = netspec.loads(json.dumps({"name": "n", "input": [3, "H", "W"], "layers": layers}))
    with pytest.raises(UsageError, match="--set H=224 --set W=224"):
        picture([net], "volumes", Sheet())


def test_numbers_are_asked_for_only_where_they_help() -> None:
    layers = [{"Embedding": {"num_embeddings": 9, "embedding_dim": 4}}, {"LSTM": 4}]
    net = netspec.loads(json.dumps({"name": "n", "input": {"shape": ["T"], "dtype": "int64"}, "layers": layers}))
    with pytest.raises(UsageError, match="has none; `--style map`"):
        picture([net], "volumes", Sheet())


def test_a_window_that_is_no_square_is_as_high_and_as_wide_as_the_kernel() -> None:
    conv = {"Conv2d": {"out_channels": 4, "kernel_size": [1, 7]}}
    net = netspec.loads(json.dumps({"name": "n", "input": [3, 28, 28], "layers": [conv]}))
    (window,) = (s for s in flat(picture([net], "volumes", Sheet()).scene.shapes) if isinstance(s, Area) and s.clear)
    (x0, y0), (x1, y1), _, (_, y3) = window.points
    body = solid((3, 28, 28), scale_of("log", [(3, 28, 28), (4, 28, 22)]))
    assert x1 - x0 == pytest.approx(body.deep / 4)
    assert y0 - y1 == pytest.approx(body.deep / 4)
    assert y3 - y0 == pytest.approx(body.high / 28)


def test_a_closed_block_of_several_values_is_drawn_as_those() -> None:
    text = """\
input: [4, 32, 32]
blocks:
  levels():
    - {Conv2d: {out_channels: 8, kernel_size: 2, stride: 2}, as: "z[0]"}
    - {Conv2d: {out_channels: 16, kernel_size: 2, stride: 2}, as: "z[1]"}
    - output: z
layers:
  - Conv2d: {out_channels: 6, kernel_size: 1}
  - {levels: [], as: x}
  - use: "x[0]"
  - Conv2d: {out_channels: 5, kernel_size: 3}
  - Conv2d: {out_channels: 7, kernel_size: 3}
  - concat: [[], [use: "x[1]", ConvTranspose2d: {out_channels: 3, kernel_size: 5}]]
"""
    drawn = picture([netspec.loads(text)], "volumes", Sheet(), depth=1)
    said = [words_of(shape) for shape in flat(drawn.scene.shapes) if isinstance(shape, Words)]
    assert {"8×16×16", "16×8×8"} <= set(said)
    assert any("z[1]" in text for text in said)


@pytest.mark.parametrize("depth", [None, 1, 2, 3, 4, 5])
def test_a_block_that_is_the_whole_net_is_open_at_every_depth(depth: int | None) -> None:
    drawn = picture([load("vision/deeplabv3")], "volumes", Sheet(), depth)
    said = [words_of(shape) for shape in flat(drawn.scene.shapes) if isinstance(shape, Words)]
    assert {"64×260×260", "256×130×130", "1024×65×65", "21×520×520"} <= set(said)
    assert "head" not in said  # in training only


@pytest.mark.slow
def test_no_page_advises_it_for_a_parallel_network() -> None:
    with pytest.raises(UsageError, match="it fits with") as refused:
        picture([load("graphs/hrnet_w18")], "map", Sheet(fit=paper("150x100")))
    assert "volumes" not in str(refused.value)
