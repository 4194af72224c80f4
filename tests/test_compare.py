"""Comparison of two nets: ratios and lists of differences."""

from __future__ import annotations

import json

import pytest

import netspec
from netspec.cli.compare import command
from netspec.comparison import Change, compare
from netspec.net import Net
from tests.commands import invoke

CHAIN = """
name: {name}
input: [3, 16, 16]
layers:
  - Conv2d: {{out_channels: {width}, kernel_size: 3}}
  - ReLU
{extra}  - Flatten
  - Linear: 10
"""


def _net(name: str = "a", width: int = 8, extra: str = "") -> Net:
    return netspec.loads(CHAIN.format(name=name, width=width, extra=extra))


def test_lenet_and_alexnet_have_the_ratios_of_their_counts() -> None:
    comparison = compare(netspec.load("specs/lenet.yaml"), netspec.load("specs/alexnet.yaml"))
    assert comparison.sentence == "alexnet has 757.9 times the parameters of lenet and 2,252.3 times its MACs"
    rows = {row.key: row for row in comparison.rows}
    assert (rows["params"].a, rows["params"].b) == (61_706, 46_764_746)
    assert rows["macs"].ratio == 938_146_176 / 416_520
    assert rows["flops"].b == 2 * 938_146_176
    assert rows["weight_bytes"].b == 4 * 46_764_746
    assert rows["buffers"].ratio is None


def test_activations_are_the_elements_of_all_stdouts_of_one_example() -> None:
    net = _net()
    rows = {row.key: row for row in compare(net, net).rows}
    assert rows["activations"].a == 2 * 8 * 14 * 14 + 8 * 14 * 14 + 10


def test_the_longest_path_takes_the_longer_branch_and_no_training_head() -> None:
    extra = "  - concat: [[], [ReLU, ReLU, ReLU]]\n  - aux: [Flatten, ReLU, ReLU, ReLU, ReLU]\n"
    rows = {row.key: row for row in compare(_net(), _net(extra=extra)).rows}
    assert (rows["depth"].a, rows["depth"].b) == (4, 7)
    assert (rows["layers"].a, rows["layers"].b) == (4, 12)


def test_a_changed_argument_is_one_change_and_the_widths_that_follow_from_it_are_none() -> None:
    (change,) = compare(_net(width=8), _net(width=9)).changes
    assert change.kind == "changed"
    assert change.arguments == (("out_channels", 8, 9),)
    assert change.a is not None and change.a.path == "0"


def test_an_inserted_layer_is_one_addition_and_its_followers_are_the_same() -> None:
    (change,) = compare(_net(), _net(extra="  - MaxPool2d: 2\n")).changes
    assert (change.kind, change.a) == ("added", None)
    assert change.b is not None and (change.b.type, change.b.path) == ("MaxPool2d", "2")
    (reverse,) = compare(_net(extra="  - MaxPool2d: 2\n"), _net()).changes
    assert reverse.kind == "removed"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Conv2d: {out_channels: 4, kernel_size: 3}", "Conv2d: {out_channels: 4, kernel_size: [3, 3], stride: [1, 1]}"),
        ("MaxPool2d: 2", "MaxPool2d: {kernel_size: [2, 2], stride: 2}"),
        ("AdaptiveAvgPool2d: 1", "AdaptiveAvgPool2d: {output_size: [1, 1]}"),
        ("Upsample: {size: 16, mode: bilinear}", "Upsample: {size: [16, 16], mode: bilinear}"),
        ("Upsample: {scale_factor: 2}", "Upsample: {scale_factor: [2, 2]}"),
        ("ZeroPad2d: 1", "ZeroPad2d: {padding: [1, 1, 1, 1]}"),
    ],
)
def test_one_number_for_all_axes_is_as_one_for_each(one: str, other: str) -> None:
    a, b = (netspec.loads(f"input: [3, 8, 8]\nlayers:\n  - {item}\n") for item in (one, other))
    assert compare(a, b).changes == ()


@pytest.mark.parametrize(
    ("one", "other", "argument"),
    [
        ("LayerNorm: {normalized_shape: 8}", "LayerNorm: {normalized_shape: [8, 8]}", "normalized_shape"),
        ("MaxPool2d: 2", "MaxPool2d: {kernel_size: 2, stride: 1}", "stride"),
        ("Conv2d: {out_channels: 4, kernel_size: 3}", "Conv2d: {out_channels: 4, kernel_size: [3, 1]}", "kernel_size"),
    ],
)
def test_what_is_no_value_for_each_axis_or_another_stays_a_change(one: str, other: str, argument: str) -> None:
    a, b = (netspec.loads(f"input: [3, 8, 8]\nlayers:\n  - {item}\n") for item in (one, other))
    (change,) = compare(a, b).changes
    assert [name for name, _, _ in change.arguments] == [argument]


def test_tables_that_differ_are_told_by_their_shapes() -> None:
    def net(start: float, columns: int) -> Net:
        rows = [[start + column / 7 for column in range(columns)] for _ in range(5)]
        return netspec.loads(f"input: [5, 1]\nlayers:\n  - Buffer: {rows}\n")

    wider, other = (compare(net(0, 8), b).differences[-1] for b in (net(0, 9), net(1, 8)))
    assert wider == "~ 0  Buffer: value [5 × 8 values] → [5 × 9 values]"
    assert other == "~ 0  Buffer: value [5 × 8 values] → other values"


def test_freezing_is_a_change() -> None:
    frozen = CHAIN.replace(
        "  - Flatten", "  - Conv2d: {{out_channels: 4, kernel_size: 1}}\n    freeze: true\n  - Flatten"
    )
    free = frozen.replace("    freeze: true\n", "")
    (change,) = compare(*(netspec.loads(text.format(name="a", width=8, extra="")) for text in (free, frozen))).changes
    assert change.arguments == (("freeze", False, True),)


def test_a_net_equals_itself() -> None:
    comparison = compare(_net(), _net())
    assert comparison.changes == ()
    assert comparison.sentence == "A and B have equally many parameters and MACs"
    assert all(row.ratio in (1, None) for row in comparison.rows)


def test_where_there_is_no_ratio_the_sentence_gives_what_there_is() -> None:
    nothing = netspec.loads("name: nothing\ninput: [3, 16, 16]\nlayers: [ReLU]\n")
    assert compare(nothing, _net()).sentence == "nothing has 0 parameters, a has 15,914"
    symbolic = netspec.loads("name: any\ninput: [3, H, 16]\nlayers:\n  - Conv2d: {out_channels: 8, kernel_size: 3}\n")
    assert compare(symbolic, symbolic).sentence == "B has exactly the parameters of A"


def test_the_text_names_additions_removals_and_changes_by_sign_and_path() -> None:
    comparison = compare(_net("a", 8, "  - Dropout: 0.5\n"), _net("b", 16, "  - MaxPool2d: 2\n"))
    lines = comparison.to_text().splitlines()
    assert "3 differences between the layers: 1 added, 1 removed, 1 changed" in lines
    assert "~ 0  Conv2d: out_channels 8 → 16" in lines
    assert "- 2  Dropout 0.5" in lines
    assert "+ 2  MaxPool2d 2×2" in lines
    assert "```diff" in comparison.to_markdown()


def test_the_differences_begin_with_whose_paths_stand_there() -> None:
    """Only for the signs that there are, and with an example where a layer has two paths."""
    lines = compare(netspec.load("specs/lenet.yaml"), netspec.load("specs/alexnet.yaml")).to_text().splitlines()
    at = lines.index("25 differences between the layers: 15 added, 6 removed, 4 changed")
    assert lines[at + 1 : at + 4] == [
        "  + only in alexnet, with its path there",
        "  - only in lenet, with its path there",
        "  ~ in both, with other arguments; 7 → 14: its path in lenet → in alexnet",
    ]
    assert any(line.startswith("~ 7 → 14  Linear") for line in lines)
    assert "  ~ in both, with other arguments" in compare(_net(width=8), _net(width=9)).to_text().splitlines()
    alone = compare(_net("one"), _net("two", extra="  - MaxPool2d: 2\n")).to_text()
    assert "+ only in two" in alone
    assert "only in one" not in alone


def test_all_changes_applied_to_a_give_b() -> None:
    """An invariant: without the layers named in the changes, both nets have the same layers."""
    a, b = netspec.load("specs/lenet.yaml"), netspec.load("specs/alexnet.yaml")
    changes = compare(a, b).changes
    gone = {change.a.path for change in changes if change.a}
    new = {change.b.path for change in changes if change.b}
    kept_a = [(leaf.type, leaf.layer) for leaf in a.layers if leaf.path not in gone]
    kept_b = [(leaf.type, leaf.layer) for leaf in b.layers if leaf.path not in new]
    assert kept_a == kept_b
    assert all(isinstance(change, Change) for change in changes)


def test_thousands_of_equal_layers_are_compared_in_seconds() -> None:
    text = "input: [4]\nlayers:\n  - repeat: {n}\n    do: [{{Linear: 4}}, ReLU]\n"
    changes = compare(netspec.loads(text.format(n=2000)), netspec.loads(text.format(n=2003))).changes
    assert len(changes) == 6
    assert all(change.kind == "added" for change in changes)


def test_the_command_prints_the_table_and_json_that_parses() -> None:
    table = invoke(command, "specs/lenet.yaml", "specs/alexnet.yaml")
    assert table.exit_code == 0
    assert "alexnet has 757.9 times the parameters of lenet" in table.stdout
    made = invoke(command, "specs/lenet.yaml", "specs/alexnet.yaml", "--format", "json")
    data = json.loads(made.stdout)
    assert data["format"] == "netspec.comparison/1"
    assert {row["quantity"]: row["b"] for row in data["rows"]}["params"] == 46_764_746


def test_two_variants_of_one_file_can_be_compared() -> None:
    path = "specs/torchvision/resnet.yaml"
    made = invoke(command, path, path, "--variant-a", "resnet18", "--variant-b", "resnet34")
    assert made.exit_code == 0
    assert "resnet34 has 1.86 times the parameters of resnet18" in made.stdout


SEVERAL = """
name: several
input: {image: [3, 8, 8], words: [16, int64]}
layers:
  - Flatten
  - {Linear: 8, as: "p[0]"}
  - {Linear: 4, as: "p[1]"}
  - use: words
  - Embedding: {num_embeddings: 9, embedding_dim: 2}
output: {levels: p, told: [Flatten]}
"""


def test_a_net_of_several_inputs_and_outputs_is_told_with_all_of_them() -> None:
    net = netspec.loads(SEVERAL)
    assert repr(net).startswith("<Net several: image 3×8×8, words 16 → levels (8, 4), told 32, 5 layers")
    assert repr(_net()).startswith("<Net a: 3×16×16 → 10, ")
    told = compare(net, _net()).to_json()["a"]
    assert told["inputs"] == [
        {"name": "image", "shape": [3, 8, 8], "dtype": "float32"}, {"name": "words", "shape": [16], "dtype": "int64"},
    ]  # fmt: skip
    assert [(value["name"], value["family"], [t["shape"] for t in value["values"]]) for value in told["outputs"]] == [
        ("levels", True, [[8], [4]]), ("told", False, [[32]]),
    ]  # fmt: skip
    assert compare(net, _net()).to_json()["b"]["outputs"][0]["name"] is None


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ("[each: [Linear: 64, ReLU]]", 2 * 10 * 64),
        ("[Linear: 64, ReLU]", 2 * 10 * 64),
        ("[{mixture: {repeat: 4, do: [Linear: 64]}, router: [Linear: 4], top: 2}]", 10 * 4 + 2 * 10 * 64),
    ],
)
def test_activations_in_slices_are_those_of_all_of_them(layers: str, count: int) -> None:
    net = netspec.loads(f"input: [10, 32]\nlayers: {layers}")
    rows = {row.key: row for row in compare(net, net).rows}
    assert rows["activations"].a == count


@pytest.mark.parametrize("width", [80, 60])
def test_lines_for_a_terminal_are_broken_at_blanks_alone(width: int) -> None:
    found = compare(*(netspec.load(f"specs/{name}.yaml") for name in ("lenet", "alexnet")))
    whole, broken = found.to_text(), found.to_text(width)
    assert max(map(len, whole.split("\n"))) > width
    assert max(map(len, broken.split("\n"))) <= width
    assert broken.split() == whole.split()
