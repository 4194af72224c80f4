"""The style `stack`: what its lines say, what stands at one height, what is shown once."""

from __future__ import annotations

import json

import pytest

import netspec
from netspec.drawing.page import Sheet, paper
from netspec.drawing.scene import Box, Scene, Tip, Words, flat
from netspec.drawing.stages import aligned, key
from netspec.drawing.styles import picture
from netspec.views.describe import shape_text
from tests.drawing.held import faults, words_of
from tests.drawing.nets import load, nets


def heights(scene: Scene) -> dict[str, list[float]]:
    """The lower edge of each box, by what it says."""
    found: dict[str, list[float]] = {}
    for tip in scene.shapes:
        if isinstance(tip, Tip):
            words = " ".join(words_of(shape) for shape in tip.shapes if isinstance(shape, Words))
            found.setdefault(words, []).extend(s.y + s.height for s in tip.shapes if isinstance(s, Box))
    return found


def shown(scene: Scene) -> list[str]:
    return [words_of(shape) for shape in flat(scene.shapes) if isinstance(shape, Words)]


def test_a_line_says_a_layer_as_the_book_does() -> None:
    scene = picture(nets("lenet and alexnet"), "stack", Sheet()).scene
    assert {
        "11×11 Conv (96), stride 4, pad 1 · ReLU", "3×3 MaxPool, stride 2", "FC (4096) · ReLU · Dropout 0.5",
        "5×5 Conv (6), pad 2 · Sigmoid", "2×2 AvgPool, stride 2", "FC (84) · Sigmoid", "16 × 5 × 5", "256 × 5 × 5",
    } <= set(shown(scene))  # fmt: skip


def test_stages_of_equal_size_stand_at_one_height_and_inputs_and_outputs_too() -> None:
    found = heights(picture(nets("lenet and alexnet"), "stack", Sheet()).scene)
    last_of_lenet = max(found["2×2 AvgPool, stride 2"], key=lambda y: -y)
    assert last_of_lenet == min(found["3×3 MaxPool, stride 2"])  # 5 × 5
    assert len(set(found["FC (10)"])) == 1
    boxes = [s for s in flat(picture(nets("lenet and alexnet"), "stack", Sheet()).scene.shapes) if isinstance(s, Box)]
    ends = [box.y for box in boxes if box.role == "end"]
    assert sorted(map(ends.count, set(ends))) == [2, 2]


def test_rows_of_stages_are_equal_sizes_first_and_then_kinds() -> None:
    small = [key((1, s, s)) for s in (28, 14, 5)] + [key((10,))]
    large = [key((1, s, s)) for s in (54, 26, 12, 5)] + [key((10,))]
    rows = aligned([small, large])
    assert [2, 3] in rows and [3, 4] in rows
    assert [row[0] for row in rows if row[0] is not None] == [0, 1, 2, 3]
    assert [row[1] for row in rows if row[1] is not None] == [0, 1, 2, 3, 4]
    assert sum(None in row for row in rows) == 1


def test_a_block_that_repeats_is_drawn_once_with_its_number() -> None:
    said = shown(picture([load("torchvision/vision_transformer", "vit_b_16")], "stack", Sheet()).scene)
    assert "encoder ×12" in said
    assert said.count("SelfAttention, 12 heads") == 1


def test_branches_stand_side_by_side_in_the_order_of_the_spec() -> None:
    branches = [[{"Conv2d": {"out_channels": n, "kernel_size": 1}}] for n in (3, 4, 5)]
    net = netspec.loads(json.dumps({"name": "n", "input": [2, 8, 8], "layers": [{"concat": branches}]}))
    words = {words_of(s): s for s in flat(picture([net], "stack", Sheet()).scene.shapes) if isinstance(s, Words)}
    a, b, c = (words[f"1×1 Conv ({n})"] for n in (3, 4, 5))
    assert a.y == b.y == c.y
    assert a.x < b.x < c.x


def test_a_name_of_a_layer_stands_in_its_box_and_a_value_beside_the_line() -> None:
    assert "tokens:" in shown(picture([load("language/gpt2", "gpt2_small")], "stack", Sheet()).scene)
    said = shown(picture([load("unet")], "stack", Sheet(), depth=9).scene)
    assert said.count("skip[0]") == 2  # where it is named, and where it is read


def test_what_is_too_tall_is_folded_or_broken_and_that_is_told() -> None:
    told = picture([load("torchvision/vgg", "vgg16")], "stack", Sheet(fit=paper("slide"))).told
    assert "columns" in told
    folded = picture([load("torchvision/densenet", "densenet121")], "stack", Sheet(fit=paper("a4")))
    assert "calls of a block in a row are one box" in folded.told
    assert "dense ×24" in " ".join(shown(folded.scene))
    assert not any(text.startswith("for ") for text in shown(folded.scene))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_closed_head_of_training_stands_beside_the_line_and_says_so(depth: int) -> None:
    net = load("torchvision/googlenet")
    scene = picture([net], "stack", Sheet(fit=paper("a4")) if depth == 0 else Sheet(), depth=depth or None).scene
    words = [shape for shape in flat(scene.shapes) if isinstance(shape, Words)]
    heads = [shape for shape in words if words_of(shape).startswith("head")]
    frames = [shape for shape in flat(scene.shapes) if isinstance(shape, Box) and shape.frame and shape.dashed]
    line = next(shape.x for shape in words if words_of(shape).startswith("FC (1000)"))
    assert len(heads) == len(frames) == [words_of(shape) for shape in words].count("training only") == 2
    assert all(frame.x > line for frame in frames)
    assert all(frame.x < head.x < frame.x + frame.width for head, frame in zip(heads, frames, strict=True))


def test_a_closed_block_says_the_values_that_it_reads_and_gives() -> None:
    said = shown(picture([load("graphs/yolov8n")], "stack", Sheet(fit=paper("slide"))).scene)
    assert sorted(text for text in said if "←" in text) == [
        "3 layers · ← maps[3], maps[4], maps[5]", "concat 14 layers · ← p[3]", "concat 14 layers · ← p[4]",
        "concat 14 layers · ← p[5]",
    ]  # fmt: skip
    assert not any("→" in text for text in said)  # what it gives has a name on the line


@pytest.mark.parametrize("name", ["graphs/vae", "graphs/actor_critic", "graphs/fpn", "graphs/yolov8n"])
def test_each_value_that_a_network_gives_has_one_box_above_what_makes_it(name: str) -> None:
    net = load(name)
    scene = picture([net], "stack", Sheet()).scene
    given = [f"{value.name} {shape_text(type_.shape)}" for value in net.outputs for type_ in value.types]
    words = {text: [w.y for w in flat(scene.shapes) if isinstance(w, Words) and words_of(w) == text] for text in given}
    assert all(len(places) == given.count(text) for text, places in words.items())
    assert faults(scene) == []


def test_a_value_that_is_given_and_flows_on_stands_beside_the_line() -> None:
    text = "{name: n, input: [4], layers: [Linear: 3, {as: a}, Linear: 2, {as: b}], output: {first: a, b: b}}"
    scene = picture([netspec.loads(text)], "stack", Sheet()).scene
    words = {words_of(s): s for s in flat(scene.shapes) if isinstance(s, Words)}
    assert words["first 3"].left > words["FC (3)"].x
    assert words["FC (2)"].y < words["first 3"].y < words["a"].y < words["FC (3)"].y
    assert words["b 2"].x == words["FC (2)"].x
