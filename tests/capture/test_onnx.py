"""`netspec import model.onnx`: networks that torch and Keras write come back with equal outputs, by onnxruntime."""

# ruff: noqa: E402, E501

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

import numpy as np
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file
from torch import nn
from torchvision import models

import netspec
from netspec.capture.onnx.building import built
from netspec.capture.onnx.door import from_onnx
from netspec.capture.onnx.reading import read_onnx
from netspec.cli.import_ import command
from netspec.diagnostics import NetspecError
from tests.commands import flowing


class Classifier(nn.Module):
    """An LSTM over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.lstm = nn.LSTM(16, 12, batch_first=True, bidirectional=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(self.embed(x))[0][:, -1])


class Encoder(nn.Module):
    """A transformer over tokens, of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.positions = nn.Parameter(torch.randn(1, 12, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu", norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        return self.head(self.encoder(self.embed(x) + self.positions).mean(1))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 10),
    )  # fmt: skip


def alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(16, 24, 3, padding=1, groups=2), nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True), nn.Flatten(), nn.Dropout(), nn.Linear(216, 32),
        nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip


def resnet() -> nn.Module:
    return models.ResNet(models.resnet.BasicBlock, [2, 2, 1, 1], num_classes=10)


PICTURE, TOKENS = (3, 32, 32), (12,)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (lenet, (1, 28, 28)),
    "alexnet": (alexnet, PICTURE),
    "resnet": (resnet, PICTURE),
    "mobilenet": (lambda: models.mobilenet_v3_small(num_classes=10), PICTURE),
    "vit": (lambda: models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10), PICTURE),
    "encoder": (Encoder, TOKENS),
    "lstm": (Classifier, TOKENS),
}


def random_weights(module: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    for key, value in module.state_dict().items():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * (0.5 if key.endswith("running_var") else 0.02))
    return module.eval()


def example(sizes: tuple[int, ...], batch: int = 2) -> Any:
    torch.manual_seed(2)
    return torch.randint(0, 50, (batch, *sizes)) if sizes == TOKENS else torch.randn(batch, *sizes)


EXPORTERS: dict[str, dict[str, Any]] = {
    "script": {"dynamo": False, "dynamic_axes": {"x": {0: "N"}}},
    "script, batch of 1": {"dynamo": False, "opset_version": 14, "do_constant_folding": False, "fixed": True},
    "dynamo": {"dynamo": True, "external_data": False, "dynamic_shapes": ({0: "N"},)},
    "dynamo, batch of 1": {"dynamo": True, "external_data": True, "fixed": True},
}


def exported(module: nn.Module, sizes: tuple[int, ...], path: Path, fixed: bool = False, **options: Any) -> None:
    if options["dynamo"]:
        options["verbose"] = False
        if not fixed:
            options["dynamic_shapes"] = ({0: torch.export.Dim("N", min=1, max=64)},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (example(sizes, 1 if fixed else 2),), str(path), input_names=["x"], **options)


def runs(path: Path, *given: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return [torch.as_tensor(y) for y in session.run(None, {n: x.numpy() for n, x in zip(names, given, strict=True)})]


def imported(path: Path, *more: str) -> tuple[Result, Path]:
    target = path.with_suffix(".yaml")
    return CliRunner().invoke(command, [str(path), "-o", str(target), *more]), target


def agrees(path: Path, target: Path, given: Any) -> float:
    """How far the built net with the weights beside is from the file, as a share of the largest output."""
    model = netspec.build(netspec.load(target)).eval()
    model.load_state_dict(load_file(target.with_suffix(".safetensors")))
    with torch.no_grad():
        ours, theirs = model(given), runs(path, given)[0]
    assert ours.shape == theirs.shape
    assert float(theirs.abs().max()) > 1e-3
    return float((ours - theirs).abs().max()) / max(1.0, float(theirs.abs().max()))


SLOW = {(name, exporter) for name in ("mobilenet", "resnet") for exporter in ("dynamo", "script, batch of 1")}
"""Exporting takes seconds: by two of the four in the ordinary run."""


@pytest.mark.parametrize(
    ("name", "exporter"),
    [
        pytest.param(name, exporter, marks=[pytest.mark.slow] if (name, exporter) in SLOW else [])
        for name in NETWORKS
        for exporter in EXPORTERS
    ],
)
def test_what_torch_writes_comes_back_with_equal_outputs(name: str, exporter: str, tmp_path: Path) -> None:
    make, sizes = NETWORKS[name]
    path = tmp_path / f"{name}.onnx"
    exported(random_weights(make()), sizes, path, **EXPORTERS[exporter])
    done, target = imported(path)
    assert done.exit_code == 0, done.output or done.exception
    assert "with its weights equal to onnxruntime" in done.output
    batch = 1 if EXPORTERS[exporter].get("fixed") else 3
    assert agrees(path, target, example(sizes, batch)) < 1e-4


@pytest.mark.slow
def test_paths_of_the_file_are_those_of_the_spec(tmp_path: Path) -> None:
    """A file without folded norms has the weights of the module, whose keys the spec has; parts that are alike are blocks."""
    module = random_weights(resnet())
    path = tmp_path / "resnet.onnx"
    options = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    exported(module, PICTURE, path, dynamo=False, dynamic_axes={"x": {0: "N"}}, **options)
    done, target = imported(path)
    assert done.exit_code == 0, done.output
    wanted = {key for key in module.state_dict() if "num_batches" not in key}
    assert wanted <= set(load_file(target.with_suffix(".safetensors")))


def keras_networks(keras: Any) -> Iterator[tuple[str, Any]]:
    L = keras.layers  # noqa: N806  # as Keras' own pages have it
    picture = L.Input((16, 16, 3))
    yield "mlp", keras.Sequential([picture, L.Flatten(), L.Dense(32, activation="relu"), L.Dropout(0.2), L.Dense(10)])
    yield "lenet", keras.Sequential([
        picture, L.Conv2D(6, 5, padding="same", activation="sigmoid"), L.AveragePooling2D(2), L.Conv2D(8, 3, activation="tanh"),
        L.MaxPooling2D(2, padding="same"), L.Flatten(), L.Dense(10, activation="softmax"),
    ])  # fmt: skip
    x = first = L.BatchNormalization()(L.Conv2D(8, 3, padding="same")(picture))
    x = L.Conv2D(8, 3, padding="same", use_bias=False)(L.ReLU()(x))
    x = L.GlobalAveragePooling2D()(L.Add()([L.BatchNormalization()(x), first]))
    yield "resnet", keras.Model(picture, L.Dense(10)(x))
    x = L.Conv2D(8, 3, strides=2, padding="same")(picture)
    x = L.ReLU(6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
    yield "mobilenet", keras.Model(picture, L.Dense(10)(L.GlobalAveragePooling2D()(L.Conv2D(16, 1)(x))))
    x = L.Concatenate()([picture, L.Conv2D(8, 3, padding="same", activation="relu")(picture)])
    yield "densenet", keras.Model(picture, L.Dense(10)(L.GlobalMaxPooling2D()(L.Conv2D(8, 1, activation="elu")(x))))
    yield "text", keras.Sequential([
        L.Input((24, 4)), L.Conv1D(8, 5, activation="silu", padding="causal"), L.AveragePooling1D(2), L.Conv1D(8, 3),
        L.GlobalMaxPooling1D(), L.Dense(5, activation="gelu"),
    ])  # fmt: skip


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet", "mobilenet", "densenet", "text"])
def test_what_keras_writes_comes_back_with_equal_outputs(name: str, tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
        keras.utils.set_random_seed(3)
        model = dict(keras_networks(keras))[name]
        for weight in model.weights:
            if weight.dtype == "float32":
                numbers = keras.ops.convert_to_numpy(weight)
                weight.assign(numbers + np.random.default_rng(1).random(numbers.shape, dtype="float32") / 10)
        given = torch.randn(2, *model.input_shape[1:])
        model(given.numpy())
        path = tmp_path / f"{name}.onnx"
        model.export(str(path), format="onnx", verbose=False)
    done, target = imported(path)
    assert done.exit_code == 0, done.output
    assert agrees(path, target, given) < 1e-4


# ---- single operators


def graph(
    path: Path,
    nodes: list[Any],
    sizes: list[Any],
    constants: dict[str, Any] | None = None,
    opset: int = 18,
    kind: int = 1,
) -> Path:
    """A file of one input `x` and one output `y`."""
    made = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, sizes)], [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def numbers(*sizes: int) -> Any:
    return np.random.default_rng(7).standard_normal(sizes, dtype="float32") / 2


def node(op: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    name = f"the {op}" if outputs == "y" else f"the {op} of {outputs}"
    return helper.make_node(op, [n.strip("-") for n in inputs.split()], outputs.split(), name=name, **attributes)


MAP: list[Any] = ["N", 4, 9, 10]
SINGLE: dict[str, tuple[list[Any], list[Any], dict[str, Any]]] = {
    "same, even": ([node("Conv", "x w b", auto_pad="SAME_UPPER", strides=[2, 2])], MAP, {"w": numbers(6, 4, 3, 3), "b": numbers(6)}),
    "same, lower": ([node("Conv", "x w", auto_pad="SAME_LOWER", strides=[2, 2])], MAP, {"w": numbers(6, 4, 4, 4)}),
    "groups, dilation": ([node("Conv", "x w", group=2, dilations=[2, 1], pads=[1, 0, 2, 1])], MAP, {"w": numbers(6, 2, 3, 3)}),
    "transposed": ([node("ConvTranspose", "x w b", strides=[2, 2], pads=[1, 0, 1, 0], output_padding=[1, 1])], MAP,
                   {"w": numbers(4, 3, 3, 3), "b": numbers(3)}),
    "transposed, cut": ([node("ConvTranspose", "x w", strides=[2, 2], auto_pad="SAME_UPPER")], MAP, {"w": numbers(4, 3, 3, 3)}),
    "pool, ceil": ([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1])], MAP, {}),
    "pool, counted": ([node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 0, 1, 0], count_include_pad=1)], MAP, {}),
    "pool, not counted": ([node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 1, 1])], MAP, {}),
    "pool, dilated": ([node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2])], MAP, {}),
    "norm": ([node("BatchNormalization", "x s b m v", epsilon=1e-3)], MAP,
             {"s": numbers(4), "b": numbers(4), "m": numbers(4), "v": numbers(4) ** 2 + 0.1}),
    "instance norm": ([node("InstanceNormalization", "x s b")], MAP, {"s": numbers(4), "b": numbers(4)}),
    "resize": ([node("Resize", "x - scales", mode="linear", coordinate_transformation_mode="half_pixel")], MAP,
               {"scales": np.array([1, 1, 2, 2], "float32")}),
    "depth to space": ([node("DepthToSpace", "x", blocksize=2)], MAP, {}),
    "slopes": ([node("PRelu", "x s")], MAP, {"s": numbers(4, 1, 1)}),
    "gelu, spelled out": ([node("Div", "x r", "a"), node("Erf", "a", "b"), node("Add", "b o", "c"), node("Mul", "x c", "d"),
                           node("Mul", "d h")], ["N", 6],
                          {"r": np.float32(2**0.5), "o": np.float32(1), "h": np.float32(0.5)}),
    "hard swish, spelled out": ([node("Add", "x t", "a"), node("Clip", "a z s", "b"), node("Div", "b s", "c"), node("Mul", "x c")],
                                ["N", 6], {"t": np.float32(3), "z": np.float32(0), "s": np.float32(6)}),
    "layer norm, spelled out": ([node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "d"), node("Pow", "d two", "q"),
                                 node("ReduceMean", "q", "v", axes=[-1]), node("Add", "v e", "w"), node("Sqrt", "w", "s"),
                                 node("Div", "d s", "n"), node("Mul", "n g", "p"), node("Add", "p b")], ["N", 5, 6],
                                {"two": np.float32(2), "e": np.float32(1e-5), "g": numbers(6), "b": numbers(6)}),
    "gru": ([node("Transpose", "x", "t", perm=[1, 0, 2]), node("GRU", "t w r b", "s l", hidden_size=5, linear_before_reset=1),
             node("Squeeze", "l zero")], ["N", 7, 3],
            {"w": numbers(1, 15, 3), "r": numbers(1, 15, 5), "b": numbers(1, 30), "zero": np.array([0])}),
    "rnn": ([node("Transpose", "x", "t", perm=[1, 0, 2]), node("RNN", "t w r b", "s l", hidden_size=5, activations=["Relu"]),
             node("Squeeze", "l zero")], ["N", 7, 3],
            {"w": numbers(1, 5, 3), "r": numbers(1, 5, 5), "b": numbers(1, 10), "zero": np.array([0])}),
    "sizes": ([node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n first", "u"),
               node("Concat", "u rest", "z", axis=0), node("Reshape", "x z")], MAP,
              {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])}),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_computes_what_onnxruntime_does(name: str, tmp_path: Path) -> None:
    nodes, sizes, constants = SINGLE[name]
    path = graph(tmp_path / "one.onnx", nodes, sizes, constants, opset=13 if "layer norm" in name else 18)
    done, target = imported(path)
    assert done.exit_code == 0, done.output
    assert agrees(path, target, torch.randn(3, *sizes[1:])) < 1e-5
    if "spelled" in name:
        assert len(netspec.load(target).layers) == 1


# ---- what is refused


REFUSED: dict[str, tuple[list[Any], list[Any], dict[str, Any], str]] = {
    "no form": ([node("CumSum", "x one")], ["N", 4], {"one": np.array(1)}, 'CumSum node "the CumSum": `CumSum` has no form'),
    "not a layer's": ([node("Conv", "x w")], MAP, {"w": numbers(6, 3, 3, 3)}, "meet 4 channels"),
    "more than fits": ([node("Expand", "one s", "e"), node("Mul", "x e")], ["N", 4], {"one": numbers(1), "s": np.array([10**6, 10**6, 1])},
                       "the Expand"),
    "made large": ([node("ConstantOfShape", "s", "c"), node("Add", "x c")], ["N", 4], {"s": np.array([2**40])}, "more than 4,194,304"),
    "padded": ([node("Pad", "x p")], MAP, {"p": np.array([0, 0, 0, 0, 0, 0, 2**30, 0])}, "are computed"),
    "unknown value": ([node("Add", "x absent")], ["N", 4], {}, '"absent" is read before a node makes it'),
    "no input": ([node("Identity", "w")], ["N", 4], {"w": numbers(4)}, "no input decides"),
    "large input": ([node("Relu", "x")], ["N", 2**30, 2**20], {}, "are run"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_named_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    nodes, sizes, constants, told = REFUSED[name]
    path = graph(tmp_path / "bad.onnx", nodes, sizes, constants)
    done, _ = imported(path)
    assert isinstance(done.exception, NetspecError), done.output
    assert told in str(done.exception)
    assert [each.name for each in tmp_path.iterdir()] == ["bad.onnx"]


def outside(tmp_path: Path, location: str, **more: str) -> Path:
    path = graph(tmp_path / "net.onnx", [node("MatMul", "x w")], ["N", 4], {"w": numbers(4, 3)})
    model = onnx.load(str(path))
    tensor = model.graph.initializer[0]
    (tmp_path / "net.data").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    return path


def test_numbers_come_from_files_beside(tmp_path: Path) -> None:
    path = outside(tmp_path, "net.data")
    done, target = imported(path)
    assert done.exit_code == 0, done.output
    assert agrees(path, target, torch.randn(3, 4)) < 1e-6


@pytest.mark.parametrize(
    ("location", "more", "told"),
    [
        ("../net.data", {}, "in the same directory alone"),
        ("/etc/passwd", {}, "in the same directory alone"),
        ("away.data", {}, "no plain file in the same directory"),
        ("absent.data", {}, "absent.data"),
        ("net.data", {"offset": "8"}, "which has 48"),
        ("net.data", {"length": "4000000000000"}, "which has 48"),
        ("net.data", {"offset": "-1"}, "which has 48"),
        ("net.data", {"offset": "x"}, "no number for its place"),
    ],
)
def test_numbers_from_elsewhere_are_refused(location: str, more: dict[str, str], told: str, tmp_path: Path) -> None:
    (tmp_path / "net.data").write_bytes(bytes(48))
    home = tmp_path / "home"
    home.mkdir()
    (home / "away.data").symlink_to(tmp_path / "net.data")
    done, target = imported(outside(home, location, **more))
    assert isinstance(done.exception, NetspecError), done.output
    assert told in str(done.exception)
    assert not target.exists()


def test_sizes_that_the_file_leaves_open_are_asked_for(tmp_path: Path) -> None:
    path = graph(tmp_path / "open.onnx", [node("Relu", "x")], ["N", 3, "height", "width"])
    done, _ = imported(path)
    assert "`--input 3,16,16` says sizes" in str(done.exception)
    done, target = imported(path, "--input", "3,16,16")
    assert done.exit_code == 0, done.output
    assert netspec.load(target).input_shape == (3, 16, 16)
    wrong, _ = imported(path, "--input", "4,16,16", "--force")
    assert "[N, 3, height, width], the batch first" in str(wrong.exception)


@pytest.mark.parametrize("data", [b"", b"netspec: 1\n", bytes(100), b"\x08\x07"])
def test_what_is_no_onnx_file_is_told(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(data)
    done, target = imported(path)
    assert "is no ONNX file" in str(done.exception)
    assert not target.exists()


def test_weights_are_not_written_over(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", [node("MatMul", "x w")], ["N", 4], {"w": numbers(4, 3)})
    (tmp_path / "net.safetensors").write_bytes(b"mine")
    done, target = imported(path)
    assert "net.safetensors is there already" in str(done.exception)
    assert (tmp_path / "net.safetensors").read_bytes() == b"mine"
    assert not target.exists()


def test_damaged_files_are_errors_and_no_crashes(tmp_path: Path) -> None:
    whole = tmp_path / "whole.onnx"
    constants = {"w": numbers(6, 4, 3, 3), "b": numbers(6), "s": np.array([0, -1]), "v": numbers(432, 5)}
    nodes = [
        node("Conv", "x w b", "a", pads=[1, 1, 1, 1]), node("Relu", "a", "r"), node("MaxPool", "r", "p", kernel_shape=[1, 1]),
        node("Reshape", "p s", "f"), node("MatMul", "f v"),
    ]  # fmt: skip
    data = graph(whole, nodes, ["N", 4, 8, 9], constants).read_bytes()
    numbers_at = data.index(constants["w"].tobytes()[:32])
    chosen = random.Random(0)
    path = tmp_path / "damaged.onnx"
    refused = 0
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(chosen.randint(1, 3)):
            damaged[chosen.randrange(len(data) if chosen.random() < 0.3 else numbers_at)] = chosen.randrange(256)
        path.write_bytes(damaged[: chosen.randrange(len(data))] if chosen.random() < 0.2 else damaged)
        try:
            file = read_onnx(path)
            built(file, [[size if isinstance(size, int) else 4 for size in one.sizes[1:]] for one in file.inputs])
        except NetspecError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 100


def test_unverified_does_without_onnxruntime(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", [node("MatMul", "x w")], ["N", 4], {"w": numbers(4, 3)})
    assert from_onnx(path).difference is not None
    assert from_onnx(path, is_verified=False).difference is None


def test_bytes_of_a_picture_are_taken_as_floats(tmp_path: Path) -> None:
    """As `netspec export` writes them: divided by 255, less a mean, and divided by a deviation."""
    nodes = [node("Cast", "x", "f", to=1), node("Div", "f whole", "d"), node("Sub", "d m", "s"), node("Div", "s v", "n"),
             node("Conv", "n w")]  # fmt: skip
    constants = {
        "whole": np.float32(255),
        "m": numbers(1, 4, 1, 1),
        "v": 1 + numbers(1, 4, 1, 1) ** 2,
        "w": numbers(6, 4, 3, 3),
    }
    path = graph(tmp_path / "net.onnx", nodes, MAP, constants, kind=TensorProto.UINT8)
    done, target = imported(path)
    assert done.exit_code == 0, done.output
    assert "the spec takes these numbers as floats" in flowing(done.output)
    model = netspec.build(netspec.load(target)).eval()
    model.load_state_dict(load_file(target.with_suffix(".safetensors")))
    x = torch.randint(0, 256, (3, 4, 9, 10), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.allclose(model(x.float()), runs(path, x)[0], atol=1e-4)
