"""The summary table: correct figures, at most 80 columns, and marks on rows that are folded or unknown."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

import netspec
from netspec.compiler import compile_source
from netspec.diagnostics import Span
from netspec.dims import UNKNOWN
from netspec.emit.json import to_json
from netspec.layers.base import TensorType
from netspec.layers.linear import Linear
from netspec.net import Leaf, Net, Sequential
from netspec.table import partial_table, summary, summary_csv, summary_markdown
from netspec.text.source import read

RESIDUAL = """
name: small
input: [3, 32, 32]
blocks:
  conv_bn(out):
    - Conv2d: {out_channels: out, kernel_size: 3, padding: 1, bias: false}
    - BatchNorm2d
  basic(width):
    - residual: [{conv_bn: width}, ReLU, {conv_bn: width}]
    - ReLU
layers:
  - conv_bn: 16
  - ReLU
  - repeat: 3
    basic: 16
  - aux: [Flatten, {Linear: 10}]
  - Flatten
  - Linear: 10
"""


@pytest.fixture(scope="module")
def alexnet() -> Net:
    return netspec.load("specs/alexnet.yaml")


def _numbers(cell: str) -> int:
    return int(cell.replace(",", "") or 0)


def test_alexnet_fits_in_80_columns_with_one_line_per_layer(alexnet: Net) -> None:
    lines = summary(alexnet).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "alexnet: input 1 × 224 × 224, output 10"
    assert " ".join(lines[4].split()) == "0 Conv2d 96, 11×11, stride 4, padding 1 96 × 54 × 54 11,712 33,872,256"
    assert sum(bool(re.match(r"\d+ ", line)) for line in lines) == 21
    total = next(line for line in lines if "21 layers" in line)
    assert total.split()[-2:] == ["46,764,746", "938,146,176"]
    assert "FLOPs 1,876,292,352 (2 × MACs)" in lines[-2]


def test_figures_are_right_aligned_under_their_headings(alexnet: Net) -> None:
    lines = summary(alexnet).splitlines()
    heading, first = lines[2], lines[4]
    assert heading.endswith("MACs") and len(heading) == len(first)
    end = heading.index("Parameters") + len("Parameters")
    assert first[:end].endswith("11,712")


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_narrow_table_wraps_arguments_and_loses_nothing(alexnet: Net, width: int) -> None:
    words = summary(alexnet, width=width).split()
    assert sorted(word for word in words if "─" not in word) == sorted(
        word for word in summary(alexnet, width=200).split() if "─" not in word
    )


@pytest.mark.parametrize("depth", [1, 2, 3, None])
def test_the_columns_add_up_to_the_totals_at_every_depth(depth: int | None) -> None:
    net = netspec.loads(RESIDUAL)
    lines = [line for line in summary_markdown(net, depth=depth).splitlines() if line.startswith("|")]
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    body, total = rows[2:-1], rows[-1]
    assert sum(_numbers(row[3]) for row in body) == _numbers(total[3]) == net.params
    macs = [row[4] for row in body]
    assert sum(_numbers(cell) for cell in macs if not cell.startswith("(")) == net.macs


def test_depth_closes_blocks_and_counts_equal_neighbours() -> None:
    text = summary(netspec.loads(RESIDUAL), depth=1)
    assert "basic(16) ×3" in text
    assert "residual" not in text
    everything = summary(netspec.loads(RESIDUAL))
    assert everything.count("basic(16)") == 3
    assert everything.count("Conv2d 16") == 7


def test_a_round_of_a_loop_over_names_shows_them_as_the_spec_writes_them() -> None:
    text = """
name: rows
input: [8]
vars:
  rows: [[twice, ReLU, 2], [twice, {LeakyReLU: 0.1}, 3]]
blocks:
  twice(act): [Linear: 8, $act]
layers:
  - for: row in rows
    do: [Linear: "row[2]", ReLU]
"""
    table = summary(netspec.loads(text), depth=1)
    assert "for row = [twice, ReLU, 2]" in table
    assert "for row = [twice, LeakyReLU, 3]" in table


def test_the_macs_of_training_heads_stand_in_brackets_and_outside_the_total() -> None:
    net = netspec.loads(RESIDUAL)
    head = 16 * 32 * 32 * 10
    text = summary(net)
    assert f"({head:,})" in text
    assert "in training only" in text
    assert net.macs == sum(leaf.macs for leaf in net.layers) - head  # type: ignore[operator]


def test_every_layer_has_one_csv_record_with_exact_figures(alexnet: Net) -> None:
    records = list(csv.DictReader(io.StringIO(summary_csv(alexnet))))
    assert [record["path"] for record in records] == [str(i) for i in range(21)]
    assert records[0]["output_shape"] == "96x54x54"
    assert sum(int(record["params"]) for record in records) == 46_764_746
    assert sum(int(record["macs"]) for record in records) == 938_146_176


def test_the_multiply_accumulates_of_a_combinator_are_in_every_format() -> None:
    spec = 'input: [5, 16]\nlayers:\n  - einsum: [[Linear: 8], [Linear: 8]]\n    pattern: "n i d, n j d -> n i j"\n'
    net = netspec.loads(spec)
    records = list(csv.DictReader(io.StringIO(summary_csv(net))))
    assert [(record["type"], record["arguments"], record["macs"]) for record in records] == [
        ("einsum", "n i d, n j d -> n i j", "200"), ("Linear", "8", "640"), ("Linear", "8", "640")
    ]  # fmt: skip
    assert sum(int(record["macs"]) for record in records) == net.macs == 1480
    told = to_json(net)
    assert (
        sum(layer["macs"] for layer in told["layers"]) + told["tree"]["children"][0]["macs"] == told["totals"]["macs"]
    )
    assert "1,480" in summary(net)


def test_markdown_escapes_what_markdown_would_read() -> None:
    text = summary_markdown(netspec.loads(RESIDUAL), depth=1)
    assert r"basic(16) ×3" in text
    assert r"conv\_bn(16)" in text


def test_a_partial_table_ends_where_shapes_become_unknown_and_says_so() -> None:
    def leaf(path: str, size: int, x: TensorType, y: TensorType) -> Leaf:
        return Leaf(path, None, Linear(out_features=size), x, y, Span("s.yaml", 10 + int(path), 5, 12, 9))

    x = TensorType((8,))
    unknown = TensorType((UNKNOWN,))
    children = (
        leaf("0", 4, x, TensorType((4,))),
        leaf("1", 2, TensorType((4,)), unknown),
        leaf("2", 7, unknown, unknown),
    )
    root = Sequential("", None, children, Span("s.yaml", 1, 1, 1, 2), x, unknown)
    text = partial_table(Net("s", "", "s.yaml", None, x, root))
    assert "Linear 4" in text
    assert "Linear 7" not in text
    assert text.endswith("the table ends here: the output shape of Linear (line 11) and what follows is unknown")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (
            "input: [3, 8, 8]\nlayers: [{Linear: 4}, Flatten, {Conv2d: {out_channels: 3, kernel_size: 3}}]\n",
            "3 × 8 × 8",
        ),
        ("input: [3, 8, 8]\nlayers: [Flatten, {Linaer: 4}]\n", "3 × 8 × 8"),
        ("input: [3, x]\nlayers: [Flatten, {Linear: 4}]\n", "unknown"),
    ],
)
def test_what_is_unknown_for_a_mistake_is_not_given_as_a_scalar(text: str, title: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text)
    result = compile_source(*read(str(tmp_path / "s.yaml")))
    assert result.net is not None
    assert partial_table(result.net).splitlines()[0] == f"s: input {title}"
    assert "scalar" not in partial_table(result.net)


@pytest.mark.parametrize(
    ("top", "told"),
    [
        (1, "`mixture` runs 1 of 4 branches: their MACs are beside the first"),
        (2, "`mixture` runs 2 of 4 branches: their MACs are beside the first 2"),
        (4, None),
    ],
)
def test_rows_without_macs_of_experts_are_explained_below_the_table(top: int, told: str | None) -> None:
    net = netspec.loads(
        "input: [10, 32]\nlayers:\n  - repeat: 2\n    do:\n      - mixture: {repeat: 4, do: [Linear: 32]}\n"
        f"        router: [Linear: 4]\n        top: {top}\n"
    )
    text = netspec.summary(net)
    rows = [line for line in text.splitlines() if ".branches." in line]
    assert [len(line.split()) > 5 for line in rows] == ([True] * top + [False] * (4 - top)) * 2
    assert text.count("`mixture` runs") == (told is not None)
    assert told is None or text.endswith(told)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("function", ["summary", "diagram", "expand", "to_json", "to_python", "compare"])
def test_what_is_no_net_is_told_so(function: str) -> None:
    call = getattr(netspec, function)
    given = ("specs/lenet.yaml",) * (2 if function == "compare" else 1)
    told = rf"netspec.{function} wants a net, as `netspec.load\('specs/lenet.yaml'\)` gives one, not 'specs/"
    with pytest.raises(TypeError, match=told):
        call(*given)
    with pytest.raises(TypeError, match=r"not 3$"):
        call(*(3 for _ in given))
