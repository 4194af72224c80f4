"""The style `map`: stages, what repeats, and the shape that the structure of the graph gives the picture."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from typing import Any

import pytest

import netspec
from netspec.drawing.calls import several
from netspec.drawing.closing import opened
from netspec.drawing.coarse import StageBox, coarse, stage_boxes
from netspec.drawing.coarser import fewer, of_one_size
from netspec.drawing.grid import by_branch, by_line, by_size, is_chain
from netspec.drawing.map import ROOMS, Overview
from netspec.drawing.page import SMALLEST, Sheet, paper
from netspec.drawing.routes import Grid
from netspec.drawing.scene import Stroke, Words, flat
from netspec.drawing.styles import picture
from netspec.net import Net
from tests.drawing.held import faults, words_of
from tests.drawing.nets import load


def shown(net: Net, **page: str) -> list[str]:
    fit = paper(page["fit"]) if page else None
    return [words_of(s) for s in flat(picture([net], "map", Sheet(fit=fit)).scene.shapes) if isinstance(s, Words)]


def boxes_of(net: Net) -> list[StageBox]:
    return stage_boxes(net, coarse(net, opened(net)))


def test_stages_say_their_size_and_how_often_a_block_stands_there() -> None:
    said = shown(load("torchvision/resnet", "resnet50"))
    stages = {"bottleneck (c), (a) ×2", "bottleneck (b), (a) ×3", "bottleneck (b), (a) ×5", "bottleneck (b), (a) ×2"}
    assert {"256 × 56 × 56", "2048 × 7 × 7", "FC (1000)"} | stages <= set(said)
    assert not any("layer1" in text for text in said)


def test_what_stands_for_all_calls_of_a_block_says_the_numbers_of_all() -> None:
    """The three ways in which a ResNet-50 has its bottleneck: as it is, with a projection, with one of stride 2."""
    said = shown(load("torchvision/resnet", "resnet50"))
    assert {"bottleneck (a) ×12 of 16", "bottleneck (b) ×3 of 16", "bottleneck (c) ×1 of 16"} <= set(said)
    assert "3×3 Conv (64/128/256/512), pad 1" in " ".join(said)
    assert "3×3 Conv (128/256/512), stride 2, pad 1" in " ".join(said)
    assert sum(text.startswith("1×1 Conv (512/1024/2048), stride 2") for text in said) == 1


def test_of_many_numbers_the_least_and_the_greatest_are_said() -> None:
    assert several(["FC (8)", "FC (16)"]) == "FC (8/16)"
    assert several([f"FC ({n}), 2 heads" for n in (96, 8, 16, 32, 1_000)]) == "FC (8 … 1000), 2 heads"
    assert several(["3×3 Conv (1,024)", "5×5 Conv (1,024)"]) == "3×3/5×5 Conv (1,024)"
    assert several(["pad 2, dilation 2", "pad 4, dilation 4"]) == "pad 2/4, dilation 2/4"
    assert several(["FC (8)", "FC (8), bias"]) == ""
    assert several(["c4", "c3"]) == ""


def test_bodies_of_residuals_that_differ_are_each_shown() -> None:
    said = " ".join(shown(load("language/bert")))
    assert "SelfAttention, 12 heads" in said
    assert "FC (3072)" in said
    pair: list[Any] = [{"residual": [{"Linear": 8}, {"Linear": 8}]}, {"residual": ["Tanh", "ReLU"]}]
    layers = [{"repeat": 3, "do": pair}, *pair]
    said = shown(netspec.loads(json.dumps({"name": "n", "input": [8], "layers": layers})))
    assert any("Tanh" in text for text in said)
    assert any("FC (8)" in text for text in said)


def test_what_passes_by_many_layers_of_one_size_has_lines_and_the_signs_where_it_arrives() -> None:
    conv = {"kernel_size": 3, "padding": 1}
    body = [{"Conv2d": {"out_channels": n, **conv}} for n in (*range(8, 18), 8)]
    early = {"Conv2d": {"out_channels": 8, **conv}, "as": "early"}
    layers = [early, *body, {"add": [[], "early"]}, {"concat": [[], "early"]}, {"Conv2d": {"out_channels": 4, **conv}}]
    net = netspec.loads(json.dumps({"name": "n", "input": [8, 32, 32], "layers": layers}))
    assert [box.before for box in boxes_of(net)] == [[], [0], [1], [2, 1], [3, 1], [4]]
    said = shown(net)
    assert "… 6 …" in said
    assert {"+", "concat"} <= set(said)


def test_of_many_lines_those_where_values_meet_stay() -> None:
    """What a join takes beside what flows has a line to its box, which must say what happens there."""
    up = {"ConvTranspose2d": {"out_channels": 8, "kernel_size": 2, "stride": 2}}
    parts = [{"Conv2d": {"out_channels": n, "kernel_size": 3, "padding": 1}} for n in (8, 9, 10, 11, 10, 8)]
    layers = [parts[0], {"as": "wide"}, {"MaxPool2d": 2}, up, *parts, {"add": [[], "wide"]}, *parts]
    said = shown(netspec.loads(json.dumps({"name": "n", "input": [8, 32, 32], "layers": layers})))
    assert "+" in said
    assert "… 3 …" in said


def test_a_layer_that_a_loop_repeats_is_called_so() -> None:
    said = shown(load("torchvision/vgg", "vgg16"))
    assert {"3×3 Conv (512) ×2", "3×3 Conv (512) ×3"} <= set(said)
    assert not any("repeat" in text for text in said)


@pytest.mark.parametrize("style", ["map", "stack"])
def test_what_shares_its_parameters_says_so(style: str) -> None:
    texts = [
        words_of(s)
        for s in flat(picture([load("graphs/siamese")], style, Sheet(), depth=1).scene.shapes)
        if isinstance(s, Words)
    ]
    assert sum("shared" in text for text in texts) >= 1
    texts = [words_of(s) for s in flat(picture([load("lenet")], style, Sheet()).scene.shapes) if isinstance(s, Words)]
    assert not any("shared" in text for text in texts)


def test_a_block_of_several_values_says_their_shapes() -> None:
    said = shown(load("graphs/hrnet_w18"))
    assert "18 × 56 × 56 … 144 × 7 × 7" in said
    assert "?" not in said


def test_a_u_net_fits_a_column() -> None:
    drawn = picture([load("unet")], "map", Sheet(fit=paper("column")))
    assert drawn.smallest >= SMALLEST
    assert faults(drawn.scene) == []


@pytest.mark.parametrize("spec", ["unet", "graphs/yolov8n", "graphs/fpn", "graphs/unetpp", "language/t5"])
def test_lines_of_different_values_never_run_along_each_other(spec: str) -> None:
    net = load(spec)
    overview = Overview(net, opened(net), boxes_of(net), Sheet().voice, None, ROOMS[0])
    for cells in [*overview.cells(), by_line(overview.boxes, 1)]:
        grid = Grid(overview.cards, cells)
        lines = [shape for shape in grid.scene(overview.edges).shapes if isinstance(shape, Stroke)]
        found: dict[int, list[Pieces]] = {}
        for (tail, _), line in zip(overview.edges, lines, strict=True):
            found.setdefault(tail, []).append(pieces_of(line))
        for (a, mine), (b, others) in combinations(found.items(), 2):
            assert not any(along(p, q) for x in mine for y in others for p in x for q in y), (a, b)


Pieces = list[tuple[float, float, float, float]]


def pieces_of(line: Stroke) -> Pieces:
    return [(*a, *b) for a, b in pairwise(line.points)]


def along(p: tuple[float, float, float, float], q: tuple[float, float, float, float]) -> bool:
    """Whether two upright or level pieces have more than a point in common."""
    for axis in (0, 1):
        level = abs(p[axis] - p[axis + 2]) < 0.01 and abs(q[axis] - q[axis + 2]) < 0.01
        if level and abs(p[axis] - q[axis]) < 0.5:
            low = max(min(p[1 - axis], p[3 - axis]), min(q[1 - axis], q[3 - axis]))
            high = min(max(p[1 - axis], p[3 - axis]), max(q[1 - axis], q[3 - axis]))
            return high - low > 0.5
    return False


def test_a_u_net_is_a_u_by_its_structure() -> None:
    """Down on the left, up on the right, each skip on one level; names play no part."""
    net = load("unet")
    boxes = boxes_of(net)
    cells = by_size(boxes, tight=False)
    assert cells is not None
    stages = {box.output.shape: cell for box, cell in zip(boxes, cells, strict=True) if box.kind == "stage"}
    down = [stages[64 * 2**n, 256 // 2**n, 256 // 2**n] for n in (0,)]
    bottom = stages[1024, 16, 16]
    assert bottom[1] == 4
    assert down[0][0] < bottom[0]
    skips = [(p, at) for at, box in enumerate(boxes) for p in box.before if p != at - 1]
    assert len(skips) == 4
    for p, at in skips:
        assert cells[p][1] == cells[at][1]
        assert cells[p][0] < bottom[0] < cells[at][0]


def test_encoder_and_decoder_without_skips_are_a_u_too() -> None:
    conv = {"Conv2d": {"out_channels": 4, "kernel_size": 2, "stride": 2}}
    up = {"ConvTranspose2d": {"out_channels": 4, "kernel_size": 2, "stride": 2}}
    net = netspec.loads(json.dumps({"name": "n", "input": [3, 32, 32], "layers": [conv, conv, up, up]}))
    cells = by_size(boxes_of(net), tight=False)
    assert cells == [(0, 0), (0, 1), (1, 2), (2, 1), (2, 0), (3, 0)]


def test_a_pyramid_has_a_level_for_each_size_and_its_levels_meet() -> None:
    net = load("graphs/fpn")
    boxes = boxes_of(net)
    cells = by_size(boxes, tight=False)
    assert cells is not None
    rows = [cell[1] for box, cell in zip(boxes, cells, strict=True) if box.kind == "input"]
    assert sorted(rows) == [0, 1, 2, 3]
    assert [name for box in boxes for name in box.called if name.startswith("pyramid")] != []


def test_an_encoder_and_a_decoder_over_sequences_stand_side_by_side() -> None:
    boxes = boxes_of(load("graphs/seq2seq"))
    assert by_size(boxes, tight=False) is None
    assert not is_chain(boxes)
    columns = {column for column, _ in by_branch(boxes)}
    assert columns == {0, 1}


def test_a_classifier_is_a_chain_in_lines() -> None:
    boxes = boxes_of(load("torchvision/vgg", "vgg16"))
    assert by_size(boxes, tight=False) is None
    assert is_chain(boxes)
    assert [box.output.shape[1:] for box in boxes if len(box.output.shape) == 3][1:6] == [
        (224, 224), (112, 112), (56, 56), (28, 28), (14, 14),
    ]  # fmt: skip


def test_every_box_stands_in_a_cell_of_its_own() -> None:
    for spec in ("graphs/unetpp", "graphs/yolov8n", "graphs/retinanet", "graphs/hrnet_w18", "graphs/dlrm"):
        boxes = boxes_of(load(spec))
        for cells in (by_size(boxes, tight=False), by_size(boxes, tight=True), by_branch(boxes)):
            assert cells is None or len(set(cells)) == len(boxes)
        assert all(p < at for at, box in enumerate(boxes) for p in box.before)


def test_a_head_of_training_says_so() -> None:
    layers = [
        {"Conv2d": {"out_channels": 4, "kernel_size": 3}},
        {"aux": ["Flatten", {"Linear": 3}]},
        "Flatten",
        {"Linear": 9},
    ]
    said = shown(netspec.loads(json.dumps({"name": "n", "input": [3, 8, 8], "layers": layers})))
    assert "training only" in said


def test_a_head_of_training_has_the_shape_of_what_it_gives() -> None:
    heads = [box for box in boxes_of(load("torchvision/googlenet")) if box.auxiliary]
    assert [box.output.shape for box in heads] == [(1000,), (1000,)]


LARGE = (
    ("generative/stable_diffusion_unet", None),
    ("graphs/ddpm", None),
    ("graphs/hrnet_w18", None),
    ("graphs/ssd300", None),
    ("graphs/unetpp", None),
    ("audio/wavenet", None),
    ("graphs/nbeats", None),
    ("vision/tnt", None),
)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "variant"), LARGE)
@pytest.mark.parametrize("fit", ["a4", "slide"])
def test_a_net_of_more_stages_than_a_page_has_room_for_has_fewer_and_coarser_ones(
    spec: str, variant: str | None, fit: str
) -> None:
    drawn = picture([load(spec, variant)], "map", Sheet(fit=paper(fit)))
    assert drawn.smallest >= 6
    assert faults(drawn.scene) == []


@pytest.mark.parametrize(("spec", "variant"), LARGE)
def test_coarser_boxes_hold_the_same_items_and_each_stands_behind_those_it_takes_values_of(
    spec: str, variant: str | None
) -> None:
    net = load(spec, variant)
    first, *rest = (boxes for boxes, _ in fewer(boxes_of(net)))
    inside = sorted(id(item) for box in first for item in box.items)
    for boxes in rest:
        assert len(boxes) < len(first)
        assert sorted(id(item) for box in boxes for item in box.items) == inside
        assert all(p < at for at, box in enumerate(boxes) for p in box.before)


def test_sides_of_a_u_stay_apart_where_the_boxes_of_one_size_become_one() -> None:
    net = load("generative/stable_diffusion_unet")
    found = of_one_size(boxes_of(net))
    maps = [box.key for box in found if box.kind == "stage" and box.key[0] == "map"]
    counts = [maps.count(key) for key in dict.fromkeys(maps)]
    assert counts == [2, 2, 2, 1], "64, 32 and 16 going down and up, and 8 at the bottom"


def test_letters_tell_the_kinds_of_a_block_apart_that_has_many() -> None:
    """MobileNetV3 has ten kinds of one block, and insets that were all called the same."""
    said = shown(load("torchvision/mobilenet_v3", "mobilenet_v3_large"), fit="a4")
    assert {"inverted (a) ×3 of 15", "inverted (b) ×3 of 15", "inverted (g), (c) ×2"} <= set(said)
