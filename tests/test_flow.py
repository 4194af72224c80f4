"""The style `flow` as it is read: titles and arrows, order and numbers of branches, tooltips, what is written of loops
and paddings, and texts measured as Chromium renders them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.dom import minidom

import pytest

import netspec
from netspec.cli.draw import command
from netspec.diagnostics import ResourceError, UsageError
from netspec.drawing import diagram, render
from netspec.drawing.dot import Direction
from netspec.net import Net
from netspec.views.fold import fold, stacked
from netspec.views.graph import flow
from tests.browser import CHROMIUM, MISSING, Page
from tests.commands import invoke
from tests.random_texts import texts as random_texts
from tests.random_texts import wrong
from tests.test_diagram import runs, words

ROOT = Path(__file__).parent.parent

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

CONCAT = """\
name: branches
input: [16, 8, 8]
layers:
  - concat:
      - [Conv2d: {out_channels: 1, kernel_size: 1}]
      - []
      - [Conv2d: {out_channels: 3, kernel_size: 1}]
      - [Conv2d: {out_channels: 4, kernel_size: 1}]
"""


def texts(net: Net | list[Net], direction: Direction = "TB") -> dict[str, tuple[float, float]]:
    """Where each line of a picture begins, by its words."""
    svg = minidom.parseString(render(diagram(net, direction=direction), "svg"))
    found = svg.getElementsByTagName("text")
    return {" ".join(runs(e)): (float(e.getAttribute("x")), float(e.getAttribute("y"))) for e in found}


def titles(net: Net) -> list[str]:
    """What a browser shows of what is pointed at."""
    svg = minidom.parseString(render(diagram(net), "svg"))
    return ["".join(n.data for n in e.childNodes) for e in svg.getElementsByTagName("title")]  # type: ignore[union-attr]


# ---- titles


OVERLAPS = """
(() => {
  const boxes = [...document.querySelectorAll('g.node, g.cluster')].flatMap(
    g => [...g.querySelectorAll('path, polygon, ellipse')].map(e => e.getBBox()));
  const texts = [...document.querySelectorAll('text')].filter(t => t.textContent.trim())
    .map(t => ({words: t.textContent, box: t.getBBox()}));
  const found = [];
  for (const {words, box} of texts) {
    const x = box.x + 1, y = box.y + box.height / 2;
    const around = boxes.filter(r => r.x <= x && x <= r.x + r.width && r.y <= y && y <= r.y + r.height)
      .sort((p, q) => p.width * p.height - q.width * q.height)[0];
    if (around && box.x + box.width > around.x + around.width + 0.5)
      found.push(`${words} ends ${box.x + box.width - around.x - around.width} beyond its box`);
  }
  for (let i = 0; i < texts.length; i++) for (let j = 0; j < i; j++) {
    const a = texts[i].box, b = texts[j].box;
    const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
    const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
    if (wide > 0 && high > a.height / 2) found.push(`${texts[j].words} runs into ${texts[i].words}`);
  }
  for (const path of document.querySelectorAll('g.edge path')) {
    const all = path.getBBox(), length = path.getTotalLength();
    const near = texts.filter(({box: b}) => b.x < all.x + all.width + 1 && b.x + b.width > all.x - 1
      && b.y < all.y + all.height + 1 && b.y + b.height > all.y - 1);
    const points = near.length ? Array.from({length: length / 3}, (_, i) => path.getPointAtLength(3 * i)) : [];
    for (const {words, box} of near)
      if (points.some(p => p.x > box.x && p.x < box.x + box.width && p.y > box.y + 2 && p.y < box.y + box.height - 2))
        found.push(`an arrow crosses ${words}`);
  }
  return found;
})()
"""
"""What a reader of a picture would stumble over, as Chromium renders it: texts that leave their boxes or run into each
other, arrows through texts."""


@needs_chromium
@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize(
    ("spec", "variant"),
    [
        ("graphs/pointnet", None),
        ("d2l/nin", None),
        ("torchvision/regnet", "regnet_x_400mf"),
        ("unet", None),
        ("vision/ghostnet", "ghostnet_050"),
    ],
)
def test_no_title_is_crossed_and_no_text_leaves_its_box(
    spec: str, variant: str | None, direction: Direction, page: Page, tmp_path: Path
) -> None:
    picture = tmp_path / "net.svg"
    picture.write_bytes(render(diagram(netspec.load(ROOT / f"specs/{spec}.yaml", variant), direction=direction), "svg"))
    page.open(picture)
    assert page.js(OVERLAPS) == []


def test_the_title_of_a_frame_stands_on_the_way_into_it() -> None:
    spec = (
        "input: [4, 8, 8]\nblocks:\n  block(out, kernel):\n    - Conv2d: {out_channels: out, kernel_size: kernel}\n"
        "    - Conv2d: {out_channels: out, kernel_size: kernel}\nlayers:\n  - block: [8, 3]\n"
    )
    source = diagram(netspec.loads(spec)).source
    (frame,) = re.findall(r"(n\d+) \[label=<[^\n]*block\(8, 3\)", source)
    assert re.search(rf"n\d+ -> {frame} \[dir=none", source)
    assert re.search(rf"{frame} -> n\d+ \[tooltip", source)


def test_a_frame_that_no_arrow_leads_into_has_its_title() -> None:
    spec = "input: [4, 8]\nblocks:\n  own: [Parameter: [1, 8], ReLU, Linear: 8]\nlayers:\n  - concat: [[own], []]\n"
    assert "own()" in words(diagram(netspec.loads(spec))) or "own" in words(diagram(netspec.loads(spec)))


# ---- directions and variants


def test_from_left_to_right_nets_and_branches_stand_in_their_order() -> None:
    nets = [netspec.load(ROOT / f"specs/{name}.yaml") for name in ("lenet", "alexnet")]
    found = texts(nets, "LR")
    assert found["lenet"][1] < found["alexnet"][1]
    found = texts(netspec.loads(CONCAT), "LR")
    assert found["Conv2d 1, 1×1"][1] < found["Conv2d 3, 1×1"][1] < found["Conv2d 4, 1×1"][1]


def test_from_left_to_right_a_long_net_stands_in_rows_that_say_what_goes_on() -> None:
    picture = render(diagram(netspec.load(ROOT / "specs/alexnet.yaml"), direction="LR"), "svg").decode()
    width, height = map(float, re.findall(r'(?:width|height)="(\d+)pt"', picture)[:2])
    assert width < 1400
    assert width < 3 * height
    net = netspec.load(ROOT / "specs/alexnet.yaml")
    svg = minidom.parseString(render(diagram(net, direction="LR"), "svg"))
    ends = [" ".join(runs(e)) for e in svg.getElementsByTagName("text") if "…" in runs(e)[0]]
    assert ends
    assert all(ends.count(end) == 2 for end in ends)  # at the end of one row and the beginning of the next
    found = texts(net, "LR")
    assert all(any(leaf.type in text for text in found) for leaf in net.layers)


def test_several_variants_of_a_spec_are_drawn_side_by_side_each_with_its_title(tmp_path: Path) -> None:
    out = tmp_path / "two.svg"
    spec = ROOT / "specs/torchvision/resnet.yaml"
    result = invoke(command, spec, "--variant", "resnet18", "--variant", "resnet34", "-o", out, "--depth", "1")
    assert result.exit_code == 0, result.exception
    said = out.read_text()
    assert ">resnet18</text>" in said
    assert ">resnet34</text>" in said
    again = invoke(command, spec, spec, "--variant", "resnet18", "--variant", "resnet34", "-o", out, "--depth", "1")
    assert again.exit_code == 0
    assert out.read_text() == said


def test_it_must_be_clear_which_variant_is_that_of_which_spec(tmp_path: Path) -> None:
    spec = str(ROOT / "specs/torchvision/resnet.yaml")
    options = [option for name in ("resnet18", "resnet34") for option in ("--variant", name)]
    result = invoke(command, spec, spec, spec, *options, "-o", tmp_path / "x.svg")
    assert isinstance(result.exception, UsageError)
    assert "3 specs, 3 of them with variants, and 2 `--variant`" in str(result.exception)


# ---- what is said


def test_whoever_points_at_a_box_an_arrow_or_a_frame_is_told_the_line_of_the_spec_arguments_and_shapes() -> None:
    spec = "name: tips\ninput: [1, 8, 8]\nblocks:\n  two(n):\n    - Conv2d: {out_channels: n, kernel_size: 3}\n"
    spec += "    - Conv2d: {out_channels: n, kernel_size: 3}\nlayers:\n  - two: 4\n  - Flatten\n"
    found = titles(netspec.loads(spec))
    assert found[0] == "tips"
    assert "two(4) · line 8" in found
    arguments, counts = "in_channels 1, out_channels 4, kernel_size 3×3", "40 parameters, 1,296 MACs"
    assert f"Conv2d · line 5\n{arguments}\n1 × 8 × 8 → 4 × 6 × 6\n{counts}" in found
    assert "4 × 6 × 6" in found
    assert not [title for title in found if re.search(r"\bn\d+\b|cluster_", title)]


def test_operands_are_numbered_where_their_order_matters() -> None:
    found = texts(netspec.loads(CONCAT))
    assert {"1 1 × 8 × 8", "2 16 × 8 × 8", "3 3 × 8 × 8", "4 4 × 8 × 8"} <= found.keys()
    minus = "input: [4]\nlayers:\n  - {Linear: 4, as: a}\n  - ReLU\n  - as: b\noutput: a - b\n"
    assert {"1 4", "2 4"} <= texts(netspec.loads(minus)).keys()
    plus = texts(netspec.loads(minus.replace("a - b", "a + b")))
    assert not {"1 4", "2 4"} & plus.keys()


def test_a_closed_round_of_a_loop_has_the_title_of_what_is_in_it() -> None:
    net = netspec.load(ROOT / "specs/torchvision/densenet.yaml", "densenet121")
    found = words(diagram(net, depth=1))
    assert {"dense ×6", "bn_conv, AvgPool2d, dense ×12", "bn_conv, AvgPool2d, dense ×24"} <= set(found)
    assert "for i = 1, depth = 12" in found


def test_a_frame_around_some_rounds_of_a_repeat_says_which() -> None:
    layers = "  - repeat: 4\n    do: [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, ReLU]\n"
    first = words(diagram(netspec.loads(f"input: [3, 8, 8]\nlayers:\n{layers}")))
    assert "repeat (2 to 4 of 4) ×3" in first
    alike = words(diagram(netspec.loads(f"input: [8, 8, 8]\nlayers:\n{layers}")))
    assert "repeat ×4" in alike


def test_what_is_drawn_once_for_several_calls_says_what_differs_as_a_range() -> None:
    """In stage 3 of a Swin-T two blocks stand three times, with a stochastic depth that grows throughout."""
    net = netspec.load(ROOT / "specs/torchvision/swin_transformer.yaml", "swin_t")
    said = " ".join(words(diagram(net, depth=2)))
    assert "block1(12, 0, 0.07273 … 0.1455)" in said
    assert "block1(12, 3, 0.09091 … 0.1636)" in said
    assert "block1(24, 3, 0.2)" in said


def test_a_block_in_what_is_drawn_once_says_the_arguments_of_all_calls() -> None:
    text = """\
input: [8]
blocks:
  drop(p): [{Linear: 8}, {Dropout: p}, {Linear: 8}]
  whole(p):
    - drop: p
    - Linear: 4
    - Linear: 8
    - drop: p / 2
layers:
  - for: p in [0.1, 0.2, 0.3]
    do: [whole: p]
"""
    said = words(diagram(netspec.loads(text)))
    assert {"whole ×3", "drop(0.1 … 0.3)", "drop(0.05 … 0.15)"} <= set(said), said


def test_what_a_padding_cuts_off_is_drawn_as_a_cut() -> None:
    spec = "input: [4, 9, 9]\nlayers:\n  - ZeroPad2d: PADDING\n"
    for padding, said, color in (
        ("-2", "cut 2", "#ced2d7"),
        ("{padding: [-1, 0, 2, 0]}", "cut left 1, top 2", "#d7c59f"),
        ("{padding: [-1, 0, 0, -3]}", "cut left 1, cut bottom 3", "#ced2d7"),
        ("2", "2", "#d7c59f"),
    ):
        graph = diagram(netspec.loads(spec.replace("PADDING", padding)))
        assert said in words(graph)
        assert f'BGCOLOR="{color}"' in graph.source


# ---- a layout that runs away


def test_a_layout_that_takes_too_long_is_folded_further_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program here is an engine that never ends with more than sixty nodes."""
    pytest.importorskip("pygraphviz")
    program = tmp_path / "dot"
    program.write_text(
        "#!/bin/sh\ncat > $0.txt\nif [ $(grep -c 'n[0-9]* \\[label' $0.txt) -gt 60 ]; then exec sleep 60; fi\n"
        'echo "<svg></svg>"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    out = tmp_path / "net.svg"
    spec = ROOT / "specs/torchvision/resnet.yaml"
    result = invoke(command, spec, "--variant", "resnet50", "-o", out, "--timeout", "1")
    assert result.exit_code == 0, result.exception
    assert "took more than 1 s and was given up: drawn folded further, as by `--depth 2`" in result.stderr
    asked = invoke(command, spec, "--variant", "resnet50", "-o", out, "--timeout", "1", "--depth", "5")
    assert isinstance(asked.exception, ResourceError)  # a depth that was asked for is kept to


# ---- any text


@pytest.mark.parametrize("seed", range(5))
def test_any_text_is_whole_and_in_its_box(seed: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Two hundred random texts; where there is no Chromium, they are not measured."""
    page: Page | None = None if CHROMIUM is None else request.getfixturevalue("page")
    assert wrong(random_texts(40, seed), page, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 55))
def test_two_thousand_texts_are_whole_and_in_their_boxes(
    seed: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    test_any_text_is_whole_and_in_its_box(seed, request, tmp_path)


# ---- what arrows say


@pytest.mark.parametrize("forks", [True, False])
def test_an_arrow_out_of_a_closed_block_says_the_shape_of_what_is_read(forks: bool) -> None:
    """The skips of a folded U-Net leave before the pooling at the end of each round, with maps of twice the size."""
    net = netspec.load(ROOT / "specs/unet.yaml")
    drawn = flow(net, stacked(fold(net, 1)), forks=forks)
    place = {name: at for at, name in enumerate(drawn.vertices)}
    skips = [edge.tensor.shape for edge in drawn.edges if place[edge.head] > place[edge.tail] + 1]
    assert sorted(skips) == [(64, 256, 256), (128, 128, 128), (256, 64, 64), (512, 32, 32)]


def test_two_values_out_of_one_closed_block_have_an_arrow_each() -> None:
    text = """\
input: [4, 8, 8]
layers:
  - for: i in [0]
    do:
      - {Conv2d: {out_channels: 4, kernel_size: 2, stride: 2}, as: "half[i]"}
      - {Conv2d: {out_channels: 4, kernel_size: 2, stride: 2}, as: "quarter[i]"}
      - AdaptiveAvgPool2d: 1
  - for: i in [0]
    do:
      - concat: [[Flatten], [use: "half[i]", Flatten], [use: "quarter[i]", Flatten]]
"""
    net = netspec.loads(text)
    drawn = flow(net, stacked(fold(net, 1)), forks=True)
    assert [e.tensor.shape for e in drawn.edges][1:4] == [(4, 1, 1), (4, 4, 4), (4, 2, 2)]
