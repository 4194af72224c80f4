"""The style `map`: stages, what repeats, and the shape that the structure of the graph gives the picture."""

from __future__ import annotations

import json

import netspec
from netspec.drawing.closing import opened
from netspec.drawing.coarse import StageBox, coarse, stage_boxes
from netspec.drawing.grid import by_branch, by_size, is_chain
from netspec.drawing.page import Sheet, paper
from netspec.drawing.scene import Words, flat
from netspec.drawing.styles import picture
from netspec.net import Net
from tests.drawing.held import words_of
from tests.drawing.nets import load


def shown(net: Net, **page: str) -> list[str]:
    fit = paper(page["fit"]) if page else None
    return [words_of(s) for s in flat(picture([net], "map", Sheet(fit=fit)).scene.shapes) if isinstance(s, Words)]


def boxes_of(net: Net) -> list[StageBox]:
    return stage_boxes(net, coarse(net, opened(net)))


def test_stages_say_their_size_and_how_often_a_block_stands_there() -> None:
    said = shown(load("torchvision/resnet", "resnet50"))
    assert {"256 × 56 × 56", "bottleneck ×3", "bottleneck ×4", "bottleneck ×6", "2048 × 7 × 7", "FC (1000)"} <= set(
        said
    )
    assert not any("layer1" in text for text in said)


def test_a_block_is_opened_once_beside_the_overview() -> None:
    said = shown(load("torchvision/resnet", "resnet50"))
    assert "bottleneck ×16" in said
    assert said.count("3×3 Conv (256), pad 1 · BatchNorm · ReLU") == 1


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
