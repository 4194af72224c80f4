"""Runs of nets with layers of one's own: what is recorded, what is asked for, and what their code raises."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

import netspec
from netspec.cli import cli
from netspec.trainer.errors import Interrupted
from netspec.trainer.run.directory import find_run
from tests.commands import invoke, program
from tests.plugged import LAYERS

SPEC = """\
name: own
input: [1, 8, 8]
layers: [SquaredReLU, ChannelScale: 0.5, Flatten, Linear: 3]
train:
  data: {synthetic: {train: 24, test: 12}}
  batch_size: 8
  epochs: 2
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(SPEC)
    path = list(sys.path)
    monkeypatch.setattr(sys, "path", path)
    return tmp_path


@pytest.fixture
def run(here: Path) -> Path:
    """A run that was stopped after its first epoch."""
    net = netspec.load("own.yaml", layers=LAYERS)
    with pytest.raises(Interrupted) as caught:
        netspec.train(net, run="run", quiet=True, device="cpu", report=False, max_steps=3)
    assert str(caught.value).endswith("go on with `netspec train --resume run --plugin tests.plugged`")
    return here / "run"


PLUGIN = ("--plugin", "tests.plugged")


def netspec_(*words: object) -> Result:
    return invoke(cli, *words)


@pytest.mark.slow
def test_a_run_records_its_plugins_and_goes_on_with_them(run: Path) -> None:
    recorded = json.loads((run / "environment.json").read_text())["plugins"]
    assert list(recorded) == ["tests.plugged"] and recorded["tests.plugged"].startswith("sha256:")
    assert "plugins: [tests.plugged]" in (run / "spec.yaml").read_text()
    done = netspec_("train", "--resume", run, *PLUGIN, "-q", "--device", "cpu")
    assert not done.exception, done.exception
    assert "note" not in done.stderr
    whole = netspec.train(netspec.load("own.yaml", layers=LAYERS), run="whole", quiet=True, device="cpu", report=False)
    assert (run / "model.safetensors").read_bytes() == (whole.run / "model.safetensors").read_bytes()
    Image.new("L", (8, 8)).save("x.png")
    for words in (("eval", run), ("predict", run, "x.png")):
        assert not netspec_(*words, *PLUGIN, "--device", "cpu").exception
    assert json.loads(netspec_("runs", run, "--format", "json", *PLUGIN).stdout)[0]["name"] == "own"


@pytest.mark.parametrize("words", [("train", "--resume", "run"), ("train", "own.yaml", "--resume", "run"),
                                   ("eval", "run"), ("predict", "run", "x.png")])  # fmt: skip
def test_without_the_plugin_the_message_says_which_one_is_needed(run: Path, words: tuple[str, ...]) -> None:
    error = netspec_(*words).exception
    assert isinstance(error, netspec.PluginError)
    assert str(error) == "`run` needs the plugin `tests.plugged`: run with `--plugin tests.plugged`"


def test_runs_without_the_plugin_are_still_listed(run: Path) -> None:
    (found,) = json.loads(netspec_("runs", run, "--format", "json").stdout)
    assert (found["name"], found["params"]) == ("run", None)


@pytest.mark.slow
def test_another_version_is_a_note(run: Path) -> None:
    file = run / "environment.json"
    facts = json.loads(file.read_text())
    facts["plugins"] = {"tests.plugged": "1.0"}
    file.write_text(json.dumps(facts))
    version = netspec.load("own.yaml", layers=LAYERS).plugins[0].version
    note = f"note: run was made with `tests.plugged` 1.0, and this is {version}"
    assert netspec_("train", "--resume", "run", *PLUGIN, "--device", "cpu").stderr.count(note) == 1
    done = netspec_("eval", "run", *PLUGIN, "--device", "cpu")
    assert done.stderr.count(note) == 1 and "accuracy" in done.stdout


def test_layers_of_the_program_itself_are_told_to_move(run: Path) -> None:
    file = run / "environment.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"plugins": {"__main__": None}}))
    assert "move its classes into a module of their own" in str(netspec_("eval", run).exception)


def test_force_with_another_spec_needs_no_plugin(run: Path) -> None:
    Path("plain.yaml").write_text(SPEC.replace("SquaredReLU, ChannelScale: 0.5, ", ""))
    error = netspec_("train", "plain.yaml", "--resume", run, "--force", "-q", "--device", "cpu").exception
    assert not isinstance(error, netspec.PluginError)


def test_a_run_without_plugins_records_none(here: Path) -> None:
    Path("plain.yaml").write_text(SPEC.replace("SquaredReLU, ChannelScale: 0.5, ", ""))
    made = netspec.train(netspec.load("plain.yaml", layers=LAYERS), run="plain", quiet=True, device="cpu", report=False)
    assert "plugins" not in json.loads((made.run / "environment.json").read_text())
    assert find_run(made.run).resume == "netspec train --resume plain"


BREAKING = """\
from netspec.layers import Layer, TensorType, TorchCall
from torch import nn

class Breaking(Layer):
    family = "activation"
    def output(self, x: TensorType) -> TensorType:
        return x
    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Module", {}, "breaking")

class Module(nn.Module):
    def forward(self, x):
        return {}["no such thing"]
"""


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        ('{}["no such thing"]', "KeyError: 'no such thing'"),
        ("x.view(7, 7, 7)", "RuntimeError: shape '[7, 7, 7]' is invalid for input of size"),
    ],
)
def test_what_a_module_raises_in_training_is_an_error_of_the_plugin(here: Path, breaks: str, told: str) -> None:
    Path("breaking.py").write_text(BREAKING.replace('{}["no such thing"]', breaks))
    Path("net.yaml").write_text(SPEC.replace("SquaredReLU, ChannelScale: 0.5", "Breaking"))
    done = program("train", "--plugin", "breaking", "net.yaml", "--device", "cpu", "-q", cwd=here, torch=True)
    assert done.returncode == 2
    assert f"the plugin `breaking` raised {told}" in done.stderr and "(breaking.py, line 13)" in done.stderr
    assert "Traceback" not in done.stderr and "defect" not in done.stderr
