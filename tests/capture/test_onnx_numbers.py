"""What numbers in an .onnx file are: masks, halves, and what advice is given of a file of one batch."""

# ruff: noqa: E402

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

import torch.nn.functional as F
from torch import nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.onnx.door import from_onnx


class Causal(nn.Module):
    """Attention to what stands in front."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        batch, length, _ = x.shape
        heads = [part.reshape(batch, length, 2, 4).transpose(1, 2) for part in self.parts(x).chunk(3, -1)]
        found = F.scaled_dot_product_attention(heads[0], heads[1], heads[2], is_causal=True)
        return self.out(found.transpose(1, 2).reshape(batch, length, 8))


def exported(module: nn.Module, path: Path, given: Any, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that torch is about to leave behind
        torch.onnx.export(module.eval(), (given,), path, **options)
    return path


@pytest.mark.parametrize("is_new", [False, True], ids=["old exporter", "new exporter"])
def test_a_causal_mask_is_a_word_and_not_its_numbers(tmp_path: Path, is_new: bool) -> None:
    module, given = Causal(), torch.randn(3, 80, 8)  # 6,400 numbers, and at most 4,096 are written
    found = from_onnx(exported(module, tmp_path / "net.onnx", given, dynamo=is_new))
    assert "is_causal: true" in found.found.text
    assert "Buffer" not in found.found.text
    net = netspec.build(netspec.loads(found.found.text))
    net.load_state_dict(found.weights)
    torch.testing.assert_close(net.eval()(given), module(given))


@pytest.mark.parametrize(("dtype", "name"), [(torch.float16, "float16"), (torch.float64, "float64")])
def test_other_floats_are_said_and_held_against_what_they_can_be(tmp_path: Path, dtype: Any, name: str) -> None:
    module, given = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3)).to(dtype), torch.randn(3, 64)
    found = from_onnx(exported(module, tmp_path / "net.onnx", given.to(dtype), dynamo=False))
    assert f"numbers of {name} are written as float32" in found.notes
    assert found.difference is not None
    net = netspec.build(found.found.net)
    net.load_state_dict(found.weights)
    torch.testing.assert_close(net.eval()(given), module(given.to(dtype)).float(), atol=1e-2, rtol=1e-2)


class Sorts(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.argmax(x, 1)


def test_no_other_batch_is_advised_where_it_helps_nothing(tmp_path: Path) -> None:
    path = exported(Sorts(), tmp_path / "net.onnx", torch.randn(3, 4), dynamo=False)
    with pytest.raises(NotCaptured) as caught:
        from_onnx(path)
    assert "`ArgMax` has no form in a spec" in str(caught.value)
    assert "dynamic_axes" not in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([("MatMul", "x w", "a"), ("Relu", "a", "a"), ("Relu", "a", "y")], '"a" is made twice'),
        ([("Add", "x b", "a"), ("Relu", "a", "b"), ("Relu", "b", "y")], '"b" is read before a node makes it'),
        ([("Relu", "x", "y"), ("Relu", "x", "x")], '"x" is made twice'),
    ],
)
def test_a_value_that_is_made_of_itself_is_refused_at_once(
    nodes: list[tuple[str, str, str]], told: str, tmp_path: Path
) -> None:
    helper: Any = onnx.helper
    made = helper.make_graph(
        [helper.make_node(op, inputs.split(), [output]) for op, inputs, output in nodes], "g",
        [helper.make_tensor_value_info("x", 1, ["n", 4])], [helper.make_tensor_value_info("y", 1, ["n", 4])],
        [helper.make_tensor("w", 1, [4, 4], [1.0] * 16)],
    )  # fmt: skip
    path = tmp_path / "net.onnx"
    path.write_bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    with pytest.raises(NotCaptured) as caught:
        from_onnx(path, ())
    assert told in str(caught.value)
    assert "the file is damaged" in str(caught.value)
