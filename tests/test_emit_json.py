"""The `netspec.net/2` JSON object: exactly the documented keys, in order, with correct values."""

from __future__ import annotations

import json

import netspec
from netspec.diagnostics import Span
from netspec.dims import UNKNOWN, Dim
from netspec.emit.json import to_json
from netspec.layers.base import TensorType
from netspec.layers.linear import Linear
from netspec.net import Leaf, Net, Sequential

ALEXNET = "specs/alexnet.yaml"
NESTED = """
name: nested
input: [3, 8, 8]
blocks:
  conv_bn(out):
    - Conv2d: {out_channels: out, kernel_size: 3, padding: 1, bias: false}
    - BatchNorm2d
layers:
  - conv_bn: 4
  - residual: [{conv_bn: 4}, ReLU]
  - concat: [[], [{conv_bn: 2}]]
  - name: head
    sequential: [Flatten, {Linear: 10}]
"""


def test_the_object_has_the_documented_keys_in_the_documented_order() -> None:
    made = to_json(netspec.load(ALEXNET))
    assert list(made) == ["format", "name", "source", "variant", "inputs", "outputs", "layers", "tree", "totals"]
    assert made["format"] == "netspec.net/2"
    assert list(made["layers"][0]) == [
        "path", "name", "type", "args", "input_shape", "output_shape", "dtype", "inputs", "results",
            "params", "trainable_params", "macs",
        "again", "ties", "line", "column", "calls",
    ]  # fmt: skip
    assert list(made["totals"]) == ["layers", "params", "trainable_params", "buffers", "macs", "flops"]


def test_alexnet_has_the_figures_of_the_book() -> None:
    made = to_json(netspec.load(ALEXNET))
    sizes = [layer["output_shape"][-1] for layer in made["layers"]]
    assert len(sizes) == 21
    assert sizes[:13:1] == [54, 54, 26, 26, 26, 12, 12, 12, 12, 12, 12, 12, 5]
    assert sizes[13:] == [6400, 4096, 4096, 4096, 4096, 4096, 4096, 10]
    assert made["totals"]["params"] == 46_764_746
    assert made["totals"]["macs"] == 938_146_176
    assert made["totals"]["flops"] == 2 * 938_146_176
    assert made["inputs"] == [{"name": None, "slot": None, "shape": [1, 224, 224], "dtype": "float32"}]
    assert made["outputs"] == [
        {"name": None, "slots": [], "family": False, "values": [{"shape": [10], "dtype": "float32"}]}
    ]
    assert made["source"] == ALEXNET


def test_arguments_are_all_constructor_arguments_in_signature_order_with_inferred_widths() -> None:
    first = to_json(netspec.load(ALEXNET))["layers"][0]
    assert list(first["args"]) == [
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias", "padding_mode",
    ]  # fmt: skip
    assert first["args"]["in_channels"] == 1


def test_it_survives_json_and_lines_and_columns_lead_back_to_the_spec() -> None:
    text = NESTED.splitlines()
    made = json.loads(json.dumps(to_json(netspec.loads(NESTED))))
    for layer in made["layers"]:
        assert text[layer["line"] - 1][layer["column"] - 1 :].lstrip("{").startswith(layer["type"])
    assert [call["block"] for call in made["layers"][0]["calls"]] == ["conv_bn"]


def test_the_tree_nests_the_same_layers_in_the_same_order() -> None:
    made = to_json(netspec.loads(NESTED))
    found: list[str] = []
    stack = [made["tree"]]
    while stack:
        node = stack.pop()
        if node["kind"] == "layer":
            found.append(node["path"])
        stack.extend(reversed(node.get("children", node.get("branches", []))))
    assert found == [layer["path"] for layer in made["layers"]]
    kinds = [node["kind"] for node in made["tree"]["children"]]
    assert kinds == ["block", "residual", "concat", "sequential"]


def test_a_layer_or_block_given_as_an_argument_is_its_name() -> None:
    text = """
input: [8]
blocks:
  act(kind, other):
    - $kind
    - $other: 4
layers:
  - act: [ReLU, Linear]
"""
    made = json.loads(json.dumps(to_json(netspec.loads(text))))
    assert made["tree"]["children"][0]["args"] == {"kind": "ReLU", "other": "Linear"}


def test_a_size_that_is_no_number_is_a_string() -> None:
    assert isinstance(UNKNOWN, Dim)
    x, place = TensorType((UNKNOWN,)), Span("s.yaml", 1, 1, 1, 2)
    layer = Linear(out_features=3)
    leaf = Leaf("0", None, layer, x, TensorType((3,)), place)
    made = to_json(Net("s", "", "s.yaml", None, x, Sequential("", None, (leaf,), place, x, leaf.output)))
    assert made["inputs"][0]["shape"] == ["?"]
    assert made["layers"][0]["args"]["in_features"] == "?"
    json.dumps(made)
