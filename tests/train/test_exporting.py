"""A trained run as a file for other programs: `netspec export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import Result
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as TF  # its habit

import netspec
from netspec.cli import cli
from netspec.diagnostics import MissingExtra, UsageError
from netspec.trainer.serving import onnx_file
from netspec.trainer.trained import exporting
from netspec.trainer.trained.exporting import ExportDiffers, NotExportable
from tests import exports
from tests.commands import flowing, invoke
from tests.zoo.agreement import SPECS

pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
onnxruntime: Any = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

RECIPE = "train: {data: synthetic, batch_size: 4, epochs: 1, optimizer: SGD, loss: CrossEntropyLoss}"
OTHERS = {
    "vision/deeplabv3", "graphs/segnet", "graphs/unet_resnet34", "graphs/fpn_resnet34", "graphs/unetpp", "unet",  # maps
    "graphs/retinanet", "graphs/ssd300", "graphs/yolov8n", "vision/detr", "vision/efficientdet",  # boxes
    "vision/crnn", "tabular/ft_transformer", "tabular/gcn",  # texts, tables, graphs
    "generative/sagan_generator", "generative/sagan_discriminator",  # classes are given
}  # fmt: skip
"""Specs that have classes and are no classifiers of pictures, points, clips or texts."""


def command(*arguments: str | Path) -> Result:
    return invoke(cli, *arguments)


def made(text: str, folder: Path) -> Path:
    """A run directory of a spec."""
    return exports.made(netspec.loads(text, "net.yaml"), folder)


def session_of(file: Path) -> Any:
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


# ---- every shipped classifier: `python -m tests.exports`; a sample here


def test_every_shipped_classifier_is_in_the_table() -> None:
    def classifies(spec: str) -> bool:
        found = yaml.safe_load((SPECS / f"{spec}.yaml").read_text(encoding="utf-8"))
        return "classes" in (found.get("vars") or {}) or "CrossEntropyLoss" in str(
            (found.get("train") or {}).get("loss")
        )

    shipped = {path.relative_to(SPECS).with_suffix("").as_posix() for path in SPECS.rglob("*.yaml")}
    wanted = {spec for spec in shipped if classifies(spec)} - {"language/gpt_bytes"} - OTHERS
    assert wanted <= set(exports.SIZES) <= shipped


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["d2l/lenet_batch_norm", "language/text_cnn", "vision/capsnet"])
def test_the_onnx_file_of_a_shipped_classifier_gives_what_the_run_predicts(spec: str, tmp_path: Path) -> None:
    assert exports.hold(spec, tmp_path).difference < 1e-4


# ---- what stands in front of the net


PICTURES = """
name: pictures
input: [1, 24, 24]
layers: [Conv2d: {out_channels: 4, kernel_size: 5, stride: 3}, BatchNorm2d, ReLU, Flatten, Linear: 2]
train:
  data: {folder: {path: pictures}}
  transforms: [Resize: {size: 28, max_size: 80}, CenterCrop: 24, Grayscale, Normalize: {mean: [0.4], std: [0.2]}]
  batch_size: 4
  epochs: 1
  optimizer: {SGD: {lr: 0.05}}
  loss: CrossEntropyLoss
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several sizes, and a run that was trained on them for two steps."""
    place = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("dark", "light"):
            (place / "pictures" / part / name).mkdir(parents=True)
            for i, (height, width) in enumerate([(40, 60), (90, 31), (33, 33), (24, 200)]):
                pixels = generator.integers(0, 120, (height, width, 3)) + 130 * (name == "light")
                Image.fromarray(pixels.astype(np.uint8)).save(place / "pictures" / part / name / f"{i}.png")
    text = PICTURES.replace("path: pictures", f"path: {place / 'pictures'}")
    netspec.train(netspec.loads(text, "pictures.yaml"), run=place / "run", quiet=True)
    return place


@pytest.mark.slow
def test_pictures_of_every_size_are_resized_cropped_and_normalised_inside(folder: Path) -> None:
    file = folder / "any.onnx"
    done = command("export", folder / "run", "-o", file, "--format", "json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["inputs"] == [{"name": "x", "shape": ["batch", 3, "height", "width"], "dtype": "uint8"}]
    assert said["transforms"] == ["Resize", "CenterCrop", "Grayscale", "Normalize"]
    assert said["verified"]["difference"] < 1e-4
    session = session_of(file)
    paths = sorted((folder / "pictures" / "test").rglob("*.png"))
    answers = json.loads(command("predict", folder / "run", *paths, "--top", "2", "--format", "json").stdout)
    for path, answer in zip(paths, answers, strict=True):
        pixels = np.asarray(Image.open(path)).transpose(2, 0, 1)[None]
        (scores,) = session.run(None, {"x": pixels})
        shares = F.softmax(torch.as_tensor(scores[0]), 0)
        names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
        got = {name: float(share) for name, share in zip(names, shares, strict=True)}
        own = {one["name"]: one["probability"] for one in answer["classes"]}
        assert names == ["dark", "light"]
        assert got == pytest.approx(own, abs=1e-4)


@pytest.mark.slow
def test_a_size_of_pictures_can_be_named_and_is_then_fixed(folder: Path) -> None:
    done = command("export", folder / "run", "-o", folder / "one.onnx", "--size", "50x70")
    assert "input   x: uint8 (batch, 3, 50, 70), then Resize → CenterCrop → Grayscale → Normalize" in done.output
    assert session_of(folder / "one.onnx").get_inputs()[0].shape[1:] == [3, 50, 70]


@pytest.mark.slow
def test_size_any_frees_the_pictures_of_data_of_one_size(tmp_path: Path) -> None:
    text = (
        "{{input: [3, 12, 16], layers: [Conv2d: {{out_channels: 2, kernel_size: 3}}, Flatten, Linear: 3], train: {{"
        "data: {{synthetic: {{shape: [3, {}]}}}}{}, batch_size: 4, epochs: 1, optimizer: SGD, "
        "loss: CrossEntropyLoss}}}}"
    )
    place = made(text.format("20, 30", ", transforms: [Resize: {size: [12, 16]}]"), tmp_path)
    run, file = netspec.open_run(place, device="cpu"), tmp_path / "any.onnx"
    assert "input   x: uint8 (batch, 3, 20, 30), then Resize" in command("export", place, "-o", file).output
    done = command("export", place, "-o", file, "--size", "any")
    assert "input   x: uint8 (batch, 3, height, width), then Resize" in done.output
    session = session_of(file)
    for height, width in ((20, 30), (7, 50), (12, 16)):
        x = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
        (got,) = session.run(None, {"x": x.numpy()})
        wanted = run.predict(TF.resize(x.float() / 255, [12, 16], antialias=True))
        assert torch.as_tensor(got) == pytest.approx(wanted, abs=1e-4)
    fixed = made(text.format("12, 16", ""), tmp_path / "fixed")
    done = command("export", fixed, "-o", tmp_path / "fixed.onnx", "--size", "any")
    assert isinstance(done.exception, UsageError)
    assert "no transform of the recipe brings pictures of every size to the net's 3 × 12 × 16" in str(done.exception)
    assert not (tmp_path / "fixed.onnx").exists()


@pytest.mark.slow
def test_the_net_alone_takes_its_own_input(folder: Path) -> None:
    run = netspec.open_run(folder / "run", device="cpu")
    exported = run.export(folder / "alone.onnx", preprocessing=False)
    assert exported.metadata["preprocessing"] == "none"
    x = torch.randn(3, 1, 24, 24)
    (got,) = session_of(folder / "alone.onnx").run(None, {"x": x.numpy()})
    assert torch.as_tensor(got) == pytest.approx(run.predict(x), abs=1e-5)


def test_a_border_in_front_of_the_net_makes_its_pictures_smaller(tmp_path: Path) -> None:
    text = (
        "{input: [1, 12, 12], layers: [Flatten, Linear: 3], train: {data: {tensors: {train: x.safetensors}}, "
        "transforms: [Pad: {padding: [1, 2]}], batch_size: 4, epochs: 1, optimizer: SGD, loss: CrossEntropyLoss}}"
    )
    run = netspec.open_run(made(text, tmp_path), device="cpu")
    exported = run.export(tmp_path / "pad.onnx", dtype="uint8")
    assert exported.metadata["inputs"][0]["shape"] == ["batch", 1, 8, 10]
    assert exported.metadata["inputs"][0]["dtype"] == "uint8"


# ---- names, and what the file says of itself


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "recipe", "small"),
    [
        ("wide_and_deep", "{synthetic: {vocabulary: 9}}, loss: BCEWithLogitsLoss", {"values": 30, "dim": 4}),
        ("actor_critic", "synthetic, loss: [{CrossEntropyLoss: {}, of: policy, target: move}]", {}),
    ],
)
def test_inputs_and_outputs_have_the_names_of_the_spec(
    spec: str, recipe: str, small: dict[str, Any], tmp_path: Path
) -> None:
    text = (SPECS / f"graphs/{spec}.yaml").read_text(encoding="utf-8")
    net = netspec.loads(f"{text}\ntrain: {{data: {recipe}, batch_size: 4, epochs: 1, optimizer: SGD}}", set=small)
    netspec.open_run(exports.made(net, tmp_path), device="cpu").export(tmp_path / "net.onnx")
    session = session_of(tmp_path / "net.onnx")
    assert [given.name for given in session.get_inputs()] == [str(value.name or "x") for value in net.inputs]
    assert [given.name for given in session.get_outputs()] == [str(value.name or "output") for value in net.outputs]
    assert len(net.inputs) + len(net.outputs) > 2


@pytest.mark.slow
def test_every_output_is_what_the_run_predicts_under_its_name(tmp_path: Path) -> None:
    text = f"""
        input: {{a: [6], b: [6]}}
        layers: [use: a, concat: [[], b], Linear: 8, Tanh, as: h]
        output: {{scores: [Linear: 3], value: [use: h, Linear: 1]}}
        {RECIPE.replace("loss: CrossEntropyLoss", "loss: [{CrossEntropyLoss: {}, of: scores}]")}
    """
    run = netspec.open_run(made(text, tmp_path), device="cpu")
    run.export(tmp_path / "two.onnx")
    a, b = torch.randn(5, 6), torch.randn(5, 6)
    scores, value = session_of(tmp_path / "two.onnx").run(["scores", "value"], {"a": a.numpy(), "b": b.numpy()})
    wanted = run.predict({"a": a, "b": b})
    assert torch.as_tensor(scores) == pytest.approx(wanted["scores"], abs=1e-5)
    assert torch.as_tensor(value) == pytest.approx(wanted["value"], abs=1e-5)


@pytest.mark.slow
def test_tokens_are_int64(tmp_path: Path) -> None:
    text = (
        "{input: [7, int64], layers: [Embedding: {num_embeddings: 50, embedding_dim: 6}, LSTM: {hidden_size: 5, "
        "returns: last}, Linear: 2], train: {data: {synthetic: {vocabulary: 50}}, batch_size: 4, epochs: 1, "
        "optimizer: SGD, loss: CrossEntropyLoss}}"
    )
    run = netspec.open_run(made(text, tmp_path), device="cpu")
    exported = run.export(tmp_path / "text.onnx")
    assert exported.metadata["inputs"] == [{"name": "x", "shape": ["batch", 7], "dtype": "int64"}]
    session = session_of(tmp_path / "text.onnx")
    assert session.get_inputs()[0].type == "tensor(int64)"
    x = torch.randint(0, 50, (3, 7))
    (got,) = session.run(None, {"x": x.numpy()})
    assert torch.as_tensor(got) == pytest.approx(run.predict(x), abs=1e-5)


@pytest.mark.slow
def test_the_best_checkpoint_is_exported_in_place_of_the_weights_at_the_end(tmp_path: Path) -> None:
    recipe = RECIPE.replace("epochs: 1", "epochs: 6, validation: 0.2").replace("SGD", "{SGD: {lr: 20}}")
    text = f"{{name: tiny, input: [8], layers: [Linear: 4], {recipe}}}"
    place = tmp_path / "run"
    netspec.train(netspec.loads(text, "net.yaml", set={"train.data.synthetic": {"train": 40}}), run=place, quiet=True)
    x = torch.randn(3, 8)
    got: list[Any] = []
    for words, last, says in (([], False, "best weights, of epoch "), (["--last"], True, "weights at the end")):
        done = command("export", place, "-o", tmp_path / "net.onnx", *words)
        assert says in done.output
        (values,) = session_of(tmp_path / "net.onnx").run(None, {"x": x.numpy()})
        assert torch.as_tensor(values) == pytest.approx(netspec.open_run(place, device="cpu", last=last).predict(x))
        got.append(values)
    assert np.abs(got[0] - got[1]).max() > 0.5  # at such a rate the last epoch is not the best
    plain = made(f"{{input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path / "plain")
    assert "has no best checkpoint" in str(command("export", plain, "--to", "onnx", "--best").exception)


def test_a_file_says_what_it_is_and_nothing_of_this_machine(tmp_path: Path) -> None:
    run = netspec.open_run(made(f"{{name: tiny, input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path), device="cpu")
    run.export(tmp_path / "tiny.onnx")
    run.export(tmp_path / "tiny.pt2")
    meta = session_of(tmp_path / "tiny.onnx").get_modelmeta()
    assert meta.producer_name == "netspec"
    assert meta.graph_name == meta.custom_metadata_map["name"] == "tiny"
    assert meta.custom_metadata_map["netspec_version"] == netspec.__version__
    assert json.loads(meta.custom_metadata_map["classes"]) == ["0", "1", "2", "3"]
    for file in ("tiny.onnx", "tiny.pt2"):
        assert str(Path(netspec.__file__).parent).encode() not in (tmp_path / file).read_bytes()


@pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning")  # of torch 2.11, when it reads one
def test_a_pt2_is_a_program_of_torch_export(tmp_path: Path) -> None:
    run = netspec.open_run(made(f"{{name: tiny, input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path), device="cpu")
    exported = run.export(tmp_path / "tiny.pt2")
    extra = {"netspec.json": ""}
    program = torch.export.load(tmp_path / "tiny.pt2", extra_files=extra)
    assert json.loads(extra["netspec.json"]) == exported.metadata
    x = torch.randn(7, 8)
    (got,) = program.module()(x)
    assert torch.equal(got, run.predict(x))


# ---- what cannot be


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pool", "sizes"),
    [
        ("AdaptiveMaxPool2d: 5", "[1, 16, 16]"),
        ("AdaptiveMaxPool3d: 5", "[1, 9, 16, 16]"),
        ("FractionalMaxPool2d: {kernel_size: 2, output_size: 5}", "[1, 16, 16]"),
    ],
)
def test_a_layer_that_onnx_lacks_is_named_with_its_line(pool: str, sizes: str, tmp_path: Path) -> None:
    text = f"input: {sizes}\nlayers: [ReLU, {pool}, Flatten, Linear: 3]\n{RECIPE}\n"
    run = made(text, tmp_path)
    done = command("export", run, "--to", "onnx")
    assert isinstance(done.exception, NotExportable)
    assert done.exception.exit_status == 1
    layer = pool.partition(":")[0]
    written = (run / "spec.yaml").read_text().splitlines()
    (line,) = (i for i, text in enumerate(written, 1) if layer in text)
    assert f"`{layer}` at {run}/spec.yaml:{line}:" in str(done.exception)
    assert not (run / "model.onnx").exists()
    assert command("export", run, "--to", "pt2").exit_code == 0  # as the message advises


@pytest.mark.slow
def test_a_file_that_gives_other_values_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(f"{{input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path)
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    done = command("export", run, "--to", "onnx")
    assert isinstance(done.exception, ExportDiffers)
    assert done.exception.exit_status == 1
    assert not (run / "model.onnx").exists()
    done = command("export", run, "--to", "onnx", "--no-verify")
    assert "not verified" in done.output
    assert (run / "model.onnx").is_file()


@pytest.mark.slow
def test_what_is_not_installed_is_told_with_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(f"{{input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path)
    there = onnx_file.find_spec
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == "onnxruntime" else there(name))
    done = command("export", run, "--to", "onnx")
    assert done.exit_code == 0, done.output
    assert "not held against the run's predictions, since onnxruntime is not installed" in flowing(done.stderr)
    assert isinstance(command("export", run, "--to", "onnx", "--verify").exception, MissingExtra)
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    done = command("export", run, "-o", tmp_path / "x.onnx")
    assert isinstance(done.exception, MissingExtra)
    assert "[onnx]" in str(done.exception)
    assert not (tmp_path / "x.onnx").exists()


def test_wrong_uses_are_told(tmp_path: Path, folder: Path) -> None:
    run = made(f"{{input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path)
    (tmp_path / "taken.onnx").mkdir()
    for arguments, words in [
        ([tmp_path / "none", "--to", "onnx"], "there is no run"),
        ([run], "in which form? say `--to onnx` or `--to pt2`"),
        ([run, "-o", tmp_path / "net.pt"], "the ending `.pt` says no form: say `--to onnx` or `--to pt2`"),
        ([run, "--to", "onnx", "-o", tmp_path / "taken.onnx"], "it is no ordinary file"),
        ([run, "--to", "onnx", "-o", tmp_path / "no" / "x.onnx"], "there is no directory"),
        ([run, "--to", "onnx", "--size", "28x28"], "`--size` is of pictures"),
        ([run, "--to", "onnx", "--size", "28"], "write height and width in pixels"),
        ([folder / "run", "--to", "onnx", "--without-preprocessing", "--dtype", "uint8"], "`--dtype` is of pictures"),
    ]:
        done = command("export", *arguments)
        assert isinstance(done.exception, UsageError), arguments
        assert words in str(done.exception)


def test_a_device_is_for_the_program_that_loads_the_file(folder: Path) -> None:
    told = command("export", folder, "--to", "onnx", "--device", "cuda")
    assert isinstance(told.exception, UsageError)
    assert "on the CPU, and the program that loads it says where it runs; leave `--device` out" in str(told.exception)
    assert "--device" not in command("export", "--help").output


def test_a_run_without_weights_is_told(tmp_path: Path) -> None:
    run = made(f"{{input: [8], layers: [Linear: 4], {RECIPE}}}", tmp_path)
    (run / "model.safetensors").unlink()
    done = command("export", run, "--to", "onnx")
    assert isinstance(done.exception, netspec.NetspecError)
    assert not (run / "model.onnx").exists()
